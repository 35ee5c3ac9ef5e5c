//! Reads an `extensions.conf`: the `AGI()` steps, and the applications and functions that use values.
//!
//! Follows the variables that an extension has filtered; does not follow jumps between extensions.

mod applications;
mod syntax;

use std::collections::BTreeSet;

use self::applications::{
    ENCODING_FUNCTIONS, EVALUATING_FUNCTIONS, FUNCTIONS_BY_NAME, INTERPRETING_APPLICATIONS, is_caller_chosen,
};
use self::syntax::{Application, Comments, applications, host_and_port, split_arguments};
use super::expansion::{Reference, references};
use super::{
    Dialplan, DialplanStep, Injection, InjectionKind, StepTarget, VariableCopy, address, parameter, shown,
};
use crate::call::{Call, SwitchKind};
use crate::variable::Value;

/// Reads the text of an `extensions.conf`.
pub(super) fn read(text: &str) -> Dialplan {
    let (mut reader, mut comments) = (Reader::default(), Comments::default());
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        reader.read_line(number, &comments.strip(line));
    }
    reader.dialplan
}

/// The state of the reader between two lines.
#[derive(Debug, Default)]
struct Reader {
    dialplan: Dialplan,
    /// The pattern of the current extension.
    extension: String,
    /// The variables whose value the current extension has filtered.
    filtered: BTreeSet<String>,
}

/// The origin of a value.
struct Source {
    /// The variable or function.
    variable: String,
    caller_chosen: bool,
}

impl Reader {
    fn read_line(&mut self, number: usize, line: &str) {
        let trimmed = line.trim_start();
        self.dialplan.includes |= trimmed.starts_with("#include") || trimmed.starts_with("#tryinclude");
        self.begin_extension(trimmed);
        for application in applications(line) {
            self.read_application(number, application);
        }
        let mut evaluated = references(line);
        evaluated.retain(|reference| reference.is_within(&EVALUATING_FUNCTIONS));
        self.add_injections(number, trimmed, InjectionKind::Command, &evaluated);
    }

    /// Notes the pattern of an extension that begins in this line.
    fn begin_extension(&mut self, line: &str) {
        if line.starts_with('[') {
            self.extension.clear();
            self.filtered.clear();
            return;
        }
        let Some(rest) = line.strip_prefix("exten") else { return };
        let Some(rest) = rest.trim_start().strip_prefix('=') else { return };
        let pattern = rest.trim_start_matches('>').split(',').next().unwrap_or_default().trim();
        if pattern != self.extension {
            pattern.clone_into(&mut self.extension);
            self.filtered.clear();
        }
    }

    fn read_application(&mut self, line: usize, Application { name, arguments, nested }: Application<'_>) {
        let upper = name.to_ascii_uppercase();
        let is_agi = upper.ends_with("AGI");
        if is_agi && self.read_step(line, arguments) {
            // the step can have set any variable
            self.filtered.clear();
        } else if upper == "SET" {
            self.read_assignment(arguments, !nested);
        } else if is_agi || INTERPRETING_APPLICATIONS.contains(&upper.as_str()) {
            let mut values = references(arguments);
            values.retain(|reference| !reference.evaluated);
            self.add_injections(line, &format!("{name}({arguments})"), InjectionKind::Command, &values);
        }
    }

    /// Reads the arguments of `AGI()`. Returns false if the first one is not the address of a FastAGI server.
    fn read_step(&mut self, line: usize, arguments: &str) -> bool {
        let mut split = split_arguments(arguments).into_iter();
        let url = split.next().unwrap_or_default().trim().to_owned();
        let Some((_, rest)) = url.split_once("agi://") else { return false };
        let (authority, script) = rest.split_once('/').unwrap_or((rest, ""));
        let (path, address) = address(script);
        let parameters = split.map(|argument| parameter(&argument)).collect();
        let target = match address_fault(authority) {
            Some(fault) => StepTarget::Fault(fault),
            None if path.contains('$') => StepTarget::AnyHook,
            None => StepTarget::Call(Box::new(Call::unknown(
                SwitchKind::Asterisk,
                Value::from(address),
                parameters,
            ))),
        };
        let (host, port) = host_and_port(authority);
        let step = shown(&format!("AGI({url})"));
        self.add_injections(line, &step, InjectionKind::Parameter, &references(arguments));
        self.dialplan.steps.push(DialplanStep {
            switch: SwitchKind::Asterisk,
            line,
            host,
            port,
            step,
            target,
        });
        true
    }

    /// Reads the argument of `Set()`. `always` is false if a condition decides on the assignment.
    fn read_assignment(&mut self, argument: &str, always: bool) {
        let Some((name, value)) = argument.split_once('=') else { return };
        let to = name.trim().trim_start_matches('_').to_owned();
        let mut sources = Vec::new();
        for reference in references(value).iter().filter(|reference| !reference.evaluated) {
            sources.extend(self.source(reference));
        }
        if !sources.is_empty() {
            self.filtered.remove(&to);
        } else if always {
            self.filtered.insert(to.clone());
        }
        for Source { variable, caller_chosen } in sources {
            self.dialplan.copies.push(VariableCopy { to: to.clone(), from: variable, caller_chosen });
        }
    }

    fn add_injections(
        &mut self,
        line: usize,
        application: &str,
        kind: InjectionKind,
        values: &[Reference<'_>],
    ) {
        for reference in values {
            let Some(Source { variable, caller_chosen }) = self.source(reference) else { continue };
            let expression = format!("${{{}}}", reference.inside);
            let application = shown(application);
            self.dialplan.injections.push(Injection {
                line,
                application,
                expression,
                variable,
                caller_chosen,
                kind,
            });
        }
    }

    /// Returns the origin of a value whose text is copied. None if the value is encoded, filtered, or not a
    /// text.
    fn source(&self, reference: &Reference<'_>) -> Option<Source> {
        if reference.is_within(&ENCODING_FUNCTIONS) {
            return None;
        }
        let from_caller = is_caller_chosen(reference);
        let variable = match reference.arguments {
            None => reference.name,
            Some(_) if from_caller => reference.name,
            Some(arguments) if FUNCTIONS_BY_NAME.contains(&reference.name) => {
                arguments.split([',', ')']).next().unwrap_or_default().trim()
            }
            Some(_) => return None,
        };
        if self.filtered.contains(variable) {
            return None;
        }
        let caller_chosen = from_caller || variable == "EXTEN" && self.extension_is_open();
        Some(Source { variable: variable.to_owned(), caller_chosen })
    }

    /// True if the pattern of the extension matches texts of any length and characters.
    fn extension_is_open(&self) -> bool {
        self.extension.starts_with('_') && self.extension.contains(['.', '!'])
    }
}

/// Returns the fault of the host and port of an address.
fn address_fault(authority: &str) -> Option<String> {
    if authority.contains('?') {
        return Some(
            "Asterisk reads all of it as a host name; write a slash before the question mark".to_owned(),
        );
    }
    if authority.starts_with('[') {
        return None;
    }
    let (address, port) = authority.rsplit_once(':')?;
    let is_ipv6 = address.contains(':');
    (is_ipv6 && port == DEFAULT_PORT)
        .then(|| format!("Asterisk reads all of it as an IPv6 address; write agi://[{address}]:{port}/"))
}

/// The default port of FastAGI.
const DEFAULT_PORT: &str = "4573";

#[cfg(test)]
mod tests;
