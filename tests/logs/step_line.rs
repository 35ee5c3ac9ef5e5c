//! Owner: log. The line of a step in each format, and its fields.

use dialhook::log::Format;
use serde_json::Value;

use super::{TEXT, call, fields, logged, tables, trace, webhook};
use crate::util::{FakeAsterisk, FakeWebhook, Received, Reply};

/// A good call and one that fails, in this format: the lines about steps, and the requests.
async fn two_calls(format: Format) -> (Vec<String>, Vec<Received>) {
    let webhook = webhook().await;
    let mut lines = logged(format, "info", &tables(&webhook), async |daemon| {
        assert_eq!(FakeAsterisk::call(daemon.address(), call("crm")).await.status(), "OK");
        assert_eq!(FakeAsterisk::call(daemon.address(), call("broken")).await.status(), "HTTP_ERROR");
    })
    .await;
    lines.retain(|line| line.contains("webhook step"));
    assert_eq!(lines.len(), 2, "{format:?}: {lines:?}");
    (lines, webhook.received())
}

#[tokio::test]
async fn a_line_of_text_has_every_field() {
    let (lines, requests) = two_calls(TEXT).await;
    let parts = [
        " INFO call{id=\"1795416038.2\" channel=\"PJSIP/********678-0000001a\" trace=\"",
        "}: webhook step hook=\"crm\" to=\"http://127.0.0.1:",
        " status=\"OK\" code=200 ms=",
        trace(&requests[0]),
    ];
    for part in parts {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    for part in [
        " WARN call{",
        "hook=\"broken\"",
        "status=\"HTTP_ERROR\" code=503",
        "reason=the webhook answered 503",
    ] {
        assert!(lines[1].contains(part), "{part}: {}", lines[1]);
    }
}

#[tokio::test]
async fn a_line_of_json_has_every_field() {
    let (lines, requests) = two_calls(Format::Json).await;
    let [good, bad] = [&lines[0], &lines[1]].map(|line| serde_json::from_str::<Value>(line).unwrap());
    for (json, level, hook, status, code, request) in [
        (&good, "INFO", "crm", "OK", 200, &requests[0]),
        (&bad, "WARN", "broken", "HTTP_ERROR", 503, &requests[1]),
    ] {
        assert_eq!((&json["level"], &json["message"]), (&level.into(), &"webhook step".into()));
        assert_eq!(
            (&json["hook"], &json["status"], &json["code"]),
            (&hook.into(), &status.into(), &code.into())
        );
        assert!(json["ms"].is_u64() && json["timestamp"].is_string(), "{json}");
        assert!(json["to"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{json}");
        let span = &json["span"];
        assert_eq!((&span["id"], &span["trace"]), (&"1795416038.2".into(), &trace(request).into()));
        assert_eq!(span["channel"], "PJSIP/********678-0000001a");
    }
    assert_eq!(bad["reason"], "the webhook answered 503");
}

#[tokio::test]
async fn an_entry_of_the_journal_has_every_field() {
    let (entries, requests) = two_calls(Format::Journald).await;
    for (entry, priority, hook, status, code, request) in [
        (&entries[0], "6", "crm", "OK", "200", &requests[0]),
        (&entries[1], "4", "broken", "HTTP_ERROR", "503", &requests[1]),
    ] {
        let fields = fields(entry);
        let field = |wanted: &str| {
            let values: Vec<_> = fields.iter().filter(|(name, _)| *name == wanted).collect();
            assert_eq!(values.len(), 1, "{wanted}: {entry}");
            values[0].1
        };
        assert_eq!((field("PRIORITY"), field("SYSLOG_IDENTIFIER")), (priority, "dialhook"));
        assert_eq!((field("DIALHOOK_HOOK"), field("DIALHOOK_STATUS")), (hook, status));
        assert_eq!((field("DIALHOOK_CODE"), field("DIALHOOK_ID")), (code, "1795416038.2"));
        assert_eq!(field("DIALHOOK_CHANNEL"), "PJSIP/********678-0000001a");
        assert_eq!(field("DIALHOOK_TRACE"), trace(request));
        assert!(field("DIALHOOK_MS").parse::<u64>().is_ok());
        let message = field("MESSAGE");
        assert!(message.starts_with(&format!("webhook step hook={hook} to=http://127.0.0.1:")), "{message}");
        assert!(message.contains(" channel=PJSIP/********678-0000001a"), "{message}");
    }
    assert!(entries[1].contains("DIALHOOK_REASON=the webhook answered 503\n"));
    assert!(entries[1].contains(" reason=\"the webhook answered 503\""));
}

#[tokio::test]
async fn a_hangup_leaves_one_line_too() {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let hook = format!("[hook.crm]\nurl = \"{}\"\ntimeout = 10", webhook.url("/"));
    let lines = logged(TEXT, "info", &hook, async |daemon| {
        let mut switch = FakeAsterisk::connect(daemon.address()).await;
        switch.greet(&call("crm")).await.expect("a challenge");
        webhook.requested().await;
        switch.send(b"HANGUP\n").await;
        switch.receive_all().await;
    })
    .await;
    let steps: Vec<_> = lines.iter().filter(|line| line.contains("webhook step")).collect();
    assert_eq!(steps.len(), 1, "{lines:?}");
    for part in
        [" INFO call{", trace(&webhook.received()[0]), "status=\"CANCELLED\"", "reason=the caller hung up"]
    {
        assert!(steps[0].contains(part), "{part}: {}", steps[0]);
    }
}

#[tokio::test]
async fn a_warning_has_the_fields_of_the_call() {
    let webhook = webhook().await;
    let lines = logged(TEXT, "warn", &tables(&webhook), async |daemon| {
        FakeAsterisk::call(daemon.address(), call("crm")).await;
        FakeAsterisk::call(daemon.address(), call("broken")).await;
    })
    .await;
    let lines: Vec<_> = lines.iter().filter(|line| line.contains("webhook step")).collect();
    assert!(lines.len() == 1 && lines[0].contains("call{id=\"1795416038.2\""), "{lines:?}");
}
