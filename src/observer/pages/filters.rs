//! The filters of the list of calls, as the URL has them.

use url::form_urlencoded::{Serializer, parse};

use super::text::short;

/// The filters of a list. Each is the text that the person wrote, so that the form shows it again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    pub q: String,
    pub hook: String,
    pub status: String,
    pub slower_ms: String,
    pub since: String,
    pub limit: String,
    /// True for the list of failures.
    pub failed: bool,
}

/// A filter that is in force, with the URL of the list without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Active {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) without: String,
}

/// Longest text of a filter in force, in characters.
const LONGEST_VALUE: usize = 60;

impl Filters {
    /// Reads the query of a URL. Other parameters are left out.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let mut filters = Self::default();
        for (name, value) in parse(query.as_bytes()) {
            let value = value.trim();
            match &*name {
                "failed" => filters.failed = value == "true",
                name => {
                    if let Some(field) = filters.field(name) {
                        value.clone_into(field);
                    }
                }
            }
        }
        filters
    }

    /// Returns the text of a filter, to be changed.
    fn field(&mut self, name: &str) -> Option<&mut String> {
        match name {
            "q" => Some(&mut self.q),
            "hook" => Some(&mut self.hook),
            "status" => Some(&mut self.status),
            "slower_ms" => Some(&mut self.slower_ms),
            "since" => Some(&mut self.since),
            "limit" => Some(&mut self.limit),
            _ => None,
        }
    }

    /// The filters that have a text, but the limit.
    fn texts(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        let all = [
            ("q", "search", &self.q),
            ("hook", "hook", &self.hook),
            ("status", "status", &self.status),
            ("slower_ms", "slower than, ms", &self.slower_ms),
            ("since", "since", &self.since),
        ];
        all.into_iter()
            .filter(|(.., value)| !value.is_empty())
            .map(|(name, label, value)| (name, label, &**value))
    }

    /// The path and query of the list with these filters.
    pub(super) fn href(&self) -> String {
        let mut query = Serializer::new(String::new());
        for (name, _, value) in self.texts() {
            query.append_pair(name, value);
        }
        if self.failed {
            query.append_pair("failed", "true");
        }
        if !self.limit.is_empty() {
            query.append_pair("limit", &self.limit);
        }
        match query.finish() {
            query if query.is_empty() => "/".to_owned(),
            query => format!("/?{query}"),
        }
    }

    /// The path and query of all steps, or of the failures alone, with the same other filters.
    pub(super) fn tab(&self, failed: bool) -> String {
        Self { failed, ..self.clone() }.href()
    }

    /// The filters that are in force.
    pub(super) fn active(&self) -> Vec<Active> {
        let without = |name| {
            let mut others = self.clone();
            if let Some(field) = others.field(name) {
                field.clear();
            }
            others.href()
        };
        let active = self.texts();
        active
            .map(|(name, label, value)| Active {
                label,
                value: short(value, LONGEST_VALUE),
                without: without(name),
            })
            .collect()
    }

    /// True if a filter beside the search is in force.
    pub(super) fn has_more(&self) -> bool {
        self.texts().any(|(name, ..)| name != "q") || !self.limit.is_empty()
    }
}

/// The path of the steps that a text finds: an id or a number.
pub(super) fn search(text: &str) -> String {
    Filters { q: text.to_owned(), ..Filters::default() }.href()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_and_written_again() {
        let filters = Filters::parse("q=%26678+&hook=crm&failed=true&limit=50&since=10m&other=1");
        assert_eq!((&*filters.q, &*filters.hook, filters.failed), ("&678", "crm", true));
        assert_eq!(filters.href(), "/?q=%26678&hook=crm&since=10m&failed=true&limit=50");
        assert_eq!(Filters::parse(&filters.href()[2..]), filters);
        assert_eq!(Filters::default().href(), "/");
    }

    #[test]
    fn a_filter_in_force_has_a_link_to_the_list_without_it() {
        let active = Filters::parse("q=678&status=OK&failed=true").active();
        let links: Vec<_> = active.iter().map(|active| (active.label, &*active.without)).collect();
        assert_eq!(links, [("search", "/?status=OK&failed=true"), ("status", "/?q=678&failed=true")]);
    }
}
