//! Asks the endpoints of a hook one after the other until one answers.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::debug;

use super::attempt::{self, Received};
use super::attempt_log::AttemptKind;
use super::endpoint::origin;
use super::endpoint::permit::{EndpointResult, Permit};
use super::retry::Failure;
use super::time_slice::TimeSlice;
use super::{Ask, Origin, Shared, StepResult};
use crate::hook::{Answer, Outcome, Stage, Target};

/// Asks one endpoint after the other until one gives an answer that is no 5xx. Each gets a slice of the time
/// that is left; one whose circuit breaker is open is not asked.
pub(super) async fn ask_endpoints(shared: &Shared, ask: Ask<'_>) -> StepResult {
    let targets = &ask.request.targets;
    let breaker = ask.hook().delivery.breaker.as_ref();
    let (mut last, mut not_made) = (None, None);
    for (number, target) in targets.iter().enumerate() {
        // the switch or the endpoints before took all the time: this endpoint is not asked and not blamed
        if ask.is_late() {
            break;
        }
        let began = Instant::now();
        let now = began.into_std();
        let permit = match shared.endpoints.admit(&target.endpoint, ask.hook_name(), breaker, now) {
            Ok(permit) => permit,
            Err(why) => {
                ask.attempts.not_made(&target.endpoint, number, began, why);
                not_made = Some(why);
                continue;
            }
        };
        let is_open = |target: &&Target| shared.endpoints.is_open(&target.endpoint, breaker, now);
        let later = targets.iter().skip(number + 1).filter(|target| !is_open(target)).count();
        let slice = TimeSlice::new(&ask, began, later);
        if number > 0 {
            shared.metrics.fallback_used(ask.hook_name());
        }
        let received = ask_endpoint(shared, ask, target, number, slice, permit).await;
        let (outcome, answer) = judge(ask, received);
        ask.attempts.end(&outcome);
        let is_final = !outcome.should_fail_over();
        last = Some((outcome, answer));
        if is_final {
            break;
        }
    }
    let (outcome, answer) = match (last, not_made) {
        (Some(last), _) => last,
        // every circuit breaker is open
        (None, Some(why)) => (Outcome::Unreachable(why), None),
        (None, None) => (ask.timed_out(Stage::Start), None),
    };
    StepResult { outcome, answer: answer.map(Arc::new), origin: Origin::Webhook, cache: None }
}

/// Asks one endpoint, and once more if the request may be retried. The permit is finished with the last
/// result. The last attempt is still open in the log, because its answer is not judged yet.
async fn ask_endpoint(
    shared: &Shared,
    ask: Ask<'_>,
    target: &Target,
    number: usize,
    slice: TimeSlice,
    permit: Permit<'_>,
) -> Result<Received, Outcome> {
    let hook = ask.hook_name();
    let mut is_retry = false;
    loop {
        let began = Instant::now();
        let kind = AttemptKind { number, is_retry, is_probe: permit.is_probe() };
        ask.attempts.begin(&target.endpoint, kind, began);
        permit.deposit();
        let made = attempt::make(shared, ask, target, slice).await;
        shared.metrics.request_ended(hook, began.elapsed());
        if let Err(failure) = &made {
            // without the path, which may hold a secret
            debug!(to = origin(&target.endpoint), "{}", failure.outcome);
            if !is_retry && may_retry(failure, ask, slice, &permit) {
                ask.attempts.end(&failure.outcome);
                shared.metrics.request_retried(hook);
                is_retry = true;
                continue;
            }
        }
        permit.finish(result_for_endpoint(&made, slice), Instant::now().into_std());
        return made.map_err(|failure| failure.outcome);
    }
}

/// True if the request may be sent again and there is time for it. Withdraws the retry from the endpoint's
/// budget; after a reused connection was closed the retry is free.
fn may_retry(failure: &Failure, ask: Ask<'_>, slice: TimeSlice, permit: &Permit<'_>) -> bool {
    failure.may_be_retried(&ask.request.method, ask.hook().delivery.idempotent)
        && Instant::now() < slice.deadline
        && (failure.on_reused_connection || permit.withdraw_retry())
}

fn result_for_endpoint(made: &Result<Received, Failure>, slice: TimeSlice) -> EndpointResult {
    let Err(failure) = made else { return EndpointResult::Answered };
    match failure.outcome {
        _ if failure.outcome.is_local_failure() || failure.on_reused_connection => EndpointResult::Unknown,
        Outcome::Timeout { .. } if !slice.is_long_enough => EndpointResult::SilentUncounted,
        _ if failure.outcome.is_unanswered() => EndpointResult::Failed,
        // an answer that must not be read to its end
        _ => EndpointResult::Answered,
    }
}

fn judge(ask: Ask<'_>, received: Result<Received, Outcome>) -> (Outcome, Option<Answer>) {
    match received {
        Ok(Received { answer, redirect: None }) => (ask.step.judge(&answer), Some(answer)),
        Ok(Received { answer, redirect }) => {
            (Outcome::HttpError { code: answer.code, redirect }, Some(answer))
        }
        Err(outcome) => (outcome, None),
    }
}
