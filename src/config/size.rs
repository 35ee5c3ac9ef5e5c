//! Sizes: their notation and their bounds.

use toml::de::DeValue;

use super::raw::Table;
use crate::files::{KIB, MIB, size_text};

/// The bounds of a size, in KiB.
pub(super) struct SizeRange {
    pub(super) smallest: usize,
    pub(super) largest: usize,
    pub(super) example: &'static str,
}

/// Reads a size within these bounds.
pub(super) fn size(table: &mut Table<'_>, name: &'static str, range: &SizeRange) -> Option<usize> {
    table.take(name)?.read(|value| range.read(value), &range.remedy())
}

impl SizeRange {
    fn read(&self, value: &DeValue<'_>) -> Option<usize> {
        let bytes = bytes(value)?;
        (self.smallest * KIB..=self.largest * KIB).contains(&bytes).then_some(bytes)
    }

    fn remedy(&self) -> String {
        let [smallest, largest] = [self.smallest, self.largest].map(|size| size_text(size * KIB));
        format!(
            "write a value from {smallest} to {largest}, such as \"{}\"; a number without a unit is in bytes",
            self.example
        )
    }
}

/// ```text
/// size = 1*DIGIT *SP [ "KiB" / "MiB" ]     ; bytes without a unit
/// ```
fn bytes(value: &DeValue<'_>) -> Option<usize> {
    let text = match value {
        DeValue::Integer(number) => number.to_string(),
        other => other.as_str()?.to_owned(),
    };
    let units = [("KiB", KIB), ("MiB", MIB), ("", 1)];
    let (number, unit) = units.into_iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    let number = number.trim_end();
    let plain = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<usize>().ok().filter(|_| plain)?.checked_mul(unit)
}
