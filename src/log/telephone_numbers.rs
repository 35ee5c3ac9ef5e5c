//! Telephone numbers in the log: whose they are is nobody's business who only looks for a fault.

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use super::truncate::{MAX_NAME, MAX_TEXT, first_characters, truncate};
use crate::call::SwitchKind;

/// Whether the log shows telephone numbers whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TelephoneNumbers {
    /// The last digits only: enough to find one's own test call.
    #[default]
    Masked,
    /// As they are.
    Shown,
}

/// Fewer digits than these are an extension, a port, a part of an address.
const MIN_DIGITS: usize = 6;

/// The same where points or spaces stand between them: a version such as 22.10.11 has six.
const MIN_DIGITS_SPACED: usize = 7;

/// How many digits stay.
const VISIBLE_DIGITS: usize = 3;

/// Hexadecimal digits of the counter with which Asterisk ends a channel's name (`main/channel_internal_api.c`; each
/// technology writes `-%08x`).
const COUNTER_DIGITS: usize = 8;

impl TelephoneNumbers {
    /// A name that a peer chose. A number is six digits or more, what stands between them for the eye not counted, as in
    /// `06-1234-5678` and `(31)6.12.34.56.78`. Addresses and dates are none, but for one in front of `@`, where the user's name
    /// stands.
    #[must_use]
    pub fn show_name(self, name: &str) -> Cow<'_, str> {
        self.show(name, MAX_NAME)
    }

    /// The same of what somebody said, which is shown at `trace` alone.
    #[must_use]
    pub fn show_text(self, speech: &str) -> Cow<'_, str> {
        self.show(speech, MAX_TEXT)
    }

    /// The name of a channel, such as `PJSIP/31612345678-0000001a`. The counter at the end of Asterisk's tells one
    /// channel from another, and stays; FreeSWITCH writes none, so that there the same digits are a number.
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

    /// So many characters of a text. Twice as many are looked at, so that no number loses its end and is none any more.
    fn show(self, text: &str, longest: usize) -> Cow<'_, str> {
        let text = first_characters(text, 2 * longest).unwrap_or(text);
        let shown = match self {
            Self::Masked => mask(text),
            Self::Shown => Cow::Borrowed(text),
        };
        truncate(shown, longest)
    }
}

/// A channel's name without its counter, and the counter.
///
/// ```text
/// counter = "-" 8HEXDIG [ ";1" / ";2" ]
/// ```
fn split_counter(channel: &str) -> (&str, &str) {
    let half = if channel.ends_with(";1") || channel.ends_with(";2") { 2 } else { 0 };
    let begins = channel.len().checked_sub(1 + COUNTER_DIGITS + half);
    let parts = begins.and_then(|begins| channel.split_at_checked(begins));
    let counter = |rest: &str| {
        let digits = rest.strip_prefix('-').and_then(|rest| rest.get(..COUNTER_DIGITS));
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    parts.filter(|(_, rest)| counter(rest)).unwrap_or((channel, ""))
}

fn mask(text: &str) -> Cow<'_, str> {
    let (mut shown, mut rest, mut changed) = (String::new(), text, false);
    while let Some(begins) = first_digit(rest) {
        let (before, from) = rest.split_at(begins);
        let run = address(from).or_else(|| date(from)).unwrap_or_else(|| number(from));
        let (own, behind) = from.split_at(run.length);
        shown.push_str(before);
        if run.is_telephone() {
            changed = true;
            hide(own, run.digits - VISIBLE_DIGITS, &mut shown);
        } else {
            shown.push_str(own);
        }
        rest = behind;
    }
    if !changed {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Where the first digit is that is no part of an encoded separator.
fn first_digit(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let found = from + text.get(from..)?.find(|c: char| c.is_ascii_digit() || c == '%')?;
        match separator(text.get(found..)?) {
            Some((_, length)) => from = found + length,
            None if text.get(found..)?.starts_with('%') => from = found + 1,
            None => return Some(found),
        }
    }
}

/// Writes a number whose first digits are hidden.
fn hide(number: &str, mut hidden: usize, shown: &mut String) {
    let mut rest = number;
    while let Some(first) = rest.chars().next() {
        let length = separator(rest).map_or(first.len_utf8(), |(_, length)| length);
        let (own, behind) = rest.split_at(length);
        if first.is_ascii_digit() && hidden > 0 {
            shown.push('*');
            hidden -= 1;
        } else {
            shown.push_str(own);
        }
        rest = behind;
    }
}

/// Digits, and what stands between them.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    length: usize,
    /// How many digits of a possible telephone number.
    digits: usize,
    /// Whether a point or a space stands between some of them.
    spaced_out: bool,
}

impl Run {
    fn is_telephone(self) -> bool {
        self.digits >= if self.spaced_out { MIN_DIGITS_SPACED } else { MIN_DIGITS }
    }

    /// Whether it is a number without anything between its digits.
    fn is_unbroken(self) -> bool {
        self.length == self.digits && self.digits >= MIN_DIGITS
    }

    /// Something else than a telephone number.
    fn other(length: usize) -> Self {
        Self { length, ..Self::default() }
    }

    fn join(self, gap: Gap, next: Self) -> Self {
        Self {
            length: self.length + gap.length + next.length,
            digits: self.digits + next.digits,
            spaced_out: self.spaced_out || gap.spaced_out || next.spaced_out,
        }
    }
}

/// An IPv4 address that a text begins with. `12.34.56.78@host` may be a number: in front of `@` stands no address.
fn address(text: &str) -> Option<Run> {
    let length = text.bytes().take(17).take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (own, behind) = text.split_at_checked(length)?;
    let own = own.strip_suffix('.').unwrap_or(own);
    (own.parse::<Ipv4Addr>().is_ok() && !behind.starts_with('@')).then(|| Run::other(own.len()))
}

/// A date of our time that a text begins with, also with a time of day behind it.
///
/// ```text
/// date = ( "19" / "20" ) 2DIGIT "-" month "-" day
/// ```
fn date(text: &str) -> Option<Run> {
    let (own, behind) = text.split_at_checked(10)?;
    let parts: Vec<_> = own.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let is = |part: &str, length, plausible: RangeInclusive<u16>| {
        digits(part).length == length && part.parse().is_ok_and(|value| plausible.contains(&value))
    };
    let is_date = is(year, 4, 1900..=2099) && is(month, 2, 1..=12) && is(day, 2, 1..=31);
    let goes_on = behind.starts_with(|c: char| c.is_ascii_digit() || c == '@')
        || gap(behind).is_some_and(|gap| !gap.spaced);
    (is_date && !goes_on).then(|| Run::other(own.len()))
}

/// What could be a telephone number: one in a row, or groups of digits that are none by themselves.
///
/// ```text
/// number = 6*DIGIT / group *( gap group )       ; a gap with a space
/// ```
fn number(text: &str) -> Run {
    let mut run = group(text);
    if run.is_unbroken() {
        return run;
    }
    loop {
        let behind = text.get(run.length..).unwrap_or_default();
        let Some(gap) = gap(behind).filter(|gap| gap.spaced) else { return run };
        let next = group(behind.get(gap.length..).unwrap_or_default());
        if next.is_unbroken() {
            return run;
        }
        run = run.join(gap, next);
    }
}

/// ```text
/// group = 1*DIGIT *( gap 1*DIGIT )              ; a gap without a space
/// ```
fn group(text: &str) -> Run {
    let mut run = digits(text);
    loop {
        let behind = text.get(run.length..).unwrap_or_default();
        match gap(behind).filter(|gap| !gap.spaced) {
            Some(gap) => run = run.join(gap, digits(behind.get(gap.length..).unwrap_or_default())),
            None => return run,
        }
    }
}

fn digits(text: &str) -> Run {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    Run { length: digits, digits, spaced_out: false }
}

/// What stands between two digits for the eye alone.
#[derive(Debug, Clone, Copy)]
struct Gap {
    length: usize,
    spaced_out: bool,
    spaced: bool,
}

/// ```text
/// gap = separator / separator parenthesis / parenthesis separator
/// ```
fn gap(text: &str) -> Option<Gap> {
    let is_digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let gap = |separators: &[char], length| Gap {
        length,
        spaced_out: separators.iter().any(|separator| " .".contains(*separator)),
        spaced: separators.contains(&' '),
    };
    let (first, length) = separator(text)?;
    if is_digit(length) {
        return Some(gap(&[first], length));
    }
    let (second, more) = separator(text.get(length..)?)?;
    let parenthesis = "()".contains(first) || "()".contains(second);
    (parenthesis && is_digit(length + more)).then(|| gap(&[first, second], length + more))
}

/// A visual separator of RFC 3966, or a space, as it is or percent-encoded; and how long it is.
fn separator(text: &str) -> Option<(char, usize)> {
    let first = text.chars().next()?;
    if "-.() ".contains(first) {
        return Some((first, 1));
    }
    let escape = text.get(..3)?;
    let meant = ENCODED.iter().find(|(written, _)| escape.eq_ignore_ascii_case(written));
    meant.map(|(_, separator)| (*separator, 3))
}

const ENCODED: [(&str, char); 5] = [("%20", ' '), ("%28", '('), ("%29", ')'), ("%2D", '-'), ("%2E", '.')];

#[cfg(test)]
mod tests;
