//! The result of `dialhook try`, as text for a person and as JSON for a script.

use std::time::Duration;

use http::HeaderMap;
use serde_json::json;

use super::TryResult;
use super::answer::{missing, write_answer, write_missing};
use super::daemon::write_daemon;
use crate::call::SwitchKind;
use crate::cli::titled::write_titled;
use crate::hook::{Outcome, Request, redacted};
use crate::redact;
use crate::webhook::{Attempt, AttemptResult};

/// Returns the request, the attempts, the answer and the variables of the channel, each under a title.
pub(super) fn as_text(result: &TryResult) -> String {
    let mut text = String::new();
    match &result.request {
        Some(request) => write_request(&mut text, request),
        None => write_titled(&mut text, "request", "none"),
    }
    // the outcome of a single attempt is the outcome of the step
    if result.attempts.len() > 1 {
        write_attempts(&mut text, result);
    }
    if result.request.is_some() {
        write_answer(&mut text, result);
    }
    if result.detached {
        let status = result.outcome.status().as_str();
        let detached = format!("the dialplan does not wait for the answer; the request ended with {status}");
        write_titled(&mut text, "detached", &detached);
    }
    for (number, assignment) in result.set.iter().enumerate() {
        let title = if number == 0 { "channel" } else { "" };
        write_titled(&mut text, title, &format!("{} = \"{}\"", assignment.name, assignment.value.lossy()));
    }
    write_missing(&mut text, &result.set);
    if let Some(note) = &result.note {
        write_titled(&mut text, "note", note);
    }
    if let Some(daemon) = &result.daemon {
        write_daemon(&mut text, daemon);
    }
    if result.switch == SwitchKind::FreeSwitch {
        write_titled(&mut text, "wire", command_lines(&result.commands).trim());
    }
    text
}

fn write_request(text: &mut String, request: &Request) {
    for (number, target) in request.targets.iter().enumerate() {
        let (title, method) = if number == 0 { ("request", request.method.as_str()) } else { ("", "or  ") };
        write_titled(text, title, &format!("{method} {}", redacted(&target.url)));
    }
    for (name, value) in headers(&request.headers) {
        write_titled(text, "", &format!("{name}: {value}"));
    }
    if let Some(body) = &request.body {
        write_titled(text, "", "");
        write_titled(text, "", &String::from_utf8_lossy(body));
    }
}

fn write_attempts(text: &mut String, result: &TryResult) {
    for attempt in &result.attempts {
        let outcome = match &attempt.result {
            AttemptResult::Ended(Outcome::Ok { .. }) => "OK".to_owned(),
            AttemptResult::Ended(failed) => failed.to_string(),
            AttemptResult::Dropped(stage) => format!("not finished; {stage}"),
        };
        let (url, milliseconds) = (attempt_url(attempt, result), attempt.took.as_millis());
        write_titled(text, "asked", &format!("{url}: {outcome} ({milliseconds} ms)"));
    }
}

/// Returns the URL of an attempt, without its query.
fn attempt_url(attempt: &Attempt, result: &TryResult) -> String {
    let targets = result.request.iter().flat_map(|request| &request.targets);
    let target = targets.into_iter().find(|target| target.endpoint == attempt.endpoint);
    let url = target.map_or_else(|| redact::url(&attempt.endpoint), |target| redacted(&target.url));
    url.split('?').next().unwrap_or_default().to_owned()
}

/// Returns the commands for FreeSWITCH, each on its own line. On the wire, a body has no line end before the
/// next command.
fn command_lines(commands: &[u8]) -> String {
    let mut lines = String::from_utf8_lossy(commands).into_owned();
    for command in ["sendmsg\n", "resume\n\n", "exit\n\n"] {
        lines = lines.replace(command, &format!("\n{command}"));
    }
    lines
}

/// Returns names and values. Values from a file or the environment are hidden.
fn headers(headers: &HeaderMap) -> impl Iterator<Item = (&str, String)> {
    headers.iter().map(|(name, value)| {
        let text = if value.is_sensitive() {
            "… (hidden)".into()
        } else {
            String::from_utf8_lossy(value.as_bytes())
        };
        (name.as_str(), text.into_owned())
    })
}

/// Returns the same as a JSON object. Its keys are part of the interface.
pub(super) fn as_json(result: &TryResult) -> serde_json::Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let attempt = |attempt: &Attempt| {
        json!({
            "url": attempt_url(attempt, result),
            "status": attempt.outcome().map(|outcome| outcome.status().as_str()),
            "reason": attempt.outcome().map(ToString::to_string),
            "milliseconds": milliseconds(attempt.took),
        })
    };
    let set: serde_json::Map<_, _> =
        result.set.iter().map(|set| (set.name.to_string(), set.value.lossy().into())).collect();
    json!({
        "hook": result.hook,
        "status": result.outcome.status().as_str(),
        "reason": result.outcome.to_string(),
        "milliseconds": milliseconds(result.took),
        "detached": result.detached,
        "note": result.note,
        "request": result.request.as_ref().map(|request| json!({
            "method": request.method.as_str(),
            "url": request.targets.first().map(|target| redacted(&target.url)),
            "urls": request.targets.iter().map(|target| redacted(&target.url)).collect::<Vec<_>>(),
            "headers": headers(&request.headers).collect::<std::collections::BTreeMap<_, _>>(),
            "body": request.body.as_deref().map(text),
        })),
        "attempts": result.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "answer": result.answer.as_ref().map(|answer| json!({
            "code": answer.code,
            "headers": headers(&answer.headers).collect::<std::collections::BTreeMap<_, _>>(),
            "body": text(&answer.body),
        })),
        "set": set,
        "missing": missing(&result.set).map(|(part, _)| part).collect::<Vec<_>>(),
        "wire": text(&result.commands),
        "daemon": result.daemon,
    })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
