//! What one call is, on whichever switch, and how a webhook is told of it.
//!
//! Knows the fields that webhook servers rely on; does not know how a switch delivers them or which of them a
//! hook wants.

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
