//! JSON pointers.

use std::str::FromStr;

/// A place in a JSON text (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    text: String,
    /// The names on the way, without escapes.
    names: Vec<String>,
    /// Itself in the letters of a reason.
    in_reason: String,
}

/// Why a text is no such place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a JSON pointer, such as \"/customer/name\" or \"/numbers/0\" (`~1` is a slash in a name, `~0` a tilde)"
)]
pub struct NotAPointer;

impl FromStr for Pointer {
    type Err = NotAPointer;

    fn from_str(text: &str) -> Result<Self, NotAPointer> {
        let begins = text.is_empty() || text.starts_with('/');
        let escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if !(begins && escaped) {
            return Err(NotAPointer);
        }
        let name = |part: &str| part.replace("~1", "/").replace("~0", "~");
        let names: Vec<_> = text.split('/').skip(1).map(name).collect();
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
        let plain = |name: &String| name.chars().map(plain).collect::<String>();
        let in_reason = match text {
            "" => "the top".to_owned(),
            _ => names.iter().map(plain).collect::<Vec<_>>().join(".").chars().take(LONGEST_WORDS).collect(),
        };
        Ok(Self { text: text.to_owned(), names, in_reason })
    }
}

/// So much of a pointer stands in a reason.
const LONGEST_WORDS: usize = 80;

impl Pointer {
    /// The pointer as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn in_reason(&self) -> &str {
        &self.in_reason
    }
}
