//! Owner: slots. Many calls at once: the limits on calls and on connections.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::util::{
    Daemon, Ended, Environment, FakeAsterisk, Program, connect_from, daemon_for, gated_webhook, good_webhook,
};

#[tokio::test]
async fn connections_that_close_at_once_harm_no_call() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    for number in 0..200 {
        let switch = FakeAsterisk::connect(daemon.address()).await;
        if number % 2 == 0 { drop(switch) } else { switch.reset() }
    }
    assert_eq!(FakeAsterisk::call(daemon.address(), Environment::new("crm")).await.status(), "OK");
    daemon.stop().await;
}

#[tokio::test]
async fn three_hundred_concurrent_calls_are_all_served() {
    let (gate, webhook) = gated_webhook().await;
    let hook = format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\ntimeout = 10", webhook.url("/"));
    // a process of its own: there may be no more than 1,024 descriptors in one
    let program = Program::serve(&hook, &[]).await;
    let mut calls = calls(program.address(), 300);
    webhook.request(300).await;
    gate.open();
    while let Some(ended) = calls.join_next().await {
        assert_eq!(ended.unwrap().get("CRM"), Some("sales"));
    }
}

#[tokio::test]
async fn calls_beyond_the_limit_are_overloaded_at_once_and_the_others_finish() {
    let (gate, webhook) = gated_webhook().await;
    let daemon = daemon_for(&webhook, "timeout = 10\notherwise = \"reception\"\n[limits]\ncalls = 2").await;
    let mut calls = calls(daemon.address(), 2);
    webhook.request(2).await;
    for _ in 0..5 {
        let ended = FakeAsterisk::call(daemon.address(), Environment::new("crm")).await;
        assert_eq!(
            (ended.status(), ended.reason()),
            ("OVERLOADED", "more calls at once than limits.calls of 2 allows")
        );
        assert_eq!((ended.get("CRM"), ended.code()), (Some("reception"), ""));
    }
    gate.open();
    while let Some(ended) = calls.join_next().await {
        assert_eq!(ended.unwrap().status(), "OK");
    }
    assert_eq!(FakeAsterisk::call(daemon.address(), Environment::new("crm")).await.status(), "OK");
    assert_eq!(webhook.received().len(), 3);
}

#[tokio::test]
async fn a_peer_at_its_own_limit_leaves_slots_for_others() {
    let (gate, webhook) = gated_webhook().await;
    let daemon = daemon_for(&webhook, "timeout = 10\n[limits]\ncalls_per_peer = 2").await;
    let mut calls = calls(daemon.address(), 2);
    webhook.request(2).await;
    let ended = FakeAsterisk::call(daemon.address(), Environment::new("crm")).await;
    assert_eq!(
        (ended.status(), ended.reason()),
        ("OVERLOADED", "more calls at once from one address than limits.calls_per_peer of 2 allows")
    );
    let other = FakeAsterisk::over(connect_from("127.0.0.2", daemon.address()).await);
    let other = tokio::spawn(async move { other.run(&Environment::new("crm")).await });
    webhook.request(3).await;
    gate.open();
    assert_eq!(other.await.unwrap().status(), "OK");
    while let Some(ended) = calls.join_next().await {
        assert_eq!(ended.unwrap().status(), "OK");
    }
}

#[tokio::test]
async fn silent_connections_do_not_delay_a_call() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "[limits]\ncalls = 1").await;
    let mut strangers = Vec::new();
    for _ in 0..90 {
        strangers.push(FakeAsterisk::connect(daemon.address()).await);
    }
    assert_eq!(FakeAsterisk::call(daemon.address(), Environment::new("crm")).await.status(), "OK");
}

#[tokio::test(start_paused = true)]
async fn silent_connections_of_one_peer_do_not_delay_the_calls_of_others() {
    let daemon = Daemon::start("[limits]\ncalls = 1\ncalls_per_peer = 1").await;
    let mut strangers = Vec::new();
    // more than there are slots
    for _ in 0..110 {
        strangers.push(FakeAsterisk::over(connect_from("127.0.0.2", daemon.address()).await));
    }
    let began = Instant::now();
    let ended = FakeAsterisk::call(daemon.address(), Environment::new("webhook")).await;
    assert_eq!(ended.status(), "BAD_REQUEST");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(strangers.pop().expect("the last one").receive_all().await, b"failure\n");
    let first = strangers[0].stream.try_read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(first, Err(ErrorKind::WouldBlock), "those within the limit have all their time");
}

#[tokio::test(start_paused = true)]
async fn a_peer_with_too_many_silent_connections_is_still_served() {
    let daemon = Daemon::start("[limits]\ncalls_per_peer = 1").await;
    let mut strangers = Vec::new();
    for _ in 0..60 {
        strangers.push(FakeAsterisk::connect(daemon.address()).await);
    }
    let ended = FakeAsterisk::call(daemon.address(), Environment::new("webhook")).await;
    assert_eq!(ended.status(), "BAD_REQUEST");
    assert_eq!(strangers.pop().expect("the last one").receive_all().await, b"failure\n");
}

fn calls(address: SocketAddr, count: usize) -> JoinSet<Ended> {
    (0..count).map(|_| FakeAsterisk::call(address, Environment::new("crm"))).collect()
}
