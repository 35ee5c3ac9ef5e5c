//! What the configuration file says, entry by entry, with the line of each: tables are read key by key, and what
//! is left over is unknown.
//!
//! Knows TOML and collects faults; does not know what a key means. (serde would stop at the first fault.) What is no TOML is
//! repaired in `repair`, so that the rest can be read.

mod repair;

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::repair::{message, repaired};
use super::Fault;
use crate::hook::nearest;

/// The text of a configuration, and what was found in it so far.
#[derive(Debug)]
pub(super) struct Document<'t> {
    text: Cow<'t, str>,
    faults: RefCell<Vec<Fault>>,
    notices: RefCell<Vec<String>>,
}

impl<'t> Document<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let (text, missing) = repaired(text);
        let document = Self { text, faults: RefCell::default(), notices: RefCell::default() };
        for (at, what) in missing {
            document.fault(at..at, "", format!("not TOML: {what}"));
        }
        document
    }

    /// The outermost table. What is no TOML is a fault, and the rest is read even so.
    pub(super) fn root(&self) -> Table<'_> {
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        for error in errors {
            let at = error.span().unwrap_or_default();
            self.fault(at, "", format!("not TOML: {}", message(&error, &self.text)));
        }
        Table::new(self, String::new(), 0..0, root.into_inner())
    }

    /// What is right, but does nothing, or not what one may think.
    pub(super) fn notices(&self) -> Vec<String> {
        self.notices.borrow().clone()
    }

    /// Every fault, in the order of the lines.
    pub(super) fn faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.line);
        faults
    }

    fn fault(&self, span: Range<usize>, key: &str, what: impl Into<String>) {
        let line = 1 + self.text.bytes().take(span.start).filter(|&byte| byte == b'\n').count();
        let fault = Fault { line, key: key.to_owned(), what: what.into() };
        let mut faults = self.faults.borrow_mut();
        // the same words a second time help nobody
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
}

/// One table.
#[derive(Debug)]
pub(super) struct Table<'d> {
    document: &'d Document<'d>,
    name: String,
    span: Range<usize>,
    /// Those that were not taken yet.
    entries: Vec<Entry<'d>>,
    /// Names and key_spans of all entries, also of those that were taken.
    key_spans: Vec<(String, Range<usize>)>,
    known: Vec<&'static str>,
}

/// One key and its value.
#[derive(Debug)]
pub(super) struct Entry<'d> {
    document: &'d Document<'d>,
    /// The key as one would say it: `hook.crm.timeout`.
    pub(super) key: String,
    /// The key within its table.
    pub(super) name: String,
    key_span: Range<usize>,
    span: Range<usize>,
    value: DeValue<'d>,
}

/// Where an entry stands, for faults that are found when its value has been taken.
#[derive(Debug, Clone)]
pub(super) struct Position<'d> {
    document: &'d Document<'d>,
    key: String,
    span: Range<usize>,
}

impl Position<'_> {
    /// A fault of the entry.
    pub(super) fn fault(&self, what: impl Into<String>) {
        self.document.fault(self.span.clone(), &self.key, what);
    }

    /// What was made of the entry; each reason why nothing could be made of it is a fault.
    pub(super) fn value_or_faults<T>(&self, made: Result<T, Vec<String>>) -> Option<T> {
        made.map_err(|faults| faults.into_iter().for_each(|fault| self.fault(fault))).ok()
    }
}

impl<'d> Table<'d> {
    fn new(document: &'d Document<'d>, name: String, span: Range<usize>, table: DeTable<'d>) -> Self {
        let entry = |(key, value): (Spanned<Cow<'d, str>>, Spanned<DeValue<'d>>)| Entry {
            document,
            key: if name.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{name}.{}", key.get_ref())
            },
            name: key.get_ref().to_string(),
            key_span: key.span(),
            span: value.span(),
            value: value.into_inner(),
        };
        let entries: Vec<_> = table.into_iter().map(entry).collect();
        let key_spans = entries.iter().map(|entry| (entry.name.clone(), entry.key_span.clone())).collect();
        Self { document, name, span, entries, key_spans, known: Vec::new() }
    }

    /// The entry of that name, if there is one.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Entry<'d>> {
        self.known.push(name);
        let at = self.entries.iter().position(|entry| entry.name == name)?;
        Some(self.entries.remove(at))
    }

    /// The table of that name; an empty one if there is none.
    pub(super) fn table(&mut self, name: &'static str) -> Table<'d> {
        let found = self.take(name).and_then(Entry::table);
        found.unwrap_or_else(|| Table::new(self.document, name.to_owned(), 0..0, DeTable::new()))
    }

    /// Every entry, whatever its name: in this table the names are the administrator's.
    pub(super) fn into_entries(self) -> Vec<Entry<'d>> {
        self.entries
    }

    /// Whether any of these entries was there when the table was read.
    pub(super) fn contains_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.key_spans.iter().any(|(there, _)| there == name))
    }

    /// Where the table stands.
    pub(super) fn position(&self) -> Position<'d> {
        Position { document: self.document, key: self.name.clone(), span: self.span.clone() }
    }

    /// A fault of a key: at its own place, or at the table's where it does not stand there.
    pub(super) fn fault(&self, key: &str, what: impl Into<String>) {
        let own = self.key_spans.iter().find(|(name, _)| name == key).map(|(_, at)| at);
        let at = own.unwrap_or(&self.span).clone();
        self.document.fault(at, &format!("{}.{key}", self.name), what);
    }

    /// Something that is no fault of a key, but to be known; the words go on from the key.
    pub(super) fn notice(&self, key: &str, what: &str) {
        self.document.notices.borrow_mut().push(format!("{}.{key} {what}", self.name));
    }

    /// Ends the table: what nobody took is unknown.
    pub(super) fn finish(self) {
        for entry in &self.entries {
            let place = if self.name.is_empty() { "the file".to_owned() } else { format!("[{}]", self.name) };
            let remedy = match nearest(&entry.name, self.known.iter().copied()) {
                _ if self.name.is_empty() && entry.likely_hook().is_some() => {
                    format!("did you mean [hook.{}]?", entry.likely_hook().unwrap_or_default())
                }
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("{place} knows {}", self.known.join(", ")),
            };
            self.document.fault(entry.key_span.clone(), &entry.key, format!("unknown key; {remedy}"));
        }
    }
}

impl<'d> Entry<'d> {
    /// Reads the value, or makes it a fault that says what was found and what would be right.
    pub(super) fn read<T>(&self, read: impl FnOnce(&DeValue<'d>) -> Option<T>, right: &str) -> Option<T> {
        let value = read(&self.value);
        if value.is_none() {
            self.reject(right);
        }
        value
    }

    /// The value as a text.
    pub(super) fn text(&self) -> Option<String> {
        self.read(|value| value.as_str().map(str::to_owned), "write a text in quotes")
    }

    /// Where it stands.
    pub(super) fn position(&self) -> Position<'d> {
        Position { document: self.document, key: self.key.clone(), span: self.key_span.clone() }
    }

    /// The value as yes or no.
    pub(super) fn boolean(&self) -> Option<bool> {
        self.read(DeValue::as_bool, "write true or false")
    }

    /// The value as a whole number in a range.
    pub(super) fn integer(&self, range: RangeInclusive<u64>, right: &str) -> Option<u64> {
        let number = |value: &DeValue<'_>| {
            let written = value.as_integer()?;
            u64::from_str_radix(written.as_str(), written.radix()).ok()
        };
        self.read(|value| number(value).filter(|number| range.contains(number)), right)
    }

    /// The value as a duration: a text, or a number of seconds. The error of `parse` says what would be right.
    pub(super) fn duration<T, E: Display>(&self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = match &self.value {
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.as_str().to_owned(),
            // a value of another type is no text in any notation
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        parse(&text).map_err(|right| self.reject(&right.to_string())).ok()
    }

    /// The items of a list, each under the key of the list.
    pub(super) fn list(self) -> Option<Vec<Entry<'d>>> {
        self.read(|value| value.as_array().map(|_| ()), LIST_REMEDY)?;
        Some(self.into_items())
    }

    /// The items of a list, each under the key of the list; the value itself where it is none.
    pub(super) fn into_items(self) -> Vec<Entry<'d>> {
        let item = |value: Spanned<DeValue<'d>>| Entry {
            document: self.document,
            key: self.key.clone(),
            name: self.name.clone(),
            key_span: value.span(),
            span: value.span(),
            value: value.into_inner(),
        };
        match self.value {
            DeValue::Array(items) => items.into_iter().map(item).collect(),
            value => vec![Entry { value, ..self }],
        }
    }

    /// The value, if it is a text; no fault otherwise.
    pub(super) fn as_text(&self) -> Option<String> {
        self.value.as_str().map(str::to_owned)
    }

    /// Whether the value is a table.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// The value as a list of texts.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        let texts = |value: &DeValue<'d>| {
            value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        };
        self.read(texts, LIST_REMEDY)
    }

    /// The value as a table.
    pub(super) fn table(self) -> Option<Table<'d>> {
        if !self.is_table() {
            match &*self.key {
                "hook" => self.reject("write a table for each hook, [hook.NAME]"),
                key => self.reject(&format!("write a table, [{key}]")),
            }
            return None;
        }
        match self.value {
            DeValue::Table(table) => Some(Table::new(self.document, self.key, self.key_span, table)),
            _ => None,
        }
    }

    /// The name of the hook that an unknown table can be meant for: `[crm]`, `[hook-crm]`, `[hooks.crm]`.
    fn likely_hook(&self) -> Option<String> {
        let is_hook = |value: &DeValue<'_>| {
            value.as_table().is_some_and(|table| table.contains_key("url") || table.contains_key("urls"))
        };
        if is_hook(&self.value) {
            let lower = self.name.to_ascii_lowercase();
            let prefix =
                ["webhooks", "webhook", "hooks", "hook"].into_iter().find(|word| lower.starts_with(word));
            let rest = self.name.get(prefix.map_or(0, str::len)..).unwrap_or_default();
            let apart = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            let own = if prefix.is_some() && apart.len() == rest.len() { &self.name } else { apart };
            let own = if prefix.is_some() && rest.is_empty() { "NAME" } else { own };
            return Some(own.to_owned());
        }
        let parts = self.value.as_table()?.iter();
        parts
            .into_iter()
            .find(|(_, value)| is_hook(value.get_ref()))
            .map(|(name, _)| name.get_ref().to_string())
    }

    fn may_be_secret(&self) -> bool {
        self.key.starts_with("hook") && !NEVER_SECRET.contains(&self.name.as_str()) || self.name == "urls"
    }

    /// A fault: what was found, and what would be right.
    pub(super) fn reject(&self, right: &str) {
        self.fault(format!("found {}; {right}", self.shown_value()));
    }

    /// A fault in words of its own; for what must not be printed.
    pub(super) fn fault(&self, what: impl Into<String>) {
        self.document.fault(self.key_span.clone(), &self.key, what);
    }

    /// The value as the file has it; only its kind where it may be, or hold, a secret.
    fn shown_value(&self) -> String {
        let written = self.document.text.get(self.span.clone()).unwrap_or_default();
        let credentials = written.contains("://") && written.contains('@');
        if self.may_be_secret() || credentials {
            return format!("a value of the type {}", self.value.type_str());
        }
        let line: String = written.lines().next().unwrap_or_default().chars().take(60).collect();
        if line.len() < written.len() { format!("{line}…") } else { line }
    }
}

const LIST_REMEDY: &str = "write a list of texts, such as [\"a\", \"b\"]";

/// Keys of a hook whose values are never secrets.
const NEVER_SECRET: [&str; 19] = [
    "method",
    "timeout",
    "variable",
    "accept",
    "answers",
    "otherwise",
    "fetch",
    "idempotent",
    "keep_alive",
    "breaker",
    "failures",
    "probe",
    "cache",
    "stale_if_error",
    "redirects",
    "redirect_hosts",
    "detach",
    "insecure",
    "status",
];

#[cfg(test)]
mod tests;
