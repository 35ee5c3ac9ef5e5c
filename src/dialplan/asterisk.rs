//! An `extensions.conf`, read as Asterisk would: its `AGI()` steps, and what its applications do with values.

mod syntax;

use std::collections::BTreeSet;

use self::syntax::{Application, Comments, applications, host_and_port, split_arguments};
use super::expansion::{Reference, references};
use super::{Dialplan, DialplanStep, Injection, InjectionKind, VariableCopy, address, parameter, shown};
use crate::call::{Call, SwitchKind};
use crate::variable::Value;

/// What a text holds.
pub(super) fn read(text: &str) -> Dialplan {
    let (mut reader, mut comments) = (Reader::default(), Comments::default());
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        reader.line(number, &comments.strip(line));
    }
    reader.dialplan
}

/// What is known at a line.
#[derive(Debug, Default)]
struct Reader {
    dialplan: Dialplan,
    /// The pattern of the extension.
    extension: String,
    /// The variables that this extension has filtered.
    filtered: BTreeSet<String>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) {
        let trimmed = line.trim_start();
        self.dialplan.includes |= ["#include", "#tryinclude"].iter().any(|word| trimmed.starts_with(word));
        self.begin_extension(trimmed);
        for Application { name, arguments: inside, nested } in applications(line) {
            match name.to_ascii_uppercase().as_str() {
                agi if agi.ends_with("AGI") && self.step(number, inside) => self.filtered.clear(),
                "SET" => self.assignment(inside, !nested),
                command if INTERPRETING_APPLICATIONS.contains(&command) || command.ends_with("AGI") => {
                    let place = format!("{name}({inside})");
                    self.find_injections(number, &place, inside, InjectionKind::Command, |reference| {
                        !reference.evaluated
                    });
                }
                _ => {}
            }
        }
        let runs = |reference: &Reference<'_>| {
            reference.functions.iter().any(|name| EVALUATING_FUNCTIONS.contains(name))
        };
        self.find_injections(number, trimmed, line, InjectionKind::Command, runs);
    }

    /// Notices where another extension begins.
    fn begin_extension(&mut self, line: &str) {
        let pattern = line.strip_prefix("exten").and_then(|rest| rest.trim_start().strip_prefix('='));
        let pattern = pattern.map(|rest| rest.trim_start_matches('>').split(',').next().unwrap_or_default());
        match pattern.map(str::trim) {
            Some(pattern) if pattern != self.extension => pattern.clone_into(&mut self.extension),
            None if line.starts_with('[') => self.extension.clear(),
            Some(_) | None => return,
        }
        self.filtered.clear();
    }

    /// Reads the arguments of `AGI()`, if their first is the address of a server.
    fn step(&mut self, line: usize, inside: &str) -> bool {
        let mut arguments = split_arguments(inside).into_iter();
        let written = arguments.next().unwrap_or_default().trim().to_owned();
        let Some((_, place)) = written.split_once("agi://") else { return false };
        let (authority, script) = place.split_once('/').unwrap_or((place, ""));
        let (path, address) = address(script);
        let parameters = arguments.map(|argument| parameter(&argument)).collect();
        let call = match address_fault(authority) {
            Some(fault) => Some(Err(fault)),
            None => (!path.contains('$'))
                .then(|| Ok(Call::unknown(SwitchKind::Asterisk, Value::from(address), parameters))),
        };
        let (host, port) = host_and_port(authority);
        let step = shown(&format!("AGI({written})"));
        self.find_injections(line, &step, inside, InjectionKind::Parameter, |_| true);
        self.dialplan.steps.push(DialplanStep { switch: SwitchKind::Asterisk, line, host, port, call, step });
        true
    }

    /// Reads the argument of `Set()`.
    fn assignment(&mut self, argument: &str, always: bool) {
        let Some((name, value)) = argument.split_once('=') else { return };
        let to = name.trim().trim_start_matches('_').to_owned();
        let mut sources = Vec::new();
        for reference in references(value).iter().filter(|reference| !reference.evaluated) {
            sources.extend(self.unfiltered(reference));
        }
        match sources.is_empty() {
            true if always => drop(self.filtered.insert(to.clone())),
            true => {}
            false => drop(self.filtered.remove(&to)),
        }
        let copied = |(from, callers)| VariableCopy { to: to.clone(), from, caller_chosen: callers };
        self.dialplan.copies.extend(sources.into_iter().map(copied));
    }

    fn find_injections(
        &mut self,
        line: usize,
        place: &str,
        text: &str,
        kind: InjectionKind,
        counts: impl Fn(&Reference<'_>) -> bool,
    ) {
        for reference in references(text).iter().filter(|reference| counts(reference)) {
            if let Some((name, callers)) = self.unfiltered(reference) {
                let written = format!("${{{}}}", reference.inside);
                let place = shown(place);
                self.dialplan.injections.push(Injection {
                    line,
                    application: place,
                    expression: written,
                    variable: name,
                    caller_chosen: callers,
                    kind,
                });
            }
        }
    }

    /// The variable or function that a reference brings the text of, and whether callers choose it; none where its text is
    /// encoded, filtered or counted.
    fn unfiltered(&self, reference: &Reference<'_>) -> Option<(String, bool)> {
        let encoded = reference.functions.iter().any(|name| ENCODING_FUNCTIONS.contains(name));
        let name = match reference.arguments {
            None => reference.name,
            Some(_) if is_caller_chosen(reference) => reference.name,
            Some(arguments) if FUNCTIONS_BY_NAME.contains(&reference.name) => {
                arguments.split([',', ')']).next().unwrap_or_default().trim()
            }
            Some(_) => return None,
        };
        let open = self.extension.starts_with('_') && self.extension.contains(['.', '!']);
        let callers = is_caller_chosen(reference) || name == "EXTEN" && open;
        (!encoded && !self.filtered.contains(name)).then(|| (name.to_owned(), callers))
    }
}

/// Applications in whose arguments a text can become more than a text: a destination, an application, a command.
const INTERPRETING_APPLICATIONS: [&str; 24] = [
    "BLINDTRANSFER",
    "CHANNELREDIRECT",
    "DIAL",
    "EXEC",
    "EXECIF",
    "EXECIFTIME",
    "GOSUB",
    "GOSUBIF",
    "GOTO",
    "GOTOIF",
    "GOTOIFTIME",
    "MACRO",
    "MACROEXCLUSIVE",
    "MACROIF",
    "MIXMONITOR",
    "MONITOR",
    "MSET",
    "ORIGINATE",
    "PAGE",
    "QUEUE",
    "SYSTEM",
    "TRANSFER",
    "TRYEXEC",
    "TRYSYSTEM",
];

/// Functions that run what they are given.
const EVALUATING_FUNCTIONS: [&str; 2] = ["EVAL", "SHELL"];

/// Functions of whose arguments no text gets out, or only harmless letters.
const ENCODING_FUNCTIONS: [&str; 9] =
    ["URIENCODE", "FILTER", "LEN", "MD5", "SHA1", "ISNULL", "EXISTS", "REGEX", "BASE64_ENCODE"];

/// Functions that take the name of a variable and give some of its text.
const FUNCTIONS_BY_NAME: [&str; 7] =
    ["CUT", "JSON_DECODE", "LISTFILTER", "POP", "REPLACE", "SHIFT", "STRREPLACE"];

/// True if a caller, or a stranger on the way, chooses what it holds.
fn is_caller_chosen(reference: &Reference<'_>) -> bool {
    let arguments = reference.arguments.unwrap_or_default().to_ascii_lowercase();
    match reference.name {
        "CALLERID" | "CONNECTEDLINE" | "REDIRECTING" => {
            !["pres", "ton", "tns", "ani2", "reason"].iter().any(|harmless| arguments.contains(harmless))
        }
        "CDR" => ["clid", "src", "dst", "callerid"].iter().any(|field| arguments.starts_with(field)),
        "CHANNEL" => arguments.starts_with("pjsip"),
        "PJSIP_HEADER" | "PJSIP_HEADER_PARAM" | "SIP_HEADER" | "PJSIP_PARSE_URI" => true,
        "SIPDOMAIN" | "SIPURI" | "SIPCALLID" => true,
        _ => false,
    }
}

/// What is wrong with the host and the port of an address.
fn address_fault(authority: &str) -> Option<String> {
    if authority.contains('?') {
        return Some(
            "Asterisk takes all of it for a host name. write a slash before the question mark".to_owned(),
        );
    }
    let (address, port) = authority.rsplit_once(':')?;
    let bare = !authority.starts_with('[') && address.contains(':');
    (bare && port == DEFAULT_PORT)
        .then(|| format!("Asterisk takes all of it for an address; write agi://[{address}]:{port}/"))
}

/// FastAGI's own port.
const DEFAULT_PORT: &str = "4573";

#[cfg(test)]
mod tests;
