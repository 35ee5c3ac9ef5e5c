//! Owner: slots. Silent connections: the one that is silent longest is closed for the next call.

use std::io::ErrorKind;

use crate::util::{
    Daemon, Environment, FakeAsterisk, configured, daemon_for, gated_webhook, good_webhook, metrics, run,
};

/// As many connections as there may be with this configuration, but for the one that the other listener keeps
/// ready. The time for a message is longer than any test waits.
const ALL: usize = 101;
const FEW: &str = "[limits]\ncalls = 1\npatience = 30\n";

fn is_still_waited_for(stranger: &FakeAsterisk) -> bool {
    stranger.stream.try_read(&mut [0]).map_err(|error| error.kind()) == Err(ErrorKind::WouldBlock)
}

#[tokio::test]
async fn the_connection_that_is_silent_longest_is_closed_for_a_call() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, FEW).await;
    let mut strangers = Vec::new();
    for _ in 0..ALL {
        strangers.push(FakeAsterisk::connect(daemon.address()).await);
    }
    assert_eq!(FakeAsterisk::call(daemon.address(), Environment::new("crm")).await.status(), "OK");
    assert_eq!(strangers.remove(0).receive_all().await, b"failure\n");
    assert!(is_still_waited_for(strangers.last().unwrap()));
    let counted = metrics(&daemon).await;
    assert!(!counted.contains("dialhook_refused_total{reason=\"silent\"} 0\n"), "{counted}");
}

#[tokio::test]
async fn a_silent_connection_of_freeswitch_is_released_when_it_is_closed_for_a_call() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, FEW).await;
    let mut strangers = Vec::new();
    for _ in 0..ALL {
        strangers.push(FakeAsterisk::connect(daemon.freeswitch()).await);
    }
    assert_eq!(FakeAsterisk::call(daemon.address(), Environment::new("crm")).await.status(), "OK");
    let received = strangers.remove(0).receive_all().await;
    assert!(received.starts_with(b"connect\n") && received.ends_with(b"\nexit\n\n"), "{received:?}");
}

#[tokio::test]
async fn a_connection_with_an_authenticated_call_is_never_closed_for_another() {
    let (gate, webhook) = gated_webhook().await;
    let daemon = daemon_for(&webhook, &format!("timeout = 10\n{FEW}")).await;
    let call = tokio::spawn(FakeAsterisk::call(daemon.address(), Environment::new("crm")));
    webhook.requested().await;
    let mut strangers = Vec::new();
    for _ in 0..ALL {
        strangers.push(FakeAsterisk::connect(daemon.address()).await);
    }
    // the oldest silent connection was closed for this call, which was not the first to come
    assert_eq!(FakeAsterisk::call(daemon.address(), Environment::new("crm")).await.status(), "OVERLOADED");
    gate.open();
    assert_eq!(call.await.unwrap().status(), "OK");
}

#[tokio::test]
async fn a_connection_that_sent_only_an_environment_is_closed_for_a_call() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, FEW).await;
    let mut strangers = Vec::new();
    for _ in 0..ALL {
        let mut stranger = FakeAsterisk::connect(daemon.address()).await;
        stranger.send(&Environment::new("crm").bytes()).await;
        stranger.receive_line().await.expect("a challenge");
        strangers.push(stranger);
    }
    assert_eq!(FakeAsterisk::call(daemon.address(), Environment::new("crm")).await.status(), "OK");
}

#[tokio::test]
async fn a_refused_connection_that_stays_is_closed_before_silent_ones() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, FEW).await;
    let first = FakeAsterisk::connect(daemon.address()).await;
    let mut refused = Vec::new();
    for _ in 1..ALL {
        let mut stranger = FakeAsterisk::connect(daemon.address()).await;
        stranger.send(b"nonsense\n\n").await;
        assert_eq!(stranger.receive_line().await.as_deref(), Some(&b"failure"[..]));
        refused.push(stranger);
    }
    for _ in 0..20 {
        assert_eq!(FakeAsterisk::call(daemon.address(), Environment::new("crm")).await.status(), "OK");
    }
    assert!(is_still_waited_for(&first));
}

#[tokio::test]
async fn one_peer_of_several_may_have_half_of_the_slots_by_default() {
    let webhook = good_webhook().await;
    let open = "[listen]\nasterisk = \"0.0.0.0:0\"\nallow = [\"127.0.0.0/8\", \"10.1.0.0/16\"]\n";
    let hook = format!("[hook.crm]\nurl = \"{}\"\n[limits]\ncalls = 1\npatience = 30\n", webhook.url("/"));
    let daemon = Daemon::with(&format!("{open}{hook}")).await;
    let address = ([127, 0, 0, 1], daemon.address().port()).into();
    // one call, and 22 connections with their whole time: further ones are refused soon
    let mut strangers = Vec::new();
    for _ in 0..23 {
        strangers.push(FakeAsterisk::connect(address).await);
    }
    assert_eq!(strangers.pop().unwrap().receive_all().await, b"failure\n");
    assert!(strangers.iter().all(is_still_waited_for));
    assert_eq!(FakeAsterisk::call(address, Environment::new("crm")).await.status(), "OK");
}

#[tokio::test]
async fn check_prints_the_limit_of_calls_for_each_address() {
    let open = "[listen]\nasterisk = \"0.0.0.0:4573\"\nallow = [\"10.1.0.0/16\", \"127.0.0.1\"]\n";
    let (_folder, file) = configured(open);
    let (status, output, _) = run(&["check", "--config", file.to_str().unwrap()]).await;
    assert!(status == 0 && output.contains("10000 calls at once, 5000 from one address"), "{output}");
}
