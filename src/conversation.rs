//! The life of one call, from the switch's first word to its last, and the time limits on it.

use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span, debug, error, field, info, info_span, trace, warn};

use crate::call::Call;
use crate::hook::{Identity, Outcome, Policy, RequestFault, Step};
use crate::limits::{Attendance, Limits};
use crate::log::Seldom;
use crate::switch::{Dialect, Switch, SwitchError, Told, Untold};
use crate::webhook::{ErrorPage, Webhook};
use crate::word;

/// What every conversation under one configuration shares.
#[derive(Debug)]
pub struct House {
    policy: Policy,
    limits: Limits,
    webhook: Arc<Webhook>,
    /// The calls that may ask their webhook now.
    calls: Attendance,
    forged: Arc<Seldom>,
}

/// How long a silent switch has to take in that its call is given back.
const LAST_WORD: Duration = Duration::from_millis(20);

impl House {
    /// A house with this policy.
    #[must_use]
    pub fn new(policy: Policy, webhook: Webhook, limits: Limits) -> Self {
        let webhook = Arc::new(webhook);
        Self { policy, limits, webhook, calls: Attendance::default(), forged: Arc::default() }
    }

    /// The same house under another configuration: the calls of both are counted together, and connections to
    /// webhooks are kept.
    #[must_use]
    pub fn renewed(&self, policy: Policy, limits: Limits) -> Self {
        let (webhook, calls, forged) =
            (Arc::clone(&self.webhook), self.calls.clone(), Arc::clone(&self.forged));
        Self { policy, limits, webhook, calls, forged }
    }
}

/// Holds the conversation about one call to its end.
pub async fn hold<S, D>(mut switch: Switch<S, D>, house: Arc<House>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    let patience = house.limits.patience;
    let span = info_span!("call", id = field::Empty, channel = field::Empty);
    async {
        // whatever happens in here, the call must be given back
        let Ok(ended) = AssertUnwindSafe(converse(&mut switch, &house)).catch_unwind().await else {
            error!("a step panicked, see above; its call goes on without an answer");
            give_back(&mut switch, patience).await;
            return;
        };
        match ended {
            Ok(()) => {}
            Err(error @ (SwitchError::Forged(_) | SwitchError::TooLong | SwitchError::Silent(_))) => {
                let peer = switch.peer().map(field::display);
                house.forged.warn(|unlogged| warn!(peer, unlogged, "connection refused: {error}"));
                // a switch that was waited for long enough is not waited for again
                let silent = matches!(error, SwitchError::Silent(_));
                give_back(&mut switch, if silent { LAST_WORD } else { patience }).await;
            }
            Err(error @ SwitchError::HungUpUnproved) => {
                debug!("call refused: {error}");
                give_back(&mut switch, patience).await;
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

async fn converse<S, D>(switch: &mut Switch<S, D>, house: &House) -> Result<(), SwitchError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    let (patience, peer) = (house.limits.patience, switch.peer().map(|peer| peer.ip()));
    let mut call = within(patience, switch.greet()).await?;
    let began = Instant::now();
    Span::current().record("id", &*call.unique_id.lossy()).record("channel", &*call.channel.lossy());

    let step = house.policy.step(&call);
    let told = within(patience, switch.ask(&mut call, &step.wanted())).await?;
    trace!(?call, "the environment is proved");
    let outcome = tokio::select! {
        biased;
        gone = switch.hung_up() => {
            info!(hook = step.name, ms = began.elapsed().as_millis(), "request cancelled: {gone}");
            return Err(gone);
        }
        outcome = house.outcome(&step, &call, told, began, peer) => outcome,
    };

    let (outcome, words) = in_words(switch.dialect(), &step, outcome);
    let took = began.elapsed();
    let heard = within(patience, switch.farewell(&words)).await;
    report(&step, &outcome, took);
    match heard {
        Ok(0) => {}
        Ok(unconfirmed) => warn!(unconfirmed, "the switch did not set every variable"),
        // it may be the caller who left
        Err(error) => debug!("the farewell was not heard to its end: {error}"),
    }
    Ok(())
}

impl House {
    /// What comes of a step; bounded by its timeout, counted from when the call was heard of.
    async fn outcome(
        &self,
        step: &Step,
        call: &Call,
        told: Told,
        began: Instant,
        peer: Option<IpAddr>,
    ) -> Outcome {
        let _place = match self.calls.enter(peer, &self.limits) {
            Ok(place) => place,
            Err(limit) => return Outcome::Overloaded { limit },
        };
        self.asked(step, call, told, began).await.unwrap_or_else(Outcome::BadRequest)
    }

    async fn asked(
        &self,
        step: &Step,
        call: &Call,
        told: Told,
        began: Instant,
    ) -> Result<Outcome, RequestFault> {
        let timeout = step.timeout()?.get();
        told.map_err(|untold| match untold {
            Untold::TooManyNames => RequestFault::TooManyVariables,
            Untold::NotWhole => RequestFault::VariableNotWhole,
        })?;
        let request = step.request(call, &self.policy.company, SystemTime::now(), &identity())?;
        let answer = self.webhook.ask(request, began + timeout, timeout, ErrorPage::Skip).await;
        trace!(?answer, "the webhook answered");
        Ok(answer.map_or_else(|outcome| outcome, |answer| step.judge(answer.code, &answer.body)))
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
fn report(step: &Step, outcome: &Outcome, took: Duration) {
    let (hook, to, ms) = (&step.name, step.asks(), took.as_millis());
    let (status, code) = (outcome.status().as_str(), outcome.code());
    match outcome {
        Outcome::Ok { .. } => info!(hook, to, status, code, ms, "webhook step"),
        failed => warn!(hook, to, status, code, ms, reason = %failed, "webhook step"),
    }
}

async fn within<T>(
    patience: Duration,
    doing: impl Future<Output = Result<T, SwitchError>>,
) -> Result<T, SwitchError> {
    timeout(patience, doing).await.unwrap_or(Err(SwitchError::Silent(patience)))
}
