//! JSON that the administrator wrote, with placeholders in its strings.

use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value};

use super::template::{Braces, Encoding, Placeholder, Template};
use crate::call::RequestContext;
use crate::variable::FetchName;

/// JSON in which every string may have placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonTemplate(Node);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(Template),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl JsonTemplate {
    /// Reads JSON with placeholders in its strings. A literal brace in a string is doubled.
    ///
    /// # Errors
    /// Returns every fault of the text, with the remedy.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let value: Value = serde_json::from_str(text).map_err(|fault| {
            let (line, column) = (fault.line(), fault.column());
            vec![format!(
                "not JSON at line {line}, column {column} of the text; \
                 write a placeholder inside of a string, as \"{{caller_number}}\""
            )]
        })?;
        let mut faults = Vec::new();
        let node = Node::read(value, &mut faults);
        if faults.is_empty() { Ok(Self(node)) } else { Err(faults) }
    }

    pub(super) fn placeholders(&self) -> Vec<&Placeholder> {
        self.0.placeholders()
    }

    pub(super) fn variables(&self) -> Vec<&FetchName> {
        self.placeholders().into_iter().filter_map(Placeholder::variable).collect()
    }
}

impl Node {
    /// Reads a value, and adds the faults of its strings and names to `faults`.
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
                let mut nodes = Vec::with_capacity(entries.len());
                for (name, value) in entries {
                    if name.contains(['{', '}']) {
                        faults.push(format!("the name \"{name}\" cannot have placeholders; values can"));
                    }
                    nodes.push((name, Self::read(value, faults)));
                }
                Self::Object(nodes)
            }
        }
    }

    fn placeholders(&self) -> Vec<&Placeholder> {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => Vec::new(),
            Self::Text(template) => template.placeholders.iter().collect(),
            Self::List(items) => items.iter().flat_map(Self::placeholders).collect(),
            Self::Object(entries) => entries.iter().flat_map(|(_, node)| node.placeholders()).collect(),
        }
    }
}

/// A template filled in for one call.
pub(super) struct Filled<'a> {
    pub(super) template: &'a JsonTemplate,
    pub(super) context: &'a RequestContext<'a>,
}

impl Serialize for Filled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FilledNode(&self.template.0, self.context).serialize(serializer)
    }
}

struct FilledNode<'a>(&'a Node, &'a RequestContext<'a>);

impl Serialize for FilledNode<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(node, context) = self;
        match node {
            Node::Null => serializer.serialize_unit(),
            Node::Bool(truth) => serializer.serialize_bool(*truth),
            Node::Number(number) => number.serialize(serializer),
            Node::Text(template) => serializer.serialize_str(&template.render(context, Encoding::Json)),
            Node::List(items) => serializer.collect_seq(items.iter().map(|item| FilledNode(item, context))),
            Node::Object(entries) => {
                serializer.collect_map(entries.iter().map(|(name, node)| (name, FilledNode(node, context))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_of_a_wrong_template_names_the_remedy() {
        let fault = |text: &str| JsonTemplate::parse(text).unwrap_err().join("\n");
        assert!(fault("{\"a\": {caller_number}}").contains("line 1, column 8"));
        assert!(fault("{\"a\": \"{caler_number}\"}").contains("did you mean `{caller_number}`?"));
        assert!(fault("{\"{uuid}\": 1}").contains("cannot have placeholders"));
    }
}
