//! Owner: webhook. Header lines: how they are written, and which of an answer are read.

use super::step;
use crate::util::{Ended, FakeWebhook, Reply, daemon_for};

/// One call at a webhook that sends this reply.
async fn answered(reply: Reply, keys: &str) -> Ended {
    let webhook = FakeWebhook::start(move |_| reply.clone()).await;
    step(&daemon_for(&webhook, keys).await, "crm").await
}

/// A good answer with these header lines.
fn with_lines(lines: &str) -> Reply {
    Reply::Bytes(format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 5\r\n\r\nsales").into_bytes())
}

const TOO_MANY: &str = "the webhook sent too many headers. at most 100 lines and 417792 bytes are read";

#[tokio::test]
async fn header_names_are_written_in_title_case() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let keys = "headers = { X-Api-Key = \"k\", x-site = \"ams\" }\nbearer = \"geheim\"";
    assert_eq!(step(&daemon_for(&webhook, keys).await, "crm").await.status(), "OK");
    let mut spelled = webhook.requested().await.spelled;
    spelled.sort_unstable();
    assert_eq!(
        spelled,
        [
            "Accept",
            "Accept-Encoding",
            "Authorization",
            "Content-Length",
            "Content-Type",
            "Host",
            "Traceparent",
            "User-Agent",
            "Webhook-Id",
            "X-Api-Key",
            "X-Site"
        ]
    );
}

#[tokio::test]
async fn requests_accept_identity_only_unless_the_hook_says_otherwise() {
    for (keys, coding) in [("", "identity"), ("headers = { Accept-Encoding = \"gzip;q=0\" }", "gzip;q=0")] {
        let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
        assert_eq!(step(&daemon_for(&webhook, keys).await, "crm").await.status(), "OK");
        assert_eq!(webhook.requested().await.header("accept-encoding"), Some(coding));
    }
}

#[tokio::test]
async fn a_compressed_answer_is_refused_with_the_name_of_its_coding() {
    for (coding, name) in [
        ("gzip", "gzip"),
        ("X-GZIP", "gzip"),
        ("deflate", "deflate"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("compress", "compress"),
        ("identity, br", "br"),
        ("{evil} $x", "an unknown coding"),
    ] {
        let line = format!("Content-Encoding: {coding}");
        let ended = answered(Reply::with_header(200, &line, b"\x1f\x8b\x08\0sales"), "").await;
        assert_eq!((ended.status(), ended.code()), ("BAD_ANSWER", "200"), "{coding}");
        let reason = format!("the answer is compressed with {name}. the webhook must send it uncompressed");
        assert_eq!(ended.reason(), reason);
    }
}

#[tokio::test]
async fn a_coding_is_ignored_if_the_body_is_not_read() {
    let gzip = || Reply::with_header(200, "Content-Encoding: gzip", b"\x1f\x8b\x08\0");
    let webhook = FakeWebhook::start(move |_| gzip()).await;
    let hook = |name: &str, keys: &str| format!("[hook.{name}]\nurl = \"{}\"\n{keys}", webhook.url("/"));
    let hooks = hook("tells", "") + hook("status", "set = { CODE = { status = true } }\n").as_str();
    let daemon = crate::util::Daemon::start(&hooks).await;
    for name in ["tells", "status"] {
        assert_eq!(step(&daemon, name).await.status(), "OK", "{name}");
    }
    for line in ["Content-Encoding: identity", "Content-Encoding: ", "Content-Encoding: Identity, identity"] {
        let ended = answered(Reply::with_header(200, line, "sales"), "").await;
        assert_eq!(ended.get("CRM"), Some("sales"), "{line}");
    }
}

#[tokio::test]
async fn header_lines_that_curl_and_browsers_tolerate_are_tolerated() {
    for lines in [
        "Content-Type : text/plain\r\n",
        "Content-Type\t: text/plain\r\n",
        "X Powered By: PHP\r\n",
        "X-Folded: one\r\n two\r\n\tthree\r\n",
        "no colon at all\r\n",
        ": no name\r\n",
        "X-Control: a\x01b\r\n",
        "X-Latin: Ren\u{e9}\r\n",
        "X-(Round): brackets\r\n",
    ] {
        let ended = answered(with_lines(lines), "").await;
        assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("sales")), "{lines}: {}", ended.reason());
    }
}

#[tokio::test]
async fn a_tolerated_header_line_has_its_effect() {
    let set = "set = { PART = { header = \"X-Part\", accept = \"text\" } }";
    for (lines, part) in [
        ("X-Part : support\r\n", "support"),
        ("X-Part: two\r\n words\r\n", "two words"),
        ("X-Part: two\r\n\t words \r\n", "two words"),
        ("X Part: no\r\nX-Part: yes\r\n", "yes"),
    ] {
        let ended = answered(with_lines(lines), set).await;
        assert_eq!((ended.status(), ended.get("PART")), ("OK", Some(part)), "{lines}: {}", ended.reason());
    }
    let latin = Reply::Bytes(
        b"HTTP/1.1 200 OK\r\nContent-Type : text/plain; charset=iso-8859-1\r\nContent-Length : 4\r\n\r\nRen\xe9"
            .to_vec(),
    );
    assert_eq!(answered(latin, "").await.get("CRM"), Some("René"));
}

#[tokio::test]
async fn a_hundred_header_lines_are_accepted_and_no_more() {
    let lines = |count| (1..count).map(|number| format!("X-{number}: y\r\n")).collect::<String>();
    let ended = answered(with_lines(&lines(100)), "").await;
    assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("sales")), "{}", ended.reason());
    let ended = answered(with_lines(&lines(101)), "").await;
    assert_eq!((ended.status(), ended.reason()), ("UNREACHABLE", TOO_MANY));
}

#[tokio::test]
async fn a_head_of_400_kb_is_accepted_and_no_longer_head() {
    let line = |length: usize| format!("X-Long: {}\r\n", "y".repeat(length));
    let ended = answered(with_lines(&line(400_000)), "").await;
    assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("sales")), "{}", ended.reason());
    let ended = answered(with_lines(&line(450_000)), "").await;
    assert_eq!((ended.status(), ended.reason()), ("UNREACHABLE", TOO_MANY));
}
