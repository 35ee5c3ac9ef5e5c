//! A text with placeholders. A call fills them in, each value encoded for its surroundings.
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
    /// The texts around the placeholders, one more than there are placeholders.
    pub(in crate::hook) literals: Vec<String>,
    pub(in crate::hook) placeholders: Vec<Placeholder>,
}

/// The source of a value that a template shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placeholder {
    /// A field of the call.
    Field(Field),
    /// A channel variable.
    Variable(FetchName),
}

/// The notation of a literal brace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hook) enum Braces {
    /// `%7B` and `%7D`.
    Encoded,
    /// `{{` and `}}`.
    Doubled,
}

/// The encoding of the values that are filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hook) enum Encoding {
    /// For a path segment or a query value: percent-encoded, except the unreserved characters of RFC 3986,
    /// section 2.3.
    Url,
    /// For the value of a header: percent-encoded, except the `attr-char` of RFC 8187. The value can never
    /// become another header, a further item of a list or a parameter.
    Header,
    /// For a JSON string, which is quoted as a whole later: bytes that are not UTF-8 become U+FFFD.
    Json,
}

impl Template {
    /// Reads a text with placeholders.
    ///
    /// # Errors
    /// Returns the fault of every wrong placeholder, with the remedy.
    pub(in crate::hook) fn parse(text: &str, braces: Braces) -> Result<Self, Vec<String>> {
        let (mut literals, mut placeholders) = (vec![String::new()], Vec::new());
        let (mut rest, mut faults) = (text, Vec::new());
        while let Some(at) = rest.find(['{', '}']) {
            let (before, at_brace) = rest.split_at(at);
            append(&mut literals, before);
            if braces == Braces::Doubled
                && let Some(behind) = behind_doubled(at_brace)
            {
                append(&mut literals, at_brace.get(..1).unwrap_or_default());
                rest = behind;
                continue;
            }
            let (placeholder, behind) = braces.placeholder(at_brace);
            match placeholder {
                Ok(placeholder) => placeholders.push(placeholder),
                Err(fault) => faults.push(fault),
            }
            literals.push(String::new());
            rest = behind;
        }
        append(&mut literals, rest);
        if faults.is_empty() { Ok(Self { literals, placeholders }) } else { Err(faults) }
    }

    /// Returns the text for one call.
    pub(in crate::hook) fn render(&self, context: &RequestContext<'_>, encoding: Encoding) -> String {
        let mut literals = self.literals.iter();
        let mut text = literals.next().cloned().unwrap_or_default();
        for (placeholder, literal) in self.placeholders.iter().zip(literals) {
            let value = placeholder.value(context);
            match encoding {
                Encoding::Url => text.extend(percent_encode(&value, UNRESERVED)),
                Encoding::Header => text.extend(percent_encode(&value, ATTRIBUTE_CHARACTERS)),
                Encoding::Json => text.push_str(&String::from_utf8_lossy(&value)),
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

/// Returns the text after `{{` or `}}`.
fn behind_doubled(text: &str) -> Option<&str> {
    text.strip_prefix("{{").or_else(|| text.strip_prefix("}}"))
}

impl Braces {
    /// Reads the placeholder at a brace. Returns the text after it, too.
    fn placeholder(self, text: &str) -> (Result<Placeholder, String>, &str) {
        let Some(inside) = text.strip_prefix('{') else {
            return (Err(self.unpaired('}', '{')), text.get(1..).unwrap_or_default());
        };
        match inside.split_once('}') {
            Some((name, behind)) => (Placeholder::parse(name), behind),
            None => (Err(self.unpaired('{', '}')), ""),
        }
    }

    fn unpaired(self, found: char, missing: char) -> String {
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
    /// Reads the text between the braces.
    ///
    /// # Errors
    /// Returns a sentence with the known name that is most similar, or with all known names.
    pub(in crate::hook) fn parse(name: &str) -> Result<Self, String> {
        if let Some(variable) = name.strip_prefix("variables.") {
            let variable = variable.parse().map_err(|fault| format!("placeholder `{{{name}}}`: {fault}"))?;
            return Ok(Self::Variable(variable));
        }
        if let Some(field) = Field::named(name) {
            return Ok(Self::Field(field));
        }
        let unknown = format!("unknown placeholder `{{{name}}}`");
        if is_variable_like(name) {
            return Err(format!("{unknown}; a channel variable is `{{variables.{name}}}`"));
        }
        let names = Field::ALL.map(Field::name);
        Err(match nearest(name, names) {
            Some(near) => format!("{unknown}; did you mean `{{{near}}}`?"),
            None => format!("{unknown}; known are {} and variables.NAME", names.join(", ")),
        })
    }

    /// True if a text between braces is a placeholder or a mistyped one.
    pub(in crate::hook) fn is_meant(name: &str) -> bool {
        Self::parse(name).is_ok() || nearest(name, Field::ALL.map(Field::name)).is_some()
    }

    pub(in crate::hook) fn value<'a>(&self, context: &RequestContext<'a>) -> Cow<'a, [u8]> {
        match self {
            Self::Field(field) => context.field(*field),
            Self::Variable(name) => Cow::Borrowed(context.variable(name)),
        }
    }

    /// True if the value is another one in every call.
    pub(in crate::hook) fn is_unique_per_call(&self) -> bool {
        match self {
            Self::Field(field) => field.is_unique_per_call(),
            Self::Variable(_) => false,
        }
    }

    /// Returns the name of the channel variable that must be read.
    pub(in crate::hook) fn variable(&self) -> Option<&FetchName> {
        match self {
            Self::Field(_) => None,
            Self::Variable(name) => Some(name),
        }
    }
}

/// True if an unknown name looks like a channel variable: `ACCOUNT` or `sip_h_X-Customer`.
fn is_variable_like(name: &str) -> bool {
    let has_lower_case = name.bytes().any(|byte| byte.is_ascii_lowercase());
    name.parse::<FetchName>().is_ok() && (!has_lower_case || name.contains(['-', '.']))
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => f.write_str(field.name()),
            Self::Variable(name) => write!(f, "variables.{name}"),
        }
    }
}

/// `unreserved` of RFC 3986, section 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `attr-char` of RFC 8187.
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

    fn rendered(template: &str, name: &[u8], encoding: Encoding) -> String {
        let call = Call { caller_name: Value::from(name.to_vec()), ..known_caller() };
        let context = RequestContext { call: &call, company: "", now: SystemTime::UNIX_EPOCH, fetched: &[] };
        Template::parse(template, Braces::Doubled).unwrap().render(&context, encoding)
    }

    #[test]
    fn a_value_is_encoded_for_a_header_a_url_or_json() {
        let name = b"+31 a,b;c=\"d\" \xe9\r\nX: y%";
        let template = "<{phonebook_caller_name}>";
        assert_eq!(
            rendered(template, name, Encoding::Header),
            "<+31%20a%2Cb%3Bc%3D%22d%22%20%E9%0D%0AX%3A%20y%25>"
        );
        assert_eq!(
            rendered(template, name, Encoding::Url),
            "<%2B31%20a%2Cb%3Bc%3D%22d%22%20%E9%0D%0AX%3A%20y%25>"
        );
        assert_eq!(rendered(template, name, Encoding::Json), "<+31 a,b;c=\"d\" \u{fffd}\r\nX: y%>");
    }

    #[test]
    fn a_doubled_brace_is_a_literal_one() {
        assert_eq!(rendered("{{{phonebook_caller_name}}}{{}}", b"x", Encoding::Json), "{x}{}");
        for text in ["{", "}", "{uuid", "uuid}", "{{}", "{}}"] {
            let fault = Template::parse(text, Braces::Doubled).unwrap_err().join("\n");
            assert!(
                fault.contains("{{") || fault.contains("}}") || fault.contains("unknown"),
                "{text}: {fault}"
            );
        }
    }

    #[test]
    fn every_wrong_placeholder_has_a_fault() {
        let faults = Template::parse("{uid} {uuid} {caler_number} } {x", Braces::Doubled).unwrap_err();
        let expected = ["`{uuid}`?", "`{caller_number}`?", "a `}` without", "a `{` without"];
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        assert!(faults.iter().zip(expected).all(|(fault, text)| fault.contains(text)), "{faults:?}");
    }
}
