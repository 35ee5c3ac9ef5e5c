//! The webhook steps that an `extensions.conf` holds, as calls would make them.
//!
//! Reads the text as Asterisk would: comments, the arguments of `AGI()`, their quotes. What an expression will
//! yield is not known; a harmless value stands for it, so that only what the author wrote himself is judged.

use crate::call::{Call, Parameter, SwitchKind};
use crate::variable::{Value, Variables};

/// One step in a dialplan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenStep {
    /// The line, counted from 1.
    pub line: usize,
    /// The address as written.
    pub address: String,
    /// A call that makes this step; none where an expression stands in the path, and any hook may be meant.
    pub call: Option<Call>,
}

/// Every `AGI()` of the text whose address is `agi://` or `hagi://`.
#[must_use]
pub fn steps(text: &str) -> Vec<WrittenStep> {
    let lines = text.lines().zip(1..).map(|(line, number)| (number, without_comment(line)));
    lines.filter_map(|(number, line)| step(number, &line)).collect()
}

fn step(line: usize, text: &str) -> Option<WrittenStep> {
    let at = text.to_ascii_uppercase().find("AGI(")? + "AGI(".len();
    let inside = text.get(at..text.rfind(')')?)?;
    let mut arguments = arguments(inside).into_iter();
    let address = arguments.next()?.trim().to_owned();
    let (_, place) = address.split_once("agi://")?;
    let script = place.split_once('/').map_or("", |(_host, script)| script);
    let (path, query) = script.split_once('?').unwrap_or((script, ""));
    let parameters: Vec<_> = arguments.map(|argument| parameter(&argument)).collect();
    let query: Vec<_> = query.split('&').filter(|pair| !pair.is_empty()).map(parameter).collect();
    let call = (!path.contains('$')).then(|| call(path, &query, parameters));
    Some(WrittenStep { line, call, address })
}

/// `name=value`, with something harmless for every expression in the value.
fn parameter(argument: &str) -> Parameter {
    let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
    let name = name.trim();
    let value = match (value.contains("${") || value.contains("$["), name) {
        (false, _) => value.to_owned(),
        (true, "timeout") => "2".to_owned(),
        (true, "method") => "GET".to_owned(),
        (true, _) => expanded(value, "x"),
    };
    Parameter { name: Value::from(name), value: Value::from(value) }
}

fn call(path: &str, query: &[Parameter], parameters: Vec<Parameter>) -> Call {
    let pair = |p: &Parameter| format!("{}={}", p.name.lossy(), p.value.lossy());
    let query = query.iter().map(pair).collect::<Vec<_>>().join("&");
    let address = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let nothing = Value::default;
    Call {
        switch: SwitchKind::Asterisk,
        address: Value::from(address),
        parameters,
        parameters_linger: false,
        account_code: nothing(),
        context: nothing(),
        extension: nothing(),
        dialled: nothing(),
        caller_number: nothing(),
        caller_name: nothing(),
        unique_id: nothing(),
        linked_id: nothing(),
        sip_call_id: nothing(),
        channel: nothing(),
        created: None,
        variables: Variables::new(),
    }
}

/// The line up to its `;`. A `\;` is a semicolon (`main/config.c`, `process_text_line`).
fn without_comment(line: &str) -> String {
    let mut kept = String::new();
    for character in line.chars() {
        match character {
            ';' if kept.ends_with('\\') => {
                kept.pop();
                kept.push(';');
            }
            ';' => break,
            other => kept.push(other),
        }
    }
    kept
}

/// Splits at commas outside quotes and brackets, then takes quotes and backslashes away
/// (`main/app.c`, `__ast_app_separate_args`).
fn arguments(text: &str) -> Vec<String> {
    let (mut all, mut depth, mut quoted, mut escaped) = (vec![String::new()], 0_usize, false, false);
    for character in text.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' => {
                escaped = true;
                continue;
            }
            '"' => {
                quoted = !quoted;
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 && !quoted => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(argument) = all.last_mut() {
            argument.push(character);
        }
    }
    all
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(line: &str) -> (String, Vec<(String, String)>) {
        let steps = steps(line);
        let call = steps[0].call.as_ref().unwrap();
        let pair = |p: &Parameter| (p.name.lossy().into_owned(), p.value.lossy().into_owned());
        (call.address.lossy().into_owned(), call.parameters.iter().map(pair).collect())
    }

    #[test]
    fn a_step_is_found_where_asterisk_would_make_it() {
        let text = "[c]\n; AGI(agi://h/old)\nexten => 1,1,AGI(agi://127.0.0.1/crm) ; asks\n\
             same => n,AGI(local.sh)\n same => n,Agi(hagi://h.example/a?timeout=${T}&variable=V)\n";
        let found: Vec<_> =
            steps(text).into_iter().map(|step| (step.line, step.call.unwrap().address)).collect();
        assert_eq!(found, [(3, Value::from("crm")), (5, Value::from("a?timeout=2&variable=V"))]);
        assert_eq!(written("AGI(agi://127.0.0.1)").0, "");
        assert_eq!(steps("AGI(agi://127.0.0.1/${HOOK})")[0].call, None);
    }

    #[test]
    fn arguments_are_split_as_asterisk_does() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            written(r#"AGI(agi://h/webhook,method=GET,"url=http://h/a,b?x=${URIENCODE(${EXTEN},q)}&y=\;1",timeout=$[1+1])"#).1,
            [pair("method", "GET"), pair("url", "http://h/a,b?x=x&y=;1"), pair("timeout", "2")]
        );
    }
}
