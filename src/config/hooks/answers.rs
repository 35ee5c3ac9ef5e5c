//! The keys of a hook for the answer: the variables that receive it, and the answers that are accepted.

use http::HeaderName;

use super::super::raw::{Entry, Position, Table};
use crate::call::SwitchKind;
use crate::hook::{Mapping, RESULT_VARIABLES, Source, is_reserved, text_fault};
use crate::switch;
use crate::variable::{Accept, Assignment, NotAnAccept, Value, VariableName};

/// The settings for the answer of a webhook.
pub(super) struct AnswerSettings {
    pub(super) variable: Option<VariableName>,
    pub(super) set: Vec<Mapping>,
    pub(super) accept: Accept,
    pub(super) answers: Vec<String>,
    pub(super) otherwise: Value,
}

pub(super) fn read(table: &mut Table<'_>) -> AnswerSettings {
    let variable = table.take("variable").and_then(|entry| variable(&entry));
    let accept = table.take("accept").and_then(|entry| accept(&entry));
    let answers = table.take("answers").and_then(|entry| answers(&entry)).unwrap_or_default();
    let set = table.take("set").and_then(|entry| set(entry, variable.as_ref(), &answers));
    let otherwise = table.take("otherwise").and_then(|entry| otherwise(&entry));
    AnswerSettings {
        variable,
        set: set.unwrap_or_default(),
        accept: accept.unwrap_or_default(),
        answers,
        otherwise: otherwise.unwrap_or_default(),
    }
}

fn accept(entry: &Entry<'_>) -> Option<Accept> {
    let written = entry.as_text().map_or(Err(NotAnAccept::Unknown), |text| text.parse());
    match written {
        Ok(accept) => Some(accept),
        Err(fault @ NotAnAccept::Safe) => {
            entry.fault(format!("{fault}; write \"text\", or leave the key out to accept only words"));
            None
        }
        Err(fault @ NotAnAccept::Unknown) => {
            entry.fault_with_value(&fault.to_string());
            None
        }
    }
}

const NAME_REMEDY: &str = "write a name of letters, digits and `_`";

fn not_reserved(name: VariableName, position: &Position<'_>) -> Option<VariableName> {
    if is_reserved(&name) {
        position.fault(format!(
            "found \"{name}\"; dialhook sets {} itself; choose another name",
            RESULT_VARIABLES.join(", ")
        ));
        return None;
    }
    Some(name)
}

fn variable(entry: &Entry<'_>) -> Option<VariableName> {
    let name: VariableName = entry.read(|value| value.as_str()?.parse().ok(), NAME_REMEDY)?;
    not_reserved(name, &entry.position())
}

/// The number of variables that `set` may name.
const MAX_MAPPINGS: usize = 50;

/// ```toml
/// set = {
///     CRM_NAME = "/customer/name",
///     ROUTE = { header = "X-Route", answers = ["sales"], otherwise = "reception" },
/// }
/// ```
fn set(entry: Entry<'_>, variable: Option<&VariableName>, answers: &[String]) -> Option<Vec<Mapping>> {
    let position = entry.position();
    if !entry.is_table() {
        position.fault(
            "not a table; write variables and their sources, such as { CRM_NAME = \"/customer/name\" }",
        );
        return None;
    }
    let entries = entry.table()?.into_entries();
    if !(1..=MAX_MAPPINGS).contains(&entries.len()) {
        position
            .fault(format!("{} variables; write 1 to {MAX_MAPPINGS}, or leave the key out", entries.len()));
    }
    let (mut names, mut mappings) = (Vec::from_iter(variable.cloned()), Vec::new());
    for entry in entries {
        if let Ok(name) = entry.name.parse::<VariableName>() {
            // FreeSWITCH ignores the case of names, and `_ROUTE` sets ROUTE on Asterisk
            if names.iter().any(|other| other.bare().eq_ignore_ascii_case(name.bare())) {
                entry.fault("this variable is already set; choose another name");
            }
            names.push(name);
        }
        let position = entry.position();
        let mapping = self::mapping(entry);
        if mapping.as_ref().is_some_and(|mapping| status_never_matches(mapping, answers)) {
            position.fault(
                "a good answer has a status from 200 to 299, and answers lists none of these; \
                 write answers = [\"200\"] for this variable",
            );
        }
        mappings.extend(mapping);
    }
    Some(mappings)
}

/// True if a variable receives the HTTP status, and its list of answers has no status of a good answer.
fn status_never_matches(mapping: &Mapping, of_the_hook: &[String]) -> bool {
    let answers = if mapping.answers.is_empty() { of_the_hook } else { &mapping.answers };
    let good = |answer: &String| (200..300).any(|code| code.to_string() == *answer);
    mapping.source == Source::Status && !answers.is_empty() && !answers.iter().any(good)
}

fn mapping(entry: Entry<'_>) -> Option<Mapping> {
    let position = entry.position();
    let name = match entry.name.parse() {
        Ok(name) => not_reserved(name, &position),
        Err(_) => {
            position.fault(format!("not a channel variable; {NAME_REMEDY}"));
            None
        }
    };
    if let Some(text) = entry.as_text() {
        let source = json(&text, &position)?;
        return Some(Mapping { name: name?, source, accept: None, answers: Vec::new(), otherwise: None });
    }
    if !entry.is_table() {
        position.fault(SOURCE_REMEDY);
        return None;
    }
    let mut table = entry.table()?;
    let source = source(&mut table, &position);
    let accept = table.take("accept").and_then(|entry| self::accept(&entry));
    let answers = table.take("answers").and_then(|entry| self::answers(&entry)).unwrap_or_default();
    let otherwise = table.take("otherwise").and_then(|entry| self::otherwise(&entry));
    table.finish();
    Some(Mapping { name: name?, source: source?, accept, answers, otherwise })
}

const SOURCE_REMEDY: &str = "not a source; write a JSON pointer such as \"/customer/name\", { header = \"X-Route\" } or { status = true }";

fn json(pointer: &str, position: &Position<'_>) -> Option<Source> {
    let fault = |fault: crate::hook::NotAPointer| position.fault(format!("found \"{pointer}\"; {fault}"));
    pointer.parse().map_err(fault).ok().map(Source::Json)
}

fn source(table: &mut Table<'_>, position: &Position<'_>) -> Option<Source> {
    match (table.take("json"), table.take("header"), table.take("status")) {
        (Some(entry), None, None) => json(&entry.text()?, &entry.position()),
        (None, Some(entry), None) => {
            let name = entry.text()?;
            let fault = |_| entry.fault("not a header name; write letters, digits and hyphens");
            HeaderName::try_from(name).map_err(fault).ok().map(Source::Header)
        }
        (None, None, Some(entry)) => {
            entry.read(|value| value.as_bool().filter(|yes| *yes), "write true").map(|_| Source::Status)
        }
        _ => {
            position.fault("no source, or several; write one of json = \"/POINTER\", header = \"NAME\" and status = true");
            None
        }
    }
}

fn answers(entry: &Entry<'_>) -> Option<Vec<String>> {
    let answers = entry.texts()?;
    if answers.is_empty() {
        entry.fault_with_value("write the accepted values, or leave the key out");
    }
    for answer in &answers {
        if let Err(fault) = check_text(answer) {
            entry.fault_with_value(&fault);
        } else if answer.trim_ascii() != answer {
            entry.fault_with_value(
                "write it without white space at its ends, because an answer is trimmed before it is compared",
            );
        }
    }
    Some(answers)
}

fn otherwise(entry: &Entry<'_>) -> Option<Value> {
    let text = entry.text()?;
    check_text(&text).map_err(|fault| entry.fault_with_value(&fault)).ok().map(|()| Value::from(text))
}

/// Checks that every switch can carry a text of the configuration, and that the text cannot change a
/// condition of a dialplan. The rule is stricter than that of `accept = "text"`, because it holds for both
/// switches at once.
///
/// # Errors
/// Returns what would be right.
fn check_text(text: &str) -> Result<(), String> {
    if text.contains(['"', '$', '\\']) {
        return Err(
            "leave out `\"`, `$` and `\\`, which a channel variable cannot hold safely on every switch"
                .to_owned(),
        );
    }
    if text.starts_with('%') {
        return Err("begin with another character, because FreeSWITCH can read `%` as the beginning of a list of variables".to_owned());
    }
    if text_fault(text.as_bytes()).is_some() {
        return Err(
            "write at most 1024 bytes without control characters, line separators and bidirectional controls"
                .to_owned(),
        );
    }
    let [name, ..] = RESULT_VARIABLES;
    let Ok(name) = name.parse() else { return Ok(()) };
    let assignment = Assignment::own(name, Value::from(text));
    for switch in [SwitchKind::Asterisk, SwitchKind::FreeSwitch] {
        switch::can_carry(switch)(&assignment)
            .map_err(|unfit| format!("{} cannot carry it: {unfit}; write another text", switch.as_str()))?;
    }
    Ok(())
}
