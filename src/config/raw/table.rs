//! A table, read key by key.

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
    name: String,
    span: Range<usize>,
    /// Those that were not taken yet.
    entries: Vec<Entry<'d>>,
    /// Names and key_spans of all entries, also of those that were taken.
    key_spans: Vec<(String, Range<usize>)>,
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

    /// The entry of that name, if there is one.
    pub(in crate::config) fn take(&mut self, name: &'static str) -> Option<Entry<'d>> {
        self.known.push(name);
        let at = self.entries.iter().position(|entry| entry.name == name)?;
        Some(self.entries.remove(at))
    }

    /// The table of that name; an empty one if there is none.
    pub(in crate::config) fn table(&mut self, name: &'static str) -> Table<'d> {
        let found = self.take(name).and_then(Entry::table);
        found.unwrap_or_else(|| Table::new(self.document, name.to_owned(), 0..0, DeTable::new()))
    }

    /// Every entry, whatever its name: in this table the names are the administrator's.
    pub(in crate::config) fn into_entries(self) -> Vec<Entry<'d>> {
        self.entries
    }

    /// Whether any of these entries was there when the table was read.
    pub(in crate::config) fn contains_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.key_spans.iter().any(|(there, _)| there == name))
    }

    /// Where the table stands.
    pub(in crate::config) fn position(&self) -> Position<'d> {
        Position { document: self.document, key: self.name.clone(), span: self.span.clone() }
    }

    /// A fault of a key: at its own place, or at the table's where it does not stand there.
    pub(in crate::config) fn fault(&self, key: &str, what: impl Into<String>) {
        let own = self.key_spans.iter().find(|(name, _)| name == key).map(|(_, at)| at);
        let at = own.unwrap_or(&self.span).clone();
        self.document.fault(at, &format!("{}.{key}", self.name), what);
    }

    /// Something that is no fault of a key, but to be known; the words go on from the key.
    pub(in crate::config) fn notice(&self, key: &str, what: &str) {
        self.document.notices.borrow_mut().push(format!("{}.{key} {what}", self.name));
    }

    /// Ends the table: what nobody took is unknown.
    pub(in crate::config) fn finish(self) {
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
