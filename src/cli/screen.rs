//! The place that a command prints to: a terminal with its width and colours, or a pipe or file without both.

use std::env;
use std::io::{self, IsTerminal};

use terminal_size::{Width, terminal_size_of};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The place that a command prints to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Screen {
    /// The columns of the terminal; none if there is no terminal, so that nothing is cut or wrapped.
    pub(crate) width: Option<usize>,
    pub(crate) coloured: bool,
}

/// A way to stand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

/// The width of a terminal that does not tell its own.
const USUAL_WIDTH: usize = 100;

impl Screen {
    /// Returns the place that standard output leads to. `NO_COLOR` and `TERM=dumb` turn colours off.
    pub(crate) fn of_standard_output() -> Self {
        let output = io::stdout();
        if !output.is_terminal() {
            return Self { width: None, coloured: false };
        }
        let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let own = || terminal_size_of(&output).map(|(Width(width), _)| usize::from(width));
        let width = columns.or_else(own).filter(|width| *width > 0).unwrap_or(USUAL_WIDTH);
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        Self { width: Some(width), coloured: !is_set("NO_COLOR") && !is_dumb }
    }

    /// Returns the width for drawings.
    pub(crate) fn drawing_width(self) -> usize {
        self.width.unwrap_or(USUAL_WIDTH)
    }

    /// Returns a text in this style.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if !self.coloured || text.is_empty() {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => 1,
            Style::Dim => 2,
            Style::Red => 31,
            Style::Green => 32,
            Style::Yellow => 33,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Returns the columns that a text without escape sequences takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Returns the columns that a character takes.
pub(crate) fn character_width(character: char) -> usize {
    character.width().unwrap_or(0)
}

/// Returns a text of at most `columns`. A longer one ends with `…`.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let (mut shown, mut used) = (String::new(), 0);
    for character in text.chars() {
        used += character_width(character);
        if used >= columns {
            break;
        }
        shown.push(character);
    }
    shown.push('…');
    shown
}

/// Returns the lines of a text that is wrapped between words. Without a width it stays one line.
pub(crate) fn wrapped(text: &str, columns: Option<usize>) -> Vec<String> {
    let Some(columns) = columns else { return vec![text.to_owned()] };
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_and_wrapped_by_the_columns_that_it_takes() {
        assert_eq!(cut("sales", 5), "sales");
        assert_eq!(cut("support", 5), "supp…");
        assert_eq!(cut("営業部", 5), "営業…");
        assert_eq!(cut("営業部", 4), "営…");
        assert_eq!(wrapped("the webhook answered 500", Some(11)), ["the webhook", "answered", "500"]);
        assert_eq!(wrapped("the webhook answered 500", None), ["the webhook answered 500"]);
        assert_eq!(wrapped("", Some(9)), [""]);
    }

    #[test]
    fn a_place_without_colours_gets_no_escape_sequence() {
        let coloured = Screen { width: Some(80), coloured: true };
        assert_eq!(coloured.paint(Style::Red, "OK"), "\u{1b}[31mOK\u{1b}[0m");
        assert_eq!(coloured.paint(Style::Red, ""), "");
        assert_eq!(Screen { coloured: false, ..coloured }.paint(Style::Red, "OK"), "OK");
    }
}
