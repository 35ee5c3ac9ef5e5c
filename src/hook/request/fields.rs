//! The fields of a body, chosen and renamed by the administrator, as a JSON object or as a form.

use serde::ser::{Serialize, SerializeMap, Serializer};
use url::form_urlencoded::byte_serialize;

use super::template::Placeholder;
use crate::call::{FetchedVariables, Field, RequestContext};
use crate::variable::FetchName;

/// The fields of a body in their order, each with the name that the webhook knows it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields(Vec<(String, Item)>);

/// The content of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    /// A field of the call, or one channel variable.
    One(Placeholder),
    /// All channel variables of the hook's `fetch`: in JSON an object, in a form one field each.
    Fetched,
}

impl Fields {
    /// Reads pairs: the name that the webhook knows, and the name of our field.
    ///
    /// # Errors
    /// Returns a sentence for every wrong name, with the remedy.
    pub fn parse<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<String>> {
        let (mut names, mut fields, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for (name, field) in pairs {
            match Item::parse(field) {
                Ok(item) => fields.push((name.to_owned(), item)),
                Err(fault) => faults.push(fault),
            }
            if names.contains(&name) {
                faults.push(format!("`{name}` is listed twice; list it once"));
            }
            names.push(name);
        }
        if faults.is_empty() { Ok(Self(fields)) } else { Err(faults) }
    }

    /// Returns all fields of the contract, under their own names.
    pub(super) fn all() -> Self {
        let of_call = Field::ALL.map(|field| (field.name().to_owned(), Item::One(Placeholder::Field(field))));
        Self(of_call.into_iter().chain([(VARIABLES.to_owned(), Item::Fetched)]).collect())
    }

    /// True if the variables of the hook's `fetch` are among the fields.
    pub(super) fn include_fetched(&self) -> bool {
        self.0.iter().any(|(_, item)| *item == Item::Fetched)
    }

    pub(super) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.0.iter().filter_map(|(_, item)| match item {
            Item::One(placeholder) => Some(placeholder),
            Item::Fetched => None,
        })
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &FetchName> {
        self.placeholders().filter_map(Placeholder::variable)
    }

    /// Returns the fields of one call as a form. Bytes that are not UTF-8 stay as they are, percent-encoded.
    pub(super) fn to_form(&self, context: &RequestContext<'_>) -> Vec<u8> {
        let mut form = String::new();
        for (name, item) in &self.0 {
            match item {
                Item::One(placeholder) => add_pair(&mut form, name, &placeholder.value(context)),
                Item::Fetched => {
                    for variable in context.fetched {
                        add_pair(&mut form, &format!("{name}.{variable}"), context.variable(variable));
                    }
                }
            }
        }
        form.into_bytes()
    }
}

fn add_pair(form: &mut String, name: &str, value: &[u8]) {
    if !form.is_empty() {
        form.push('&');
    }
    form.extend(byte_serialize(name.as_bytes()));
    form.push('=');
    form.extend(byte_serialize(value));
}

impl Item {
    fn parse(field: &str) -> Result<Self, String> {
        if field == VARIABLES {
            return Ok(Self::Fetched);
        }
        if field.contains(['{', '}']) {
            return Err(format!("write the name of the field without braces, not `{field}`"));
        }
        match Placeholder::parse(field) {
            Ok(placeholder) => Ok(Self::One(placeholder)),
            Err(fault) => Err(fault.replace("placeholder ", "field ")),
        }
    }
}

/// The name of the object with the channel variables of the hook's `fetch`.
const VARIABLES: &str = "variables";

/// The fields of one call as a JSON object.
pub(super) struct JsonFields<'a> {
    pub(super) fields: &'a Fields,
    pub(super) context: &'a RequestContext<'a>,
}

impl Serialize for JsonFields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { fields: Fields(fields), context } = self;
        let mut body = serializer.serialize_map(Some(fields.len()))?;
        for (name, item) in fields {
            match item {
                Item::One(placeholder) => {
                    body.serialize_entry(name, &String::from_utf8_lossy(&placeholder.value(context)))?;
                }
                Item::Fetched => body.serialize_entry(name, &FetchedVariables(context))?,
            }
        }
        body.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_of_a_wrong_field_names_the_remedy() {
        let fault = |name, field| Fields::parse([("a", "uuid"), (name, field)]).unwrap_err().join("\n");
        assert!(fault("b", "caler_number").contains("did you mean `{caller_number}`?"));
        assert!(fault("b", "{uuid}").contains("without braces"));
        assert!(fault("a", "uuid").contains("twice"));
    }
}
