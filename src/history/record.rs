//! The record of one step. It holds what happened as it happened: masked and formatted by [`super::view`] only
//! for the person who asks.
//!
//! Secrets do not enter a record: neither the value of a secret header nor a secret in a URL.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

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
    /// For each of `set`, the length of its value if `history.bodies` leaves the value out. Empty if it leaves
    /// none out.
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

/// The id of a step: the start of the daemon and a number. It is different in every run of the daemon, so that
/// the log of an earlier run names no step of this one.
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

/// The moments of a step, counted from the connection of the switch. None: it did not come so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// The greeting was complete.
    pub greeted: Option<Duration>,
    /// The call was authenticated, and its variables were fetched.
    pub authenticated: Option<Duration>,
    /// The webhook was asked, or the cache.
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
    /// All were confirmed, but this number of them.
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
    /// The length of the whole body.
    pub length: usize,
}

impl Message {
    /// Returns the headers without the values of secret ones, and the beginning of the body.
    #[must_use]
    pub fn new(headers: &http::HeaderMap, body: &[u8]) -> Self {
        let mut left = MAX_HEADERS;
        let mut shown = Vec::with_capacity(headers.len().min(MOST_HEADERS));
        for (name, value) in headers.iter().take(MOST_HEADERS) {
            let value = match value.is_sensitive() || is_secret_name(name.as_str()) {
                true => HIDDEN.as_bytes().to_vec(),
                false => without_url_secrets(value.as_bytes()),
            };
            let Some(rest) = usize::checked_sub(left, name.as_str().len() + value.len()) else { break };
            left = rest;
            shown.push((name.clone(), value));
        }
        let start = body.get(..MAX_BODY).unwrap_or(body);
        Self { headers: shown, body: start.to_vec(), length: body.len() }
    }
}

/// Returns the value of a header without the secrets of URLs in it, such as that of `Location`.
fn without_url_secrets(value: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(value) {
        Ok(text) if text.contains("://") => redact::urls_in(text).into_owned().into_bytes(),
        Ok(_) | Err(_) => value.to_vec(),
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
    pub content_type: Option<http::HeaderValue>,
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
