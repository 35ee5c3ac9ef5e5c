//! The texts of requests and answers: marked pieces, and characters that cannot be seen.

use crate::history::view::{Body, MarkKind, Text, Variable};
use crate::log::is_unsafe;

/// A part of a text: plain letters, or one character that cannot be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) text: &'a str,
    /// The name of a character that cannot be seen.
    pub(super) hidden: Option<String>,
}

/// A piece of a text: its segments, all in one mark or in none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passage<'a> {
    pub(super) mark: Option<(&'static str, &'a str)>,
    pub(super) segments: Vec<Segment<'a>>,
}

/// A body as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown<'a> {
    Empty,
    Omitted,
    Kept { passages: Vec<Passage<'a>>, cut: bool, json: bool },
}

impl<'a> From<&'a Body> for Shown<'a> {
    fn from(body: &'a Body) -> Self {
        match body {
            Body::Empty => Self::Empty,
            Body::Omitted => Self::Omitted,
            Body::Kept(text) => Self::from(text),
        }
    }
}

impl<'a> From<&'a Text> for Shown<'a> {
    fn from(text: &'a Text) -> Self {
        let passages = text.pieces.iter().map(|piece| Passage {
            mark: piece.mark.as_ref().map(|mark| (class(mark.kind), &*mark.label)),
            segments: segments(&piece.text, text.json),
        });
        Self::Kept { passages: passages.collect(), cut: text.cut, json: text.json }
    }
}

fn class(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Used => "used",
        MarkKind::Fault => "fault",
    }
}

/// Cuts a text at its hidden characters.
fn segments(text: &str, json: bool) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let mut plain = 0;
    for (at, character) in text.char_indices() {
        let Some(name) = hidden(character, json) else { continue };
        let end = at + character.len_utf8();
        segments.extend(text.get(plain..at).and_then(|before| segment(before, None)));
        segments.extend(text.get(at..end).and_then(|character| segment(character, Some(name))));
        plain = end;
    }
    segments.extend(text.get(plain..).and_then(|rest| segment(rest, None)));
    segments
}

fn segment(text: &str, hidden: Option<String>) -> Option<Segment<'_>> {
    (!text.is_empty()).then_some(Segment { text, hidden })
}

/// Returns the name of a character that cannot be seen. JSON that was laid out has line feeds of its own.
fn hidden(character: char, json: bool) -> Option<String> {
    let name = match character {
        '\n' if json => return None,
        '\n' => "LF",
        '\r' => "CR",
        '\t' => "TAB",
        '\0' => "NUL",
        '\u{1b}' => "ESC",
        '\u{a0}' => "NBSP",
        '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => "",
        character if is_unsafe(character) => "",
        _ => return None,
    };
    match name {
        "" => Some(format!("U+{:04X}", u32::from(character))),
        name => Some(name.to_owned()),
    }
}

/// Returns the value of a variable for a line: its beginning, or its length if the value is left out.
pub(super) fn value(variable: &Variable, longest: usize) -> String {
    match &variable.value {
        Some(value) => short(value, longest),
        None => format!("{} bytes", variable.bytes),
    }
}

/// Returns a text, or its beginning and `…`.
pub(super) fn short(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, json: bool) -> Vec<(String, Option<String>)> {
        segments(text, json).into_iter().map(|segment| (segment.text.to_owned(), segment.hidden)).collect()
    }

    #[test]
    fn hidden_characters_get_a_name() {
        let plain = |text: &str| (text.to_owned(), None);
        let hidden = |text: &str, name: &str| (text.to_owned(), Some(name.to_owned()));
        assert_eq!(cut("sales\r\n", false), [plain("sales"), hidden("\r", "CR"), hidden("\n", "LF")]);
        assert_eq!(cut("\u{202e}a", false), [hidden("\u{202e}", "U+202E"), plain("a")]);
        assert_eq!(cut("{\n}", true), [plain("{\n}")]);
        assert_eq!(cut("", false), []);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(short("größe", 3), "grö…");
        assert_eq!(short("größe", 5), "größe");
    }
}
