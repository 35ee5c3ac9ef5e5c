//! Owner: server. The shutdown of the daemon while connections are open.

use std::time::Duration;

use dialhook::switch::Switch;
use dialhook::switch::agi::Agi;
use tokio::io::duplex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::util::{
    Daemon, Environment, FakeAsterisk, FakeWebhook, Reply, Sessions, daemon_for, gated_webhook, good_webhook,
    nobody_listens,
};

#[tokio::test(start_paused = true)]
async fn a_silent_switch_delays_the_shutdown_by_half_a_second_at_most() {
    for in_the_middle in [&b""[..], b"agi_network: yes\n"] {
        let (here, there) = duplex(64 * 1024);
        let (mut switch, shutdown) = (FakeAsterisk::over(here), CancellationToken::new());
        let agi = Switch::new(there, Agi::new("0123456789abcdef".to_owned()));
        let end = Sessions::under("").start_until(agi, shutdown.clone());
        switch.send(in_the_middle).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let began = Instant::now();
        shutdown.cancel();
        assert_eq!(switch.receive_all().await, b"failure\n");
        end.await.unwrap();
        assert!(began.elapsed() < Duration::from_millis(530), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_switch_that_stays_delays_the_shutdown_by_half_a_second_at_most() {
    let (here, there) = duplex(64 * 1024);
    let (mut switch, shutdown) = (FakeAsterisk::over(here), CancellationToken::new());
    let agi = Switch::new(there, Agi::new("0123456789abcdef".to_owned()));
    let end = Sessions::under("").start_until(agi, shutdown.clone());
    switch.send(b"nonsense\n\n").await;
    assert_eq!(switch.receive_all().await, b"failure\n");
    let began = Instant::now();
    shutdown.cancel();
    end.await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(510), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_in_flight_keeps_its_whole_timeout_during_the_shutdown() {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let (here, there) = duplex(64 * 1024);
    let (mut switch, shutdown) = (FakeAsterisk::over(here), CancellationToken::new());
    let hook = format!("[hook.crm]\nurl = \"{}\"\ntimeout = 10", webhook.url("/"));
    let agi = Switch::new(there, Agi::new("0123456789abcdef".to_owned()));
    Sessions::under(&hook).start_until(agi, shutdown.clone());
    switch.greet(&Environment::new("crm")).await.expect("a challenge");
    shutdown.cancel();
    assert_eq!(switch.run_commands().await.status(), "TIMEOUT");
}

#[tokio::test(start_paused = true)]
async fn the_shutdown_does_not_wait_for_silent_connections_of_either_switch() {
    let daemon = Daemon::start("").await;
    let mut asterisk = FakeAsterisk::connect(daemon.address()).await;
    let mut freeswitch = FakeAsterisk::connect(daemon.freeswitch()).await;
    // the connection is accepted
    assert_eq!(freeswitch.receive_line().await.as_deref(), Some(&b"connect"[..]));
    FakeAsterisk::call(daemon.address(), Environment::new("webhook")).await;
    let began = Instant::now();
    daemon.stop().await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(asterisk.receive_all().await, b"failure\n");
    assert_eq!(freeswitch.receive_all().await, b"\nexit\n\n");
}

#[tokio::test]
async fn a_call_in_flight_finishes_during_the_shutdown() {
    let (gate, webhook) = gated_webhook().await;
    let daemon = daemon_for(&webhook, "timeout = 10").await;
    let address = daemon.address();
    let call = tokio::spawn(FakeAsterisk::call(address, Environment::new("crm")));
    webhook.requested().await;
    let stopping = tokio::spawn(daemon.stop());
    // the webhook answers only after the daemon has stopped to accept connections
    nobody_listens(address).await;
    gate.open();
    assert_eq!(call.await.unwrap().get("CRM"), Some("sales"));
    stopping.await.unwrap();
}

#[tokio::test]
async fn finished_calls_do_not_delay_the_shutdown() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    for _ in 0..3 {
        FakeAsterisk::call(daemon.address(), Environment::new("crm")).await;
    }
    let stopping = Instant::now();
    daemon.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(5));
}
