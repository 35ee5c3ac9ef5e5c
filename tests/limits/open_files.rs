//! Owner: server. Few file descriptors: calls beyond them are OVERLOADED at once.

use std::net::SocketAddr;

use tokio::task::{JoinHandle, JoinSet};

use crate::util::{
    Ended, Environment, FakeAsterisk, FakeWebhook, Gate, Program, Reply, crm_hook, gated_webhook,
};

/// Open files of the daemon, as in `ulimit -n`.
const FEW: u32 = 64;

/// Makes so many calls, each after the one before is at the webhook or has ended. Returns the calls that wait
/// for the webhook, and the ended ones.
async fn held_and_ended(
    address: SocketAddr,
    count: usize,
    webhook: &FakeWebhook,
) -> (Vec<JoinHandle<Ended>>, Vec<Ended>) {
    let (mut held, mut ended) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let mut call = tokio::spawn(FakeAsterisk::call(address, Environment::new("crm")));
        tokio::select! {
            call = &mut call => ended.push(call.unwrap()),
            _ = webhook.request(held.len() + 1) => held.push(call),
        }
    }
    (held, ended)
}

#[tokio::test]
async fn calls_beyond_the_descriptors_are_overloaded_at_once_and_none_is_unreachable() {
    let (gate, webhook) = gated_webhook().await;
    let program = Program::serve_within(FEW, &crm_hook(&webhook, "/", "CRM")).await;
    let (held, ended) = held_and_ended(program.address(), 60, &webhook).await;
    assert!((10..30).contains(&held.len()), "{}", held.len());
    for ended in ended {
        let reason = "more calls at once than the limit of 64 open files allows";
        assert_eq!((ended.status(), ended.reason()), ("OVERLOADED", reason));
    }
    gate.open();
    for call in held {
        assert_eq!(call.await.unwrap().get("CRM"), Some("sales"));
    }
    assert_eq!(FakeAsterisk::call(program.address(), Environment::new("crm")).await.status(), "OK");
    let log = program.stop().await;
    assert!(!log.contains("cannot accept"), "{log}");
}

#[tokio::test]
async fn idle_connections_do_not_take_the_descriptors_of_the_next_call() {
    // each of these has idle connections of its own
    let (mut webhooks, mut hooks) = (Vec::new(), String::new());
    for host in 0..20 {
        let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
        hooks += &format!("[hook.host{host}]\nurl = \"{}\"\n", webhook.url("/"));
        webhooks.push(webhook);
    }
    let program = Program::serve_within(FEW, &hooks).await;
    for host in 0..20 {
        let environment = Environment::new(format!("host{host}"));
        let mut calls: JoinSet<_> =
            (0..4).map(|_| FakeAsterisk::call(program.address(), environment.clone())).collect();
        while let Some(ended) = calls.join_next().await {
            let ended = ended.unwrap();
            assert!(["OK", "OVERLOADED"].contains(&ended.status()), "{host}: {ended:?}");
        }
    }
}

#[tokio::test]
async fn detached_requests_count_among_the_descriptors() {
    let gate = Gate::default();
    let kept = gate.clone();
    let webhook = FakeWebhook::start(move |_| Reply::text("").after(&kept)).await;
    let program = Program::serve_within(
        FEW,
        &format!("[hook.crm]\nurl = \"{}\"\ntimeout = 10\ndetach = true\n", webhook.url("/")),
    )
    .await;
    let mut received = Vec::new();
    for _ in 0..40 {
        received.push(FakeAsterisk::call(program.address(), Environment::new("crm")).await);
    }
    let statuses: Vec<_> = received.iter().map(Ended::status).collect();
    let taken = statuses.iter().filter(|status| **status == "OK").count();
    assert!((10..30).contains(&taken), "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == "OVERLOADED").count(), 40 - taken);
    webhook.request(taken).await;
    gate.open();
}

#[tokio::test]
async fn silent_connections_take_no_descriptor_from_a_call() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let program =
        Program::serve_within(FEW, &format!("{}[limits]\npatience = 30\n", crm_hook(&webhook, "/", "CRM")))
            .await;
    let mut strangers = Vec::new();
    for _ in 0..100 {
        strangers.push(FakeAsterisk::connect(program.address()).await);
    }
    for _ in 0..5 {
        assert_eq!(FakeAsterisk::call(program.address(), Environment::new("crm")).await.status(), "OK");
    }
    let log = program.stop().await;
    assert!(!log.contains("cannot accept"), "{log}");
}
