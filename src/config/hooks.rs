//! The tables `[hook.NAME]`.

mod answers;
mod delivery;
mod request;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeValue;

use super::raw::{Entry, Section};
use crate::call::{AD_HOC, UNKNOWN};
use crate::hook::{Hook, Timeout, method};
use crate::switch;
use crate::variable::FetchName;

/// Every hook of the file by its name.
pub(super) fn read(section: Section<'_>, file: &Path, longest_answer: usize) -> BTreeMap<String, Arc<Hook>> {
    let mark = section.mark();
    let mut entries = section.into_entries();
    // `[hook]` with the keys of one
    if entries.iter().any(|entry| KEYS.contains(&entry.name.as_str()) && !entry.is_table()) {
        mark.fault("a hook has a name, which the dialplan says; write [hook.NAME]");
        entries.retain(|entry| !KEYS.contains(&entry.name.as_str()));
    }
    entries.into_iter().filter_map(|entry| hook(entry, file, longest_answer)).collect()
}

/// Every key of a hook.
const KEYS: [&str; 28] = [
    "accept",
    "answers",
    "basic",
    "bearer",
    "body",
    "breaker",
    "ca",
    "cache",
    "certificate",
    "detach",
    "fetch",
    "fields",
    "headers",
    "idempotent",
    "insecure",
    "keep_alive",
    "key",
    "method",
    "otherwise",
    "redirect_hosts",
    "redirects",
    "set",
    "sign",
    "stale_if_error",
    "timeout",
    "url",
    "urls",
    "variable",
];

fn hook(entry: Entry<'_>, file: &Path, longest_answer: usize) -> Option<(String, Arc<Hook>)> {
    let name = entry.name.clone();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name == AD_HOC {
        entry.fault("this name is reserved for ad hoc steps; choose another one");
    } else if name == UNKNOWN {
        entry.fault("this name is what metrics call every hook that there is not; choose another one");
    } else if name.is_empty() || !name.chars().all(plain) {
        entry.fault("a hook's name stands in addresses; write letters, digits, `_`, `-` and `.`");
    }
    let mut section = entry.section()?;
    let hook = fields(&mut section, file, longest_answer);
    section.end();
    Some((name, Arc::new(hook)))
}

/// The hook as far as it can be read, so that every fault is told.
fn fields(section: &mut Section<'_>, file: &Path, longest_answer: usize) -> Hook {
    let method = section
        .take("method")
        .and_then(|entry| entry.read(|value| method(value.as_str()?), "write \"GET\" or \"POST\""));
    let timeout = section
        .take("timeout")
        .and_then(|entry| entry.read(timeout, "write \"1s\" to \"10s\"; a bare number is seconds"));
    let fetch = section.take("fetch").and_then(|entry| fetch(&entry));
    let request = request::read(section, method, file);
    let answers = answers::read(section);
    let manner = delivery::read(section, request.all_urls(), file);
    let body_is_known = request.body.is_some();

    let hook = Hook {
        method: request.method,
        urls: request.urls.into_iter().flatten().collect(),
        timeout: timeout.unwrap_or_default(),
        variable: answers.variable,
        set: answers.set,
        accept: answers.accept,
        answers: answers.answers,
        longest_answer,
        otherwise: answers.otherwise,
        fetch: fetch.unwrap_or_default(),
        body: request.body.unwrap_or_default(),
        headers: request.headers,
        sign: request.sign,
        manner,
    };
    whole(section, &hook, body_is_known);
    in_vain(section, &hook);
    hook
}

/// What is wrong with keys that are right by themselves.
fn whole(section: &Section<'_>, hook: &Hook, body_is_known: bool) {
    if !switch::fits_challenge(&hook.wanted()) {
        section.fault(
            "fetch",
            "more channel variables than fit in one question to Asterisk; name fewer (about 30)",
        );
    }
    if hook.manner.cache.is_some() && body_is_known && hook.tells_calls_apart() {
        section.fault(
            "cache",
            "no two calls ask the same, so that nothing is ever found again; leave uuid, times, ids and channel out \
             (fields chooses what a POST tells)",
        );
    }
}

/// What does nothing, and harms nobody.
fn in_vain(section: &Section<'_>, hook: &Hook) {
    if !hook.fetch.is_empty() && !hook.shows_fetched() {
        section.notice(
            "fetch",
            "names channel variables that no request shows: only a body that holds `variables` does; \
             a placeholder such as {variables.ACCOUNT} needs no fetch",
        );
    }
    if !hook.otherwise.is_empty() && hook.variable.is_none() && hook.set.is_empty() {
        section.notice("otherwise", "is for no variable, unless a call chooses one (?variable=NAME)");
    }
}

fn timeout(value: &DeValue<'_>) -> Option<Timeout> {
    let text = match value {
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        other => other.as_str()?.to_owned(),
    };
    text.parse().ok()
}

fn fetch(entry: &Entry<'_>) -> Option<Vec<FetchName>> {
    let mut names: Vec<FetchName> = Vec::new();
    for text in entry.texts()? {
        match text.parse() {
            Ok(name) if names.contains(&name) => {
                entry.wrong(&format!("{name} stands there twice; once is enough"))
            }
            Ok(name) => names.push(name),
            Err(fault) => {
                // only Asterisk has functions
                let function =
                    if text.contains('(') { " (of a function, Set() a variable first)" } else { "" };
                entry.fault(format!("found \"{text}\"; {fault}{function}"));
            }
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests;
