//! The table `[limits]`.

use std::time::Duration;

use toml::de::DeValue;

use super::raw::{Entry, Section};
use crate::limits::Limits;

pub(super) fn read(mut section: Section<'_>) -> Limits {
    let calls = section.take("calls").and_then(|entry| number_of_calls(&entry));
    let calls_per_peer = section.take("calls_per_peer").and_then(|entry| number_of_calls(&entry));
    let patience = section
        .take("patience")
        .and_then(|entry| entry.read(patience, "write \"1s\" to \"30s\"; a bare number is seconds"));
    section.end();
    let default = Limits::default();
    Limits {
        calls: calls.unwrap_or(default.calls),
        calls_per_peer,
        patience: patience.unwrap_or(default.patience),
    }
}

/// More than a machine has ports for.
const MOST_CALLS: usize = 1_000_000;

fn number_of_calls(entry: &Entry<'_>) -> Option<usize> {
    let number = |value: &DeValue<'_>| {
        let written = value.as_integer()?;
        usize::from_str_radix(written.as_str(), written.radix()).ok()
    };
    let in_range = |value: &DeValue<'_>| number(value).filter(|calls| (1..=MOST_CALLS).contains(calls));
    entry.read(in_range, "write a number of calls from 1 to 1000000")
}

fn patience(value: &DeValue<'_>) -> Option<Duration> {
    let text = match value {
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        other => other.as_str()?.to_owned(),
    };
    let seconds = text.strip_suffix('s').unwrap_or(&text).trim_end();
    let plain = seconds.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds: f64 = seconds.parse().ok()?;
    (plain && (1.0..=30.0).contains(&seconds)).then(|| Duration::from_secs_f64(seconds))
}
