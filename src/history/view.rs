//! Steps as people and machines see them: masked, without secrets, ready for JSON and for pages.
//!
//! The JSON of the observer is these types. `dialhook calls` reads the same types.

use serde::{Deserialize, Serialize};

/// One step in a list. `A` is the number of its attempts, or all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step<A = usize> {
    /// The id of the step, which is also in its log line.
    pub id: String,
    /// The time at which the switch connected: RFC 3339, UTC, with milliseconds.
    pub time: String,
    /// `asterisk` or `freeswitch`.
    pub switch: String,
    /// The unique id of the channel.
    pub call_id: String,
    /// The id that all channels of the call share.
    pub linked_id: String,
    pub channel: String,
    /// The number of the caller; empty if it is withheld.
    pub caller: String,
    /// The called number.
    pub callee: String,
    /// The name of the hook; `webhook` for an ad hoc step.
    pub hook: String,
    /// A word of `WEBHOOK_STATUS`; `CANCELLED` if the call ended first; `REFUSED` if the connection was
    /// refused.
    pub status: String,
    /// The HTTP status, if there was an answer.
    pub code: Option<u16>,
    /// The reason, for a person; empty after `OK`.
    pub reason: String,
    /// Milliseconds from the connection of the switch to the end of the step.
    pub ms: u64,
    /// The origin of the answer; none without an answer.
    pub answer: Option<AnswerOrigin>,
    /// The age of an answer that came from the cache, in milliseconds.
    pub age_ms: Option<u64>,
    pub attempts: A,
    /// The variables that the dialplan got, in their order, without `WEBHOOK_STATUS` and its siblings.
    pub set: Vec<Variable>,
    /// A hint about the answer.
    pub note: Option<String>,
}

/// The origin of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerOrigin {
    /// The webhook answered this call.
    Fresh,
    /// The cache had it.
    Cached,
    /// The webhook answered another call at the same time.
    Shared,
    /// The cache had it, and the webhook has no good answer now.
    Stale,
}

/// A channel variable that a step has set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    pub name: String,
    /// The value; none if `history.bodies` leaves it out.
    pub value: Option<String>,
    /// The length of the value in bytes.
    pub bytes: usize,
    /// `answer`, `json`, `header`, `status`, `otherwise` or `empty`.
    pub from: String,
    /// The JSON pointer or the name of the header that `set` reads, also if the answer does not have it.
    pub source: Option<String>,
    /// True if `set` reads a part that the answer does not have.
    #[serde(default)]
    pub missing: bool,
}

/// One step, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepDetail {
    #[serde(flatten)]
    pub step: Step<Vec<Attempt>>,
    /// The name of the caller.
    pub caller_name: String,
    /// The address of the switch.
    pub peer: Option<String>,
    /// The trace id that the webhook got in `traceparent`.
    pub trace: Option<String>,
    /// The longest time that the caller may wait, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The channel variables that the hook fetched.
    pub fetched: Vec<Named>,
    pub request: Option<Request>,
    pub response: Option<Response>,
    pub judgement: Option<Judgement>,
    /// Everything that happened, in the order of its beginning.
    pub timeline: Vec<Event>,
    pub explanation: Explanation,
    /// The request that went on without the call, if the hook is detached.
    pub detached: Option<Detached>,
    /// True if the hook still exists and its request can be made again with the data of this call.
    pub repeatable: bool,
    /// The same request as a `curl` command, without secrets.
    pub curl: Option<String>,
    /// The command `dialhook try` for the same call data.
    pub try_command: Option<String>,
}

/// A name with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    pub name: String,
    pub value: String,
}

/// One attempt: an HTTP request of a step, or one that was not made because the circuit breaker is open.
/// Times are milliseconds with fractions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The URL as it is configured, without query and secrets.
    pub url: String,
    /// `first`, `fallback`, `retry` or `probe`.
    pub kind: String,
    /// The beginning, counted from the connection of the switch.
    pub began_ms: f64,
    /// `new`, `pool`, or `none` if there was no connection.
    pub connection: String,
    pub dns_ms: Option<f64>,
    pub connect_ms: Option<f64>,
    pub tls_ms: Option<f64>,
    /// The time until the head of the answer, counted from the beginning of the attempt.
    pub first_byte_ms: Option<f64>,
    pub total_ms: f64,
    /// A word of `WEBHOOK_STATUS`, or `UNFINISHED`.
    pub outcome: String,
    pub reason: String,
    pub code: Option<u16>,
    /// True if the connection was on the thread for endpoints that are not trusted.
    pub quarantine: bool,
    pub redirects: Vec<Redirect>,
}

/// A redirect that an attempt followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    pub code: u16,
    /// The target without query and secrets.
    pub url: String,
}

/// The request of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub method: String,
    pub url: String,
    /// The headers; `…` stands for the value of a secret one.
    pub headers: Vec<Named>,
    pub body: Body,
}

/// The answer that a step was judged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    pub code: u16,
    #[serde(rename = "type")]
    pub content_type: Option<String>,
    /// The length of the body in bytes.
    pub length: usize,
    pub headers: Vec<Named>,
    pub body: Body,
}

/// The text of a request or of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Body {
    /// There is none.
    Empty,
    /// `history.bodies` leaves it out.
    Omitted,
    Kept(Text),
}

/// A text in pieces, some of them marked. The pieces together are the text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Text {
    pub pieces: Vec<Piece>,
    /// True if the text was longer and its end is left out.
    pub cut: bool,
    /// True if the text is JSON that was laid out in lines.
    pub json: bool,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    pub text: String,
    pub mark: Option<Mark>,
}

/// The meaning of a marked piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub kind: MarkKind,
    /// The variable that gets the piece, or the rule that refuses it.
    pub label: String,
}

/// The kind of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkKind {
    /// A variable got this piece.
    Used,
    /// A rule refuses this piece.
    Fault,
}

/// The judgement of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The rules for the text of the whole answer: `word`, `text` or `any`.
    pub accept: String,
    /// The only texts that are accepted; empty if all are that `accept` allows.
    pub answers: Vec<String>,
    pub refused: Option<Refused>,
    /// The pointers and headers of `set` that found nothing.
    pub missing: Vec<String>,
}

/// The part of an answer that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The variable that the part was for; none for the whole answer.
    pub variable: Option<String>,
    /// The rule, as the configuration writes it: `accept = "word"`, `answers = ["a"]`, `limits.answer`; or in
    /// words: `the rules of the switch`.
    pub rule: String,
    pub fault: String,
    /// The refused text, or its beginning; none if `history.bodies` leaves it out.
    pub text: Option<Text>,
}

/// An event of the timeline. Times are milliseconds since the connection of the switch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub at_ms: f64,
    /// The end, if the event took time.
    pub until_ms: Option<f64>,
    pub kind: EventKind,
    pub text: String,
}

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A message of the switch, or to it.
    Switch,
    /// The cache or another call's request.
    Cache,
    /// An attempt.
    Attempt,
    /// A judgement or a status.
    Result,
    /// The caller hung up, or the call moved.
    End,
}

/// The meaning of a status and its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub meaning: String,
    /// The next thing to do; empty if there is nothing to do.
    pub remedy: String,
    /// The page of the documentation, as a path of the observer: `/docs/reading-the-log#…`.
    pub page: String,
}

/// The end of a detached request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detached {
    /// A word of `WEBHOOK_STATUS`, or `UNFINISHED`.
    pub status: String,
    pub reason: String,
    pub code: Option<u16>,
    pub ms: u64,
}

/// A hook on the page of hooks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HookReport {
    pub name: String,
    pub method: String,
    /// The URLs as configured, without secrets.
    pub urls: Vec<String>,
    /// The steps of the last hour.
    pub calls: u64,
    /// The share of `OK` in the last hour, from 0 to 1; none without calls.
    pub ok: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// The last sixty minutes, oldest first.
    pub minutes: Vec<Minute>,
    pub in_flight: u64,
    pub endpoints: Vec<EndpointReport>,
    /// The share of steps of the last hour that the cache answered, from 0 to 1; none without a cache.
    pub cache: Option<f64>,
    pub last_failure: Option<Step>,
}

/// The steps of one hook in one minute.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Minute {
    pub calls: u64,
    pub failed: u64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
}

/// An endpoint on the page of hooks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointReport {
    pub url: String,
    /// `closed`, `open`, `half-open`, or `none` if the hook has no breaker.
    pub breaker: String,
    /// Requests in a row without an answer.
    pub failures: u32,
    /// Milliseconds until the next probe of an open breaker.
    pub next_probe_ms: Option<u64>,
    pub quarantine: bool,
    /// The end of the certificate that the webhook showed last: RFC 3339.
    pub certificate_until: Option<String>,
}

/// The configuration that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationReport {
    pub version: String,
    /// The file, or none if the daemon runs without one.
    pub file: Option<String>,
    /// The time at which it was read: RFC 3339.
    pub since: String,
    /// The time at which the daemon started: RFC 3339.
    pub started: String,
    /// The meaning of the configuration, as `dialhook check` shows it.
    pub summary: String,
    pub notices: Vec<String>,
    /// The last reload that was refused since then.
    pub refused: Option<RefusedReload>,
}

/// A reload that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedReload {
    pub time: String,
    /// The faults, each a line.
    pub faults: Vec<String>,
}
