//! What a POST tells the webhook: the fields of the contract, or a JSON text of the administrator's own.
//!
//! In either case what a call holds becomes a string by construction: the text around it was read before any call
//! came.

use serde::ser::Serialize;

use super::fields::{Chosen, Fields, Item, form};
use super::json_template::{Filled, JsonTemplate};
use super::template::Placeholder;
use crate::call::Report;
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
    pub fn includes_fetched(&self) -> bool {
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
    pub fn is_unique_per_call(&self) -> bool {
        match self {
            Self::Kwebbl(None) | Self::Form(None) => true,
            Self::Kwebbl(Some(fields)) | Self::Form(Some(fields)) => {
                fields.0.iter().any(|(_, item)| matches!(item, Item::Held(held) if held.is_unique_per_call()))
            }
            Self::Json(template) => {
                template.0.placeholders().into_iter().any(Placeholder::is_unique_per_call)
            }
        }
    }

    /// The bytes for one call.
    #[must_use]
    pub fn render(&self, report: &Report<'_>) -> Vec<u8> {
        match self {
            Self::Kwebbl(None) => json(report),
            Self::Kwebbl(Some(fields)) => json(&Chosen(fields, report)),
            Self::Form(None) => form(&Fields::all(), report),
            Self::Form(Some(fields)) => form(fields, report),
            Self::Json(template) => json(&Filled(&template.0, report)),
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

    use serde_json::Value;

    use super::*;
    use crate::call::Call;
    use crate::call::tests::known_caller;
    use crate::variable;

    const HOSTILE: &str = "\",\"admin\":\"1";

    fn rendered(body: &Body, name: &[u8]) -> String {
        let call = Call { caller_name: variable::Value::from(name.to_vec()), ..known_caller() };
        let fetched = ["ACCOUNT".parse().unwrap()];
        let report = Report { call: &call, company: "", now: SystemTime::UNIX_EPOCH, fetched: &fetched };
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
        let apart = |field| Body::Kwebbl(Some(Fields::parse([("x", field)]).unwrap())).is_unique_per_call();
        assert!(Body::default().is_unique_per_call() && apart("uuid") && apart("event_time"));
        assert!(!apart("caller_number") && !apart("variables.ACCOUNT"));
    }
}
