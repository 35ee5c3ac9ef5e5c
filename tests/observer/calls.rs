//! Owner: metrics. The counts of calls and of refused connections.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dialhook::config::Config;
use dialhook::metrics::Metrics;
use dialhook::switch::Switch;
use dialhook::switch::agi::Agi;
use tokio::io::{DuplexStream, duplex};
use tokio::time::sleep;

use super::{monitoring, samples};
use crate::util::{
    ChannelData, Daemon, Environment, FakeAsterisk, FakeFreeSwitch, FakeWebhook, ObserverResponse, Reply,
    Sessions, SocketMode, connect_from, metrics, within_time_limit,
};

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

/// A hook for each kind of answer, and one for a dead webhook.
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
    let mut caller = FakeAsterisk::connect(daemon.address()).await;
    caller.greet(&Environment::new("left")).await.expect("a challenge");
    within_time_limit("the request", async {
        while webhook.received().iter().all(|request| request.target != "/left") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let during = ObserverResponse::get(daemon.observer(), "/metrics").await.body;
    assert_eq!(samples(&during, "dialhook_calls_in_flight"), ["dialhook_calls_in_flight 1"]);
    caller.send(b"HANGUP\n").await;
    caller.receive_all().await;
}

#[tokio::test]
async fn calls_of_each_kind_are_counted_once() {
    let webhook = webhook().await;
    let daemon = Daemon::start(&tables(&webhook)).await;
    for name in ["ok", "ok", "error", "evil", "slow", "gone", "ok?timeout=99", "nobody", "webhook"] {
        FakeAsterisk::call(daemon.address(), Environment::new(name)).await;
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
async fn refused_connections_are_counted_by_reason() {
    let daemon =
        Daemon::with("[listen]\nasterisk = \"127.0.0.1:0\"\nallow = [\"127.0.0.1\", \"127.0.0.3\"]").await;
    let mut forger = FakeAsterisk::connect(daemon.address()).await;
    forger.send(b"GET / HTTP/1.1\n\n").await;
    forger.receive_all().await;
    let mut endless = FakeAsterisk::connect(daemon.address()).await;
    endless.send(&vec![b'x'; 70 * 1024]).await;
    endless.receive_all().await;
    let mut stranger = FakeAsterisk::over(connect_from("127.0.0.2", daemon.address()).await);
    stranger.receive_all().await;
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

/// The metrics after a session in which the switch does this, with paused time.
async fn counted(switch: impl AsyncFnOnce(&mut FakeAsterisk<DuplexStream>)) -> String {
    let (here, there) = duplex(64 * 1024);
    let metrics = Arc::new(Metrics::default());
    let sessions = Sessions::counted_in(Arc::clone(&metrics), "");
    let dialect = Agi::new("0123456789abcdef".to_owned());
    let held = sessions.start(Switch::new(there, dialect));
    let mut here = FakeAsterisk::over(here);
    switch(&mut here).await;
    here.receive_all().await;
    drop(here);
    held.await.unwrap();
    metrics.render()
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_an_authenticated_call_is_counted_as_no_call() {
    let silent = counted(async |_| ()).await;
    let left = counted(async |switch| {
        switch.send(&Environment::new("webhook").bytes()).await;
        switch.receive_line().await.expect("a challenge");
        switch.send(b"HANGUP\n").await;
    })
    .await;
    for (metrics, reason) in [(silent, "silent"), (left, "unproved")] {
        assert!(metrics.contains(&format!("dialhook_refused_total{{reason=\"{reason}\"}} 1\n")), "{metrics}");
        assert_eq!(samples(&metrics, "dialhook_calls_in_flight"), ["dialhook_calls_in_flight 0"]);
        assert_eq!(samples(&metrics, "dialhook_calls_total"), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_duration_of_a_step_is_from_the_connection_to_the_end_of_the_final_commands() {
    let metrics = counted(async |switch| {
        sleep(Duration::from_secs(3)).await;
        switch.greet(&Environment::new("nobody")).await.expect("a challenge");
        switch.receive_all().await;
        sleep(Duration::from_secs(1)).await;
    })
    .await;
    let sum = samples(&metrics, "dialhook_step_duration_seconds_sum");
    let seconds: f64 = sum[0].rsplit_once(' ').unwrap().1.parse().unwrap();
    // to the tick of tokio's clock
    assert!((4.0..4.1).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn unknown_hook_names_add_no_series() {
    let daemon = Daemon::start("").await;
    FakeAsterisk::call(daemon.address(), Environment::new("one")).await;
    let lines = |metrics: String| metrics.lines().count();
    let before = lines(metrics(&daemon).await);
    for number in 0..30 {
        let name = format!("31612345{number:03}");
        FakeAsterisk::call(daemon.address(), Environment::new(name.clone())).await;
        FakeAsterisk::call(daemon.address(), Environment::new(format!("{name}\"}} 1\n?variable=A{number}")))
            .await;
        FakeAsterisk::call(daemon.address(), Environment::new(vec![0xff, b'a' + number % 26])).await;
    }
    let after = metrics(&daemon).await;
    assert!(!after.contains("31612345"));
    assert_eq!(lines(after), before);
}
