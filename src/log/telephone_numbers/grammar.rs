//! The grammar of telephone numbers: which digits of a text are a number, an IP address or a date.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// The digits of the shortest number. Fewer are an extension, a port or a part of an address.
const MIN_DIGITS: usize = 6;

/// The same if dots or spaces are between the digits: a version such as 22.10.11 has six.
const MIN_DIGITS_LOOSE: usize = 7;

/// Returns the position of the first digit that is not part of an encoded separator.
pub(super) fn first_digit(text: &str) -> Option<usize> {
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

/// Parses the address, date or number at the start of a text that begins with a digit.
pub(super) fn first_run(text: &str) -> Run {
    address(text).or_else(|| date(text)).unwrap_or_else(|| number(text))
}

/// Digits with the separators between them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    /// Bytes of the text.
    pub(super) length: usize,
    /// Digits that can be a telephone number; 0 for an address or a date.
    pub(super) digits: usize,
    /// True if one of the separators is a dot or a space.
    loose: bool,
}

impl Run {
    pub(super) fn is_telephone(self) -> bool {
        self.digits >= if self.loose { MIN_DIGITS_LOOSE } else { MIN_DIGITS }
    }

    /// True if it is a number without separators.
    fn is_unbroken(self) -> bool {
        self.length == self.digits && self.digits >= MIN_DIGITS
    }

    /// Returns a run that is not a telephone number.
    fn other(length: usize) -> Self {
        Self { length, ..Self::default() }
    }

    fn join(self, gap: Gap, next: Self) -> Self {
        Self {
            length: self.length + gap.length + next.length,
            digits: self.digits + next.digits,
            loose: self.loose || gap.loose || next.loose,
        }
    }
}

/// Parses the IPv4 address that a text begins with. `12.34.56.78@host` can be a number, because no address
/// comes before `@`.
fn address(text: &str) -> Option<Run> {
    let length = text.bytes().take(17).take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (own, behind) = text.split_at_checked(length)?;
    let own = own.strip_suffix('.').unwrap_or(own);
    let is_address = own.parse::<Ipv4Addr>().is_ok() && !behind.starts_with('@');
    is_address.then(|| Run::other(own.len()))
}

/// Parses the date of the years 1900 to 2099 that a text begins with. A time of day may follow.
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

/// Parses a possible telephone number: an unbroken one, or groups of digits that are too short to be one
/// alone.
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

/// Parses digits whose separators are not spaces.
///
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
    Run { length: digits, digits, loose: false }
}

/// The separators between two digits.
#[derive(Debug, Clone, Copy)]
struct Gap {
    length: usize,
    loose: bool,
    spaced: bool,
}

/// Parses the separators that a text begins with, if a digit follows.
///
/// ```text
/// gap = separator / separator parenthesis / parenthesis separator
/// ```
fn gap(text: &str) -> Option<Gap> {
    let is_digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let gap = |separators: &[char], length| Gap {
        length,
        loose: separators.iter().any(|separator| " .".contains(*separator)),
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

/// Parses a visual separator of RFC 3966 or a space, plain or percent-encoded. Returns it with its length.
pub(super) fn separator(text: &str) -> Option<(char, usize)> {
    let first = text.chars().next()?;
    if "-.() ".contains(first) {
        return Some((first, 1));
    }
    let escape = text.get(..3)?;
    let (_, separator) = ENCODED.iter().find(|(encoded, _)| escape.eq_ignore_ascii_case(encoded))?;
    Some((*separator, 3))
}

const ENCODED: [(&str, char); 5] = [("%20", ' '), ("%28", '('), ("%29", ')'), ("%2D", '-'), ("%2E", '.')];
