//! Channel variables: their names, their values, and what it means to set one.
//!
//! Knows which names and values any switch can carry; does not know how a switch is told.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::redact;

/// The name of a channel variable, safe on any switch's wire: ASCII letters, digits and `_`.
///
/// A name can thus never write a dialplan function (`CALLERID(name)`), which Asterisk's `SET VARIABLE`
/// would do for a name that ends in `)` (`main/pbx_variables.c`, `pbx_builtin_setvar_helper`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariableName(String);

/// The longest name taken. No switch has such a limit; a command line has (2,046 bytes on Asterisk 16), and
/// with names of this length every status can still be told.
const LONGEST_NAME: usize = 256;

impl VariableName {
    /// The name as the dialplan writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The variable that is meant: without the leading `_` or `__` with which Asterisk hands a variable
    /// on to the channels that this one makes.
    #[must_use]
    pub fn bare(&self) -> &str {
        let once = self.0.strip_prefix('_').unwrap_or(&self.0);
        once.strip_prefix('_').unwrap_or(once)
    }
}

/// Why a text is no name of a channel variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a variable name has 1 to {LONGEST_NAME} letters, digits and `_`")]
pub struct NotAVariableName;

impl FromStr for VariableName {
    type Err = NotAVariableName;

    fn from_str(text: &str) -> Result<Self, NotAVariableName> {
        let fits = (1..=LONGEST_NAME).contains(&text.len());
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let name = Self(text.to_owned());
        if fits && plain && !name.bare().is_empty() { Ok(name) } else { Err(NotAVariableName) }
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for VariableName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The name of a channel variable that is read: ASCII letters, digits, `_`, `-` and `.`.
///
/// It may hold more than a [`VariableName`], because FreeSWITCH names variables after SIP headers (`sip_h_X-Customer`).
/// Neither switch takes these two signs for anything else in a name that it reads; Asterisk does so with `(`, `)`, `:`,
/// `{` and `}` (`main/pbx_variables.c`, `parse_variable_name`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchName(String);

impl FetchName {
    /// The name as the dialplan writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no name of a channel variable that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a variable that is read has 1 to {LONGEST_NAME} letters, digits, `_`, `-` and `.`")]
pub struct NotAFetchName;

impl FromStr for FetchName {
    type Err = NotAFetchName;

    fn from_str(text: &str) -> Result<Self, NotAFetchName> {
        let fits = (1..=LONGEST_NAME).contains(&text.len());
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        let named = text.bytes().any(|b| b.is_ascii_alphanumeric());
        if fits && plain && named { Ok(Self(text.to_owned())) } else { Err(NotAFetchName) }
    }
}

impl fmt::Display for FetchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for FetchName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What a channel variable holds: bytes. Usually UTF-8; a switch promises nothing.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value(Vec<u8>);

impl Value {
    /// The bytes as they are on the channel.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing in it, which is how a switch shows an unset variable too.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text for a person or for JSON: what is not UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl<T: Into<Vec<u8>>> From<T> for Value {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

/// The text without the secrets of a URL: what stands between `://` and `@`, as it is or percent-encoded, and the rest that
/// [`redact`] knows.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.lossy();
        let text = match around_credentials(&text) {
            Some((before, behind)) => Cow::Owned(format!("{before}://…@{behind}")),
            None => text,
        };
        fmt::Debug::fmt(&redact::urls_in(&text), f)
    }
}

/// What stands before the first `://`, and behind the last `@` after it.
fn around_credentials(text: &str) -> Option<(&str, &str)> {
    let (before, inside) = text.char_indices().find_map(|(at, _)| {
        let (before, from) = text.split_at_checked(at)?;
        let behind_colon = without(from, ':')?;
        Some((before, without(without(behind_colon, '/')?, '/')?))
    })?;
    let behind = inside.char_indices().rev().find_map(|(at, _)| without(inside.get(at..)?, '@'))?;
    Some((before, behind))
}

/// What stands behind this character: itself, or percent-encoded however often (`@`, `%40`, `%2540`).
fn without(text: &str, first: char) -> Option<&str> {
    let code = text.strip_prefix('%').map(|code| code.trim_start_matches("25"));
    let (code, rest) = code.and_then(|code| code.split_at_checked(2)).unwrap_or_default();
    let encoded = u8::from_str_radix(code, 16).is_ok_and(|byte| char::from(byte) == first);
    text.strip_prefix(first).or(encoded.then_some(rest))
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.lossy())
    }
}

/// Channel variables by name, in a stable order.
pub type Variables = BTreeMap<FetchName, Value>;

/// One variable that is to be set on the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Which variable.
    pub name: VariableName,
    /// What it shall hold; empty means "nothing" on every switch.
    pub value: Value,
    /// How the value was accepted: a dialect guards it accordingly.
    pub accept: Accept,
}

impl Assignment {
    /// An assignment of a value that no stranger wrote: our own, or one of the configuration. It is guarded like a text.
    #[must_use]
    pub fn own(name: VariableName, value: Value) -> Self {
        Self { name, value, accept: Accept::Text }
    }
}

/// How much of a stranger's text may enter a channel variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Accept {
    /// A word: letters, digits and a few signs that no dialplan takes for anything else, wherever it puts them.
    #[default]
    Word,
    /// A text for people and for conditions in quotes. It changes no condition, but may mean something in a dial string.
    Text,
    /// Whatever the switch can carry exactly, for a dialplan that takes the text apart itself.
    Any,
}

/// Why a text is no way to accept an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAccept {
    /// The former name of `text`.
    #[error("\"safe\" is called \"text\" now")]
    Safe,
    /// Anything else.
    #[error("write \"word\" or \"text\" (\"any\" leaves the care to the dialplan)")]
    Unknown,
}

impl FromStr for Accept {
    type Err = NotAnAccept;

    fn from_str(text: &str) -> Result<Self, NotAnAccept> {
        match text {
            "word" => Ok(Self::Word),
            "text" => Ok(Self::Text),
            "any" => Ok(Self::Any),
            "safe" => Err(NotAnAccept::Safe),
            _ => Err(NotAnAccept::Unknown),
        }
    }
}

/// Why a switch's wire cannot carry a value, or must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It would end the command, and the rest would be the next one.
    #[error("a line break cannot be carried")]
    Newline,
    /// It would end the text for a program in C.
    #[error("a NUL byte cannot be carried")]
    Nul,
    /// It would make a quoted condition true.
    #[error("a double quote in it would end the quotes of a condition")]
    Quote,
    /// A regular expression such as `^sales$` would overlook it.
    #[error("a line feed at its end would change conditions")]
    LineFeedAtEnd,
    /// The command would be cut, and its rest would be the next one.
    #[error("it is too long for a command of the switch")]
    TooLong,
    /// It could become `${…}`, now or when the variable is used.
    #[error("a dollar sign in it could open an expansion")]
    Expansion,
    /// An application whose whole argument it is would set variables from it.
    #[error("it begins like variables of an application")]
    Scope,
    /// It would be stored as a list of its parts.
    #[error("it begins like an array of the switch")]
    Array,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_letters_digits_and_underscores() {
        for good in ["CRM", "crm_2", "_ROUTE", "__ROUTE", "2nd", &"x".repeat(256)] {
            assert_eq!(good.parse::<VariableName>().map(|n| n.to_string()), Ok(good.to_owned()));
        }
        let long = "x".repeat(257);
        for bad in ["", "_", "__", "CALLERID(name)", "a b", "a=b", "ä", "a\n", "a\"", "${X}", &long] {
            assert_eq!(bad.parse::<VariableName>(), Err(NotAVariableName), "{bad:?}");
        }
    }

    #[test]
    fn a_name_that_is_read_may_hold_hyphens_and_points() {
        for good in ["CRM", "sip_h_X-Customer", "a.b-c", "__ROUTE", "-1", &"x".repeat(256)] {
            assert_eq!(good.parse::<FetchName>().map(|n| n.to_string()), Ok(good.to_owned()));
        }
        let long = "x".repeat(257);
        for bad in
            ["", "_", "-", "..", "CALLERID(name)", "a b", "a:1", "ä", "a\n", "a\"", "${X}", "a}", &long]
        {
            assert_eq!(bad.parse::<FetchName>(), Err(NotAFetchName), "{bad:?}");
        }
    }

    #[test]
    fn credentials_in_a_url_are_not_for_the_log() {
        let shown = |text: &str| format!("{:?}", Value::from(text));
        assert_eq!(shown("url=http://u:p@ss@h/?a@b"), "\"url=http://…@b\"");
        assert_eq!([shown("a@b"), shown("http://h/")], ["\"a@b\"", "\"http://h/\""]);
        assert_eq!(shown("webhook?url=http%3A%2f%2Fu%3Ap%40x%40h%2F"), "\"webhook?url=http://…@h%2F\"");
        for url in
            ["http%3A//u:p@h", "http:%2F%2Fu:p%2540h", "agi://h/webhook?url=http%253A%252F%252Fu%253Ap%2540h"]
        {
            let shown = shown(url);
            assert!(shown.ends_with("://…@h\""), "{shown}");
        }
        assert_eq!(shown("50%@é%"), "\"50%@é%\"");
        assert_eq!(shown("url=http://h/?token=geheim&a=1"), "\"url=http://h/?token=…&a=1\"");
    }

    #[test]
    fn inheritance_marks_do_not_belong_to_the_variable() {
        let bare = |name: &str| name.parse::<VariableName>().unwrap().bare().to_owned();
        assert_eq!(["R", "_R", "__R", "___R"].map(bare), ["R", "R", "R", "_R"]);
    }
}
