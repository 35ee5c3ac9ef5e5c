//! The headers that a hook adds to its requests: fixed ones, and templates that a call fills in.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::template::{Braces, Encoding, Placeholder, Template};
use crate::call::RequestContext;
use crate::redact::is_secret_name;

/// The headers that a hook adds to every request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// The headers that are the same for every call. Secrets are marked as sensitive.
    pub fixed: HeaderMap,
    /// The headers with placeholders.
    pub templates: Vec<(HeaderName, HeaderTemplate)>,
}

/// The value of a header, with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderTemplate(Template);

impl HeaderTemplate {
    /// Reads a value. It is a fixed one if it has no placeholders.
    ///
    /// # Errors
    /// Returns every fault of the text, with the remedy.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let template = Template::parse(text, Braces::Doubled);
        if HeaderValue::from_str(text).is_ok() {
            return template.map(Self);
        }
        let mut faults = template.err().unwrap_or_default();
        faults.push(NOT_A_VALUE.to_owned());
        Err(faults)
    }

    /// Returns the value if it is the same for every call.
    #[must_use]
    pub fn fixed(&self) -> Option<HeaderValue> {
        let literal = self.0.literals.first().filter(|_| self.0.placeholders.is_empty())?;
        HeaderValue::from_str(literal).ok()
    }
}

/// The fault of a text that cannot be the value of a header.
pub const NOT_A_VALUE: &str = "not a header's value; write printable ASCII";

impl Headers {
    /// Returns the names of all headers, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.fixed.keys().chain(self.templates.iter().map(|(name, _)| name))
    }

    pub(in crate::hook) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.templates.iter().flat_map(|(_, template)| &template.0.placeholders)
    }

    /// Adds the headers of one call.
    pub(in crate::hook) fn add_to(&self, headers: &mut HeaderMap, context: &RequestContext<'_>) {
        headers.extend(self.fixed.clone());
        for (name, HeaderTemplate(template)) in &self.templates {
            // always true: the literals were checked, and the values of placeholders are percent-encoded
            if let Ok(mut value) = HeaderValue::from_str(&template.render(context, Encoding::Header)) {
                value.set_sensitive(is_secret_name(name.as_str()));
                headers.insert(name.clone(), value);
            }
        }
    }
}
