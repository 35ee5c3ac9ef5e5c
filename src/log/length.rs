//! How much the log takes of a text that somebody else chose: a peer that says much must fill neither the log nor the memory
//! in which lines wait for it.

use std::borrow::Cow;

/// Characters of a name, such as a call's id, a channel's, a hook's, a host's: real ones have some 20 to 80.
const NAME: usize = 200;

/// Characters of what is shown at `trace` alone, where somebody wants to read all of an ordinary answer.
const SPEECH: usize = 16 * 1024;

/// A name, or its beginning and `…`.
#[must_use]
pub fn brief(name: Cow<'_, str>) -> Cow<'_, str> {
    cut(name, NAME)
}

/// What somebody said, or its beginning and `…`.
#[must_use]
pub fn at_length(speech: Cow<'_, str>) -> Cow<'_, str> {
    cut(speech, SPEECH)
}

/// So many characters of a text at most, and `…` where there were more.
pub(super) fn cut(text: Cow<'_, str>, longest: usize) -> Cow<'_, str> {
    let end = text.char_indices().nth(longest).map(|(end, _)| end);
    match end.and_then(|end| text.get(..end)) {
        Some(beginning) => Cow::Owned(format!("{beginning}…")),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        for (text, shown) in
            [("", ""), ("caf", "caf"), ("café", "café"), ("cafés", "café…"), ("☎☎☎☎☎", "☎☎☎☎…")]
        {
            assert_eq!(cut(text.into(), 4), shown);
        }
    }

    #[test]
    fn names_are_shorter_than_what_is_said_at_trace() {
        let long = "x".repeat(2 * SPEECH);
        assert_eq!(brief(Cow::Borrowed(&long)).chars().count(), NAME + 1);
        assert_eq!(at_length(Cow::Borrowed(&long)).chars().count(), SPEECH + 1);
        assert_eq!(brief("PJSIP/trunk-0000001a".into()), "PJSIP/trunk-0000001a");
    }
}
