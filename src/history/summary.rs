//! A record as a line of a list.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

use super::Record;
use super::view::{AnswerOrigin, Step, Variable};
use crate::hook::{Outcome, Status};
use crate::log::{TelephoneNumbers, truncate_name};
use crate::variable::{AnswerPart, ValueSource};
use crate::webhook::Origin;

impl Record {
    /// Returns the step for a list. `numbers` is the rule for telephone numbers now: a number is shown only
    /// if the rule at the time of the step allowed it too.
    #[must_use]
    pub fn step(&self, numbers: TelephoneNumbers) -> Step {
        let numbers = self.numbers(numbers);
        let call = self.call.as_deref();
        let id = |value: Option<&crate::variable::Value>| {
            value.map(|value| truncate_name(value.lossy()).into_owned()).unwrap_or_default()
        };
        let number = |value: Option<&crate::variable::Value>| {
            value.map(|value| numbers.show_name(&value.lossy()).into_owned()).unwrap_or_default()
        };
        let channel = call.map(|call| numbers.show_channel(&call.channel.lossy(), call.switch).into_owned());
        Step {
            id: self.id.to_string(),
            time: timestamp(self.time),
            switch: self.switch.as_str().to_owned(),
            call_id: id(call.map(|call| &call.unique_id)),
            linked_id: id(call.map(|call| &call.linked_id)),
            channel: channel.unwrap_or_default(),
            caller: number(call.map(|call| &call.caller_number)),
            callee: number(call.map(|call| call.callee())),
            hook: self.shown_hook(numbers).into_owned(),
            status: self.status().to_owned(),
            code: self.outcome().and_then(|outcome| outcome.code()),
            reason: self.shown_reason(numbers),
            ms: whole_ms(self.times.ended),
            answer: self.answer.as_ref().map(|answer| answer.origin.into()),
            age_ms: self.cache.age.map(whole_ms),
            attempts: self.attempts.len(),
            set: self.variables(numbers),
            note: self.shown_note(),
        }
    }

    /// Returns the name of the hook. A stranger may have chosen the name of an unknown one.
    pub(super) fn shown_hook(&self, numbers: TelephoneNumbers) -> Cow<'_, str> {
        if self.is_known { Cow::Borrowed(&self.hook) } else { numbers.show_name(&self.hook) }
    }

    /// Returns the reason. That of a `BAD_REQUEST` names a parameter that a stranger may have chosen.
    fn shown_reason(&self, numbers: TelephoneNumbers) -> String {
        let reason = self.reason();
        match self.outcome() {
            Some(Outcome::BadRequest(_)) => numbers.show_text(&reason).into_owned(),
            Some(_) | None => reason,
        }
    }

    /// Returns the note, and the end of a detached request that failed.
    fn shown_note(&self) -> Option<String> {
        let end = self.detached.as_ref().and_then(|end| end.get());
        match end.filter(|end| end.outcome.status() != Status::Ok) {
            Some(end) => {
                let (status, reason) = (end.outcome.status().as_str(), &end.outcome);
                Some(format!("the request went on without the call, and ended with {status}: {reason}"))
            }
            None => self.note.clone(),
        }
    }

    /// Returns the stricter of two rules for telephone numbers: the one of the record, and the one of now.
    pub(crate) fn numbers(&self, now: TelephoneNumbers) -> TelephoneNumbers {
        match (self.numbers, now) {
            (TelephoneNumbers::Shown, TelephoneNumbers::Shown) => TelephoneNumbers::Shown,
            (TelephoneNumbers::Masked, _) | (_, TelephoneNumbers::Masked) => TelephoneNumbers::Masked,
        }
    }

    fn variables(&self, numbers: TelephoneNumbers) -> Vec<Variable> {
        let mut variables = Vec::with_capacity(self.set.len());
        for (index, assignment) in self.set.iter().enumerate() {
            let omitted = self.omitted.get(index).copied().flatten();
            let value = numbers.show_text(&assignment.value.lossy()).into_owned();
            let part = match &assignment.source {
                ValueSource::Part(part) => Some(part),
                ValueSource::Otherwise(missing) | ValueSource::Empty(missing) => missing.as_ref(),
                ValueSource::Answer | ValueSource::Status | ValueSource::Own => None,
            };
            variables.push(Variable {
                name: assignment.name.to_string(),
                value: omitted.is_none().then_some(value),
                bytes: omitted.unwrap_or(assignment.value.as_bytes().len()),
                from: assignment.source.word().to_owned(),
                source: part.map(part_name),
                missing: assignment.source.missing().is_some(),
            });
        }
        variables
    }
}

impl<A> Step<A> {
    /// Returns the same step with this in the place of its attempts.
    #[must_use]
    pub fn with_attempts<B>(self, attempts: B) -> Step<B> {
        let Self {
            id,
            time,
            switch,
            call_id,
            linked_id,
            channel,
            caller,
            callee,
            hook,
            status,
            code,
            reason,
            ms,
            answer,
            age_ms,
            attempts: _,
            set,
            note,
        } = self;
        Step {
            id,
            time,
            switch,
            call_id,
            linked_id,
            channel,
            caller,
            callee,
            hook,
            status,
            code,
            reason,
            ms,
            answer,
            age_ms,
            attempts,
            set,
            note,
        }
    }
}

/// Returns the pointer, or the name of the header.
pub(super) fn part_name(part: &AnswerPart) -> String {
    match part {
        AnswerPart::Json(pointer) => pointer.to_string(),
        AnswerPart::Header(name) => name.to_string(),
    }
}

/// Returns a moment as RFC 3339 in UTC, with milliseconds.
#[must_use]
pub fn timestamp(time: std::time::SystemTime) -> String {
    Timestamp::try_from(time).map(|time| format!("{time:.3}")).unwrap_or_default()
}

/// Returns whole milliseconds.
pub(super) fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl From<Origin> for AnswerOrigin {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Webhook => Self::Fresh,
            Origin::Cache => Self::Cached,
            Origin::Shared => Self::Shared,
            Origin::Stale => Self::Stale,
        }
    }
}

impl AnswerOrigin {
    /// Returns the word of the log line and of the JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Cached => "cached",
            Self::Shared => "shared",
            Self::Stale => "stale",
        }
    }
}
