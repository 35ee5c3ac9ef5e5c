//! Owner: observer. The JSON of hooks and of the configuration, the stream of steps, and the requests that a
//! page makes.

use std::path::Path;

use dialhook::config::Config;
use rcgen::{CertificateParams, date_time_ymd};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::steps::{json_at, steps};
use crate::util::{
    Authority, Daemon, Environment, FakeAsterisk, FakeWebhook, ObserverResponse, Reply, gated_webhook,
    refusing, within_time_limit,
};

fn call(hook: &str) -> Environment {
    Environment::new(hook).caller("31612345678").line("agi_dnid", "31201234567")
}

/// Sends a form, as the page of the observer does.
async fn post(daemon: &Daemon, path: &str, form: &str) -> ObserverResponse {
    let (observer, length) = (daemon.observer(), form.len());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {observer}\r\nOrigin: http://{observer}\r\nContent-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}"
    );
    ObserverResponse::to(observer, head.as_bytes()).await
}

#[tokio::test]
async fn a_hook_shows_its_calls_its_breaker_and_the_failure_that_opened_it() {
    let (dead, _listener) = refusing();
    let hook = format!(
        "[hook.crm]\nurl = \"http://{dead}/r?key=geheim\"\nvariable = \"CRM\"\nbreaker = {{ failures = 1, probe = \"1m\" }}"
    );
    let daemon = Daemon::start(&hook).await;
    for _ in 0..3 {
        assert_eq!(FakeAsterisk::call(daemon.address(), call("crm")).await.status(), "UNREACHABLE");
    }
    steps(&daemon, "", 3).await;
    let report = json_at(&daemon, "/api/hooks").await["hooks"][0].clone();
    assert_eq!((&report["name"], &report["calls"], &report["ok"]), (&json!("crm"), &json!(3), &json!(0.0)));
    assert!(report["p50_ms"].is_number() && report["p99_ms"].is_number(), "{report}");
    let minutes = report["minutes"].as_array().unwrap();
    let failed: u64 = minutes.iter().map(|minute| minute["failed"].as_u64().unwrap()).sum();
    assert_eq!((minutes.len(), failed, &report["cache"]), (60, 3, &Value::Null));
    let endpoint = &report["endpoints"][0];
    assert_eq!(
        (&endpoint["breaker"], &endpoint["url"]),
        (&json!("open"), &json!(format!("http://{dead}/r")))
    );
    assert!((1..=60_000).contains(&endpoint["next_probe_ms"].as_u64().unwrap()), "{endpoint}");
    // the open breaker is the consequence
    assert_eq!(report["last_failure"]["reason"], "the webhook refused the connection");
    assert!(!report.to_string().contains("geheim"), "{report}");
}

#[tokio::test]
async fn a_hook_shows_the_calls_in_flight() {
    let (gate, webhook) = gated_webhook().await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\ntimeout = 10", webhook.url("/"))).await;
    let address = daemon.address();
    let waiting = tokio::spawn(async move { FakeAsterisk::call(address, call("crm")).await });
    webhook.requested().await;
    assert_eq!(json_at(&daemon, "/api/hooks").await["hooks"][0]["in_flight"], 1);
    gate.open();
    assert_eq!(waiting.await.unwrap().status(), "OK");
}

#[tokio::test]
async fn a_hook_shows_the_end_of_the_certificate_of_its_webhook() {
    let authority = Authority::new("ours");
    let until_2090 = |parameters: &mut CertificateParams| parameters.not_after = date_time_ymd(2090, 1, 2);
    let tls = authority.certify("127.0.0.1", until_2090, &[]);
    let webhook = FakeWebhook::start_tls(tls, |_| Reply::text("sales")).await;
    let hook = format!(
        "[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\nca = \"{}\"\ntimeout = 10",
        webhook.url("/"),
        authority.file()
    );
    let daemon = Daemon::start(&hook).await;
    assert_eq!(FakeAsterisk::call(daemon.address(), call("crm")).await.status(), "OK");
    let endpoint = json_at(&daemon, "/api/hooks").await["hooks"][0]["endpoints"][0].clone();
    assert_eq!(endpoint["certificate_until"], "2090-01-02T00:00:00.000Z");
}

#[tokio::test]
async fn the_configuration_shows_the_faults_of_a_reload_that_was_refused() {
    let daemon = Daemon::start("[hook.crm]\nurl = \"http://127.0.0.1:1/?key=geheim\"\n").await;
    let before = json_at(&daemon, "/api/configuration").await;
    assert!(before["summary"].as_str().unwrap().contains("hook       crm: "), "{before}");
    assert!(!before.to_string().contains("geheim") && before["refused"].is_null(), "{before}");
    let wrong = Config::parse("[limits]\ncalls = 0\ncals = 1\n", Path::new("dialhook.toml"));
    assert!(daemon.server().reload(wrong).is_err());
    let after = json_at(&daemon, "/api/configuration").await;
    let faults = after["refused"]["faults"].to_string();
    assert!(faults.contains("limits.calls") && faults.contains("limits.cals"), "{faults}");
    assert_eq!((&before["since"], &before["summary"]), (&after["since"], &after["summary"]));
}

#[tokio::test]
async fn the_stream_has_each_step_that_the_query_finds() {
    let webhook = FakeWebhook::start(|request| match request.target.as_str() {
        "/good" => Reply::text("sales"),
        _ => Reply::status(500, "broken"),
    })
    .await;
    let hooks = ["good", "bad"]
        .map(|name| format!("[hook.{name}]\nurl = \"{}\"\n", webhook.url(&format!("/{name}"))));
    let daemon = Daemon::start(&hooks.concat()).await;
    let mut stream = TcpStream::connect(daemon.observer()).await.unwrap();
    let request = format!("GET /api/events?failed=true HTTP/1.1\r\nHost: {}\r\n\r\n", daemon.observer());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    while !within_time_limit("the head", lines.next_line()).await.unwrap().unwrap().is_empty() {}
    for hook in ["good", "bad", "good", "bad"] {
        FakeAsterisk::call(daemon.address(), call(hook)).await;
    }
    let mut found = Vec::new();
    while found.len() < 2 {
        let line = within_time_limit("an event", lines.next_line()).await.unwrap().unwrap();
        if let Some(data) = line.strip_prefix("data: ") {
            found.push(serde_json::from_str::<Value>(data).unwrap());
        }
    }
    let listed = steps(&daemon, "failed=true", 2).await;
    assert_eq!(found, [listed[1].clone(), listed[0].clone()], "the same objects as in the list");
    let wrong = ObserverResponse::get(daemon.observer(), "/api/events?since=noon").await;
    assert_eq!(wrong.code, 400, "{wrong:?}");
}

#[tokio::test]
async fn a_repeated_request_has_the_data_of_the_call_and_says_so() {
    let webhook = FakeWebhook::answering([Reply::text("sales team"), Reply::text("sales")]).await;
    let hook = format!(
        "[observer]\ntry = true\n[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\nfetch = [\"ACCOUNT\"]",
        webhook.url("/")
    );
    let daemon = Daemon::start(&hook).await;
    let with_account = call("crm?variable=ROUTE").variable("ACCOUNT", "42");
    assert_eq!(FakeAsterisk::call(daemon.address(), with_account).await.status(), "BAD_ANSWER");
    let id = steps(&daemon, "", 1).await[0]["id"].as_str().unwrap().to_owned();
    let repeated = post(&daemon, &format!("/api/steps/{id}/repeat"), "").await;
    let tried: Value = serde_json::from_str(&repeated.body).expect("JSON");
    assert_eq!((&tried["then"]["status"], &tried["now"]["status"]), (&json!("BAD_ANSWER"), &json!("OK")));
    // the parameters of the address belong to the step
    assert_eq!(tried["now"]["set"][0]["name"], "ROUTE");
    let requests = webhook.received();
    assert_eq!([0, 1].map(|number: usize| requests[number].header("dialhook-repeat")), [None, Some("1")]);
    for key in ["caller_number", "callee_number", "uuid", "variables"] {
        assert_eq!(requests[0].json()[key], requests[1].json()[key], "{key}");
    }
    steps(&daemon, "", 1).await;
}

#[tokio::test]
async fn a_try_has_data_of_ones_own_and_a_wrong_field_says_what_is_right() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let hook =
        format!("[observer]\ntry = true\n[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"", webhook.url("/"));
    let daemon = Daemon::start(&hook).await;
    let tried = post(&daemon, "/api/try", "hook=crm&caller=123&callee=200&variables=A%3Db").await;
    let now = serde_json::from_str::<Value>(&tried.body).expect("JSON")["now"].clone();
    assert_eq!((&now["status"], &now["set"][0]["value"]), (&json!("OK"), &json!("sales")), "{now}");
    let sent = &webhook.received()[0];
    assert_eq!((sent.json()["caller_number"].clone(), sent.header("dialhook-repeat")), (json!("123"), None));
    for (form, code, fault) in [
        ("hook=crn", 400, "did you mean crm?"),
        ("caller=1", 400, "hook: missing"),
        ("hook=crm&switch=x", 400, "write asterisk or freeswitch"),
        ("hook=crm&variables=A", 400, "NAME=VALUE"),
        ("hook=crm&calle=1", 400, "unknown field `calle`"),
        ("step=000000-1", 404, "records live in memory"),
    ] {
        let refused = post(&daemon, "/api/try", form).await;
        assert!(refused.code == code && refused.body.contains(fault), "{form}: {refused:?}");
    }
    assert_eq!(webhook.received().len(), 1);
}
