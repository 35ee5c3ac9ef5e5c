//! What is told of a call to those who look after the daemon: its line in the log, and its count.

use std::borrow::Cow;
use std::time::Duration;

use tracing::{Span, info, trace, warn};

use super::House;
use crate::call::{AD_HOC, Call, SwitchKind};
use crate::hook::{Outcome, Step};
use crate::log::{at_length, brief};
use crate::metrics::{CANCELLED, UNKNOWN};
use crate::switch::SwitchError;
use crate::webhook::Asked;

impl House {
    /// Whose call it is, in every line about it.
    pub(super) fn name(&self, call: &Call) {
        let channel = call.channel.lossy();
        let channel = brief(self.numbers.in_channel(&channel, call.switch));
        Span::current().record("id", &*brief(call.unique_id.lossy())).record("channel", &*channel);
    }

    /// What a switch told of a call, for whoever wants to read everything.
    pub(super) fn show(&self, call: &Call) {
        trace!(call = %at_length(self.numbers.in_text(&format!("{call:?}"))), "the environment is proved");
    }

    /// What a webhook said, for the same.
    pub(super) fn tell(&self, asked: &Asked) {
        trace!(answer = %at_length(self.numbers.in_text(&heard(asked))), "the webhook was asked");
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
        match outcome {
            Outcome::Ok { .. } => info!(hook, to, status, code, ms, "webhook step"),
            Outcome::Detached => {
                info!(hook, to, status, ms, "webhook step; its request goes on")
            }
            failed => warn!(hook, to, status, code, ms, reason = %failed, "webhook step"),
        }
    }

    /// The same for a step whose call ended before it.
    pub(super) fn cancelled(&self, step: &Step, switch: SwitchKind, took: Duration, gone: &SwitchError) {
        self.metrics.call_cancelled(switch, self.known(step));
        let (hook, to) = (self.shown(step), shown_to(step.asks()));
        let (hook, to, ms) = (&*hook, to.as_deref(), milliseconds(took));
        info!(hook, to, status = CANCELLED, ms, reason = %gone, "webhook step");
    }

    /// The hook's name for what is counted: one that no configuration knows may be a caller's words.
    fn known<'s>(&self, step: &'s Step) -> &'s str {
        let known = step.name == AD_HOC || self.policy.hooks.contains_key(&step.name);
        if known { &step.name } else { UNKNOWN }
    }

    /// The hook's name for the log.
    fn shown<'s>(&self, step: &'s Step) -> Cow<'s, str> {
        match self.known(step) {
            UNKNOWN => brief(self.numbers.in_text(&step.name)),
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

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// What came of asking a webhook, for the log.
fn heard(asked: &Asked) -> String {
    let answer = asked.answer.as_ref();
    let body = answer.map(|answer| format!("{} {:?}", answer.code, String::from_utf8_lossy(&answer.body)));
    format!("{} {}", asked.outcome.status().as_str(), body.unwrap_or_else(|| asked.outcome.to_string()))
}
