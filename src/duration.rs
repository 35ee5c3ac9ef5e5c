//! The one grammar of time, for the configuration file and for the parameters of a call.
//!
//! Knows notations and bounds; does not know what a key means.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The shortest and the longest duration that a key takes, and an example for its faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    shortest: Duration,
    longest: Duration,
    example: &'static str,
}

/// A text is not a duration, or not one within the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a value from {} to {}, such as \"{}\"", Shown(.0.shortest), Shown(.0.longest), .0.example)]
pub struct OutOfBounds(Bounds);

impl Bounds {
    pub const fn new(shortest: Duration, longest: Duration, example: &'static str) -> Self {
        Self { shortest, longest, example }
    }

    /// Reads a duration, rounded to whole milliseconds. A number without a unit is in seconds.
    ///
    /// # Errors
    /// Returns the right notation if the text is not a duration within the bounds.
    pub fn parse(self, text: &str) -> Result<Duration, OutOfBounds> {
        let milliseconds = milliseconds(text).ok_or(OutOfBounds(self))?;
        let [shortest, longest] = [self.shortest, self.longest].map(|bound| bound.as_secs_f64() * 1000.0);
        if !(shortest..=longest).contains(&milliseconds) {
            return Err(OutOfBounds(self));
        }
        Ok(Duration::from_millis(milliseconds.round() as u64))
    }
}

/// ```text
/// duration = number *SP [ "ms" / "s" / "m" / "h" ]
/// number   = DIGIT / "." , in which at least one DIGIT and at most one "." stand
/// ```
fn milliseconds(text: &str) -> Option<f64> {
    // "ms" stands before "s": it ends with the same letter
    let units = [("ms", 1.0), ("s", 1000.0), ("m", 60_000.0), ("h", 3_600_000.0)];
    let unit = units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)));
    let (number, unit) = unit.unwrap_or((text, 1000.0));
    let number = number.trim_end();
    // the standard library would also take signs, exponents, "inf" and "nan"
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    Some(number.parse::<f64>().ok()? * unit)
}

/// A bound in its largest whole unit: `1h`, `10s`, `1500ms`.
struct Shown(Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.as_secs(), self.0.subsec_millis()) {
            (seconds, 0) if seconds > 0 && seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            (seconds, 0) if seconds > 0 && seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            (seconds, 0) => write!(f, "{seconds}s"),
            (_, _) => write!(f, "{}ms", self.0.as_millis()),
        }
    }
}

/// The time that a caller may wait for a webhook: 1 s to 10 s, 2 s by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(Duration);

impl Timeout {
    pub const BOUNDS: Bounds = Bounds::new(Duration::from_secs(1), Duration::from_secs(10), "2s");

    #[must_use]
    pub fn get(self) -> Duration {
        self.0
    }
}

impl Default for Timeout {
    fn default() -> Self {
        Self(Duration::from_secs(2))
    }
}

impl FromStr for Timeout {
    type Err = OutOfBounds;

    fn from_str(text: &str) -> Result<Self, OutOfBounds> {
        Self::BOUNDS.parse(text).map(Self)
    }
}

/// Returns a duration for people, in its largest unit: `850ms`, `3.2s`, `75s`, `12m`, `5h`.
#[must_use]
pub fn rough(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{}ms", time.as_millis()),
        1..10 => format!("{:.1}s", time.as_secs_f64()),
        seconds @ 10..120 => format!("{seconds}s"),
        seconds @ 120..7200 => format!("{}m", seconds / 60),
        seconds => format!("{}h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Bounds = Bounds::new(Duration::ZERO, Duration::from_secs(24 * 3600), "60s");

    #[test]
    fn a_duration_has_a_unit_or_is_in_seconds() {
        for (text, milliseconds) in [
            ("1500ms", 1500),
            ("2s", 2000),
            ("2 s", 2000),
            ("1m", 60_000),
            ("1h", 3_600_000),
            ("1.5h", 5_400_000),
            ("0.5m", 30_000),
            ("2", 2000),
            ("2.5", 2500),
            ("0.0015", 2),
            ("0", 0),
            ("24h", 86_400_000),
        ] {
            assert_eq!(DAY.parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn a_text_in_another_notation_is_no_duration() {
        for text in [
            "", " ", "s", "ms", ".", "-2", "+2", "1e0", "nan", "inf", "infs", "2,5", "1.2.3", "1d", "1H",
            "1min", "1 sec", "1h30m", "1_000", " 2s", "2s ", "soon",
        ] {
            assert_eq!(DAY.parse(text), Err(OutOfBounds(DAY)), "{text}");
        }
    }

    #[test]
    fn a_timeout_is_one_to_ten_seconds() {
        let read = |text: &str| text.parse::<Timeout>().map(|timeout| timeout.get().as_millis()).ok();
        for (text, milliseconds) in [("1", 1000), ("1000ms", 1000), ("2.5", 2500), ("10s", 10_000)] {
            assert_eq!(read(text), Some(milliseconds), "{text}");
        }
        for text in ["0", "11", "10001ms", "999ms", "999.9ms", "2m", "1h", "9999999999999999999999999h"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_fault_names_both_bounds_and_an_example() {
        let fault = |bounds: Bounds| bounds.parse("soon").unwrap_err().to_string();
        assert_eq!(fault(Timeout::BOUNDS), "write a value from 1s to 10s, such as \"2s\"");
        assert_eq!(fault(DAY), "write a value from 0s to 24h, such as \"60s\"");
        let short = Bounds::new(Duration::from_millis(1500), Duration::from_secs(120), "1m");
        assert_eq!(fault(short), "write a value from 1500ms to 2m, such as \"1m\"");
    }
}
