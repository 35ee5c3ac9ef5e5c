//! What a text shows of having been written to its end.

/// As far as its text tells, how far a file was written. A start takes every file; a reload takes complete ones only, because
/// somebody may be writing the file at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Completeness {
    /// The text may be whole.
    #[default]
    Complete,
    /// There is nothing but white space.
    Empty,
    /// The last line has no line feed.
    NoLineFeed,
}

impl Completeness {
    pub(super) fn of(text: &str) -> Self {
        match text {
            blank if blank.trim().is_empty() => Self::Empty,
            ended if ended.ends_with('\n') => Self::Complete,
            _ => Self::NoLineFeed,
        }
    }

    /// What an administrator should know before the next reload.
    pub(super) fn notice(self) -> Option<String> {
        let refused = "the last line does not end with a line feed, so that a reload takes the file for half-written and \
                       refuses it; end the last line with one";
        (self == Self::NoLineFeed).then(|| refused.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_shows_whether_its_last_line_was_written_to_its_end() {
        for (text, completeness) in [
            ("", Completeness::Empty),
            (" \n\r\n\t", Completeness::Empty),
            ("company = \"a\"", Completeness::NoLineFeed),
            ("company = \"a\"\n[limits", Completeness::NoLineFeed),
            ("company = \"a\"\n", Completeness::Complete),
            ("company = \"a\"\r\n", Completeness::Complete),
            ("# nothing but a comment\n", Completeness::Complete),
        ] {
            assert_eq!(Completeness::of(text), completeness, "{text:?}");
        }
    }
}
