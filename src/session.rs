//! One connection of a switch from its first byte to its last, and the time limits on it.

mod admission;
mod asking;
mod recording;
mod rehearsal;
mod report;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, error_span, field};

pub use self::admission::Admission;
use self::asking::Beginning;
use self::recording::{Recording, Told};
pub use self::rehearsal::{CallData, REPEAT, commands_for, rehearse};
use crate::config::Config;
use crate::daemon::Daemon;
use crate::hook::{Identity, Outcome, Step};
use crate::metrics::Refusal;
use crate::nonce;
use crate::switch::{Dialect, Switch, SwitchError};
use crate::variable::Assignment;

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
    let mut recording = Recording::new(&shared, D::SWITCH, switch.peer());
    // an error span, so that a log of warnings names the call too
    let span = error_span!("call", id = field::Empty, channel = field::Empty, trace = field::Empty);
    async {
        // the call must be given back, also after a panic
        let served = serve(&mut switch, &shared, &mut admission, &mut recording);
        let served = AssertUnwindSafe(served).catch_unwind().await;
        let ended = match &served {
            Ok(Err(error)) => Err(error),
            // a panic is no error of the switch
            Ok(Ok(())) | Err(_) => Ok(()),
        };
        shared.report(recording, ended);
        match served {
            Ok(Ok(())) => {}
            // boxed: these ends are rare, and their buffers would be in the task of every call
            Ok(Err(error)) => Box::pin(end_early(error, &mut switch, &shared, &mut admission)).await,
            Err(_panic) => {
                error!("a step panicked, see above; its call goes on without an answer");
                shared.daemon.metrics.refused(Refusal::Panicked);
                Box::pin(give_back(&mut switch, shared.config.limits.patience, &admission)).await;
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

/// Serves one call: greeting, authentication, webhook, final commands. Leaves in `recording` what is known of
/// it.
///
/// Each arm of its `select!`s is cancel safe: the arm of the switch is polled first, so that no byte is lost,
/// and a dropped request is cancelled.
async fn serve<S, D>(
    switch: &mut Switch<S, D>,
    shared: &Shared,
    admission: &mut Admission,
    recording: &mut Recording,
) -> Result<(), SwitchError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    let (patience, peer) = (shared.config.limits.patience, switch.peer().map(|peer| peer.ip()));
    // the duration that is logged includes greeting and final commands
    let arrived = recording.arrived;
    let evicted = || SwitchError::Evicted(whole_milliseconds(arrived.elapsed()));
    let call = tokio::select! {
        biased;
        greeted = until_shutdown(patience, &admission.shutdown, switch.greet()) => greeted?,
        () = admission.evicted() => return Err(evicted()),
    };
    let greeted = Instant::now();
    recording.times.greeted = Some(greeted - arrived);
    let _in_flight = shared.daemon.metrics.call_started();
    shared.name_span(&call);

    let call = recording.call.insert(call);
    let step = recording.step.insert(shared.config.policy.step(call, D::can_carry));
    let _hook_in_flight = shared.daemon.metrics.step_started(shared.metric_name(step));
    let wanted = step.needed_variables();
    // until the call is authenticated, the peer may be a stranger who stays silent from now on
    let fetched = tokio::select! {
        biased;
        fetched = within(patience, switch.authenticate(call, &wanted)) => fetched?,
        () = admission.evicted() => return Err(evicted()),
    };
    recording.times.authenticated = Some(arrived.elapsed());
    admission.call_received();
    shared.trace_call(call);
    // no request for a caller who has hung up meanwhile
    if let Some(gone) = switch.hung_up().now_or_never() {
        return Err(gone);
    }
    recording.times.asked = Some(arrived.elapsed());
    let beginning = Beginning { id: &recording.id, arrived, greeted, peer };
    let outcome = tokio::select! {
        biased;
        gone = switch.hung_up() => return Err(gone),
        outcome = shared.outcome(step, call, fetched, beginning, &mut recording.asked) => outcome,
    };

    recording.times.judged = Some(arrived.elapsed());
    switch.locate().await?;
    let FinalCommands { outcome, assignments, commands } = final_commands(switch.dialect(), step, outcome);
    let unconfirmed = match within(patience, switch.farewell(&commands)).await {
        Err(SwitchError::Moved) => return Err(SwitchError::Moved),
        confirmed => confirmed,
    };
    recording.told = Some(Told { outcome, assignments, unconfirmed: Some(unconfirmed) });
    Ok(())
}

/// Returns the identity of a new request: 16 random bytes for the webhook, 16 and 8 for the trace.
#[must_use]
pub fn identity() -> Identity {
    let random = nonce::random::<40>();
    let (webhook, rest) = random.split_at(32);
    let (trace, span) = rest.split_at(32);
    Identity { webhook_id: format!("msg_{webhook}"), traceparent: format!("00-{trace}-{span}-01") }
}

/// The outcome of a step, and the commands that tell it to the switch.
#[derive(Debug)]
pub struct FinalCommands {
    pub outcome: Outcome,
    /// The assignments of all variables, in their order.
    pub assignments: Vec<Assignment>,
    /// The bytes of the commands.
    pub commands: Vec<u8>,
}

/// Returns the final commands of an outcome. The step has judged the answer by the rules of the dialect. If
/// the dialect refuses a value even so, the call goes on without the answer.
pub fn final_commands<D: Dialect>(dialect: &D, step: &Step, outcome: Outcome) -> FinalCommands {
    let assignments = step.assignments(&outcome);
    let unfit = match dialect.farewell(&assignments) {
        Ok(commands) => return FinalCommands { outcome, assignments, commands },
        Err(unfit) => unfit,
    };
    let outcome = outcome.into_unfit(unfit);
    let assignments = step.assignments(&outcome);
    let commands = dialect.farewell(&assignments).unwrap_or_else(|_unfit| dialect.refusal());
    FinalCommands { outcome, assignments, commands }
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
