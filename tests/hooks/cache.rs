//! Owner: webhook. The answer cache and single flight: one answer for several calls.

use std::time::Duration;

use dialhook::hook::Status;
use dialhook::variable::Unfit;
use tokio::time::Instant;

use super::{Asking, step, step_of_freeswitch, steps};
use crate::util::{
    Daemon, Environment, FakeAsterisk, FakeWebhook, Gate, Reply, configured, daemon_for, run,
    within_time_limit,
};

/// A hook with a cache. Two calls with the same caller make the same request.
const CACHED: &str = "cache = \"60s\"\nfields = [\"caller_number\"]\n";

/// A webhook that numbers its answers.
async fn counting() -> FakeWebhook {
    FakeWebhook::answering((1..100).map(|number: u8| Reply::text(number.to_string()))).await
}

#[tokio::test]
async fn the_same_request_is_made_once() {
    let webhook = counting().await;
    let daemon = daemon_for(&webhook, CACHED).await;
    for _ in 0..5 {
        let ended = step(&daemon, "crm").await;
        assert_eq!((ended.status(), ended.code(), ended.get("CRM")), ("OK", "200", Some("1")));
    }
    assert_eq!(step_of_freeswitch(&daemon, "crm?variable=crm").await.status(), "OK");
    assert_eq!(webhook.received().len(), 2, "FreeSWITCH's caller is another one");
}

#[tokio::test]
async fn another_caller_is_another_request() {
    let webhook = counting().await;
    let daemon = daemon_for(&webhook, CACHED).await;
    let call = async |number: &str| {
        FakeAsterisk::call(daemon.address(), Environment::new("crm").caller(number))
            .await
            .get("CRM")
            .unwrap()
            .to_owned()
    };
    assert_eq!([call("1").await, call("2").await, call("1").await, call("2").await], ["1", "2", "1", "2"]);
    assert_eq!(webhook.received().len(), 2);
}

#[tokio::test]
async fn url_headers_and_body_are_part_of_the_cache_key() {
    for keys in [
        "method = \"GET\"\nurl = \"URL?v={variables.V}\"",
        "method = \"GET\"\nurl = \"URL{variables.V}\"",
        "method = \"GET\"\nurl = \"URL\"\nheaders = { X-V = \"{variables.V}\" }",
        "url = \"URL\"\nbody = '{\"v\": \"{variables.V}\"}'",
        "url = \"URL\"\nbody = \"form\"\nfields = [\"variables.V\"]",
        "urls = [\"URL\", \"URL?v={variables.V}\"]\nbody = '{}'",
    ] {
        let webhook = counting().await;
        let keys = keys.replace("URL", &webhook.url("/"));
        let daemon = Daemon::start(&format!("[hook.crm]\n{keys}\nvariable = \"CRM\"\ncache = \"60s\"")).await;
        for (value, answer) in [("a", "1"), ("b", "2"), ("a", "1")] {
            let call = Environment::new("crm").variable("V", value);
            assert_eq!(FakeAsterisk::call(daemon.address(), call).await.get("CRM"), Some(answer), "{keys}");
        }
    }
}

#[tokio::test]
async fn a_cached_answer_serves_only_its_own_hook() {
    let webhook = counting().await;
    let hook =
        |name: &str| format!("[hook.{name}]\nurl = \"{}\"\nvariable = \"CRM\"\n{CACHED}", webhook.url("/"));
    let daemon = Daemon::start(&[hook("a"), hook("b")].concat()).await;
    let mut received = Vec::new();
    for name in ["a", "b", "a", "b"] {
        received.push(step(&daemon, name).await.get("CRM").unwrap().to_owned());
    }
    assert_eq!(received, ["1", "2", "1", "2"]);
}

#[tokio::test]
async fn concurrent_calls_make_one_request() {
    let gate = Gate::default();
    let held = Reply::text("sales").after(&gate);
    let webhook = FakeWebhook::start(move |_| held.clone()).await;
    let daemon = daemon_for(&webhook, &format!("timeout = 10\n{CACHED}")).await;
    let address = daemon.address();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        calls.spawn(FakeAsterisk::call(address, Environment::new("crm")));
    }
    webhook.requested().await;
    gate.open();
    let ended = within_time_limit("every call", calls.join_all()).await;
    assert!(ended.iter().all(|ended| ended.get("CRM") == Some("sales")));
    assert_eq!(webhook.received().len(), 1);
}

#[tokio::test]
async fn a_hangup_of_the_leader_does_not_lose_the_answer() {
    let webhook = FakeWebhook::answering([Reply::Stall, Reply::text("sales")]).await;
    let daemon = daemon_for(&webhook, &format!("timeout = 10\n{CACHED}")).await;
    let mut first = FakeAsterisk::connect(daemon.address()).await;
    first.greet(&Environment::new("crm")).await.expect("a challenge");
    webhook.requested().await;
    let mut waiting = Vec::new();
    for _ in 0..10 {
        let mut switch = FakeAsterisk::connect(daemon.address()).await;
        switch.greet(&Environment::new("crm")).await.expect("a challenge");
        waiting.push(switch);
    }
    first.reset();
    webhook.closed().await;
    for switch in waiting {
        assert_eq!(switch.run_commands().await.get("CRM"), Some("sales"));
    }
    assert_eq!(webhook.received().len(), 2);
}

#[tokio::test]
async fn the_last_waiter_gets_the_answer_however_many_hang_up() {
    let gate = Gate::default();
    let held = Reply::text("sales").after(&gate);
    let webhook = FakeWebhook::start(move |_| held.clone()).await;
    let daemon = daemon_for(&webhook, &format!("timeout = 10\n{CACHED}")).await;
    let mut waiting = Vec::new();
    for _ in 0..300 {
        let mut switch = FakeAsterisk::connect(daemon.address()).await;
        switch.greet(&Environment::new("crm")).await.expect("a challenge");
        waiting.push(switch);
    }
    webhook.requested().await;
    let last = waiting.pop().unwrap();
    for switch in waiting {
        switch.reset();
    }
    webhook.closed().await;
    gate.open();
    let ended = last.run_commands().await;
    assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("sales")));
}

#[tokio::test]
async fn only_a_good_answer_is_cached() {
    for (reply, status) in [
        (Reply::status(500, ""), "HTTP_ERROR"),
        (Reply::status(404, ""), "HTTP_ERROR"),
        (Reply::text("two\nlines"), "BAD_ANSWER"),
        (Reply::Close, "UNREACHABLE"),
        (Reply::Stall, "TIMEOUT"),
        (Reply::half_and(Reply::Reset), "UNREACHABLE"),
    ] {
        let webhook = FakeWebhook::answering([reply, Reply::text("sales")]).await;
        let daemon = daemon_for(&webhook, &format!("timeout = 1\n{CACHED}")).await;
        let statuses = [step(&daemon, "crm").await, step(&daemon, "crm").await, step(&daemon, "crm").await];
        let statuses = statuses.iter().map(|ended| ended.status()).collect::<Vec<_>>();
        assert_eq!((&*statuses, webhook.received().len()), (&[status, "OK", "OK"][..], 2));
    }
}

#[tokio::test]
async fn an_answer_that_the_switch_cannot_carry_is_not_cached() {
    let webhook = FakeWebhook::answering([Reply::text("say \"hi\""), Reply::text("sales")]).await;
    let daemon = daemon_for(&webhook, CACHED).await;
    assert_eq!(step(&daemon, "crm").await.status(), "BAD_ANSWER");
    assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("sales"));
}

#[tokio::test]
async fn every_waiter_gets_the_failure() {
    let gate = Gate::default();
    let held = Reply::status(500, "").after(&gate);
    let webhook = FakeWebhook::start(move |_| held.clone()).await;
    let daemon = daemon_for(&webhook, &format!("timeout = 10\n{CACHED}")).await;
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut switch = FakeAsterisk::connect(daemon.address()).await;
        switch.greet(&Environment::new("crm")).await.expect("a challenge");
        waiting.push(switch);
    }
    webhook.requested().await;
    gate.open();
    for switch in waiting {
        assert_eq!(switch.run_commands().await.code(), "500");
    }
}

#[tokio::test]
async fn a_stale_answer_serves_if_the_webhook_fails() {
    for reply in [Reply::Close, Reply::status(503, ""), Reply::Stall, Reply::half_and(Reply::Reset)] {
        let replies = [Reply::text("sales"), reply, Reply::text("support")];
        let webhook = FakeWebhook::answering(replies).await;
        let keys = "cache = \"1s\"\nstale_if_error = \"10m\"\nfields = [\"caller_number\"]\ntimeout = 1";
        let daemon = daemon_for(&webhook, keys).await;
        let until_asked = async |number| {
            loop {
                let ended = step(&daemon, "crm").await;
                if webhook.received().len() >= number {
                    return ended;
                }
            }
        };
        assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("sales"));
        let old = within_time_limit("a second request", until_asked(2)).await;
        assert_eq!(
            (old.status(), old.code(), old.get("CRM"), old.reason()),
            ("OK", "200", Some("sales"), "")
        );
        // a stale answer does not count as fresh
        let new = within_time_limit("a third request", until_asked(3)).await;
        assert_eq!(new.get("CRM"), Some("support"));
    }
}

#[tokio::test]
async fn a_stale_answer_does_not_replace_an_answer_of_the_webhook() {
    for (reply, status) in [(Reply::status(404, "gone"), "HTTP_ERROR"), (Reply::text("a\nb"), "BAD_ANSWER")] {
        let webhook = FakeWebhook::answering([Reply::text("sales"), reply]).await;
        let keys = "cache = \"1s\"\nstale_if_error = \"10m\"\nfields = [\"caller_number\"]";
        let daemon = daemon_for(&webhook, keys).await;
        assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("sales"));
        let until_said = async {
            loop {
                let ended = step(&daemon, "crm").await;
                if ended.status() != "OK" {
                    return ended;
                }
            }
        };
        assert_eq!(within_time_limit("the other answer", until_said).await.status(), status);
    }
}

#[tokio::test]
async fn a_stale_answer_serves_while_the_breaker_is_open() {
    let webhook = FakeWebhook::answering([Reply::text("sales"), Reply::Close]).await;
    let keys = "cache = \"1s\"\nstale_if_error = \"10m\"\nfields = [\"caller_number\"]\nkeep_alive = false\nbreaker = { failures = 2 }";
    let daemon = daemon_for(&webhook, keys).await;
    let until_open = async {
        while webhook.received().len() < 3 {
            assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("sales"));
        }
    };
    within_time_limit("two failures", until_open).await;
    assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("sales"));
    assert_eq!(webhook.received().len(), 3);
}

#[tokio::test]
async fn without_stale_if_error_a_stale_answer_does_not_serve() {
    let webhook = FakeWebhook::answering([Reply::text("sales"), Reply::Close]).await;
    let daemon = daemon_for(&webhook, "cache = \"1s\"\nfields = [\"caller_number\"]").await;
    let until_failed = async { while step(&daemon, "crm").await.status() == "OK" {} };
    within_time_limit("the end of the answer", until_failed).await;
    assert_eq!(webhook.received().len(), 2);
}

#[tokio::test]
async fn a_cached_answer_is_judged_for_each_call() {
    let webhook = counting().await;
    let daemon = daemon_for(&webhook, CACHED).await;
    assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("1"));
    assert_eq!(step(&daemon, "crm?variable=OTHER").await.get("OTHER"), Some("1"));
    assert_eq!(webhook.received().len(), 1);
}

#[tokio::test]
async fn a_cached_answer_that_a_call_cannot_use_leads_to_one_new_request() {
    let replies = [Reply::text("two\nlines"), Reply::text("one"), Reply::text("again\ntwo")];
    let webhook = FakeWebhook::answering(replies).await;
    let hook = format!("[hook.crm]\nurl = \"{}\"\n{CACHED}", webhook.url("/"));
    let daemon = Daemon::start(&hook).await;
    assert_eq!(step(&daemon, "crm").await.status(), "OK", "it only notifies");
    let ended = step(&daemon, "crm?variable=R").await;
    assert_eq!((ended.status(), ended.get("R")), ("OK", Some("one")));
    assert_eq!(step(&daemon, "crm?variable=R").await.get("R"), Some("one"));
    assert_eq!(webhook.received().len(), 2);
}

#[tokio::test]
async fn a_stale_answer_that_a_call_cannot_use_does_not_serve() {
    let webhook = FakeWebhook::answering([Reply::text("two\nlines"), Reply::status(503, "")]).await;
    let keys = "cache = \"1s\"\nstale_if_error = \"1h\"\nfields = [\"caller_number\"]\n";
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\n{keys}", webhook.url("/"))).await;
    assert_eq!(step(&daemon, "crm").await.status(), "OK", "it only notifies");
    assert_eq!(step(&daemon, "crm?variable=R").await.status(), "HTTP_ERROR");
}

#[tokio::test]
async fn a_secret_header_is_part_of_the_cache_key_and_a_request_id_is_not() {
    let webhook = counting().await;
    let sign = "sign = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\nbearer = \"geheim\"";
    let daemon = daemon_for(&webhook, &format!("{CACHED}{sign}")).await;
    let received: Vec<_> =
        steps(&daemon, "crm", 10).await.iter().map(|ended| ended.get("CRM") == Some("1")).collect();
    assert!(received.iter().all(|same| *same));
    assert_eq!(webhook.received().len(), 1);
}

#[tokio::test]
async fn a_hook_that_sends_an_id_of_the_call_cannot_cache() {
    for keys in
        ["", "method = \"GET\"\nheaders = { X-Id = \"{uuid}\" }", "body = '{\"at\": \"{event_time}\"}'"]
    {
        let (_folder, file) =
            configured(&format!("[hook.crm]\nurl = \"http://h/\"\ncache = \"60s\"\n{keys}\n"));
        let (status, _, err) = run(&["check", "--config", file.to_str().unwrap()]).await;
        assert!(status == 1 && err.contains("no two calls make the same request"), "{keys}: {err}");
    }
}

#[tokio::test]
async fn an_answer_that_one_switch_cannot_carry_can_serve_the_other() {
    let webhook = FakeWebhook::start(|_| Reply::text("a \"b\"")).await;
    let keys = format!("variable = \"CRM\"\naccept = \"text\"\n{CACHED}");
    let hook = format!("[hook.crm]\nurl = \"{}\"\n{keys}", webhook.url("/"));
    let (asking, until) = (Asking::of(&hook), Instant::now() + Duration::from_secs(10));
    // the leader makes the request, the waiter gets the same answer
    let (_, waited) = tokio::join!(asking.until_by(until, |_| Err(Unfit::Quote)), asking.until(until));
    assert_eq!((waited.status(), webhook.received().len()), (Status::Ok, 1));
}
