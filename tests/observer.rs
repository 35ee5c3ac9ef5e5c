//! Owner: observer. Metrics and health over HTTP: who may ask, and the answers during the shutdown.

/// Requests that the observer does not answer with 200.
mod bad_requests;
/// The counts of calls and of refused connections.
mod calls;
/// `docs/monitoring` against the metrics that exist; with promtool, if it is installed.
mod monitoring;
/// The JSON of hooks and of the configuration, the stream of steps, and requests of a page.
mod reports;
/// The counts of requests to webhooks.
mod requests;
/// The JSON of steps.
mod steps;
/// The counts of faults outside of calls; in a process of its own.
mod troubles;
/// The walls before the pages: names, methods, other sites and the token.
mod walls;

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::util::{
    Daemon, Environment, FakeAsterisk, ObserverResponse, connect_from, gated_webhook, nobody_listens,
    within_time_limit,
};

/// The samples of a family, in their order.
fn samples<'m>(metrics: &'m str, family: &str) -> Vec<&'m str> {
    let of = |line: &&str| line.strip_prefix(family).is_some_and(|rest| rest.starts_with(['{', ' ']));
    metrics.lines().filter(of).collect()
}

#[tokio::test]
async fn a_daemon_that_serves_is_alive_and_ready() {
    let daemon = Daemon::start("").await;
    for (path, body) in
        [("/health/live", "alive\n"), ("/health/ready", "ready\n"), ("/health/ready?x=1", "ready\n")]
    {
        let asked = ObserverResponse::get(daemon.observer(), path).await;
        assert_eq!((asked.code, asked.body.as_str()), (200, body));
        assert!(asked.head.contains(&"cache-control: no-store".to_owned()), "{asked:?}");
    }
    let metrics = ObserverResponse::get(daemon.observer(), "/metrics").await;
    let kind = "content-type: text/plain; version=0.0.4; charset=utf-8";
    assert!(metrics.head.contains(&kind.to_owned()), "{:?}", metrics.head);
    assert_eq!(samples(&metrics.body, "dialhook_draining"), ["dialhook_draining 0"]);
}

#[tokio::test]
async fn a_daemon_that_drains_is_alive_and_not_ready() {
    let (gate, webhook) = gated_webhook().await;
    let hook = format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\ntimeout = 10", webhook.url("/"));
    let daemon = Daemon::start(&hook).await;
    let (address, observer) = (daemon.address(), daemon.observer());
    let call = tokio::spawn(async move { FakeAsterisk::call(address, Environment::new("crm")).await });
    webhook.requested().await;
    let stopping = tokio::spawn(daemon.stop());
    nobody_listens(address).await;
    let ready = ObserverResponse::get(observer, "/health/ready").await;
    assert_eq!((ready.code, ready.body.starts_with("draining: ")), (503, true), "{ready:?}");
    assert_eq!(ObserverResponse::get(observer, "/health/live").await.code, 200);
    let metrics = ObserverResponse::get(observer, "/metrics").await.body;
    assert_eq!(samples(&metrics, "dialhook_draining"), ["dialhook_draining 1"]);
    assert_eq!(samples(&metrics, "dialhook_calls_in_flight"), ["dialhook_calls_in_flight 1"]);
    gate.open();
    assert_eq!(call.await.unwrap().get("CRM"), Some("sales"));
    stopping.await.unwrap();
    nobody_listens(observer).await;
}

#[tokio::test]
async fn silent_connections_delay_neither_a_call_nor_a_health_check() {
    let daemon = Daemon::start("").await;
    let mut strangers = Vec::new();
    // twice as many as there may be connections
    for _ in 0..130 {
        strangers.push(TcpStream::connect(daemon.observer()).await.unwrap());
    }
    for _ in 0..3 {
        let ended = FakeAsterisk::call(daemon.address(), Environment::new("one")).await;
        assert_eq!(ended.status(), "BAD_REQUEST");
        assert_eq!(ObserverResponse::get(daemon.observer(), "/health/ready").await.code, 200);
    }
    // the first had to go; the last one is still there, so that nothing waited for the time limit on
    // strangers
    let (first, last) = (strangers.first_mut().unwrap(), 129);
    assert!(!matches!(first.read(&mut [0]).await, Ok(1..)));
    let last = strangers[last].try_read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(last, Err(std::io::ErrorKind::WouldBlock));
}

#[tokio::test]
async fn a_reachable_observer_answers_only_peers_in_allow() {
    let listen = "[listen]\nasterisk = \"127.0.0.1:0\"\nobserver = \"0.0.0.0:0\"\nallow = [\"127.0.0.2/32\"]";
    let daemon = Daemon::with(listen).await;
    let observer = SocketAddr::from(([127, 0, 0, 1], daemon.observer().port()));
    let ask = async |address| {
        let mut stream = connect_from(address, observer).await;
        let _refused = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: o\r\n\r\n").await;
        ObserverResponse::read(stream).await
    };
    assert_eq!(ask("127.0.0.3").await, ObserverResponse::default());
    let asked = ask("127.0.0.2").await;
    assert_eq!(asked.code, 200);
    assert!(asked.body.contains("dialhook_refused_total{reason=\"not_allowed\"} 1\n"));
}

#[tokio::test]
async fn listen_allow_does_not_restrict_an_observer_on_loopback() {
    let daemon = Daemon::with("[listen]\nasterisk = \"127.0.0.1:0\"\nallow = [\"10.0.0.0/8\"]").await;
    assert_eq!(ObserverResponse::get(daemon.observer(), "/health/ready").await.code, 200);
}

#[tokio::test]
async fn slow_or_broken_readers_do_not_harm_the_observer() {
    let daemon = Daemon::start("").await;
    for number in 0..100 {
        let mut stream = TcpStream::connect(daemon.observer()).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: o\r\n\r\n").await.unwrap();
        if number % 2 == 0 {
            stream.set_zero_linger().unwrap();
        } else {
            let mut first = [0];
            within_time_limit("a byte", stream.read_exact(&mut first)).await.unwrap();
        }
    }
    assert_eq!(ObserverResponse::get(daemon.observer(), "/health/ready").await.code, 200);
}
