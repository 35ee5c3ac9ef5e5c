//! The record of one step. It holds what happened as it happened: masked and formatted by [`super::view`]
//! only for the person who asks.
//!
//! Secrets do not enter a record: neither the value of a secret header nor a secret in a URL.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use super::secrets::Secrets;
use crate::call::{Call, SwitchKind};
use crate::hook::{Outcome, Positions, Rules, Status, is_secret_name};
use crate::log::TelephoneNumbers;
use crate::redact;
use crate::variable::Assignment;
use crate::webhook::{Attempt, CacheReport, Origin};

/// One step, from the connection of its switch to its end.
#[derive(Debug)]
pub struct Record {
    pub id: StepId,
    /// The time at which the switch connected.
    pub time: SystemTime,
    pub switch: SwitchKind,
    pub peer: Option<SocketAddr>,
    /// The rule for telephone numbers at the time of the step.
    pub numbers: TelephoneNumbers,
    /// The call; none if the connection ended before the greeting was complete.
    pub call: Option<Box<Call>>,
    /// The name of the hook, as the address of the call has it.
    pub hook: String,
    /// True if the configuration had the hook, or the step is an ad hoc step.
    pub is_known: bool,
    /// The positions in `set` of the variables whose texts the configuration lists, so that the log may show
    /// them.
    pub listed: Positions,
    pub times: Times,
    /// The longest time that the caller may wait.
    pub timeout: Option<Duration>,
    /// The time that the request names.
    pub requested: Option<SystemTime>,
    /// The header `traceparent`.
    pub traceparent: Option<String>,
    pub request: Option<SentRequest>,
    pub attempts: Vec<Attempt>,
    pub cache: CacheReport,
    pub answer: Option<ReceivedAnswer>,
    pub ending: Ending,
    /// The assignments of the final commands, without those of `WEBHOOK_STATUS` and its siblings.
    pub set: Vec<Assignment>,
    /// For each of `set`, the length of its value if `history.bodies` leaves the value out. Empty if it
    /// leaves none out.
    pub omitted: Vec<Option<usize>>,
    /// Scheme, host and port that would have been asked, if nothing was asked.
    pub to: Option<String>,
    /// The rules that a refused answer broke.
    pub rules: Option<Rules>,
    /// A remark about the outcome.
    pub note: Option<String>,
    /// The end of a detached request, as soon as it has ended.
    pub detached: Option<Arc<OnceLock<DetachedEnd>>>,
}

/// The id of a step: the start of the daemon and a number. It is different in every run of the daemon, so
/// that the log of an earlier run names no step of this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepId {
    pub(super) run: Arc<str>,
    pub(super) sequence: u64,
}

impl std::fmt::Display for StepId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.run, self.sequence)
    }
}

/// The moments of a step, counted from the connection of the switch. None if the step did not come so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// The greeting was complete.
    pub greeted: Option<Duration>,
    /// The call was authenticated, and its variables were fetched.
    pub authenticated: Option<Duration>,
    /// The request to the webhook, or the lookup in the cache, began.
    pub asked: Option<Duration>,
    /// The outcome was known.
    pub judged: Option<Duration>,
    /// The end of the step.
    pub ended: Duration,
}

/// The end of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The dialplan goes on with this outcome.
    Outcome {
        outcome: Outcome,
        /// The replies of the switch to the final commands.
        confirmed: Confirmed,
    },
    /// The call ended or moved before the final commands.
    Cancelled(String),
    /// The connection was refused, or nothing is known of the call.
    Refused(String),
}

/// The replies of the switch to the final commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// All were confirmed except this number of them.
    AllBut(usize),
    /// They were not read to their end, for this reason.
    Unread(String),
    /// There is no switch: a person tries a hook.
    NotSent,
}

/// The request of a step, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRequest {
    pub method: http::Method,
    /// The URL of each endpoint, as the call filled it in; secrets are hidden.
    pub urls: Vec<String>,
    /// The length of the body.
    pub body_length: usize,
    /// The headers and the body; none if `history.bodies` leaves them out.
    pub message: Option<Message>,
}

/// The headers and the body of a request or an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// The headers; `…` stands for the value of a secret one.
    pub headers: Vec<(http::HeaderName, Vec<u8>)>,
    /// The beginning of the body.
    pub body: Vec<u8>,
    /// True if the body was longer.
    pub cut: bool,
}

impl Message {
    /// Returns the headers without the values of secret ones, and the beginning of the body, both without
    /// these secrets. A header that does not fit is left out.
    #[must_use]
    pub fn new(headers: &http::HeaderMap, body: &[u8], secrets: &Secrets) -> Self {
        let mut left = MAX_HEADERS;
        let mut shown = Vec::with_capacity(headers.len().min(MOST_HEADERS));
        for (name, value) in headers.iter().take(MOST_HEADERS) {
            let Some(rest) = usize::checked_sub(left, name.as_str().len() + value.len()) else { continue };
            left = rest;
            let value = match value.is_sensitive() || is_secret_name(name.as_str()) {
                true => HIDDEN.as_bytes().to_vec(),
                false => secrets.hidden_in(&without_url_secrets(name, value.as_bytes())),
            };
            shown.push((name.clone(), value));
        }
        // a secret may begin before the end of the part that is kept
        let searched = secrets.hidden_in(body.get(..2 * MAX_BODY).unwrap_or(body));
        let start = beginning(&searched);
        let cut = body.len() > 2 * MAX_BODY || start.len() < searched.len();
        Self { headers: shown, body: start.to_vec(), cut }
    }
}

/// Returns the part of a body that is kept. It does not end within a number: a part of one could not be
/// recognised and masked.
fn beginning(body: &[u8]) -> &[u8] {
    let Some(start) = body.get(..MAX_BODY).filter(|_| body.len() > MAX_BODY) else { return body };
    let is_of_number = |byte: &u8| byte.is_ascii_digit() || b"+-./() %".contains(byte);
    let end = start.iter().rposition(|byte| !is_of_number(byte)).map_or(0, |last| last + 1);
    start.get(..end).unwrap_or_default()
}

/// The headers whose value is a URL, or has one, that may be relative.
const URL_HEADERS: [&str; 4] = ["location", "content-location", "refresh", "link"];

/// Returns the value of a header without the secrets of URLs in it.
fn without_url_secrets(name: &http::HeaderName, value: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(value) else { return value.to_vec() };
    if text.contains("://") {
        return redact::urls_in(text).into_owned().into_bytes();
    }
    match text.find(['/', '?']) {
        Some(at) if URL_HEADERS.contains(&name.as_str()) => {
            let (before, url) = text.split_at(at);
            format!("{before}{}", redact::reference(url)).into_bytes()
        }
        Some(_) | None => value.to_vec(),
    }
}

/// Stands for the value of a secret header.
const HIDDEN: &str = "…";

/// The most headers of one message, and their bytes.
const MOST_HEADERS: usize = 50;
const MAX_HEADERS: usize = 4 * 1024;

/// The bytes of a body that are kept.
const MAX_BODY: usize = 4 * 1024;

/// The answer by which a step was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedAnswer {
    pub code: u16,
    /// The beginning of `Content-Type`, in memory of its own: the header is a part of the buffer that was
    /// read.
    pub content_type: Option<Box<[u8]>>,
    /// The length of the body.
    pub length: usize,
    pub origin: Origin,
    /// The headers and the body; none if `history.bodies` leaves them out.
    pub message: Option<Message>,
}

/// The end of a request that no call waited for.
#[derive(Debug, Clone, PartialEq)]
pub struct DetachedEnd {
    pub outcome: Outcome,
    pub attempts: Vec<Attempt>,
    pub answer: Option<ReceivedAnswer>,
    /// The duration since the request began.
    pub took: Duration,
}

impl Record {
    /// Returns the outcome that the dialplan got.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.ending {
            Ending::Outcome { outcome, .. } => Some(outcome),
            Ending::Cancelled(_) | Ending::Refused(_) => None,
        }
    }

    /// Returns the status word of the step.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match &self.ending {
            Ending::Outcome { outcome, .. } => outcome.status().as_str(),
            Ending::Cancelled(_) => CANCELLED,
            Ending::Refused(_) => REFUSED,
        }
    }

    /// Returns the reason for a person; empty after `OK`.
    #[must_use]
    pub fn reason(&self) -> String {
        match &self.ending {
            Ending::Outcome { outcome, .. } => outcome.to_string(),
            Ending::Cancelled(reason) | Ending::Refused(reason) => reason.clone(),
        }
    }

    /// Drops what may be large: channel variables, headers, bodies, and values that the variables got.
    pub(super) fn lighten(&mut self) {
        if let Some(call) = &mut self.call {
            call.variables = crate::variable::Variables::new();
        }
        if let Some(request) = &mut self.request {
            request.message = None;
            request.urls.iter_mut().for_each(|url| *url = HIDDEN.to_owned());
        }
        if let Some(answer) = &mut self.answer {
            answer.message = None;
        }
        self.omitted = self.set.iter().map(|set| Some(set.value.as_bytes().len())).collect();
        for set in &mut self.set {
            set.value = crate::variable::Value::default();
        }
    }

    /// True if the dialplan did not get `OK`, or a detached request did not.
    #[must_use]
    pub fn failed(&self) -> bool {
        let detached = self.detached.as_ref().and_then(|end| end.get());
        self.outcome().is_none_or(|outcome| outcome.status() != Status::Ok)
            || detached.is_some_and(|end| end.outcome.status() != Status::Ok)
    }
}

/// The status of a step whose call ended or moved first.
pub const CANCELLED: &str = "CANCELLED";

/// The status of a connection that was refused.
pub const REFUSED: &str = "REFUSED";
