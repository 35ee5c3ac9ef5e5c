//! What one call is, on whichever switch, and how a webhook is told of it.
//!
//! Knows the fields that webhook servers rely on; does not know how a switch delivers them or which of them a
//! hook wants.

mod privacy;

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::ser::{Serialize, SerializeMap, Serializer};

pub use self::privacy::Privacy;
use crate::variable::{FetchName, Value, Variables};

/// The switch that a call is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchKind {
    /// Asterisk, heard through FastAGI.
    Asterisk,
    /// FreeSWITCH, heard through its outbound event socket.
    FreeSwitch,
}

impl SwitchKind {
    /// The word that webhooks, logs and metrics use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asterisk => "asterisk",
            Self::FreeSwitch => "freeswitch",
        }
    }
}

/// One parameter that the dialplan gave besides the address: an argument of `AGI()`, or a channel variable of
/// FreeSWITCH (`webhook_url` is `url`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// What stands before the first `=`, or all of it where there is none.
    pub name: Value,
    /// What stands behind it.
    pub value: Value,
}

/// A call at its webhook step. Texts are as the switch gave them; what it does not know is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// On which switch.
    pub switch: SwitchKind,
    /// The step's address behind host and first `/`, query included, nothing decoded.
    pub address: Value,
    /// What the dialplan said besides the address.
    pub parameters: Vec<Parameter>,
    /// Whether the parameters stay on the channel from one step to the next, so that they may be meant for
    /// another one: then the address comes first.
    pub parameters_persist: bool,
    /// The account code of the channel.
    pub account_code: Value,
    /// The dialplan context.
    pub context: Value,
    /// The extension that the dialplan is in.
    pub extension: Value,
    /// The number that was dialled from outside, where the switch knows it.
    pub dialled: Value,
    /// The caller's number; empty if it is withheld ([`Call::with_privacy`]).
    pub caller_number: Value,
    /// The caller's name.
    pub caller_name: Value,
    /// The channel's unique id.
    pub unique_id: Value,
    /// The id that all channels of this call share.
    pub linked_id: Value,
    /// SIP's `Call-ID`, on a SIP channel.
    pub sip_call_id: Value,
    /// The channel's name.
    pub channel: Value,
    /// When the channel was made, since the epoch.
    pub created: Option<Duration>,
    /// The channel variables that were asked for.
    pub variables: Variables,
}

/// The reserved path of an ad hoc step, as is none.
pub const AD_HOC: &str = "webhook";

/// What a hook is counted as whose name no configuration knows: a dialplan may make names of what callers send. No hook
/// has it.
pub const UNKNOWN: &str = "unknown";

impl Call {
    /// A call of which nothing is known but its step.
    #[must_use]
    pub fn unknown(switch: SwitchKind, address: Value, parameters: Vec<Parameter>) -> Self {
        let nothing = Value::default;
        Self {
            switch,
            address,
            parameters,
            parameters_persist: switch == SwitchKind::FreeSwitch,
            account_code: nothing(),
            context: nothing(),
            extension: nothing(),
            dialled: nothing(),
            caller_number: nothing(),
            caller_name: nothing(),
            unique_id: nothing(),
            linked_id: nothing(),
            sip_call_id: nothing(),
            channel: nothing(),
            created: None,
            variables: Variables::new(),
        }
    }

    /// Path and query of the step's address, still encoded.
    #[must_use]
    pub fn path_and_query(&self) -> (&[u8], &[u8]) {
        let address = self.address.as_bytes();
        match address.iter().position(|&byte| byte == b'?') {
            Some(at) => (address.get(..at).unwrap_or_default(), address.get(at + 1..).unwrap_or_default()),
            None => (address, &[]),
        }
    }

    /// Whether the address names no hook: the step is made of the call's own parameters.
    #[must_use]
    pub fn is_ad_hoc(&self) -> bool {
        let (path, _) = self.path_and_query();
        path.is_empty() || path == AD_HOC.as_bytes()
    }
}

/// What a webhook can be told of a call, by the names that placeholders and the JSON body use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `com_id`: the account code, else the configured company.
    Company,
    /// `dp_id`: the dialplan context.
    Context,
    /// `dp_in_number`: the extension.
    Extension,
    /// `dp_ex_number`: the number dialled from outside, else the extension.
    Dialled,
    /// `callee_number`: the same.
    Callee,
    /// `caller_number`.
    CallerNumber,
    /// `uuid`: the channel's unique id.
    UniqueId,
    /// `phonebook_caller_name`.
    CallerName,
    /// `event_time`: now, in milliseconds since the epoch.
    EventTime,
    /// `call_start_time`: when the channel was made, in milliseconds since the epoch.
    StartTime,
    /// `rta_call_id`: the id that all channels of the call share.
    LinkedId,
    /// `sip_call_id`.
    SipCallId,
    /// `switch`: `asterisk` or `freeswitch`.
    Switch,
    /// `channel`: the channel's name.
    Channel,
}

impl Field {
    /// Every field in the order of the JSON body, of which the first twelve are those of the Kwebbl webhook.
    pub const ALL: [Self; 14] = [
        Self::Company,
        Self::Context,
        Self::Extension,
        Self::Dialled,
        Self::Callee,
        Self::CallerNumber,
        Self::UniqueId,
        Self::CallerName,
        Self::EventTime,
        Self::StartTime,
        Self::LinkedId,
        Self::SipCallId,
        Self::Switch,
        Self::Channel,
    ];

    /// The field's public name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Company => "com_id",
            Self::Context => "dp_id",
            Self::Extension => "dp_in_number",
            Self::Dialled => "dp_ex_number",
            Self::Callee => "callee_number",
            Self::CallerNumber => "caller_number",
            Self::UniqueId => "uuid",
            Self::CallerName => "phonebook_caller_name",
            Self::EventTime => "event_time",
            Self::StartTime => "call_start_time",
            Self::LinkedId => "rta_call_id",
            Self::SipCallId => "sip_call_id",
            Self::Switch => "switch",
            Self::Channel => "channel",
        }
    }

    /// Whether no two calls have the same in it.
    #[must_use]
    pub fn differs_by_call(self) -> bool {
        match self {
            Self::UniqueId
            | Self::EventTime
            | Self::StartTime
            | Self::LinkedId
            | Self::SipCallId
            | Self::Channel => true,
            Self::Company
            | Self::Context
            | Self::Extension
            | Self::Dialled
            | Self::Callee
            | Self::CallerNumber
            | Self::CallerName
            | Self::Switch => false,
        }
    }

    /// The field of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// A call as a webhook is told of it: the call itself, and what only the daemon knows.
///
/// Serialises to the JSON body: the fields in their order, every value a string, then `variables`.
#[derive(Debug, Clone, Copy)]
pub struct RequestContext<'a> {
    /// The call.
    pub call: &'a Call,
    /// `com_id` where the call has no account code.
    pub company: &'a str,
    /// The moment of the request.
    pub now: SystemTime,
    /// Which channel variables `variables` shows.
    pub fetched: &'a [FetchName],
}

impl<'a> RequestContext<'a> {
    /// What a field holds for this call.
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

    /// What a channel variable holds; nothing where it was not asked for or is not set.
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

/// The object `variables` of the JSON body: what the hook fetches.
#[derive(Debug, Clone, Copy)]
pub struct FetchedVariables<'a>(pub &'a RequestContext<'a>);

impl Serialize for FetchedVariables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(report) = self;
        serializer.collect_map(
            report.fetched.iter().map(|name| (name, String::from_utf8_lossy(report.variable(name)))),
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
pub(crate) mod tests {
    use super::*;

    /// A call with something in every field.
    pub(crate) fn known_caller() -> Call {
        Call {
            switch: SwitchKind::Asterisk,
            address: Value::from("crm"),
            parameters: Vec::new(),
            parameters_persist: false,
            account_code: Value::from("acme"),
            context: Value::from("from-trunk"),
            extension: Value::from("200"),
            dialled: Value::from("31201234567"),
            caller_number: Value::from("31612345678"),
            caller_name: Value::from("Ada \"L\""),
            unique_id: Value::from("1795416038.2"),
            linked_id: Value::from("1795416038.1"),
            sip_call_id: Value::from("a@b"),
            channel: Value::from("PJSIP/trunk-00000002"),
            created: Some(Duration::from_secs(1_795_416_038)),
            variables: Variables::from([("ACCOUNT".parse().unwrap(), Value::from("42"))]),
        }
    }

    fn body(call: &Call) -> String {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_416_040_123);
        let fetched = ["ACCOUNT".parse().unwrap(), "UNSET".parse().unwrap()];
        serde_json::to_string(&RequestContext { call, company: "kwik", now, fetched: &fetched }).unwrap()
    }

    #[test]
    fn the_body_has_the_contracts_keys_in_their_order_and_only_strings() {
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
    fn what_the_call_lacks_comes_from_its_second_source() {
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
    fn bytes_that_are_not_utf8_stay_readable_json() {
        let call = Call { caller_name: Value::from(b"caf\xe9".to_vec()), ..known_caller() };
        assert!(body(&call).contains("\"phonebook_caller_name\":\"caf\u{fffd}\""));
    }
}
