//! The table `[limits]`.

use std::time::Duration;

use toml::de::DeValue;

use super::raw::Section;
use crate::limits::Limits;

pub(super) fn read(mut section: Section<'_>) -> Limits {
    let mut number = |name| {
        let entry = section.take(name)?;
        let number = entry.number(1..=MOST, "write a number from 1 to 1000000")?;
        usize::try_from(number).ok()
    };
    let [calls, calls_per_peer, detached] = ["calls", "calls_per_peer", "detached"].map(&mut number);
    let mut time = |name, shortest: u8| {
        let hint = format!("write \"{shortest}s\" to \"30s\"; a bare number is seconds");
        section.take(name).and_then(|entry| entry.read(|value| time(value, shortest), &hint))
    };
    let (patience, drain_notice) = (time("patience", 1), time("drain_notice", 0));
    section.end();
    let default = Limits::default();
    Limits {
        calls: calls.unwrap_or(default.calls),
        calls_per_peer,
        detached: detached.unwrap_or(default.detached),
        patience: patience.unwrap_or(default.patience),
        drain_notice: drain_notice.unwrap_or(default.drain_notice),
    }
}

/// More than a machine has ports for.
const MOST: u64 = 1_000_000;

/// From so many seconds to thirty.
fn time(value: &DeValue<'_>, shortest: u8) -> Option<Duration> {
    let text = match value {
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        other => other.as_str()?.to_owned(),
    };
    let seconds = text.strip_suffix('s').unwrap_or(&text).trim_end();
    let plain = seconds.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds: f64 = seconds.parse().ok()?;
    (plain && (f64::from(shortest)..=30.0).contains(&seconds)).then(|| Duration::from_secs_f64(seconds))
}
