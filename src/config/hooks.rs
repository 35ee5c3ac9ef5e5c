//! The tables `[hook.NAME]`.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use toml::de::DeValue;

use super::raw::{Entry, Section};
use crate::call::AD_HOC;
use crate::hook::{Hook, REPORT_NAMES, Timeout, UrlTemplate, method, reserved, unsafe_text};
use crate::variable::{Accept, Value, VariableName};

/// Every hook of the file by its name.
pub(super) fn read(section: Section<'_>, file: &Path) -> BTreeMap<String, Arc<Hook>> {
    section.into_entries().into_iter().filter_map(|entry| hook(entry, file)).collect()
}

fn hook(entry: Entry<'_>, file: &Path) -> Option<(String, Arc<Hook>)> {
    let name = entry.name.clone();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name == AD_HOC {
        entry.fault("this name is reserved for ad hoc steps; choose another one");
    } else if name.is_empty() || !name.chars().all(plain) {
        entry.fault("a hook's name stands in addresses; write letters, digits, `_`, `-` and `.`");
    }
    let mut section = entry.section()?;
    let hook = fields(&mut section, file);
    section.end();
    Some((name, Arc::new(hook?)))
}

fn fields(section: &mut Section<'_>, file: &Path) -> Option<Hook> {
    let url = section.take("url");
    if url.is_none() {
        section
            .fault("url", "missing; write where the webhook is, such as \"https://crm.example.com/route\"");
    }
    let url = url.and_then(|entry| {
        let text = entry.text()?;
        UrlTemplate::parse(&text).map_err(|fault| entry.fault(fault)).ok()
    });
    let method = section
        .take("method")
        .and_then(|entry| entry.read(|value| method(value.as_str()?), "write \"GET\" or \"POST\""));
    let timeout = section
        .take("timeout")
        .and_then(|entry| entry.read(timeout, "write \"1s\" to \"10s\"; a bare number is seconds"));
    let variable = section.take("variable").and_then(|entry| variable(&entry));
    let accept = section.take("accept").and_then(|entry| entry.read(accept, "write \"safe\" or \"any\""));
    let answers = section.take("answers").and_then(|entry| answers(&entry));
    let otherwise = section.take("otherwise").and_then(|entry| {
        let text = entry.text()?;
        carried(&text).map_err(|fault| entry.wrong(fault)).ok().map(|()| Value::from(text))
    });
    let fetch_entry = section.take("fetch");
    let fetch = fetch_entry.as_ref().and_then(fetch);
    let headers = section.take("headers").and_then(|entry| Some(headers(entry.section()?, file)));

    let blank = Hook::new(url?);
    let hook = Hook {
        method: method.unwrap_or(blank.method.clone()),
        timeout: timeout.unwrap_or_default(),
        variable,
        accept: accept.unwrap_or_default(),
        answers: answers.unwrap_or_default(),
        otherwise: otherwise.unwrap_or_default(),
        fetch: fetch.unwrap_or_default(),
        headers: headers.unwrap_or_default(),
        ..blank
    };
    if !hook.wanted_fits() {
        section.fault(
            "fetch",
            "more channel variables than fit in one question to Asterisk; name fewer (about 30)",
        );
    }
    Some(hook)
}

fn timeout(value: &DeValue<'_>) -> Option<Timeout> {
    let text = match value {
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        other => other.as_str()?.to_owned(),
    };
    text.parse().ok()
}

fn accept(value: &DeValue<'_>) -> Option<Accept> {
    match value.as_str()? {
        "safe" => Some(Accept::Safe),
        "any" => Some(Accept::Any),
        _ => None,
    }
}

fn variable(entry: &Entry<'_>) -> Option<VariableName> {
    let name: VariableName =
        entry.read(|value| value.as_str()?.parse().ok(), "write a name of letters, digits and `_`")?;
    if reserved(&name) {
        entry.wrong(&format!("{} report on the step; choose another name", REPORT_NAMES.join(", ")));
        return None;
    }
    Some(name)
}

fn answers(entry: &Entry<'_>) -> Option<Vec<String>> {
    let answers = entry.texts()?;
    if answers.is_empty() {
        entry.wrong("write the words that are accepted, or leave the key out");
    }
    for answer in &answers {
        if let Err(fault) = carried(answer) {
            entry.wrong(fault);
        } else if answer.trim_ascii() != answer {
            entry.wrong(
                "an answer is trimmed before it is compared; write it without white space at its ends",
            );
        }
    }
    Some(answers)
}

/// Whether a text of the configuration can be set on every switch as a harmless value.
fn carried(text: &str) -> Result<(), &'static str> {
    if text.contains(['"', '$', '\\']) {
        return Err(
            "a channel variable cannot hold `\"`, `$` or `\\` safely on every switch; leave them out",
        );
    }
    if text.starts_with("ARRAY::") {
        return Err("FreeSWITCH would take `ARRAY::` for a list; begin with something else");
    }
    if text.starts_with('%') {
        return Err("FreeSWITCH could take `%` for the beginning of variables; begin with something else");
    }
    match unsafe_text(text.as_bytes()) {
        Some(_) => Err("write at most 1024 bytes without control characters"),
        None => Ok(()),
    }
}

fn fetch(entry: &Entry<'_>) -> Option<Vec<VariableName>> {
    let mut names: Vec<VariableName> = Vec::new();
    for text in entry.texts()? {
        match text.parse() {
            Ok(name) if names.contains(&name) => {
                entry.wrong(&format!("{name} stands there twice; once is enough"))
            }
            Ok(name) => names.push(name),
            Err(fault) => {
                entry.fault(format!("found \"{text}\"; {fault} (of a function, Set() a variable first)"));
            }
        }
    }
    Some(names)
}

fn headers(section: Section<'_>, file: &Path) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for entry in section.into_entries() {
        let written_before = HeaderName::try_from(&*entry.name).is_ok_and(|name| headers.contains_key(name));
        if written_before {
            entry.fault("this header stands there twice; names are the same in letters of either case");
        } else {
            headers.extend(header(entry, file));
        }
    }
    headers
}

fn header(entry: Entry<'_>, file: &Path) -> Option<(HeaderName, HeaderValue)> {
    let name = match HeaderName::try_from(&*entry.name) {
        Ok(name) if [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(&name) => {
            entry.fault("this header belongs to the connection; leave it out");
            None
        }
        Ok(name) if ["user-agent", "webhook-id", "traceparent"].contains(&name.as_str()) => {
            entry
                .fault("every request carries this header already, with a value of dialhook's; leave it out");
            None
        }
        Ok(name) => Some(name),
        Err(_) => {
            entry.fault("not the name of a header; write letters, digits and hyphens");
            None
        }
    };
    let value = value(entry, file);
    Some((name?, value?))
}

/// ```toml
/// X-Api-Key = "text"
/// X-Api-Key = { file = "crm.key" }
/// X-Api-Key = { env = "CRM_KEY" }
/// ```
/// What stands there may be a secret: no fault prints it.
fn value(entry: Entry<'_>, file: &Path) -> Option<HeaderValue> {
    if entry.is_table() {
        return secret(entry.section()?, file);
    }
    let Some(text) = entry.plain_text() else {
        entry.fault("write a text, { file = \"NAME\" } or { env = \"NAME\" }");
        return None;
    };
    if text.contains(['{', '}']) {
        entry.fault("a header cannot hold placeholders or braces in this version; leave them out");
        return None;
    }
    let value = HeaderValue::from_str(&text);
    let mut value = value.map_err(|_| entry.fault("not a header's value; write printable ASCII")).ok()?;
    value.set_sensitive(sounds_secret(&entry.name));
    Some(value)
}

fn secret(mut source: Section<'_>, file: &Path) -> Option<HeaderValue> {
    let (entry, found) = match (source.take("file"), source.take("env")) {
        (Some(entry), None) => {
            let path = located(Path::new(&entry.text()?), file);
            let found = fs::read_to_string(&path).map_err(|error| {
                let path = path.display();
                format!("cannot read {path}: {error}; put the secret there, readable for the service alone")
            });
            (entry, found)
        }
        (None, Some(entry)) => {
            let name = entry.text()?;
            let found =
                env::var(&name).map_err(|_| format!("the environment has no variable {name}; set it"));
            (entry, found)
        }
        (_, _) => {
            source.fault("file", "write one of file and env");
            return None;
        }
    };
    source.end();
    let secret = found.map_err(|fault| entry.fault(fault)).ok()?;
    let value = HeaderValue::from_str(secret.trim_end_matches(['\r', '\n']));
    match value {
        Ok(_) if secret.trim().is_empty() => {
            entry.fault("there is nothing in it; write the secret into it");
            None
        }
        Ok(mut value) => {
            value.set_sensitive(true);
            Some(value)
        }
        Err(_) => {
            entry.fault("what is there is not a header's value; write one line of printable ASCII");
            None
        }
    }
}

/// Whether a value that stands in the configuration itself had better not be shown either.
fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["auth", "key", "token", "secret", "pass", "cookie", "sign"].iter().any(|word| name.contains(word))
}

/// A secret's file: an absolute name, one among the service's credentials, or one beside the configuration.
fn located(name: &Path, file: &Path) -> PathBuf {
    let credential = env::var_os("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join(name));
    match credential.filter(|path| path.exists()) {
        Some(path) => path,
        None => file.parent().unwrap_or(Path::new(".")).join(name),
    }
}
