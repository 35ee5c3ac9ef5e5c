//! A search in the records: by caller, call, hook, status, time and duration.

use std::time::{Duration, SystemTime};

use super::Record;
use crate::log::{TelephoneNumbers, VISIBLE_DIGITS};
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

/// Returns the digits that may be compared: of a masked number those that stay visible. A search for more would let
/// a reader find out the hidden ones, digit by digit.
fn visible(digits: &str, numbers: TelephoneNumbers) -> &str {
    match numbers {
        TelephoneNumbers::Shown => digits,
        TelephoneNumbers::Masked => {
            digits.get(digits.len().saturating_sub(VISIBLE_DIGITS)..).unwrap_or(digits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::super::{Ending, History, Record};
    use super::*;
    use crate::call::tests::known_caller;

    const NOW: TelephoneNumbers = TelephoneNumbers::Masked;

    /// Returns the record of a call from 31612345678 to 31201234567.
    fn step(numbers: TelephoneNumbers) -> Record {
        let call = Some(Box::new(known_caller()));
        Record { call, numbers, ..record(History::default().next_id(), true) }
    }

    fn finds(text: &str, record: &Record, now: TelephoneNumbers) -> bool {
        Search { text: Some(text.to_owned()), ..Search::default() }.finds(record, now)
    }

    #[test]
    fn a_text_is_the_end_of_a_number_an_id_or_a_part_of_the_channel() {
        let step = step(NOW);
        for found in
            ["678", "5 678", "+31612345678", "567", "1795416038.2", "1795416038.1", "PJSIP/trunk", " 678 "]
        {
            assert!(finds(found, &step, NOW), "{found}");
        }
        for other in ["679", "1795416038", "crm", "-", "a678"] {
            assert!(!finds(other, &step, NOW), "{other}");
        }
        assert!(finds(&step.id.to_string(), &step, NOW));
    }

    #[test]
    fn a_search_tells_no_hidden_digit_of_a_masked_number() {
        let masked = step(TelephoneNumbers::Masked);
        assert!(
            finds("99999999678", &masked, TelephoneNumbers::Shown),
            "only the visible digits are compared"
        );
        let shown = step(TelephoneNumbers::Shown);
        assert!(!finds("99999999678", &shown, TelephoneNumbers::Shown));
        let mut call = known_caller();
        call.channel = Value::from("PJSIP/31612345678-0000001a");
        let unknown = Record { hook: "h31612345678".to_owned(), is_known: false, ..step(NOW) };
        let step = Record { call: Some(Box::new(call)), ..unknown };
        for hidden in ["PJSIP/31612345678-0000001a", "PJSIP/316"] {
            assert!(!finds(hidden, &step, NOW), "{hidden}");
        }
        assert!(finds("PJSIP/********678-0000001a", &step, NOW));
        let hook = |name: &str| Search { hook: Some(name.to_owned()), ..Search::default() }.finds(&step, NOW);
        assert!(!hook("h31612345678") && hook("h********678"));
    }

    #[test]
    fn every_condition_must_be_met() {
        let step = step(NOW);
        let cancelled =
            Record { ending: Ending::Cancelled("the caller hung up".to_owned()), ..self::step(NOW) };
        let all = Search {
            text: Some("678".to_owned()),
            hook: Some("crm".to_owned()),
            status: Some("ok".to_owned()),
            slower: Some(Duration::from_millis(20)),
            since: Some(step.time),
            failed: false,
        };
        assert!(all.finds(&step, NOW));
        for other in [
            Search { text: Some("679".to_owned()), ..all.clone() },
            Search { hook: Some("crn".to_owned()), ..all.clone() },
            Search { status: Some("TIMEOUT".to_owned()), ..all.clone() },
            Search { slower: Some(Duration::from_millis(21)), ..all.clone() },
            Search { since: Some(step.time + Duration::from_millis(1)), ..all.clone() },
            Search { failed: true, ..all.clone() },
        ] {
            assert!(!other.finds(&step, NOW), "{other:?}");
        }
        assert!(Search { failed: true, ..Search::default() }.finds(&cancelled, NOW));
    }
}
