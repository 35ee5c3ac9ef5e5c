//! Owner: notify. The notifications to the service manager.

use tokio::net::TcpStream;

use crate::util::{Environment, FakeAsterisk, FakeServiceManager, gated_webhook, listening};

const LISTEN: &str =
    "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = \"127.0.0.1:0\"\nobserver = \"127.0.0.1:0\"\n";

/// The listeners for Asterisk and FreeSWITCH in the status of a notice.
pub(super) fn addresses(notice: &str) -> [std::net::SocketAddr; 2] {
    let status = notice.lines().find_map(|line| line.strip_prefix("STATUS=Asterisk: ")).expect("a status");
    let (asterisk, rest) = status.split_once(", FreeSWITCH: ").expect("two addresses");
    let freeswitch = rest.split(';').next().unwrap();
    [asterisk, freeswitch].map(|address| address.parse().expect("an address"))
}

#[tokio::test]
async fn ready_is_sent_when_the_daemon_listens() {
    let manager = FakeServiceManager::new();
    manager.configure(LISTEN);
    let _daemon = manager.start();
    let notice = manager.next_notice().await;
    assert!(notice.starts_with("READY=1\n"), "{notice}");
    for address in addresses(&notice) {
        TcpStream::connect(address).await.expect("it listens");
    }
}

#[tokio::test]
async fn ready_is_not_sent_if_the_daemon_cannot_listen() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let manager = FakeServiceManager::new();
    manager.configure(&format!(
        "[listen]\nobserver = false\nasterisk = \"127.0.0.1:0\"\nfreeswitch = \"{}\"\n",
        taken.local_addr().unwrap()
    ));
    let (status, _log) = manager.start().end().await;
    assert_eq!(status.code(), Some(1));
    assert_eq!(manager.already_received_notice(), None);
}

#[tokio::test]
async fn stopping_is_sent_before_the_last_call_is_finished() {
    let (gate, webhook) = gated_webhook().await;
    let manager = FakeServiceManager::new().environment("WATCHDOG_USEC", "200000");
    manager.configure(&format!("{LISTEN}[hook.crm]\nurl = \"{}\"\ntimeout = 10\n", webhook.url("/")));
    let daemon = manager.start();
    let [asterisk, _] = addresses(&manager.wait_for_notice("READY=1").await);
    let call = tokio::spawn(FakeAsterisk::call(asterisk, Environment::new("crm")));
    webhook.requested().await;
    daemon.signal("TERM").await;
    let notice = manager.wait_for_notice("STOPPING=1").await;
    assert!(notice.contains("STATUS=finishing the calls in flight\n"), "{notice}");
    // a daemon that finishes its calls is not stuck
    manager.wait_for_notice("WATCHDOG=1").await;
    gate.open();
    assert_eq!(call.await.unwrap().status(), "OK");
    let (status, log) = daemon.end().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test]
async fn a_living_daemon_notifies_the_watchdog() {
    let manager = FakeServiceManager::new().environment("WATCHDOG_USEC", "100000");
    manager.configure(LISTEN);
    let _daemon = manager.start();
    for _ in 0..5 {
        manager.wait_for_notice("WATCHDOG=1").await;
    }
}

#[tokio::test]
async fn a_watchdog_for_another_process_gets_no_notice() {
    let manager =
        FakeServiceManager::new().environment("WATCHDOG_USEC", "1000").environment("WATCHDOG_PID", "1");
    manager.configure(LISTEN);
    let daemon = manager.start();
    manager.wait_for_notice("READY=1").await;
    daemon.signal("HUP").await;
    assert!(manager.next_notice().await.starts_with("RELOADING=1\n"));
}

#[tokio::test]
async fn a_reload_sends_its_begin_with_the_time_and_its_end() {
    let manager = FakeServiceManager::new();
    manager.configure(LISTEN);
    let daemon = manager.start();
    manager.wait_for_notice("READY=1").await;
    for text in [LISTEN, "nonsense\n"] {
        manager.configure(text);
        daemon.signal("HUP").await;
        let begun = manager.next_notice().await;
        let time = begun.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("both in one datagram");
        assert!(time.trim_end().parse::<u64>().unwrap() > 0);
        assert!(manager.next_notice().await.starts_with("READY=1\nSTATUS="));
    }
}

#[tokio::test]
async fn a_service_manager_that_does_not_read_delays_no_call_and_gets_every_notice_later() {
    let manager = FakeServiceManager::new().environment("WATCHDOG_USEC", "20000");
    manager.configure(LISTEN);
    manager.fill_notice_queue();
    let mut daemon = manager.start();
    let asterisk = listening(&daemon.logs("listening").await).expect("an address");
    assert_eq!(FakeAsterisk::call(asterisk, Environment::new("nobody")).await.status(), "BAD_REQUEST");
    daemon.signal("HUP").await;
    daemon.logs("reloaded").await;
    assert_eq!(FakeAsterisk::call(asterisk, Environment::new("nobody")).await.status(), "BAD_REQUEST");
    let begun = manager.wait_for_notice("READY=1").await;
    assert!(begun.contains("STATUS=Asterisk: "), "{begun}");
    manager.wait_for_notice("RELOADING=1").await;
    manager.wait_for_notice("READY=1").await;
    manager.wait_for_notice("WATCHDOG=1").await;
}
