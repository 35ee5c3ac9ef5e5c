//! An `extensions.conf`, read as Asterisk would: comments, the arguments of `AGI()`, their quotes.

use super::{WrittenStep, address, parameter};
use crate::call::{Call, SwitchKind};
use crate::variable::Value;

/// Every `AGI()` of the text whose address is `agi://` or `hagi://`.
pub(super) fn steps(text: &str) -> Vec<WrittenStep> {
    let lines = text.lines().zip(1..).map(|(line, number)| (number, without_comment(line)));
    lines.filter_map(|(number, line)| step(number, &line)).collect()
}

fn step(line: usize, text: &str) -> Option<WrittenStep> {
    let at = text.to_ascii_uppercase().find("AGI(")? + "AGI(".len();
    let inside = text.get(at..closing(text, at)?)?;
    let mut arguments = arguments(inside).into_iter();
    let written = arguments.next()?.trim().to_owned();
    let (_, place) = written.split_once("agi://")?;
    let (host, script) = place.split_once('/').unwrap_or((place, ""));
    let (path, address) = address(script);
    let parameters = arguments.map(|argument| parameter(&argument)).collect();
    let call = match host.contains('?') {
        true => Some(Err("Asterisk takes all of it for a host name. write a slash before the question mark")),
        false => (!path.contains('$'))
            .then(|| Ok(Call::unknown(SwitchKind::Asterisk, Value::from(address), parameters))),
    };
    let (host, port) = host.rsplit_once(':').map_or((host, None), |(host, port)| (host, port.parse().ok()));
    let (switch, host) = (SwitchKind::Asterisk, host.to_owned());
    Some(WrittenStep { switch, line, host, port, call, step: format!("AGI({written})") })
}

/// The parenthesis that closes the one before `from`; the last one where they are not balanced.
fn closing(text: &str, from: usize) -> Option<usize> {
    let mut depth = 1_usize;
    let balanced = text.char_indices().skip_while(|(at, _)| *at < from).find(|(_, character)| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    balanced.map(|(at, _)| at).or_else(|| text.rfind(')'))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Parameter;

    fn written(line: &str) -> (String, Vec<(String, String)>) {
        let steps = steps(line);
        let call = steps[0].call.as_ref().unwrap().as_ref().unwrap();
        let pair = |p: &Parameter| (p.name.lossy().into_owned(), p.value.lossy().into_owned());
        (call.address.lossy().into_owned(), call.parameters.iter().map(pair).collect())
    }

    #[test]
    fn a_step_is_found_where_asterisk_would_make_it() {
        let text = "[c]\n; AGI(agi://h/old)\nexten => 1,1,AGI(agi://127.0.0.1/crm) ; asks\n\
             same => n,AGI(local.sh)\n same => n,Agi(hagi://h.example/a?timeout=${T}&variable=V)\n";
        let found: Vec<_> =
            steps(text).into_iter().map(|step| (step.line, step.call.unwrap().unwrap().address)).collect();
        assert_eq!(found, [(3, Value::from("crm")), (5, Value::from("a?timeout=2&variable=V"))]);
        assert_eq!(written("AGI(agi://127.0.0.1)").0, "");
        assert_eq!(steps("AGI(agi://127.0.0.1/${HOOK})")[0].call, None);
        assert!(steps("AGI(agi://127.0.0.1?timeout=3)")[0].call.as_ref().unwrap().is_err());
    }

    #[test]
    fn a_step_within_another_application_ends_where_its_parenthesis_closes() {
        let steps = steps("same => n,ExecIf($[1]?AGI(agi://127.0.0.1:4574/crm))");
        assert_eq!((steps[0].step.as_str(), steps[0].port), ("AGI(agi://127.0.0.1:4574/crm)", Some(4574)));
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
