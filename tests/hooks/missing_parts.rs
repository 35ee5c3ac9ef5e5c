//! Owner: hook/answer. Answers that lack a part that `set` names: OK, and the variable gets its `otherwise`.

use super::{step, step_of_freeswitch};
use crate::util::{Daemon, FakeWebhook, Reply, daemon_for};

const SET: &str =
    "otherwise = \"none\"\nset = { ROUTE = \"/route\", NAME = { json = \"/name\", otherwise = \"\" } }";

/// The hook `crm` with these keys, and a webhook that sends this reply.
async fn answering(reply: Reply, keys: &str) -> (FakeWebhook, Daemon) {
    let webhook = FakeWebhook::start(move |_| reply.clone()).await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\n{keys}", webhook.url("/"))).await;
    (webhook, daemon)
}

#[tokio::test]
async fn an_empty_answer_has_no_parts_and_is_ok() {
    for (reply, code) in [
        (Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()), "204"),
        (Reply::text(""), "200"),
        (Reply::text(" \r\n"), "200"),
        (Reply::with_header(200, "Content-Type: application/json; charset=utf-16", ""), "200"),
    ] {
        let what = format!("{reply:?}");
        let (_webhook, daemon) = answering(reply, SET).await;
        let ended = step(&daemon, "crm").await;
        assert_eq!((ended.status(), ended.code(), ended.reason()), ("OK", code, ""), "{what}");
        assert_eq!((ended.get("ROUTE"), ended.get("NAME")), (Some("none"), Some("")), "{what}");
        let given_back = step_of_freeswitch(&daemon, "crm").await;
        assert_eq!((given_back.status(), given_back.get("route")), ("OK", Some("none")), "{what}");
    }
}

#[tokio::test]
async fn an_answer_with_other_parts_only_is_ok() {
    for body in [r#"[{"route": "sales"}]"#, r#"{"error": "x"}"#, r#"{"Route": "sales"}"#, "\"sales\"", "7"] {
        let (_webhook, daemon) = answering(Reply::json(body), SET).await;
        let ended = step(&daemon, "crm").await;
        assert_eq!((ended.status(), ended.reason(), ended.get("ROUTE")), ("OK", "", Some("none")), "{body}");
    }
}

#[tokio::test]
async fn an_empty_answer_empties_the_variable_of_the_whole_text_too() {
    let webhook = FakeWebhook::start(|_| Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    let daemon = daemon_for(&webhook, SET).await;
    let ended = step(&daemon, "crm").await;
    assert_eq!((ended.status(), ended.get("CRM"), ended.get("ROUTE")), ("OK", Some(""), Some("none")));
}
