//! What a POST tells the webhook: the fields of the contract, or a JSON text of the administrator's own.
//!
//! In either case what a call holds becomes a string by construction: the text around it was read before any call
//! came.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Number, Value};
use url::form_urlencoded::byte_serialize;

use super::template::{Braces, Place, Placeholder, Template};
use crate::call::{FetchedVariables, Field, RequestContext};
use crate::variable::FetchName;

/// The body of a POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// JSON with the fields of the contract, or with those that were chosen.
    Kwebbl(Option<Fields>),
    /// The same as a form (`application/x-www-form-urlencoded`).
    Form(Option<Fields>),
    /// JSON as the administrator wrote it.
    Json(JsonTemplate),
}

/// The chosen fields with the names that the webhook knows them by, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields(Vec<(String, Item)>);

/// What a chosen field shows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    /// A field of the call, or one channel variable.
    Held(Placeholder),
    /// Every channel variable that the hook fetches: an object, in a form one field each.
    Fetched,
}

/// JSON in which every string may hold placeholders.
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

impl Default for Body {
    fn default() -> Self {
        Self::Kwebbl(None)
    }
}

impl Body {
    /// Its media type.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Kwebbl(_) | Self::Json(_) => "application/json",
            Self::Form(_) => "application/x-www-form-urlencoded",
        }
    }

    /// The channel variables that it asks for besides those of the hook's `fetch`.
    #[must_use]
    pub fn variables(&self) -> Vec<&FetchName> {
        match self {
            Self::Kwebbl(None) | Self::Form(None) => Vec::new(),
            Self::Kwebbl(Some(fields)) | Self::Form(Some(fields)) => fields.variables().collect(),
            Self::Json(template) => template.0.variables(),
        }
    }

    /// Whether it shows the variables of the hook's `fetch`.
    #[must_use]
    pub fn shows_fetched(&self) -> bool {
        match self {
            Self::Kwebbl(None) | Self::Form(None) => true,
            Self::Kwebbl(Some(fields)) | Self::Form(Some(fields)) => {
                fields.0.iter().any(|(_, item)| *item == Item::Fetched)
            }
            Self::Json(_) => false,
        }
    }

    /// Whether no two calls send the same.
    #[must_use]
    pub fn tells_calls_apart(&self) -> bool {
        match self {
            Self::Kwebbl(None) | Self::Form(None) => true,
            Self::Kwebbl(Some(fields)) | Self::Form(Some(fields)) => {
                fields.0.iter().any(|(_, item)| matches!(item, Item::Held(held) if held.differs_by_call()))
            }
            Self::Json(template) => template.0.placeholders().into_iter().any(Placeholder::differs_by_call),
        }
    }

    /// The bytes for one call.
    #[must_use]
    pub fn render(&self, report: &RequestContext<'_>) -> Vec<u8> {
        match self {
            Self::Kwebbl(None) => json(report),
            Self::Kwebbl(Some(fields)) => json(&Chosen(fields, report)),
            Self::Form(None) => form(&Fields::all(), report),
            Self::Form(Some(fields)) => form(fields, report),
            Self::Json(template) => json(&Filled(&template.0, report)),
        }
    }
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

    fn all() -> Self {
        let held = Field::ALL.map(|field| (field.name().to_owned(), Item::Held(Placeholder::Field(field))));
        Self(held.into_iter().chain([(VARIABLES.to_owned(), Item::Fetched)]).collect())
    }

    fn variables(&self) -> impl Iterator<Item = &FetchName> {
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
struct Chosen<'a>(&'a Fields, &'a RequestContext<'a>);

impl Serialize for Chosen<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(Fields(fields), report) = self;
        let mut body = serializer.serialize_map(Some(fields.len()))?;
        for (name, item) in fields {
            match item {
                Item::Held(placeholder) => {
                    body.serialize_entry(name, &String::from_utf8_lossy(&placeholder.held(report)))?;
                }
                Item::Fetched => body.serialize_entry(name, &FetchedVariables(report))?,
            }
        }
        body.end()
    }
}

/// Fields as a form: bytes stay as they are, percent-encoded.
fn form(fields: &Fields, report: &RequestContext<'_>) -> Vec<u8> {
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

    fn placeholders(&self) -> Vec<&Placeholder> {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => Vec::new(),
            Self::Text(template) => template.placeholders.iter().collect(),
            Self::List(items) => items.iter().flat_map(Self::placeholders).collect(),
            Self::Object(entries) => entries.iter().flat_map(|(_, node)| node.placeholders()).collect(),
        }
    }

    fn variables(&self) -> Vec<&FetchName> {
        self.placeholders().into_iter().filter_map(Placeholder::variable).collect()
    }
}

/// A template with what one call puts into it.
struct Filled<'a>(&'a Node, &'a RequestContext<'a>);

impl Serialize for Filled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(node, report) = self;
        match node {
            Node::Null => serializer.serialize_unit(),
            Node::Bool(truth) => serializer.serialize_bool(*truth),
            Node::Number(number) => number.serialize(serializer),
            Node::Text(template) => serializer.serialize_str(&template.render(report, Place::Text)),
            Node::List(items) => serializer.collect_seq(items.iter().map(|item| Filled(item, report))),
            Node::Object(entries) => {
                serializer.collect_map(entries.iter().map(|(name, node)| (name, Filled(node, report))))
            }
        }
    }
}

#[expect(clippy::expect_used, reason = "maps of strings to what JSON has always serialise")]
fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("only what JSON has")
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::call::Call;
    use crate::call::tests::known_caller;
    use crate::variable;

    const HOSTILE: &str = "\",\"admin\":\"1";

    fn rendered(body: &Body, name: &[u8]) -> String {
        let call = Call { caller_name: variable::Value::from(name.to_vec()), ..known_caller() };
        let fetched = ["ACCOUNT".parse().unwrap()];
        let report =
            RequestContext { call: &call, company: "", now: SystemTime::UNIX_EPOCH, fetched: &fetched };
        String::from_utf8(body.render(&report)).unwrap()
    }

    #[test]
    fn a_caller_stays_a_string_of_the_template() {
        let template =
            r#"{"a": "{phonebook_caller_name}", "n": 1.50, "deep": [{"b": "x{uuid}y{{}}"}, null, true]}"#;
        let body = Body::Json(JsonTemplate::parse(template).unwrap());
        let text = rendered(&body, HOSTILE.as_bytes());
        assert_eq!(text, r#"{"a":"\",\"admin\":\"1","n":1.50,"deep":[{"b":"x1795416038.2y{}"},null,true]}"#);
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["a"], HOSTILE);
        assert!(rendered(&body, b"\xe9\n").starts_with("{\"a\":\"\u{fffd}\\n\","));
    }

    #[test]
    fn what_is_no_json_template_is_said_with_what_would_be_right() {
        let fault = |text: &str| JsonTemplate::parse(text).unwrap_err().join("\n");
        assert!(fault("{\"a\": {caller_number}}").contains("line 1, column 8"));
        assert!(fault("{\"a\": \"{caler_number}\"}").contains("did you mean `{caller_number}`?"));
        assert!(fault("{\"{uuid}\": 1}").contains("cannot hold placeholders"));
    }

    #[test]
    fn fields_are_chosen_and_renamed() {
        let list = Fields::parse([("uuid", "uuid"), ("variables", "variables")]).unwrap();
        assert_eq!(
            rendered(&Body::Kwebbl(Some(list)), b""),
            r#"{"uuid":"1795416038.2","variables":{"ACCOUNT":"42"}}"#
        );
        let renamed =
            Fields::parse([("From Number", "caller_number"), ("acc", "variables.ACCOUNT")]).unwrap();
        let form = Body::Form(Some(renamed));
        assert_eq!(rendered(&form, b""), "From+Number=31612345678&acc=42");
        assert_eq!(form.variables().len(), 1);
    }

    #[test]
    fn a_form_holds_the_same_fields_byte_by_byte() {
        let text = rendered(&Body::Form(None), b"a&b=\xe9 +");
        assert!(text.starts_with("com_id=acme&dp_id=from-trunk&"), "{text}");
        assert!(text.contains("&phonebook_caller_name=a%26b%3D%E9+%2B&"), "{text}");
        assert!(text.ends_with("&channel=PJSIP%2Ftrunk-00000002&variables.ACCOUNT=42"), "{text}");
    }

    #[test]
    fn a_field_that_cannot_be_is_said_with_what_would_be_right() {
        let fault = |name, field| Fields::parse([("a", "uuid"), (name, field)]).unwrap_err().join("\n");
        assert!(fault("b", "caler_number").contains("did you mean `{caller_number}`?"));
        assert!(fault("b", "{uuid}").contains("without braces"));
        assert!(fault("a", "uuid").contains("twice"));
    }

    #[test]
    fn only_what_calls_share_can_be_cached() {
        let apart = |field| Body::Kwebbl(Some(Fields::parse([("x", field)]).unwrap())).tells_calls_apart();
        assert!(Body::default().tells_calls_apart() && apart("uuid") && apart("event_time"));
        assert!(!apart("caller_number") && !apart("variables.ACCOUNT"));
    }
}
