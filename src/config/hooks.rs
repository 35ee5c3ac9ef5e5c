//! The tables `[hook.NAME]`.

mod answers;
mod delivery;
mod request;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::raw::{Entry, Table};
use crate::call::{AD_HOC, UNKNOWN};
use crate::hook::{Hook, method};
use crate::switch;
use crate::variable::FetchName;

/// Reads the hooks of the file, by name.
pub(super) fn read(table: Table<'_>, file: &Path, longest_answer: usize) -> BTreeMap<String, Arc<Hook>> {
    let position = table.position();
    let mut entries = table.into_entries();
    // the keys of a hook stand in `[hook]` itself
    if entries.iter().any(|entry| KEYS.contains(&entry.name.as_str()) && !entry.is_table()) {
        position.fault("a hook without a name; write [hook.NAME], with the name that the dialplan uses");
        entries.retain(|entry| !KEYS.contains(&entry.name.as_str()));
    }
    entries.into_iter().filter_map(|entry| hook(entry, file, longest_answer)).collect()
}

/// The keys of a hook.
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
    if let Some(fault) = name_fault(&name) {
        entry.fault(fault);
    }
    let mut table = entry.table()?;
    let hook = hook_settings(&mut table, file, longest_answer);
    table.finish();
    Some((name, Arc::new(hook)))
}

fn name_fault(name: &str) -> Option<&'static str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name == AD_HOC {
        return Some("this name is reserved for ad hoc steps; choose another one");
    }
    if name == UNKNOWN {
        return Some(
            "this name is reserved: metrics use it for every hook that does not exist; choose another one",
        );
    }
    if name.is_empty() || !name.chars().all(is_plain) {
        return Some(
            "the name of a hook is part of an address; write letters, digits, `_`, `-` and `.` only",
        );
    }
    None
}

/// Reads the keys of a hook. A wrong key gets its default, so that every fault is found.
fn hook_settings(table: &mut Table<'_>, file: &Path, longest_answer: usize) -> Hook {
    let method = table
        .take("method")
        .and_then(|entry| entry.read(|value| method(value.as_str()?), "write \"GET\" or \"POST\""));
    let timeout = table.take("timeout").and_then(|entry| entry.duration(|text| text.parse()));
    let fetch = table.take("fetch").and_then(|entry| fetch(&entry));
    let request = request::read(table, method, file);
    let answers = answers::read(table);
    let delivery = delivery::read(table, request.all_urls(), file);
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
        delivery,
    };
    check_combinations(table, &hook, body_is_known);
    note_ineffective(table, &hook);
    hook
}

/// Checks keys that are valid one by one, but not together.
fn check_combinations(table: &Table<'_>, hook: &Hook, body_is_known: bool) {
    if !switch::fits_challenge(&hook.needed_variables()) {
        table.fault(
            "fetch",
            "more channel variables than fit in one question to Asterisk (36 names of three letters, fewer of longer ones); \
             leave some out, or shorten their names",
        );
    }
    if hook.delivery.cache.is_some() && body_is_known && hook.is_unique_per_call() {
        table.fault(
            "cache",
            "no two calls make the same request, so no answer can be reused; leave uuid, times, ids and channel out \
             (choose the data of a POST with fields)",
        );
    }
}

/// Adds a notice for each key that is valid and has no effect.
fn note_ineffective(table: &Table<'_>, hook: &Hook) {
    if !hook.fetch.is_empty() && !hook.includes_fetched() {
        table.notice(
            "fetch",
            "names channel variables that no request sends: only a body with `variables` sends them; \
             a placeholder such as {variables.ACCOUNT} needs no fetch",
        );
    }
    if !hook.otherwise.is_empty() && hook.variable.is_none() && hook.set.is_empty() {
        table.notice(
            "otherwise",
            "has no effect, because the hook sets no variable; add variable or set, unless the calls name a variable \
             (?variable=NAME)",
        );
    }
}

fn fetch(entry: &Entry<'_>) -> Option<Vec<FetchName>> {
    let mut names: Vec<FetchName> = Vec::new();
    for text in entry.texts()? {
        match text.parse() {
            Ok(name) if names.contains(&name) => entry.fault_with_value(&format!("write {name} only once")),
            Ok(name) => names.push(name),
            // a function of Asterisk's dialplan, such as CALLERID(num)
            Err(fault) if text.contains('(') => {
                entry.fault(format!(
                    "found \"{text}\"; {fault}; Set() a variable to the function, and name the variable"
                ));
            }
            Err(fault) => entry.fault(format!("found \"{text}\"; {fault}")),
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests;
