//! The request of one step to its webhook, and the time that it has.

use std::time::Duration;

use tokio::time::Instant;

use super::AttemptLog;
use crate::hook::{Hook, Outcome, Request, Stage, Step};

/// The request of one step to its webhook.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The step, which judges the answer.
    pub step: &'a Step,
    /// The request that is sent.
    pub request: &'a Request,
    /// The end of the caller's wait.
    pub deadline: Instant,
    /// The whole time of that wait. The reason of a `TIMEOUT` names it.
    pub timeout: Duration,
    /// Says if the body of an answer other than 2xx is read.
    pub page: ErrorPage,
    /// The log of the attempts, which the caller keeps.
    pub attempts: &'a AttemptLog,
}

/// Says if the body of an answer other than 2xx is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorPage {
    /// It is not read: a call needs only the HTTP status.
    Skip,
    /// It is read for a person, as much of it as comes in time.
    Read,
}

impl<'a> Ask<'a> {
    pub(super) fn hook(&self) -> &'a Hook {
        &self.request.hook
    }

    /// The hook's name in the log and in the metrics.
    pub(super) fn hook_name(&self) -> &'a str {
        &self.step.name
    }

    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// The outcome if the deadline passes while this stage is not complete.
    pub(super) fn timed_out(&self, stage: Stage) -> Outcome {
        Outcome::Timeout { waited: self.timeout, stage }
    }
}
