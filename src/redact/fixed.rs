//! The parts of a text that redaction never hides: the marks of placeholders, and expressions `${…}` of a
//! dialplan.

use super::HIDDEN;

/// A part of a text.
#[derive(Debug, Clone, Copy)]
enum Piece<'t> {
    /// Text that can be a secret.
    Literal(&'t str),
    /// A mark or an expression.
    Fixed(&'t str),
}

/// Returns the text with `…` for everything except marks and expressions.
pub(super) fn hide(text: &str, mark: Option<&str>) -> String {
    let mut shown = String::new();
    for piece in pieces(text, mark) {
        match piece {
            Piece::Fixed(fixed) => shown.push_str(fixed),
            Piece::Literal("") => {}
            Piece::Literal(_) => shown.push_str(HIDDEN),
        }
    }
    shown
}

/// Returns the parts of a text between marks and expressions.
pub(super) fn literals<'t>(text: &'t str, mark: Option<&str>) -> impl Iterator<Item = &'t str> {
    pieces(text, mark).into_iter().filter_map(|piece| match piece {
        Piece::Literal(literal) => Some(literal),
        Piece::Fixed(_) => None,
    })
}

fn pieces<'t>(text: &'t str, mark: Option<&str>) -> Vec<Piece<'t>> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((at, length)) = next_fixed(rest, mark) {
        let (literal, from) = rest.split_at(at);
        let (fixed, behind) = from.split_at(length);
        pieces.push(Piece::Literal(literal));
        pieces.push(Piece::Fixed(fixed));
        rest = behind;
    }
    pieces.push(Piece::Literal(rest));
    pieces
}

/// Returns position and length of the next mark or expression.
fn next_fixed(text: &str, mark: Option<&str>) -> Option<(usize, usize)> {
    let mark = mark.and_then(|mark| Some((text.find(mark)?, mark.len())));
    let expression = text.find("${").and_then(|at| Some((at, expression_length(text.get(at..)?)?)));
    match (mark, expression) {
        (Some(mark), Some(expression)) => Some(mark.min(expression)),
        (mark, expression) => mark.or(expression),
    }
}

/// Returns the length of the expression that a text begins with. None if its brace is not closed.
fn expression_length(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(at + 1),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}
