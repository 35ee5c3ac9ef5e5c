//! What is told of a call to those who look after the daemon: its line in the log, and its count.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use tracing::{Span, debug, field, info, trace, warn};

use super::House;
use crate::call::{AD_HOC, Call, SwitchKind};
use crate::hook::{Outcome, Step};
use crate::log::{Seldom, brief};
use crate::metrics::{CANCELLED, Refusal, UNKNOWN};
use crate::switch::SwitchError;
use crate::webhook::Asked;

/// Lines that whoever can connect may cause at will. Each kind has a limit of its own, so that none hides another; all are
/// counted in the metrics.
#[derive(Debug)]
pub(super) struct AtWill {
    forged: Seldom,
    too_long: Seldom,
    silent: Seldom,
    displaced: Seldom,
    bad_request: Seldom,
    overloaded: Seldom,
    left: Seldom,
    unconfirmed: Seldom,
}

impl Default for AtWill {
    fn default() -> Self {
        // a fault in a dialplan, or a busy hour, makes some of them too, and each is about somebody's call
        let step = || Seldom::at_most(10, Duration::from_secs(1));
        Self {
            forged: Seldom::default(),
            too_long: Seldom::default(),
            silent: Seldom::default(),
            displaced: Seldom::default(),
            bad_request: step(),
            overloaded: step(),
            left: step(),
            unconfirmed: Seldom::default(),
        }
    }
}

impl House {
    /// Whose call it is, in every line about it.
    pub(super) fn name(&self, call: &Call) {
        let channel = call.channel.lossy();
        let channel = self.numbers.in_channel(&channel, call.switch);
        Span::current().record("id", &*brief(call.unique_id.lossy())).record("channel", &*channel);
    }

    /// What a switch told of a call, for whoever wants to read everything.
    pub(super) fn show(&self, call: &Call) {
        trace!(call = %self.numbers.in_speech(&format!("{call:?}")), "the environment is proved");
    }

    /// What a webhook said, for the same.
    pub(super) fn tell(&self, asked: &Asked) {
        trace!(answer = %self.numbers.in_speech(&heard(asked)), "the webhook was asked");
    }

    /// Why a conversation ended before its farewell; a count and a warning where it was neither the caller's nor the network's
    /// doing.
    pub(super) fn refused(&self, error: &SwitchError, peer: Option<SocketAddr>) {
        let (refusal, seldom) = match error {
            SwitchError::Forged(_) => (Refusal::Forged, &self.at_will.forged),
            SwitchError::TooLong => (Refusal::TooLong, &self.at_will.too_long),
            SwitchError::Silent(_) => (Refusal::Silent, &self.at_will.silent),
            SwitchError::Displaced(_) => (Refusal::Silent, &self.at_will.displaced),
            SwitchError::HungUpUnauthenticated => {
                self.metrics.refused(Refusal::Unproved);
                return debug!("call refused: {error}");
            }
            SwitchError::Moved => return debug!("{error}"),
            SwitchError::HungUp | SwitchError::Closed | SwitchError::Broken(_) => {
                return debug!("the conversation ended early: {error}");
            }
        };
        self.metrics.refused(refusal);
        let peer = peer.map(field::display);
        seldom.warn(|unlogged| warn!(peer, unlogged, "connection refused: {error}"));
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
            Outcome::BadRequest(_) => self.at_will.bad_request.warn(unasked),
            Outcome::Overloaded(_) => self.at_will.overloaded.warn(unasked),
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
        self.at_will.left.warn(|unlogged| self.log_cancelled(step, took, gone, some(unlogged)));
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
            Ok(unconfirmed) => self.at_will.unconfirmed.warn(|unlogged| {
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
            UNKNOWN => self.numbers.in_name(&step.name),
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
    origin.map(|origin| brief(origin.into()))
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
