//! Asks a webhook whose answers are cached: fresh answer, single flight, stale answer.

use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::ask_endpoints::ask_endpoints;
use super::cache::DatedAnswer;
use super::single_flight::FlightEvent;
use super::{Ask, AttemptLog, CacheReport, Origin, Shared, StepResult};
use crate::hook::{CacheTimes, Outcome, Stage};
use crate::metrics::CacheResult;

/// Returns the fresh answer, or the one that the webhook gives, or else a stale one, and counts which of them
/// it was.
pub(super) async fn ask_cached(shared: &Shared, ask: Ask<'_>, times: CacheTimes) -> StepResult {
    let result = ask_or_wait(shared, ask, times).await;
    let counted = match result.origin {
        Origin::Webhook => CacheResult::Miss,
        // no good answer came, neither to this call's request nor to another's
        Origin::Shared if !is_good(&result.outcome) => CacheResult::Miss,
        Origin::Shared | Origin::Cache => CacheResult::Hit,
        Origin::Stale => CacheResult::Stale,
    };
    shared.metrics.cache_lookup(ask.hook_name(), counted);
    if counted == CacheResult::Miss {
        shared.metrics.set_cache_entries(shared.cache.entries().await);
    }
    result
}

async fn ask_or_wait(shared: &Shared, ask: Ask<'_>, times: CacheTimes) -> StepResult {
    let key = ask.request.fingerprint(ask.hook_name());
    let (mut is_own, mut judged) = (false, None);
    let mut refused = None;
    let hedge_at = halfway(ask.deadline);
    let (outcome, answer) = loop {
        let request = async || {
            let result = ask_endpoints(shared, ask).await;
            is_own = true;
            match (result.outcome, result.answer) {
                (good @ Outcome::Ok { .. }, Some(answer)) => {
                    judged = Some(good);
                    Ok(answer)
                }
                (outcome, answer) => Err((outcome, answer)),
            }
        };
        let noted = |event| note(ask.attempts, event);
        let got = shared.cache.get(key, times, hedge_at, refused.as_ref(), request, noted);
        let got = timeout_at(ask.deadline, got).await;
        ask.attempts.settle();
        match got {
            Ok(Ok((dated, origin))) => {
                let (age, answer) = ((origin == Origin::Cache).then(|| dated.age()), dated.answer);
                let outcome = match judged.take() {
                    Some(outcome) if origin == Origin::Webhook => outcome,
                    Some(_) | None => ask.step.judge(&answer),
                };
                // the answer was good for another call, or before a reload; the webhook may give another one
                // now
                if origin == Origin::Cache && refused.is_none() && !is_good(&outcome) {
                    refused = Some(answer);
                    continue;
                }
                let cache = CacheReport { age, ..report(ask.attempts, refused.is_some()) };
                return StepResult { outcome, answer: Some(answer), origin, cache: Some(cache) };
            }
            // the time of the call that made the request was over, not the time of this call
            Ok(Err((Outcome::Timeout { .. }, _))) if !is_own && !ask.is_late() => {}
            // judged for the call that made the request; another switch, or another variable, may accept the
            // answer
            Ok(Err((Outcome::BadAnswer { .. }, Some(answer)))) if !is_own => {
                break (ask.step.judge(&answer), Some(answer));
            }
            Ok(Err(failed)) => break failed,
            Err(_elapsed) => break (ask.timed_out(Stage::Answer), None),
        }
    };
    let cache = report(ask.attempts, refused.is_some());
    if let Some((stale_outcome, stale)) = stale_if_error(shared, ask, times, key, &outcome).await {
        return stale_result(stale_outcome, stale, outcome, cache);
    }
    let origin = if is_own || answer.is_none() { Origin::Webhook } else { Origin::Shared };
    StepResult { outcome, answer, origin, cache: Some(cache) }
}

/// Returns the result with a stale answer, which is used because of the outcome `because`.
fn stale_result(outcome: Outcome, stale: DatedAnswer, because: Outcome, cache: CacheReport) -> StepResult {
    debug!("a stale answer is used: {because}");
    let cache = CacheReport { age: Some(stale.age()), stale_because: Some(because), ..cache };
    StepResult { outcome, answer: Some(stale.answer), origin: Origin::Stale, cache: Some(cache) }
}

/// Returns the middle between now and the deadline. Half of the time is for another call's request, so that
/// some is left for a request of our own.
fn halfway(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / 2
}

fn note(attempts: &AttemptLog, event: FlightEvent) {
    match event {
        FlightEvent::Waits => attempts.waits(),
        FlightEvent::Leads => attempts.leads(),
        FlightEvent::Hedges => attempts.hedges(),
    }
}

/// Returns the report of an answer that does not come from the cache.
fn report(attempts: &AttemptLog, fresh_was_refused: bool) -> CacheReport {
    let (waited, is_hedged) = (attempts.waited(), attempts.is_hedged());
    CacheReport { waited, is_hedged, fresh_was_refused, age: None, stale_because: None }
}

/// Returns the stale answer and its outcome if the webhook failed and the stale answer is good for this call.
/// An answer that is not good is still the webhook's answer (RFC 5861, section 4): the customer may be gone.
async fn stale_if_error(
    shared: &Shared,
    ask: Ask<'_>,
    times: CacheTimes,
    key: [u8; 32],
    failed: &Outcome,
) -> Option<(Outcome, DatedAnswer)> {
    if times.stale.is_zero() || !failed.should_fail_over() {
        return None;
    }
    let stale = shared.cache.stale(key).await?;
    let outcome = ask.step.judge(&stale.answer);
    is_good(&outcome).then_some((outcome, stale))
}

fn is_good(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Ok { .. })
}
