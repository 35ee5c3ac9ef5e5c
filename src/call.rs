//! One call at its webhook step, the same for every switch.
//!
//! Knows the fields that webhook servers rely on; does not know how a switch delivers them, or which of them
//! a hook sends.

mod context;
mod field;
mod privacy;

use std::time::Duration;

pub use self::context::{FetchedVariables, RequestContext};
pub use self::field::Field;
pub use self::privacy::Privacy;
use crate::variable::{Value, Variables};

/// The switch that a call is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchKind {
    Asterisk,
    FreeSwitch,
}

impl SwitchKind {
    /// Returns the name of the switch for webhooks, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asterisk => "asterisk",
            Self::FreeSwitch => "freeswitch",
        }
    }
}

/// One parameter of the step besides its address: an argument of `AGI()`, or a channel variable of FreeSWITCH
/// (`webhook_url` is `url`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The text before the first `=`; the whole text if there is no `=`.
    pub name: Value,
    /// The text after the first `=`.
    pub value: Value,
}

/// A call at its webhook step. A text is as the switch sent it, and empty if the switch does not know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub switch: SwitchKind,
    /// The step's address after the host and the first `/`, with its query, nothing decoded.
    pub address: Value,
    /// The parameters besides the address.
    pub parameters: Vec<Parameter>,
    /// True if the parameters stay on the channel from one step to the next. They may be meant for another
    /// step then, and the query of the address goes before them.
    pub parameters_persist: bool,
    pub account_code: Value,
    pub context: Value,
    /// The extension that the dialplan is in.
    pub extension: Value,
    /// The number that was dialled from outside, if the switch knows it.
    pub dialled: Value,
    /// The caller's number; empty if it is withheld ([`Call::with_privacy`]).
    pub caller_number: Value,
    /// The caller's name; empty if it is withheld.
    pub caller_name: Value,
    /// The channel's unique id.
    pub unique_id: Value,
    /// The id that all channels of this call share.
    pub linked_id: Value,
    /// SIP's `Call-ID`, on a SIP channel.
    pub sip_call_id: Value,
    pub channel: Value,
    /// The time at which the channel was made, since the epoch.
    pub created: Option<Duration>,
    /// The channel variables that were fetched.
    pub variables: Variables,
}

/// The path of the address of an ad hoc step. An empty path means the same.
pub const AD_HOC: &str = "webhook";

/// The name under which metrics count steps whose hook is not in the configuration: a dialplan may build
/// names from what callers send. No hook has this name.
pub const UNKNOWN: &str = "unknown";

impl Call {
    /// Returns the number that the caller called: the one dialled from outside, else the extension.
    #[must_use]
    pub fn callee(&self) -> &Value {
        if self.dialled.is_empty() { &self.extension } else { &self.dialled }
    }

    /// Returns a call with nothing but its step.
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

    /// Returns path and query of the step's address, still encoded.
    #[must_use]
    pub fn path_and_query(&self) -> (&[u8], &[u8]) {
        let address = self.address.as_bytes();
        match address.iter().position(|&byte| byte == b'?') {
            Some(at) => (address.get(..at).unwrap_or_default(), address.get(at + 1..).unwrap_or_default()),
            None => (address, &[]),
        }
    }

    /// True if the address names no hook, so that the parameters of the call make the step.
    #[must_use]
    pub fn is_ad_hoc(&self) -> bool {
        let (path, _) = self.path_and_query();
        path.is_empty() || path == AD_HOC.as_bytes()
    }
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
}
