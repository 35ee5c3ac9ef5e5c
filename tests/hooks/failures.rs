//! Owner: webhook. Webhooks that fail in each way: the call goes on.

use std::time::Duration;

use rcgen::{CertificateParams, date_time_ymd};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::{step, step_of_freeswitch};
use crate::util::{Authority, Daemon, FakeWebhook, Reply, refusing};

/// Longer than any call with a timeout of one second.
const TOO_LONG: Duration = Duration::from_secs(5);

/// One call of each switch at a hook with these keys: both must get this status and reason.
async fn both_go_on(keys: &str, status: &str, reason: &str) {
    let hook = format!(
        "[hook.crm]\n{keys}\ntimeout = 1\nvariable = \"CRM\"\notherwise = \"reception\"\nset = {{ PART = {{ header = \"X-Part\" }} }}\n"
    );
    let daemon = Daemon::start(&hook).await;
    let ended = timeout(TOO_LONG, step(&daemon, "crm")).await.expect("the call goes on");
    assert_eq!((ended.status(), ended.reason()), (status, reason), "{keys}");
    assert_eq!((ended.get("CRM"), ended.get("PART")), (Some("reception"), Some("reception")), "{keys}");
    let given_back = timeout(TOO_LONG, step_of_freeswitch(&daemon, "crm")).await.expect("the call goes on");
    assert_eq!((given_back.status(), given_back.reason()), (status, reason), "{keys}");
    assert_eq!(
        (given_back.get("crm"), given_back.get("part")),
        (Some("reception"), Some("reception")),
        "{keys}"
    );
    timeout(TOO_LONG, daemon.stop()).await.expect("nothing is left to wait for");
}

/// The same at a webhook that sends this reply.
async fn both_go_on_after(reply: Reply, keys: &str, status: &str, reason: &str) {
    let webhook = FakeWebhook::start(move |_| reply.clone()).await;
    both_go_on(&format!("url = \"{}\"\n{keys}", webhook.url("/")), status, reason).await;
}

const CLOSED: &str = "the webhook closed the connection before its answer was complete";

#[tokio::test]
async fn a_call_goes_on_if_the_webhook_refuses_the_connection() {
    let (address, _held) = refusing();
    both_go_on(&format!("url = \"http://{address}/\""), "UNREACHABLE", "the webhook refused the connection")
        .await;
}

#[tokio::test]
async fn a_call_goes_on_if_the_webhook_closes_the_connection() {
    for reply in [Reply::Close, Reply::Reset, Reply::half_and(Reply::Close), Reply::half_and(Reply::Reset)] {
        both_go_on_after(reply, "", "UNREACHABLE", CLOSED).await;
    }
}

#[tokio::test]
async fn a_call_goes_on_if_the_webhook_stalls() {
    let begun = "the answer began but was not complete within 1s";
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    both_go_on_after(Reply::Stall, "", "TIMEOUT", "no answer within 1s").await;
    both_go_on_after(Reply::Drip(head), "", "TIMEOUT", "no answer within 1s").await;
    both_go_on_after(Reply::half_and(Reply::Stall), "", "TIMEOUT", begun).await;
    both_go_on_after(Reply::Drip(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), "", "TIMEOUT", begun).await;
}

#[tokio::test]
async fn a_call_goes_on_if_the_tls_handshake_never_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("url = \"https://{}/\"", listener.local_addr().unwrap());
    let holding = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok(connection) = listener.accept().await {
            held.push(connection);
        }
    });
    both_go_on(&url, "TIMEOUT", "the TLS handshake with the webhook was not complete within 1s").await;
    holding.abort();
}

#[tokio::test]
async fn a_call_goes_on_if_the_answer_never_ends() {
    let long = Reply::Then(
        [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &[b'x'; 200_000]].concat(),
        Box::new(Reply::Drip(Vec::new())),
    );
    both_go_on_after(long, "", "BAD_ANSWER", "the answer is longer than limits.answer allows").await;
    let head = Reply::Bytes(format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(100_000)).into_bytes());
    let reason = "the webhook sent too many headers. at most 100 lines and 417792 bytes are read";
    both_go_on_after(head, "", "UNREACHABLE", reason).await;
    let early = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000);
    both_go_on_after(
        Reply::Then(early.into_bytes(), Box::new(Reply::Stall)),
        "",
        "TIMEOUT",
        "no answer within 1s",
    )
    .await;
}

#[tokio::test]
async fn a_call_goes_on_if_the_certificate_is_wrong() {
    let (ours, other) = (Authority::new("ours"), Authority::new("another"));
    let expired = |parameters: &mut CertificateParams| {
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    };
    for (tls, reason) in [
        (
            other.certify("127.0.0.1", |_| {}, &[]),
            "the certificate of the webhook is from an unknown authority",
        ),
        (
            ours.certify("127.0.0.1", expired, &[]),
            "the certificate of the webhook is expired or not valid yet",
        ),
        (ours.certify("h.example", |_| {}, &[]), "the certificate of the webhook is for another host name"),
    ] {
        let webhook = FakeWebhook::start_tls(tls, |_| Reply::text("sales")).await;
        let keys = format!("url = \"{}\"\nca = \"{}\"", webhook.url("/"), ours.file());
        both_go_on(&keys, "UNREACHABLE", reason).await;
        assert_eq!(webhook.received(), []);
    }
}

#[tokio::test]
async fn a_call_goes_on_if_the_charset_is_wrong() {
    let reason = "the charset of the answer is not UTF 8 or ISO 8859 1 or Windows 1252";
    let reply = Reply::with_header(200, "Content-Type: text/plain; charset=utf-16", b"s\0");
    both_go_on_after(reply, "", "BAD_ANSWER", reason).await;
}

#[tokio::test]
async fn a_call_goes_on_if_redirects_form_a_loop() {
    let reason = "the webhook answered 307 and redirects more often than the hook allows";
    both_go_on_after(Reply::redirect(307, "/"), "redirects = 3", "HTTP_ERROR", reason).await;
}

#[tokio::test]
async fn a_call_goes_on_if_a_redirect_leads_to_a_dead_host() {
    let (address, _held) = refusing();
    let reply = Reply::redirect(307, &format!("http://{address}/"));
    let keys = "redirects = 1\nredirect_hosts = [\"127.0.0.1\"]";
    both_go_on_after(reply, keys, "UNREACHABLE", "the webhook refused the connection").await;
}

#[tokio::test]
async fn a_webhook_that_was_silent_is_asked_again() {
    let flood = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(1000);
    for silence in [Reply::Stall, Reply::Then(flood, Box::new(Reply::Stall)), Reply::Reset] {
        let webhook =
            FakeWebhook::answering([silence, Reply::text("one"), Reply::text("two"), Reply::text("three")])
                .await;
        let keys = format!(
            "[hook.crm]\nurl = \"{}\"\ntimeout = 1\nvariable = \"CRM\"\nbreaker = false\n",
            webhook.url("/")
        );
        let daemon = Daemon::start(&keys).await;
        assert_ne!(step(&daemon, "crm").await.status(), "OK");
        for answer in ["one", "two", "three"] {
            assert_eq!(step(&daemon, "crm").await.get("CRM"), Some(answer));
        }
        // the quarantine may hold a connection for a moment after the answer
        assert!(webhook.connections() < 4, "a connection that answered is kept");
        timeout(TOO_LONG, daemon.stop()).await.expect("nothing is left to wait for");
    }
}
