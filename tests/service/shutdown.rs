//! Owner: server. The second signal, and a reload during the shutdown.

use crate::util::{Environment, FakeAsterisk, FakeServiceManager, FakeWebhook, Service, gated_webhook};

const LISTEN: &str =
    "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = false\nobserver = false\n[limits]\ndrain_notice = ";

fn manager(drain_notice: u8, webhook: &FakeWebhook) -> FakeServiceManager {
    let manager = FakeServiceManager::new();
    let hook = format!("[hook.crm]\nurl = \"{}\"\ntimeout = 10\n", webhook.url("/"));
    manager.configure(&format!("{LISTEN}{drain_notice}\n{hook}"));
    manager
}

/// Waits until the daemon has ended at once, and checks its log.
async fn ends_at_once(daemon: Service) {
    let (status, log) = daemon.end().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("WARN stopped at once, at a second signal"), "{log}");
    assert!(!log.contains("stopped before every call"), "{log}");
}

#[tokio::test]
async fn a_second_signal_ends_a_daemon_that_finishes_its_calls() {
    for [first, second] in [["TERM", "TERM"], ["INT", "INT"], ["TERM", "INT"]] {
        let (_shut, webhook) = gated_webhook().await;
        let manager = manager(0, &webhook);
        let mut daemon = manager.start();
        let asterisk = crate::util::listening(&daemon.logs("listening").await).unwrap();
        let mut switch = FakeAsterisk::connect(asterisk).await;
        switch.send(&Environment::new("crm").bytes()).await;
        let challenge = String::from_utf8(switch.receive_line().await.expect("a challenge")).unwrap();
        switch.send(&Environment::new("crm").reply(&challenge)).await;
        webhook.requested().await;
        daemon.signal(first).await;
        daemon.logs("calls in flight are finished").await;
        daemon.signal(second).await;
        ends_at_once(daemon).await;
    }
}

/// A daemon in its drain notice, which is longer than any test waits.
async fn giving_notice(then: impl AsyncFnOnce(&mut Service)) {
    let (_shut, webhook) = gated_webhook().await;
    let manager = manager(30, &webhook);
    let mut daemon = manager.start();
    daemon.logs("listening").await;
    daemon.signal("TERM").await;
    daemon.logs("calls are still taken for limits.drain_notice").await;
    then(&mut daemon).await;
    ends_at_once(daemon).await;
}

#[tokio::test]
async fn a_second_signal_ends_a_daemon_in_its_drain_notice() {
    giving_notice(async |daemon| daemon.signal("INT").await).await;
}

#[tokio::test]
async fn a_reload_during_the_shutdown_is_refused_and_logged() {
    giving_notice(async |daemon| {
        daemon.signal("HUP").await;
        daemon.logs("reload refused, the old configuration stays in use: dialhook is stopping").await;
        daemon.signal("TERM").await;
    })
    .await;
}
