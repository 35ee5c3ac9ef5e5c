//! Owner: webhook. Retries and the retry budget.

use super::{step, steps};
use crate::util::{Authority, Daemon, Ended, FakeWebhook, Reply, daemon_for, refusing};

/// A call at an https webhook that resets the first connections before the TLS handshake.
async fn call_with_resets(resets: usize, keys: &str) -> (Ended, FakeWebhook) {
    let authority = Authority::new("ours");
    let tls = authority.certify("127.0.0.1", |_| {}, &[]);
    let webhook = FakeWebhook::start_tls_after_resets(resets, tls, |_| Reply::text("sales")).await;
    let daemon = daemon_for(&webhook, &format!("ca = \"{}\"\n{keys}", authority.file())).await;
    (step(&daemon, "crm").await, webhook)
}

#[tokio::test]
async fn a_failed_connection_is_tried_once_more() {
    for method in ["POST", "GET"] {
        let (ended, webhook) = call_with_resets(1, &format!("method = \"{method}\"")).await;
        assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("sales")), "{}", ended.reason());
        assert_eq!((webhook.connections(), webhook.received().len()), (2, 1));
    }
}

#[tokio::test]
async fn a_failed_connection_is_not_tried_a_third_time() {
    for keys in ["", "idempotent = true"] {
        let (ended, webhook) = call_with_resets(2, keys).await;
        assert_eq!((ended.status(), webhook.connections(), webhook.received().len()), ("UNREACHABLE", 2, 0));
    }
}

#[tokio::test]
async fn a_wrong_certificate_is_not_retried() {
    let tls = Authority::new("another").certify("127.0.0.1", |_| {}, &[]);
    let webhook = FakeWebhook::start_tls(tls, |_| Reply::text("sales")).await;
    let ours = Authority::new("ours");
    let daemon = daemon_for(&webhook, &format!("ca = \"{}\"\nidempotent = true", ours.file())).await;
    assert_eq!(step(&daemon, "crm").await.status(), "UNREACHABLE");
    assert_eq!(webhook.connections(), 1);
}

/// Two calls over one connection, of which the second is answered so; one more answer would be a good one. A
/// call before them makes the webhook trusted, on a connection that serves no other.
async fn second_on_the_same_connection(reply: Reply, keys: &str) -> (Ended, FakeWebhook) {
    let webhook =
        FakeWebhook::answering([Reply::text("zero"), Reply::text("first"), reply, Reply::text("third")])
            .await;
    let daemon = daemon_for(&webhook, keys).await;
    assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("zero"));
    assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("first"));
    (step(&daemon, "crm").await, webhook)
}

#[tokio::test]
async fn a_get_is_retried_if_a_reused_connection_dies_before_any_byte() {
    for reply in [Reply::Close, Reply::Reset] {
        let (ended, webhook) = second_on_the_same_connection(reply, "method = \"GET\"").await;
        assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("third")), "{}", ended.reason());
        assert_eq!((webhook.connections(), webhook.received().len()), (3, 4));
    }
}

#[tokio::test]
async fn a_get_is_not_retried_after_the_answer_has_begun() {
    for end in [Reply::Close, Reply::Reset] {
        let (ended, webhook) = second_on_the_same_connection(Reply::half_and(end), "method = \"GET\"").await;
        assert_eq!((ended.status(), webhook.received().len()), ("UNREACHABLE", 3));
    }
}

#[tokio::test]
async fn a_post_is_never_retried_after_it_was_sent() {
    for reply in [Reply::Close, Reply::Reset, Reply::half_and(Reply::Reset)] {
        let (ended, webhook) = second_on_the_same_connection(reply, "").await;
        assert_eq!((ended.status(), webhook.received().len()), ("UNREACHABLE", 3));
    }
}

/// One call on a new connection, on which only these bytes arrive.
async fn fresh(reply: Reply, keys: &str) -> (Ended, usize) {
    let webhook = FakeWebhook::answering([reply, Reply::text("second")]).await;
    let daemon = daemon_for(&webhook, keys).await;
    (step(&daemon, "crm").await, webhook.received().len())
}

#[tokio::test]
async fn a_request_that_died_with_a_new_connection_is_not_retried() {
    for method in ["POST", "GET"] {
        for reply in
            [Reply::Close, Reply::Reset, Reply::half_and(Reply::Close), Reply::half_and(Reply::Reset)]
        {
            let (ended, received) = fresh(reply, &format!("method = \"{method}\"")).await;
            assert_eq!((ended.status(), received), ("UNREACHABLE", 1), "{method}");
        }
    }
}

#[tokio::test]
async fn an_idempotent_request_is_retried_after_any_failure() {
    for method in ["POST", "GET"] {
        for reply in
            [Reply::Close, Reply::Reset, Reply::half_and(Reply::Close), Reply::half_and(Reply::Reset)]
        {
            let (ended, received) = fresh(reply, &format!("method = \"{method}\"\nidempotent = true")).await;
            assert_eq!((ended.status(), ended.get("CRM"), received), ("OK", Some("second"), 2), "{method}");
        }
    }
}

#[tokio::test]
async fn a_request_with_an_answer_is_never_retried() {
    for (reply, status) in [
        (Reply::status(500, ""), "HTTP_ERROR"),
        (Reply::status(503, ""), "HTTP_ERROR"),
        (Reply::text("\n\0"), "BAD_ANSWER"),
    ] {
        let (ended, received) = fresh(reply, "idempotent = true").await;
        assert_eq!((ended.status(), received), (status, 1));
    }
}

#[tokio::test]
async fn a_retry_has_no_timeout_of_its_own() {
    let webhook = FakeWebhook::answering([Reply::Reset, Reply::Stall]).await;
    let daemon = daemon_for(&webhook, "timeout = 1\nidempotent = true").await;
    let ended = step(&daemon, "crm").await;
    assert_eq!((ended.status(), ended.reason()), ("TIMEOUT", "no answer within 1s"));
    assert_eq!(webhook.received().len(), 2);
}

/// The most requests for so many calls if every request fails: a fifth more.
fn bound(calls: usize) -> std::ops::Range<usize> {
    calls + 1..calls * 6 / 5
}

#[tokio::test]
async fn if_every_request_fails_less_than_a_fifth_is_retried() {
    let webhook = FakeWebhook::start(|_| Reply::Reset).await;
    let daemon = daemon_for(&webhook, "breaker = false\nidempotent = true").await;
    for _ in 0..20 {
        assert!(steps(&daemon, "crm", 15).await.iter().all(|ended| ended.status() == "UNREACHABLE"));
    }
    let sent = webhook.received().len();
    assert!(bound(300).contains(&sent), "{sent} requests for 300 calls");
}

#[tokio::test]
async fn if_every_connection_fails_less_than_a_fifth_is_retried() {
    let authority = Authority::new("ours");
    let tls = authority.certify("127.0.0.1", |_| {}, &[]);
    let webhook = FakeWebhook::start_tls_after_resets(usize::MAX, tls, |_| Reply::Stall).await;
    let daemon = daemon_for(&webhook, &format!("breaker = false\nca = \"{}\"", authority.file())).await;
    for _ in 0..20 {
        assert!(steps(&daemon, "crm", 15).await.iter().all(|ended| ended.status() == "UNREACHABLE"));
    }
    let made = webhook.connections();
    assert!(bound(300).contains(&made), "{made} connections for 300 calls");
}

#[tokio::test]
async fn the_reason_says_that_the_webhook_refused_twice() {
    let (address, _held) = refusing();
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"http://{address}/\"")).await;
    assert_eq!(step(&daemon, "crm").await.reason(), "the webhook refused the connection");
}
