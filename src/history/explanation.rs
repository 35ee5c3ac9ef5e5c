//! The meaning of a status and its reason, and what to do about it: the tables of docs/reading-the-log.md.
//!
//! The record, the page and the document therefore say the same. Knows the headings `### STATUS` of that
//! document, and table rows of three cells; does not know Markdown otherwise.

use std::sync::LazyLock;

use super::view::{AnswerOrigin, Explanation};
use crate::hook::Status;

/// Returns the row of the status whose first cell is the longest beginning of the reason, or else the first
/// row of the status.
///
/// `reason` is the reason of the step; after `OK` it is the note, or empty. `answer` and `code` explain an
/// `OK` without a note. A text that the document does not have gives an empty meaning.
#[must_use]
pub fn explain(status: &str, reason: &str, answer: Option<AnswerOrigin>, code: Option<u16>) -> Explanation {
    // the note of a stale answer says why the webhook failed, which the attempts explain
    let is_silent = reason.is_empty() || answer == Some(AnswerOrigin::Stale);
    let is_silent = status == Status::Ok.as_str() && is_silent;
    let text = if is_silent { log_words(answer, code) } else { reason };
    let Some(section) = SECTIONS.iter().find(|section| section.status == status) else {
        return Explanation { meaning: String::new(), remedy: String::new(), page: PAGE.to_owned() };
    };
    let (meaning, remedy) = section.row(text).map(|row| (row.meaning.clone(), row.remedy.clone())).unzip();
    Explanation {
        meaning: meaning.unwrap_or_default(),
        remedy: remedy.unwrap_or_default(),
        // the anchor that GitHub makes of the heading
        page: format!("{PAGE}#{}", status.to_lowercase()),
    }
}

/// The document as the daemon shows it.
const PAGE: &str = "/docs/reading-the-log";

static SECTIONS: LazyLock<Vec<Section>> =
    LazyLock::new(|| sections(include_str!("../../docs/reading-the-log.md")));

/// Returns the words of the log line that tell about an `OK` without a note. Only a detached step has neither
/// an answer nor a code.
fn log_words(answer: Option<AnswerOrigin>, code: Option<u16>) -> &'static str {
    match (answer, code) {
        (Some(AnswerOrigin::Fresh), _) => "answer=fresh",
        (Some(AnswerOrigin::Cached), _) => "answer=cached",
        (Some(AnswerOrigin::Shared), _) => "answer=shared",
        (Some(AnswerOrigin::Stale), _) => "answer=stale",
        (None, None) => "webhook step; its request goes on",
        (None, Some(_)) => "",
    }
}

/// The table of one status.
#[derive(Debug)]
struct Section {
    status: &'static str,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    /// The beginnings of reasons that this row is for. The first row of a table has none: it is for all
    /// others.
    beginnings: Vec<&'static str>,
    meaning: String,
    remedy: String,
}

impl Section {
    fn row(&self, reason: &str) -> Option<&Row> {
        let best = self.rows.iter().filter_map(|row| Some((row.literal_length(reason)?, row)));
        best.max_by_key(|(length, _)| *length).map(|(_, row)| row)
    }
}

impl Row {
    /// Returns the length of the longest beginning that fits the reason; 0 for the row of all others.
    fn literal_length(&self, reason: &str) -> Option<usize> {
        if self.beginnings.is_empty() {
            return Some(0);
        }
        self.beginnings.iter().filter_map(|beginning| literal_length(beginning, reason)).max()
    }
}

/// Returns the number of literal characters of a beginning if the reason has it. `…` stands for any text up
/// to the next occurrence of the literal text that follows it.
fn literal_length(beginning: &str, reason: &str) -> Option<usize> {
    let mut pieces = beginning.split('…');
    let mut rest = reason.strip_prefix(pieces.next()?)?;
    for piece in pieces {
        (_, rest) = rest.split_once(piece)?;
    }
    Some(beginning.chars().filter(|character| *character != '…').count())
}

/// Returns the table below each heading of the third level.
fn sections(document: &'static str) -> Vec<Section> {
    let mut sections = Vec::new();
    for part in document.split("\n### ").skip(1) {
        let (status, rest) = part.split_once('\n').unwrap_or((part, ""));
        let body = rest.split_once("\n## ").map_or(rest, |(body, _next_chapter)| body);
        // the first row is the head of the table
        sections.push(Section { status, rows: body.lines().filter_map(row).skip(1).collect() });
    }
    sections
}

/// Reads a row of three cells. The line `|---|---|---|` is none.
///
/// ```text
/// row = "| " cell " | " cell " | " cell " |"
/// ```
fn row(line: &'static str) -> Option<Row> {
    let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
    let (first, meaning, remedy) = (cells.next()?, cells.next()?, cells.next()?);
    if cells.next().is_some() {
        return None;
    }
    let beginnings = first.split('`').skip(1).step_by(2).collect();
    Some(Row { beginnings, meaning: plain(meaning), remedy: plain(remedy) })
}

/// Returns the text of a cell without the ticks of inline code, and of links only their texts.
fn plain(cell: &str) -> String {
    let mut plain = String::new();
    for (at, piece) in cell.split('`').enumerate() {
        let is_code = at % 2 == 1;
        if is_code { plain.push_str(piece) } else { push_without_links(&mut plain, piece) }
    }
    plain
}

fn push_without_links(plain: &mut String, text: &str) {
    let mut rest = text;
    while let Some((before, label, behind)) = first_link(rest) {
        plain.push_str(before);
        plain.push_str(label);
        rest = behind;
    }
    plain.push_str(rest);
}

/// Returns the text before the first link, the text of the link, and the text behind it.
fn first_link(text: &str) -> Option<(&str, &str, &str)> {
    let (before, link) = text.split_once('[')?;
    let (label, target) = link.split_once("](")?;
    let (_, behind) = target.split_once(')')?;
    Some((before, label, behind))
}

#[cfg(test)]
mod tests;
