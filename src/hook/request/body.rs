//! The body of a POST: fields as JSON or as a form, or a JSON template.
//!
//! Every value of a call becomes a string: the text around it was parsed before the call.

use serde::ser::Serialize;

use super::fields::{Fields, JsonFields};
use super::json_template::{Filled, JsonTemplate};
use super::template::Placeholder;
use crate::call::RequestContext;
use crate::variable::FetchName;

/// The kind of body that a hook posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// JSON with the chosen fields, or with all fields of the contract.
    Kwebbl(Option<Fields>),
    /// The same fields as a form (`application/x-www-form-urlencoded`).
    Form(Option<Fields>),
    /// JSON that the administrator wrote.
    Json(JsonTemplate),
}

impl Default for Body {
    fn default() -> Self {
        Self::Kwebbl(None)
    }
}

impl Body {
    /// Returns the media type.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Kwebbl(_) | Self::Json(_) => "application/json",
            Self::Form(_) => "application/x-www-form-urlencoded",
        }
    }

    /// Returns the channel variables that the body names, besides those of the hook's `fetch`.
    #[must_use]
    pub fn variables(&self) -> Vec<&FetchName> {
        match self {
            Self::Kwebbl(None) | Self::Form(None) => Vec::new(),
            Self::Kwebbl(Some(fields)) | Self::Form(Some(fields)) => fields.variables().collect(),
            Self::Json(template) => template.variables(),
        }
    }

    /// True if the body includes the variables of the hook's `fetch`.
    #[must_use]
    pub fn includes_fetched(&self) -> bool {
        match self {
            Self::Kwebbl(None) | Self::Form(None) => true,
            Self::Kwebbl(Some(fields)) | Self::Form(Some(fields)) => fields.include_fetched(),
            Self::Json(_) => false,
        }
    }

    /// True if the body is another one in every call.
    #[must_use]
    pub fn is_unique_per_call(&self) -> bool {
        match self {
            Self::Kwebbl(None) | Self::Form(None) => true,
            Self::Kwebbl(Some(fields)) | Self::Form(Some(fields)) => {
                fields.placeholders().any(Placeholder::is_unique_per_call)
            }
            Self::Json(template) => template.placeholders().into_iter().any(Placeholder::is_unique_per_call),
        }
    }

    /// Returns the body for one call.
    #[must_use]
    pub fn render(&self, context: &RequestContext<'_>) -> Vec<u8> {
        match self {
            Self::Kwebbl(None) => json(context),
            Self::Kwebbl(Some(fields)) => json(&JsonFields { fields, context }),
            Self::Form(None) => Fields::all().to_form(context),
            Self::Form(Some(fields)) => fields.to_form(context),
            Self::Json(template) => json(&Filled { template, context }),
        }
    }
}

#[expect(clippy::expect_used, reason = "serialising maps with string keys, strings and numbers cannot fail")]
fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("only what JSON has")
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde_json::Value;

    use super::*;
    use crate::call::Call;
    use crate::call::tests::known_caller;
    use crate::variable;

    const HOSTILE: &str = "\",\"admin\":\"1";

    fn rendered(body: &Body, name: &[u8]) -> String {
        let call = Call { caller_name: variable::Value::from(name.to_vec()), ..known_caller() };
        let fetched = ["ACCOUNT".parse().unwrap()];
        let context =
            RequestContext { call: &call, company: "", now: SystemTime::UNIX_EPOCH, fetched: &fetched };
        String::from_utf8(body.render(&context)).unwrap()
    }

    #[test]
    fn a_hostile_caller_name_stays_one_string_of_the_json_template() {
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
    fn a_form_has_the_same_fields_with_their_bytes_unchanged() {
        let text = rendered(&Body::Form(None), b"a&b=\xe9 +");
        assert!(text.starts_with("com_id=acme&dp_id=from-trunk&"), "{text}");
        assert!(text.contains("&phonebook_caller_name=a%26b%3D%E9+%2B&"), "{text}");
        assert!(text.ends_with("&channel=PJSIP%2Ftrunk-00000002&variables.ACCOUNT=42"), "{text}");
    }

    #[test]
    fn a_body_with_a_field_of_one_call_is_unique_per_call() {
        let is_unique =
            |field| Body::Kwebbl(Some(Fields::parse([("x", field)]).unwrap())).is_unique_per_call();
        assert!(Body::default().is_unique_per_call() && is_unique("uuid") && is_unique("event_time"));
        assert!(!is_unique("caller_number") && !is_unique("variables.ACCOUNT"));
    }
}
