//! The values that the channel data does not have exactly, and that `getvar` brings.
//!
//! FreeSWITCH does not encode a `%` before two of `0123456789ABCDEF`, so that `%26` may have been `%26` or
//! `&` (`src/switch_utils.c`, `switch_url_encode_opt`).

use super::message::{self, ARGUMENT, Headers};
use crate::call::Call;
use crate::variable::Value;

/// The exact values that are known, and those that are still to be asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct ExactValues {
    /// The variables that are still to be asked for, the last one first.
    pending: Vec<&'static str>,
    known: Vec<(&'static str, Value)>,
    /// True if a reply did not have enough of the value.
    incomplete: bool,
}

impl ExactValues {
    /// Finds the variables whose value must be exact and may not be so: a URL, and a query with more in it
    /// than a configured hook needs.
    pub(super) fn needed(data: &Headers<'_>, call: &Call) -> Self {
        let mut pending = Vec::new();
        let (_, query) = call.path_and_query();
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.&=".contains(byte);
        if !query.iter().all(is_plain) {
            pending.push(ARGUMENT);
        }
        if call.is_ad_hoc() && data.first(b"variable_webhook_url").is_some_and(|url| url.contains(&b'%')) {
            pending.push("webhook_url");
        }
        Self { pending, ..Self::default() }
    }

    /// Returns the command for the next variable, if there is one.
    pub(super) fn query(&self) -> Option<Vec<u8>> {
        let name = self.pending.last()?;
        Some(format!("getvar {name}\n\n").into_bytes())
    }

    /// Reads the reply to that command. The reply has the value without any encoding, but cut after 511 bytes
    /// or at a line feed (`mod_event_socket.c`, `parse_command`). The rest is taken from the channel data, if
    /// nothing in it is ever encoded.
    pub(super) fn read_reply(&mut self, data: &Headers<'_>, reply: &[u8]) {
        let Some(name) = self.pending.pop() else { return };
        let start = Headers::parse(reply).first(b"Reply-Text").unwrap_or_default();
        let whole = data.variable(name);
        let rest = whole.as_bytes().strip_prefix(message::decoded(start).as_bytes());
        match rest.filter(|rest| rest.iter().all(|byte| message::is_plain(*byte))) {
            Some(rest) => self.known.push((name, Value::from([start, rest].concat()))),
            None => self.incomplete = true,
        }
    }

    /// Returns the exact value of a channel variable, or the one of the channel data if it was not asked for.
    pub(super) fn variable(&self, data: &Headers<'_>, name: &str) -> Value {
        match self.known.iter().find(|(known, _)| *known == name) {
            Some((_, exact)) => exact.clone(),
            None => data.variable(name),
        }
    }

    /// True if every value that was asked for is exact.
    pub(super) fn are_complete(&self) -> bool {
        !self.incomplete
    }
}
