//! Owner: server. A reload: the whole of the new configuration for new calls, or nothing of it.

use std::net::SocketAddr;
use std::path::Path;

use dialhook::call::SwitchKind;
use dialhook::config::{Config, ConfigError};
use dialhook::server::ReloadError;

use super::SilentFile;
use crate::util::{
    Daemon, Environment, FakeAsterisk, FakeServiceManager, ObserverResponse, call_crm, crm_hook,
    gated_webhook, good_webhook, nobody_listens,
};

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("dialhook.toml"))
}

const LISTEN: &str =
    "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = \"127.0.0.1:0\"\nobserver = \"127.0.0.1:0\"\n";

/// The configuration of a [`Daemon`] with these tables.
fn configuration(tables: &str) -> Result<Config, ConfigError> {
    parse(&format!("{LISTEN}{tables}"))
}

/// Connections that have sent an environment and do not answer the challenge.
async fn silent_at_the_challenge(daemon: &Daemon, count: usize) -> Vec<FakeAsterisk> {
    let mut switches = Vec::new();
    for _ in 0..count {
        let mut switch = FakeAsterisk::connect(daemon.address()).await;
        switch.send(&Environment::new("crm").bytes()).await;
        switch.receive_line().await.expect("a challenge");
        switches.push(switch);
    }
    switches
}

fn both(daemon: &Daemon) -> [Option<SocketAddr>; 2] {
    [SwitchKind::Asterisk, SwitchKind::FreeSwitch].map(|switch| daemon.server().address(switch))
}

mod by_a_signal {
    use super::*;

    #[tokio::test]
    async fn new_calls_have_the_new_configuration_and_a_call_in_flight_keeps_the_old() {
        let (gate, webhook) = gated_webhook().await;
        let manager = FakeServiceManager::new();
        manager.configure(&format!("{LISTEN}{}", crm_hook(&webhook, "/", "OLD")));
        let mut daemon = manager.start();
        let [asterisk, _] = crate::service::notices::addresses(&manager.wait_for_notice("READY=1").await);
        let in_flight = tokio::spawn(FakeAsterisk::call(asterisk, Environment::new("crm")));
        webhook.requested().await;
        manager.configure(&format!("{LISTEN}{}", crm_hook(&webhook, "/", "NEW")));
        daemon.signal("HUP").await;
        daemon.logs("reloaded").await;
        let new = tokio::spawn(FakeAsterisk::call(asterisk, Environment::new("crm")));
        webhook.request(2).await;
        gate.open();
        let (in_flight, new) = (in_flight.await.unwrap(), new.await.unwrap());
        assert_eq!((in_flight.get("OLD"), in_flight.get("NEW")), (Some("sales"), None));
        assert_eq!((new.get("OLD"), new.get("NEW")), (None, Some("sales")));
    }

    #[tokio::test]
    async fn a_faulty_file_changes_nothing_and_every_fault_is_logged_with_line_and_remedy() {
        let webhook = good_webhook().await;
        let manager = FakeServiceManager::new();
        let right = format!("{LISTEN}{}", crm_hook(&webhook, "/", "CRM"));
        manager.configure(&right);
        let mut daemon = manager.start();
        let [asterisk, _] = crate::service::notices::addresses(&manager.wait_for_notice("READY=1").await);
        manager.configure(&format!("{right}timout = 3\n[limits]\ncalls = 0\n"));
        daemon.signal("HUP").await;
        let file = manager.file().display().to_string();
        let first = daemon.logs("ERROR reload refused, the old configuration stays in use: ").await;
        assert!(
            first.contains(&format!("{file}:9: hook.crm.timout: unknown key; did you mean `timeout`?")),
            "{first}"
        );
        let second = daemon.logs("ERROR reload refused, the old configuration stays in use: ").await;
        assert!(second.contains(&format!("{file}:11: limits.calls: found 0; write a number")), "{second}");
        let notice = manager.wait_for_notice("READY=1").await;
        assert!(notice.contains(&format!("STATUS=reload refused: {file}:9: hook.crm.timout")), "{notice}");
        assert_eq!(call_crm(asterisk).await.get("CRM"), Some("sales"));
    }

    #[tokio::test]
    async fn a_reload_of_a_missing_file_changes_nothing() {
        let webhook = good_webhook().await;
        let manager = FakeServiceManager::new();
        manager.configure(&format!("{LISTEN}{}", crm_hook(&webhook, "/", "CRM")));
        let mut daemon = manager.start();
        let [asterisk, _] = crate::service::notices::addresses(&manager.wait_for_notice("READY=1").await);
        std::fs::remove_file(manager.file()).unwrap();
        daemon.signal("HUP").await;
        daemon.logs("reload refused").await;
        assert_eq!(call_crm(asterisk).await.get("CRM"), Some("sales"));
    }

    #[tokio::test]
    async fn a_reload_that_waits_for_a_file_delays_neither_calls_nor_the_shutdown() {
        let webhook = good_webhook().await;
        let manager = FakeServiceManager::new();
        manager.configure(&format!("{LISTEN}{}", crm_hook(&webhook, "/", "CRM")));
        let daemon = manager.start();
        let [asterisk, _] = crate::service::notices::addresses(&manager.wait_for_notice("READY=1").await);
        let Some(mut silent) = SilentFile::at(&manager.file()).await else { return };
        daemon.signal("HUP").await;
        silent.asked().await;
        assert_eq!(call_crm(asterisk).await.get("CRM"), Some("sales"));
        daemon.signal("TERM").await;
        assert!(daemon.end().await.0.success());
    }

    #[tokio::test]
    async fn a_file_that_is_no_text_is_refused_at_once_and_the_next_reload_counts() {
        let webhook = good_webhook().await;
        let manager = FakeServiceManager::new();
        let right = format!("{LISTEN}{}", crm_hook(&webhook, "/", "CRM"));
        manager.configure(&right);
        let mut daemon = manager.start();
        let [asterisk, _] = crate::service::notices::addresses(&manager.wait_for_notice("READY=1").await);
        for (made, remedy) in [
            ("mkfifo $0", "it is not a regular file"),
            ("mkdir $0", "it is not a regular file"),
            ("ln -s /dev/zero $0", "it is not a regular file"),
            ("truncate --size 1048577 $0", "it has more than 1MiB"),
        ] {
            let made = format!("rm -rf $0 && {made}");
            let made = std::process::Command::new("sh").arg("-c").arg(made).arg(manager.file()).status();
            assert!(made.unwrap().success());
            daemon.signal("HUP").await;
            let line = daemon.logs("reload refused").await;
            assert!(line.contains(remedy), "{line}");
            assert_eq!(call_crm(asterisk).await.get("CRM"), Some("sales"));
            let cleared = std::process::Command::new("rm").arg("-rf").arg(manager.file()).status();
            assert!(cleared.unwrap().success());
            manager.configure(&right);
            daemon.signal("HUP").await;
            daemon.logs("reloaded").await;
        }
    }
}

mod of_listeners {
    use super::*;

    #[tokio::test]
    async fn a_changed_listener_moves_and_an_unchanged_one_stays() {
        let webhook = good_webhook().await;
        let daemon = Daemon::start(&crm_hook(&webhook, "/", "CRM")).await;
        let [before, freeswitch] = both(&daemon);
        let moved = LISTEN.replacen("127.0.0.1", "127.0.0.2", 1);
        daemon.server().reload(parse(&format!("{moved}{}", crm_hook(&webhook, "/", "CRM")))).unwrap();
        let [after, freeswitch_after] = both(&daemon);
        assert_eq!(freeswitch, freeswitch_after);
        assert!(after.unwrap().ip().to_string() == "127.0.0.2", "{after:?}");
        assert_eq!(call_crm(after.unwrap()).await.get("CRM"), Some("sales"));
        nobody_listens(before.unwrap()).await;
    }

    #[tokio::test]
    async fn a_connection_that_waits_at_a_closing_listener_is_served() {
        let webhook = good_webhook().await;
        let daemon = Daemon::start(&crm_hook(&webhook, "/", "CRM")).await;
        let moved = LISTEN.replacen("127.0.0.1", "127.0.0.2", 1);
        // nothing is awaited between the two, so that the connection is not accepted yet
        let late = std::net::TcpStream::connect(daemon.address()).unwrap();
        daemon.server().reload(parse(&format!("{moved}{}", crm_hook(&webhook, "/", "NEW")))).unwrap();
        late.set_nonblocking(true).unwrap();
        let late = FakeAsterisk::over(tokio::net::TcpStream::from_std(late).unwrap());
        assert_eq!(late.run(&Environment::new("crm")).await.get("NEW"), Some("sales"));
    }

    #[tokio::test]
    async fn a_listener_can_be_switched_off_and_on_again() {
        let daemon = Daemon::start("").await;
        let before = both(&daemon)[1].unwrap();
        let off = LISTEN.replace("freeswitch = \"127.0.0.1:0\"", "freeswitch = false");
        daemon.server().reload(parse(&off)).unwrap();
        assert_eq!(both(&daemon)[1], None);
        nobody_listens(before).await;
        daemon.server().reload(parse(LISTEN)).unwrap();
        tokio::net::TcpStream::connect(both(&daemon)[1].unwrap()).await.expect("it listens again");
    }

    #[tokio::test]
    async fn a_listener_that_cannot_be_opened_leaves_everything_unchanged() {
        let webhook = good_webhook().await;
        let daemon = Daemon::start(&crm_hook(&webhook, "/", "OLD")).await;
        let before = both(&daemon);
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken_address = taken.local_addr().unwrap();
        let text = format!(
            "[listen]\nobserver = false\nasterisk = \"127.0.0.2:0\"\nfreeswitch = \"{taken_address}\"\n{}",
            crm_hook(&webhook, "/", "NEW")
        );
        let refused = daemon.server().reload(parse(&text)).unwrap_err();
        assert!(matches!(refused, ReloadError::Listener(_)), "{refused:?}");
        let message = refused.to_string();
        assert!(
            message.starts_with(&format!("cannot listen on {taken_address}: Address already in use")),
            "{message}"
        );
        assert!(message.ends_with("if dialhook itself listens there, restart it instead"), "{message}");
        assert_eq!(both(&daemon), before);
        let ended = call_crm(daemon.address()).await;
        assert_eq!((ended.get("OLD"), ended.get("NEW")), (Some("sales"), None));
    }

    #[tokio::test]
    async fn a_connection_that_waits_at_an_unchanged_listener_stays() {
        // 102, but for the one that the other listener keeps ready
        const AS_MANY_AS_ARE_LET_IN: usize = 101;
        const FEW: &str = "[limits]\ncalls = 1\npatience = 30\n";
        let webhook = good_webhook().await;
        let daemon = Daemon::start(&format!("{}{FEW}", crm_hook(&webhook, "/", "OLD"))).await;
        let strangers = silent_at_the_challenge(&daemon, AS_MANY_AS_ARE_LET_IN).await;
        let waiting = FakeAsterisk::connect(daemon.address()).await;
        daemon.server().reload(configuration(&format!("{}{FEW}", crm_hook(&webhook, "/", "NEW")))).unwrap();
        assert_eq!(both(&daemon)[0], Some(daemon.address()));
        drop(strangers);
        assert_eq!(waiting.run(&Environment::new("crm")).await.get("NEW"), Some("sales"));
    }
}

mod of_limits {
    use super::*;

    #[tokio::test]
    async fn calls_in_flight_count_under_the_new_limits() {
        let (gate, webhook) = gated_webhook().await;
        let daemon = Daemon::start(&crm_hook(&webhook, "/", "CRM")).await;
        let in_flight = tokio::spawn(FakeAsterisk::call(daemon.address(), Environment::new("crm")));
        webhook.requested().await;
        let one = format!("{}[limits]\ncalls = 1\n", crm_hook(&webhook, "/", "CRM"));
        daemon.server().reload(configuration(&one)).unwrap();
        let ended = call_crm(daemon.address()).await;
        assert_eq!(
            (ended.status(), ended.reason()),
            ("OVERLOADED", "more calls at once than limits.calls of 1 allows")
        );
        gate.open();
        assert_eq!(in_flight.await.unwrap().status(), "OK");
        assert_eq!(call_crm(daemon.address()).await.status(), "OK");
    }

    #[tokio::test]
    async fn detached_requests_still_count_after_a_reload_and_are_finished() {
        let (gate, webhook) = gated_webhook().await;
        let tables =
            format!("[hook.crm]\nurl = \"{}\"\ndetach = true\n[limits]\ndetached = 1\n", webhook.url("/"));
        let daemon = Daemon::start(&tables).await;
        assert_eq!(call_crm(daemon.address()).await.status(), "OK");
        webhook.requested().await;
        daemon.server().reload(configuration(&tables)).unwrap();
        let ended = call_crm(daemon.address()).await;
        assert_eq!(ended.reason(), "more detached requests at once than limits.detached of 1 allows");
        let stopped = tokio::spawn(daemon.stop());
        tokio::task::yield_now().await;
        assert!(!stopped.is_finished());
        gate.open();
        stopped.await.unwrap();
    }

    #[tokio::test]
    async fn a_higher_limit_serves_connections_that_waited() {
        let webhook = good_webhook().await;
        let of = |calls: usize| {
            format!("{}[limits]\ncalls = {calls}\npatience = 30\n", crm_hook(&webhook, "/", "CRM"))
        };
        let daemon = Daemon::start(&of(1)).await;
        let _strangers = silent_at_the_challenge(&daemon, 101).await;
        let waiting = FakeAsterisk::connect(daemon.address()).await;
        daemon.server().reload(configuration(&of(2))).unwrap();
        assert_eq!(waiting.run(&Environment::new("crm")).await.status(), "OK");
        // less of it again, twice in a row, and more: whoever was let in may stay, and the room is found
        // again
        for calls in [1, 2, 1, 9] {
            daemon.server().reload(configuration(&of(calls))).unwrap();
        }
        assert_eq!(call_crm(daemon.address()).await.status(), "OK");
    }
}

#[tokio::test]
async fn the_last_reload_is_in_the_metrics() {
    let daemon = Daemon::start("").await;
    let successful = async || {
        let metrics = ObserverResponse::get(daemon.observer(), "/metrics").await.body;
        metrics.contains("dialhook_config_last_reload_successful 1\n")
    };
    assert!(successful().await);
    daemon.server().reload(parse("nonsense")).unwrap_err();
    assert!(!successful().await);
    daemon.server().reload(configuration("")).unwrap();
    assert!(successful().await);
}

#[tokio::test]
async fn the_observer_moves_only_if_its_address_changes() {
    let daemon = Daemon::start("").await;
    let before = daemon.observer();
    daemon.server().reload(configuration("")).unwrap();
    assert_eq!(daemon.server().observer(), Some(before));
    let mut without = configuration("").unwrap();
    without.listen.observer = None;
    daemon.server().reload(Ok(without)).unwrap();
    assert_eq!(daemon.server().observer(), None);
    nobody_listens(before).await;
    let mut taken = configuration("").unwrap();
    taken.listen.observer = Some(daemon.address());
    let refused = daemon.server().reload(Ok(taken)).unwrap_err().to_string();
    assert!(refused.contains("change listen.observer"), "{refused}");
    daemon.server().reload(configuration("")).unwrap();
    let after = daemon.server().observer().unwrap();
    assert_eq!(ObserverResponse::get(after, "/health/ready").await.body, "ready\n");
}

#[tokio::test]
async fn a_reload_without_a_file_keeps_the_hooks() {
    let daemon = Daemon::start("").await;
    let refused = daemon.server().reload(Ok(Config::default())).unwrap_err().to_string();
    assert!(refused.starts_with("dialhook.toml is gone; put it back, or restart dialhook"), "{refused}");
}
