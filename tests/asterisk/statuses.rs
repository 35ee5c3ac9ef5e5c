//! Owner: hook/answer. Every word of `WEBHOOK_STATUS`: the dialplan goes on, and no value of an earlier step
//! is left.

use super::instance::{Asterisk, Ended};
use super::{asterisk, on_each_release};
use crate::util::{Daemon, FakeWebhook, Gate, Received, Reply};

/// The extension is the hook's name.
const DIALPLAN: &str = "[test]
exten => _[a-z].,1,Set(ROUTE=left over)
 same => n,Set(WEBHOOK_CODE=999)
 same => n,Set(WEBHOOK_REASON=left over)
 same => n,Set(WEBHOOK_STATUS=left over)
 same => n,AGI(agi://dialhook/${EXTEN})
 same => n,Set(WENT_ON=yes)

[after-another]
exten => _[a-z].,1,AGI(agi://dialhook/fine)
 same => n,AGI(agi://dialhook/${EXTEN}?variable=ROUTE)
 same => n,AGI(agi://dialhook/fine)
";

fn answer(request: &Received) -> Reply {
    match &*request.target {
        "/fine" => Reply::text("sales"),
        "/nothing" => Reply::status(204, ""),
        "/broken" => Reply::status(503, "out of order"),
        "/moved" => {
            Reply::Bytes(b"HTTP/1.1 302 Found\r\nLocation: /fine\r\nContent-Length: 5\r\n\r\nsales".to_vec())
        }
        "/quoted" => Reply::text("a\"b"),
        "/lines" => Reply::text("a\nb"),
        "/closing" => Reply::Close,
        "/slow" => Reply::Stall,
        other => panic!("nobody asks for {other}"),
    }
}

fn hooks(webhook: &FakeWebhook) -> String {
    let hook = |name: &str, more: &str| {
        let url = webhook.url(&format!("/{name}"));
        format!("[hook.{name}]\nurl = \"{url}\"\nvariable = \"ROUTE\"\ntimeout = \"1s\"\n{more}\n")
    };
    ["fine", "nothing", "broken", "moved", "quoted", "lines", "closing", "slow"]
        .map(|name| hook(name, ""))
        .concat()
        + "[hook.down]\nurl = \"http://127.0.0.1:1/\"\nvariable = \"ROUTE\"\notherwise = \"reception\"\n"
}

/// Checks the variables on the channel after a call to the hook of this name.
async fn assert_leaves(asterisk: &Asterisk, hook: &str, report: [&str; 4]) {
    let ended = asterisk.call(&format!("{hook}@test")).await;
    let [status, code, reason, route] = report;
    let set = [
        ("ROUTE", route),
        ("WEBHOOK_CODE", code),
        ("WEBHOOK_REASON", reason),
        ("WEBHOOK_STATUS", status),
        ("AGISTATUS", "SUCCESS"),
        ("WENT_ON", "yes"),
    ];
    assert_eq!(last(&ended, 6), set, "{hook}");
}

fn last(ended: &Ended, count: usize) -> Vec<(&str, &str)> {
    let set = &ended.variables[ended.variables.len() - count..];
    set.iter().map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap())).collect()
}

#[tokio::test]
async fn every_status_arrives_with_its_code_reason_and_variable() {
    on_each_release(async |release| {
        let webhook = FakeWebhook::start(answer).await;
        let daemon = Daemon::start(&hooks(&webhook)).await;
        let asterisk = asterisk(release, &daemon, DIALPLAN).await;
        let leaves = async |hook, report| assert_leaves(&asterisk, hook, report).await;
        leaves("fine", ["OK", "200", "", "sales"]).await;
        leaves("nothing", ["OK", "204", "", ""]).await;
        leaves("broken", ["HTTP_ERROR", "503", "the webhook answered 503", ""]).await;
        leaves("moved", ["HTTP_ERROR", "302", "the webhook answered 302", ""]).await;
        leaves("slow", ["TIMEOUT", "", "no answer within 1s", ""]).await;
        leaves("down", ["UNREACHABLE", "", "the webhook refused the connection", "reception"]).await;
        let closed = "the webhook closed the connection before its answer was complete";
        leaves("closing", ["UNREACHABLE", "", closed, ""]).await;
        leaves("lines", ["BAD_ANSWER", "200", "the answer holds a line break or another control byte", ""])
            .await;
        let quoted =
            "the answer is not a word. a word has letters digits . _ plus minus hash star and no spaces";
        leaves("quoted", ["BAD_ANSWER", "200", quoted, ""]).await;
    })
    .await;
}

#[tokio::test]
async fn a_hook_that_does_not_exist_is_a_bad_request() {
    on_each_release(async |release| {
        let daemon = Daemon::start("").await;
        let asterisk =
            asterisk(release, &daemon, &DIALPLAN.replace("${EXTEN}", "${EXTEN}?variable=ROUTE")).await;
        let reason = "no hook of this name is configured. correct the address or add the hook";
        assert_leaves(&asterisk, "missing", ["BAD_REQUEST", "", reason, ""]).await;
    })
    .await;
}

#[tokio::test]
async fn a_call_beyond_the_limit_is_overloaded_and_goes_on() {
    on_each_release(async |release| {
        let gate = Gate::default();
        let opened = gate.clone();
        let webhook = FakeWebhook::start(move |_| Reply::text("sales").after(&gate)).await;
        let daemon = Daemon::start(&format!("{}[limits]\ncalls = 1\n", hooks(&webhook))).await;
        let asterisk = asterisk(release, &daemon, DIALPLAN).await;
        let first = asterisk.begin("fine@test").await;
        webhook.requested().await;
        assert_leaves(
            &asterisk,
            "fine",
            ["OVERLOADED", "", "more calls at once than limits.calls of 1 allows", ""],
        )
        .await;
        opened.open();
        assert_eq!(first.ended().await.last("WEBHOOK_STATUS"), Some("OK"));
        assert_leaves(&asterisk, "fine", ["OK", "200", "", "sales"]).await;
    })
    .await;
}

#[tokio::test]
async fn no_value_of_an_earlier_step_is_left() {
    on_each_release(async |release| {
        let webhook = FakeWebhook::start(answer).await;
        let daemon = Daemon::start(&hooks(&webhook)).await;
        let asterisk = asterisk(release, &daemon, DIALPLAN).await;
        for (hook, status, code) in [
            ("nothing", "OK", "204"),
            ("broken", "HTTP_ERROR", "503"),
            ("slow", "TIMEOUT", ""),
            ("closing", "UNREACHABLE", ""),
            ("lines", "BAD_ANSWER", "200"),
            ("missing", "BAD_REQUEST", ""),
        ] {
            let ended = asterisk.call(&format!("{hook}@after-another")).await;
            let all =
                |name| ended.all(name).map(|value| std::str::from_utf8(value).unwrap()).collect::<Vec<_>>();
            assert_eq!(all("ROUTE"), ["sales", "", "sales"], "{hook}");
            assert_eq!(all("WEBHOOK_STATUS"), ["OK", status, "OK"], "{hook}");
            assert_eq!(all("WEBHOOK_CODE"), ["200", code, "200"], "{hook}");
            let reasons: Vec<_> = ended.all("WEBHOOK_REASON").map(<[u8]>::is_empty).collect();
            assert_eq!(reasons, [true, status == "OK", true], "{hook}");
        }
    })
    .await;
}
