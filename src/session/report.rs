//! The log line of a step, and its count in the metrics.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use tracing::{Level, Span, debug, enabled, field, info, trace, warn};

use super::Shared;
use super::recording::Recording;
use crate::call::{AD_HOC, Call};
use crate::history::{Confirmed, DetachedEnd, Ending, Line, Record, StepId};
use crate::hook::{Outcome, Step};
use crate::log::{TelephoneNumbers, truncate_name};
use crate::metrics::{Refusal, UNKNOWN};
use crate::switch::SwitchError;
use crate::webhook::{Attempt, StepResult};

impl Shared {
    /// Adds the call and its channel to every later line of this session.
    pub(super) fn name_span(&self, call: &Call) {
        let channel = call.channel.lossy();
        let channel = self.numbers().show_channel(&channel, call.switch);
        Span::current().record("id", &*truncate_name(call.unique_id.lossy())).record("channel", &*channel);
    }

    /// Logs an authenticated call with all its data.
    pub(super) fn trace_call(&self, call: &Call) {
        trace!(call = %self.numbers().show_text(&format!("{call:?}")), "the call is authenticated");
    }

    /// Logs the whole answer of a webhook.
    pub(super) fn trace_answer(&self, result: &StepResult) {
        trace!(answer = %self.numbers().show_text(&described(result)), "the webhook was asked");
    }

    /// Logs and counts a session that ended before its final commands. The line is a warning unless the
    /// caller or the network ended the session.
    pub(super) fn refused(&self, error: &SwitchError, peer: Option<SocketAddr>) {
        let (refusal, rate_limit) = match error {
            SwitchError::Forged(_) => (Refusal::Forged, &self.daemon.rate_limits.forged),
            SwitchError::TooLong => (Refusal::TooLong, &self.daemon.rate_limits.too_long),
            SwitchError::Silent(_) => (Refusal::Silent, &self.daemon.rate_limits.silent),
            SwitchError::Evicted(_) => (Refusal::Silent, &self.daemon.rate_limits.evicted),
            SwitchError::HungUpUnauthenticated => {
                self.daemon.metrics.refused(Refusal::Unauthenticated);
                return debug!("call refused: {error}");
            }
            SwitchError::Moved => return debug!("{error}"),
            SwitchError::HungUp | SwitchError::Closed | SwitchError::Broken(_) => {
                return debug!("the session ended early: {error}");
            }
        };
        self.daemon.metrics.refused(refusal);
        let peer = peer.map(field::display);
        rate_limit.warn(|unlogged| warn!(peer, unlogged, "connection refused: {error}"));
    }

    /// Logs and counts a step that has ended, and keeps its record.
    pub(super) fn report(&self, recording: Recording, ended: Result<(), &SwitchError>) {
        let is_probe = recording.call.is_none() && ended.is_err_and(closed_without_reason);
        let record = recording.end(self, ended);
        match &record.ending {
            Ending::Outcome { outcome, confirmed } => {
                let (metrics, hook) = (&self.daemon.metrics, metric_name_of(&record));
                metrics.call_ended(record.switch, hook, outcome.status(), record.times.ended);
                self.log_outcome(&record, outcome);
                self.log_unconfirmed(confirmed);
            }
            Ending::Cancelled(_) => {
                self.daemon.metrics.call_cancelled(record.switch, metric_name_of(&record));
                let line = |unlogged| self.log_step(Level::INFO, &record, STEP, unlogged);
                match record.times.asked {
                    Some(_) => line(None),
                    None => self.daemon.rate_limits.gone_early.warn(|unlogged| line(nonzero(unlogged))),
                }
            }
            // the line of a refused connection is written before it is closed
            Ending::Refused(_) if is_probe => return,
            Ending::Refused(_) => {}
        }
        self.daemon.history.push(record);
    }

    /// Logs a step whose dialplan goes on. A failure is a warning.
    fn log_outcome(&self, record: &Record, outcome: &Outcome) {
        let unasked = |unlogged| self.log_step(Level::WARN, record, STEP, nonzero(unlogged));
        match outcome {
            Outcome::Ok { .. } => self.log_step(Level::INFO, record, STEP, None),
            Outcome::Detached => {
                self.log_step(Level::INFO, record, "webhook step; its request goes on", None)
            }
            Outcome::BadRequest(_) => self.daemon.rate_limits.bad_request.warn(unasked),
            Outcome::Overloaded(_) => self.daemon.rate_limits.overloaded.warn(unasked),
            Outcome::HttpError { .. }
            | Outcome::Timeout { .. }
            | Outcome::Unreachable(_)
            | Outcome::BadAnswer { .. } => self.log_step(Level::WARN, record, STEP, None),
        }
    }

    /// Logs the line of a step, made from its record.
    fn log_step(&self, level: Level, record: &Record, message: &str, unlogged: Option<u64>) {
        // most of the line's cost is in its fields
        if !enabled!(Level::INFO) && level == Level::INFO {
            return;
        }
        let hook = if record.is_known {
            record.hook.as_str().into()
        } else {
            self.numbers().show_name(&record.hook)
        };
        let to =
            short_origin(record.attempts.last().map_or(record.to.as_deref(), |last| Some(last.origin())));
        let (hook, to, status, ms) =
            (&*hook, to.as_deref(), record.status(), milliseconds(record.times.ended));
        let (code, reason) = (record.outcome().and_then(Outcome::code), record.reason());
        let reason = Some(reason).filter(|reason| !reason.is_empty()).map(field::display);
        let note = record.note.as_deref();
        let Line { caller, callee, set, answer, age, attempts, refused, missing } = record.line();
        let (caller, callee, set) = (caller.as_deref(), callee.as_deref(), set.as_deref());
        let missing = missing.as_deref();
        let (age, refused, step) = (age.map(field::display), refused.as_deref(), field::display(&record.id));
        // the level of a line is a constant
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    hook,
                    to,
                    status,
                    code,
                    ms,
                    caller,
                    callee,
                    set,
                    answer,
                    age,
                    attempts,
                    refused,
                    missing,
                    reason,
                    note,
                    unlogged,
                    step,
                    "{message}"
                )
            };
        }
        if level == Level::INFO { line!(info) } else { line!(warn) }
    }

    pub(super) fn numbers(&self) -> TelephoneNumbers {
        TelephoneNumbers::shown_if(self.config.log_numbers)
    }

    /// Logs final commands that the switch did not confirm.
    fn log_unconfirmed(&self, confirmed: &Confirmed) {
        match confirmed {
            Confirmed::AllBut(0) | Confirmed::NotSent => {}
            Confirmed::AllBut(unconfirmed) => self.daemon.rate_limits.unconfirmed.warn(|unlogged| {
                warn!(unconfirmed, unlogged, "the switch did not set every variable");
            }),
            // the caller may have hung up
            Confirmed::Unread(why) => {
                debug!("the replies to the final commands were not read to their end: {why}");
            }
        }
    }

    /// Returns the hook's name for a metric: `unknown` if the configuration does not have it, because a
    /// caller may have chosen it.
    pub(super) fn metric_name<'s>(&self, step: &'s Step) -> &'s str {
        let known = step.name == AD_HOC || self.config.policy.hooks.contains_key(&step.name);
        if known { &step.name } else { UNKNOWN }
    }

    /// True if the configuration has the hook, or the step is an ad hoc step.
    pub(super) fn is_known(&self, step: &Step) -> bool {
        self.metric_name(step) != UNKNOWN
    }

    /// Logs a detached request that has ended.
    pub(super) fn report_detached(&self, step: &Step, id: &StepId, end: &DetachedEnd) {
        let to = short_origin(end.attempts.last().map(Attempt::origin));
        let (hook, to, ms, outcome) = (&step.name, to.as_deref(), milliseconds(end.took), &end.outcome);
        let (status, code, step) = (outcome.status().as_str(), outcome.code(), field::display(id));
        match outcome {
            Outcome::Ok { .. } => info!(hook, to, status, code, ms, step, "detached request"),
            failed => warn!(hook, to, status, code, ms, reason = %failed, step, "detached request"),
        }
    }
}

/// The message of a step's log line.
const STEP: &str = "webhook step";

/// Returns the hook's name for a metric.
fn metric_name_of(record: &Record) -> &str {
    if record.is_known { &record.hook } else { UNKNOWN }
}

/// True if a connection ended without a word, as that of a port scan or a health check does.
fn closed_without_reason(error: &SwitchError) -> bool {
    matches!(error, SwitchError::HungUp | SwitchError::Closed | SwitchError::Broken(_))
}

/// Returns the origin that a step asks, truncated: a caller may have chosen the URL of an ad hoc step.
fn short_origin(origin: Option<&str>) -> Option<Cow<'_, str>> {
    origin.map(|origin| truncate_name(origin.into()))
}

/// Returns the number of lines that were not written, or none instead of 0.
fn nonzero(unlogged: u64) -> Option<u64> {
    Some(unlogged).filter(|unlogged| *unlogged > 0)
}

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// Describes an answer for the log.
fn described(result: &StepResult) -> String {
    let answer = result.answer.as_ref();
    let body = answer.map(|answer| format!("{} {:?}", answer.code, String::from_utf8_lossy(&answer.body)));
    format!("{} {}", result.outcome.status().as_str(), body.unwrap_or_else(|| result.outcome.to_string()))
}
