//! A search in the records: by caller, call, hook, status, time and duration.

use std::time::{Duration, SystemTime};

use super::Record;
use crate::log::TelephoneNumbers;
use crate::variable::Value;

/// The conditions of a search. A record must meet all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// The last digits of the caller or the callee, a part of the channel, or a whole id: of the call, the
    /// linked call, the SIP call, the trace or the step.
    pub text: Option<String>,
    pub hook: Option<String>,
    /// A status word.
    pub status: Option<String>,
    /// True if only failed steps are wanted: their dialplan did not get `OK`.
    pub failed: bool,
    /// Steps that took at least this long.
    pub slower: Option<Duration>,
    /// Steps that began at this time or later.
    pub since: Option<SystemTime>,
}

/// The digits of a masked number that stay visible, and so can be searched for. A search for more would let a
/// reader find out the hidden ones, digit by digit.
const VISIBLE_DIGITS: usize = 3;

impl Search {
    /// True if a record meets every condition.
    #[must_use]
    pub fn finds(&self, record: &Record, numbers: TelephoneNumbers) -> bool {
        self.hook.as_ref().is_none_or(|hook| record.shown_hook(record.numbers(numbers)) == *hook)
            && self.status.as_ref().is_none_or(|status| record.status().eq_ignore_ascii_case(status))
            && (!self.failed || record.failed())
            && self.slower.is_none_or(|slower| record.times.ended >= slower)
            && self.since.is_none_or(|since| record.time >= since)
            && self.text.as_ref().is_none_or(|text| has_text(record, text.trim(), numbers))
    }
}

fn has_text(record: &Record, text: &str, numbers: TelephoneNumbers) -> bool {
    if text.is_empty() || record.id.to_string() == text {
        return true;
    }
    if record.traceparent.as_deref().is_some_and(|trace| trace.split('-').nth(1) == Some(text)) {
        return true;
    }
    let Some(call) = record.call.as_deref() else { return false };
    let is_id = |id: &Value| id.as_bytes() == text.as_bytes();
    if is_id(&call.unique_id) || is_id(&call.linked_id) {
        return true;
    }
    // only what a person sees is compared: a search must not find out the hidden digits
    let numbers = record.numbers(numbers);
    let sip_call_id = call.sip_call_id.lossy();
    if sip_call_id == text && numbers.show_name(&sip_call_id) == text {
        return true;
    }
    if !is_number(text) {
        return numbers.show_channel(&call.channel.lossy(), call.switch).contains(text);
    }
    let wanted = digits(text);
    let wanted = visible(&wanted, numbers);
    let has_end = |number: &Value| digits(&number.lossy()).ends_with(wanted);
    !wanted.is_empty() && (has_end(&call.caller_number) || has_end(call.callee()))
}

fn is_number(text: &str) -> bool {
    text.chars().all(|character| character.is_ascii_digit() || "+-() ".contains(character))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Returns the last digits that may be compared.
fn visible(digits: &str, numbers: TelephoneNumbers) -> &str {
    match numbers {
        TelephoneNumbers::Shown => digits,
        TelephoneNumbers::Masked => {
            digits.get(digits.len().saturating_sub(VISIBLE_DIGITS)..).unwrap_or(digits)
        }
    }
}
