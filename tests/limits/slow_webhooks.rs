//! Owner: webhook. Webhooks that stop at some point of their answer: the call goes on at its timeout.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::full_backlog;
use crate::util::{
    Daemon, Ended, Environment, FakeAsterisk, FakeWebhook, Reply, daemon_for, within_time_limit,
};

/// One call with a timeout of one second.
async fn timed_out(url: &str) -> Ended {
    let hook =
        format!("[hook.crm]\nurl = \"{url}\"\ntimeout = 1\nvariable = \"CRM\"\notherwise = \"reception\"");
    let daemon = Daemon::start(&hook).await;
    let ended = FakeAsterisk::call(daemon.address(), Environment::new("crm")).await;
    assert_eq!(ended.status(), "TIMEOUT");
    assert_eq!((ended.get("CRM"), ended.code()), (Some("reception"), ""));
    let stopping = Instant::now();
    daemon.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(5));
    ended
}

const NOT_BEGUN: &str = "no answer within 1s";

const BEGUN: &str = "the answer began but was not complete within 1s";

async fn timed_out_by(reply: Reply) -> String {
    let webhook = FakeWebhook::start(move |_| reply.clone()).await;
    let ended = timed_out(&webhook.url("/")).await;
    webhook.closed().await;
    ended.reason().to_owned()
}

#[tokio::test]
async fn a_webhook_that_stops_anywhere_is_a_timeout_that_names_the_stage() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\n";
    let stops = |sent: String| Reply::Then(sent.into_bytes(), Box::new(Reply::Stall));
    let mut calls = JoinSet::new();
    for (what, reply, reason) in [
        ("says nothing", Reply::Stall, NOT_BEGUN),
        ("says half a head", stops(format!("{HEAD}Content-Le")), NOT_BEGUN),
        ("says a head and no more", stops(format!("{HEAD}Content-Length: 5\r\n\r\n")), BEGUN),
        ("says half a body", stops(format!("{HEAD}Content-Length: 5\r\n\r\nsal")), BEGUN),
        (
            "never ends its chunks",
            stops(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nsales\r\n")),
            BEGUN,
        ),
        ("drips its head", Reply::Drip(format!("{HEAD}X: ").into()), NOT_BEGUN),
        ("drips its body", Reply::Drip(format!("{HEAD}\r\n").into()), BEGUN),
        ("says to wait", stops("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n".into()), NOT_BEGUN),
    ] {
        calls.spawn(async move { assert_eq!(timed_out_by(reply).await, reason, "one that {what}") });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
}

#[tokio::test]
async fn a_tls_handshake_that_never_ends_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hello = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = Vec::new();
        stream.read_to_end(&mut hello).await.map(|_| hello)
    });
    let reason = "the TLS handshake with the webhook was not complete within 1s";
    assert_eq!(timed_out(&format!("https://{address}/")).await.reason(), reason);
    // the handshake was begun, and the connection was closed
    let hello = within_time_limit("the end of the connection", hello).await.unwrap().unwrap();
    assert_eq!(hello.first(), Some(&22));
}

#[tokio::test]
async fn a_webhook_that_does_not_accept_is_a_timeout() {
    let (address, _full) = full_backlog().await;
    for scheme in ["http", "https"] {
        let ended = timed_out(&format!("{scheme}://{address}/")).await;
        assert_eq!(ended.reason(), "no connection to the webhook within 1s");
    }
}

#[tokio::test]
async fn the_timeout_of_a_step_counts_from_its_beginning() {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let daemon = daemon_for(&webhook, "timeout = 10").await;
    let ended = FakeAsterisk::call(daemon.address(), Environment::new("crm?timeout=1500ms")).await;
    assert_eq!((ended.status(), ended.reason()), ("TIMEOUT", "no answer within 1.5s"));
}
