//! A key and its value, and the readers of each type of value.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::DeValue;

use super::{Document, Position, Table};

/// One key and its value. An item of a list is an entry too, under the key of the list.
#[derive(Debug)]
pub(in crate::config) struct Entry<'d> {
    pub(super) document: &'d Document<'d>,
    /// The key with its tables, such as `hook.crm.timeout`.
    pub(in crate::config) key: String,
    /// The key within its table.
    pub(in crate::config) name: String,
    pub(super) key_span: Range<usize>,
    pub(super) span: Range<usize>,
    pub(super) value: DeValue<'d>,
}

impl<'d> Entry<'d> {
    /// Reads the value with `read`, or adds a fault with what was found and what would be right.
    pub(in crate::config) fn read<T>(
        &self,
        read: impl FnOnce(&DeValue<'d>) -> Option<T>,
        right: &str,
    ) -> Option<T> {
        let value = read(&self.value);
        if value.is_none() {
            self.fault_with_value(right);
        }
        value
    }

    /// Returns the value if it is a text, or adds a fault.
    pub(in crate::config) fn text(&self) -> Option<String> {
        self.read(|value| value.as_str().map(str::to_owned), "write a text in quotes")
    }

    pub(in crate::config) fn position(&self) -> Position<'d> {
        Position { document: self.document, key: self.key.clone(), span: self.key_span.clone() }
    }

    pub(in crate::config) fn boolean(&self) -> Option<bool> {
        self.read(DeValue::as_bool, "write true or false")
    }

    /// Returns the value if it is a whole number within the range, or adds a fault.
    pub(in crate::config) fn integer(&self, range: RangeInclusive<u64>, right: &str) -> Option<u64> {
        let number = |value: &DeValue<'_>| {
            let written = value.as_integer()?;
            u64::from_str_radix(written.as_str(), written.radix()).ok()
        };
        self.read(|value| number(value).filter(|number| range.contains(number)), right)
    }

    /// Parses the value as a duration: a text, or a number of seconds. The error of `parse` says what would
    /// be right.
    pub(in crate::config) fn duration<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = match &self.value {
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.as_str().to_owned(),
            // no notation of a duration: the fault shows the value
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        parse(&text).map_err(|right| self.fault_with_value(&right.to_string())).ok()
    }

    /// Returns the items of a list, or adds a fault.
    pub(in crate::config) fn list(self) -> Option<Vec<Entry<'d>>> {
        self.read(|value| value.as_array().map(|_| ()), LIST_REMEDY)?;
        Some(self.into_items())
    }

    /// Returns the items of a list, or the value itself if it is not a list.
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

    /// Returns the value if it is a text, and adds no fault.
    pub(in crate::config) fn as_text(&self) -> Option<String> {
        self.value.as_str().map(str::to_owned)
    }

    pub(in crate::config) fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// Returns the value if it is a list of texts, or adds a fault.
    pub(in crate::config) fn texts(&self) -> Option<Vec<String>> {
        let texts = |value: &DeValue<'d>| {
            value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        };
        self.read(texts, LIST_REMEDY)
    }

    /// Returns the value if it is a table, or adds a fault.
    pub(in crate::config) fn table(self) -> Option<Table<'d>> {
        if !self.is_table() {
            match &*self.key {
                "hook" => self.fault_with_value("write a table for each hook, [hook.NAME]"),
                key => self.fault_with_value(&format!("write a table, [{key}]")),
            }
            return None;
        }
        match self.value {
            DeValue::Table(table) => Some(Table::new(self.document, self.key, self.key_span, table)),
            _ => None,
        }
    }

    /// Returns the name of the hook that an unknown table probably means: `[crm]`, `[hook-crm]`,
    /// `[hooks.crm]`.
    pub(super) fn likely_hook(&self) -> Option<String> {
        if has_url(&self.value) {
            return Some(without_hook_prefix(&self.name));
        }
        let tables = self.value.as_table()?.iter();
        let mut hooks = tables.filter(|(_, value)| has_url(value.get_ref()));
        hooks.next().map(|(name, _)| name.get_ref().to_string())
    }

    fn may_be_secret(&self) -> bool {
        self.key.starts_with("hook") && !NEVER_SECRET.contains(&self.name.as_str()) || self.name == "urls"
    }

    /// Adds a fault with what was found and what would be right.
    pub(in crate::config) fn fault_with_value(&self, right: &str) {
        self.fault(format!("found {}; {right}", self.shown_value()));
    }

    /// Adds a fault that does not show the value.
    pub(in crate::config) fn fault(&self, text: impl Into<String>) {
        self.document.fault(self.key_span.clone(), &self.key, text);
    }

    /// Returns the value as it is written, or only its type if it may hold a secret.
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

fn has_url(value: &DeValue<'_>) -> bool {
    value.as_table().is_some_and(|table| table.contains_key("url") || table.contains_key("urls"))
}

/// Returns `crm` for `hook-crm`, and `NAME` for `hooks`. A name that only begins like the prefix stays whole:
/// `hookah`.
fn without_hook_prefix(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let prefixes = ["webhooks", "webhook", "hooks", "hook"];
    let prefix = prefixes.into_iter().find(|prefix| lower.starts_with(prefix)).unwrap_or_default();
    let rest = name.get(prefix.len()..).unwrap_or_default();
    let own = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let is_separated = own.len() < rest.len();
    match (prefix.is_empty(), rest.is_empty(), is_separated) {
        (true, _, _) | (false, false, true) => own.to_owned(),
        (false, true, _) => "NAME".to_owned(),
        (false, false, false) => name.to_owned(),
    }
}

const LIST_REMEDY: &str = "write a list of texts, such as [\"a\", \"b\"]";

/// The keys of a hook whose values are never secrets.
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
