//! Escapes for unsafe characters: the text of a peer must not move the cursor of a terminal, begin a new line
//! or reverse the order of letters.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

/// Returns a text as one line that is safe on a terminal. Unsafe characters become `\u{202e}`, line feeds
/// too.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    EscapeStyle::Text.escape(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Returns a JSON text that is safe on a terminal and has the same meaning. It must be in one line.
#[must_use]
pub fn escape_json(json: &str) -> Cow<'_, str> {
    EscapeStyle::Json.escape(json).map_or(Cow::Borrowed(json), Cow::Owned)
}

/// True for control characters (C0, DEL, C1), line and paragraph separators, and bidirectional controls.
#[must_use]
pub fn is_unsafe(character: char) -> bool {
    let separator = matches!(character, '\u{2028}' | '\u{2029}');
    let bidirectional = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || separator || bidirectional
}

/// The spelling of an escape, which depends on the format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EscapeStyle {
    /// `\u{202e}`.
    Text,
    /// The same, but the colours of the log itself stay.
    ColouredText,
    /// `\u202e`, as in JSON.
    Json,
}

/// A writer that escapes unsafe characters.
#[derive(Debug, Clone)]
pub(super) struct EscapingWriter<W> {
    pub(super) writer: W,
    pub(super) style: EscapeStyle,
}

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for EscapingWriter<W> {
    type Writer = EscapingWriter<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        EscapingWriter { writer: self.writer.make_writer(), style: self.style }
    }

    fn make_writer_for(&'w self, meta: &tracing::Metadata<'_>) -> Self::Writer {
        EscapingWriter { writer: self.writer.make_writer_for(meta), style: self.style }
    }
}

impl<W: Write> Write for EscapingWriter<W> {
    /// Each write is one line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.style.escape_line(line) {
            Some(escaped) => self.writer.write_all(escaped.as_bytes())?,
            None => self.writer.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl EscapeStyle {
    /// Returns the line with escapes if it has unsafe characters.
    fn escape_line(self, line: &[u8]) -> Option<String> {
        let line = String::from_utf8_lossy(line);
        match line.strip_suffix('\n') {
            Some(text) => self.escape(text).map(|escaped| escaped + "\n"),
            None => self.escape(&line),
        }
    }

    /// Returns the text with escapes if it has unsafe characters.
    fn escape(self, text: &str) -> Option<String> {
        if !text.contains(is_unsafe) {
            return None;
        }
        let mut escaped = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let colour = if self == Self::ColouredText { colour_length(rest) } else { 0 };
            let length = colour.max(character.len_utf8());
            let (own, behind) = rest.split_at(length);
            if colour > 0 || !is_unsafe(character) {
                escaped.push_str(own);
            } else {
                self.write(character, &mut escaped);
            }
            rest = behind;
        }
        Some(escaped)
    }

    fn write(self, character: char, escaped: &mut String) {
        let number = u32::from(character);
        // writing to a string cannot fail
        let _written = match self {
            Self::Text | Self::ColouredText => write!(escaped, "\\u{{{number:x}}}"),
            Self::Json => write!(escaped, "\\u{number:04x}"),
        };
    }
}

/// Returns the length of the colour sequence that the text begins with; 0 if there is none.
///
/// ```text
/// colour = ESC "[" *( DIGIT / ";" ) "m"
/// ```
fn colour_length(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else { return 0 };
    let rest = parameters.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
    if rest.starts_with('m') { text.len() - rest.len() + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_separators_and_bidirectional_controls_are_escaped_but_letters_are_not() {
        let escaped = |character: char| EscapeStyle::Text.escape_line(format!("a{character}b\n").as_bytes());
        for character in ['\0', '\n', '\r', '\u{1b}', '\u{7f}', '\u{80}', '\u{85}', '\u{9b}', '\u{9f}']
            .into_iter()
            .chain([
                '\u{61c}', '\u{200e}', '\u{2028}', '\u{2029}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}',
            ])
        {
            let number = u32::from(character);
            assert_eq!(escaped(character).unwrap(), format!("a\\u{{{number:x}}}b\n"));
            let json = EscapeStyle::Json.escape_line(format!("\"{character}\"\n").as_bytes()).unwrap();
            let read: String = serde_json::from_str(&json).unwrap();
            assert_eq!(read, character.to_string(), "the JSON string has the same value");
        }
        for character in [' ', '\u{a0}', 'é', 'ш', 'ع', '☎', '\u{200d}', '\u{10ffff}'] {
            assert_eq!(escaped(character), None, "{character:?}");
        }
    }

    #[test]
    fn a_coloured_log_keeps_colours_and_escapes_other_terminal_sequences() {
        let line = b"\x1b[2mtime\x1b[0m \x1b[1;31mred\x1b[2J \x1b]0;title\x07\n";
        let coloured = EscapeStyle::ColouredText.escape_line(line).unwrap();
        assert_eq!(coloured, "\x1b[2mtime\x1b[0m \x1b[1;31mred\\u{1b}[2J \\u{1b}]0;title\\u{7}\n");
        assert!(!EscapeStyle::Text.escape_line(line).unwrap().contains('\x1b'));
    }
}
