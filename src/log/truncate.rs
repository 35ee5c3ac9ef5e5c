//! How much the log takes of a text that somebody else chose: a peer that says much must fill neither the log nor the memory
//! in which lines wait for it.

use std::borrow::Cow;

/// Characters of a name, such as a call's id, a channel's, a hook's, a host's: real ones have some 20 to 80.
pub(super) const MAX_NAME: usize = 200;

/// Characters of what is shown at `trace` alone, where somebody wants to read all of an ordinary answer.
pub(super) const MAX_TEXT: usize = 16 * 1024;

/// A name, or its beginning and `…`.
#[must_use]
pub fn truncate_name(name: Cow<'_, str>) -> Cow<'_, str> {
    truncate(name, MAX_NAME)
}

/// So many characters of a text at most, and `…` where there were more.
pub(super) fn truncate(text: Cow<'_, str>, max: usize) -> Cow<'_, str> {
    match first_characters(&text, max) {
        Some(beginning) => Cow::Owned(format!("{beginning}…")),
        None => text,
    }
}

/// So many characters of a text, where it has more.
pub(super) fn first_characters(text: &str, max: usize) -> Option<&str> {
    text.char_indices().nth(max).and_then(|(end, _)| text.get(..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        for (text, shown) in
            [("", ""), ("caf", "caf"), ("café", "café"), ("cafés", "café…"), ("☎☎☎☎☎", "☎☎☎☎…")]
        {
            assert_eq!(truncate(text.into(), 4), shown);
        }
    }

    #[test]
    fn an_ordinary_name_is_shown_whole() {
        assert_eq!(truncate_name("PJSIP/trunk-0000001a".into()), "PJSIP/trunk-0000001a");
        assert_eq!(truncate_name("x".repeat(1000).into()).chars().count(), MAX_NAME + 1);
    }
}
