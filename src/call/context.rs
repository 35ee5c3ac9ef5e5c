//! The call data of one request, for templates, fields and the JSON body.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Call, Field};
use crate::variable::{FetchName, Value};

/// The data of a call that one request may use.
///
/// Serialises to the JSON body: the fields in their order, every value a string, then `variables`.
#[derive(Debug, Clone, Copy)]
pub struct RequestContext<'a> {
    pub call: &'a Call,
    /// The value of `com_id` if the call has no account code.
    pub company: &'a str,
    /// The time of the request.
    pub now: SystemTime,
    /// The channel variables in the object `variables`.
    pub fetched: &'a [FetchName],
}

impl<'a> RequestContext<'a> {
    /// Returns the value of a field.
    #[must_use]
    pub fn field(&self, field: Field) -> Cow<'a, [u8]> {
        let call = self.call;
        match field {
            Field::Company => first_filled(&call.account_code, self.company.as_bytes()),
            Field::Context => Cow::Borrowed(call.context.as_bytes()),
            Field::Extension => Cow::Borrowed(call.extension.as_bytes()),
            Field::Dialled | Field::Callee => first_filled(&call.dialled, call.extension.as_bytes()),
            Field::CallerNumber => Cow::Borrowed(call.caller_number.as_bytes()),
            Field::UniqueId => Cow::Borrowed(call.unique_id.as_bytes()),
            Field::CallerName => Cow::Borrowed(call.caller_name.as_bytes()),
            Field::EventTime => milliseconds(self.now.duration_since(UNIX_EPOCH).ok()),
            Field::StartTime => milliseconds(call.created),
            Field::LinkedId => first_filled(&call.linked_id, call.unique_id.as_bytes()),
            Field::SipCallId => Cow::Borrowed(call.sip_call_id.as_bytes()),
            Field::Switch => Cow::Borrowed(call.switch.as_str().as_bytes()),
            Field::Channel => Cow::Borrowed(call.channel.as_bytes()),
        }
    }

    /// Returns the value of a channel variable; empty if it was not fetched or is not set.
    #[must_use]
    pub fn variable(&self, name: &FetchName) -> &'a [u8] {
        self.call.variables.get(name).map_or(&[], Value::as_bytes)
    }
}

impl Serialize for RequestContext<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(Some(Field::ALL.len() + 1))?;
        for field in Field::ALL {
            body.serialize_entry(field.name(), &String::from_utf8_lossy(&self.field(field)))?;
        }
        body.serialize_entry("variables", &FetchedVariables(self))?;
        body.end()
    }
}

/// The object `variables` of the JSON body: the variables that the hook fetches.
#[derive(Debug, Clone, Copy)]
pub struct FetchedVariables<'a>(pub &'a RequestContext<'a>);

impl Serialize for FetchedVariables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(context) = self;
        serializer.collect_map(
            context.fetched.iter().map(|name| (name, String::from_utf8_lossy(context.variable(name)))),
        )
    }
}

fn first_filled<'a>(first: &'a Value, other: &'a [u8]) -> Cow<'a, [u8]> {
    Cow::Borrowed(if first.is_empty() { other } else { first.as_bytes() })
}

fn milliseconds(since_epoch: Option<Duration>) -> Cow<'static, [u8]> {
    let text = since_epoch.map(|time| time.as_millis().to_string());
    Cow::Owned(text.unwrap_or_default().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::known_caller;

    fn body(call: &Call) -> String {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_416_040_123);
        let fetched = ["ACCOUNT".parse().unwrap(), "UNSET".parse().unwrap()];
        serde_json::to_string(&RequestContext { call, company: "kwik", now, fetched: &fetched }).unwrap()
    }

    #[test]
    fn the_body_has_every_documented_key_in_order_and_only_strings() {
        assert_eq!(
            body(&known_caller()),
            r#"{"com_id":"acme","dp_id":"from-trunk","dp_in_number":"200","dp_ex_number":"31201234567","#
                .to_owned()
                + r#""callee_number":"31201234567","caller_number":"31612345678","uuid":"1795416038.2","#
                + r#""phonebook_caller_name":"Ada \"L\"","event_time":"1795416040123","#
                + r#""call_start_time":"1795416038000","rta_call_id":"1795416038.1","sip_call_id":"a@b","#
                + r#""switch":"asterisk","channel":"PJSIP/trunk-00000002","variables":{"ACCOUNT":"42","UNSET":""}}"#
        );
    }

    #[test]
    fn an_empty_value_is_replaced_by_its_documented_substitute() {
        let nothing = Value::default();
        let call = Call {
            account_code: nothing.clone(),
            dialled: nothing.clone(),
            linked_id: nothing,
            created: None,
            ..known_caller()
        };
        let body: serde_json::Value = serde_json::from_str(&body(&call)).unwrap();
        assert_eq!(body["com_id"], "kwik");
        assert_eq!(body["dp_ex_number"], "200");
        assert_eq!(body["callee_number"], "200");
        assert_eq!(body["rta_call_id"], "1795416038.2");
        assert_eq!(body["call_start_time"], "");
    }

    #[test]
    fn bytes_that_are_not_utf8_become_replacement_characters() {
        let call = Call { caller_name: Value::from(b"caf\xe9".to_vec()), ..known_caller() };
        assert!(body(&call).contains("\"phonebook_caller_name\":\"caf\u{fffd}\""));
    }
}
