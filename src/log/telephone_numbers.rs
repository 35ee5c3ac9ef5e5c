//! Telephone numbers in the log. They are masked by default, because a number identifies a person.
//!
//! Knows how a log line shows a number; the rules for digits that are a number are in `grammar`.

mod grammar;

use std::borrow::Cow;

use self::grammar::{first_digit, first_run, separator};
use super::truncate::{MAX_NAME, MAX_TEXT, first_characters, truncate};
use crate::call::SwitchKind;

/// The way in which the log shows telephone numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TelephoneNumbers {
    /// Shows the last three digits only, which is enough to recognise a test call.
    #[default]
    Masked,
    /// Shows every digit.
    Shown,
}

/// The digits of a masked number that stay visible.
pub const VISIBLE_DIGITS: usize = 3;

/// Hexadecimal digits of the counter at the end of a channel name of Asterisk (`main/channel_internal_api.c`;
/// each technology writes `-%08x`).
const COUNTER_DIGITS: usize = 8;

impl TelephoneNumbers {
    /// Returns the rule of the configuration: `log.numbers` is true if numbers are shown whole.
    #[must_use]
    pub fn shown_if(log_numbers: bool) -> Self {
        if log_numbers { Self::Shown } else { Self::Masked }
    }

    /// Returns a name that a peer chose, as the log shows it.
    ///
    /// Six digits or more are a number. Separators between them do not count, as in `06-1234-5678` and
    /// `(31)6.12.34.56.78`. IP addresses and dates are not numbers, except in front of `@`, which is the
    /// place of a user name.
    #[must_use]
    pub fn show_name(self, name: &str) -> Cow<'_, str> {
        self.show(name, MAX_NAME)
    }

    /// Returns a longer text of a peer, as the log shows it at `trace`.
    #[must_use]
    pub fn show_text(self, text: &str) -> Cow<'_, str> {
        self.show(text, MAX_TEXT)
    }

    /// Returns the name of a channel, such as `PJSIP/31612345678-0000001a`, as the log shows it.
    ///
    /// Asterisk's counter at the end stays visible, because it identifies the channel. FreeSWITCH writes no
    /// counter, so the same digits are a number there.
    #[must_use]
    pub fn show_channel(self, channel: &str, switch: SwitchKind) -> Cow<'_, str> {
        let (name, counter) = match switch {
            SwitchKind::Asterisk => split_counter(channel),
            SwitchKind::FreeSwitch => (channel, ""),
        };
        match self.show_name(name) {
            Cow::Borrowed(_) => Cow::Borrowed(channel),
            Cow::Owned(masked) => Cow::Owned(masked + counter),
        }
    }

    /// Returns at most `max` characters of a text. It searches twice as many for numbers: a number that is
    /// cut in two could be too short to be recognised.
    fn show(self, text: &str, max: usize) -> Cow<'_, str> {
        let text = first_characters(text, 2 * max).unwrap_or(text);
        let shown = match self {
            Self::Masked => mask(text),
            Self::Shown => Cow::Borrowed(text),
        };
        truncate(shown, max)
    }
}

/// Splits the name of a channel before its counter.
///
/// ```text
/// counter = "-" 8HEXDIG [ ";1" / ";2" ]
/// ```
fn split_counter(channel: &str) -> (&str, &str) {
    let half = if channel.ends_with(";1") || channel.ends_with(";2") { 2 } else { 0 };
    let Some(start) = channel.len().checked_sub(1 + COUNTER_DIGITS + half) else { return (channel, "") };
    let Some((name, counter)) = channel.split_at_checked(start) else { return (channel, "") };
    let digits = counter.strip_prefix('-').and_then(|rest| rest.get(..COUNTER_DIGITS));
    match digits {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => (name, counter),
        Some(_) | None => (channel, ""),
    }
}

/// Masks every telephone number of a text.
fn mask(text: &str) -> Cow<'_, str> {
    let (mut shown, mut rest, mut changed) = (String::new(), text, false);
    while let Some(start) = first_digit(rest) {
        let (before, from) = rest.split_at(start);
        let run = first_run(from);
        let (digits, behind) = from.split_at(run.length);
        shown.push_str(before);
        if run.is_telephone() {
            changed = true;
            hide(digits, run.digits - VISIBLE_DIGITS, &mut shown);
        } else {
            shown.push_str(digits);
        }
        rest = behind;
    }
    if !changed {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Writes a number with an asterisk for each of its first `hidden` digits.
fn hide(number: &str, mut hidden: usize, shown: &mut String) {
    let mut rest = number;
    while let Some(first) = rest.chars().next() {
        let length = separator(rest).map_or(first.len_utf8(), |(_, length)| length);
        let (character, behind) = rest.split_at(length);
        if first.is_ascii_digit() && hidden > 0 {
            shown.push('*');
            hidden -= 1;
        } else {
            shown.push_str(character);
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests;
