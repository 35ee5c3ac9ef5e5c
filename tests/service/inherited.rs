//! Owner: server. Listeners that the service manager keeps: the next daemon serves the connections that wait
//! there.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use tokio::net::TcpSocket;

use crate::util::{
    CallState, ChannelData, Environment, FakeAsterisk, FakeFreeSwitch, FakeServiceManager, Program,
    SocketMode, crm_hook, gated_webhook, good_webhook,
};

/// A service manager with listeners for both switches, and a configuration that uses them.
fn manager_with(names: [&'static str; 2], more: &str) -> (FakeServiceManager, [SocketAddr; 2]) {
    let mut manager = FakeServiceManager::new();
    let addresses = names.map(|name| manager.listen(name));
    manager.configure(&wants(addresses, more));
    (manager, addresses)
}

fn wants([asterisk, freeswitch]: [SocketAddr; 2], more: &str) -> String {
    format!("[listen]\nobserver = false\nasterisk = \"{asterisk}\"\nfreeswitch = \"{freeswitch}\"\n{more}")
}

#[tokio::test]
async fn connections_from_before_the_start_are_served() {
    let webhook = good_webhook().await;
    // one unit of systemd has one name for both
    let (manager, [asterisk, freeswitch]) =
        manager_with(["dialhook.socket", "dialhook.socket"], &crm_hook(&webhook, "/", "CRM"));
    let mut waiting = FakeAsterisk::connect(asterisk).await;
    waiting.send(&Environment::new("crm").bytes()).await;
    let channel = ChannelData::new(SocketMode::Async, &format!("{freeswitch}/crm"));
    let other = FakeFreeSwitch::connect(freeswitch, channel).await;
    let _daemon = manager.start();
    let challenge = String::from_utf8(waiting.receive_line().await.expect("a challenge")).unwrap();
    waiting.send(&Environment::new("crm").reply(&challenge)).await;
    assert_eq!(waiting.run_commands().await.status(), "OK");
    let given_back = other.run().await;
    assert_eq!(
        (given_back.variables["crm"].as_slice(), given_back.state),
        (&b"sales"[..], CallState::GoesOn)
    );
}

#[tokio::test]
async fn connections_during_the_shutdown_wait_for_the_next_daemon() {
    let (gate, webhook) = gated_webhook().await;
    let (manager, [asterisk, _]) = manager_with(["asterisk", "freeswitch"], &crm_hook(&webhook, "/", "CRM"));
    let mut daemon = manager.start();
    let in_flight = tokio::spawn(FakeAsterisk::call(asterisk, Environment::new("crm")));
    webhook.requested().await;
    daemon.signal("TERM").await;
    daemon.logs("calls in flight are finished").await;
    let late = FakeAsterisk::connect(asterisk).await;
    gate.open();
    assert_eq!(in_flight.await.unwrap().status(), "OK");
    let (status, log) = daemon.end().await;
    assert_eq!(status.code(), Some(0), "{log}");
    let _next = manager.start();
    assert_eq!(late.run(&Environment::new("crm")).await.get("CRM"), Some("sales"));
}

#[tokio::test]
async fn connections_without_a_slot_wait_for_the_next_daemon_at_the_shutdown() {
    const MORE_THAN_ARE_LET_IN: usize = 110;
    let webhook = good_webhook().await;
    let more = format!("{}[limits]\ncalls = 1\npatience = 30\n", crm_hook(&webhook, "/", "CRM"));
    let (manager, addresses) = manager_with(["asterisk", "freeswitch"], &more);
    let mut daemon = manager.start();
    let mut strangers = Vec::new();
    for _ in 0..MORE_THAN_ARE_LET_IN {
        strangers.push(FakeAsterisk::connect(addresses[0]).await);
    }
    let waiting = FakeAsterisk::connect(addresses[0]).await;
    manager.wait_for_notice("READY=1").await;
    daemon.signal("TERM").await;
    daemon.logs("calls in flight are finished").await;
    drop(strangers);
    let (status, log) = daemon.end().await;
    assert_eq!(status.code(), Some(0), "{log}");
    manager.configure(&wants(addresses, &more.replace("CRM", "NEXT")));
    let _next = manager.start();
    assert_eq!(waiting.run(&Environment::new("crm")).await.get("NEXT"), Some("sales"));
}

#[tokio::test]
async fn a_passed_listener_that_the_configuration_does_not_use_stops_the_start() {
    let (manager, [asterisk, freeswitch]) = manager_with(["asterisk", "freeswitch"], "");
    manager
        .configure(&format!("[listen]\nobserver = false\nasterisk = \"{asterisk}\"\nfreeswitch = false\n"));
    let (status, log) = manager.start().end().await;
    assert_eq!(status.code(), Some(2), "only a person can help");
    let expected =
        format!("the service manager listens on {freeswitch}, which is neither listen.asterisk nor");
    assert!(log.contains(&expected), "{log}");
    assert_eq!(manager.already_received_notice(), None);
}

#[tokio::test]
async fn a_passed_listener_with_the_name_of_the_other_switch_stops_the_start() {
    let (manager, _) = manager_with(["freeswitch", "asterisk"], "");
    let (status, log) = manager.start().end().await;
    assert_eq!(status.code(), Some(2), "only a person can help");
    assert!(log.contains("make dialhook.socket and the configuration say the same"), "{log}");
}

#[tokio::test]
async fn a_passed_descriptor_that_does_not_listen_stops_the_start_with_a_remedy() {
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let (address, bound) = (bound.local_addr().unwrap(), bound.as_fd().try_clone_to_owned().unwrap());
    let somebody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = std::net::TcpStream::connect(somebody.local_addr().unwrap()).unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    for (what, remedy) in [
        (bound, "write Accept=no"),
        (OwnedFd::from(connection), "write Accept=no"),
        (OwnedFd::from(file), "write ListenStream="),
    ] {
        let mut manager = FakeServiceManager::new();
        manager.pass("dialhook.socket", what);
        manager.configure(&format!(
            "[listen]\nobserver = false\nasterisk = \"{address}\"\nfreeswitch = false\n"
        ));
        let (status, log) = manager.start().end().await;
        assert_eq!(status.code(), Some(2), "{log}");
        assert!(log.contains("dialhook.socket") && log.contains(remedy), "{log}");
        assert_eq!(manager.already_received_notice(), None);
    }
}

#[tokio::test]
async fn a_listener_for_another_process_is_not_used() {
    // a shell that a service has started has LISTEN_FDS too; nothing is at descriptor 3
    for process in [&[][..], &[("LISTEN_PID", "")], &[("LISTEN_PID", "1")]] {
        let program = Program::serve("", &[&[("LISTEN_FDS", "1")], process].concat()).await;
        assert_eq!(
            FakeAsterisk::call(program.address(), Environment::new("nobody")).await.status(),
            "BAD_REQUEST"
        );
    }
}

#[tokio::test]
async fn a_reload_that_would_leave_a_passed_listener_unused_changes_nothing() {
    let webhook = good_webhook().await;
    let (manager, [asterisk, freeswitch]) =
        manager_with(["asterisk", "freeswitch"], &crm_hook(&webhook, "/", "CRM"));
    let mut daemon = manager.start();
    manager.wait_for_notice("READY=1").await;
    manager.configure(&format!(
        "[listen]\nobserver = false\nasterisk = \"127.0.0.1:0\"\nfreeswitch = \"{freeswitch}\"\n{}",
        crm_hook(&webhook, "/", "CRM")
    ));
    daemon.signal("HUP").await;
    let line = daemon.logs("reload refused").await;
    assert!(line.contains(&format!("the service manager listens on {asterisk}")), "{line}");
    manager.wait_for_notice("READY=1").await;
    assert_eq!(FakeAsterisk::call(asterisk, Environment::new("crm")).await.status(), "OK");
}

#[tokio::test]
async fn a_listener_that_is_not_passed_is_opened() {
    let webhook = good_webhook().await;
    let mut manager = FakeServiceManager::new();
    let asterisk = manager.listen("asterisk");
    let text = format!(
        "[listen]\nobserver = false\nasterisk = \"{asterisk}\"\nfreeswitch = \"127.0.0.1:0\"\n{}",
        crm_hook(&webhook, "/", "CRM")
    );
    manager.configure(&text);
    let _daemon = manager.start();
    let [passed, freeswitch] = super::notices::addresses(&manager.wait_for_notice("READY=1").await);
    assert_eq!(passed, asterisk);
    let channel = ChannelData::new(SocketMode::None, &format!("{freeswitch}/crm"));
    assert_eq!(FakeFreeSwitch::call(freeswitch, channel).await.state, CallState::GoesOn);
    assert_eq!(FakeAsterisk::call(asterisk, Environment::new("crm")).await.status(), "OK");
}
