//! Masks telephone numbers in texts of a record, and leaves the ids and times of its call as they are: with
//! them a person finds the call in other logs.

use std::borrow::Cow;
use std::time::UNIX_EPOCH;

use super::Record;
use crate::log::TelephoneNumbers;

/// The rule for the texts of one record.
#[derive(Debug)]
pub(super) struct Masking {
    numbers: TelephoneNumbers,
    /// The texts that look like numbers and are none.
    ids: Vec<String>,
}

/// Characters of the shortest id that is left as it is. A shorter one may stand in a number by chance.
const SHORTEST_ID: usize = 10;

impl Masking {
    /// Returns the rule for a record. `now` is the rule for telephone numbers of the configuration in force.
    pub(super) fn of(record: &Record, now: TelephoneNumbers) -> Self {
        let mut ids = Vec::new();
        if let Some(call) = record.call.as_deref() {
            ids.extend([&call.unique_id, &call.linked_id].map(|id| id.lossy().into_owned()));
            ids.extend(call.created.map(|created| created.as_millis().to_string()));
        }
        let requested = record.requested.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        ids.extend(requested.map(|time| time.as_millis().to_string()));
        ids.retain(|id| id.len() >= SHORTEST_ID);
        Self { numbers: record.numbers(now), ids }
    }

    /// Returns a rule that knows no ids.
    #[cfg(test)]
    pub(super) fn only(numbers: TelephoneNumbers) -> Self {
        Self { numbers, ids: Vec::new() }
    }

    /// Returns a text with masked numbers. Positions in it stay, because each hidden digit becomes an
    /// asterisk.
    pub(super) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some((at, id)) = self.next_id(text) else { return self.numbers.show_text(text) };
        let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
        let (mut at, mut id) = (at, id);
        loop {
            let (before, from) = rest.split_at(at);
            let (own, behind) = from.split_at(id);
            shown.push_str(&self.numbers.show_text(before));
            shown.push_str(own);
            rest = behind;
            match self.next_id(rest) {
                Some(next) => (at, id) = next,
                None => break,
            }
        }
        shown.push_str(&self.numbers.show_text(rest));
        Cow::Owned(shown)
    }

    /// Returns a name with masked numbers.
    pub(super) fn name<'t>(&self, name: &'t str) -> Cow<'t, str> {
        self.numbers.show_name(name)
    }

    /// Returns position and length of the next id that no digit touches.
    fn next_id(&self, text: &str) -> Option<(usize, usize)> {
        let touches = |at: usize, id: &str| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let behind = text.get(at + id.len()..).and_then(|behind| behind.chars().next());
            [before, behind].into_iter().flatten().any(|character| character.is_ascii_digit())
        };
        let found = self.ids.iter().filter_map(|id| {
            let at = text.match_indices(id.as_str()).map(|(at, _)| at).find(|at| !touches(*at, id))?;
            Some((at, id.len()))
        });
        found.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let ids = vec!["1795416038.2".to_owned(), "1795416038000".to_owned()];
        Masking { numbers: TelephoneNumbers::Masked, ids }.text(text).into_owned()
    }

    #[test]
    fn ids_of_the_call_stay_and_numbers_are_masked() {
        assert_eq!(
            masked(r#"{"uuid":"1795416038.2","n":"31612345678","t":"1795416038000","x":"1795416038.2"}"#),
            r#"{"uuid":"1795416038.2","n":"********678","t":"1795416038000","x":"1795416038.2"}"#
        );
        assert_eq!(masked("31612345678"), "********678");
        assert_eq!(masked(""), "");
    }

    #[test]
    fn an_id_within_a_longer_number_is_part_of_the_number() {
        let text = "317954160380001";
        let shown = masked(text);
        assert!(shown.starts_with("***") && shown.len() == text.len(), "{shown}");
    }
}
