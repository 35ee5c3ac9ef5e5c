//! The webhook steps that a dialplan holds, as calls would make them.
//!
//! What an expression will yield is not known; a harmless value stands for it, so that only what the author
//! wrote himself is judged. How an `extensions.conf` is read: `asterisk`; an XML dialplan: `freeswitch`.

mod asterisk;
mod freeswitch;

use std::path::Path;

use crate::call::{Call, Parameter, SwitchKind};
use crate::variable::Value;

/// One step in a dialplan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenStep {
    /// Which switch makes it.
    pub switch: SwitchKind,
    /// The line, counted from 1.
    pub line: usize,
    /// Where it goes, as written.
    pub host: String,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// The application and its address, as written.
    pub step: String,
    /// A call that makes this step, or what is wrong with it whatever the hooks are; none where an expression stands
    /// in the path, and any hook may be meant.
    pub call: Option<Result<Call, &'static str>>,
}

/// Every webhook step of a dialplan: XML where the file's name ends so, else an `extensions.conf`.
///
/// # Errors
/// What is wrong with the XML, and in which line.
pub fn steps(file: &Path, text: &str) -> Result<Vec<WrittenStep>, (usize, String)> {
    match file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xml")) {
        true => freeswitch::steps(text),
        false => Ok(asterisk::steps(text)),
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
    let value = match (expanded(value, "x"), name) {
        (harmless, _) if harmless == value => harmless,
        (_, "timeout") => "2".to_owned(),
        (_, "method") => "GET".to_owned(),
        (harmless, _) => harmless,
    };
    Parameter { name: Value::from(name), value: Value::from(value) }
}

/// The text with this in the place of every `${…}` and `$[…]`, nested ones included.
fn expanded(text: &str, instead: &str) -> String {
    let (mut out, mut depth, mut dollar) = (String::new(), 0_usize, false);
    for character in text.chars() {
        match (depth, character) {
            (0, '{' | '[') if dollar => {
                out.pop();
                out.push_str(instead);
                depth = 1;
            }
            (0, other) => out.push(other),
            (_, '{' | '[') => depth += 1,
            (_, '}' | ']') => depth -= 1,
            (_, _) => {}
        }
        dollar = character == '$';
    }
    out
}
