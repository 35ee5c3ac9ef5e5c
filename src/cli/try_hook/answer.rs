//! The answer of a webhook, as `dialhook try` shows it: the status, the headers that explain the result, the
//! body, and the parts that it lacks.

use http::HeaderName;
use http::header::{
    ALLOW, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER, SERVER, VIA, WWW_AUTHENTICATE,
};

use super::TryResult;
use crate::cli::titled::write_titled;
use crate::hook::{Answer, Source};
use crate::redact;
use crate::variable::{AnswerPart, Assignment};

/// The headers that explain an answer.
const EXPLAINING: [HeaderName; 6] =
    [CONTENT_TYPE, CONTENT_ENCODING, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE, ALLOW];

/// The headers that tell who answered, which matters if it was not the webhook itself.
const ANSWERED_BY: [HeaderName; 2] = [SERVER, VIA];

pub(super) fn write_answer(text: &mut String, result: &TryResult) {
    let milliseconds = result.took.as_millis();
    let Some(answer) = &result.answer else {
        return write_titled(text, "answer", &format!("none after {milliseconds} ms"));
    };
    let size = answer.body.len();
    write_titled(text, "answer", &format!("{} after {milliseconds} ms, {size} bytes", answer.code));
    let headers = explaining_headers(result, answer);
    for (name, value) in &headers {
        write_titled(text, "", &format!("{name}: {value}"));
    }
    if !headers.is_empty() && !answer.body.is_empty() {
        write_titled(text, "", "");
    }
    write_titled(text, "", &String::from_utf8_lossy(&answer.body));
}

/// Returns the headers that explain the result, and those that `set` reads.
fn explaining_headers(result: &TryResult, answer: &Answer) -> Vec<(HeaderName, String)> {
    let set = result.request.iter().flat_map(|request| &request.hook.set);
    let read = set.filter_map(|mapping| match &mapping.source {
        Source::Header(name) => Some(name.clone()),
        Source::Json(_) | Source::Status => None,
    });
    let mut names = Vec::from(EXPLAINING);
    if !(200..300).contains(&answer.code) {
        names.extend(ANSWERED_BY);
    }
    for name in read {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let value = |name: &HeaderName| {
        let values = answer.headers.get_all(name).into_iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (!values.is_empty()).then(|| redact::urls_in(&values.join(", ")).into_owned())
    };
    names.into_iter().filter_map(|name| value(&name).map(|value| (name, value))).collect()
}

/// Writes each part that `set` names and the answer does not have.
pub(super) fn write_missing(text: &mut String, set: &[Assignment]) {
    let mut title = "missing";
    for (part, assignment) in missing(set) {
        let (name, value) = (&assignment.name, assignment.value.lossy());
        write_titled(text, title, &format!("the answer has no {part}, so {name} is \"{value}\""));
        title = "";
    }
}

/// Returns the parts that the answer does not have, as the configuration names them.
pub(super) fn missing(set: &[Assignment]) -> impl Iterator<Item = (String, &Assignment)> {
    set.iter().filter_map(|assignment| {
        let part = match assignment.source.missing()? {
            AnswerPart::Json(pointer) if pointer.is_empty() => "JSON".to_owned(),
            AnswerPart::Json(pointer) => pointer.to_string(),
            AnswerPart::Header(name) => format!("header {name}"),
        };
        Some((part, assignment))
    })
}
