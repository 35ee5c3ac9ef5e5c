//! The text of a body for people: decoded, laid out if it is JSON, masked, and cut into pieces at its marks.

use std::ops::Range;

use serde::de::IgnoredAny;

use super::masking::Masking;
use super::record::Message;
use super::view::{Body, Mark, MarkKind, Piece, Text};

/// A mark on bytes of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) bytes: Range<usize>,
    pub(super) kind: MarkKind,
    /// The variable, or the rule.
    pub(super) label: String,
}

/// Returns the body of a message with its marks.
pub(super) fn body(message: Option<&Message>, length: usize, masking: &Masking, marks: Vec<Marked>) -> Body {
    match message {
        _ if length == 0 => Body::Empty,
        None => Body::Omitted,
        Some(message) => Body::Kept(text(&message.body, message.length > message.body.len(), masking, marks)),
    }
}

/// Returns a text with its marks. `cut` says that the bytes are only its beginning.
pub(super) fn text(bytes: &[u8], cut: bool, masking: &Masking, marks: Vec<Marked>) -> Text {
    let mut positions = Positions::identity(bytes.len());
    let mut shown = decoded(bytes, &mut positions);
    let json = !cut && is_document(&shown);
    if json {
        shown = laid_out(&shown, &mut positions);
    }
    // masking replaces digits by asterisks, so that positions stay
    let shown = masking.text(&shown).into_owned();
    Text { pieces: pieces(&shown, &positions, marks), cut, json }
}

/// The position of each byte of the original in the text that is shown.
#[derive(Debug)]
struct Positions(Vec<usize>);

impl Positions {
    fn identity(length: usize) -> Self {
        Self((0..=length).collect())
    }

    /// Applies a further change, given as the new position of each byte of the present text.
    fn then(&mut self, moved: &[usize]) {
        for position in &mut self.0 {
            *position = moved.get(*position).or(moved.last()).copied().unwrap_or_default();
        }
    }

    fn of(&self, range: &Range<usize>) -> Range<usize> {
        let at = |byte: usize| self.0.get(byte).or(self.0.last()).copied().unwrap_or_default();
        at(range.start)..at(range.end)
    }
}

/// Decodes UTF-8. Each run of other bytes becomes U+FFFD.
fn decoded(bytes: &[u8], positions: &mut Positions) -> String {
    let (mut text, mut moved) = (String::with_capacity(bytes.len()), Vec::with_capacity(bytes.len() + 1));
    for chunk in bytes.utf8_chunks() {
        moved.extend(text.len()..text.len() + chunk.valid().len());
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            moved.extend(chunk.invalid().iter().map(|_| text.len()));
            text.push('\u{fffd}');
        }
    }
    moved.push(text.len());
    positions.then(&moved);
    text
}

/// True if a text is a JSON object or list.
fn is_document(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Lays out valid JSON, with one member or element in a line. Strings stay as they are written.
fn laid_out(json: &str, positions: &mut Positions) -> String {
    let (mut shown, mut moved) = (String::with_capacity(2 * json.len()), Vec::with_capacity(json.len() + 1));
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut previous = ' ';
    for character in json.chars() {
        let is_space = !in_string && character.is_ascii_whitespace();
        let opens = !in_string && matches!(previous, '{' | '[');
        if !in_string && matches!(character, '}' | ']') {
            depth = depth.saturating_sub(1);
            if !opens {
                new_line(&mut shown, depth);
            }
        } else if !is_space && (opens || !in_string && previous == ',') {
            new_line(&mut shown, depth);
        } else if !is_space && !in_string && previous == ':' {
            shown.push(' ');
        }
        moved.extend((0..character.len_utf8()).map(|byte| shown.len() + if is_space { 0 } else { byte }));
        if is_space {
            continue;
        }
        shown.push(character);
        match character {
            '"' if !escaped => in_string = !in_string,
            '{' | '[' if !in_string => depth += 1,
            _ => {}
        }
        escaped = in_string && character == '\\' && !escaped;
        // within a string nothing opens, and its last quotation mark neither
        previous = if in_string { ' ' } else { character };
    }
    moved.push(shown.len());
    positions.then(&moved);
    shown
}

fn new_line(shown: &mut String, depth: usize) {
    shown.push('\n');
    for _ in 0..depth {
        shown.push_str("  ");
    }
}

/// Cuts a text at its marks. Of two marks on the same bytes, the first one counts.
fn pieces(text: &str, positions: &Positions, mut marks: Vec<Marked>) -> Vec<Piece> {
    marks.sort_by_key(|mark| (mark.bytes.start, mark.kind != MarkKind::Fault));
    let (mut pieces, mut end) = (Vec::new(), 0);
    for Marked { bytes, kind, label } in marks {
        let range = positions.of(&bytes);
        let (Some(before), Some(marked)) = (text.get(end..range.start), text.get(range.clone())) else {
            continue;
        };
        if marked.is_empty() {
            continue;
        }
        if !before.is_empty() {
            pieces.push(Piece { text: before.to_owned(), mark: None });
        }
        pieces.push(Piece { text: marked.to_owned(), mark: Some(Mark { kind, label }) });
        end = range.end;
    }
    if let Some(rest) = text.get(end..).filter(|rest| !rest.is_empty()) {
        pieces.push(Piece { text: rest.to_owned(), mark: None });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::TelephoneNumbers;

    fn marked(bytes: Range<usize>, kind: MarkKind) -> Marked {
        Marked { bytes, kind, label: "CRM".to_owned() }
    }

    fn whole(text: &Text) -> String {
        text.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    fn marks(text: &Text) -> Vec<&str> {
        text.pieces.iter().filter(|piece| piece.mark.is_some()).map(|piece| piece.text.as_str()).collect()
    }

    #[test]
    fn json_is_laid_out_and_its_marks_move_with_it() {
        let json = br#"{"a": {"b":"x, y: {z}","c":[]},"d":[1,{}],"e\"":"\\"}"#;
        let range = 11..22;
        assert_eq!(&json[range.clone()], br#""x, y: {z}""#);
        let text =
            text(json, false, &Masking::only(TelephoneNumbers::Shown), vec![marked(range, MarkKind::Used)]);
        assert_eq!(
            whole(&text),
            "{\n  \"a\": {\n    \"b\": \"x, y: {z}\",\n    \"c\": []\n  },\n  \"d\": [\n    1,\n    {}\n  ],\n  \"e\\\"\": \"\\\\\"\n}"
        );
        assert_eq!((marks(&text), text.json), (vec!["\"x, y: {z}\""], true));
    }

    #[test]
    fn the_layout_of_json_is_the_same_document() {
        for json in
            ["[]", "{}", "[ ]", "[[],[{}]]", r#"{"a":"\"\\","b":[null,true,-1.5e3]}"#, "[\"é\u{2028}\"]"]
        {
            let mut positions = Positions::identity(json.len());
            let shown = laid_out(json, &mut positions);
            let [before, after] =
                [json, &shown].map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());
            assert_eq!(before, after, "{shown}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_become_replacement_characters_and_keep_their_mark() {
        let text = text(
            b"caf\xe9 sales",
            false,
            &Masking::only(TelephoneNumbers::Shown),
            vec![marked(3..4, MarkKind::Fault)],
        );
        assert_eq!((whole(&text).as_str(), marks(&text)), ("caf\u{fffd} sales", vec!["\u{fffd}"]));
    }

    #[test]
    fn numbers_are_masked_also_where_a_mark_divides_them() {
        let masked = &Masking::only(TelephoneNumbers::Masked);
        let text = text(b"31612345678", false, masked, vec![marked(3..4, MarkKind::Fault)]);
        assert_eq!((whole(&text).as_str(), marks(&text)), ("********678", vec!["*"]));
    }

    #[test]
    fn a_mark_outside_of_the_text_that_is_kept_is_left_out() {
        let far = vec![marked(90..95, MarkKind::Fault), marked(2..3, MarkKind::Fault)];
        assert_eq!(marks(&text(b"abcd", true, &Masking::only(TelephoneNumbers::Shown), far)), ["c"]);
    }
}
