//! One connection of a switch from its first byte to its last, and the time limits on it.

mod admission;
mod report;

use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, debug, error, error_span, field};

pub use self::admission::Admission;
use self::report::report_detached;
use crate::call::Call;
use crate::config::Config;
use crate::daemon::{CallSlots, Daemon};
use crate::hook::{Identity, Outcome, Request, RequestFault, Step};
use crate::metrics::Refusal;
use crate::nonce;
use crate::switch::{Dialect, FetchFault, Fetched, Switch, SwitchError};
use crate::webhook::{Ask, AttemptLog, ErrorPage};

/// The daemon, and the configuration that this session keeps to its end.
#[derive(Debug, Clone)]
struct Shared {
    daemon: Arc<Daemon>,
    config: Arc<Config>,
}

/// The time that a silent switch has from the shutdown signal on, and from the start if its peer has more
/// connections than its share. A greeting needs milliseconds. A FreeSWITCH call that is given back so long
/// after its beginning is not parked (`docs/protocols.md`).
const WAIT_AT_SHUTDOWN: Duration = Duration::from_millis(500);

/// The time that a switch whose time is over has to read that its call is given back.
const REFUSAL_WAIT: Duration = Duration::from_millis(20);

/// Serves one connection of a switch to its end, under one configuration.
pub async fn run<S, D>(
    mut switch: Switch<S, D>,
    daemon: Arc<Daemon>,
    config: Arc<Config>,
    admission: impl Into<Admission>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    let (shared, mut admission) = (Shared { daemon, config }, admission.into());
    // an error span, so that a log of warnings names the call too
    let span = error_span!("call", id = field::Empty, channel = field::Empty, trace = field::Empty);
    async {
        // the call must be given back, also after a panic
        let served = AssertUnwindSafe(serve(&mut switch, &shared, &mut admission)).catch_unwind().await;
        match served {
            Ok(Ok(())) => {}
            Ok(Err(error)) => end_early(error, &mut switch, &shared, &mut admission).await,
            Err(_panic) => {
                error!("a step panicked, see above; its call goes on without an answer");
                shared.daemon.metrics.refused(Refusal::Panicked);
                give_back(&mut switch, shared.config.limits.patience, &admission).await;
            }
        }
    }
    .instrument(span)
    .await;
}

/// Ends a session without final commands, in the way that its error asks for.
async fn end_early<S, D>(
    error: SwitchError,
    switch: &mut Switch<S, D>,
    shared: &Shared,
    admission: &mut Admission,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    let patience = shared.config.limits.patience;
    shared.refused(&error, switch.peer());
    match error {
        // the time of such a switch is over
        SwitchError::Silent(_) | SwitchError::Evicted(_) => {
            let refused = within(REFUSAL_WAIT, switch.refuse()).await;
            refused.unwrap_or_else(|error| debug!("the refusal was not read: {error}"));
        }
        SwitchError::Moved => {
            admission.call_received();
            match switch.wait_until_safe_to_close().await {
                Ok(()) => give_back(switch, patience, admission).await,
                Err(ended) => debug!("the call that was moved: {ended}"),
            }
        }
        SwitchError::Forged(_) | SwitchError::TooLong | SwitchError::HungUpUnauthenticated => {
            admission.mark_refused();
            give_back(switch, patience, admission).await;
        }
        SwitchError::HungUp | SwitchError::Closed | SwitchError::Broken(_) => {}
    }
}

/// Gives a call back without an answer.
async fn give_back<S, D>(switch: &mut Switch<S, D>, patience: Duration, admission: &Admission)
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    let refused = tokio::select! {
        biased;
        refused = until_shutdown(patience, &admission.shutdown, switch.refuse()) => refused,
        () = admission.evicted() => Ok(()),
    };
    refused.unwrap_or_else(|error| debug!("the refusal was not read: {error}"));
}

/// Serves one call: greeting, authentication, webhook, final commands.
///
/// Each arm of its `select!`s is cancel safe: the arm of the switch is polled first, so that no byte is lost,
/// and a dropped request is cancelled.
async fn serve<S, D>(
    switch: &mut Switch<S, D>,
    shared: &Shared,
    admission: &mut Admission,
) -> Result<(), SwitchError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    let (patience, peer) = (shared.config.limits.patience, switch.peer().map(|peer| peer.ip()));
    // the duration that is logged includes greeting and final commands
    let arrived = Instant::now();
    let evicted = || SwitchError::Evicted(whole_milliseconds(arrived.elapsed()));
    let mut call = tokio::select! {
        biased;
        greeted = until_shutdown(patience, &admission.shutdown, switch.greet()) => greeted?,
        () = admission.evicted() => return Err(evicted()),
    };
    let greeted = Instant::now();
    let _in_flight = shared.daemon.metrics.call_started();
    shared.name_span(&call);

    let step = shared.config.policy.step(&call, D::can_carry);
    let wanted = step.needed_variables();
    // until the call is authenticated, the peer may be a stranger who stays silent from now on
    let fetched = tokio::select! {
        biased;
        fetched = within(patience, switch.authenticate(&mut call, &wanted)) => fetched?,
        () = admission.evicted() => return Err(evicted()),
    };
    admission.call_received();
    shared.trace_call(&call);
    // no request for a caller who has hung up meanwhile
    if let Some(gone) = switch.hung_up().now_or_never() {
        shared.gone_early(&step, call.switch, arrived.elapsed(), &gone);
        return Err(gone);
    }
    let attempts = AttemptLog::new(arrived);
    let (outcome, to) = tokio::select! {
        biased;
        gone = switch.hung_up() => {
            shared.cancelled(&step, call.switch, arrived.elapsed(), &gone);
            return Err(gone);
        }
        outcome = shared.outcome(&step, &call, fetched, greeted, peer, &attempts) => outcome,
    };

    if let Err(gone) = switch.locate().await {
        shared.cancelled(&step, call.switch, arrived.elapsed(), &gone);
        return Err(gone);
    }
    let (outcome, commands) = final_commands(switch.dialect(), &step, outcome);
    let confirmed = within(patience, switch.farewell(&commands)).await;
    if let Err(SwitchError::Moved) = confirmed {
        shared.cancelled(&step, call.switch, arrived.elapsed(), &SwitchError::Moved);
        return Err(SwitchError::Moved);
    }
    shared.report(&step, call.switch, &outcome, to.as_deref(), arrived.elapsed());
    shared.confirmed(confirmed);
    Ok(())
}

impl Shared {
    /// Returns the outcome of a step, and the origin that was asked last. The deadline is `greeted` plus the
    /// step's timeout.
    async fn outcome(
        &self,
        step: &Step,
        call: &Call,
        fetched: Fetched,
        greeted: Instant,
        peer: Option<IpAddr>,
        attempts: &AttemptLog,
    ) -> (Outcome, Option<String>) {
        let not_asked = |outcome| (outcome, step.origin().map(str::to_owned));
        let slots = match self.daemon.admit_call(peer, &self.config.limits) {
            Ok(slots) => slots,
            Err(load) => return not_asked(Outcome::Overloaded(load)),
        };
        let (request, timeout) = match self.request(step, call, fetched) {
            Ok(request) => request,
            Err(fault) => return not_asked(Outcome::BadRequest(fault)),
        };
        if step.is_detached() {
            return not_asked(self.detach(step, request, timeout, slots));
        }
        let deadline = greeted + timeout;
        let page = ErrorPage::Skip;
        let ask = Ask { step, request: &request, deadline, timeout, page, attempts };
        let result = self.daemon.webhook.ask(ask).await;
        self.trace_answer(&result);
        (self.daemon.local_failure_as_overload(result.outcome), attempts.last_origin())
    }

    /// Returns a step's request and its timeout.
    fn request(
        &self,
        step: &Step,
        call: &Call,
        fetched: Fetched,
    ) -> Result<(Request, Duration), RequestFault> {
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
        let request = step.request(call, &self.config.policy.company, SystemTime::now(), &identity)?;
        Ok((request, timeout))
    }

    /// Makes a detached request: the call goes on at once. The request keeps its slots; the call's slot is
    /// free again.
    fn detach(&self, step: &Step, request: Request, timeout: Duration, slots: CallSlots) -> Outcome {
        let slot = match self.daemon.admit_detached(&self.config.limits) {
            Ok(slot) => slot,
            Err(load) => return Outcome::Overloaded(load),
        };
        let in_flight = self.daemon.metrics.detached_started();
        let (shared, step, request_slot) = (self.clone(), step.clone(), slots.request);
        let detached = async move {
            let began = Instant::now();
            let (deadline, page, attempts) = (began + timeout, ErrorPage::Skip, &AttemptLog::new(began));
            let ask = Ask { step: &step, request: &request, deadline, timeout, page, attempts };
            let result = shared.daemon.webhook.ask(ask).await;
            shared.trace_answer(&result);
            report_detached(&step, &result.outcome, attempts, began.elapsed());
            drop((slot, request_slot, in_flight));
        };
        self.daemon.detached_requests.spawn(detached.in_current_span());
        Outcome::Detached
    }
}

/// Returns the identity of a new request: 16 random bytes for the webhook, 16 and 8 for the trace.
#[must_use]
pub fn identity() -> Identity {
    let random = nonce::random::<40>();
    let (webhook, rest) = random.split_at(32);
    let (trace, span) = rest.split_at(32);
    Identity { webhook_id: format!("msg_{webhook}"), traceparent: format!("00-{trace}-{span}-01") }
}

/// Returns the outcome and its final commands. The step has judged the answer by the rules of the dialect. If
/// the dialect refuses a value even so, the call goes on without the answer.
pub fn final_commands<D: Dialect>(dialect: &D, step: &Step, outcome: Outcome) -> (Outcome, Vec<u8>) {
    let unfit = match dialect.farewell(&step.assignments(&outcome)) {
        Ok(commands) => return (outcome, commands),
        Err(unfit) => unfit,
    };
    let outcome = outcome.into_unfit(unfit);
    let commands = dialect.farewell(&step.assignments(&outcome)).unwrap_or_else(|_unfit| dialect.refusal());
    (outcome, commands)
}

fn whole_milliseconds(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// Returns [`SwitchError::Silent`] if the switch takes longer than this.
async fn within<T>(
    patience: Duration,
    doing: impl Future<Output = Result<T, SwitchError>>,
) -> Result<T, SwitchError> {
    timeout(patience, doing).await.unwrap_or(Err(SwitchError::Silent(patience)))
}

/// The same as [`within`], but with only [`WAIT_AT_SHUTDOWN`] from the shutdown signal on.
async fn until_shutdown<T>(
    patience: Duration,
    shutdown: &CancellationToken,
    doing: impl Future<Output = Result<T, SwitchError>>,
) -> Result<T, SwitchError> {
    let too_late = async {
        shutdown.cancelled().await;
        sleep(WAIT_AT_SHUTDOWN).await;
    };
    tokio::select! {
        biased;
        done = within(patience, doing) => done,
        () = too_late => Err(SwitchError::Silent(WAIT_AT_SHUTDOWN)),
    }
}
