//! The name of an unknown parameter, if a reason may show it.

use std::fmt;

/// The name of an unknown parameter, if it has at most 32 letters, digits and `_`.
///
/// Any other name is empty here, because it may be text that a caller sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownName {
    bytes: [u8; LONGEST],
    length: usize,
}

/// The longest name that is shown, in bytes.
const LONGEST: usize = 32;

impl ShownName {
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        let plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let mut bytes = [0; LONGEST];
        match bytes.get_mut(..name.len()).filter(|_| plain) {
            Some(shown) => {
                shown.copy_from_slice(name);
                Self { bytes, length: name.len() }
            }
            None => Self { bytes, length: 0 },
        }
    }
}

/// Writes a space and the name, or nothing.
impl fmt::Display for ShownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.bytes.get(..self.length).and_then(|name| std::str::from_utf8(name).ok());
        match name {
            Some(name) if !name.is_empty() => write!(f, " {name}"),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_name_is_shown() {
        let shown = |name: &[u8]| ShownName::new(name).to_string();
        let (longest, longer) = ([b'x'; 32], [b'x'; 33]);
        assert_eq!(shown(b"tiemout_2"), " tiemout_2");
        assert_eq!(shown(&longest).len(), 33);
        for name in [&b""[..], b"a b", b"a-b", b"a\"", b"a\n", b"${X}", b"caf\xe9", &longer] {
            assert_eq!(shown(name), "", "{}", name.escape_ascii());
        }
    }
}
