//! The fields of a step's log line that explain its result.

use std::borrow::Cow;
use std::fmt::Write;

use super::Record;
use super::summary::part_name;
use super::view::AnswerOrigin;
use crate::duration::rough;
use crate::hook::{Outcome, Region};
use crate::log::TelephoneNumbers;

/// The fields of a step's log line, besides hook, status and time. A field that is `None` is left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Line<'r> {
    pub caller: Option<Cow<'r, str>>,
    pub callee: Option<Cow<'r, str>>,
    /// The variables that the dialplan got: `CRM=sales`, or `CRM (11 bytes)` if the text is free.
    pub set: Option<String>,
    /// `fresh`, `cached`, `shared` or `stale`.
    pub answer: Option<&'static str>,
    /// The age of an answer from the cache.
    pub age: Option<String>,
    /// The number of attempts, if it is more than one.
    pub attempts: Option<usize>,
    /// The beginning of a refused answer, or of its refused part.
    pub refused: Option<String>,
    /// The pointers and headers of `set` that the answer does not have.
    pub missing: Option<String>,
}

/// Characters of a refused answer in the log.
const MAX_REFUSED: usize = 60;

/// The most variables that a line names.
const MOST_SET: usize = 8;

impl Record {
    /// Returns the fields of the log line.
    #[must_use]
    pub fn line(&self) -> Line<'_> {
        let call = self.call.as_deref();
        let number = |value: &'_ crate::variable::Value| {
            let shown = self.numbers.show_name(&value.lossy()).into_owned();
            Some(Cow::Owned(shown)).filter(|_| !value.is_empty())
        };
        Line {
            caller: call.and_then(|call| number(&call.caller_number)),
            callee: call.and_then(|call| number(call.callee())),
            set: self.shown_set(),
            answer: self.answer.as_ref().map(|answer| AnswerOrigin::from(answer.origin).as_str()),
            age: self.cache.age.map(rough),
            attempts: Some(self.attempts.len()).filter(|attempts| *attempts > 1),
            refused: self.refused(),
            missing: self.missing(),
        }
    }

    fn shown_set(&self) -> Option<String> {
        let mut shown = String::new();
        for (index, assignment) in self.set.iter().enumerate().take(MOST_SET) {
            if !shown.is_empty() {
                shown.push_str(", ");
            }
            let length =
                self.omitted.get(index).copied().flatten().unwrap_or(assignment.value.as_bytes().len());
            // writing to a string cannot fail
            let _written = match self.listed.contains(index) || !assignment.source.is_foreign() {
                true => write!(shown, "{}={}", assignment.name, assignment.value.lossy()),
                false => write!(shown, "{} ({length} bytes)", assignment.name),
            };
        }
        if self.set.len() > MOST_SET {
            shown.push_str(", …");
        }
        Some(shown).filter(|shown| !shown.is_empty())
    }

    /// Returns the beginning of a refused answer, if the history may keep it.
    fn refused(&self) -> Option<String> {
        let Some(Outcome::BadAnswer { place, .. }) = self.outcome() else { return None };
        let message = self.answer.as_ref().and_then(|answer| answer.message.as_ref())?;
        let text = match place.as_ref().map(|place| &place.region) {
            Some(Region::Header(name)) => &message.headers.iter().find(|(header, _)| header == name)?.1,
            Some(Region::Body) | None => &message.body,
        };
        Some(beginning(&String::from_utf8_lossy(text), self.numbers))
    }

    fn missing(&self) -> Option<String> {
        let missing = self.outcome()?.missing().take(MOST_SET).map(|(_, part)| part_name(part));
        let missing: Vec<_> = missing.collect();
        (!missing.is_empty()).then(|| missing.join(", "))
    }
}

/// Returns the first characters of a text, with masked numbers.
fn beginning(text: &str, numbers: TelephoneNumbers) -> String {
    let shown = numbers.show_text(text.trim());
    match shown.char_indices().nth(MAX_REFUSED) {
        Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default()),
        None => shown.into_owned(),
    }
}
