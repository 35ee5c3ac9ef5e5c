//! Owner: webhook. Several URLs of one hook: the next endpoint is asked if one does not answer.

use serde_json::Value;

use super::{step, step_of_freeswitch, urls};
use crate::util::{Authority, Daemon, Ended, FakeWebhook, Reply, configured, daemon_for, refusing, run};

/// A webhook that always sends this reply.
async fn saying(reply: Reply) -> FakeWebhook {
    FakeWebhook::start(move |_| reply.clone()).await
}

/// A daemon with the hook `crm` for these webhooks.
async fn daemon_for_all(webhooks: &[&FakeWebhook], keys: &str) -> Daemon {
    let hook = format!("[hook.crm]\n{}variable = \"CRM\"\notherwise = \"reception\"\n{keys}", urls(webhooks));
    Daemon::start(&hook).await
}

/// A call whose two URLs send these replies, and the number of requests at the second one.
async fn asked(first: Reply, second: Reply, keys: &str) -> (Ended, usize) {
    let (first, second) = (saying(first).await, saying(second).await);
    let daemon = daemon_for_all(&[&first, &second], keys).await;
    let ended = step(&daemon, "crm").await;
    assert_eq!(first.received().len(), 1);
    (ended, second.received().len())
}

#[tokio::test]
async fn the_second_url_is_asked_if_the_first_does_not_answer() {
    for reply in [
        Reply::Close,
        Reply::Reset,
        Reply::Stall,
        Reply::Drip(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        Reply::half_and(Reply::Close),
        Reply::half_and(Reply::Reset),
        Reply::half_and(Reply::Stall),
        Reply::Bytes(b"220 mail.example ESMTP\r\n".to_vec()),
        Reply::status(500, "broken"),
        Reply::status(503, ""),
    ] {
        let what = format!("{reply:?}");
        let (ended, asked) = asked(reply, Reply::text("sales"), "").await;
        assert_eq!(
            (ended.status(), ended.get("CRM"), asked),
            ("OK", Some("sales"), 1),
            "{what}: {}",
            ended.reason()
        );
    }
}

#[tokio::test]
async fn the_second_url_is_asked_if_the_first_refuses_the_connection() {
    let (address, _held) = refusing();
    let second = saying(Reply::text("sales")).await;
    let hook =
        format!("[hook.crm]\nurls = [\"http://{address}/\", \"{}\"]\nvariable = \"CRM\"", second.url("/"));
    let daemon = Daemon::start(&hook).await;
    assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("sales"));
    assert_eq!(step_of_freeswitch(&daemon, "crm").await.get("crm"), Some("sales"));
    assert_eq!(second.received().len(), 2);
}

#[tokio::test]
async fn the_second_url_is_asked_if_the_first_has_a_bad_certificate_or_a_dead_redirect() {
    let (nobody, _held) = refusing();
    let second = saying(Reply::text("sales")).await;
    let wrong = Authority::new("another").certify("127.0.0.1", |_| {}, &[]);
    let wrong = FakeWebhook::start_tls(wrong, |_| Reply::text("no")).await;
    let away = saying(Reply::redirect(307, &format!("http://{nobody}/"))).await;
    for first in [&wrong, &away] {
        let keys = "redirects = 1\nredirect_hosts = [\"127.0.0.1\"]";
        let daemon = daemon_for_all(&[first, &second], keys).await;
        assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("sales"));
    }
    assert_eq!((wrong.received().len(), away.received().len()), (0, 1));
}

#[tokio::test]
async fn the_second_url_is_not_asked_if_the_first_answers() {
    for (reply, status, code) in [
        (Reply::text("sales"), "OK", "200"),
        (Reply::status(404, ""), "HTTP_ERROR", "404"),
        (Reply::status(429, ""), "HTTP_ERROR", "429"),
        (Reply::redirect(302, "/elsewhere"), "HTTP_ERROR", "302"),
        (Reply::text("two\nlines"), "BAD_ANSWER", "200"),
        (Reply::text("say \"hi\""), "BAD_ANSWER", "200"),
        (Reply::text([b'x'; 65_537]), "BAD_ANSWER", "200"),
    ] {
        let (ended, asked) = asked(reply, Reply::text("support"), "").await;
        assert_eq!((ended.status(), ended.code(), asked), (status, code, 0));
    }
}

#[tokio::test]
async fn if_no_url_answers_the_last_failure_counts() {
    for (first, second, status, code, reason) in [
        (Reply::Close, Reply::Stall, "TIMEOUT", "", "no answer within 1s"),
        (Reply::Stall, Reply::status(502, ""), "HTTP_ERROR", "502", "the webhook answered 502"),
        (
            Reply::status(500, ""),
            Reply::Reset,
            "UNREACHABLE",
            "",
            "the webhook closed the connection before its answer was complete",
        ),
        (Reply::Stall, Reply::Stall, "TIMEOUT", "", "no answer within 1s"),
    ] {
        let (ended, asked) = asked(first, second, "timeout = 1").await;
        assert_eq!((ended.status(), ended.code(), ended.reason(), asked), (status, code, reason, 1));
        assert_eq!(ended.get("CRM"), Some("reception"));
    }
}

#[tokio::test]
async fn every_url_has_its_time_slice() {
    let stalling = [saying(Reply::Stall).await, saying(Reply::Stall).await, saying(Reply::Stall).await];
    let last = saying(Reply::text("sales")).await;
    let daemon = daemon_for_all(&[&stalling[0], &stalling[1], &stalling[2], &last], "timeout = 2").await;
    let ended = step(&daemon, "crm").await;
    assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("sales")), "{}", ended.reason());
    assert!(stalling.iter().all(|webhook| webhook.received().len() == 1));
}

#[tokio::test]
async fn each_url_has_its_own_placeholders() {
    let (first, second) = (saying(Reply::Close).await, saying(Reply::text("sales")).await);
    let hook = format!(
        "[hook.crm]\nmethod = \"GET\"\nurls = [\"{}\", \"{}\"]",
        first.url("/a?n={callee_number}"),
        second.url("/b/{callee_number}")
    );
    let daemon = Daemon::start(&hook).await;
    assert_eq!(step(&daemon, "crm").await.status(), "OK");
    assert_eq!((&*first.requested().await.target, &*second.requested().await.target), ("/a?n=200", "/b/200"));
}

#[tokio::test]
async fn the_second_url_gets_the_same_body() {
    let (first, second) = (saying(Reply::half_and(Reply::Reset)).await, saying(Reply::text("sales")).await);
    let daemon = daemon_for_all(&[&first, &second], "").await;
    step(&daemon, "crm").await;
    let (one, other) = (first.requested().await, second.requested().await);
    assert!(!one.body.is_empty());
    assert_eq!((one.method, one.body), (other.method, other.body));
}

#[tokio::test]
async fn try_shows_the_outcome_of_each_url() {
    let (first, second) = (saying(Reply::Stall).await, saying(Reply::text("sales")).await);
    let (dead, _held) = refusing();
    let (one, two) = (first.url("/one?secret=1"), second.url("/two"));
    let (_folder, file) = configured(&format!(
        "[hook.crm]\nurls = [\"http://{dead}/zero\", \"{one}\", \"{two}\"]\nvariable = \"CRM\"\ntimeout = 3\n"
    ));
    let file = file.to_str().unwrap();
    let (status, out, _) = run(&["try", "crm", "--config", file]).await;
    assert_eq!(status, 0, "{out}");
    for line in [
        format!("\nasked     http://{dead}/zero: the webhook refused the connection ("),
        format!("\nasked     {}: no answer within ", first.url("/one")),
        format!("\nasked     {two}: OK ("),
        "\nchannel   CRM = \"sales\"\n".to_owned(),
    ] {
        assert!(out.contains(&line), "{line}\n{out}");
    }
    let (status, out, _) = run(&["try", "crm", "--json", "--config", file]).await;
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &report["status"]), (0, &"OK".into()));
    let attempts = report["attempts"].as_array().unwrap();
    let statuses: Vec<_> = attempts.iter().map(|attempt| attempt["status"].as_str().unwrap()).collect();
    // a refused connection is tried twice
    assert_eq!(statuses, ["UNREACHABLE", "UNREACHABLE", "TIMEOUT", "OK"]);
    assert_eq!(report["request"]["urls"].as_array().unwrap().len(), 3);
    assert!(!attempts.iter().any(|attempt| attempt["url"].as_str().unwrap().contains("secret")), "{out}");
}

#[tokio::test]
async fn the_reason_says_how_long_each_url_was_waited_for() {
    let (first, second) = (saying(Reply::Stall).await, saying(Reply::text("sales")).await);
    let (_folder, file) =
        configured(&format!("[hook.crm]\n{}variable = \"CRM\"\ntimeout = 4\n", urls(&[&first, &second])));
    let (_, out, _) = run(&["try", "crm", "--json", "--config", file.to_str().unwrap()]).await;
    let report: Value = serde_json::from_str(&out).unwrap();
    let waited = &report["attempts"][0];
    assert_eq!(waited["reason"], "no answer within 2s", "{waited}");
}

#[tokio::test]
async fn one_url_is_the_same_as_a_list_of_one() {
    let webhook = saying(Reply::text("sales")).await;
    let daemon = daemon_for_all(&[&webhook], "").await;
    assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("sales"));
    assert_eq!(step(&daemon_for(&webhook, "").await, "crm").await.get("CRM"), Some("sales"));
}
