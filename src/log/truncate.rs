//! Limits on the length of a text that a peer chose, so that it fills neither the log nor the queue before
//! it.

use std::borrow::Cow;

/// Characters of a name: the id of a call, or the name of a channel, hook or host. Real names have about 20
/// to 80.
pub(super) const MAX_NAME: usize = 200;

/// Characters of a text that is logged at `trace` only. An ordinary answer fits.
pub(super) const MAX_TEXT: usize = 16 * 1024;

/// Returns a name, or its first 200 characters and `…`.
#[must_use]
pub fn truncate_name(name: Cow<'_, str>) -> Cow<'_, str> {
    truncate(name, MAX_NAME)
}

/// Returns a text, or its first `max` characters and `…`.
pub(super) fn truncate(text: Cow<'_, str>, max: usize) -> Cow<'_, str> {
    match first_characters(&text, max) {
        Some(first) => Cow::Owned(format!("{first}…")),
        None => text,
    }
}

/// Returns the first `max` characters of a text that has more.
pub(super) fn first_characters(text: &str, max: usize) -> Option<&str> {
    let (end, _) = text.char_indices().nth(max)?;
    text.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_ends_with_an_ellipsis() {
        for (text, shown) in
            [("", ""), ("caf", "caf"), ("café", "café"), ("cafés", "café…"), ("☎☎☎☎☎", "☎☎☎☎…")]
        {
            assert_eq!(truncate(text.into(), 4), shown);
        }
    }

    #[test]
    fn an_ordinary_name_is_not_truncated() {
        assert_eq!(truncate_name("PJSIP/trunk-0000001a".into()), "PJSIP/trunk-0000001a");
        assert_eq!(truncate_name("x".repeat(1000).into()).chars().count(), MAX_NAME + 1);
    }
}
