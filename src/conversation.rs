//! The life of one call, from the switch's first word to its last, and the time limits on it.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, debug, error, field, info, info_span, trace, warn};

use crate::call::Call;
use crate::hook::{Identity, Load, Outcome, Policy, Request, RequestFault, Step};
use crate::log::Seldom;
use crate::switch::{Dialect, Switch, SwitchError, Told, Untold};
use crate::webhook::{Asked, ErrorPage, Webhook};
use crate::word;

/// What every conversation shares.
#[derive(Debug)]
pub struct House {
    policy: Policy,
    webhook: Webhook,
    /// One permit for each call that may ask its webhook now.
    calls: Semaphore,
    limit: usize,
    /// One permit for each request that no call waits for.
    detached: Arc<Semaphore>,
    detached_limit: usize,
    errands: TaskTracker,
    forged: Seldom,
}

/// How long a switch may take for one message.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long a silent switch has to take in that its call is given back.
const LAST_WORD: Duration = Duration::from_millis(20);

impl House {
    /// A house with this policy for so many calls at once, and so many requests that no call waits for.
    #[must_use]
    pub fn new(policy: Policy, webhook: Webhook, calls: usize, detached: usize) -> Self {
        Self {
            policy,
            webhook,
            calls: Semaphore::new(calls),
            limit: calls,
            detached: Arc::new(Semaphore::new(detached)),
            detached_limit: detached,
            errands: TaskTracker::new(),
            forged: Seldom::default(),
        }
    }

    /// Waits for the requests that no call waits for. None is made any more once the last call has ended.
    pub async fn errands_done(&self) {
        self.errands.close();
        self.errands.wait().await;
    }
}

/// Holds the conversation about one call to its end.
pub async fn hold<S, D>(mut switch: Switch<S, D>, house: Arc<House>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    let span = info_span!("call", id = field::Empty, channel = field::Empty);
    async {
        // whatever happens in here, the call must be given back
        let Ok(ended) = AssertUnwindSafe(converse(&mut switch, &house)).catch_unwind().await else {
            error!("a step panicked, see above; its call goes on without an answer");
            give_back(&mut switch, PATIENCE).await;
            return;
        };
        match ended {
            Ok(()) => {}
            Err(error @ (SwitchError::Forged(_) | SwitchError::TooLong | SwitchError::Silent(_))) => {
                let peer = switch.peer().map(field::display);
                house.forged.warn(|unlogged| warn!(peer, unlogged, "connection refused: {error}"));
                // a switch that was waited for long enough is not waited for again
                let silent = matches!(error, SwitchError::Silent(_));
                give_back(&mut switch, if silent { LAST_WORD } else { PATIENCE }).await;
            }
            Err(error @ SwitchError::HungUpUnproved) => {
                debug!("call refused: {error}");
                give_back(&mut switch, PATIENCE).await;
            }
            Err(error @ (SwitchError::HungUp | SwitchError::Closed | SwitchError::Broken(_))) => {
                debug!("the conversation ended early: {error}");
            }
        }
    }
    .instrument(span)
    .await;
}

/// Gives a call back without an answer.
async fn give_back<S, D>(switch: &mut Switch<S, D>, patience: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    let refused = within(patience, switch.refuse()).await;
    refused.unwrap_or_else(|error| debug!("the refusal was not heard: {error}"));
}

async fn converse<S, D>(switch: &mut Switch<S, D>, house: &Arc<House>) -> Result<(), SwitchError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    let mut call = within(PATIENCE, switch.greet()).await?;
    let began = Instant::now();
    Span::current().record("id", &*call.unique_id.lossy()).record("channel", &*call.channel.lossy());

    let step = house.policy.step(&call);
    let told = within(PATIENCE, switch.ask(&mut call, &step.wanted())).await?;
    trace!(?call, "the environment is proved");
    let dialect = switch.dialect().clone();
    let (outcome, to) = tokio::select! {
        biased;
        gone = switch.hung_up() => {
            info!(hook = step.name, ms = began.elapsed().as_millis(), "request cancelled: {gone}");
            return Err(gone);
        }
        outcome = house.outcome(&dialect, &step, &call, told, began) => outcome,
    };

    let (outcome, words) = in_words(&dialect, &step, outcome);
    let took = began.elapsed();
    let heard = within(PATIENCE, switch.farewell(&words)).await;
    report(&step, &outcome, to.as_deref(), took);
    match heard {
        Ok(0) => {}
        Ok(unconfirmed) => warn!(unconfirmed, "the switch did not set every variable"),
        // it may be the caller who left
        Err(error) => debug!("the farewell was not heard to its end: {error}"),
    }
    Ok(())
}

impl House {
    /// What comes of a step, and where it was asked last; bounded by its timeout, counted from when the call was
    /// heard of.
    async fn outcome<D: Dialect>(
        self: &Arc<Self>,
        dialect: &D,
        step: &Step,
        call: &Call,
        told: Told,
        began: Instant,
    ) -> (Outcome, Option<String>) {
        let nowhere = |outcome| (outcome, step.asks().map(str::to_owned));
        let Ok(_permit) = self.calls.try_acquire() else {
            return nowhere(Outcome::Overloaded(Load::Calls(self.limit)));
        };
        let (request, timeout) = match self.request(step, call, told) {
            Ok(request) => request,
            Err(fault) => return nowhere(Outcome::BadRequest(fault)),
        };
        if step.is_detached() {
            return nowhere(self.hand_over(step, request, timeout));
        }
        let telling = |outcome| in_words(dialect, step, outcome).0;
        let until = began + timeout;
        let asked = self.webhook.ask(step, &request, until, timeout, ErrorPage::Skip, &telling).await;
        trace!(?asked, "the webhook was asked");
        let to = asked.attempts.last().map(|attempt| attempt.origin().to_owned());
        (asked.outcome, to)
    }

    /// A step's request, and how long it may take.
    fn request(&self, step: &Step, call: &Call, told: Told) -> Result<(Request, Duration), RequestFault> {
        let timeout = step.timeout()?.get();
        told.map_err(|untold| match untold {
            Untold::TooManyNames => RequestFault::TooManyVariables,
            Untold::NotWhole => RequestFault::VariableNotWhole,
        })?;
        let request = step.request(call, &self.policy.company, SystemTime::now(), &identity())?;
        Ok((request, timeout))
    }

    /// Makes a request behind the call, which goes on at once.
    fn hand_over(self: &Arc<Self>, step: &Step, request: Request, timeout: Duration) -> Outcome {
        let Ok(permit) = Arc::clone(&self.detached).try_acquire_owned() else {
            return Outcome::Overloaded(Load::Detached(self.detached_limit));
        };
        let (house, step) = (Arc::clone(self), step.clone());
        let errand = async move {
            let began = Instant::now();
            let (until, page) = (began + timeout, ErrorPage::Skip);
            // nobody is told
            let asked = house.webhook.ask(&step, &request, until, timeout, page, &|outcome| outcome).await;
            report_detached(&step, &asked, began.elapsed());
            drop(permit);
        };
        self.errands.spawn(errand.in_current_span());
        Outcome::Detached
    }
}

/// What a new request is known by: 16 random bytes for the webhook, 16 and 8 for the trace.
#[must_use]
pub fn identity() -> Identity {
    let random = word::random::<40>();
    let (webhook, rest) = random.split_at(32);
    let (trace, span) = rest.split_at(32);
    Identity { webhook_id: format!("msg_{webhook}"), traceparent: format!("00-{trace}-{span}-01") }
}

/// The farewell for an outcome; where the switch cannot carry the answer, that is the outcome.
pub fn in_words<D: Dialect>(dialect: &D, step: &Step, outcome: Outcome) -> (Outcome, Vec<u8>) {
    let words = |outcome: &Outcome| dialect.farewell(&step.assignments(outcome), step.accept());
    match words(&outcome) {
        Ok(words) => (outcome, words),
        Err(unfit) => {
            let outcome = outcome.but_unfit(unfit);
            // the configuration lets no `otherwise` in that a switch cannot carry; should one be there, the call goes
            // on even so
            let words = words(&outcome).unwrap_or_else(|_unfit| dialect.refusal());
            (outcome, words)
        }
    }
}

/// One line a call: a warning where somebody should look.
fn report(step: &Step, outcome: &Outcome, to: Option<&str>, took: Duration) {
    let (hook, ms) = (&step.name, took.as_millis());
    let (status, code) = (outcome.status().as_str(), outcome.code());
    match outcome {
        Outcome::Ok { .. } => info!(hook, to, status, code, ms, "webhook step"),
        Outcome::Detached => info!(hook, to, status, ms, "webhook step; its request goes on"),
        failed => warn!(hook, to, status, code, ms, reason = %failed, "webhook step"),
    }
}

/// One line for a request that no call waited for.
fn report_detached(step: &Step, asked: &Asked, took: Duration) {
    let (hook, ms, outcome) = (&step.name, took.as_millis(), &asked.outcome);
    let to = asked.attempts.last().map(|attempt| attempt.origin());
    let (status, code) = (outcome.status().as_str(), outcome.code());
    match outcome {
        Outcome::Ok { .. } => info!(hook, to, status, code, ms, "detached request"),
        failed => warn!(hook, to, status, code, ms, reason = %failed, "detached request"),
    }
}

async fn within<T>(
    patience: Duration,
    doing: impl Future<Output = Result<T, SwitchError>>,
) -> Result<T, SwitchError> {
    timeout(patience, doing).await.unwrap_or(Err(SwitchError::Silent(patience)))
}
