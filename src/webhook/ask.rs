//! The request of one step to its webhook, and the time that it has.

use std::time::Duration;

use tokio::time::Instant;

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
    /// The whole time of that wait, as a `TIMEOUT` says it.
    pub timeout: Duration,
    /// The use of an answer other than 2xx.
    pub page: ErrorPage,
}

/// The use of the body of an answer other than 2xx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorPage {
    /// The body is not read: a call needs only the HTTP status.
    Skip,
    /// As much of the body as comes in time is read, for a person.
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
