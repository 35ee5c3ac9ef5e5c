//! Owner: webhook. The log of the attempts of a step, and what the result says about the cache.

use std::time::{Duration, SystemTime};

use dialhook::hook::{Outcome, Stage, Status, Unreachable};
use dialhook::variable::ValueSource;
use dialhook::webhook::{
    Attempt, AttemptLog, AttemptResult, BreakerState, CacheReport, Connection, Origin, StepResult,
};
use rcgen::date_time_ymd;
use tokio::time::Instant;

use super::Asking;
use crate::util::{Authority, FakeWebhook, Gate, Reply, gated_webhook, refusing, within_time_limit};

const CACHED: &str = "cache = \"1s\"\nstale_if_error = \"10m\"\nfields = [\"caller_number\"]\n";

/// A call at the hook `crm` with this webhook and these keys.
fn asking(webhook: &FakeWebhook, keys: &str) -> Asking {
    Asking::of(&format!(
        "[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\n{keys}\n",
        webhook.url("/crm?k=geheim")
    ))
}

async fn ask(asking: &Asking) -> (StepResult, Vec<Attempt>) {
    let log = AttemptLog::new(Instant::now());
    let result = asking.ask(&log).await;
    (result, log.into_attempts())
}

#[tokio::test]
async fn a_call_that_hangs_up_leaves_the_stage_of_its_attempt_in_the_log() {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let (asking, log) = (asking(&webhook, ""), AttemptLog::new(Instant::now()));
    tokio::select! {
        result = asking.ask(&log) => panic!("{result:?}"),
        _ = webhook.requested() => {}
    }
    let [attempt] = log.into_attempts().try_into().unwrap();
    assert_eq!(attempt.result, AttemptResult::Dropped(Stage::Answer));
    assert_eq!(&*attempt.endpoint, webhook.url("/crm"), "without its query");
    assert!(matches!(attempt.connection, Connection::New { dns: None, connect: Some(_), tls: None }));
    assert!(attempt.in_quarantine && attempt.first_byte.is_none() && attempt.took > Duration::ZERO);
}

#[tokio::test]
async fn a_reused_connection_is_distinguished_from_a_new_one() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let asking = asking(&webhook, "");
    let mut seen = Vec::new();
    for _ in 0..3 {
        let (result, attempts) = ask(&asking).await;
        let [attempt] = attempts.try_into().unwrap();
        assert_eq!((result.outcome.status(), result.cache), (Status::Ok, None));
        assert_eq!(result.outcome.set().unwrap()[0].source, ValueSource::Answer);
        assert!(attempt.first_byte.unwrap() <= attempt.took);
        seen.push((attempt.connection == Connection::Reused, attempt.in_quarantine));
    }
    assert_eq!(seen, [(false, true), (false, false), (true, false)]);
}

#[tokio::test]
async fn a_retry_and_another_url_are_attempts_in_order() {
    let (dead, _held) = refusing();
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let asking = Asking::of(&format!("[hook.crm]\nurls = [\"http://{dead}/\", \"{}\"]", webhook.url("/")));
    let (_, attempts) = ask(&asking).await;
    let kinds: Vec<_> = attempts.iter().map(|attempt| (attempt.kind.number, attempt.kind.is_retry)).collect();
    assert_eq!(kinds, [(0, false), (0, true), (1, false)]);
    let statuses: Vec<_> = attempts.iter().map(|attempt| attempt.outcome().unwrap().status()).collect();
    assert_eq!(statuses, [Status::Unreachable, Status::Unreachable, Status::Ok]);
    assert!(matches!(attempts[0].connection, Connection::New { connect: Some(_), .. }));
    assert!(attempts.is_sorted_by_key(|attempt| attempt.began));
}

#[tokio::test]
async fn a_redirect_is_part_of_its_attempt() {
    let webhook = FakeWebhook::answering([Reply::redirect(307, "/b?k=geheim"), Reply::text("sales")]).await;
    let (result, attempts) = ask(&asking(&webhook, "redirects = 1")).await;
    let [attempt] = attempts.try_into().unwrap();
    let [redirect] = attempt.redirects.try_into().unwrap();
    assert_eq!((result.outcome.status(), redirect.code, redirect.to), (Status::Ok, 307, webhook.url("/b")));
    assert!(redirect.at <= attempt.first_byte.unwrap());
}

#[tokio::test]
async fn an_open_breaker_is_an_attempt_that_was_not_made_and_a_state_of_the_endpoint() {
    let webhook = FakeWebhook::answering([Reply::Close, Reply::text("sales")]).await;
    let asking = asking(&webhook, "breaker = { failures = 1, probe = \"10m\" }");
    let hook = asking.config.policy.hooks["crm"].clone();
    let state = || asking.webhook.endpoints(&hook).remove(0);
    assert_eq!(state().breaker, BreakerState::Closed { failures: 0 });
    ask(&asking).await;
    let (result, attempts) = ask(&asking).await;
    let [attempt] = attempts.try_into().unwrap();
    assert!(matches!(result.outcome, Outcome::Unreachable(Unreachable::BreakerOpen { failures: 1, .. })));
    assert_eq!((attempt.outcome(), attempt.connection), (Some(&result.outcome), Connection::None));
    let state = state();
    assert!(matches!(state.breaker, BreakerState::Open { failures: 1, .. }), "{state:?}");
    assert!(state.in_quarantine && state.reuses_connections);
    assert_eq!(state.certificate_expires, None);
}

#[tokio::test]
async fn a_call_that_waits_for_another_one_says_so_also_after_a_hangup() {
    let (gate, webhook) = gated_webhook().await;
    let asking = asking(&webhook, CACHED);
    let log = || AttemptLog::new(Instant::now());
    let (leading, waiting, hanging_up) = (log(), log(), log());
    let (mut leader, mut waiter) = (Box::pin(asking.ask(&leading)), Box::pin(asking.ask(&waiting)));
    tokio::select! {
        biased;
        _ = &mut leader => panic!("no answer yet"),
        _ = &mut waiter => panic!("no answer yet"),
        _ = asking.ask(&hanging_up) => panic!("no answer yet"),
        _ = webhook.requested() => {}
    }
    assert!(!hanging_up.waited().unwrap().is_over);
    assert_eq!(hanging_up.into_attempts(), []);
    gate.open();
    let (led, waited) = within_time_limit("both answers", async { tokio::join!(leader, waiter) }).await;
    assert_eq!((led.origin, led.cache), (Origin::Webhook, Some(CacheReport::default())));
    let report = waited.cache.unwrap();
    assert!(waited.origin == Origin::Shared && report.waited.unwrap().is_over && !report.is_hedged);
    assert_eq!((leading.into_attempts().len(), waiting.into_attempts().len()), (1, 0));
}

#[tokio::test]
async fn the_call_that_makes_a_hedged_request_says_so() {
    let gate = Gate::default();
    let webhook = FakeWebhook::answering([Reply::text("slow").after(&gate), Reply::text("fast")]).await;
    let asking = asking(&webhook, CACHED);
    let (leading, hedging) = (AttemptLog::new(Instant::now()), AttemptLog::new(Instant::now()));
    let mut leader = Box::pin(asking.ask(&leading));
    let hedged = tokio::select! {
        biased;
        _ = &mut leader => panic!("no answer yet"),
        hedged = asking.ask(&hedging) => hedged,
    };
    let report = hedged.cache.unwrap();
    assert!(hedged.origin == Origin::Webhook && report.is_hedged && report.waited.unwrap().is_over);
    assert_eq!(hedging.into_attempts().len(), 1);
}

#[tokio::test]
async fn an_answer_from_the_cache_has_an_age_and_a_stale_one_a_reason() {
    let webhook = FakeWebhook::answering([Reply::text("sales"), Reply::status(503, "")]).await;
    let asking = asking(&webhook, CACHED);
    assert_eq!(ask(&asking).await.0.cache, Some(CacheReport::default()));
    let until_stale = async {
        loop {
            let (result, attempts) = ask(&asking).await;
            let report = result.cache.unwrap();
            let age = report.age.unwrap();
            match result.origin {
                Origin::Cache => assert_eq!((attempts, report.stale_because), (Vec::new(), None)),
                _ => return (result.origin, attempts.len(), age, report.stale_because.unwrap()),
            }
        }
    };
    let (origin, attempts, age, because) = within_time_limit("a stale answer", until_stale).await;
    assert_eq!((origin, attempts), (Origin::Stale, 1));
    assert!(age >= Duration::from_millis(900), "{age:?}");
    assert_eq!(because, Outcome::HttpError { code: 503, redirect: None });
}

#[tokio::test]
async fn the_state_of_an_endpoint_has_the_expiry_of_its_certificate() {
    let authority = Authority::new("ours");
    let tls =
        authority.certify("localhost", |parameters| parameters.not_after = date_time_ymd(2033, 5, 19), &[]);
    let webhook = FakeWebhook::start_tls(tls, |_| Reply::text("sales")).await;
    let url = webhook.url("/").replace("127.0.0.1", "localhost");
    let asking = Asking::of(&format!("[hook.crm]\nurl = \"{url}\"\nca = \"{}\"", authority.file()));
    let (_, attempts) = ask(&asking).await;
    let connection = attempts[0].connection;
    assert!(
        matches!(connection, Connection::New { dns: Some(_), connect: Some(_), tls: Some(_) }),
        "{connection:?}"
    );
    let state = asking.webhook.endpoints(&asking.config.policy.hooks["crm"]).remove(0);
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_073_600);
    assert_eq!((state.certificate_expires, state.in_quarantine), (Some(end), false));
}
