//! Reads dialplans for `dialhook check`: finds the webhook steps, and the places where a value from outside
//! can do harm.
//!
//! The result of an expression is not known. It is replaced by a harmless value, so that only the author's
//! text is judged. `asterisk` reads an `extensions.conf`, `freeswitch` an XML dialplan. Neither knows the
//! configuration.

mod asterisk;
mod expansion;
mod freeswitch;

use std::path::Path;

use crate::call::{Call, Parameter, SwitchKind};
use crate::redact;
use crate::variable::Value;

/// The findings in one dialplan.
#[derive(Debug, Default)]
pub struct Dialplan {
    /// The webhook steps.
    pub steps: Vec<DialplanStep>,
    /// The places where a value can be an injection.
    pub injections: Vec<Injection>,
    /// The assignments of a variable's value to another variable.
    pub copies: Vec<VariableCopy>,
    /// Warnings that hold for every configuration, with their line.
    pub notes: Vec<(usize, String)>,
    /// True if the file includes other files.
    pub includes: bool,
}

/// A webhook step in a dialplan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialplanStep {
    /// The switch that runs this dialplan.
    pub switch: SwitchKind,
    /// The line, counted from 1.
    pub line: usize,
    /// The host that the step connects to.
    pub host: String,
    /// The port, if the step has one.
    pub port: Option<u16>,
    /// The application and its address, for messages.
    pub step: String,
    /// The call that the step makes.
    pub target: StepTarget,
}

/// The call that a step of a dialplan makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepTarget {
    /// The step makes this call.
    Call(Box<Call>),
    /// The step cannot work with any configuration, for this reason.
    Fault(String),
    /// An expression in the path selects the hook, so it can be any hook.
    AnyHook,
}

/// A place where the text of a value can become more than a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// The line, counted from 1.
    pub line: usize,
    /// The application with its arguments, for messages.
    pub application: String,
    /// The expression in the dialplan.
    pub expression: String,
    /// The variable or function from which the value comes.
    pub variable: String,
    /// True if the caller chooses the value.
    pub caller_chosen: bool,
    /// The possible effect.
    pub kind: InjectionKind,
}

/// The possible effect of an injection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectionKind {
    /// The text becomes a command or another destination.
    Command,
    /// The text becomes another parameter of a webhook step, or another URL.
    Parameter,
}

/// An assignment of a variable's value to another variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableCopy {
    /// The variable that is assigned.
    pub to: String,
    /// The variable or function from which the value comes.
    pub from: String,
    /// True if the caller chooses the value.
    pub caller_chosen: bool,
}

/// Reads a dialplan: XML if the file's name ends in `.xml`, otherwise an `extensions.conf`.
///
/// # Errors
/// Returns the line and the fault if the XML is not well-formed.
pub fn read(file: &Path, text: &str) -> Result<Dialplan, (usize, String)> {
    match switch_of(file) {
        SwitchKind::FreeSwitch => freeswitch::read(text),
        SwitchKind::Asterisk => Ok(asterisk::read(text)),
    }
}

/// Returns the switch that reads a file of this name.
#[must_use]
pub fn switch_of(file: &Path) -> SwitchKind {
    match file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xml")) {
        true => SwitchKind::FreeSwitch,
        false => SwitchKind::Asterisk,
    }
}

/// Splits an address at its query. Returns the path, and the address with a harmless value for each
/// expression in the query.
fn address(script: &str) -> (&str, String) {
    let (path, query) = script.split_once('?').unwrap_or((script, ""));
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Parameter { name, value } = parameter(pair);
        pairs.push(format!("{}={}", name.lossy(), value.lossy()));
    }
    if pairs.is_empty() {
        return (path, path.to_owned());
    }
    (path, format!("{path}?{}", pairs.join("&")))
}

/// Parses `name=value`, with a harmless value for each expression.
fn parameter(argument: &str) -> Parameter {
    let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
    let name = name.trim();
    let harmless = expansion::replace_expressions(value, "x");
    let value = match name {
        _ if harmless == value => harmless,
        "timeout" => "2".to_owned(),
        "method" => "GET".to_owned(),
        "accept" => "word".to_owned(),
        _ => harmless,
    };
    Parameter { name: Value::from(name), value: Value::from(value) }
}

/// Returns an application with its arguments for a message: without secrets and control characters, and
/// truncated.
fn shown(application: &str) -> String {
    let text = redact::urls_in(application);
    let visible = |character: char| if character.is_control() { ' ' } else { character };
    let mut shown: String = text.chars().take(MAX_SHOWN).map(visible).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Characters of an application in a message.
const MAX_SHOWN: usize = 120;

#[cfg(test)]
mod testing {
    use super::{Call, DialplanStep, StepTarget};

    /// Returns the call of a step that has no fault.
    pub(super) fn call(step: &DialplanStep) -> &Call {
        match &step.target {
            StepTarget::Call(call) => call,
            other => panic!("{}: {other:?}", step.step),
        }
    }

    /// Returns the fault of a step that has one.
    pub(super) fn fault(step: &DialplanStep) -> &str {
        match &step.target {
            StepTarget::Fault(fault) => fault,
            other => panic!("{}: {other:?}", step.step),
        }
    }
}
