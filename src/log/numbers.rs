//! Telephone numbers in the log: whose they are is nobody's business who only looks for a fault.

use std::borrow::Cow;

use crate::call::SwitchKind;

/// Whether the log shows telephone numbers whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbers {
    /// The last digits only: enough to find one's own test call.
    #[default]
    Masked,
    /// As they are.
    Shown,
}

/// Fewer digits than these are an extension, a port, a part of an address.
const SHORTEST: usize = 6;

/// How many digits stay.
const LEFT: usize = 3;

/// Hexadecimal digits of the counter with which Asterisk ends a channel's name (`main/channel_internal_api.c`; each
/// technology writes `-%08x`).
const COUNTER: usize = 8;

impl Numbers {
    /// Any text. A number is six digits or more in a row, hyphens between them not counted, as in `06-1234-5678`.
    #[must_use]
    pub fn in_text(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Masked => masked(text),
            Self::Shown => Cow::Borrowed(text),
        }
    }

    /// The name of a channel, such as `PJSIP/31612345678-0000001a`. The counter at the end of Asterisk's tells one
    /// channel from another, and stays; FreeSWITCH writes none, so that there the same digits are a number.
    #[must_use]
    pub fn in_channel(self, channel: &str, switch: SwitchKind) -> Cow<'_, str> {
        let (name, counter) = match switch {
            SwitchKind::Asterisk => counted(channel),
            SwitchKind::FreeSwitch => (channel, ""),
        };
        match self.in_text(name) {
            Cow::Borrowed(_) => Cow::Borrowed(channel),
            Cow::Owned(masked) => Cow::Owned(masked + counter),
        }
    }
}

/// A channel's name without its counter, and the counter.
///
/// ```text
/// counter = "-" 8HEXDIG [ ";1" / ";2" ]
/// ```
fn counted(channel: &str) -> (&str, &str) {
    let half = if channel.ends_with(";1") || channel.ends_with(";2") { 2 } else { 0 };
    let begins = channel.len().checked_sub(1 + COUNTER + half);
    let parts = begins.and_then(|begins| channel.split_at_checked(begins));
    let counter = |rest: &str| {
        let digits = rest.strip_prefix('-').and_then(|rest| rest.get(..COUNTER));
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    parts.filter(|(_, rest)| counter(rest)).unwrap_or((channel, ""))
}

fn masked(text: &str) -> Cow<'_, str> {
    let (mut shown, mut rest, mut changed) = (String::new(), text, false);
    while let Some(begins) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(begins);
        let run = run(from);
        let (number, behind) = from.split_at(run);
        let digits = number.bytes().filter(u8::is_ascii_digit).count();
        shown.push_str(before);
        if digits < SHORTEST {
            shown.push_str(number);
        } else {
            changed = true;
            let mut hidden = digits - LEFT;
            shown.extend(number.chars().map(|c| if c.is_ascii_digit() { last(c, &mut hidden) } else { c }));
        }
        rest = behind;
    }
    if !changed {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// The digit, or a star while there are some to be hidden.
fn last(digit: char, hidden: &mut usize) -> char {
    match hidden.checked_sub(1) {
        Some(left) => {
            *hidden = left;
            '*'
        }
        None => digit,
    }
}

/// How long the number is that a text begins with.
///
/// ```text
/// number = 1*DIGIT *( "-" 1*DIGIT )
/// ```
fn run(text: &str) -> usize {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(text.len());
    let run = text.get(..end).unwrap_or_default();
    // two hyphens are not between digits
    let run = run.split_once("--").map_or(run, |(before, _)| before);
    run.trim_end_matches('-').len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asterisk(channel: &str) -> Cow<'_, str> {
        Numbers::Masked.in_channel(channel, SwitchKind::Asterisk)
    }

    fn freeswitch(channel: &str) -> Cow<'_, str> {
        Numbers::Masked.in_channel(channel, SwitchKind::FreeSwitch)
    }

    #[test]
    fn a_channel_of_asterisk_keeps_its_counter_and_loses_its_number() {
        for (channel, shown) in [
            ("PJSIP/31612345678-0000001a", "PJSIP/********678-0000001a"),
            ("PJSIP/31612345678-00000001", "PJSIP/********678-00000001"),
            ("Local/31612345678@from-trunk-00000001;2", "Local/********678@from-trunk-00000001;2"),
            ("SIP/+31612345678-deadbeef", "SIP/+********678-deadbeef"),
            ("PJSIP/trunk-00000002", "PJSIP/trunk-00000002"),
            ("PJSIP/1001-00000002", "PJSIP/1001-00000002"),
            ("Local/200@from-trunk-00000001;2", "Local/200@from-trunk-00000001;2"),
            ("PJSIP/31-6-12345678-0000001a", "PJSIP/**-*-*****678-0000001a"),
            // chosen by somebody else: without a counter every digit counts
            ("Surrogate/31612345678", "Surrogate/********678"),
            ("SIP/trunk-31612345678", "SIP/trunk-********678"),
            ("-00000001", "-00000001"),
            ("", ""),
        ] {
            assert_eq!(asterisk(channel), shown);
        }
    }

    #[test]
    fn a_channel_of_freeswitch_has_no_counter() {
        for (channel, shown) in [
            ("sofia/internal/31612345678@1.2.3.4", "sofia/internal/********678@1.2.3.4"),
            ("sofia/internal/1001@192.168.100.200:5060", "sofia/internal/1001@192.168.100.200:5060"),
            ("sofia/gateway/dk-12345678", "sofia/gateway/dk-*****678"),
            ("loopback/0612345678-a", "loopback/*******678-a"),
            ("sofia/external/06-1234-5678@h", "sofia/external/**-****-*678@h"),
        ] {
            assert_eq!(freeswitch(channel), shown);
        }
    }

    #[test]
    fn six_digits_are_a_number_and_five_are_not() {
        assert_eq!(Numbers::Masked.in_text("12345 123456 1234567"), "12345 ***456 ****567");
        assert_eq!(Numbers::Masked.in_text("123--456 123-456- -123456"), "123--456 ***-456- -***456");
    }

    #[test]
    fn a_text_with_several_numbers_loses_all_of_them_and_nothing_else() {
        let text = "caller_number: \"31612345678\", caffè ☎ 0201234567, port 8084";
        assert_eq!(
            Numbers::Masked.in_text(text),
            "caller_number: \"********678\", caffè ☎ *******567, port 8084"
        );
    }

    #[test]
    fn nothing_is_masked_where_numbers_are_wished_for() {
        let channel = "PJSIP/31612345678-0000001a";
        assert_eq!(Numbers::Shown.in_channel(channel, SwitchKind::Asterisk), channel);
        assert_eq!(Numbers::Shown.in_text("31612345678"), "31612345678");
    }
}
