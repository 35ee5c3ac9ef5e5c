//! A key and its value, and the readers of each type of value.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::DeValue;

use super::{Document, Position, Table};

/// One key and its value.
#[derive(Debug)]
pub(in crate::config) struct Entry<'d> {
    pub(super) document: &'d Document<'d>,
    /// The key as one would say it: `hook.crm.timeout`.
    pub(in crate::config) key: String,
    /// The key within its table.
    pub(in crate::config) name: String,
    pub(super) key_span: Range<usize>,
    pub(super) span: Range<usize>,
    pub(super) value: DeValue<'d>,
}

impl<'d> Entry<'d> {
    /// Reads the value, or makes it a fault that says what was found and what would be right.
    pub(in crate::config) fn read<T>(
        &self,
        read: impl FnOnce(&DeValue<'d>) -> Option<T>,
        right: &str,
    ) -> Option<T> {
        let value = read(&self.value);
        if value.is_none() {
            self.reject(right);
        }
        value
    }

    /// The value as a text.
    pub(in crate::config) fn text(&self) -> Option<String> {
        self.read(|value| value.as_str().map(str::to_owned), "write a text in quotes")
    }

    /// Where it stands.
    pub(in crate::config) fn position(&self) -> Position<'d> {
        Position { document: self.document, key: self.key.clone(), span: self.key_span.clone() }
    }

    /// The value as yes or no.
    pub(in crate::config) fn boolean(&self) -> Option<bool> {
        self.read(DeValue::as_bool, "write true or false")
    }

    /// The value as a whole number in a range.
    pub(in crate::config) fn integer(&self, range: RangeInclusive<u64>, right: &str) -> Option<u64> {
        let number = |value: &DeValue<'_>| {
            let written = value.as_integer()?;
            u64::from_str_radix(written.as_str(), written.radix()).ok()
        };
        self.read(|value| number(value).filter(|number| range.contains(number)), right)
    }

    /// The value as a duration: a text, or a number of seconds. The error of `parse` says what would be right.
    pub(in crate::config) fn duration<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = match &self.value {
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.as_str().to_owned(),
            // a value of another type is no text in any notation
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        parse(&text).map_err(|right| self.reject(&right.to_string())).ok()
    }

    /// The items of a list, each under the key of the list.
    pub(in crate::config) fn list(self) -> Option<Vec<Entry<'d>>> {
        self.read(|value| value.as_array().map(|_| ()), LIST_REMEDY)?;
        Some(self.into_items())
    }

    /// The items of a list, each under the key of the list; the value itself where it is none.
    pub(in crate::config) fn into_items(self) -> Vec<Entry<'d>> {
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
    pub(in crate::config) fn as_text(&self) -> Option<String> {
        self.value.as_str().map(str::to_owned)
    }

    /// Whether the value is a table.
    pub(in crate::config) fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// The value as a list of texts.
    pub(in crate::config) fn texts(&self) -> Option<Vec<String>> {
        let texts = |value: &DeValue<'d>| {
            value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        };
        self.read(texts, LIST_REMEDY)
    }

    /// The value as a table.
    pub(in crate::config) fn table(self) -> Option<Table<'d>> {
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
    pub(super) fn likely_hook(&self) -> Option<String> {
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
    pub(in crate::config) fn reject(&self, right: &str) {
        self.fault(format!("found {}; {right}", self.shown_value()));
    }

    /// A fault in words of its own; for what must not be printed.
    pub(in crate::config) fn fault(&self, what: impl Into<String>) {
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
