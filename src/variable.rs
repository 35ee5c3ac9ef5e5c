//! Channel variables: their names, their values, and assignments.
//!
//! Knows the names that any switch can carry; does not know the commands of a switch.

mod source;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

pub use self::source::{AnswerPart, ValueSource};
use crate::redact;

/// The name of a channel variable, safe on any switch's wire: ASCII letters, digits and `_`.
///
/// Such a name can never write a dialplan function (`CALLERID(name)`). Asterisk's `SET VARIABLE` would do so
/// for a name that ends in `)` (`main/pbx_variables.c`, `pbx_builtin_setvar_helper`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariableName(String);

/// Bytes of the longest name that is accepted. No switch limits a name, but Asterisk 16 limits a command line
/// to 2,046 bytes. With names of this length every status still fits.
const LONGEST_NAME: usize = 256;

impl VariableName {
    /// Returns the name as the dialplan writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of the variable itself, without a leading `_` or `__`. With these Asterisk passes a
    /// variable on to the channels that this one makes.
    #[must_use]
    pub fn bare(&self) -> &str {
        let once = self.0.strip_prefix('_').unwrap_or(&self.0);
        once.strip_prefix('_').unwrap_or(once)
    }
}

/// The error of a text that is no [`VariableName`].
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
/// It allows more than a [`VariableName`], because FreeSWITCH names variables after SIP headers
/// (`sip_h_X-Customer`). `-` and `.` have no meaning in a name that a switch reads. `(`, `)`, `:`, `{` and
/// `}` have one in Asterisk (`main/pbx_variables.c`, `parse_variable_name`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchName(String);

impl FetchName {
    /// Returns the name as the dialplan writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The error of a text that is no [`FetchName`].
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

/// The value of a channel variable. The bytes are usually UTF-8, but no switch promises that.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value(Vec<u8>);

impl Value {
    /// Returns the bytes as they are on the channel.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// True if there are no bytes. An unset variable is empty as well.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the text for a person or for JSON. Bytes that are not UTF-8 become U+FFFD.
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

/// Shows the text without the secrets of a URL: the credentials between `://` and `@`, plain or
/// percent-encoded, and the secrets that [`redact`] knows.
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

/// Returns the text before the first `://`, and the text after the last `@` that follows.
fn around_credentials(text: &str) -> Option<(&str, &str)> {
    let (before, inside) = text.char_indices().find_map(|(at, _)| {
        let (before, from) = text.split_at_checked(at)?;
        let behind_colon = without(from, ':')?;
        Some((before, without(without(behind_colon, '/')?, '/')?))
    })?;
    let behind = inside.char_indices().rev().find_map(|(at, _)| without(inside.get(at..)?, '@'))?;
    Some((before, behind))
}

/// Returns the text after this character, which may be percent-encoded several times (`@`, `%40`, `%2540`).
/// Returns `None` if the text begins with another one.
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

/// A channel variable and the value that it is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub name: VariableName,
    /// The new value. An empty one means "nothing" on every switch.
    pub value: Value,
    /// The kind of text that was accepted. The rules of a switch about the value depend on it.
    pub accept: Accept,
    /// The source of the value, for an administrator. No rule depends on it.
    pub source: ValueSource,
}

impl Assignment {
    /// Returns an assignment of a value that dialhook or the configuration wrote, and no webhook. It is
    /// judged like a text.
    #[must_use]
    pub fn own(name: VariableName, value: Value) -> Self {
        Self { name, value, accept: Accept::Text, source: ValueSource::Own }
    }

    /// Returns an assignment of the value that the configuration has for a missing one. `missing` is the part
    /// that a good answer does not have.
    #[must_use]
    pub fn otherwise(name: VariableName, value: Value, missing: Option<AnswerPart>) -> Self {
        let source = match value.is_empty() {
            true => ValueSource::Empty(missing),
            false => ValueSource::Otherwise(missing),
        };
        Self { source, ..Self::own(name, value) }
    }
}

/// The kind of text that may enter a channel variable from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Accept {
    /// A word: letters, digits and a few signs that mean nothing special anywhere in a dialplan.
    #[default]
    Word,
    /// A text for people and for conditions in quotes. It changes no condition, but may mean something in a
    /// dial string.
    Text,
    /// Every text that the switch can carry exactly, for a dialplan that takes the text apart itself.
    Any,
}

/// The error of a text that is no [`Accept`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAccept {
    /// The former name of `text`.
    #[error("\"safe\" is called \"text\" now")]
    Safe,
    /// Any other text.
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

/// The rule of one kind of switch about assignments. Returns the reason if the switch cannot carry the value,
/// or must not.
pub type CanCarry = fn(&Assignment) -> Result<(), Unfit>;

/// The reason why a switch cannot carry a value, or must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It would end the command, and the rest of the value would be the next command.
    #[error("a line break in it would end the command")]
    Newline,
    /// It would end the string in the switch.
    #[error("a NUL byte in it would end the value")]
    Nul,
    /// It would make a quoted condition true.
    #[error("a double quote in it would end the quotes of a condition")]
    Quote,
    /// A regular expression such as `^sales$` would ignore it.
    #[error("a line feed at its end would change conditions")]
    LineFeedAtEnd,
    /// The switch would cut the command, and its rest would be the next command.
    #[error("it is too long for a command of the switch")]
    TooLong,
    /// It could become `${…}`, at once or when the dialplan uses the variable.
    #[error("a dollar sign in it could open an expansion")]
    Expansion,
    /// FreeSWITCH would take its beginning (`%[a=b]`) for scoped variables, if it is the whole argument of an
    /// application.
    #[error("a percent sign and a bracket at its beginning would set scoped variables of FreeSWITCH")]
    Scope,
    /// FreeSWITCH would store it as a list, split at `|:`.
    #[error("ARRAY and two colons at its beginning would make it a list")]
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
    fn credentials_in_a_url_do_not_appear_in_debug_output() {
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
    fn inheritance_marks_are_not_part_of_the_bare_name() {
        let bare = |name: &str| name.parse::<VariableName>().unwrap().bare().to_owned();
        assert_eq!(["R", "_R", "__R", "___R"].map(bare), ["R", "R", "R", "_R"]);
    }
}
