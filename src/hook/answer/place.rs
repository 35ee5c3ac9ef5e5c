//! Finds the place of the fault in a refused answer. It is not used for a good answer.
//!
//! Reads the answer a second time by the rules of [`super::text`] and [`super::json`].

mod json_string;

use std::borrow::Cow;
use std::ops::Range;

use http::HeaderName;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::{Answer, Pointer, Source, json, text};
use crate::hook::{AnswerFault, Hook};
use crate::variable::{Unfit, VariableName};

/// The place of a fault in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub region: Region,
    /// The bytes of the first character with the fault; of the whole part if it is no single character.
    pub bytes: Range<usize>,
}

/// The region of an answer in which a place is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Region {
    /// The body, as the webhook sent it.
    Body,
    /// The first header of this name.
    Header(HeaderName),
}

/// Returns the place of a fault. `variable` is the one of `set` whose part has the fault; without it, the
/// whole text has the fault. Returns none if the fault is not in the bytes that are known.
pub(super) fn place(
    hook: &Hook,
    answer: &Answer,
    fault: &AnswerFault,
    variable: Option<&VariableName>,
) -> Option<Place> {
    if let AnswerFault::Charset = fault {
        return whole_header(answer, CONTENT_TYPE);
    }
    if let AnswerFault::Compressed(_) = fault {
        return whole_header(answer, CONTENT_ENCODING);
    }
    let mapping = variable.and_then(|name| hook.set.iter().find(|mapping| mapping.name == *name));
    match mapping.map(|mapping| &mapping.source) {
        Some(Source::Status) => None,
        Some(Source::Header(name)) => {
            let value = answer.headers.get(name)?.as_bytes();
            let start = value.len() - value.trim_ascii_start().len();
            let bytes = moved(fault_in(value.trim_ascii(), fault)?, start);
            Some(Place { region: Region::Header(name.clone()), bytes })
        }
        Some(Source::Json(pointer)) => {
            let text = answer.text().ok()?;
            let json_text = std::str::from_utf8(&text).ok()?;
            let json = json::values(json_text, &[Some(pointer.path())]).ok()?.pop()??;
            let start = offset(text.as_ref(), json.as_bytes())?;
            let range = moved(fault_in_json(json, fault)?, start);
            in_body(answer, text, range)
        }
        None => {
            let text = answer.text().ok()?;
            let range = fault_in(&text, fault)?;
            in_body(answer, text, range)
        }
    }
}

/// Returns the place of the value at a JSON pointer in a body, as it is written. None if the body is no JSON,
/// or has no such value.
#[must_use]
pub fn json_place(body: &[u8], pointer: &str) -> Option<Range<usize>> {
    let pointer: Pointer = pointer.parse().ok()?;
    let start = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let text = std::str::from_utf8(start).ok()?;
    let json = json::values(text, &[Some(pointer.path())]).ok()?.pop()??;
    let start = offset(body, json.as_bytes())?;
    Some(start..start + json.len())
}

fn whole_header(answer: &Answer, name: HeaderName) -> Option<Place> {
    let bytes = 0..answer.headers.get(&name)?.len();
    Some(Place { region: Region::Header(name), bytes })
}

/// Returns the place in the body of a range of its decoded text.
fn in_body(answer: &Answer, text: Cow<'_, [u8]>, range: Range<usize>) -> Option<Place> {
    let bytes = match text {
        Cow::Borrowed(text) => moved(range, offset(&answer.body, text)?),
        // Windows-1252 has one byte for each character
        Cow::Owned(text) => {
            let start = answer.body.len() - answer.body.trim_ascii_start().len();
            let characters = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().count();
            let before = characters(text.get(..range.start)?);
            moved(before..before + characters(text.get(range)?), start)
        }
    };
    Some(Place { region: Region::Body, bytes })
}

/// Returns the position of a part in the bytes that it was taken from.
fn offset(whole: &[u8], part: &[u8]) -> Option<usize> {
    let offset = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    (offset + part.len() <= whole.len()).then_some(offset)
}

fn moved(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

/// Returns the range of a fault in a JSON value, as it is written.
fn fault_in_json(json: &str, fault: &AnswerFault) -> Option<Range<usize>> {
    let whole = 0..json.len();
    if !json.starts_with('"') {
        return Some(whole);
    }
    // a string that is not valid is marked as a whole
    let Ok(text) = serde_json::from_str::<String>(json) else { return Some(whole) };
    let start = text.len() - text.trim_ascii_start().len();
    let range = moved(fault_in(text.trim_ascii().as_bytes(), fault)?, start);
    Some(json_string::as_written(json, range))
}

/// Returns the range of a fault in a text.
fn fault_in(text: &[u8], fault: &AnswerFault) -> Option<Range<usize>> {
    let whole = 0..text.len();
    Some(match fault {
        AnswerFault::TextTooLong => beyond(text, text::LONGEST_TEXT),
        AnswerFault::WordTooLong => beyond(text, text::LONGEST_WORD),
        AnswerFault::NotAWord => text::first_not_of_word(std::str::from_utf8(text).ok()?)?,
        AnswerFault::ControlByte => text::first_control(std::str::from_utf8(text).ok()?)?,
        AnswerFault::Layout => text::first_layout_control(std::str::from_utf8(text).ok()?)?,
        AnswerFault::JsonString | AnswerFault::JsonDocument => 0..1,
        AnswerFault::NotUtf8 => {
            let error = std::str::from_utf8(text).err()?;
            let start = error.valid_up_to();
            start..error.error_len().map_or(text.len(), |length| start + length)
        }
        AnswerFault::NotJson => not_json(text)?,
        AnswerFault::Unfit(unfit) => unfit_in(text, *unfit)?,
        AnswerFault::TooLong | AnswerFault::NotListed | AnswerFault::Object(_) | AnswerFault::List(_) => {
            whole
        }
        AnswerFault::Charset | AnswerFault::Compressed(_) => return None,
    })
}

/// Returns the part behind the limit, from its first whole character on.
fn beyond(text: &[u8], limit: usize) -> Range<usize> {
    let is_boundary = |at: &usize| text.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    let start = (0..=limit.min(text.len())).rev().find(is_boundary).unwrap_or(0);
    start..text.len()
}

/// Returns the character at which the text stops being JSON; an empty range after the last one if the
/// end is missing.
fn not_json(text: &[u8]) -> Option<Range<usize>> {
    let error = serde_json::from_slice::<&serde_json::value::RawValue>(text).err()?;
    let lines: usize = text
        .split_inclusive(|byte| *byte == b'\n')
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    let start = (lines + error.column().saturating_sub(1)).min(text.len());
    let length = if error.is_eof() { 0 } else { 1 };
    let start = if error.is_eof() { text.len() } else { start };
    Some(start..(start + length).min(text.len()))
}

/// Returns the bytes that a switch cannot carry.
fn unfit_in(text: &[u8], unfit: Unfit) -> Option<Range<usize>> {
    let one = |at: usize| at..at + 1;
    let first = |sought: u8| text.iter().position(|byte| *byte == sought).map(one);
    match unfit {
        Unfit::Newline => first(b'\n'),
        Unfit::Nul => first(0),
        Unfit::Quote => first(b'"'),
        Unfit::LineFeedAtEnd => text.iter().rposition(|byte| *byte == b'\n').map(one),
        Unfit::TooLong => Some(0..text.len()),
        Unfit::Expansion => expansion(text).map(one),
        Unfit::Scope => first(b'[').map(|bracket| 0..bracket.end),
        Unfit::Array => text.windows(2).position(|pair| pair == b"::").map(|at| 0..at + 2),
    }
}

/// Returns the position of the first `$` that can come to stand before a `{`, or at the end.
fn expansion(text: &[u8]) -> Option<usize> {
    let mut dollar = None;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'$' => dollar = dollar.or(Some(at)),
            b'{' if dollar.is_some() => return dollar,
            b'\\' | b'\'' => {}
            _ => dollar = None,
        }
    }
    dollar
}

#[cfg(test)]
mod tests;
