//! What is told of a call to those who look after the daemon: its line in the log, and its count.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use tracing::{Span, debug, field, info, trace, warn};

use super::House;
use crate::call::{AD_HOC, Call, SwitchKind};
use crate::hook::{Outcome, Step};
use crate::log::{RateLimited, truncate_name};
use crate::metrics::{CANCELLED, Refusal, UNKNOWN};
use crate::switch::SwitchError;
use crate::webhook::Asked;

/// Lines that whoever can connect may cause at will. Each kind has a limit of its own, so that none hides another; all are
/// counted in the metrics.
#[derive(Debug)]
pub(super) struct RateLimits {
    forged: RateLimited,
    too_long: RateLimited,
    silent: RateLimited,
    displaced: RateLimited,
    bad_request: RateLimited,
    overloaded: RateLimited,
    left: RateLimited,
    unconfirmed: RateLimited,
}

impl Default for RateLimits {
    fn default() -> Self {
        // a fault in a dialplan, or a busy hour, makes some of them too, and each is about somebody's call
        let step = || RateLimited::new(10, Duration::from_secs(1));
        Self {
            forged: RateLimited::default(),
            too_long: RateLimited::default(),
            silent: RateLimited::default(),
            displaced: RateLimited::default(),
            bad_request: step(),
            overloaded: step(),
            left: step(),
            unconfirmed: RateLimited::default(),
        }
    }
}

impl House {
    /// Whose call it is, in every line about it.
    pub(super) fn name(&self, call: &Call) {
        let channel = call.channel.lossy();
        let channel = self.numbers.show_channel(&channel, call.switch);
        Span::current().record("id", &*truncate_name(call.unique_id.lossy())).record("channel", &*channel);
    }

    /// What a switch told of a call, for whoever wants to read everything.
    pub(super) fn show(&self, call: &Call) {
        trace!(call = %self.numbers.show_text(&format!("{call:?}")), "the environment is proved");
    }

    /// What a webhook said, for the same.
    pub(super) fn tell(&self, asked: &Asked) {
        trace!(answer = %self.numbers.show_text(&heard(asked)), "the webhook was asked");
    }

    /// Why a conversation ended before its farewell; a count and a warning where it was neither the caller's nor the network's
    /// doing.
    pub(super) fn refused(&self, error: &SwitchError, peer: Option<SocketAddr>) {
        let (refusal, limited) = match error {
            SwitchError::Forged(_) => (Refusal::Forged, &self.rate_limits.forged),
            SwitchError::TooLong => (Refusal::TooLong, &self.rate_limits.too_long),
            SwitchError::Silent(_) => (Refusal::Silent, &self.rate_limits.silent),
            SwitchError::Displaced(_) => (Refusal::Silent, &self.rate_limits.displaced),
            SwitchError::HungUpUnproved => {
                self.metrics.refused(Refusal::Unauthenticated);
                return debug!("call refused: {error}");
            }
            SwitchError::Moved => return debug!("{error}"),
            SwitchError::HungUp | SwitchError::Closed | SwitchError::Broken(_) => {
                return debug!("the conversation ended early: {error}");
            }
        };
        self.metrics.refused(refusal);
        let peer = peer.map(field::display);
        limited.warn(|unlogged| warn!(peer, unlogged, "connection refused: {error}"));
    }

    /// One line a call and one count: a warning where somebody should look.
    pub(super) fn report(
        &self,
        step: &Step,
        switch: SwitchKind,
        outcome: &Outcome,
        to: Option<&str>,
        took: Duration,
    ) {
        self.metrics.call_ended(switch, self.known(step), outcome.status(), took);
        let (hook, to) = (self.shown(step), shown_to(to));
        let (hook, to, ms) = (&*hook, to.as_deref(), milliseconds(took));
        let (status, code) = (outcome.status().as_str(), outcome.code());
        let note = step.note(outcome);
        let note = note.as_deref();
        let unasked = |unlogged| {
            let unlogged = some(unlogged);
            warn!(hook, to, status, ms, unlogged, reason = %outcome, "webhook step");
        };
        match outcome {
            Outcome::Ok { .. } => info!(hook, to, status, code, ms, note, "webhook step"),
            Outcome::Detached => info!(hook, to, status, ms, "webhook step; its request goes on"),
            Outcome::BadRequest(_) => self.rate_limits.bad_request.warn(unasked),
            Outcome::Overloaded(_) => self.rate_limits.overloaded.warn(unasked),
            failed => warn!(hook, to, status, code, ms, reason = %failed, note, "webhook step"),
        }
    }

    /// The same for a step whose call ended before it.
    pub(super) fn cancelled(&self, step: &Step, switch: SwitchKind, took: Duration, gone: &SwitchError) {
        self.metrics.call_cancelled(switch, self.known(step));
        self.log_cancelled(step, took, gone, None);
    }

    /// The same where it ended before anybody was asked.
    pub(super) fn left(&self, step: &Step, switch: SwitchKind, took: Duration, gone: &SwitchError) {
        self.metrics.call_cancelled(switch, self.known(step));
        self.rate_limits.left.warn(|unlogged| self.log_cancelled(step, took, gone, some(unlogged)));
    }

    fn log_cancelled(&self, step: &Step, took: Duration, gone: &SwitchError, unlogged: Option<u64>) {
        let (hook, to) = (self.shown(step), shown_to(step.asks()));
        let (hook, to, ms) = (&*hook, to.as_deref(), milliseconds(took));
        info!(hook, to, status = CANCELLED, ms, unlogged, reason = %gone, "webhook step");
    }

    /// What a switch made of its farewell.
    pub(super) fn taken(&self, heard: Result<usize, SwitchError>) {
        match heard {
            Ok(0) => {}
            Ok(unconfirmed) => self.rate_limits.unconfirmed.warn(|unlogged| {
                warn!(unconfirmed, unlogged, "the switch did not set every variable");
            }),
            // it may be the caller who left
            Err(error) => debug!("the farewell was not heard to its end: {error}"),
        }
    }

    /// The hook's name for what is counted: one that no configuration knows may be a caller's words.
    fn known<'s>(&self, step: &'s Step) -> &'s str {
        let known = step.name == AD_HOC || self.policy.hooks.contains_key(&step.name);
        if known { &step.name } else { UNKNOWN }
    }

    /// The hook's name for the log.
    fn shown<'s>(&self, step: &'s Step) -> Cow<'s, str> {
        match self.known(step) {
            UNKNOWN => self.numbers.show_name(&step.name),
            known => Cow::Borrowed(known),
        }
    }
}

/// One line for a request that no call waited for.
pub(super) fn report_detached(step: &Step, asked: &Asked, took: Duration) {
    let to = shown_to(asked.attempts.last().map(|attempt| attempt.origin()));
    let (hook, to, ms, outcome) = (&step.name, to.as_deref(), milliseconds(took), &asked.outcome);
    let (status, code) = (outcome.status().as_str(), outcome.code());
    match outcome {
        Outcome::Ok { .. } => info!(hook, to, status, code, ms, "detached request"),
        failed => warn!(hook, to, status, code, ms, reason = %failed, "detached request"),
    }
}

/// Whom a step asks, which an ad hoc step's caller may have chosen.
fn shown_to(origin: Option<&str>) -> Option<Cow<'_, str>> {
    origin.map(|origin| truncate_name(origin.into()))
}

/// How many lines were left out, where there were any.
fn some(unlogged: u64) -> Option<u64> {
    Some(unlogged).filter(|unlogged| *unlogged > 0)
}

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// What came of asking a webhook, for the log.
fn heard(asked: &Asked) -> String {
    let answer = asked.answer.as_ref();
    let body = answer.map(|answer| format!("{} {:?}", answer.code, String::from_utf8_lossy(&answer.body)));
    format!("{} {}", asked.outcome.status().as_str(), body.unwrap_or_else(|| asked.outcome.to_string()))
}
