//! What a hook says of the answer: which variables receive it, and which answers are good.

use http::HeaderName;

use super::super::raw::{Entry, Mark, Section};
use crate::hook::{Mapping, RESULT_VARIABLES, Source, is_reserved, text_fault};
use crate::variable::{Accept, NotAnAccept, Value, VariableName};

/// The part of a hook that reads an answer.
pub(super) struct Answered {
    pub(super) variable: Option<VariableName>,
    pub(super) set: Vec<Mapping>,
    pub(super) accept: Accept,
    pub(super) answers: Vec<String>,
    pub(super) otherwise: Value,
}

pub(super) fn read(section: &mut Section<'_>) -> Answered {
    let variable = section.take("variable").and_then(|entry| variable(&entry));
    let accept = section.take("accept").and_then(|entry| accept(&entry));
    let answers = section.take("answers").and_then(|entry| answers(&entry)).unwrap_or_default();
    let set = section.take("set").and_then(|entry| set(entry, variable.as_ref(), &answers));
    let otherwise = section.take("otherwise").and_then(|entry| otherwise(&entry));
    Answered {
        variable,
        set: set.unwrap_or_default(),
        accept: accept.unwrap_or_default(),
        answers,
        otherwise: otherwise.unwrap_or_default(),
    }
}

fn accept(entry: &Entry<'_>) -> Option<Accept> {
    let written = entry.plain_text().map_or(Err(NotAnAccept::Unknown), |text| text.parse());
    match written {
        Ok(accept) => Some(accept),
        Err(fault @ NotAnAccept::Safe) => {
            entry.fault(format!("{fault}; write \"text\", or leave the key out for words alone"));
            None
        }
        Err(fault @ NotAnAccept::Unknown) => {
            entry.wrong(&fault.to_string());
            None
        }
    }
}

const A_NAME: &str = "write a name of letters, digits and `_`";

fn not_reserved(name: VariableName, mark: &Mark<'_>) -> Option<VariableName> {
    if is_reserved(&name) {
        mark.fault(format!(
            "found \"{name}\"; {} report on the step; choose another name",
            RESULT_VARIABLES.join(", ")
        ));
        return None;
    }
    Some(name)
}

fn variable(entry: &Entry<'_>) -> Option<VariableName> {
    let name: VariableName = entry.read(|value| value.as_str()?.parse().ok(), A_NAME)?;
    not_reserved(name, &entry.mark())
}

/// How many variables one step sets besides its own.
const MOST_RECEIVERS: usize = 50;

/// ```toml
/// set = { CRM_NAME = "/customer/name", ROUTE = { header = "X-Route", answers = ["sales"], otherwise = "reception" } }
/// ```
fn set(entry: Entry<'_>, variable: Option<&VariableName>, answers: &[String]) -> Option<Vec<Mapping>> {
    let mark = entry.mark();
    if !entry.is_table() {
        mark.fault("write variables and where they come from, such as { CRM_NAME = \"/customer/name\" }");
        return None;
    }
    let entries = entry.section()?.into_entries();
    if !(1..=MOST_RECEIVERS).contains(&entries.len()) {
        mark.fault(format!("write one to {MOST_RECEIVERS} variables, or leave the key out"));
    }
    let (mut names, mut receivers) = (Vec::from_iter(variable.cloned()), Vec::new());
    for entry in entries {
        if let Ok(name) = entry.name.parse::<VariableName>() {
            // FreeSWITCH compares names without regard to case, and `_ROUTE` sets ROUTE
            if names.iter().any(|other| other.bare().eq_ignore_ascii_case(name.bare())) {
                entry.fault("this variable is set already; choose another name");
            }
            names.push(name);
        }
        let mark = entry.mark();
        let receiver = receiver(entry);
        if receiver.as_ref().is_some_and(|receiver| never_accepted(receiver, answers)) {
            mark.fault(
                "the status of a good answer is 200 to 299, and none of the answers that count here; \
                 write answers = [\"200\"] for it",
            );
        }
        receivers.extend(receiver);
    }
    Some(receivers)
}

/// Whether a receiver of the status waits for words that no good answer has for one.
fn never_accepted(receiver: &Mapping, of_the_hook: &[String]) -> bool {
    let answers = if receiver.answers.is_empty() { of_the_hook } else { &receiver.answers };
    let good = |answer: &String| (200..300).any(|code| code.to_string() == *answer);
    receiver.source == Source::Status && !answers.is_empty() && !answers.iter().any(good)
}

fn receiver(entry: Entry<'_>) -> Option<Mapping> {
    let mark = entry.mark();
    let name = match entry.name.parse() {
        Ok(name) => not_reserved(name, &mark),
        Err(_) => {
            mark.fault(format!("not a channel variable; {A_NAME}"));
            None
        }
    };
    if let Some(text) = entry.plain_text() {
        let source = json(&text, &mark)?;
        return Some(Mapping { name: name?, source, accept: None, answers: Vec::new(), otherwise: None });
    }
    if !entry.is_table() {
        mark.fault(A_SOURCE);
        return None;
    }
    let mut section = entry.section()?;
    let source = source(&mut section, &mark);
    let accept = section.take("accept").and_then(|entry| self::accept(&entry));
    let answers = section.take("answers").and_then(|entry| self::answers(&entry)).unwrap_or_default();
    let otherwise = section.take("otherwise").and_then(|entry| self::otherwise(&entry));
    section.end();
    Some(Mapping { name: name?, source: source?, accept, answers, otherwise })
}

const A_SOURCE: &str =
    "write a JSON pointer such as \"/customer/name\", { header = \"X-Route\" } or { status = true }";

fn json(pointer: &str, mark: &Mark<'_>) -> Option<Source> {
    let fault = |fault: crate::hook::NotAPointer| mark.fault(format!("found \"{pointer}\"; {fault}"));
    pointer.parse().map_err(fault).ok().map(Source::Json)
}

fn source(section: &mut Section<'_>, mark: &Mark<'_>) -> Option<Source> {
    match (section.take("json"), section.take("header"), section.take("status")) {
        (Some(entry), None, None) => json(&entry.text()?, &entry.mark()),
        (None, Some(entry), None) => {
            let name = entry.text()?;
            let fault = |_| entry.fault("not the name of a header; write letters, digits and hyphens");
            HeaderName::try_from(name).map_err(fault).ok().map(Source::Header)
        }
        (None, None, Some(entry)) => {
            entry.read(|value| value.as_bool().filter(|yes| *yes), "write true").map(|_| Source::Status)
        }
        _ => {
            mark.fault("write one of json = \"/POINTER\", header = \"NAME\" and status = true");
            None
        }
    }
}

fn answers(entry: &Entry<'_>) -> Option<Vec<String>> {
    let answers = entry.texts()?;
    if answers.is_empty() {
        entry.wrong("write the words that are accepted, or leave the key out");
    }
    for answer in &answers {
        if let Err(fault) = carried(answer) {
            entry.wrong(fault);
        } else if answer.trim_ascii() != answer {
            entry.wrong(
                "an answer is trimmed before it is compared; write it without white space at its ends",
            );
        }
    }
    Some(answers)
}

fn otherwise(entry: &Entry<'_>) -> Option<Value> {
    let text = entry.text()?;
    carried(&text).map_err(|fault| entry.wrong(fault)).ok().map(|()| Value::from(text))
}

/// Checks that every switch can carry a text of the configuration, and that it changes no condition there: it is what no
/// answer under `accept = "text"` may be, on either switch, and a little more.
fn carried(text: &str) -> Result<(), &'static str> {
    if text.contains(['"', '$', '\\']) {
        return Err(
            "a channel variable cannot hold `\"`, `$` or `\\` safely on every switch; leave them out",
        );
    }
    if text.starts_with("ARRAY::") {
        return Err("FreeSWITCH would take `ARRAY::` for a list; begin with something else");
    }
    if text.starts_with('%') {
        return Err("FreeSWITCH could take `%` for the beginning of variables; begin with something else");
    }
    match text_fault(text.as_bytes()) {
        Some(_) => {
            Err("write at most 1024 bytes without control characters, line separators and controls of \
                        the direction of text")
        }
        None => Ok(()),
    }
}
