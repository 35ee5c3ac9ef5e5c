//! Rate-limited log lines, so that no peer can fill the log.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A rate-limited log line, for an event that any peer can cause. Lines over the limit are counted, and the
/// next line that is written gives their number.
pub struct RateLimited {
    lines: u32,
    period: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The start of the current period.
    began: Option<Instant>,
    logged: u32,
    unlogged: u64,
}

impl Default for RateLimited {
    /// One line in ten seconds.
    fn default() -> Self {
        Self::new(1, Duration::from_secs(10))
    }
}

impl RateLimited {
    /// Allows this number of lines in each period.
    #[must_use]
    pub fn new(lines: u32, period: Duration) -> Self {
        Self { lines, period, state: Mutex::default() }
    }

    /// Calls `line` with the number of lines that were not written, unless the limit is reached.
    pub fn warn(&self, line: impl FnOnce(u64)) {
        if let Some(unlogged) = self.due(Instant::now()) {
            line(unlogged);
        }
    }

    fn due(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.began.is_none_or(|began| now.duration_since(began) >= self.period) {
            (state.began, state.logged) = (Some(now), 0);
        }
        if state.logged >= self.lines {
            state.unlogged += 1;
            return None;
        }
        state.logged += 1;
        Some(std::mem::take(&mut state.unlogged))
    }
}

impl fmt::Debug for RateLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimited").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_events_leaves_one_line_and_the_number_of_the_others() {
        let (limited, start) = (RateLimited::default(), Instant::now());
        let at = |seconds| limited.due(start + Duration::from_secs(seconds));
        assert_eq!(
            [at(0), at(1), at(9), at(10), at(11), at(30)],
            [Some(0), None, None, Some(2), None, Some(1)]
        );
    }

    #[test]
    fn each_period_allows_the_same_number_of_lines() {
        let (limited, start) = (RateLimited::new(2, Duration::from_secs(1)), Instant::now());
        let at = |milliseconds| limited.due(start + Duration::from_millis(milliseconds));
        assert_eq!(
            [at(0), at(500), at(600), at(999), at(1000), at(1001), at(1002), at(5000)],
            [Some(0), Some(0), None, None, Some(2), Some(0), None, Some(1)]
        );
    }
}
