//! Metrics and health: what is counted, who may ask, and what is said while the daemon ends.

/// The dashboard and the alert rules.
mod monitoring;
/// What becomes of requests to webhooks.
mod requests;
/// What goes wrong beside the calls.
mod troubles;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dialhook::config::Config;
use dialhook::metrics::Metrics;
use dialhook::session;
use dialhook::switch::Switch;
use dialhook::switch::agi::Agi;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::util::{
    Asked, ChannelData, Daemon, Environment, FakeFreeSwitch, FakeSwitch, FakeWebhook, Gate, Reply,
    SocketMode, house, metrics, nobody_listens, within_patience,
};

/// The samples of a family, in their order.
fn samples<'m>(metrics: &'m str, family: &str) -> Vec<&'m str> {
    let of = |line: &&str| line.strip_prefix(family).is_some_and(|rest| rest.starts_with(['{', ' ']));
    metrics.lines().filter(of).collect()
}

/// A webhook whose path says how it answers.
async fn webhook() -> FakeWebhook {
    FakeWebhook::start(|request| match request.target.as_str() {
        "/ok" => Reply::text("sales"),
        "/error" => Reply::status(500, "no"),
        "/evil" => Reply::text("a\nb"),
        _ => Reply::Stall,
    })
    .await
}

/// A hook for each way in which it answers, and one whose webhook is not there.
fn tables(webhook: &FakeWebhook) -> String {
    let hook = |(name, timeout)| {
        let url = webhook.url(&format!("/{name}"));
        format!("[hook.{name}]\nurl = \"{url}\"\nvariable = \"V\"\ntimeout = \"{timeout}\"\n")
    };
    let hooks = [("ok", "2s"), ("error", "2s"), ("evil", "2s"), ("slow", "1s"), ("left", "10s")].map(hook);
    format!("{}[hook.gone]\nurl = \"http://127.0.0.1:1/\"\n", hooks.concat())
}

/// A caller who hangs up while the webhook is asked.
async fn one_who_leaves(daemon: &Daemon, webhook: &FakeWebhook) {
    let mut caller = FakeSwitch::connect(daemon.address()).await;
    caller.greet(&Environment::new("left")).await.expect("a question");
    within_patience("the request", async {
        while webhook.received().iter().all(|request| request.target != "/left") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let during = Asked::get(daemon.observer(), "/metrics").await.body;
    assert_eq!(samples(&during, "dialhook_calls_in_flight"), ["dialhook_calls_in_flight 1"]);
    caller.say(b"HANGUP\n").await;
    caller.hear_all().await;
}

#[tokio::test]
async fn calls_of_each_kind_are_counted_once() {
    let webhook = webhook().await;
    let daemon = Daemon::start(&tables(&webhook)).await;
    for name in ["ok", "ok", "error", "evil", "slow", "gone", "ok?timeout=99", "nobody", "webhook"] {
        FakeSwitch::call(daemon.address(), Environment::new(name)).await;
    }
    let ok = ChannelData::new(SocketMode::Full, "127.0.0.1:8084/ok");
    assert_eq!(FakeFreeSwitch::call(daemon.freeswitch(), ok).await.status(), "OK");
    metrics(&daemon).await; // so that none of them is in flight any more
    one_who_leaves(&daemon, &webhook).await;

    let metrics = metrics(&daemon).await;
    let call = |hook, status, switch, count| {
        format!("dialhook_calls_total{{hook=\"{hook}\",status=\"{status}\",switch=\"{switch}\"}} {count}")
    };
    let calls = samples(&metrics, "dialhook_calls_total");
    assert_eq!(calls.len(), 8 * 8 * 2, "eight statuses of eight hooks on two switches");
    assert_eq!(
        calls.into_iter().filter(|line| !line.ends_with(" 0")).collect::<Vec<_>>(),
        [
            call("error", "HTTP_ERROR", "asterisk", 1),
            call("evil", "BAD_ANSWER", "asterisk", 1),
            call("gone", "UNREACHABLE", "asterisk", 1),
            call("left", "CANCELLED", "asterisk", 1),
            call("ok", "BAD_REQUEST", "asterisk", 1),
            call("ok", "OK", "asterisk", 2),
            call("ok", "OK", "freeswitch", 1),
            call("slow", "TIMEOUT", "asterisk", 1),
            call("unknown", "BAD_REQUEST", "asterisk", 1),
            call("webhook", "BAD_REQUEST", "asterisk", 1),
        ]
    );
    assert_eq!(
        samples(&metrics, "dialhook_step_duration_seconds_count"),
        [
            "dialhook_step_duration_seconds_count{switch=\"asterisk\"} 9",
            "dialhook_step_duration_seconds_count{switch=\"freeswitch\"} 1",
        ]
    );
    let requests = samples(&metrics, "dialhook_request_duration_seconds_count");
    assert_eq!(requests.len(), 5, "{requests:?}");
    assert!(requests.contains(&"dialhook_request_duration_seconds_count{hook=\"ok\"} 3"), "{requests:?}");
    assert_eq!(samples(&metrics, "dialhook_config_last_reload_successful")[0].split(' ').nth(1), Some("1"));
    monitoring::check_metrics(&metrics).await;
}

#[tokio::test]
async fn counts_of_calls_are_there_before_the_first_call_and_after_a_reload() {
    let hook = |name: &str| format!("[hook.{name}]\nurl = \"http://127.0.0.1:1/\"\n");
    let listen = "[listen]\nasterisk = \"127.0.0.1:0\"\n";
    let daemon = Daemon::with(&format!("{listen}{}", hook("crm"))).await;
    let hooks = async || {
        let metrics = metrics(&daemon).await;
        let calls = samples(&metrics, "dialhook_calls_total");
        assert!(calls.iter().all(|line| line.ends_with(" 0")), "{calls:?}");
        let of = |name: &str| calls.iter().filter(|line| line.contains(&format!("hook=\"{name}\""))).count();
        ["crm", "webhook", "unknown", "new"].map(of)
    };
    assert_eq!(hooks().await, [16, 16, 16, 0]);
    let config = format!("{listen}freeswitch = false\nobserver = \"127.0.0.1:0\"\n{}", hook("new"));
    daemon.server().reload(Config::parse(&config, Path::new("dialhook.toml"))).expect("a configuration");
    assert_eq!(hooks().await, [16, 16, 16, 8]);
}

#[tokio::test]
async fn who_is_refused_is_counted_by_reason() {
    let daemon =
        Daemon::with("[listen]\nasterisk = \"127.0.0.1:0\"\nallow = [\"127.0.0.1\", \"127.0.0.3\"]").await;
    let mut forger = FakeSwitch::connect(daemon.address()).await;
    forger.say(b"GET / HTTP/1.1\n\n").await;
    forger.hear_all().await;
    let mut endless = FakeSwitch::connect(daemon.address()).await;
    endless.say(&vec![b'x'; 70 * 1024]).await;
    endless.hear_all().await;
    let mut stranger = FakeSwitch::over(from("127.0.0.2", daemon.address()).await);
    stranger.hear_all().await;
    let metrics = metrics(&daemon).await;
    assert_eq!(
        samples(&metrics, "dialhook_refused_total"),
        [
            "dialhook_refused_total{reason=\"forged\"} 1",
            "dialhook_refused_total{reason=\"not_allowed\"} 1",
            "dialhook_refused_total{reason=\"panicked\"} 0",
            "dialhook_refused_total{reason=\"silent\"} 0",
            "dialhook_refused_total{reason=\"too_long\"} 1",
            "dialhook_refused_total{reason=\"unproved\"} 0",
        ]
    );
}

/// What is counted of a conversation in which the switch does this, in time that is not real.
async fn counted(switch: impl AsyncFnOnce(&mut FakeSwitch<DuplexStream>)) -> String {
    let (here, there) = duplex(64 * 1024);
    let metrics = Arc::new(Metrics::default());
    let house = Arc::into_inner(house("")).expect("nobody else has it").counted_in(Arc::clone(&metrics));
    let dialect = Agi::new("0123456789abcdef".to_owned());
    let held =
        tokio::spawn(session::hold(Switch::new(there, dialect), Arc::new(house), CancellationToken::new()));
    let mut here = FakeSwitch::over(here);
    switch(&mut here).await;
    here.hear_all().await;
    drop(here);
    held.await.unwrap();
    metrics.render()
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_or_leaves_before_the_proof_is_counted_as_no_call() {
    let silent = counted(async |_| ()).await;
    let left = counted(async |switch| {
        switch.say(&Environment::new("webhook").bytes()).await;
        switch.hear().await.expect("a question");
        switch.say(b"HANGUP\n").await;
    })
    .await;
    for (metrics, reason) in [(silent, "silent"), (left, "unproved")] {
        assert!(metrics.contains(&format!("dialhook_refused_total{{reason=\"{reason}\"}} 1\n")), "{metrics}");
        assert_eq!(samples(&metrics, "dialhook_calls_in_flight"), ["dialhook_calls_in_flight 0"]);
        assert_eq!(samples(&metrics, "dialhook_calls_total"), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_kept_from_its_connection_to_the_end_of_its_farewell() {
    let metrics = counted(async |switch| {
        sleep(Duration::from_secs(3)).await;
        switch.greet(&Environment::new("nobody")).await.expect("a question");
        switch.hear_all().await;
        sleep(Duration::from_secs(1)).await;
    })
    .await;
    let sum = samples(&metrics, "dialhook_step_duration_seconds_sum");
    let seconds: f64 = sum[0].rsplit_once(' ').unwrap().1.parse().unwrap();
    // to the tick of tokio's clock
    assert!((4.0..4.1).contains(&seconds), "{seconds}");
}

async fn from(address: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test]
async fn what_strangers_call_a_hook_adds_no_series() {
    let daemon = Daemon::start("").await;
    FakeSwitch::call(daemon.address(), Environment::new("one")).await;
    let lines = |metrics: String| metrics.lines().count();
    let before = lines(metrics(&daemon).await);
    for number in 0..30 {
        let name = format!("31612345{number:03}");
        FakeSwitch::call(daemon.address(), Environment::new(name.clone())).await;
        FakeSwitch::call(daemon.address(), Environment::new(format!("{name}\"}} 1\n?variable=A{number}")))
            .await;
        FakeSwitch::call(daemon.address(), Environment::new(vec![0xff, b'a' + number % 26])).await;
    }
    let after = metrics(&daemon).await;
    assert!(!after.contains("31612345"));
    assert_eq!(lines(after), before);
}

#[tokio::test]
async fn a_daemon_that_serves_is_alive_and_ready() {
    let daemon = Daemon::start("").await;
    for (path, body) in
        [("/health/live", "alive\n"), ("/health/ready", "ready\n"), ("/health/ready?x=1", "ready\n")]
    {
        let asked = Asked::get(daemon.observer(), path).await;
        assert_eq!((asked.code, asked.body.as_str()), (200, body));
        assert!(asked.head.contains(&"cache-control: no-store".to_owned()), "{asked:?}");
    }
    let metrics = Asked::get(daemon.observer(), "/metrics").await;
    let kind = "content-type: text/plain; version=0.0.4; charset=utf-8";
    assert!(metrics.head.contains(&kind.to_owned()), "{:?}", metrics.head);
    assert_eq!(samples(&metrics.body, "dialhook_draining"), ["dialhook_draining 0"]);
}

#[tokio::test]
async fn a_daemon_that_drains_is_alive_and_not_ready() {
    let gate = Gate::default();
    let kept = gate.clone();
    let webhook = FakeWebhook::start(move |_| Reply::text("sales").after(&kept)).await;
    let hook = format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\ntimeout = 10", webhook.url("/"));
    let daemon = Daemon::start(&hook).await;
    let (address, observer) = (daemon.address(), daemon.observer());
    let call = tokio::spawn(async move { FakeSwitch::call(address, Environment::new("crm")).await });
    webhook.requested().await;
    let stopping = tokio::spawn(daemon.stop());
    nobody_listens(address).await;
    let ready = Asked::get(observer, "/health/ready").await;
    assert_eq!((ready.code, ready.body.starts_with("draining: ")), (503, true), "{ready:?}");
    assert_eq!(Asked::get(observer, "/health/live").await.code, 200);
    let metrics = Asked::get(observer, "/metrics").await.body;
    assert_eq!(samples(&metrics, "dialhook_draining"), ["dialhook_draining 1"]);
    assert_eq!(samples(&metrics, "dialhook_calls_in_flight"), ["dialhook_calls_in_flight 1"]);
    gate.open();
    assert_eq!(call.await.unwrap().get("CRM"), Some("sales"));
    stopping.await.unwrap();
    nobody_listens(observer).await;
}

mod bad_requests {
    use super::*;

    #[tokio::test]
    async fn another_path_is_told_which_there_are() {
        let daemon = Daemon::start("").await;
        for path in ["/", "/metric", "/metrics/", "/health", "//metrics", "/../metrics"] {
            let asked = Asked::get(daemon.observer(), path).await;
            assert_eq!(asked.code, 404, "{path}");
            assert!(asked.body.contains("/metrics, /health/live and /health/ready"), "{asked:?}");
        }
    }

    #[tokio::test]
    async fn another_method_is_told_which_there_are() {
        let daemon = Daemon::start("").await;
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "NONSENSE"] {
            let request = format!("{method} /metrics HTTP/1.1\r\nHost: o\r\nContent-Length: 3\r\n\r\nabc");
            let asked = Asked::with(daemon.observer(), request.as_bytes()).await;
            assert_eq!(
                (asked.code, asked.body.as_str()),
                (405, "this method is not allowed; use GET or HEAD\n")
            );
            assert!(asked.head.contains(&"allow: get, head".to_owned()), "{asked:?}");
        }
    }

    #[tokio::test]
    async fn head_is_answered_without_a_body() {
        let daemon = Daemon::start("").await;
        for path in ["/metrics", "/health/ready", "/nothing"] {
            let request = format!("HEAD {path} HTTP/1.1\r\nHost: o\r\n\r\n");
            let asked = Asked::with(daemon.observer(), request.as_bytes()).await;
            assert_eq!(asked.body, "");
            assert!(asked.head.iter().any(|line| line.starts_with("content-length: ")), "{asked:?}");
            assert_eq!(asked.code, if path == "/nothing" { 404 } else { 200 });
        }
    }

    #[tokio::test]
    async fn what_is_no_http_or_too_long_is_refused_and_the_next_one_is_served() {
        let daemon = Daemon::start("").await;
        let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
        let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(500));
        for request in [&b"\0\x01\x02\r\n\r\n"[..], b"agi_network: yes\n\n", long.as_bytes(), many.as_bytes()]
        {
            let asked = Asked::with(daemon.observer(), request).await;
            assert!(matches!(asked.code, 0 | 400..=499), "{asked:?}");
        }
        assert_eq!(Asked::get(daemon.observer(), "/health/ready").await.code, 200);
    }

    #[tokio::test]
    async fn a_connection_carries_one_request() {
        let daemon = Daemon::start("").await;
        let twice = "GET /health/live HTTP/1.1\r\nHost: o\r\n\r\n".repeat(2);
        let asked = Asked::with(daemon.observer(), twice.as_bytes()).await;
        assert!(asked.head.contains(&"connection: close".to_owned()), "{asked:?}");
        assert_eq!(asked.body, "alive\n");
    }
}

#[tokio::test]
async fn silent_strangers_keep_neither_a_call_nor_a_health_check_waiting() {
    let daemon = Daemon::start("").await;
    let mut strangers = Vec::new();
    // twice as many as there are places
    for _ in 0..130 {
        strangers.push(TcpStream::connect(daemon.observer()).await.unwrap());
    }
    for _ in 0..3 {
        let ended = FakeSwitch::call(daemon.address(), Environment::new("one")).await;
        assert_eq!(ended.status(), "BAD_REQUEST");
        assert_eq!(Asked::get(daemon.observer(), "/health/ready").await.code, 200);
    }
    // the first had to go; the last one is still there, so that nothing waited for the time limit on strangers
    let (first, last) = (strangers.first_mut().unwrap(), 129);
    assert!(!matches!(first.read(&mut [0]).await, Ok(1..)));
    let last = strangers[last].try_read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(last, Err(std::io::ErrorKind::WouldBlock));
}

#[tokio::test]
async fn an_observer_that_others_can_reach_answers_whom_allow_names() {
    let listen = "[listen]\nasterisk = \"127.0.0.1:0\"\nobserver = \"0.0.0.0:0\"\nallow = [\"127.0.0.2/32\"]";
    let daemon = Daemon::with(listen).await;
    let observer = SocketAddr::from(([127, 0, 0, 1], daemon.observer().port()));
    let ask = async |address| {
        let mut stream = from(address, observer).await;
        let _refused = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: o\r\n\r\n").await;
        Asked::heard(stream).await
    };
    assert_eq!(ask("127.0.0.3").await, Asked::default());
    let asked = ask("127.0.0.2").await;
    assert_eq!(asked.code, 200);
    assert!(asked.body.contains("dialhook_refused_total{reason=\"not_allowed\"} 1\n"));
}

#[tokio::test]
async fn allow_for_switches_does_not_shut_out_who_asks_on_loopback() {
    let daemon = Daemon::with("[listen]\nasterisk = \"127.0.0.1:0\"\nallow = [\"10.0.0.0/8\"]").await;
    assert_eq!(Asked::get(daemon.observer(), "/health/ready").await.code, 200);
}

#[tokio::test]
async fn whoever_reads_slowly_or_leaves_harms_nobody() {
    let daemon = Daemon::start("").await;
    for number in 0..100 {
        let mut stream = TcpStream::connect(daemon.observer()).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: o\r\n\r\n").await.unwrap();
        if number % 2 == 0 {
            stream.set_zero_linger().unwrap();
        } else {
            let mut first = [0];
            within_patience("a byte", stream.read_exact(&mut first)).await.unwrap();
        }
    }
    assert_eq!(Asked::get(daemon.observer(), "/health/ready").await.code, 200);
}
