//! The chosen fields of a body.

use serde::ser::{Serialize, SerializeMap, Serializer};
use url::form_urlencoded::byte_serialize;

use super::template::Placeholder;
use crate::call::{Fetched, Field, Report};
use crate::variable::FetchName;

/// The chosen fields with the names that the webhook knows them by, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields(pub(super) Vec<(String, Item)>);

/// What a chosen field shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// A field of the call, or one channel variable.
    Held(Placeholder),
    /// Every channel variable that the hook fetches: an object, in a form one field each.
    Fetched,
}

impl Fields {
    /// Reads pairs of the webhook's name for a field and ours.
    ///
    /// # Errors
    /// Says which names are unknown, and which there are.
    pub fn parse<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<String>> {
        let (mut names, mut chosen, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for (name, field) in pairs {
            match Item::parse(field) {
                Ok(item) => chosen.push((name.to_owned(), item)),
                Err(fault) => faults.push(fault),
            }
            if names.contains(&name) {
                faults.push(format!("`{name}` stands there twice; once is enough"));
            }
            names.push(name);
        }
        if faults.is_empty() { Ok(Self(chosen)) } else { Err(faults) }
    }

    pub(super) fn all() -> Self {
        let held = Field::ALL.map(|field| (field.name().to_owned(), Item::Held(Placeholder::Field(field))));
        Self(held.into_iter().chain([(VARIABLES.to_owned(), Item::Fetched)]).collect())
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &FetchName> {
        self.0.iter().filter_map(|(_, item)| match item {
            Item::Held(placeholder) => placeholder.variable(),
            Item::Fetched => None,
        })
    }
}

impl Item {
    fn parse(field: &str) -> Result<Self, String> {
        match field {
            VARIABLES => Ok(Self::Fetched),
            _ if field.contains(['{', '}']) => {
                Err(format!("write the name of the field without braces, not `{field}`"))
            }
            _ => {
                let named = Placeholder::parse(field);
                named.map(Self::Held).map_err(|fault| fault.replace("placeholder ", "field "))
            }
        }
    }
}

/// The name of the object that holds what the hook fetches.
const VARIABLES: &str = "variables";

/// Fields as a JSON object.
pub(super) struct Chosen<'a>(pub(super) &'a Fields, pub(super) &'a Report<'a>);

impl Serialize for Chosen<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(Fields(fields), report) = self;
        let mut body = serializer.serialize_map(Some(fields.len()))?;
        for (name, item) in fields {
            match item {
                Item::Held(placeholder) => {
                    body.serialize_entry(name, &String::from_utf8_lossy(&placeholder.held(report)))?;
                }
                Item::Fetched => body.serialize_entry(name, &Fetched(report))?,
            }
        }
        body.end()
    }
}

/// Fields as a form: bytes stay as they are, percent-encoded.
pub(super) fn form(fields: &Fields, report: &Report<'_>) -> Vec<u8> {
    let mut body = String::new();
    let mut pair = |name: &str, value: &[u8]| {
        let separator = if body.is_empty() { "" } else { "&" };
        body.push_str(separator);
        body.extend(byte_serialize(name.as_bytes()));
        body.push('=');
        body.extend(byte_serialize(value));
    };
    for (name, item) in &fields.0 {
        match item {
            Item::Held(placeholder) => pair(name, &placeholder.held(report)),
            Item::Fetched => {
                for variable in report.fetched {
                    pair(&format!("{name}.{variable}"), report.variable(variable));
                }
            }
        }
    }
    body.into_bytes()
}
