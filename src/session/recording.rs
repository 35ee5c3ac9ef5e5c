//! The record of a step while the step lasts. Each stage adds its data at once, so that a hangup or a panic
//! loses none of them.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::Instant;

use super::Shared;
use crate::call::{AD_HOC, Call, Privacy, SwitchKind};
use crate::config::KeptBodies;
use crate::history::{
    Confirmed, DetachedEnd, Ending, Message, ReceivedAnswer, Record, Secrets, SentRequest, StepId, Times,
    without_secret_members,
};
use crate::hook::{Answer, Outcome, Request, Status, Step};
use crate::redact;
use crate::switch::SwitchError;
use crate::variable::{Assignment, Value};
use crate::webhook::{AttemptLog, CacheReport, Origin, StepResult};

/// The record of a step that has not ended.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) id: StepId,
    time: SystemTime,
    pub(super) arrived: Instant,
    switch: SwitchKind,
    peer: Option<SocketAddr>,
    pub(super) call: Option<Box<Call>>,
    pub(super) step: Option<Step>,
    pub(super) times: Times,
    /// The request, if one could be made.
    pub(super) asked: Option<Asked>,
    pub(super) told: Option<Told>,
}

/// The request of a step, and its result so far.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) timeout: Duration,
    /// The time that the request names.
    pub(super) requested: SystemTime,
    pub(super) traceparent: String,
    pub(super) attempts: AttemptLog,
    /// The answer that the step was judged by, with its origin.
    pub(super) answer: Option<(Arc<Answer>, Origin)>,
    /// The part of the cache; none if the request was dropped.
    pub(super) cache: Option<CacheReport>,
    pub(super) detached: Option<Arc<OnceLock<DetachedEnd>>>,
}

/// The outcome that the final commands tell the dialplan.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) outcome: Outcome,
    pub(super) assignments: Vec<Assignment>,
    /// The number of replies that confirm nothing. None if there is no switch.
    pub(super) unconfirmed: Option<Result<usize, SwitchError>>,
}

impl Recording {
    /// Begins the record of a connection.
    pub(super) fn new(shared: &Shared, switch: SwitchKind, peer: Option<SocketAddr>) -> Self {
        Self {
            id: shared.daemon.history.next_id(),
            time: SystemTime::now(),
            arrived: Instant::now(),
            switch,
            peer,
            call: None,
            step: None,
            times: Times::default(),
            asked: None,
            told: None,
        }
    }

    /// Returns the time since the switch connected.
    pub(super) fn elapsed(&self) -> Duration {
        self.arrived.elapsed()
    }

    /// Ends the record of a request without a call. A person reads it, so that it has all its messages.
    pub(super) fn end_with_message(self, shared: &Shared) -> Record {
        self.end_keeping(shared, Ok(()), |_failed| true)
    }

    /// Ends the record.
    pub(super) fn end(self, shared: &Shared, ending: Result<(), &SwitchError>) -> Record {
        self.end_keeping(shared, ending, |failed| shared.keeps_message(failed))
    }

    /// Ends the record. `keeps` gets true if the step failed, and says if headers and bodies are kept.
    fn end_keeping(
        mut self,
        shared: &Shared,
        ending: Result<(), &SwitchError>,
        keeps: impl Fn(bool) -> bool,
    ) -> Record {
        self.times.ended = self.elapsed();
        let (ending, set) = ending_of(self.told, self.times.authenticated.is_some(), ending);
        let is_good =
            |outcome: &Outcome| outcome.status() == Status::Ok && outcome.missing().next().is_none();
        // a part that is missing is the same to a person as an answer that was refused
        let failed = !matches!(&ending, Ending::Outcome { outcome, .. } if is_good(outcome));
        let keeps = keeps(failed);
        let outcome = match &ending {
            Ending::Outcome { outcome, .. } => Some(outcome),
            Ending::Cancelled(_) | Ending::Refused(_) => None,
        };
        let step = self.step.as_ref();
        let mut record = Record {
            id: self.id,
            time: self.time,
            switch: self.switch,
            peer: self.peer,
            numbers: shared.numbers(),
            is_known: step.is_some_and(|step| shared.is_known(step)),
            listed: step.map(Step::listed).unwrap_or_default(),
            times: self.times,
            to: step.and_then(Step::origin).map(str::to_owned),
            rules: step.zip(outcome).and_then(|(step, outcome)| step.broken_rules(outcome)),
            note: step.zip(outcome).and_then(|(step, outcome)| step.note(outcome)),
            call: self.call,
            hook: self.step.map(|step| step.name).unwrap_or_default(),
            timeout: None,
            requested: None,
            traceparent: None,
            request: None,
            attempts: Vec::new(),
            cache: CacheReport::default(),
            answer: None,
            detached: None,
            ending,
            set,
            omitted: Vec::new(),
        };
        if !keeps && shared.config.history.bodies == KeptBodies::None {
            omit_values(&mut record);
        }
        if record.times.authenticated.is_none() {
            hide_caller(&mut record);
        }
        if record.hook == AD_HOC || !record.is_known || record.outcome().is_none_or(is_refusal) {
            forget_address(&mut record);
        }
        if let Some(asked) = self.asked {
            asked.add_to(&mut record, keeps);
        }
        record
    }
}

/// Drops the values that came from an answer, and keeps their lengths.
fn omit_values(record: &mut Record) {
    for (position, set) in record.set.iter_mut().enumerate() {
        let is_foreign = set.source.is_foreign() && !record.listed.contains(position);
        let length = is_foreign.then_some(set.value.as_bytes().len());
        record.omitted.push(length);
        if is_foreign {
            set.value = Value::default();
        }
    }
}

/// Removes the number and the name of the caller. Only the reply to the challenge tells if they are withheld.
fn hide_caller(record: &mut Record) {
    if let Some(call) = record.call.take() {
        let withheld = Privacy { hide_number: true, hide_name: true };
        record.call = Some(Box::new(call.with_privacy(withheld, &[])));
    }
}

/// Forgets the parameters of the call: a URL in them may hold a secret.
fn forget_address(record: &mut Record) {
    if let Some(call) = &mut record.call {
        let name = call.path_and_query().0.to_vec();
        call.parameters = Vec::new();
        call.address = Value::from(if record.is_known { name } else { Vec::new() });
    }
}

/// True if no request was made because of the call or its hook.
fn is_refusal(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::BadRequest(_))
}

/// Returns the ending of a step, and the assignments of the hook's variables.
fn ending_of(
    told: Option<Told>,
    is_authenticated: bool,
    ended: Result<(), &SwitchError>,
) -> (Ending, Vec<Assignment>) {
    match (ended, told) {
        (Ok(()), Some(Told { outcome, mut assignments, unconfirmed })) => {
            let confirmed = match unconfirmed {
                Some(Ok(unconfirmed)) => Confirmed::AllBut(unconfirmed),
                Some(Err(error)) => Confirmed::Unread(error.to_string()),
                None => Confirmed::NotSent,
            };
            assignments.truncate(assignments.len().saturating_sub(RESULTS));
            (Ending::Outcome { outcome, confirmed }, assignments)
        }
        (Ok(()), None) => (Ending::Refused(PANICKED.to_owned()), Vec::new()),
        (Err(error), _) if is_authenticated => (Ending::Cancelled(error.to_string()), Vec::new()),
        (Err(error), _) => (Ending::Refused(error.to_string()), Vec::new()),
    }
}

/// The assignments of `WEBHOOK_STATUS` and its siblings at the end of the final commands.
const RESULTS: usize = crate::hook::RESULT_VARIABLES.len();

/// The reason of a step that ended with a panic.
const PANICKED: &str = "the step panicked; the log has the place";

impl Asked {
    /// Keeps what the record needs of a result, and returns the outcome.
    pub(super) fn ended(&mut self, result: StepResult) -> Outcome {
        self.answer = result.answer.map(|answer| (answer, result.origin));
        self.cache = Some(result.cache.unwrap_or_default());
        result.outcome
    }

    fn add_to(self, record: &mut Record, keeps: bool) {
        let mut secrets = record.call.as_deref().map(Secrets::of_variables).unwrap_or_default();
        if keeps {
            secrets.add_headers(&self.request.headers);
        }
        record.timeout = Some(self.timeout);
        record.requested = Some(self.requested);
        record.traceparent = Some(self.traceparent);
        record.request = Some(sent(self.request, keeps, &secrets));
        let (waited, is_hedged) = (self.attempts.waited(), self.attempts.is_hedged());
        record.attempts = self.attempts.into_attempts();
        record.detached = self.detached;
        record.cache =
            self.cache.unwrap_or_else(|| CacheReport { waited, is_hedged, ..CacheReport::default() });
        record.answer = self.answer.map(|(answer, origin)| received(&answer, origin, keeps, &secrets));
        if let Some(why) = &record.cache.stale_because {
            record.note = Some(format!("the answer is stale: {why}"));
        }
        if !secrets.is_empty() {
            hide_in_values(record, &secrets);
        }
    }
}

/// Hides these secrets in the values that the variables got. If the answer has changed, the place of its
/// fault is not known any more.
fn hide_in_values(record: &mut Record, secrets: &Secrets) {
    for set in &mut record.set {
        set.value = Value::from(secrets.hidden_in(set.value.as_bytes()));
    }
    let has_changed = record.answer.as_ref().and_then(|answer| answer.message.as_ref());
    let has_changed =
        has_changed.is_some_and(|message| message.body.windows(3).any(|bytes| bytes == "…".as_bytes()));
    if let Ending::Outcome { outcome: Outcome::BadAnswer { place, .. }, .. } = &mut record.ending
        && has_changed
    {
        *place = None;
    }
}

/// Returns a request without its secrets, and without its headers and body unless they are kept.
fn sent(request: Request, keeps: bool, secrets: &Secrets) -> SentRequest {
    let body = request.body.as_deref().unwrap_or_default();
    let message = keeps.then(|| match body.len() > MAX_BODY {
        // the names of its members would take too long to read
        true => Message { cut: true, ..Message::new(&request.headers, b"", secrets) },
        false => Message::new(&request.headers, &without_secret_members(body), secrets),
    });
    let urls = request.targets.into_iter().map(|target| match target.has_secret || !secrets.is_empty() {
        true => {
            let shown = secrets.hidden_in(target.url.as_str().as_bytes());
            redact::url(&String::from_utf8_lossy(&shown))
        }
        false => String::from(target.url),
    });
    let body_length = request.body.as_ref().map_or(0, Bytes::len);
    SentRequest { method: request.method, urls: urls.collect(), body_length, message }
}

/// Bytes of the longest body of a request that is kept.
const MAX_BODY: usize = 32 * 1024;

fn content_type(value: &http::HeaderValue) -> Box<[u8]> {
    let bytes = value.as_bytes();
    bytes.get(..MAX_TYPE).unwrap_or(bytes).into()
}

/// Bytes of a content type that are kept.
const MAX_TYPE: usize = 200;

/// Returns an answer, without its headers and body unless they are kept.
pub(super) fn received(answer: &Answer, origin: Origin, keeps: bool, secrets: &Secrets) -> ReceivedAnswer {
    ReceivedAnswer {
        code: answer.code,
        content_type: answer.headers.get(http::header::CONTENT_TYPE).map(content_type),
        length: answer.body.len(),
        origin,
        message: keeps.then(|| Message::new(&answer.headers, &answer.body, secrets)),
    }
}
