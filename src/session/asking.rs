//! Makes the request of a step: takes its slots, asks the webhook, and detaches a request that no call waits
//! for.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tracing::{Instrument, Span};

use super::recording::{Asked, received};
use super::{Shared, identity};
use crate::call::Call;
use crate::config::KeptBodies;
use crate::daemon::CallSlots;
use crate::history::{DetachedEnd, Secrets, StepId};
use crate::hook::{Outcome, Request, RequestFault, Status, Step};
use crate::switch::{FetchFault, Fetched};
use crate::webhook::{Ask, AttemptLog, ErrorPage};

/// The beginning of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning<'a> {
    pub(super) id: &'a StepId,
    /// The time at which the switch connected.
    pub(super) arrived: Instant,
    /// The time at which the greeting was complete. The timeout counts from it.
    pub(super) greeted: Instant,
    pub(super) peer: Option<IpAddr>,
}

impl Shared {
    /// Returns the outcome of a step. Leaves the request and its result in `asked`.
    pub(super) async fn outcome(
        &self,
        step: &Step,
        call: &Call,
        fetched: Fetched,
        beginning: Beginning<'_>,
        asked: &mut Option<Asked>,
    ) -> Outcome {
        let slots = match self.daemon.admit_call(beginning.peer, &self.config.limits) {
            Ok(slots) => slots,
            Err(load) => return Outcome::Overloaded(load),
        };
        let mut new = match self.request(step, call, fetched, beginning.arrived) {
            Ok(new) => new,
            Err(fault) => return Outcome::BadRequest(fault),
        };
        if step.is_detached() {
            let outcome = self.detach(step, &mut new, beginning.id, slots);
            // beyond limits.detached no request is made
            *asked = Some(new).filter(|new| new.detached.is_some());
            return outcome;
        }
        let asked = asked.insert(new);
        let Asked { request, timeout, attempts, .. } = &*asked;
        let (deadline, page) = (beginning.greeted + *timeout, ErrorPage::Skip);
        let ask = Ask { step, request, deadline, timeout: *timeout, page, attempts };
        let result = self.daemon.webhook.ask(ask).await;
        self.trace_answer(&result);
        self.daemon.local_failure_as_overload(asked.ended(result))
    }

    /// Makes a step's request.
    pub(super) fn request(
        &self,
        step: &Step,
        call: &Call,
        fetched: Fetched,
        arrived: Instant,
    ) -> Result<Asked, RequestFault> {
        if let Fetched::Incomplete(fault) = fetched {
            return Err(match fault {
                FetchFault::TooManyNames => RequestFault::TooManyVariables,
                FetchFault::NotWhole => RequestFault::VariableNotWhole,
                FetchFault::NotExact => RequestFault::UrlNotExact,
                FetchFault::ArgumentsNotWhole => RequestFault::ArgumentsNotWhole,
            });
        }
        let timeout = step.timeout()?.get();
        let identity = identity();
        Span::current().record("trace", identity.trace_id());
        let requested = SystemTime::now();
        let request = step.request(call, &self.config.policy.company, requested, &identity)?;
        Ok(Asked {
            request,
            timeout,
            requested,
            traceparent: identity.traceparent,
            attempts: AttemptLog::new(arrived),
            answer: None,
            cache: None,
            detached: None,
        })
    }

    /// Makes a detached request: the call goes on at once. The request keeps its slots; the call's slot is
    /// free again.
    fn detach(&self, step: &Step, asked: &mut Asked, id: &StepId, slots: CallSlots) -> Outcome {
        let slot = match self.daemon.admit_detached(&self.config.limits) {
            Ok(slot) => slot,
            Err(load) => return Outcome::Overloaded(load),
        };
        let in_flight = self.daemon.metrics.detached_started();
        let end = Arc::clone(asked.detached.insert(Arc::new(OnceLock::new())));
        let (shared, step, id) = (self.clone(), step.clone(), id.clone());
        let (request, timeout, request_slot) = (asked.request.clone(), asked.timeout, slots.request);
        let detached = async move {
            let ended = shared.ask_detached(&step, &request, timeout).await;
            shared.report_detached(&step, &id, &ended);
            let failed = ended.outcome.status() != Status::Ok;
            let _set_once = end.set(ended);
            shared.daemon.history.detached_ended(&id, failed);
            drop((slot, request_slot, in_flight));
        };
        self.daemon.detached_requests.spawn(detached.in_current_span());
        Outcome::Detached
    }

    /// Makes the request that no call waits for.
    async fn ask_detached(&self, step: &Step, request: &Request, timeout: Duration) -> DetachedEnd {
        let began = Instant::now();
        let (deadline, page, attempts) = (began + timeout, ErrorPage::Skip, AttemptLog::new(began));
        let ask = Ask { step, request, deadline, timeout, page, attempts: &attempts };
        let result = self.daemon.webhook.ask(ask).await;
        self.trace_answer(&result);
        let keeps = self.keeps_message(result.outcome.status() != Status::Ok);
        let mut secrets = Secrets::default();
        if keeps {
            secrets.add_headers(&request.headers);
        }
        let answer = result.answer.as_deref().map(|answer| received(answer, result.origin, keeps, &secrets));
        let (attempts, took) = (attempts.into_attempts(), began.elapsed());
        DetachedEnd { outcome: result.outcome, attempts, answer, took }
    }

    /// True if `history.bodies` keeps the headers and the body of such a step.
    pub(super) fn keeps_message(&self, failed: bool) -> bool {
        match self.config.history.bodies {
            KeptBodies::All => true,
            KeptBodies::Failures => failed,
            KeptBodies::None => false,
        }
    }
}
