//! The part of a step's time that one endpoint of several gets.

use std::time::Duration;

use tokio::time::Instant;

use super::Ask;
use crate::hook::{Outcome, Stage};

/// The time that one endpoint has.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeSlice {
    /// The end of the slice.
    pub(super) deadline: Instant,
    /// The time that a `TIMEOUT` of this endpoint names: the step's whole timeout for the last endpoint, the
    /// slice for those before.
    timeout: Duration,
    /// True if the slice is at least half of what the hook's timeout gives this endpoint. If it is less, the
    /// switch, another call or the call's own `timeout` took the time, and silence says nothing about the
    /// endpoint.
    pub(super) is_long_enough: bool,
    /// The longest time to make a connection. The same for every call of a hook, because it selects the
    /// connection pool.
    pub(super) connect_timeout: Duration,
}

impl TimeSlice {
    /// Returns the slice of an endpoint that is asked now. `later` is the number of endpoints after it.
    pub(super) fn new(ask: &Ask<'_>, now: Instant, later: usize) -> Self {
        let slice = slice_of(ask.deadline.saturating_duration_since(now), later);
        let is_long_enough = slice >= slice_of(ask.hook().timeout.get(), later) / 2;
        let connect_timeout = slice_of(ask.timeout, later);
        match later {
            0 => Self { deadline: ask.deadline, timeout: ask.timeout, is_long_enough, connect_timeout },
            _ => Self { deadline: now + slice, timeout: rounded(slice), is_long_enough, connect_timeout },
        }
    }

    /// The outcome if the slice ends while this stage is not complete.
    pub(super) fn timed_out(&self, stage: Stage) -> Outcome {
        Outcome::Timeout { waited: self.timeout, stage }
    }
}

/// Rounds to a tenth of a second.
fn rounded(time: Duration) -> Duration {
    Duration::from_millis(100 * ((time.as_millis() as u64 + 50) / 100))
}

/// Divides a time equally among an endpoint and the `later` endpoints after it. Returns the part of one.
pub(super) fn slice_of(time: Duration, later: usize) -> Duration {
    time / u32::try_from(later).unwrap_or(u32::MAX).saturating_add(1)
}
