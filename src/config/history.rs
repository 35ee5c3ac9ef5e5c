//! The settings of the history.

use std::time::Duration;

use crate::files::MIB;

/// The bounds of the history, and the bodies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySettings {
    /// The last steps; 0 turns the history off.
    pub steps: usize,
    /// The last steps that failed, apart from them.
    pub failures: usize,
    /// The size of all records together in bytes.
    pub size: usize,
    /// The age of the oldest record.
    pub age: Duration,
    pub bodies: Bodies,
}

/// The steps whose bodies and headers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bodies {
    /// Those of the steps that failed.
    #[default]
    Failures,
    All,
    None,
}

impl Default for HistorySettings {
    fn default() -> Self {
        Self {
            steps: 2000,
            failures: 500,
            size: 8 * MIB,
            age: Duration::from_secs(24 * 60 * 60),
            bodies: Bodies::default(),
        }
    }
}
