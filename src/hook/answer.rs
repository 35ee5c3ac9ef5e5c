//! What a webhook answered, and what channel variables receive of it.
//!
//! An answer is a stranger's text: what is not as the hook wants it is refused whole, never cut and never repaired.

mod decode;
pub(super) mod faults;
mod json;
mod mapping;
pub(super) mod outcome;
mod pointer;
pub(super) mod status;
mod text;

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use serde::de::IgnoredAny;

pub use self::mapping::{Mapping, Source};
pub use self::pointer::{NotAPointer, Pointer};
pub use self::text::text_fault;
use self::text::word_fault;
use super::{AnswerFault, Hook, Outcome};
use crate::variable::{Accept, Assignment, Value, VariableName};

/// What a webhook answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The HTTP status.
    pub code: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; of an answer other than 2xx only where it was asked for.
    pub body: Vec<u8>,
}

/// An answer in the encoding of channel variables.
struct Read<'a> {
    answer: &'a Answer,
    /// The body in UTF-8, unless it claims to be and is not; white space at its ends and a byte order mark taken off.
    /// Empty where nothing asks for it.
    text: Cow<'a, [u8]>,
}

impl Hook {
    /// Judges a 2xx answer. Where nothing receives it and no words are listed, nothing of it can do harm.
    pub(super) fn judge(&self, answer: &Answer, variable: Option<&VariableName>) -> Outcome {
        if variable.is_none() && self.set.is_empty() && self.answers.is_empty() {
            return Outcome::Ok { code: answer.code, set: Vec::new(), nothing_found: false };
        }
        self.received(answer, variable).unwrap_or_else(|Refused { fault, variable }| Outcome::BadAnswer {
            code: answer.code,
            fault,
            variable,
        })
    }

    /// What the variables receive, all of them or none.
    fn received(&self, answer: &Answer, variable: Option<&VariableName>) -> Result<Outcome, Refused> {
        let as_text = variable.is_some() || self.set.is_empty();
        let as_json = self.set.iter().any(|part| matches!(part.source, Source::Json(_)));
        let read = Read::of(answer, as_text || as_json)?;
        let parts = read.parts(&self.set)?;
        let mut set = Vec::with_capacity(1 + self.set.len());
        if as_text {
            let accept = accepted(&read.text, &self.answers, self.accept)
                .map_err(|fault| json_instead(&read.text).unwrap_or(fault))?;
            let value = || Value::from(&*read.text);
            set.extend(variable.map(|name| Assignment { name: name.clone(), value: value(), accept }));
        }
        let (mut sought, mut found) = (false, false);
        for (mapping, part) in self.set.iter().zip(parts) {
            let refused = |fault| Refused { fault, variable: Some(mapping.name.clone()) };
            let assignment = self.part(mapping, &read, part).map_err(refused)?;
            if mapping.source != Source::Status {
                sought = true;
                found |= assignment.is_some();
            }
            set.push(assignment.unwrap_or_else(|| self.otherwise(mapping)));
        }
        Ok(Outcome::Ok { code: answer.code, set, nothing_found: sought && !found })
    }

    /// What a mapping gets of the answer; nothing where the answer does not have its part.
    fn part(
        &self,
        mapping: &Mapping,
        read: &Read<'_>,
        written: Option<&str>,
    ) -> Result<Option<Assignment>, AnswerFault> {
        let part = match &mapping.source {
            Source::Status => Some(Cow::Owned(read.answer.code.to_string().into_bytes())),
            Source::Header(name) => read.header(name, self.longest_answer)?,
            Source::Json(pointer) => written.map_or(Ok(None), |written| as_text(written, pointer))?,
        };
        let Some(part) = part else { return Ok(None) };
        let text = part.trim_ascii();
        let answers = if mapping.answers.is_empty() { &self.answers } else { &mapping.answers };
        let accept = accepted(text, answers, mapping.accept.unwrap_or(self.accept))?;
        Ok(Some(Assignment { name: mapping.name.clone(), value: Value::from(text), accept }))
    }

    /// What a mapping holds where there is nothing else.
    pub(super) fn otherwise(&self, mapping: &Mapping) -> Assignment {
        let value = mapping.otherwise.as_ref().unwrap_or(&self.otherwise).clone();
        Assignment::own(mapping.name.clone(), value)
    }
}

/// Why nothing of an answer is set, and for which of the variables under `set` the part was.
struct Refused {
    fault: AnswerFault,
    variable: Option<VariableName>,
}

/// A fault of the answer as a whole.
impl From<AnswerFault> for Refused {
    fn from(fault: AnswerFault) -> Self {
        Self { fault, variable: None }
    }
}

/// Returns how a switch is to guard the text: one of the words that the author listed himself is guarded like a text,
/// whatever it is.
fn accepted(text: &[u8], answers: &[String], accept: Accept) -> Result<Accept, AnswerFault> {
    if !answers.is_empty() {
        let listed = answers.iter().any(|answer| answer.as_bytes() == text);
        return if listed { Ok(Accept::Text) } else { Err(AnswerFault::NotOneOfTheAnswers) };
    }
    let fault = match accept {
        Accept::Word => word_fault(text),
        Accept::Text => text_fault(text),
        Accept::Any => None,
    };
    fault.map_or(Ok(accept), Err)
}

/// The fault of a whole answer that was refused as it is, and would be good JSON for `set`.
pub(super) fn json_instead(text: &[u8]) -> Option<AnswerFault> {
    let fault = match text.first() {
        Some(b'"') => AnswerFault::JsonString,
        Some(b'{' | b'[') => AnswerFault::JsonDocument,
        _ => return None,
    };
    serde_json::from_slice::<IgnoredAny>(text).is_ok().then_some(fault)
}

impl<'a> Read<'a> {
    fn of(answer: &'a Answer, with_text: bool) -> Result<Self, AnswerFault> {
        let text = if with_text { answer.text()? } else { Cow::default() };
        Ok(Self { answer, text })
    }

    /// What the webhook wrote at the place of each mapping that has one; nothing where there is no such place.
    fn parts(&self, mappings: &[Mapping]) -> Result<Vec<Option<&str>>, AnswerFault> {
        let places: Vec<_> = mappings.iter().map(|mapping| mapping.source.way()).collect();
        // an empty body, as that of a 204, has no parts
        if self.text.is_empty() || places.iter().all(Option::is_none) {
            return Ok(vec![None; mappings.len()]);
        }
        let text = std::str::from_utf8(&self.text).map_err(|_| AnswerFault::NotUtf8)?;
        json::written(text, &places).map_err(|_| AnswerFault::NotJson)
    }

    fn header(&self, name: &HeaderName, longest: usize) -> Result<Option<Cow<'_, [u8]>>, AnswerFault> {
        match self.answer.headers.get(name) {
            Some(value) if value.len() > longest => Err(AnswerFault::TooLong),
            value => Ok(value.map(|value| Cow::Borrowed(value.as_bytes().trim_ascii()))),
        }
    }
}

/// A piece of JSON, as the webhook wrote it, as text: a number with its digits. Nothing for null.
fn as_text<'t>(written: &'t str, pointer: &Pointer) -> Result<Option<Cow<'t, [u8]>>, AnswerFault> {
    match written.as_bytes().first() {
        Some(b'{') => Err(AnswerFault::Object(pointer.in_reason().to_owned())),
        Some(b'[') => Err(AnswerFault::List(pointer.in_reason().to_owned())),
        Some(b'n') => Ok(None),
        Some(b'"') => {
            let text: String = serde_json::from_str(written).map_err(|_| AnswerFault::NotJson)?;
            Ok(Some(Cow::Owned(text.into_bytes())))
        }
        _ => Ok(Some(Cow::Borrowed(written.as_bytes()))),
    }
}

/// Bytes of an answer, or of one of its headers, that are taken where nothing else is said.
pub(crate) const LONGEST_ANSWER: usize = 64 * 1024;

#[cfg(test)]
mod tests;
