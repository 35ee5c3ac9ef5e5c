//! JSON pointers (RFC 6901).

use std::str::FromStr;
use std::sync::Arc;

/// A JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    text: Arc<str>,
    path: Vec<String>,
    in_reason: String,
}

/// The fault of a text that is not a JSON pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a JSON pointer, such as \"/customer/name\" or \"/numbers/0\" (`~1` is a slash in a name, `~0` a tilde)"
)]
pub struct NotAPointer;

impl FromStr for Pointer {
    type Err = NotAPointer;

    /// ```text
    /// pointer = *( "/" *( unescaped / "~0" / "~1" ) )
    /// ```
    fn from_str(text: &str) -> Result<Self, NotAPointer> {
        let begins = text.is_empty() || text.starts_with('/');
        let escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if !(begins && escaped) {
            return Err(NotAPointer);
        }
        let unescape = |name: &str| name.replace("~1", "/").replace("~0", "~");
        let path: Vec<_> = text.split('/').skip(1).map(unescape).collect();
        let in_reason = if path.is_empty() { "the top".to_owned() } else { in_reason(&path) };
        Ok(Self { text: text.into(), path, in_reason })
    }
}

impl Pointer {
    /// Returns the pointer as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the pointer as it was written, without a copy.
    pub(super) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// Returns the names of members and the indexes of elements, without escapes.
    pub(super) fn path(&self) -> &[String] {
        &self.path
    }

    /// Returns the pointer in the characters that a reason may have: `customer.full_name`.
    pub(super) fn in_reason(&self) -> &str {
        &self.in_reason
    }
}

/// The longest pointer in a reason, in bytes.
const LONGEST_IN_REASON: usize = 80;

fn in_reason(path: &[String]) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let names: Vec<String> = path.iter().map(|name| name.chars().map(plain).collect()).collect();
    names.join(".").chars().take(LONGEST_IN_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_written_as_in_rfc_6901() {
        for good in ["", "/", "/a/0", "/a~1b/~0", "/ä b"] {
            assert!(good.parse::<Pointer>().is_ok(), "{good}");
        }
        for bad in ["a", "a/b", "/a~", "/a~2", "$.a"] {
            assert_eq!(bad.parse::<Pointer>(), Err(NotAPointer), "{bad}");
        }
    }
}
