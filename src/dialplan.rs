//! What a dialplan holds that concerns the daemon: its webhook steps, as calls would make them, and where it puts values that
//! strangers choose.
//!
//! The result of an expression is not known; a harmless value stands for it, so that only what the author
//! wrote himself is evaluated. How an `extensions.conf` is read: `asterisk`; an XML dialplan: `freeswitch`.

mod asterisk;
mod expansion;
mod freeswitch;

use std::path::Path;

use crate::call::{Call, Parameter, SwitchKind};
use crate::redact;
use crate::variable::Value;

/// What a dialplan holds.
#[derive(Debug, Default)]
pub struct Dialplan {
    /// Its webhook steps.
    pub steps: Vec<DialplanStep>,
    /// The values that it puts where they can do harm.
    pub injections: Vec<Injection>,
    /// The values that it keeps under another name.
    pub copies: Vec<VariableCopy>,
    /// What may go wrong whatever the hooks are, with the line.
    pub notes: Vec<(usize, String)>,
    /// True if it includes other files.
    pub includes: bool,
}

/// One step in a dialplan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialplanStep {
    /// Which switch makes it.
    pub switch: SwitchKind,
    /// The line, counted from 1.
    pub line: usize,
    /// Where it goes, as written.
    pub host: String,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// The application and its address, as they may be shown.
    pub step: String,
    /// A call that makes this step, or what is wrong with it whatever the hooks are; none where an expression stands
    /// in the path, and any hook may be meant.
    pub call: Option<Result<Call, String>>,
}

/// A value of a channel in a place where its text has a meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// The line, counted from 1.
    pub line: usize,
    /// The application with its arguments, as they may be shown.
    pub application: String,
    /// The value as the dialplan writes it.
    pub expression: String,
    /// The variable or function that it comes from.
    pub variable: String,
    /// True if callers choose it.
    pub caller_chosen: bool,
    /// What it can become there.
    pub kind: InjectionKind,
}

/// What a text can become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectionKind {
    /// A command, or another destination.
    Command,
    /// Another parameter of a webhook step, or another URL.
    Parameter,
}

/// A variable that receives the value of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableCopy {
    /// The variable that receives it.
    pub to: String,
    /// The variable or function that it comes from.
    pub from: String,
    /// True if callers choose it.
    pub caller_chosen: bool,
}

/// Reads a dialplan: XML where the file's name ends so, else an `extensions.conf`.
///
/// # Errors
/// What is wrong with the XML, and in which line.
pub fn read(file: &Path, text: &str) -> Result<Dialplan, (usize, String)> {
    match switch_of(file) {
        SwitchKind::FreeSwitch => freeswitch::read(text),
        SwitchKind::Asterisk => Ok(asterisk::read(text)),
    }
}

/// The switch that reads a file of this name.
#[must_use]
pub fn switch_of(file: &Path) -> SwitchKind {
    match file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xml")) {
        true => SwitchKind::FreeSwitch,
        false => SwitchKind::Asterisk,
    }
}

/// The parts of an address of which an expression may stand in any: path and query, with something harmless for
/// every expression in the query.
fn address(script: &str) -> (&str, String) {
    let (path, query) = script.split_once('?').unwrap_or((script, ""));
    let pair = |p: Parameter| format!("{}={}", p.name.lossy(), p.value.lossy());
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|text| pair(parameter(text)));
    let query = pairs.collect::<Vec<_>>().join("&");
    (path, if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") })
}

/// `name=value`, with something harmless for every expression in the value.
fn parameter(argument: &str) -> Parameter {
    let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
    let name = name.trim();
    let value = match (expansion::replace_expressions(value, "x"), name) {
        (harmless, _) if harmless == value => harmless,
        (_, "timeout") => "2".to_owned(),
        (_, "method") => "GET".to_owned(),
        (_, "accept") => "word".to_owned(),
        (harmless, _) => harmless,
    };
    Parameter { name: Value::from(name), value: Value::from(value) }
}

/// An application with its arguments for a person: without secrets and control characters, and not too long.
fn shown(application: &str) -> String {
    let text = redact::urls_in(application);
    let visible = |character: char| if character.is_control() { ' ' } else { character };
    let mut shown: String = text.chars().take(MAX_SHOWN).map(visible).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Characters of an application that a line for a person has room for.
const MAX_SHOWN: usize = 120;
