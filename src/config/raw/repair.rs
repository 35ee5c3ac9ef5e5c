//! Repairs small errors of TOML, so that the parser finds the faults behind them.

use std::borrow::Cow;

use toml::de::{DeTable, Error};

/// Returns the text with missing characters inserted, and for each of them its position and a fault.
///
/// The parser skips a table if the `]` of its name is missing, or takes its keys for those of the file. After
/// a key without a value it stops.
pub(super) fn repaired(text: &str) -> (Cow<'_, str>, Vec<(usize, &'static str)>) {
    let (_, errors) = DeTable::parse_recoverable(text);
    let mut repairs: Vec<_> = errors.iter().filter_map(|error| missing(error, text)).collect();
    repairs.sort_by_key(|(at, _, _)| *at);
    // two errors at one place need one character
    repairs.dedup_by_key(|(at, _, _)| *at);
    let (mut repaired, mut faults) = (Cow::Borrowed(text), Vec::new());
    // each inserted character moves the rest of the text by one byte
    for (inserted, (at, character, fault)) in repairs.into_iter().enumerate() {
        repaired.to_mut().insert(at + inserted, character);
        faults.push((at + inserted, fault));
    }
    (repaired, faults)
}

/// Returns the position, the character and the fault for an error that one character repairs.
fn missing(error: &Error, text: &str) -> Option<(usize, char, &'static str)> {
    let (at, words) = (error.span()?.start, error.message());
    if let Some(at) = foreign_comment(error, text) {
        return Some((at, '#', "a comment begins with `#`; write `#` instead of `;` or `//`"));
    }
    if words.starts_with("unclosed table") {
        let behind = text.get(at..)?.lines().next().unwrap_or_default().trim();
        let named =
            behind.strip_suffix(']').is_some_and(|name| !name.is_empty() && !name.contains(['#', '[', ']']));
        match named {
            true => Some((at, '.', "a dot is missing in the name of a table; write [hook.NAME]")),
            false => Some((at, ']', "a `]` is missing after the name of a table; write [NAME]")),
        }
    } else if words.starts_with("key with no value") {
        Some((line_start(text, at)?, '#', "a key without a value; write KEY = VALUE"))
    } else {
        None
    }
}

fn line_start(text: &str, at: usize) -> Option<usize> {
    Some(text.get(..at)?.rfind('\n').map_or(0, |end| end + 1))
}

/// Returns the position of a comment that begins with `;` or `//`, as in other file formats.
fn foreign_comment(error: &Error, text: &str) -> Option<usize> {
    let begins = |text: &str| text.starts_with(';') || text.starts_with("//");
    let (span, words) = (error.span()?, error.message());
    let line = line_start(text, span.start)?;
    let indent = text.get(line..)?.len() - text.get(line..)?.trim_start_matches([' ', '\t']).len();
    if ["key with no value", "invalid unquoted key"].iter().any(|about| words.starts_with(about)) {
        return begins(text.get(line + indent..)?).then_some(line + indent);
    }
    if words.starts_with("unexpected key or value") {
        return begins(text.get(span.start..)?).then_some(span.start);
    }
    if words.starts_with("string values must be quoted") {
        let value = text.get(span.clone())?;
        let mut places = value.char_indices().map(|(at, _)| at);
        let is_apart =
            |at: usize| at == 0 || value.get(..at).is_some_and(|before| before.ends_with([' ', '\t']));
        return places
            .find(|at| is_apart(*at) && value.get(*at..).is_some_and(begins))
            .map(|at| span.start + at);
    }
    None
}

/// Returns the text of a parser error, with what would be right if the parser does not say it.
pub(super) fn message(error: &Error, text: &str) -> String {
    let twice = error.span().filter(|_| error.message() == "duplicate key");
    let Some((before, key)) = twice.and_then(|at| Some((text.get(..at.start)?, text.get(at)?))) else {
        return error.message().to_owned();
    };
    match before.rsplit('\n').next().filter(|line| line.starts_with('[')) {
        Some(header) => format!("{header}{key}] is written twice; write all of its keys below one of them"),
        None => format!("`{key}` is set twice; leave one of them out"),
    }
}
