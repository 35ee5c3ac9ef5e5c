//! A text with placeholders, and how what they hold is encoded for the place where it stands.
//!
//! ```text
//! placeholder = "{" field-name "}" / "{variables." variable-name "}"
//! ```

use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::call::{Field, RequestContext};
use crate::hook::nearest;
use crate::variable::FetchName;

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hook) struct Template {
    /// The literal texts, one more than there are placeholders.
    pub(in crate::hook) literals: Vec<String>,
    pub(in crate::hook) placeholders: Vec<Placeholder>,
}

/// What a placeholder stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placeholder {
    /// A field of the call.
    Field(Field),
    /// A channel variable.
    Variable(FetchName),
}

/// How a literal brace is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hook) enum Braces {
    /// `%7B` and `%7D`, as in any URL.
    Encoded,
    /// `{{` and `}}`.
    Doubled,
}

/// Where a placeholder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hook) enum Place {
    /// A path segment or a query value: percent-encoded but for what RFC 3986, section 2.3, calls unreserved.
    Url,
    /// The value of a header: percent-encoded but for the `attr-char` of RFC 8187, so that it can never become
    /// another header, a further item of a list or a parameter.
    Header,
    /// A JSON string, which is quoted as a whole later: bytes that are not UTF-8 become U+FFFD.
    Text,
}

impl Template {
    /// Cuts a text at its placeholders.
    ///
    /// # Errors
    /// Says of every placeholder what is wrong with it and what would be right.
    pub(in crate::hook) fn parse(text: &str, braces: Braces) -> Result<Self, Vec<String>> {
        let (mut literals, mut placeholders) = (vec![String::new()], Vec::new());
        let (mut rest, mut faults) = (text, Vec::new());
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            append(&mut literals, before);
            if let Some(behind) = doubled(brace).filter(|_| braces == Braces::Doubled) {
                append(&mut literals, brace.get(..1).unwrap_or_default());
                rest = behind;
                continue;
            }
            let (read, behind) = braces.placeholder(brace);
            match read {
                Ok(placeholder) => placeholders.push(placeholder),
                Err(fault) => faults.push(fault),
            }
            literals.push(String::new());
            rest = behind;
        }
        append(&mut literals, rest);
        if faults.is_empty() { Ok(Self { literals, placeholders }) } else { Err(faults) }
    }

    /// The text for one call.
    pub(in crate::hook) fn render(&self, report: &RequestContext<'_>, place: Place) -> String {
        let mut literals = self.literals.iter();
        let mut text = literals.next().cloned().unwrap_or_default();
        for (placeholder, literal) in self.placeholders.iter().zip(literals) {
            let held = placeholder.held(report);
            match place {
                Place::Url => text.extend(percent_encode(&held, UNRESERVED)),
                Place::Header => text.extend(percent_encode(&held, ATTRIBUTE_CHARACTERS)),
                Place::Text => text.push_str(&String::from_utf8_lossy(&held)),
            }
            text.push_str(literal);
        }
        text
    }
}

fn append(literals: &mut [String], text: &str) {
    if let Some(last) = literals.last_mut() {
        last.push_str(text);
    }
}

/// What stands behind `{{` or `}}`.
fn doubled(text: &str) -> Option<&str> {
    text.strip_prefix("{{").or_else(|| text.strip_prefix("}}"))
}

impl Braces {
    /// What stands at a brace, and the text behind it.
    fn placeholder(self, text: &str) -> (Result<Placeholder, String>, &str) {
        let Some(inside) = text.strip_prefix('{') else {
            return (Err(self.lonely('}', '{')), text.get(1..).unwrap_or_default());
        };
        match inside.split_once('}') {
            Some((name, behind)) => (Placeholder::parse(name), behind),
            None => (Err(self.lonely('{', '}')), ""),
        }
    }

    fn lonely(self, found: char, missing: char) -> String {
        let literal = match (self, found) {
            (Self::Encoded, '{') => "%7B",
            (Self::Encoded, _) => "%7D",
            (Self::Doubled, '{') => "{{",
            (Self::Doubled, _) => "}}",
        };
        format!("a `{found}` without its `{missing}` (a literal one is `{literal}`)")
    }
}

impl Placeholder {
    /// Reads what stands between the braces.
    ///
    /// # Errors
    /// Says which names there are.
    pub(in crate::hook) fn parse(name: &str) -> Result<Self, String> {
        if let Some(variable) = name.strip_prefix("variables.") {
            let variable = variable.parse().map_err(|fault| format!("placeholder `{{{name}}}`: {fault}"))?;
            return Ok(Self::Variable(variable));
        }
        let names = Field::ALL.map(Field::name);
        Field::named(name).map(Self::Field).ok_or_else(|| match nearest(name, names) {
            _ if is_a_variables(name) => {
                format!("unknown placeholder `{{{name}}}`; a channel variable is `{{variables.{name}}}`")
            }
            Some(near) => format!("unknown placeholder `{{{name}}}`; did you mean `{{{near}}}`?"),
            None => {
                format!("unknown placeholder `{{{name}}}`; known are {} and variables.NAME", names.join(", "))
            }
        })
    }

    /// True if somebody who writes this between braces means a placeholder.
    pub(in crate::hook) fn is_meant(name: &str) -> bool {
        Self::parse(name).is_ok() || nearest(name, Field::ALL.map(Field::name)).is_some()
    }

    /// What it stands for in this call.
    pub(in crate::hook) fn held<'a>(&self, report: &RequestContext<'a>) -> Cow<'a, [u8]> {
        match self {
            Self::Field(field) => report.field(*field),
            Self::Variable(name) => Cow::Borrowed(report.variable(name)),
        }
    }

    /// Whether no two calls have the same in it.
    pub(in crate::hook) fn differs_by_call(&self) -> bool {
        match self {
            Self::Field(field) => field.differs_by_call(),
            Self::Variable(_) => false,
        }
    }

    /// The channel variable that it asks for.
    pub(in crate::hook) fn variable(&self) -> Option<&FetchName> {
        match self {
            Self::Field(_) => None,
            Self::Variable(name) => Some(name),
        }
    }
}

/// True if a name that is no field looks like a channel variable: `ACCOUNT` or `sip_h_X-Customer`.
fn is_a_variables(name: &str) -> bool {
    let small = name.bytes().any(|byte| byte.is_ascii_lowercase());
    name.parse::<FetchName>().is_ok() && (!small || name.contains(['-', '.']))
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => f.write_str(field.name()),
            Self::Variable(name) => write!(f, "variables.{name}"),
        }
    }
}

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const ATTRIBUTE_CHARACTERS: &AsciiSet = &UNRESERVED
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'^')
    .remove(b'`')
    .remove(b'|');

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::call::Call;
    use crate::call::tests::known_caller;
    use crate::variable::Value;

    fn rendered(template: &str, name: &[u8], place: Place) -> String {
        let call = Call { caller_name: Value::from(name.to_vec()), ..known_caller() };
        let report = RequestContext { call: &call, company: "", now: SystemTime::UNIX_EPOCH, fetched: &[] };
        Template::parse(template, Braces::Doubled).unwrap().render(&report, place)
    }

    #[test]
    fn what_a_placeholder_holds_is_encoded_for_its_place() {
        let name = b"+31 a,b;c=\"d\" \xe9\r\nX: y%";
        let template = "<{phonebook_caller_name}>";
        assert_eq!(
            rendered(template, name, Place::Header),
            "<+31%20a%2Cb%3Bc%3D%22d%22%20%E9%0D%0AX%3A%20y%25>"
        );
        assert_eq!(
            rendered(template, name, Place::Url),
            "<%2B31%20a%2Cb%3Bc%3D%22d%22%20%E9%0D%0AX%3A%20y%25>"
        );
        assert_eq!(rendered(template, name, Place::Text), "<+31 a,b;c=\"d\" \u{fffd}\r\nX: y%>");
    }

    #[test]
    fn a_brace_that_is_meant_is_doubled() {
        assert_eq!(rendered("{{{phonebook_caller_name}}}{{}}", b"x", Place::Text), "{x}{}");
        for text in ["{", "}", "{uuid", "uuid}", "{{}", "{}}"] {
            let fault = Template::parse(text, Braces::Doubled).unwrap_err().join("\n");
            assert!(
                fault.contains("{{") || fault.contains("}}") || fault.contains("unknown"),
                "{text}: {fault}"
            );
        }
    }

    #[test]
    fn every_wrong_placeholder_is_told() {
        let faults = Template::parse("{uid} {uuid} {caler_number} } {x", Braces::Doubled).unwrap_err();
        let told = ["`{uuid}`?", "`{caller_number}`?", "a `}` without", "a `{` without"];
        assert_eq!(faults.len(), told.len(), "{faults:?}");
        assert!(faults.iter().zip(told).all(|(fault, told)| fault.contains(told)), "{faults:?}");
    }
}
