//! The log line of a step, and its count in the metrics.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use tracing::{Span, debug, field, info, trace, warn};

use super::Shared;
use crate::call::{AD_HOC, Call, SwitchKind};
use crate::hook::{Outcome, Step};
use crate::log::{TelephoneNumbers, truncate_name};
use crate::metrics::{CANCELLED, Refusal, UNKNOWN};
use crate::switch::SwitchError;
use crate::webhook::{AttemptLog, StepResult};

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

    /// Logs and counts a step that has ended. A failure is a warning.
    pub(super) fn report(
        &self,
        step: &Step,
        switch: SwitchKind,
        outcome: &Outcome,
        to: Option<&str>,
        took: Duration,
    ) {
        self.daemon.metrics.call_ended(switch, self.metric_name(step), outcome.status(), took);
        let (hook, to) = (self.log_name(step), short_origin(to));
        let (hook, to, ms) = (&*hook, to.as_deref(), milliseconds(took));
        let (status, code) = (outcome.status().as_str(), outcome.code());
        let note = step.note(outcome);
        let note = note.as_deref();
        let unasked = |unlogged| {
            let unlogged = nonzero(unlogged);
            warn!(hook, to, status, ms, unlogged, reason = %outcome, "webhook step");
        };
        match outcome {
            Outcome::Ok { .. } => info!(hook, to, status, code, ms, note, "webhook step"),
            Outcome::Detached => info!(hook, to, status, ms, "webhook step; its request goes on"),
            Outcome::BadRequest(_) => self.daemon.rate_limits.bad_request.warn(unasked),
            Outcome::Overloaded(_) => self.daemon.rate_limits.overloaded.warn(unasked),
            failed => warn!(hook, to, status, code, ms, reason = %failed, note, "webhook step"),
        }
    }

    /// Logs and counts a step whose call ended before it.
    pub(super) fn cancelled(&self, step: &Step, switch: SwitchKind, took: Duration, gone: &SwitchError) {
        self.daemon.metrics.call_cancelled(switch, self.metric_name(step));
        self.log_cancelled(step, took, gone, None);
    }

    /// Logs and counts a step whose call ended before its webhook was asked.
    pub(super) fn gone_early(&self, step: &Step, switch: SwitchKind, took: Duration, gone: &SwitchError) {
        self.daemon.metrics.call_cancelled(switch, self.metric_name(step));
        self.daemon
            .rate_limits
            .gone_early
            .warn(|unlogged| self.log_cancelled(step, took, gone, nonzero(unlogged)));
    }

    fn numbers(&self) -> TelephoneNumbers {
        if self.config.log_numbers { TelephoneNumbers::Shown } else { TelephoneNumbers::Masked }
    }

    fn log_cancelled(&self, step: &Step, took: Duration, gone: &SwitchError, unlogged: Option<u64>) {
        let (hook, to) = (self.log_name(step), short_origin(step.origin()));
        let (hook, to, ms) = (&*hook, to.as_deref(), milliseconds(took));
        info!(hook, to, status = CANCELLED, ms, unlogged, reason = %gone, "webhook step");
    }

    /// Logs final commands that the switch did not confirm.
    pub(super) fn confirmed(&self, confirmed: Result<usize, SwitchError>) {
        match confirmed {
            Ok(0) => {}
            Ok(unconfirmed) => self.daemon.rate_limits.unconfirmed.warn(|unlogged| {
                warn!(unconfirmed, unlogged, "the switch did not set every variable");
            }),
            // the caller may have hung up
            Err(error) => debug!("the replies to the final commands were not read to their end: {error}"),
        }
    }

    /// Returns the hook's name for a metric: `unknown` if the configuration does not have it, because a
    /// caller may have chosen it.
    fn metric_name<'s>(&self, step: &'s Step) -> &'s str {
        let known = step.name == AD_HOC || self.config.policy.hooks.contains_key(&step.name);
        if known { &step.name } else { UNKNOWN }
    }

    /// Returns the hook's name for the log.
    fn log_name<'s>(&self, step: &'s Step) -> Cow<'s, str> {
        match self.metric_name(step) {
            UNKNOWN => self.numbers().show_name(&step.name),
            known => Cow::Borrowed(known),
        }
    }
}

/// Logs a detached request that has ended.
pub(super) fn report_detached(step: &Step, outcome: &Outcome, attempts: &AttemptLog, took: Duration) {
    let to = attempts.last_origin();
    let to = short_origin(to.as_deref());
    let (hook, to, ms) = (&step.name, to.as_deref(), milliseconds(took));
    let (status, code) = (outcome.status().as_str(), outcome.code());
    match outcome {
        Outcome::Ok { .. } => info!(hook, to, status, code, ms, "detached request"),
        failed => warn!(hook, to, status, code, ms, reason = %failed, "detached request"),
    }
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
