//! Owner: webhook. The circuit breaker: a webhook that does not answer gets no requests for a while.

use std::time::Duration;

use dialhook::hook::Status;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Asking, step, step_of_freeswitch, steps, urls};
use crate::util::{
    Daemon, Ended, Environment, FakeAsterisk, FakeWebhook, Gate, Program, Reply, daemon_for,
    within_time_limit,
};

/// The reason of a call that finds the breaker open.
const BREAKER_IS_OPEN: &str =
    "the circuit breaker is open. the webhook did not answer 5 times in a row and is probed every 10s";

/// True if the call made no request because the breaker is open.
fn finds_open_breaker(ended: &Ended) -> bool {
    ended.reason().contains(" times in a row and is probed every ")
}

/// Calls this hook until its breaker opens.
async fn exhaust(daemon: &Daemon, hook: &str) {
    for _ in 0..5 {
        let ended = step(daemon, hook).await;
        assert_eq!(ended.status(), "UNREACHABLE");
        assert!(!finds_open_breaker(&ended), "{}", ended.reason());
    }
}

/// Repeats calls until one of them probes, and returns its end.
async fn probe(daemon: &Daemon, hook: &str, webhook: &FakeWebhook) -> Ended {
    let before = webhook.received().len();
    let through = async {
        loop {
            let ended = step(daemon, hook).await;
            if webhook.received().len() > before {
                return ended;
            }
            assert!(finds_open_breaker(&ended), "{}", ended.reason());
        }
    };
    within_time_limit("a probe", through).await
}

#[tokio::test]
async fn after_five_failures_the_breaker_opens() {
    let webhook = FakeWebhook::start(|_| Reply::Close).await;
    let daemon = daemon_for(&webhook, "otherwise = \"reception\"").await;
    exhaust(&daemon, "crm").await;
    let connections = webhook.connections();
    for _ in 0..20 {
        let ended = step(&daemon, "crm").await;
        assert_eq!((ended.status(), ended.code(), ended.get("CRM")), ("UNREACHABLE", "", Some("reception")));
        assert_eq!(ended.reason(), BREAKER_IS_OPEN);
    }
    let given_back = step_of_freeswitch(&daemon, "crm").await;
    assert_eq!((given_back.status(), given_back.reason()), ("UNREACHABLE", BREAKER_IS_OPEN));
    assert_eq!((webhook.received().len(), webhook.connections()), (5, connections));
}

#[tokio::test]
async fn an_open_breaker_keeps_callers_from_a_stalled_webhook() {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let daemon = daemon_for(&webhook, "timeout = 1\nbreaker = { failures = 2, probe = \"60s\" }").await;
    assert!(steps(&daemon, "crm", 2).await.iter().all(|ended| ended.status() == "TIMEOUT"));
    let began = tokio::time::Instant::now();
    for ended in steps(&daemon, "crm", 20).await {
        assert_eq!(ended.status(), "UNREACHABLE");
        assert!(ended.reason().contains("2 times in a row"), "{}", ended.reason());
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(webhook.received().len(), 2);
}

#[tokio::test]
async fn an_answer_of_any_kind_does_not_open_the_breaker() {
    for reply in
        [Reply::status(500, ""), Reply::status(404, ""), Reply::text("a\0b"), Reply::redirect(302, "/x")]
    {
        let webhook = FakeWebhook::start(move |_| reply.clone()).await;
        let daemon = daemon_for(&webhook, "").await;
        for _ in 0..12 {
            step(&daemon, "crm").await;
        }
        assert_eq!(webhook.received().len(), 12);
    }
}

#[tokio::test]
async fn an_answer_resets_the_count_of_failures() {
    let failing = || [Reply::Close, Reply::Close, Reply::Close, Reply::Close];
    let replies = [&failing()[..], &[Reply::status(500, "")], &failing(), &[Reply::text("sales")]].concat();
    let webhook = FakeWebhook::answering(replies).await;
    let daemon = daemon_for(&webhook, "").await;
    for _ in 0..9 {
        step(&daemon, "crm").await;
    }
    assert_eq!(step(&daemon, "crm").await.status(), "OK");
    assert_eq!(webhook.received().len(), 10);
}

#[tokio::test]
async fn the_time_that_the_switch_took_does_not_open_the_breaker() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    for more in ["", "cache = \"60s\"\nfields = [\"caller_number\"]\n"] {
        let hook =
            format!("[hook.crm]\nurl = \"{}\"\nbreaker = {{ failures = 1 }}\n{more}", webhook.url("/"));
        let (asking, before) = (Asking::of(&hook), webhook.connections());
        let now = Instant::now();
        assert_eq!(asking.until(now).await.status(), Status::Timeout);
        assert_eq!(webhook.connections(), before);
        assert_eq!(asking.until(now + LONG).await.status(), Status::Ok);
    }
}

#[tokio::test]
async fn a_timeout_too_short_for_any_answer_does_not_open_the_breaker() {
    let replies = [Reply::Stall, Reply::Stall, Reply::Stall, Reply::text("sales")];
    let webhook = FakeWebhook::answering(replies).await;
    let hook = format!("[hook.crm]\nurl = \"{}\"\nbreaker = {{ failures = 1 }}\n", webhook.url("/"));
    let asking = Asking::of(&hook);
    for _ in 0..3 {
        // of the two seconds of the hook
        let soon = Instant::now() + Duration::from_millis(100);
        assert_eq!(asking.until(soon).await.status(), Status::Timeout);
    }
    assert_eq!(asking.until(Instant::now() + LONG).await.status(), Status::Ok);
}

#[tokio::test]
async fn ad_hoc_urls_of_one_host_share_a_breaker() {
    let daemon = Daemon::start("").await;
    for number in 0..7 {
        let url = format!("url=http://127.0.0.1:1/caller/{number}");
        let ended = FakeAsterisk::call(daemon.address(), Environment::new("webhook").argument(url)).await;
        assert_eq!(
            (ended.status(), finds_open_breaker(&ended)),
            ("UNREACHABLE", number >= 5),
            "{}",
            ended.reason()
        );
    }
}

/// Longer than any answer takes here.
const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn without_a_breaker_every_call_makes_a_request() {
    let webhook = FakeWebhook::start(|_| Reply::Close).await;
    let daemon = daemon_for(&webhook, "breaker = false").await;
    for _ in 0..12 {
        step(&daemon, "crm").await;
    }
    assert_eq!(webhook.received().len(), 12);
}

#[tokio::test]
async fn an_open_breaker_leads_to_the_next_url_at_once() {
    let (dead, well) =
        (FakeWebhook::start(|_| Reply::Close).await, FakeWebhook::start(|_| Reply::text("sales")).await);
    let daemon = Daemon::start(&format!("[hook.crm]\n{}variable = \"CRM\"", urls(&[&dead, &well]))).await;
    for _ in 0..10 {
        assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("sales"));
    }
    assert_eq!((dead.received().len(), well.received().len()), (5, 10));
}

#[tokio::test]
async fn if_every_breaker_is_open_the_call_goes_on_at_once() {
    let dead = [FakeWebhook::start(|_| Reply::Close).await, FakeWebhook::start(|_| Reply::Close).await];
    let daemon = Daemon::start(&format!("[hook.crm]\n{}", urls(&[&dead[0], &dead[1]]))).await;
    exhaust(&daemon, "crm").await;
    assert_eq!(step(&daemon, "crm").await.reason(), BREAKER_IS_OPEN);
    assert!(dead.iter().all(|webhook| webhook.received().len() == 5));
}

#[tokio::test]
async fn hooks_with_the_same_url_share_a_breaker() {
    let webhook = FakeWebhook::start(|_| Reply::Close).await;
    let hook = |name: &str, query: &str| format!("[hook.{name}]\nurl = \"{}\"\n", webhook.url(query));
    let daemon =
        Daemon::start(&[hook("a", "/r?x=1"), hook("b", "/r?y={uuid}"), hook("c", "/other")].concat()).await;
    exhaust(&daemon, "a").await;
    assert!(finds_open_breaker(&step(&daemon, "b").await));
    assert_eq!(webhook.received().len(), 5);
    assert!(!finds_open_breaker(&step(&daemon, "c").await));
    assert_eq!(webhook.received().len(), 6);
}

#[tokio::test]
async fn one_call_probes_and_the_others_do_not_wait() {
    let gate = Gate::default();
    let held = Reply::text("sales").after(&gate);
    let webhook = FakeWebhook::answering([vec![Reply::Close; 5], vec![held]].concat()).await;
    let daemon = daemon_for(&webhook, "timeout = 10\nbreaker = { probe = \"2s\" }").await;
    exhaust(&daemon, "crm").await;
    let address = daemon.address();
    let mut calls = JoinSet::new();
    // several concurrent calls, again and again, until one of them probes; only that one waits
    while calls.is_empty() {
        for _ in 0..10 {
            calls.spawn(FakeAsterisk::call(address, Environment::new("crm")));
        }
        while calls.len() > webhook.received().len() - 5 {
            tokio::select! {
                ended = calls.join_next() => assert!(finds_open_breaker(&ended.unwrap().unwrap())),
                _probe = webhook.request(6) => {}
            }
        }
    }
    assert_eq!(webhook.received().len(), 6);
    gate.open();
    let ended = within_time_limit("the probe", calls.join_next()).await.unwrap().unwrap();
    assert_eq!(ended.get("CRM"), Some("sales"));
    assert!(steps(&daemon, "crm", 5).await.iter().all(|ended| ended.status() == "OK"));
}

#[tokio::test]
async fn a_probe_with_an_http_error_closes_the_breaker() {
    let webhook =
        FakeWebhook::answering([vec![Reply::Close; 5], vec![Reply::status(500, "")]].concat()).await;
    let daemon = daemon_for(&webhook, "breaker = { probe = \"1s\" }").await;
    exhaust(&daemon, "crm").await;
    assert_eq!(probe(&daemon, "crm", &webhook).await.status(), "HTTP_ERROR");
    assert_eq!(step(&daemon, "crm").await.status(), "HTTP_ERROR");
    assert_eq!(webhook.received().len(), 7);
}

#[tokio::test]
async fn a_probe_that_fails_keeps_the_breaker_open() {
    let webhook = FakeWebhook::start(|_| Reply::Close).await;
    let daemon = daemon_for(&webhook, "breaker = { probe = \"1s\" }").await;
    exhaust(&daemon, "crm").await;
    for count in [6, 7] {
        let ended = probe(&daemon, "crm", &webhook).await;
        assert_eq!(ended.status(), "UNREACHABLE");
        assert!(step(&daemon, "crm").await.reason().contains(&format!("{count} times in a row")));
        assert_eq!(webhook.received().len(), count);
    }
}

#[tokio::test]
async fn a_hangup_does_not_count_as_a_failure() {
    let gate = Gate::default();
    let held = Reply::text("sales").after(&gate);
    let webhook = FakeWebhook::start(move |_| held.clone()).await;
    let daemon = daemon_for(&webhook, "timeout = 10").await;
    for number in 1..=10 {
        let mut switch = FakeAsterisk::connect(daemon.address()).await;
        switch.greet(&Environment::new("crm")).await.expect("a challenge");
        webhook.request(number).await;
        switch.reset();
    }
    gate.open();
    assert_eq!(step(&daemon, "crm").await.status(), "OK");
}

#[tokio::test]
async fn a_hangup_during_a_probe_lets_the_next_call_probe() {
    let webhook =
        FakeWebhook::answering([vec![Reply::Close; 5], vec![Reply::Stall, Reply::text("sales")]].concat())
            .await;
    let daemon = daemon_for(&webhook, "timeout = 10\nbreaker = { probe = \"1s\" }").await;
    exhaust(&daemon, "crm").await;
    let leaving = async {
        loop {
            let mut switch = FakeAsterisk::connect(daemon.address()).await;
            switch.greet(&Environment::new("crm")).await.expect("a challenge");
            tokio::select! {
                _ = webhook.request(6) => return switch.reset(),
                _heard = switch.receive_line() => {}
            }
        }
    };
    within_time_limit("a probe", leaving).await;
    assert_eq!(probe(&daemon, "crm", &webhook).await.get("CRM"), Some("sales"));
}

#[tokio::test]
async fn an_ad_hoc_step_has_a_breaker_too() {
    let webhook = FakeWebhook::start(|_| Reply::Close).await;
    let daemon = Daemon::start("").await;
    let call = || Environment::new("webhook").argument(format!("url={}", webhook.url("/")));
    for _ in 0..5 {
        FakeAsterisk::call(daemon.address(), call()).await;
    }
    assert_eq!(FakeAsterisk::call(daemon.address(), call()).await.reason(), BREAKER_IS_OPEN);
    assert_eq!(webhook.received().len(), 5);
}

#[tokio::test]
async fn the_log_has_one_line_when_the_breaker_opens_and_one_when_it_closes() {
    let webhook = FakeWebhook::answering([vec![Reply::Close; 5], vec![Reply::text("sales")]].concat()).await;
    let hook = format!("[hook.crm]\nurl = \"{}\"\nbreaker = {{ probe = \"1s\" }}\n", webhook.url("/path"));
    let program = Program::serve(&hook, &[]).await;
    let back = async {
        while FakeAsterisk::call(program.address(), Environment::new("crm")).await.status() != "OK" {}
    };
    within_time_limit("recovery", back).await;
    let log = program.stop().await;
    assert_eq!(log.matches("its circuit breaker is open").count(), 1, "{log}");
    assert_eq!(log.matches("the webhook answers again").count(), 1, "{log}");
    assert!(!log.contains("/path"), "{log}");
}
