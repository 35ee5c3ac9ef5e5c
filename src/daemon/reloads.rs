//! The configurations that were read: the one in force, and the last one that was refused.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The start of the daemon and its reloads.
#[derive(Debug)]
pub struct Reloads {
    started: SystemTime,
    last: Mutex<Last>,
}

#[derive(Debug, Clone)]
struct Last {
    taken: SystemTime,
    refused: Option<RefusedReload>,
}

/// A configuration that was refused. The one before it stays in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedReload {
    pub time: SystemTime,
    /// The faults, each a line.
    pub faults: Vec<String>,
}

impl Default for Reloads {
    fn default() -> Self {
        let now = SystemTime::now();
        Self { started: now, last: Mutex::new(Last { taken: now, refused: None }) }
    }
}

impl Reloads {
    /// Notes that a configuration is in force from now on.
    pub fn taken(&self) {
        *self.lock() = Last { taken: SystemTime::now(), refused: None };
    }

    /// Notes that a configuration was refused. `message` has a line for each fault.
    pub fn refused(&self, message: &str) {
        let faults = message.lines().map(str::to_owned).collect();
        self.lock().refused = Some(RefusedReload { time: SystemTime::now(), faults });
    }

    /// Returns the time at which the daemon started.
    #[must_use]
    pub fn started(&self) -> SystemTime {
        self.started
    }

    /// Returns the time at which the configuration in force was read.
    #[must_use]
    pub fn in_force_since(&self) -> SystemTime {
        self.lock().taken
    }

    /// Returns the reload that was refused since then, the last one if there were several.
    #[must_use]
    pub fn last_refused(&self) -> Option<RefusedReload> {
        self.lock().refused.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
