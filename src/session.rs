//! The life of one call, from the switch's first word to its last, and the time limits on it.

mod admission;
mod report;

use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::slice;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, debug, error, error_span, field};

pub use self::admission::Admission;
use self::report::{AtWill, report_detached};
use crate::call::Call;
use crate::config::Limits;
use crate::hook::{Identity, Load, Outcome, Policy, Request, RequestFault, Step};
use crate::log::Numbers;
use crate::metrics::{Metrics, Refusal};
use crate::nonce;
use crate::slots::{Attendance, OpenFiles, Place};
use crate::switch::{Dialect, FetchFault, Fetched, Switch, SwitchError};
use crate::variable::{Assignment, VariableName};
use crate::webhook::{ErrorPage, Webhook};

/// What every conversation under one configuration shares.
#[derive(Debug)]
pub struct House {
    policy: Policy,
    limits: Limits,
    webhook: Webhook,
    /// The calls that may ask their webhook now.
    calls: Attendance,
    /// The requests that no call waits for.
    detached: Attendance,
    /// Both together, for which there must be open files.
    requests: Attendance,
    open_files: OpenFiles,
    errands: TaskTracker,
    at_will: Arc<AtWill>,
    metrics: Arc<Metrics>,
    numbers: Numbers,
}

/// How long a switch has for its greeting where others wait for it: it needs milliseconds. A call of FreeSWITCH that is
/// given back so late after its beginning is parked no more by that (`docs/protocols.md`).
const HASTE: Duration = Duration::from_millis(500);

/// How long a silent switch has to take in that its call is given back.
const LAST_WORD: Duration = Duration::from_millis(20);

impl House {
    /// A house with this policy.
    #[must_use]
    pub fn new(policy: Policy, webhook: Webhook, limits: Limits) -> Self {
        let [calls, detached, requests] = [(); 3].map(|()| Attendance::default());
        let open_files = OpenFiles::default();
        let (errands, at_will, metrics) = (TaskTracker::new(), Arc::default(), Arc::default());
        let numbers = Numbers::default();
        Self {
            policy,
            limits,
            webhook,
            calls,
            detached,
            requests,
            open_files,
            errands,
            at_will,
            metrics,
            numbers,
        }
    }

    /// The same house under another configuration: the calls and requests of both are counted together, and what is known
    /// of webhooks is kept.
    #[must_use]
    pub fn renewed(&self, policy: Policy, limits: Limits) -> Self {
        Self {
            policy,
            limits,
            webhook: self.webhook.clone(),
            calls: self.calls.clone(),
            detached: self.detached.clone(),
            requests: self.requests.clone(),
            open_files: self.open_files,
            errands: self.errands.clone(),
            at_will: Arc::clone(&self.at_will),
            metrics: Arc::clone(&self.metrics),
            numbers: self.numbers,
        }
    }

    /// What the configuration allows.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The same, with what happens counted here.
    #[must_use]
    pub fn counted_in(self, metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..self }
    }

    /// The same, with telephone numbers in the log so.
    #[must_use]
    pub fn showing(self, numbers: Numbers) -> Self {
        Self { numbers, ..self }
    }

    /// The same, with no more requests at once than these open files allow.
    #[must_use]
    pub fn within(self, open_files: OpenFiles) -> Self {
        Self { open_files, ..self }
    }

    /// How many requests there are that no call waits for.
    #[must_use]
    pub fn errands(&self) -> usize {
        self.errands.len()
    }

    /// Waits for the requests that no call waits for. None is made any more once the last call has ended.
    pub async fn errands_done(&self) {
        self.errands.close();
        self.errands.wait().await;
    }
}

/// Holds the conversation about one call to its end.
pub async fn hold<S, D>(mut switch: Switch<S, D>, house: Arc<House>, admission: impl Into<Admission>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    let (patience, mut admission) = (house.limits.patience, admission.into());
    // of the highest level, so that a log of warnings tells the call too
    let span = error_span!("call", id = field::Empty, channel = field::Empty, trace = field::Empty);
    async {
        // whatever happens in here, the call must be given back
        let Ok(ended) = AssertUnwindSafe(converse(&mut switch, &house, &mut admission)).catch_unwind().await
        else {
            error!("a step panicked, see above; its call goes on without an answer");
            house.metrics.refused(Refusal::Panicked);
            give_back(&mut switch, patience, &admission).await;
            return;
        };
        let Err(error) = ended else { return };
        house.refused(&error, switch.peer());
        match error {
            // a switch that was waited for long enough is not waited for again
            SwitchError::Silent(_) | SwitchError::Displaced(_) => {
                let refused = within(LAST_WORD, switch.refuse()).await;
                refused.unwrap_or_else(|error| debug!("the refusal was not heard: {error}"));
            }
            SwitchError::Moved => {
                admission.told();
                match switch.wait_until_safe_to_close().await {
                    Ok(()) => give_back(&mut switch, patience, &admission).await,
                    Err(ended) => debug!("the call that was moved: {ended}"),
                }
            }
            SwitchError::Forged(_) | SwitchError::TooLong | SwitchError::HungUpUnauthenticated => {
                admission.refused();
                give_back(&mut switch, patience, &admission).await;
            }
            SwitchError::HungUp | SwitchError::Closed | SwitchError::Broken(_) => {}
        }
    }
    .instrument(span)
    .await;
}

/// Gives a call back without an answer.
async fn give_back<S, D>(switch: &mut Switch<S, D>, patience: Duration, admission: &Admission)
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    let refused = tokio::select! {
        biased;
        refused = in_haste(patience, &admission.hurry, switch.refuse()) => refused,
        () = admission.gives_way() => Ok(()),
    };
    refused.unwrap_or_else(|error| debug!("the refusal was not heard: {error}"));
}

async fn converse<S, D>(
    switch: &mut Switch<S, D>,
    house: &Arc<House>,
    admission: &mut Admission,
) -> Result<(), SwitchError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    let (patience, peer) = (house.limits.patience, switch.peer().map(|peer| peer.ip()));
    // the call is kept from here on, its greeting and its farewell included
    let arrived = Instant::now();
    let mut call = tokio::select! {
        biased;
        greeted = in_haste(patience, &admission.hurry, switch.greet()) => greeted?,
        () = admission.gives_way() => return Err(SwitchError::Displaced(whole_milliseconds(arrived.elapsed()))),
    };
    let began = Instant::now();
    let _in_flight = house.metrics.call_began();
    house.name(&call);

    let step = house.policy.step(&call);
    let wanted = step.wanted();
    // what has not been authenticated may be a stranger's, who stays silent from here on
    let told = tokio::select! {
        biased;
        told = within(patience, switch.authenticate(&mut call, &wanted)) => told?,
        () = admission.gives_way() => return Err(SwitchError::Displaced(whole_milliseconds(arrived.elapsed()))),
    };
    admission.told();
    house.show(&call);
    let dialect = switch.dialect().clone();
    // who has left by now has asked nobody
    if let Some(gone) = switch.hung_up().now_or_never() {
        house.left(&step, call.switch, arrived.elapsed(), &gone);
        return Err(gone);
    }
    let (outcome, to) = tokio::select! {
        biased;
        gone = switch.hung_up() => {
            house.cancelled(&step, call.switch, arrived.elapsed(), &gone);
            return Err(gone);
        }
        outcome = house.outcome(&dialect, &step, &call, told, began, peer) => outcome,
    };

    if let Err(gone) = switch.locate().await {
        house.cancelled(&step, call.switch, arrived.elapsed(), &gone);
        return Err(gone);
    }
    let (outcome, words) = in_words(switch.dialect(), &step, outcome);
    let heard = within(patience, switch.farewell(&words)).await;
    if let Err(SwitchError::Moved) = heard {
        house.cancelled(&step, call.switch, arrived.elapsed(), &SwitchError::Moved);
        return Err(SwitchError::Moved);
    }
    house.report(&step, call.switch, &outcome, to.as_deref(), arrived.elapsed());
    house.taken(heard);
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
        told: Fetched,
        began: Instant,
        peer: Option<IpAddr>,
    ) -> (Outcome, Option<String>) {
        let nowhere = |outcome| (outcome, step.asks().map(str::to_owned));
        let (_call, request_place) = match self.admit(peer) {
            Ok(places) => places,
            Err(load) => return nowhere(Outcome::Overloaded(load)),
        };
        let (request, timeout) = match self.request(step, call, told) {
            Ok(request) => request,
            Err(fault) => return nowhere(Outcome::BadRequest(fault)),
        };
        if step.is_detached() {
            return nowhere(self.hand_over(step, request, timeout, request_place));
        }
        let telling = |outcome| in_words(dialect, step, outcome).0;
        let until = began + timeout;
        let asked = self.webhook.ask(step, &request, until, timeout, ErrorPage::Skip, &telling).await;
        self.tell(&asked);
        let to = asked.attempts.last().map(|attempt| attempt.origin().to_owned());
        (self.blamed(asked.outcome), to)
    }

    /// A step's request, and how long it may take.
    fn request(&self, step: &Step, call: &Call, told: Fetched) -> Result<(Request, Duration), RequestFault> {
        // what the call asks for cannot be judged where its text is not known
        if let Fetched::Incomplete(fault) = told {
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
        let request = step.request(call, &self.policy.company, SystemTime::now(), &identity)?;
        Ok((request, timeout))
    }

    /// Makes a request behind the call, which goes on at once.
    fn hand_over(
        self: &Arc<Self>,
        step: &Step,
        request: Request,
        timeout: Duration,
        request_place: Place,
    ) -> Outcome {
        let most = self.limits.detached;
        let Ok(place) = self.detached.enter(None, most, None) else {
            return Outcome::Overloaded(Load::Detached(most));
        };
        let under_way = self.metrics.detached_began();
        let (house, step) = (Arc::clone(self), step.clone());
        let errand = async move {
            let began = Instant::now();
            let (until, page) = (began + timeout, ErrorPage::Skip);
            // nobody is told
            let asked = house.webhook.ask(&step, &request, until, timeout, page, &|outcome| outcome).await;
            house.tell(&asked);
            report_detached(&step, &asked, began.elapsed());
            drop((place, request_place, under_way));
        };
        self.errands.spawn(errand.in_current_span());
        Outcome::Detached
    }
}

/// What a new request is known by: 16 random bytes for the webhook, 16 and 8 for the trace.
#[must_use]
pub fn identity() -> Identity {
    let random = nonce::random::<40>();
    let (webhook, rest) = random.split_at(32);
    let (trace, span) = rest.split_at(32);
    Identity { webhook_id: format!("msg_{webhook}"), traceparent: format!("00-{trace}-{span}-01") }
}

/// The farewell for an outcome; where the switch cannot carry the answer, that is the outcome.
pub fn in_words<D: Dialect>(dialect: &D, step: &Step, outcome: Outcome) -> (Outcome, Vec<u8>) {
    let words = |outcome: &Outcome| dialect.farewell(&step.assignments(outcome));
    match words(&outcome) {
        Ok(words) => (outcome, words),
        Err(unfit) => {
            let part = unfit_part(dialect, step, &outcome);
            let outcome = outcome.but_unfit(unfit, part);
            // the configuration lets no `otherwise` in that a switch cannot carry; should one be there, the call goes
            // on even so
            let words = words(&outcome).unwrap_or_else(|_unfit| dialect.refusal());
            (outcome, words)
        }
    }
}

/// Which part of the answer the switch cannot carry, where it is not the text as a whole.
fn unfit_part<D: Dialect>(dialect: &D, step: &Step, outcome: &Outcome) -> Option<VariableName> {
    let unfit = |set: &&Assignment| dialect.farewell(slice::from_ref(*set)).is_err();
    let name = outcome.set()?.iter().find(unfit).map(|set| &set.name);
    name.filter(|name| !step.receives_text(name)).cloned()
}

fn whole_milliseconds(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

async fn within<T>(
    patience: Duration,
    doing: impl Future<Output = Result<T, SwitchError>>,
) -> Result<T, SwitchError> {
    timeout(patience, doing).await.unwrap_or(Err(SwitchError::Silent(patience)))
}

/// The same, and within [`HASTE`] once others wait.
async fn in_haste<T>(
    patience: Duration,
    hurry: &CancellationToken,
    doing: impl Future<Output = Result<T, SwitchError>>,
) -> Result<T, SwitchError> {
    let too_late = async {
        hurry.cancelled().await;
        sleep(HASTE).await;
    };
    tokio::select! {
        biased;
        done = within(patience, doing) => done,
        () = too_late => Err(SwitchError::Silent(HASTE)),
    }
}
