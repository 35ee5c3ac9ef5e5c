//! Withheld numbers and names: they are removed from every field of a call that contains them.
//!
//! Knows the words that trunks send in place of a number; does not know how a switch reports that a number is
//! withheld.

use std::mem;

use percent_encoding::percent_decode;

use super::{Call, SwitchKind};
use crate::variable::Value;

/// The presentation of a caller, as the switch reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Privacy {
    pub hide_number: bool,
    pub hide_name: bool,
}

/// The words that trunks send in place of a withheld number.
const WORDS: [&str; 6] = ["anonymous", "restricted", "unavailable", "unknown", "private", "withheld"];

/// The fewest digits of a number that is looked for in an id. Shorter runs of digits occur there by chance.
const SHORTEST_IN_ID: usize = 7;

/// The last digits that two notations of one number share (`0612345678`, `+31612345678`).
const SHARED: usize = 8;

impl Call {
    /// Returns the call without the number and name that its caller withholds. A number is also withheld if
    /// it is one of the words for a withheld number. `others` are further texts of the switch that hold the
    /// same number or user.
    #[must_use]
    pub fn with_privacy(mut self, privacy: Privacy, others: &[Value]) -> Self {
        if privacy.hide_name {
            self.caller_name = Value::default();
        }
        if !privacy.hide_number && !stands_for_withheld(&self.caller_number, self.switch) {
            return self;
        }
        let mut known = vec![mem::take(&mut self.caller_number)];
        known.extend(others.iter().filter(|other| !other.is_empty()).cloned());
        if reveals_a_number(&self.caller_name, &known) {
            self.caller_name = Value::default();
        }
        let numbers = Numbers::of(&known, 1);
        self.channel = match self.switch {
            SwitchKind::Asterisk => numbers.removed_from(&self.channel),
            SwitchKind::FreeSwitch => numbers.removed_from(&without_user(&self.channel)),
        };
        let numbers = Numbers::of(&known, SHORTEST_IN_ID);
        let without = |id: &Value| {
            let removed = numbers.removed_from(id);
            if still_reveals(&removed, &known) { Value::default() } else { removed }
        };
        self.sip_call_id = without(&self.sip_call_id);
        // a profile of FreeSWITCH may use the Call-ID as the unique id; Asterisk makes its ids from the time
        if self.switch == SwitchKind::FreeSwitch {
            self.unique_id = without(&self.unique_id);
            self.linked_id = without(&self.linked_id);
        }
        self
    }
}

/// True if a number is one of [`WORDS`]. On FreeSWITCH also if it is all zeros, which stand for a caller
/// without a number.
fn stands_for_withheld(number: &Value, switch: SwitchKind) -> bool {
    let text = number.as_bytes().trim_ascii();
    let zeros = !text.is_empty() && text.iter().all(|&byte| byte == b'0');
    is_word(text) || switch == SwitchKind::FreeSwitch && zeros
}

fn is_word(text: &[u8]) -> bool {
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}

/// True if a name contains one of these numbers, is written like a number, or is one of [`WORDS`].
fn reveals_a_number(name: &Value, known: &[Value]) -> bool {
    let text = name.as_bytes().trim_ascii();
    let equal = |number: &Value| text.eq_ignore_ascii_case(number.as_bytes().trim_ascii());
    let letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    let dialled = text.iter().any(u8::is_ascii_digit) && !text.iter().any(letter);
    is_word(text) || dialled || known.iter().any(equal) || Numbers::of(known, 1).occur_in(text)
}

/// True if an id still contains one of these numbers or users, in any punctuation or percent-encoding.
fn still_reveals(id: &Value, known: &[Value]) -> bool {
    let id: Vec<u8> = percent_decode(id.as_bytes()).collect();
    let holds = |text: &[u8], part: &[u8]| text.windows(part.len().max(1)).any(|window| window == part);
    known.iter().filter(|text| !is_word(text.as_bytes().trim_ascii())).any(|text| {
        let (plain, digits) = (plain(text.as_bytes()), digits(text.as_bytes()));
        let named = plain.iter().any(u8::is_ascii_alphabetic) && plain.len() >= SHORTEST_USER;
        let from = digits.len().saturating_sub(SHARED);
        named && holds(&self::plain(&id), &plain)
            || digits.len() >= SHORTEST_IN_ID
                && holds(&self::digits(&id), digits.get(from..).unwrap_or_default())
    })
}

/// The fewest letters and digits of a user that is looked for in an id. Shorter ones occur there by chance.
const SHORTEST_USER: usize = 4;

fn plain(text: &[u8]) -> Vec<u8> {
    text.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
}

fn digits(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(u8::is_ascii_digit).collect()
}

/// Returns the name of a channel without its user: `sofia/PROFILE/@HOST` for `sofia/PROFILE/USER@HOST`.
///
/// FreeSWITCH cuts the name at a `;` of the user and then has no host (`mod_sofia/sofia_glue.c`,
/// `sofia_glue_set_name`).
fn without_user(channel: &Value) -> Value {
    let name = channel.as_bytes();
    let host = name.iter().rposition(|&byte| byte == b'@');
    let user = match name.strip_prefix(b"sofia/") {
        Some(rest) => rest.iter().position(|&byte| byte == b'/').map(|slash| b"sofia/".len() + slash + 1),
        None => {
            host.map(|host| name.iter().take(host).rposition(|&byte| byte == b'/').map_or(0, |at| at + 1))
        }
    };
    let Some(user) = user else { return channel.clone() };
    let before = name.get(..user).unwrap_or_default();
    let behind = host.and_then(|host| name.get(host.max(user)..)).unwrap_or_default();
    Value::from([before, behind].concat())
}

/// The digits of the withheld numbers.
struct Numbers(Vec<Vec<u8>>);

impl Numbers {
    /// Takes the texts that have at least so many digits and no letters.
    fn of(known: &[Value], fewest: usize) -> Self {
        let digits = |text: &Value| -> Vec<u8> {
            let bytes = text.as_bytes();
            match bytes.iter().any(u8::is_ascii_alphabetic) {
                true => Vec::new(),
                false => bytes.iter().copied().filter(u8::is_ascii_digit).collect(),
            }
        };
        Self(known.iter().map(digits).filter(|digits| digits.len() >= fewest.max(1)).collect())
    }

    fn contain(&self, run: &[u8]) -> bool {
        let end = |digits: &[u8]| {
            digits.len().checked_sub(SHARED).and_then(|at| digits.get(at..).map(<[u8]>::to_vec))
        };
        self.0.iter().any(|own| own == run || end(own).is_some_and(|shared| end(run) == Some(shared)))
    }

    fn occur_in(&self, text: &[u8]) -> bool {
        text.split(|byte| !byte.is_ascii_digit()).any(|run| self.contain(run))
    }

    /// Returns a text without the runs of digits that are one of these numbers.
    fn removed_from(&self, text: &Value) -> Value {
        if !self.occur_in(text.as_bytes()) {
            return text.clone();
        }
        let same_kind = |a: &u8, b: &u8| a.is_ascii_digit() == b.is_ascii_digit();
        let kept = text.as_bytes().chunk_by(same_kind).filter(|run| !self.contain(run));
        Value::from(kept.flatten().copied().collect::<Vec<u8>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::known_caller;

    const NUMBER: Privacy = Privacy { hide_number: true, hide_name: false };

    fn caller(switch: SwitchKind, number: &str, name: &str, channel: &str) -> Call {
        let [caller_number, caller_name, channel] = [number, name, channel].map(Value::from);
        Call { switch, caller_number, caller_name, channel, ..known_caller() }
    }

    fn shown(call: Call, privacy: Privacy) -> [String; 3] {
        let call = call.with_privacy(privacy, &[]);
        [call.caller_number, call.caller_name, call.channel].map(|value| value.lossy().into_owned())
    }

    #[test]
    fn an_id_that_contains_the_number_in_another_notation_is_removed() {
        for (user, id, kept) in [
            ("ada.lovelace", "ada.lovelace-1@x", ""),
            ("t31612345678", "t31612345678@x", "t@x"),
            ("31612345678", "31-6-1234-5678@x", ""),
            ("31612345678", "316%31%32345678-9@x", ""),
            ("31612345678", "0f3a-77@anonymous.invalid", "0f3a-77@anonymous.invalid"),
            ("anonymous", "0f3a-77@anonymous.invalid", "0f3a-77@anonymous.invalid"),
        ] {
            let call =
                Call { sip_call_id: Value::from(id), switch: SwitchKind::FreeSwitch, ..known_caller() };
            let privacy = Privacy { hide_number: true, hide_name: false };
            let call = call.with_privacy(privacy, &[Value::from(user)]);
            assert_eq!(call.sip_call_id, Value::from(kept), "{user} {id}");
        }
    }

    #[test]
    fn a_number_that_is_a_word_for_a_withheld_number_is_removed() {
        for switch in [SwitchKind::Asterisk, SwitchKind::FreeSwitch] {
            for word in
                ["anonymous", "Anonymous", "RESTRICTED", "unavailable", "Unknown", " private ", "withheld"]
            {
                let call = caller(switch, word, "Ada", "x");
                assert_eq!(shown(call, Privacy::default()), ["", "Ada", "x"], "{word}");
            }
            for number in ["31612345678", "anonymous1", "0031", "+0", "00 1", "Ada"] {
                let call = caller(switch, number, "Ada", "x");
                assert_eq!(shown(call, Privacy::default()), [number, "Ada", "x"]);
            }
        }
    }

    #[test]
    fn a_number_of_zeros_is_withheld_only_on_freeswitch() {
        let number = |switch, number| shown(caller(switch, number, "", ""), Privacy::default())[0].clone();
        for zeros in ["0", "0000000000"] {
            assert_eq!(number(SwitchKind::FreeSwitch, zeros), "");
            assert_eq!(number(SwitchKind::Asterisk, zeros), zeros);
        }
    }

    #[test]
    fn a_name_is_removed_if_it_is_withheld_or_contains_the_withheld_number() {
        let name = |number, name, withheld| {
            shown(caller(SwitchKind::FreeSwitch, number, name, ""), withheld)[1].clone()
        };
        let both = Privacy { hide_number: true, hide_name: true };
        assert_eq!(name("31612345678", "Ada", both), "");
        assert_eq!(name("31612345678", "Ada", Privacy { hide_number: false, hide_name: true }), "");
        for tells in ["31612345678", "+31612345678", "06-1234 5678", "Ada 0612345678", "Anonymous", "112"] {
            assert_eq!(name("31612345678", tells, NUMBER), "", "{tells}");
        }
        for harmless in ["Ada", "Ada 2", "Zoë", "日本 3", ""] {
            assert_eq!(name("31612345678", harmless, NUMBER), harmless);
        }
        assert_eq!(name("anonymous", "Anonymous", Privacy::default()), "");
        assert_eq!(name("ada", "Ada", NUMBER), "");
        assert_eq!(name("31612345678", "31612345678", Privacy::default()), "31612345678");
    }

    #[test]
    fn the_user_is_removed_from_the_channel_name_with_the_number() {
        let channel =
            |name| shown(caller(SwitchKind::FreeSwitch, "31612345678", "", name), NUMBER)[2].clone();
        for (name, shown) in [
            ("sofia/ext/31612345678@192.0.2.1:5060", "sofia/ext/@192.0.2.1:5060"),
            ("sofia/ext/a/b@c@host", "sofia/ext/@host"),
            ("sofia/ext/31612345678", "sofia/ext/"),
            ("sofia/ext/", "sofia/ext/"),
            ("sofia/", "sofia/"),
            ("verto.rtc/1008@host", "verto.rtc/@host"),
            ("FreeTDM/1:1/0612345678", "FreeTDM/1:1/"),
            ("loopback/100-a", "loopback/100-a"),
            ("", ""),
        ] {
            assert_eq!(channel(name), shown);
        }
        let call = caller(SwitchKind::FreeSwitch, "31612345678", "", "sofia/ext/31612345678@host");
        assert_eq!(shown(call, Privacy::default())[2], "sofia/ext/31612345678@host");
    }

    #[test]
    fn the_number_is_removed_from_the_channel_name_of_asterisk() {
        let channel = |number, name| shown(caller(SwitchKind::Asterisk, number, "", name), NUMBER)[2].clone();
        assert_eq!(channel("31612345678", "PJSIP/trunk-00000002"), "PJSIP/trunk-00000002");
        assert_eq!(channel("31612345678", "DAHDI/i1/0612345678-2"), "DAHDI/i1/-2");
        assert_eq!(channel("201", "PJSIP/201-00000201"), "PJSIP/-00000201");
        assert_eq!(channel("anonymous", "PJSIP/anonymous-00000001"), "PJSIP/anonymous-00000001");
    }

    #[test]
    fn the_number_is_removed_from_ids_that_callers_choose() {
        let ids = |switch, number: &str| {
            let call = Call {
                sip_call_id: Value::from("316123456789_31612345678_8665@192.0.2.1"),
                unique_id: Value::from("x-31612345678"),
                linked_id: Value::from("y-31612345678"),
                ..caller(switch, number, "", "")
            };
            let call = call.with_privacy(NUMBER, &[Value::from("Ada"), Value::from("8665")]);
            [call.sip_call_id, call.unique_id, call.linked_id].map(|id| id.lossy().into_owned())
        };
        // the rest contains the number within a longer one, so the whole id is removed
        let without = "";
        assert_eq!(ids(SwitchKind::FreeSwitch, "31612345678"), [without, "x-", "y-"]);
        assert_eq!(ids(SwitchKind::Asterisk, "31612345678"), [without, "x-31612345678", "y-31612345678"]);
        assert_eq!(ids(SwitchKind::FreeSwitch, "8665")[0], "316123456789_31612345678_8665@192.0.2.1");
    }
}
