//! Tells from the text of a configuration whether it was written to its end.

/// An estimate whether a file was written to its end. A start accepts every file. A reload accepts complete
/// files only, because somebody may be writing the file at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Completeness {
    /// The text may be whole.
    #[default]
    Complete,
    /// The text holds only white space.
    Empty,
    /// The last line has no line feed at its end.
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

    /// Returns a notice if a reload would refuse this text.
    pub(super) fn notice(self) -> Option<String> {
        match self {
            Self::NoLineFeed => Some(
                "the last line has no line feed at its end, so a reload would refuse the file as half-written; \
                 add a line feed"
                    .to_owned(),
            ),
            Self::Complete | Self::Empty => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_line_feed_at_its_end_is_incomplete() {
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
