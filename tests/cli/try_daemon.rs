//! Owner: cli. The state of the running daemon in `dialhook try`, if one runs.

use serde_json::json;

use crate::util::fake_observer::FakeObserver;
use crate::util::{FakeWebhook, Reply, configured, run};

/// The standard output of `try` while a daemon with this answer to every request runs.
async fn tried(reply: Reply, options: &[&str]) -> String {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let observer = FakeObserver::answering(reply).await;
    let hook = format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\n", webhook.url("/"));
    let (_folder, file) = configured(&(observer.config() + hook.as_str()));
    let (status, out, err) =
        run(&[&["try", "crm?timeout=3", "--config", file.to_str().unwrap()], options].concat()).await;
    assert_eq!((status, err.as_str()), (0, ""));
    out
}

fn hooks() -> Reply {
    let endpoint = json!({
        "url": "http://crm.example.com/r", "breaker": "open", "failures": 5, "next_probe_ms": 4200,
        "quarantine": false, "certificate_until": null
    });
    let hook = json!({
        "name": "crm", "method": "POST", "urls": ["http://crm.example.com/r"], "calls": 200, "ok": 0.985,
        "p50_ms": 12.0, "p95_ms": 40.0, "p99_ms": 90.0, "minutes": [], "in_flight": 0,
        "endpoints": [endpoint], "cache": 0.5, "last_failure": null
    });
    Reply::json(json!({ "hooks": [hook] }).to_string())
}

#[tokio::test]
async fn try_shows_the_breaker_and_the_cache_of_the_running_daemon() {
    let out = tried(hooks(), &[]).await;
    let expected = "
daemon    200 steps in the last hour, 98 % of them OK
          http://crm.example.com/r: the circuit breaker is open, 5 requests in a row without an answer, the next probe in 4.2s
          the cache answered 50 % of the steps of the last hour
";
    assert!(out.ends_with(expected), "{out}");
    let report: serde_json::Value = serde_json::from_str(&tried(hooks(), &["--json"]).await).unwrap();
    assert_eq!(report["daemon"]["endpoints"][0]["breaker"], "open");
}

#[tokio::test]
async fn try_says_nothing_of_a_daemon_that_does_not_tell() {
    for reply in [
        Reply::status(404, "not found"),
        Reply::status(401, "token"),
        Reply::text("hello"),
        Reply::json("{\"hooks\": []}"),
        Reply::json("{\"hooks\": [{\"name\": \"crm\"}]}"),
        Reply::Close,
        Reply::Stall,
    ] {
        let out = tried(reply.clone(), &[]).await;
        assert!(!out.contains("daemon"), "{reply:?}\n{out}");
    }
}
