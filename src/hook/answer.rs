//! Judges the answer of a webhook, and takes from it the values for channel variables.
//!
//! The text of an answer comes from outside. If it is not as the hook demands, all of it is refused. dialhook
//! never cuts it and never repairs it.

mod decode;
pub(super) mod faults;
mod json;
mod mapping;
pub(super) mod outcome;
mod place;
mod pointer;
pub(super) mod status;
mod text;

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use serde::de::IgnoredAny;

pub use self::mapping::{Mapping, Source};
pub use self::place::{Place, Region, json_place};
pub use self::pointer::{NotAPointer, Pointer};
pub use self::text::text_fault;
use self::text::word_fault;
use super::{AnswerFault, Hook, Outcome};
use crate::variable::{Accept, AnswerPart, Assignment, CanCarry, Unfit, Value, ValueSource, VariableName};

/// The answer of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The HTTP status.
    pub code: u16,
    pub headers: HeaderMap,
    /// The body. It is read for a 2xx answer, and for another one only on request.
    pub body: Vec<u8>,
}

impl Hook {
    /// Returns the outcome of a 2xx answer. `variable` receives the whole text; `can_carry` is the rule of
    /// the switch about assignments.
    pub(super) fn judge(
        &self,
        answer: &Answer,
        variable: Option<&VariableName>,
        can_carry: CanCarry,
    ) -> Outcome {
        // nothing of the answer enters the channel
        if variable.is_none() && self.set.is_empty() && self.answers.is_empty() {
            return Outcome::Ok { code: answer.code, set: Vec::new(), nothing_found: false };
        }
        match self.accepted(answer, variable, can_carry) {
            Ok(outcome) => outcome,
            Err(Refused { fault, variable }) => {
                let place = place::place(self, answer, &fault, variable.as_ref()).map(Box::new);
                Outcome::BadAnswer { code: answer.code, fault, variable, place }
            }
        }
    }

    /// Returns a good outcome with the values of all variables.
    fn accepted(
        &self,
        answer: &Answer,
        variable: Option<&VariableName>,
        can_carry: CanCarry,
    ) -> Result<Outcome, Refused> {
        let needs_whole = variable.is_some() || self.set.is_empty();
        let needs_json = self.set.iter().any(|mapping| mapping.source.json_path().is_some());
        let text = if needs_whole || needs_json { answer.text()? } else { Cow::default() };
        let values = json_values(&text, &self.set)?;
        let mut set = Vec::with_capacity(1 + self.set.len());
        if needs_whole {
            let accept = guard(&text, &self.answers, self.accept)
                .map_err(|fault| json_fault(&text).unwrap_or(fault))?;
            if let Some(name) = variable {
                let (value, source) = (Value::from(&*text), ValueSource::Answer);
                set.push(Assignment { name: name.clone(), value, accept, source });
            }
        }
        let (mut sought, mut found) = (false, false);
        for (mapping, json) in self.set.iter().zip(values) {
            let assignment = self
                .part(mapping, answer, json)
                .map_err(|fault| Refused { fault, variable: Some(mapping.name.clone()) })?;
            if mapping.source != Source::Status {
                sought = true;
                found |= assignment.is_some();
            }
            set.push(assignment.unwrap_or_else(|| self.otherwise(mapping, mapping.source.part())));
        }
        for assignment in &set {
            can_carry(assignment).map_err(|unfit| Refused::by_switch(assignment, variable, unfit))?;
        }
        Ok(Outcome::Ok { code: answer.code, set, nothing_found: sought && !found })
    }

    /// Returns the assignment of a mapping, or none if the answer does not have its part.
    ///
    /// `json` is the value at the pointer of the mapping.
    fn part(
        &self,
        mapping: &Mapping,
        answer: &Answer,
        json: Option<&str>,
    ) -> Result<Option<Assignment>, AnswerFault> {
        let part = match (&mapping.source, json) {
            (Source::Status, _) => Some(Cow::Owned(answer.code.to_string().into_bytes())),
            (Source::Header(name), _) => header(answer, name, self.longest_answer)?,
            (Source::Json(pointer), Some(json)) => scalar(json, pointer)?,
            (Source::Json(_), None) => None,
        };
        let Some(part) = part else { return Ok(None) };
        let text = part.trim_ascii();
        let answers = if mapping.answers.is_empty() { &self.answers } else { &mapping.answers };
        let accept = guard(text, answers, mapping.accept.unwrap_or(self.accept))?;
        let (value, source) = (Value::from(text), mapping.source.of_value());
        Ok(Some(Assignment { name: mapping.name.clone(), value, accept, source }))
    }

    /// Returns the assignment of a mapping for which there is no value. `missing` is the part that a good
    /// answer does not have.
    pub(super) fn otherwise(&self, mapping: &Mapping, missing: Option<AnswerPart>) -> Assignment {
        let value = mapping.otherwise.as_ref().unwrap_or(&self.otherwise).clone();
        Assignment::otherwise(mapping.name.clone(), value, missing)
    }
}

/// A refused answer: its fault, and the variable of `set` whose part has the fault.
struct Refused {
    fault: AnswerFault,
    variable: Option<VariableName>,
}

impl Refused {
    /// The switch cannot carry an assignment. `whole` is the variable of the whole text.
    fn by_switch(assignment: &Assignment, whole: Option<&VariableName>, unfit: Unfit) -> Self {
        if whole != Some(&assignment.name) {
            return Self { fault: AnswerFault::Unfit(unfit), variable: Some(assignment.name.clone()) };
        }
        // a quotation mark that the switch cannot carry is often one of JSON
        let json = if unfit == Unfit::Quote { json_fault(assignment.value.as_bytes()) } else { None };
        Self { fault: json.unwrap_or(AnswerFault::Unfit(unfit)), variable: None }
    }
}

/// A fault of the whole answer.
impl From<AnswerFault> for Refused {
    fn from(fault: AnswerFault) -> Self {
        Self { fault, variable: None }
    }
}

/// Returns how the switch is to guard a text that is accepted.
///
/// A text that the configuration lists in `answers` is guarded like `accept = "text"`, whatever the hook
/// accepts.
fn guard(text: &[u8], answers: &[String], accept: Accept) -> Result<Accept, AnswerFault> {
    if !answers.is_empty() {
        let is_listed = answers.iter().any(|answer| answer.as_bytes() == text);
        return if is_listed { Ok(Accept::Text) } else { Err(AnswerFault::NotListed) };
    }
    let fault = match accept {
        Accept::Word => word_fault(text),
        Accept::Text => text_fault(text),
        Accept::Any => None,
    };
    match fault {
        Some(fault) => Err(fault),
        None => Ok(accept),
    }
}

/// Returns a clearer fault for a refused text that is JSON, which `set` could read.
pub(super) fn json_fault(text: &[u8]) -> Option<AnswerFault> {
    let fault = match text.first() {
        Some(b'"') => AnswerFault::JsonString,
        Some(b'{' | b'[') => AnswerFault::JsonDocument,
        _ => return None,
    };
    serde_json::from_slice::<IgnoredAny>(text).is_ok().then_some(fault)
}

/// Returns the JSON value of each mapping, as the webhook wrote it.
///
/// It is none for a mapping without a pointer, and for a pointer to nothing.
fn json_values<'t>(text: &'t [u8], set: &[Mapping]) -> Result<Vec<Option<&'t str>>, AnswerFault> {
    let paths: Vec<_> = set.iter().map(|mapping| mapping.source.json_path()).collect();
    // an empty body, as that of a 204, has no parts
    if text.is_empty() || paths.iter().all(Option::is_none) {
        return Ok(vec![None; set.len()]);
    }
    let text = std::str::from_utf8(text).map_err(|_| AnswerFault::NotUtf8)?;
    json::values(text, &paths).map_err(|_| AnswerFault::NotJson)
}

/// Returns the first header of a name.
fn header<'a>(
    answer: &'a Answer,
    name: &HeaderName,
    longest: usize,
) -> Result<Option<Cow<'a, [u8]>>, AnswerFault> {
    match answer.headers.get(name) {
        Some(value) if value.len() > longest => Err(AnswerFault::TooLong),
        Some(value) => Ok(Some(Cow::Borrowed(value.as_bytes().trim_ascii()))),
        None => Ok(None),
    }
}

/// Returns the text of a JSON value. A number keeps its digits; null has no text.
fn scalar<'t>(json: &'t str, pointer: &Pointer) -> Result<Option<Cow<'t, [u8]>>, AnswerFault> {
    match json.as_bytes().first() {
        Some(b'{') => Err(AnswerFault::Object(pointer.in_reason().to_owned())),
        Some(b'[') => Err(AnswerFault::List(pointer.in_reason().to_owned())),
        Some(b'n') => Ok(None),
        Some(b'"') => {
            let text: String = serde_json::from_str(json).map_err(|_| AnswerFault::NotJson)?;
            Ok(Some(Cow::Owned(text.into_bytes())))
        }
        _ => Ok(Some(Cow::Borrowed(json.as_bytes()))),
    }
}

/// The default of the largest answer, and of the longest header that `set` reads, in bytes.
pub(crate) const LONGEST_ANSWER: usize = 64 * 1024;

#[cfg(test)]
mod tests;
