//! Owner: webhook. The connection pool: the connections that carry more than one request.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{step, steps};
use crate::util::{
    Daemon, Environment, FakeAsterisk, FakeWebhook, Gate, Program, Received, Reply, daemon_for,
};

/// A webhook that closes each connection in the place of a second answer, without `Connection: close`.
async fn closing() -> FakeWebhook {
    FakeWebhook::start(|request| if request.number > 1 { Reply::Close } else { Reply::text("sales") }).await
}

fn says_close(request: &Received) -> bool {
    request.header("connection") == Some("close")
}

#[tokio::test]
async fn at_most_one_post_is_lost_if_the_webhook_closes_without_notice() {
    let webhook = closing().await;
    let daemon = daemon_for(&webhook, "").await;
    let mut statuses = Vec::new();
    for _ in 0..30 {
        statuses.push(step(&daemon, "crm").await.status().to_owned());
    }
    // the first connection is used once; the second is reused, and dies with the third request
    let lost: Vec<_> = (0..30).filter(|number| statuses[*number] != "OK").collect();
    assert_eq!(lost, [2], "{statuses:?}");
    let received = webhook.received();
    assert_eq!(received.len(), 30);
    let announced: Vec<_> = received.iter().map(says_close).collect();
    assert_eq!(announced, [vec![false; 3], vec![true; 27]].concat());
}

#[tokio::test]
async fn no_get_is_lost_if_the_webhook_closes_without_notice() {
    let webhook = closing().await;
    let daemon = daemon_for(&webhook, "method = \"GET\"").await;
    for number in 0..30 {
        let ended = step(&daemon, "crm").await;
        assert_eq!(ended.status(), "OK", "{number}: {}", ended.reason());
    }
    assert_eq!(webhook.received().len(), 31, "one was sent twice");
}

#[tokio::test]
async fn a_retry_after_a_dead_reused_connection_costs_no_budget() {
    const CALLS: usize = 10;
    let (answers, ends) = (Gate::default(), Gate::default());
    let gates = (answers.clone(), ends.clone());
    let trusted = AtomicBool::new(false);
    let webhook = FakeWebhook::start(move |request| {
        if !trusted.swap(true, Ordering::Relaxed) {
            return Reply::text("sales");
        }
        match request.number {
            1 => Reply::text("sales").after(&gates.0),
            _ => Reply::Close.after(&gates.1),
        }
    })
    .await;
    let daemon = daemon_for(&webhook, "method = \"GET\"\ntimeout = 10").await;
    assert_eq!(step(&daemon, "crm").await.status(), "OK");
    // as many connections as calls: no answer comes before the last request
    let (first, ()) = tokio::join!(steps(&daemon, "crm", CALLS), async {
        webhook.requests(1 + CALLS).await;
        answers.open();
    });
    assert!(first.iter().all(|ended| ended.status() == "OK"));
    // all of them die at once, and the budget has fewer retries
    let (second, ()) = tokio::join!(steps(&daemon, "crm", CALLS), async {
        webhook.requests(1 + 2 * CALLS).await;
        ends.open();
    });
    let reasons: Vec<_> = second.iter().map(|ended| ended.reason()).collect();
    assert!(second.iter().all(|ended| ended.status() == "OK"), "{reasons:?}");
    assert_eq!(webhook.received().len(), 1 + 3 * CALLS);
}

#[tokio::test]
async fn a_dead_reused_connection_does_not_open_the_breaker() {
    let webhook = closing().await;
    let daemon = daemon_for(&webhook, "breaker = { failures = 1, probe = \"1h\" }").await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(step(&daemon, "crm").await.status().to_owned());
    }
    assert_eq!(statuses, ["OK", "OK", "UNREACHABLE", "OK", "OK"]);
}

#[tokio::test]
async fn the_log_says_once_that_connections_are_closed_without_notice() {
    let webhook = closing().await;
    let program = Program::serve(&format!("[hook.crm]\nurl = \"{}\"\n", webhook.url("/")), &[]).await;
    for _ in 0..6 {
        FakeAsterisk::call(program.address(), Environment::new("crm")).await;
    }
    let log = program.stop().await;
    let line = "the webhook closed a reused connection without notice: for 10 minutes each request gets a new \
                connection; if this happens again, write keep_alive = false in the hook, or one call fails \
                each time";
    assert_eq!(log.matches(line).count(), 1, "{log}");
}

#[tokio::test]
async fn without_keep_alive_each_request_closes_its_connection() {
    let webhook = closing().await;
    let daemon = daemon_for(&webhook, "keep_alive = false").await;
    for _ in 0..5 {
        assert_eq!(step(&daemon, "crm").await.status(), "OK");
    }
    let received = webhook.received();
    assert_eq!((received.len(), webhook.connections()), (5, 5));
    assert!(received.iter().all(says_close));
}

#[tokio::test]
async fn a_connection_from_quarantine_serves_no_trusted_request() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = daemon_for(&webhook, "").await;
    for _ in 0..4 {
        assert_eq!(step(&daemon, "crm").await.status(), "OK");
    }
    let numbers: Vec<_> = webhook.received().iter().map(|request| request.number).collect();
    assert_eq!((numbers, webhook.connections()), (vec![1, 1, 2, 3], 2));
}

#[tokio::test]
async fn an_endpoint_in_quarantine_shares_no_connections_with_another_on_the_same_host() {
    let webhook = FakeWebhook::start(|request| match request.target.as_str() {
        "/silent" => Reply::Close,
        _ => Reply::text("sales"),
    })
    .await;
    let hook = |name: &str| {
        let url = webhook.url(&format!("/{name}"));
        format!("[hook.{name}]\nurl = \"{url}\"\nbreaker = false\n")
    };
    let daemon = Daemon::start(&(hook("good") + hook("silent").as_str())).await;
    for _ in 0..3 {
        assert_eq!(step(&daemon, "good").await.status(), "OK");
    }
    // the trusted connection is idle and is not used
    assert_eq!(step(&daemon, "silent").await.status(), "UNREACHABLE");
    assert_eq!(step(&daemon, "good").await.status(), "OK");
    let received = webhook.received();
    let numbers: Vec<_> = received.iter().map(|request| request.number).collect();
    let good = received.iter().filter(|request| request.target == "/good").count();
    assert_eq!((numbers[..3].to_vec(), good, numbers.last()), (vec![1, 1, 2], 4, Some(&3)));
}

#[tokio::test]
async fn the_target_of_a_redirect_is_trusted_only_after_its_first_answer() {
    let there = FakeWebhook::start(|_| Reply::text("there")).await;
    let location = there.url("/x");
    let webhook = FakeWebhook::start(move |_| Reply::redirect(307, &location)).await;
    let keys = "redirects = 1\nredirect_hosts = [\"127.0.0.1\"]";
    let daemon = daemon_for(&webhook, keys).await;
    for _ in 0..3 {
        assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("there"));
    }
    let numbers: Vec<_> = there.received().iter().map(|request| request.number).collect();
    assert_eq!(numbers, [1, 1, 2]);
}
