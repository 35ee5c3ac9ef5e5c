//! Owner: metrics. The counts of requests to webhooks.

use super::samples;
use crate::util::{
    Daemon, Environment, FakeAsterisk, FakeWebhook, Gate, ObserverResponse, Reply, metrics, refusing,
    within_time_limit,
};

async fn called(daemon: &Daemon, hook: &str) -> crate::util::Ended {
    FakeAsterisk::call(daemon.address(), Environment::new(hook).caller("31612345678")).await
}

#[tokio::test]
async fn retries_fallbacks_and_breakers_are_counted() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let (dead, _held) = refusing();
    let daemon = Daemon::start(&format!(
        "[hook.two]\nurls = [\"http://{dead}/geheim\", \"{}\"]\nbreaker = {{ failures = 2, probe = \"1h\" }}\n\
         [hook.any]\nurl = \"https://127.0.0.1:1/\"\ninsecure = true\n",
        webhook.url("/")
    ))
    .await;
    let host = webhook.url("");
    let before = metrics(&daemon).await;
    assert_eq!(samples(&before, "dialhook_insecure_hooks"), ["dialhook_insecure_hooks 1"]);
    let open = |to: &str, urls| format!("dialhook_breaker_open{{to=\"{to}\"}} {urls}");
    let dead = format!("http://{dead}");
    let shown = samples(&before, "dialhook_breaker_open");
    for to in [&dead, &host] {
        assert!(shown.contains(&open(to, 0).as_str()), "{shown:?}");
    }
    for _ in 0..3 {
        assert_eq!(called(&daemon, "two").await.status(), "OK");
    }
    let after = metrics(&daemon).await;
    let shown = samples(&after, "dialhook_breaker_open");
    assert!(
        shown.contains(&open(&dead, 1).as_str()) && shown.contains(&open(&host, 0).as_str()),
        "{shown:?}"
    );
    for line in [
        format!("dialhook_breaker_opened_total{{to=\"{dead}\"}} 1"),
        // the third call found the breaker of the dead URL open
        "dialhook_retries_total{hook=\"two\"} 2".to_owned(),
        "dialhook_fallbacks_total{hook=\"two\"} 3".to_owned(),
        "dialhook_request_duration_seconds_count{hook=\"two\"} 7".to_owned(),
        "dialhook_connections_total{kind=\"made\"} 2".to_owned(),
        "dialhook_connections_total{kind=\"reused\"} 1".to_owned(),
    ] {
        assert!(after.contains(&format!("\n{line}\n")), "{line} is not in\n{after}");
    }
    assert!(!after.contains("geheim"), "a path may hold a secret");
    super::monitoring::check_metrics(&after).await;
}

#[tokio::test]
async fn cache_hits_and_misses_are_counted() {
    let replies = [Reply::text("sales"), Reply::status(500, "")];
    let webhook = FakeWebhook::answering(replies).await;
    let daemon = Daemon::start(&format!(
        "[hook.kept]\nmethod = \"GET\"\nurl = \"{}\"\nvariable = \"V\"\ncache = \"1s\"\nstale_if_error = \"1h\"\n",
        webhook.url("/?n={caller_number}")
    ))
    .await;
    called(&daemon, "kept").await;
    called(&daemon, "kept").await;
    let first = metrics(&daemon).await;
    assert!(first.contains("dialhook_cache_total{hook=\"kept\",result=\"miss\"} 1\n"), "{first}");
    assert!(first.contains("dialhook_cache_total{hook=\"kept\",result=\"hit\"} 1\n"), "{first}");
    // a fresh answer, and a stale one for the time without an answer
    assert_eq!(samples(&first, "dialhook_cache_entries"), ["dialhook_cache_entries 2"]);
    within_time_limit("an old answer", async {
        while webhook.received().len() < 2 {
            called(&daemon, "kept").await;
        }
    })
    .await;
    let then = metrics(&daemon).await;
    assert!(then.contains("dialhook_cache_total{hook=\"kept\",result=\"stale\"} 1\n"), "{then}");
}

#[tokio::test]
async fn detached_requests_are_counted_while_they_last() {
    let gate = Gate::default();
    let behind = gate.clone();
    let webhook = FakeWebhook::start(move |_| Reply::text("").after(&behind)).await;
    let hook = format!("[hook.tell]\nurl = \"{}\"\ndetach = true\n", webhook.url("/"));
    let daemon = Daemon::start(&hook).await;
    assert_eq!(called(&daemon, "tell").await.status(), "OK");
    webhook.requested().await;
    let under_way = async || {
        let metrics = ObserverResponse::get(daemon.observer(), "/metrics").await.body;
        samples(&metrics, "dialhook_detached_in_flight")[0].to_owned()
    };
    assert_eq!(under_way().await, "dialhook_detached_in_flight 1");
    gate.open();
    within_time_limit("the end of the request", async {
        while under_way().await != "dialhook_detached_in_flight 0" {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
