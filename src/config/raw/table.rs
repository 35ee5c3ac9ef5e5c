//! A table, read key by key. The keys that are left at the end are unknown.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Document, Entry, Position};
use crate::hook::nearest;

/// One table.
#[derive(Debug)]
pub(in crate::config) struct Table<'d> {
    document: &'d Document<'d>,
    /// The name with its tables, such as `hook.crm`; empty for the outermost table.
    name: String,
    span: Range<usize>,
    /// The entries that were not taken yet.
    entries: Vec<Entry<'d>>,
    /// The names and positions of all keys, also of those that were taken.
    key_spans: Vec<(String, Range<usize>)>,
    /// The names that were asked for.
    known: Vec<&'static str>,
}

impl<'d> Table<'d> {
    pub(super) fn new(
        document: &'d Document<'d>,
        name: String,
        span: Range<usize>,
        table: DeTable<'d>,
    ) -> Self {
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

    /// Takes the entry with this name out of the table.
    pub(in crate::config) fn take(&mut self, name: &'static str) -> Option<Entry<'d>> {
        self.known.push(name);
        let index = self.entries.iter().position(|entry| entry.name == name)?;
        Some(self.entries.remove(index))
    }

    /// Takes the table with this name out of this one. A missing table is an empty one.
    pub(in crate::config) fn table(&mut self, name: &'static str) -> Table<'d> {
        let found = self.take(name).and_then(Entry::table);
        found.unwrap_or_else(|| Table::new(self.document, name.to_owned(), 0..0, DeTable::new()))
    }

    /// Returns all entries, for a table in which the administrator chooses the names.
    pub(in crate::config) fn into_entries(self) -> Vec<Entry<'d>> {
        self.entries
    }

    /// True if the table holds, or held, one of these keys.
    pub(in crate::config) fn contains_any(&self, names: &[&str]) -> bool {
        self.key_spans.iter().any(|(name, _)| names.contains(&name.as_str()))
    }

    pub(in crate::config) fn position(&self) -> Position<'d> {
        Position { document: self.document, key: self.name.clone(), span: self.span.clone() }
    }

    /// Adds a fault of a key, on the line of the key, or on that of the table if the key is missing.
    pub(in crate::config) fn fault(&self, key: &str, text: impl Into<String>) {
        let key_span = self.key_spans.iter().find(|(name, _)| name == key).map(|(_, span)| span);
        let span = key_span.unwrap_or(&self.span).clone();
        self.document.fault(span, &format!("{}.{key}", self.name), text);
    }

    /// Adds a notice about a key. The text continues a sentence that begins with the key.
    pub(in crate::config) fn notice(&self, key: &str, text: &str) {
        self.document.notices.borrow_mut().push(format!("{}.{key} {text}", self.name));
    }

    /// Adds a fault for each key that was not taken.
    pub(in crate::config) fn finish(self) {
        for entry in &self.entries {
            entry.fault(format!("unknown key; {}", self.unknown_key_remedy(entry)));
        }
    }

    fn unknown_key_remedy(&self, entry: &Entry<'d>) -> String {
        if self.name.is_empty()
            && let Some(hook) = entry.likely_hook()
        {
            return format!("did you mean [hook.{hook}]?");
        }
        if let Some(near) = nearest(&entry.name, self.known.iter().copied()) {
            return format!("did you mean `{near}`?");
        }
        let table = if self.name.is_empty() { "the file".to_owned() } else { format!("[{}]", self.name) };
        format!("{table} has the keys {}", self.known.join(", "))
    }
}
