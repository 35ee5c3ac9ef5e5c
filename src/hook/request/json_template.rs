//! A JSON text with placeholders in its strings.

use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value};

use super::template::{Braces, Encoding, Placeholder, Template};
use crate::call::Report;
use crate::variable::FetchName;

/// JSON in which every string may hold placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonTemplate(pub(super) Node);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(Template),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl JsonTemplate {
    /// Reads JSON in whose strings placeholders stand; a literal brace in a string is doubled.
    ///
    /// # Errors
    /// Says everything that is wrong with the text, and what would be right.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let value: Value = serde_json::from_str(text).map_err(|fault| {
            let place = format!("line {}, column {}", fault.line(), fault.column());
            vec![format!(
                "not JSON at {place} of the text; write a placeholder inside of a string, as \"{{caller_number}}\""
            )]
        })?;
        let mut faults = Vec::new();
        let node = Node::read(value, &mut faults);
        if faults.is_empty() { Ok(Self(node)) } else { Err(faults) }
    }
}

impl Node {
    fn read(value: Value, faults: &mut Vec<String>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(truth),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => match Template::parse(&text, Braces::Doubled) {
                Ok(template) => Self::Text(template),
                Err(wrong) => {
                    faults.extend(wrong);
                    Self::Null
                }
            },
            Value::Array(items) => {
                Self::List(items.into_iter().map(|item| Self::read(item, faults)).collect())
            }
            Value::Object(entries) => {
                let entry = |(name, value): (String, Value)| {
                    if name.contains(['{', '}']) {
                        faults.push(format!("the name \"{name}\" cannot hold placeholders; values can"));
                    }
                    (name, Self::read(value, faults))
                };
                Self::Object(entries.into_iter().map(entry).collect())
            }
        }
    }

    pub(super) fn placeholders(&self) -> Vec<&Placeholder> {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => Vec::new(),
            Self::Text(template) => template.placeholders.iter().collect(),
            Self::List(items) => items.iter().flat_map(Self::placeholders).collect(),
            Self::Object(entries) => entries.iter().flat_map(|(_, node)| node.placeholders()).collect(),
        }
    }

    pub(super) fn variables(&self) -> Vec<&FetchName> {
        self.placeholders().into_iter().filter_map(Placeholder::variable).collect()
    }
}

/// A template with what one call puts into it.
pub(super) struct Filled<'a>(pub(super) &'a Node, pub(super) &'a Report<'a>);

impl Serialize for Filled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(node, report) = self;
        match node {
            Node::Null => serializer.serialize_unit(),
            Node::Bool(truth) => serializer.serialize_bool(*truth),
            Node::Number(number) => number.serialize(serializer),
            Node::Text(template) => serializer.serialize_str(&template.render(report, Encoding::Text)),
            Node::List(items) => serializer.collect_seq(items.iter().map(|item| Filled(item, report))),
            Node::Object(entries) => {
                serializer.collect_map(entries.iter().map(|(name, node)| (name, Filled(node, report))))
            }
        }
    }
}
