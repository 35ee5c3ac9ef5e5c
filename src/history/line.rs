//! The fields of a step's log line that tell why the call went where it went.

use std::borrow::Cow;
use std::fmt::Write;

use super::Record;
use super::record::ReceivedAnswer;
use crate::duration::rough;
use crate::hook::Outcome;
use crate::log::TelephoneNumbers;
use crate::variable::Assignment;
use crate::webhook::Origin;

/// The fields of a step's log line, besides hook, status and time. None: the line does not have the field.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Line<'r> {
    pub caller: Option<Cow<'r, str>>,
    pub callee: Option<Cow<'r, str>>,
    /// The variables that the dialplan got: `CRM=sales`, or `CRM=(11 bytes)` if the text is free.
    pub set: Option<String>,
    /// `fresh`, `cached`, `shared` or `stale`.
    pub answer: Option<&'static str>,
    /// The age of an answer from the cache.
    pub age: Option<String>,
    /// The number of attempts, if it is more than one.
    pub attempts: Option<usize>,
    /// The beginning of a refused answer.
    pub refused: Option<String>,
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
            answer: self.answer.as_ref().map(|answer| origin(answer.origin)),
            age: self.cache.age.map(rough),
            attempts: Some(self.attempts.len()).filter(|attempts| *attempts > 1),
            refused: self.refused(),
        }
    }

    fn shown_set(&self) -> Option<String> {
        let mut shown = String::new();
        for assignment in self.set.iter().take(MOST_SET) {
            if !shown.is_empty() {
                shown.push(' ');
            }
            // writing to a string cannot fail
            let _written = write!(shown, "{}=", assignment.name);
            self.show_value(assignment, &mut shown);
        }
        if self.set.len() > MOST_SET {
            shown.push_str(" …");
        }
        Some(shown).filter(|shown| !shown.is_empty())
    }

    /// Writes a value that the configuration names; of any other, its length.
    fn show_value(&self, assignment: &Assignment, shown: &mut String) {
        let is_own = !matches!(self.outcome(), Some(Outcome::Ok { .. }));
        let length = assignment.value.as_bytes().len();
        if self.is_closed || is_own {
            shown.push_str(&assignment.value.lossy());
        } else if length > 0 {
            let _written = write!(shown, "({length} bytes)");
        }
    }

    /// Returns the beginning of a refused answer, if the history may keep it.
    fn refused(&self) -> Option<String> {
        let Some(Outcome::BadAnswer { .. }) = self.outcome() else { return None };
        let message = self.answer.as_ref().and_then(|ReceivedAnswer { message, .. }| message.as_ref())?;
        Some(beginning(&String::from_utf8_lossy(&message.body), self.numbers))
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

/// Returns the word for the origin of an answer.
pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Webhook => "fresh",
        Origin::Cache => "cached",
        Origin::Shared => "shared",
        Origin::Stale => "stale",
    }
}
