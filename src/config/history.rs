//! The table `[history]`.

use std::time::Duration;

use super::raw::Table;
use super::size::{SizeRange, size};
use crate::duration::Bounds;
use crate::files::MIB;

/// The settings of the records of steps that the daemon keeps in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySettings {
    /// The number of the last steps that are kept. With 0 no step is kept, also no failure.
    pub steps: usize,
    /// The number of the last steps that were not `OK` and are kept apart from the others.
    pub failures: usize,
    /// The memory of all records in bytes.
    pub size: usize,
    /// The age at which a record is removed.
    pub age: Duration,
    /// The steps whose bodies are kept.
    pub bodies: KeptBodies,
}

/// The steps of which the history keeps the bodies of requests and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeptBodies {
    /// Those that were not `OK`.
    #[default]
    Failures,
    All,
    None,
}

impl Default for HistorySettings {
    fn default() -> Self {
        Self {
            // the calls of an hour of a PBX, and of its busiest minutes
            steps: 2_000,
            // they stay when a busy hour replaces the others
            failures: 500,
            size: 8 * MIB,
            // long enough for a complaint of yesterday
            age: Duration::from_secs(24 * 3600),
            bodies: KeptBodies::default(),
        }
    }
}

impl HistorySettings {
    /// True if steps are recorded.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.steps > 0
    }
}

impl KeptBodies {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::All => "all",
            Self::None => "none",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Failures, Self::All, Self::None].into_iter().find(|bodies| bodies.as_str() == word)
    }
}

pub(super) fn read(mut table: Table<'_>) -> HistorySettings {
    let default = HistorySettings::default();
    let settings = HistorySettings {
        steps: count(&mut table, "steps").unwrap_or(default.steps),
        failures: count(&mut table, "failures").unwrap_or(default.failures),
        size: size(&mut table, "size", &SIZE).unwrap_or(default.size),
        age: table.take("age").and_then(|age| age.duration(|text| AGE.parse(text))).unwrap_or(default.age),
        bodies: bodies(&mut table).unwrap_or_default(),
    };
    table.finish();
    settings
}

fn count(table: &mut Table<'_>, name: &'static str) -> Option<usize> {
    let right = match name {
        "steps" => "write a number from 0 to 100000; 0 turns the history off",
        _ => "write a number from 0 to 100000",
    };
    usize::try_from(table.take(name)?.integer(0..=MAX_NUMBER, right)?).ok()
}

fn bodies(table: &mut Table<'_>) -> Option<KeptBodies> {
    let right = "write \"failures\", \"all\" or \"none\"";
    table.take("bodies")?.read(|value| value.as_str().and_then(KeptBodies::parse), right)
}

/// A page of so many steps is of no use to a person.
const MAX_NUMBER: u64 = 100_000;

const SIZE: SizeRange = SizeRange { smallest: 64, largest: 1024 * 1024, example: "8MiB" };

const AGE: Bounds = Bounds::new(Duration::from_secs(1), Duration::from_secs(168 * 3600), "24h");

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn every_key_of_the_history_is_read() {
        let read = |keys: &str| parse(&format!("[history]\n{keys}\n")).map(|config| config.history);
        assert_eq!(read("").unwrap(), HistorySettings::default());
        let all = read("steps = 10\nfailures = 0\nsize = \"64KiB\"\nage = \"1h\"\nbodies = \"all\"").unwrap();
        let hour = Duration::from_secs(3600);
        let written =
            HistorySettings { steps: 10, failures: 0, size: 65_536, age: hour, bodies: KeptBodies::All };
        assert_eq!(all, written);
        assert_eq!(read("bodies = \"none\"").unwrap().bodies, KeptBodies::None);
    }

    #[test]
    fn no_steps_turn_the_history_off() {
        let is_on = |steps: u32| parse(&format!("history.steps = {steps}\n")).unwrap().history.is_on();
        assert!(!is_on(0) && is_on(1));
    }

    #[test]
    fn a_wrong_value_of_the_history_is_a_fault_with_its_line_and_what_would_be_right() {
        let faults = parse(
            "[history]\nsteps = false\nfailures = 100001\nsize = \"8MB\"\nage = \"1d\"\nbodies = \"some\"\nstep = 1\n",
        );
        let right = [
            "2: history.steps: found false; write a number from 0 to 100000; 0 turns the history off",
            "3: history.failures: found 100001; write a number from 0 to 100000",
            "4: history.size: found \"8MB\"; write a value from 64KiB to 1024MiB, such as \"8MiB\"; a number without a unit is in bytes",
            "5: history.age: found \"1d\"; write a value from 1s to 168h, such as \"24h\"",
            "6: history.bodies: found \"some\"; write \"failures\", \"all\" or \"none\"",
            "7: history.step: unknown key; did you mean `steps`?",
        ];
        assert_eq!(faults.unwrap_err(), right);
    }
}
