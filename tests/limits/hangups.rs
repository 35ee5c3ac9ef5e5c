//! Owner: session. Callers who hang up while the webhook is asked.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::full_backlog;
use crate::util::{Daemon, Environment, FakeAsterisk, FakeWebhook, Reply, daemon_for};

/// A call whose webhook is silent. Runs `leave`, and returns the last bytes of the daemon.
async fn cancelled(leave: impl AsyncFnOnce(FakeAsterisk) -> Option<FakeAsterisk>) -> Option<Vec<u8>> {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let daemon = daemon_for(&webhook, "timeout = 10").await;
    let mut switch = FakeAsterisk::connect(daemon.address()).await;
    switch.greet(&Environment::new("crm")).await.expect("a challenge");
    webhook.requested().await;
    let left = leave(switch).await;
    webhook.closed().await;
    let received = match left {
        Some(mut switch) => Some(switch.receive_all().await),
        None => None,
    };
    let stopping = Instant::now();
    daemon.stop().await;
    // far below the timeout: nothing is left to wait for
    assert!(stopping.elapsed() < Duration::from_secs(5));
    received
}

#[tokio::test]
async fn a_hangup_cancels_the_request_and_gives_the_call_back() {
    let received = cancelled(async |mut switch| {
        switch.send(b"HANGUP\n").await;
        Some(switch)
    })
    .await;
    assert_eq!(received.unwrap(), b"");
}

#[tokio::test]
async fn the_end_of_the_stream_cancels_the_request() {
    let received = cancelled(async |mut switch| {
        switch.stream.shutdown().await.unwrap();
        Some(switch)
    })
    .await;
    assert_eq!(received.unwrap(), b"");
}

#[tokio::test]
async fn a_closed_connection_cancels_the_request() {
    cancelled(async |switch| {
        drop(switch);
        None
    })
    .await;
}

#[tokio::test]
async fn a_broken_connection_cancels_the_request() {
    cancelled(async |switch| {
        switch.reset();
        None
    })
    .await;
}

#[tokio::test]
async fn the_daemon_goes_on_serving_others() {
    let webhook = FakeWebhook::start(|request| match request.target.as_str() {
        "/slow" => Reply::Stall,
        _ => Reply::text("sales"),
    })
    .await;
    let hooks = format!(
        "[hook.slow]\nurl = \"{}\"\n[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"",
        webhook.url("/slow"),
        webhook.url("/")
    );
    let daemon = Daemon::start(&hooks).await;
    let mut switch = FakeAsterisk::connect(daemon.address()).await;
    switch.greet(&Environment::new("slow")).await.expect("a challenge");
    webhook.requested().await;
    switch.reset();
    webhook.closed().await;
    assert_eq!(FakeAsterisk::call(daemon.address(), Environment::new("crm")).await.get("CRM"), Some("sales"));
}

#[tokio::test]
async fn a_hangup_before_the_connection_is_made_cancels_the_request() {
    let (address, _full) = full_backlog().await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"http://{address}/\"\ntimeout = 10")).await;
    let mut switch = FakeAsterisk::connect(daemon.address()).await;
    switch.greet(&Environment::new("crm")).await.expect("a challenge");
    switch.send(b"HANGUP\n").await;
    let began = Instant::now();
    assert_eq!(switch.receive_all().await, b"");
    daemon.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5));
}
