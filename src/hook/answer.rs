//! What a webhook answered, and what channel variables receive of it.
//!
//! An answer is a stranger's text: what is not as the hook wants it is refused whole, never cut and never repaired.

pub(super) mod faults;
mod json;
pub(super) mod outcome;
mod text;

use std::borrow::Cow;
use std::str::FromStr;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};
use serde::de::IgnoredAny;

pub use self::text::text_fault;
use self::text::word_fault;
use super::{AnswerFault, Coding, Hook, Outcome};
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

/// A channel variable that receives a part of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Which variable.
    pub name: VariableName,
    /// Which part.
    pub source: Source,
    /// How much of a stranger's text it takes; the hook's where there is none.
    pub accept: Option<Accept>,
    /// The only values that are accepted; empty: those of the hook.
    pub answers: Vec<String>,
    /// What it holds when there is no such part, or no good answer; the hook's where there is none.
    pub otherwise: Option<Value>,
}

/// Which part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// What stands at this place of a JSON answer.
    Json(Pointer),
    /// The first header of this name.
    Header(HeaderName),
    /// The HTTP status.
    Status,
}

impl Source {
    /// Where it stands in a JSON answer.
    fn way(&self) -> Option<&[String]> {
        match self {
            Self::Json(pointer) => Some(&pointer.names),
            Self::Header(_) | Self::Status => None,
        }
    }
}

/// A place in a JSON text (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    text: String,
    /// The names on the way, without escapes.
    names: Vec<String>,
    /// Itself in the letters of a reason.
    in_reason: String,
}

/// Why a text is no such place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a JSON pointer, such as \"/customer/name\" or \"/numbers/0\" (`~1` is a slash in a name, `~0` a tilde)"
)]
pub struct NotAPointer;

impl FromStr for Pointer {
    type Err = NotAPointer;

    fn from_str(text: &str) -> Result<Self, NotAPointer> {
        let begins = text.is_empty() || text.starts_with('/');
        let escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if !(begins && escaped) {
            return Err(NotAPointer);
        }
        let name = |part: &str| part.replace("~1", "/").replace("~0", "~");
        let names: Vec<_> = text.split('/').skip(1).map(name).collect();
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
        let plain = |name: &String| name.chars().map(plain).collect::<String>();
        let in_reason = match text {
            "" => "the top".to_owned(),
            _ => names.iter().map(plain).collect::<Vec<_>>().join(".").chars().take(LONGEST_WORDS).collect(),
        };
        Ok(Self { text: text.to_owned(), names, in_reason })
    }
}

/// So much of a pointer stands in a reason.
const LONGEST_WORDS: usize = 80;

impl Pointer {
    /// The pointer as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
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
        Some(b'{') => Err(AnswerFault::Object(pointer.in_reason.clone())),
        Some(b'[') => Err(AnswerFault::List(pointer.in_reason.clone())),
        Some(b'n') => Ok(None),
        Some(b'"') => {
            let text: String = serde_json::from_str(written).map_err(|_| AnswerFault::NotJson)?;
            Ok(Some(Cow::Owned(text.into_bytes())))
        }
        _ => Ok(Some(Cow::Borrowed(written.as_bytes()))),
    }
}

impl Answer {
    /// The body without white space at its ends, in UTF-8 if its charset is known: what `Content-Type` names, by the
    /// labels of the WHATWG's Encoding standard (in which ISO-8859-1 is Windows-1252).
    fn text(&self) -> Result<Cow<'_, [u8]>, AnswerFault> {
        if self.body.trim_ascii().is_empty() {
            return Ok(Cow::default());
        }
        let codings = self.headers.get_all(CONTENT_ENCODING).into_iter();
        if let Some(coding) = codings.filter_map(|value| Coding::named_by(value.as_bytes())).next() {
            return Err(AnswerFault::Compressed(coding));
        }
        let encoding = match self.charset() {
            None => UTF_8,
            Some(label) => Encoding::for_label(label.as_bytes()).ok_or(AnswerFault::Charset)?,
        };
        if encoding == UTF_8 {
            // a byte order mark says that UTF-8 follows; it is not part of the text
            let body = self.body.trim_ascii_start();
            let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
            Ok(Cow::Borrowed(body.trim_ascii()))
        } else if encoding == WINDOWS_1252 {
            let (text, _had_errors) = encoding.decode_without_bom_handling(self.body.trim_ascii());
            Ok(Cow::Owned(text.into_owned().into_bytes()))
        } else {
            Err(AnswerFault::Charset)
        }
    }

    /// The parameter `charset` of `Content-Type`.
    fn charset(&self) -> Option<Cow<'_, str>> {
        let content_type = String::from_utf8_lossy(self.headers.get(CONTENT_TYPE)?.as_bytes());
        let parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
        let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        charsets.next().map(|(_, label)| Cow::Owned(label.trim().trim_matches('"').to_owned()))
    }
}

/// Bytes of an answer, or of one of its headers, that are taken where nothing else is said.
pub(crate) const LONGEST_ANSWER: usize = 64 * 1024;

#[cfg(test)]
mod tests;
