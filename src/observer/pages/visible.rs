//! The escaper of the pages: HTML's own characters, and those that change how a line reads.

use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};

use crate::log::is_unsafe;

/// Escapes for HTML, and shows control characters and controls of the text direction as the log does:
/// `\u{202e}`. Line feeds and tabs stay, for texts of several lines.
#[derive(Debug, Clone, Copy)]
pub struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, character)) = rest.char_indices().find(|(_, character)| is_hidden(*character)) {
            let (before, from) = rest.split_at(at);
            Html.write_escaped_str(&mut dest, before)?;
            write!(dest, "{}", character.escape_default())?;
            rest = from.get(character.len_utf8()..).unwrap_or_default();
        }
        Html.write_escaped_str(dest, rest)
    }
}

fn is_hidden(character: char) -> bool {
    is_unsafe(character) && !matches!(character, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_escaped_and_controls_are_shown() {
        for (text, shown) in [
            ("sales", "sales"),
            ("<b a='1'>\"&", "&#60;b a=&#39;1&#39;&#62;&#34;&#38;"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\r\n\tb", "a\\r\n\tb"),
            ("größe \u{2028}", "größe \\u{2028}"),
        ] {
            let mut escaped = String::new();
            Visible.write_escaped_str(&mut escaped, text).unwrap();
            assert_eq!(escaped, shown);
        }
    }
}
