//! Owner: webhook. Detached requests: no call waits for their answer.

use super::{step, step_of_freeswitch, steps, urls};
use crate::util::{
    CallState, ChannelData, Daemon, Environment, FakeAsterisk, FakeFreeSwitch, FakeWebhook, Gate, Program,
    Reply, SocketMode, configured, daemon_for, nobody_listens, run, within_time_limit,
};

/// A daemon with a detached hook for this webhook.
async fn daemon_with_detached_hook(webhook: &FakeWebhook, more: &str) -> Daemon {
    Daemon::start(&format!("[hook.told]\nurl = \"{}\"\ndetach = true\n{more}", webhook.url("/"))).await
}

/// A webhook that answers when the gate is open.
async fn gated() -> (Gate, FakeWebhook) {
    let gate = Gate::default();
    let reply = Reply::text("thanks").after(&gate);
    (gate, FakeWebhook::start(move |_| reply.clone()).await)
}

#[tokio::test]
async fn the_dialplan_goes_on_while_the_request_has_no_answer() {
    let (_gate, webhook) = gated().await;
    let daemon = daemon_with_detached_hook(&webhook, "timeout = 10").await;
    let ended = step(&daemon, "told").await;
    assert_eq!(
        ended.received,
        b"SET VARIABLE WEBHOOK_CODE \"\"\nSET VARIABLE WEBHOOK_REASON \"\"\nSET VARIABLE WEBHOOK_STATUS \"OK\"\n"
    );
    let given_back = step_of_freeswitch(&daemon, "told").await;
    assert_eq!((given_back.status(), given_back.get("webhook_code")), ("OK", None));
    assert_eq!(webhook.requests(2).await.len(), 2);
}

#[tokio::test]
async fn a_detached_request_leaves_no_call_of_freeswitch_parked() {
    let (_gate, webhook) = gated().await;
    let daemon = daemon_with_detached_hook(&webhook, "timeout = 10").await;
    for (number, mode) in SocketMode::ALL.into_iter().enumerate() {
        let channel = ChannelData::new(mode, &format!("{}/told", daemon.freeswitch()));
        let given_back = FakeFreeSwitch::call(daemon.freeswitch(), channel).await;
        assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"), "{mode:?}");
        webhook.request(number + 1).await;
    }
}

#[tokio::test]
async fn the_status_is_ok_whatever_becomes_of_a_detached_request() {
    for reply in [Reply::Close, Reply::Reset, Reply::status(500, ""), Reply::Stall, Reply::text("\0")] {
        let webhook = FakeWebhook::start(move |_| reply.clone()).await;
        let daemon = daemon_with_detached_hook(&webhook, "timeout = 1").await;
        assert_eq!(step(&daemon, "told").await.status(), "OK");
        webhook.requested().await;
        within_time_limit("the end", daemon.stop()).await;
    }
}

#[tokio::test]
async fn a_hangup_does_not_cancel_a_detached_request() {
    let (gate, webhook) = gated().await;
    let daemon = daemon_with_detached_hook(&webhook, "timeout = 10").await;
    let mut switch = FakeAsterisk::connect(daemon.address()).await;
    switch.greet(&Environment::new("told")).await.expect("a challenge");
    webhook.requested().await;
    switch.reset();
    // another call has ended since then, so the daemon has read the hangup
    step(&daemon, "nope").await;
    gate.open();
    within_time_limit("the end", daemon.stop()).await;
    assert!(!webhook.has_closed(), "the request was cancelled");
}

#[tokio::test]
async fn detached_requests_have_a_limit_with_its_own_reason() {
    let (gate, webhook) = gated().await;
    let daemon = daemon_with_detached_hook(&webhook, "timeout = 10\n[limits]\ndetached = 3").await;
    for number in 1..=3 {
        assert_eq!(step(&daemon, "told").await.status(), "OK");
        webhook.request(number).await;
    }
    let ended = step(&daemon, "told").await;
    assert_eq!(
        (ended.status(), ended.code(), ended.reason()),
        ("OVERLOADED", "", "more detached requests at once than limits.detached of 3 allows")
    );
    gate.open();
    let room_again = async { while step(&daemon, "told").await.status() != "OK" {} };
    within_time_limit("room for another", room_again).await;
}

#[tokio::test]
async fn calls_that_wait_have_a_limit_apart_from_detached_requests() {
    let (gate, webhook) = gated().await;
    let (url, waiting) = (webhook.url("/"), FakeWebhook::start(|_| Reply::text("sales")).await);
    let hooks = format!(
        "[hook.told]\nurl = \"{url}\"\ndetach = true\ntimeout = 10\n[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\n\
         [limits]\ncalls = 1\ndetached = 2\n",
        waiting.url("/")
    );
    let daemon = Daemon::start(&hooks).await;
    for _ in 0..2 {
        assert_eq!(step(&daemon, "told").await.status(), "OK");
    }
    assert_eq!(step(&daemon, "told").await.status(), "OVERLOADED");
    assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("sales"));
    gate.open();
}

#[tokio::test]
async fn a_detached_request_is_finished_during_the_shutdown() {
    let (gate, webhook) = gated().await;
    let daemon = daemon_with_detached_hook(&webhook, "timeout = 10").await;
    let address = daemon.address();
    assert_eq!(step(&daemon, "told").await.status(), "OK");
    webhook.requested().await;
    let stopping = tokio::spawn(daemon.stop());
    nobody_listens(address).await;
    assert!(!stopping.is_finished());
    gate.open();
    within_time_limit("the end", stopping).await.unwrap();
    assert!(!webhook.has_closed(), "the request was cancelled");
}

#[tokio::test]
async fn the_shutdown_waits_no_longer_than_the_timeout_of_a_detached_request() {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let daemon = daemon_with_detached_hook(&webhook, "timeout = 1").await;
    assert_eq!(step(&daemon, "told").await.status(), "OK");
    webhook.requested().await;
    let began = tokio::time::Instant::now();
    within_time_limit("the end", daemon.stop()).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
    webhook.closed().await;
}

#[tokio::test]
async fn a_detached_request_tries_every_url_and_obeys_the_breaker() {
    let (dead, well) =
        (FakeWebhook::start(|_| Reply::Close).await, FakeWebhook::start(|_| Reply::text("")).await);
    let daemon = Daemon::start(&format!("[hook.told]\n{}detach = true", urls(&[&dead, &well]))).await;
    for number in 1..=10 {
        assert_eq!(step(&daemon, "told").await.status(), "OK");
        well.request(number).await;
    }
    assert_eq!(dead.received().len(), 5);
}

#[tokio::test]
async fn many_concurrent_detached_requests_all_arrive() {
    let webhook = FakeWebhook::start(|_| Reply::text("")).await;
    let daemon = daemon_with_detached_hook(&webhook, "").await;
    assert!(steps(&daemon, "told", 100).await.iter().all(|ended| ended.status() == "OK"));
    within_time_limit("the end", daemon.stop()).await;
    assert_eq!(webhook.received().len(), 100);
}

#[tokio::test]
async fn the_log_has_the_outcome_of_a_detached_request() {
    let webhook = FakeWebhook::start(|_| Reply::status(503, "")).await;
    let hook = format!("[hook.told]\nurl = \"{}\"\ndetach = true\n", webhook.url("/"));
    let program = Program::serve(&hook, &[]).await;
    FakeAsterisk::call(program.address(), Environment::new("told")).await;
    webhook.requested().await;
    let log = program.stop().await;
    let line = log.lines().find(|line| line.contains("detached request")).expect("a line");
    assert!(line.contains("WARN") && line.contains("HTTP_ERROR") && line.contains("503"), "{line}");
}

#[tokio::test]
async fn a_detached_hook_sets_no_variable() {
    for key in [
        "variable = \"CRM\"",
        "set = { A = \"/a\" }",
        "answers = [\"a\"]",
        "otherwise = \"x\"",
        "cache = \"1s\"",
    ] {
        let (_folder, file) =
            configured(&format!("[hook.told]\nurl = \"http://h/\"\ndetach = true\n{key}\n"));
        let (status, _, err) = run(&["check", "--config", file.to_str().unwrap()]).await;
        assert!(status == 1 && err.contains("the dialplan does not wait for the answer"), "{key}: {err}");
    }
}

#[tokio::test]
async fn a_detached_step_with_a_variable_clears_it() {
    let webhook = FakeWebhook::start(|_| Reply::text("thanks")).await;
    let daemon = daemon_with_detached_hook(&webhook, "").await;
    let ended = step(&daemon, "told?variable=CRM").await;
    assert!(matches!(ended.status(), "OK" | "BAD_REQUEST"));
    assert_eq!(ended.get("CRM"), Some(""));
}

#[tokio::test]
async fn try_waits_for_a_detached_request_and_says_that_no_call_would() {
    let webhook =
        FakeWebhook::answering([Reply::text("thanks"), Reply::text("thanks"), Reply::status(500, "")]).await;
    let (_folder, file) =
        configured(&format!("[hook.told]\nurl = \"{}\"\ndetach = true\n", webhook.url("/")));
    let file = file.to_str().unwrap();
    let (status, out, _) = run(&["try", "told", "--config", file]).await;
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("\nanswer    200 after ") && out.contains("\n          thanks\n"), "{out}");
    assert!(
        out.contains("\ndetached  the dialplan does not wait for the answer; the request ended with OK\n"),
        "{out}"
    );
    assert!(out.contains("\nchannel   WEBHOOK_CODE = \"\"\n"), "{out}");
    let (status, out, _) = run(&["try", "told", "--json", "--config", file]).await;
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (status, &report["detached"], &report["set"]["WEBHOOK_STATUS"]),
        (0, &true.into(), &"OK".into())
    );
    let (status, out, _) = run(&["try", "told", "--config", file]).await;
    assert_eq!(status, 1, "{out}");
    assert!(
        out.contains("the request ended with HTTP_ERROR") && out.contains("WEBHOOK_STATUS = \"OK\""),
        "{out}"
    );
}

#[tokio::test]
async fn another_hook_beside_a_detached_one_waits_for_its_answer() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    assert_eq!(step(&daemon_for(&webhook, "detach = false").await, "crm").await.get("CRM"), Some("sales"));
}
