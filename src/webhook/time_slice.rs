//! A step's request on its way: what it is for, and how long each URL may take.

use std::time::Duration;

use tokio::time::Instant;

use super::{ErrorPage, Telling};
use crate::hook::{Hook, Outcome, Request, Stage, Step};

/// A step's request on its way.
#[derive(Clone, Copy)]
pub(super) struct Errand<'a> {
    pub(super) step: &'a Step,
    pub(super) request: &'a Request,
    pub(super) hook: &'a Hook,
    /// When the caller has waited long enough.
    pub(super) deadline: Instant,
    /// How long that is, in all.
    pub(super) patience: Duration,
    pub(super) page: ErrorPage,
    pub(super) telling: Telling<'a>,
}

/// The time that one URL has.
#[derive(Debug, Clone, Copy)]
pub(super) struct OneTurn {
    /// Until when its answer must be there.
    pub(super) until: Instant,
    /// How long that is, as a person hears of it: in all for the last one, its share for those before.
    pub(super) patience: Duration,
    /// Whether that is long enough to say that it does not answer: half of what its hook gives it. Else the switch, another
    /// call or the call's own wish took the time.
    pub(super) fair: bool,
    /// How long a connection may take to be made; the same from call to call, because connections are kept by it.
    pub(super) connect: Duration,
}

impl Errand<'_> {
    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// The outcome where its time is over.
    pub(super) fn late(&self, awaited: Stage) -> Outcome {
        Outcome::Timeout { waited: self.patience, stage: awaited }
    }

    /// The time that a URL has, when so many others come after it.
    pub(super) fn turn(&self, now: Instant, later: usize) -> OneTurn {
        let left = self.deadline.saturating_duration_since(now);
        let fair = share(left, later) >= share(self.hook.timeout.get(), later) / 2;
        let connect = share(self.patience, later);
        match later {
            0 => OneTurn { until: self.deadline, patience: self.patience, fair, connect },
            _ => OneTurn {
                until: now + share(left, later),
                patience: rounded(share(left, later)),
                fair,
                connect,
            },
        }
    }
}

impl OneTurn {
    pub(super) fn late(&self, awaited: Stage) -> Outcome {
        Outcome::Timeout { waited: self.patience, stage: awaited }
    }
}

/// To a tenth of a second.
fn rounded(time: Duration) -> Duration {
    Duration::from_millis(100 * ((time.as_millis() as u64 + 50) / 100))
}

/// A part of the time, when as much is to be left for each of so many others.
pub(super) fn share(time: Duration, later: usize) -> Duration {
    time / u32::try_from(later).unwrap_or(u32::MAX).saturating_add(1)
}
