//! The headers of a hook: fixed ones, and those that say something of the call.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::template::{Braces, Place, Placeholder, Template};
use crate::call::RequestContext;
use crate::redact::sounds_secret;

/// What a hook adds to the headers of every request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// The same for every call. Secrets are marked as sensitive.
    pub fixed: HeaderMap,
    /// With placeholders.
    pub made: Vec<(HeaderName, HeaderTemplate)>,
}

/// The value of a header, with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderTemplate(Template);

impl HeaderTemplate {
    /// Reads a value; without placeholders and doubled braces it is a fixed one.
    ///
    /// # Errors
    /// Says everything that is wrong with the text, and what would be right.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        match (Template::parse(text, Braces::Doubled), HeaderValue::from_str(text)) {
            (Ok(template), Ok(_)) => Ok(Self(template)),
            (Ok(_), Err(_)) => Err(vec![NOT_A_VALUE.to_owned()]),
            (Err(faults), Ok(_)) => Err(faults),
            (Err(faults), Err(_)) => Err([faults, vec![NOT_A_VALUE.to_owned()]].concat()),
        }
    }

    /// The value, where it is the same for every call.
    #[must_use]
    pub fn fixed(&self) -> Option<HeaderValue> {
        let literal = self.0.literals.first().filter(|_| self.0.placeholders.is_empty())?;
        HeaderValue::from_str(literal).ok()
    }
}

/// What to write instead of something that no header can hold.
pub const NOT_A_VALUE: &str = "not a header's value; write printable ASCII";

impl Headers {
    /// The names, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.fixed.keys().chain(self.made.iter().map(|(name, _)| name))
    }

    /// What they ask of the call.
    pub(in crate::hook) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.made.iter().flat_map(|(_, made)| &made.0.placeholders)
    }

    /// Adds what they are for this call.
    pub(in crate::hook) fn add_to(&self, headers: &mut HeaderMap, report: &RequestContext<'_>) {
        headers.extend(self.fixed.clone());
        for (name, HeaderTemplate(template)) in &self.made {
            // its literals were tried, and what placeholders hold is percent-encoded
            if let Ok(mut value) = HeaderValue::from_str(&template.render(report, Place::Header)) {
                value.set_sensitive(sounds_secret(name.as_str()));
                headers.insert(name.clone(), value);
            }
        }
    }
}
