//! A step's request on its way: what it is for, and how long each URL may take.

use std::time::Duration;

use tokio::time::Instant;

use super::{ErrorPage, Telling};
use crate::hook::{Awaited, Hook, Outcome, Request, Step};

/// A step's request on its way.
#[derive(Clone, Copy)]
pub(super) struct AskContext<'a> {
    pub(super) step: &'a Step,
    pub(super) request: &'a Request,
    pub(super) hook: &'a Hook,
    /// When the caller has waited long enough.
    pub(super) deadline: Instant,
    /// How long that is, in all.
    pub(super) timeout: Duration,
    pub(super) page: ErrorPage,
    pub(super) telling: Telling<'a>,
}

/// The time that one URL has.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeSlice {
    /// Until when its answer must be there.
    pub(super) deadline: Instant,
    /// How long that is, as a person hears of it: in all for the last one, its share for those before.
    pub(super) timeout: Duration,
    /// Whether that is long enough to say that it does not answer: half of what its hook gives it. Else the switch, another
    /// call or the call's own wish took the time.
    pub(super) is_fair: bool,
    /// How long a connection may take to be made; the same from call to call, because connections are kept by it.
    pub(super) connect_timeout: Duration,
}

impl AskContext<'_> {
    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// The outcome where its time is over.
    pub(super) fn timed_out(&self, awaited: Awaited) -> Outcome {
        Outcome::Timeout { waited: self.timeout, awaited }
    }

    /// The time that a URL has, when so many others come after it.
    pub(super) fn time_slice(&self, now: Instant, later: usize) -> TimeSlice {
        let left = self.deadline.saturating_duration_since(now);
        let is_fair = slice(left, later) >= slice(self.hook.timeout.get(), later) / 2;
        let connect_timeout = slice(self.timeout, later);
        match later {
            0 => TimeSlice { deadline: self.deadline, timeout: self.timeout, is_fair, connect_timeout },
            _ => TimeSlice {
                deadline: now + slice(left, later),
                timeout: rounded(slice(left, later)),
                is_fair,
                connect_timeout,
            },
        }
    }
}

impl TimeSlice {
    pub(super) fn timed_out(&self, awaited: Awaited) -> Outcome {
        Outcome::Timeout { waited: self.timeout, awaited }
    }
}

/// To a tenth of a second.
fn rounded(time: Duration) -> Duration {
    Duration::from_millis(100 * ((time.as_millis() as u64 + 50) / 100))
}

/// A part of the time, when as much is to be left for each of so many others.
pub(super) fn slice(time: Duration, later: usize) -> Duration {
    time / u32::try_from(later).unwrap_or(u32::MAX).saturating_add(1)
}
