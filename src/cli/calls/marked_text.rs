//! A text with marked pieces: each line, and below it `^^^^` under what is marked, with the reason.

use crate::cli::screen::{Screen, Style, character_width, width};
use crate::history::view::{Mark, MarkKind, Piece, Text};
use crate::log::escape;

/// Returns the lines of a text. They are safe for a terminal, and at most `columns` wide.
pub(super) fn lines(text: &Text, screen: Screen, columns: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for line in lines_of_cells(text) {
        for row in rows(&line, columns) {
            lines.extend(shown(row, text, screen));
        }
    }
    if text.cut {
        lines.push(screen.paint(Style::Dim, "… (the rest was not kept)"));
    }
    lines
}

/// One character, as it is shown.
#[derive(Debug, Clone)]
struct Cell {
    text: String,
    width: usize,
    /// The number of its piece.
    piece: usize,
}

fn lines_of_cells(text: &Text) -> Vec<Vec<Cell>> {
    let mut lines = vec![Vec::new()];
    for (number, piece) in text.pieces.iter().enumerate() {
        for character in piece.text.chars() {
            // a line feed that is marked as a fault is shown as what it is
            if character == '\n' && !is_fault(piece) {
                lines.push(Vec::new());
            } else if let Some(line) = lines.last_mut() {
                line.push(cell(character, number, is_fault(piece)));
            }
        }
        if piece.text.is_empty()
            && piece.mark.is_some()
            && let Some(line) = lines.last_mut()
        {
            line.push(Cell { text: " ".to_owned(), width: 1, piece: number });
        }
    }
    lines
}

fn is_fault(piece: &Piece) -> bool {
    piece.mark.as_ref().is_some_and(|mark| mark.kind == MarkKind::Fault)
}

fn cell(character: char, piece: usize, fault: bool) -> Cell {
    let mut buffer = [0; 4];
    let text = match character {
        '\t' if !fault => "    ".to_owned(),
        _ => escape(character.encode_utf8(&mut buffer)).into_owned(),
    };
    let width = if text.chars().count() == 1 { character_width(character) } else { width(&text) };
    Cell { text, width, piece }
}

/// Returns the rows of a line that is at most `columns` wide.
fn rows(line: &[Cell], columns: Option<usize>) -> Vec<&[Cell]> {
    let Some(columns) = columns.map(|columns| columns.max(MIN_COLUMNS)) else { return vec![line] };
    let (mut rows, mut rest) = (Vec::new(), line);
    loop {
        let mut used = 0;
        let fits = rest.iter().take_while(|cell| {
            used += cell.width;
            used <= columns
        });
        let (row, behind) = rest.split_at(fits.count());
        rows.push(row);
        if behind.is_empty() || row.is_empty() {
            return rows;
        }
        rest = behind;
    }
}

/// The narrowest row. The longest escape has ten columns.
const MIN_COLUMNS: usize = 20;

/// Returns a row, and a row below it for each mark.
fn shown(row: &[Cell], text: &Text, screen: Screen) -> Vec<String> {
    let mark = |cell: &Cell| text.pieces.get(cell.piece).and_then(|piece| piece.mark.as_ref());
    let mut line = String::new();
    let mut marks: Vec<(usize, String, &Mark)> = Vec::new();
    let mut at = 0;
    for piece in row.chunk_by(|one, next| one.piece == next.piece) {
        let shown: String = piece.iter().map(|cell| cell.text.as_str()).collect();
        let columns: usize = piece.iter().map(|cell| cell.width).sum();
        match piece.first().and_then(mark) {
            Some(mark) => {
                line.push_str(&screen.paint(style(mark), &shown));
                marks.push((at, "^".repeat(columns), mark));
            }
            None => line.push_str(&shown),
        }
        at += columns;
    }
    let below = marks.into_iter().map(|(at, under, mark)| {
        let label = format!("{under} {}", escape(&mark.label));
        format!("{}{}", " ".repeat(at), screen.paint(style(mark), &label))
    });
    std::iter::once(line).chain(below).collect()
}

fn style(mark: &Mark) -> Style {
    match mark.kind {
        MarkKind::Used => Style::Green,
        MarkKind::Fault => Style::Red,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, mark: Option<(MarkKind, &str)>) -> Piece {
        let mark = mark.map(|(kind, label)| Mark { kind, label: label.to_owned() });
        Piece { text: text.to_owned(), mark }
    }

    fn plain(pieces: Vec<Piece>, columns: Option<usize>) -> Vec<String> {
        let screen = Screen { width: columns, coloured: false };
        lines(&Text { pieces, cut: false, json: false }, screen, columns)
    }

    #[test]
    fn the_faulty_characters_are_marked_with_their_rule() {
        let fault = Some((MarkKind::Fault, "accept = \"word\""));
        assert_eq!(
            plain(vec![piece("sales", None), piece(" | \n", fault), piece("x\ny", None)], None),
            ["sales | \\u{a}x", "     ^^^^^^^^ accept = \"word\"", "y"]
        );
        assert_eq!(plain(vec![piece("", fault)], None), [" ", "^ accept = \"word\""]);
    }

    #[test]
    fn each_value_is_marked_with_its_variable() {
        let pieces = vec![
            piece("{\n  \"a\": ", None),
            piece("\"営\"", Some((MarkKind::Used, "A"))),
            piece(", \"b\": ", None),
            piece("2", Some((MarkKind::Used, "B"))),
            piece("\n}", None),
        ];
        assert_eq!(
            plain(pieces, None),
            ["{", "  \"a\": \"営\", \"b\": 2", "       ^^^^ A", "                  ^ B", "}"]
        );
    }

    #[test]
    fn a_long_line_is_broken_and_its_marks_stay_below_it() {
        let long = vec![piece(&"a".repeat(30), None), piece("!", Some((MarkKind::Fault, "rule")))];
        assert_eq!(plain(long, Some(25)), ["a".repeat(25), "aaaaa!".to_owned(), "     ^ rule".to_owned()]);
    }

    #[test]
    fn no_character_of_an_answer_reaches_the_terminal_as_it_is() {
        let hostile = "\u{1b}]0;x\u{7}\t\r\u{202e}\u{9b}";
        for mark in [None, Some((MarkKind::Fault, hostile)), Some((MarkKind::Used, hostile))] {
            let shown = plain(vec![piece(hostile, mark)], Some(40)).concat();
            assert!(!shown.contains(crate::log::is_unsafe), "{shown:?}");
        }
    }
}
