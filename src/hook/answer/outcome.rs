//! How a webhook step ended, and the words in which the dialplan hears of it.
//!
//! Every reason is made of letters, digits, spaces, `.` and `_` only: safe in any condition of any switch,
//! quoted or not, and never a stranger's text.

use std::fmt;
use std::time::Duration;

use super::faults::{AnswerFault, RedirectFault, RequestFault, Unreachable};
use super::json_fault;
use super::status::Status;
use crate::variable::{Assignment, Unfit, VariableName};

/// How one webhook step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A 2xx answer, and every variable set from it.
    Ok {
        /// The HTTP status.
        code: u16,
        /// What the hook's variables receive.
        set: Vec<Assignment>,
        /// True if `set` names parts of the answer and the answer has none of them.
        nothing_found: bool,
    },
    /// The request goes on behind the call, which does not wait for it.
    Detached,
    /// An answer other than 2xx.
    HttpError {
        /// The HTTP status.
        code: u16,
        /// Why its redirect was not followed, where the hook follows some.
        redirect: Option<RedirectFault>,
    },
    /// No complete answer in time.
    Timeout {
        /// How long was waited.
        waited: Duration,
        /// The stage that was not complete when the time was over.
        stage: Stage,
    },
    /// Name, connection or TLS failed.
    Unreachable(Unreachable),
    /// An answer that must not enter the channel.
    BadAnswer {
        /// The HTTP status.
        code: u16,
        /// What is wrong with it.
        fault: AnswerFault,
        /// Which of the variables under `set` could not be set.
        variable: Option<VariableName>,
    },
    /// The call or the hook asked for something that cannot be.
    BadRequest(RequestFault),
    /// More at once than the configuration allows.
    Overloaded(Overload),
}

/// The stage of a request that was not complete when its time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// No request had begun.
    Start,
    /// The name servers had not answered.
    NameServers,
    /// There was no connection.
    Connection,
    /// The TLS handshake was not complete.
    Tls,
    /// The head of the answer was not complete.
    Answer,
    /// The body of the answer was not complete.
    Body,
}

/// What there is too much of, and how much the configuration allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Overload {
    /// Calls that wait for their webhooks.
    #[error("more calls at once than the limit of {0}")]
    Calls(usize),
    /// Those of one address.
    #[error("more calls at once from one address than the limit of {0}")]
    CallsOfPeer(usize),
    /// Requests that no call waits for.
    #[error("more detached requests at once than the limit of {0}")]
    Detached(usize),
    /// Calls and detached requests for which the system allows open files.
    #[error("more calls at once than the limit of {0} open files allows")]
    OpenFiles(u64),
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            // what was asked for was done: nothing else is known yet
            Self::Ok { .. } | Self::Detached => Status::Ok,
            Self::HttpError { .. } => Status::HttpError,
            Self::Timeout { .. } => Status::Timeout,
            Self::Unreachable(_) => Status::Unreachable,
            Self::BadAnswer { .. } => Status::BadAnswer,
            Self::BadRequest(_) => Status::BadRequest,
            Self::Overloaded(_) => Status::Overloaded,
        }
    }

    /// The HTTP status, where there was a complete answer.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Ok { code, .. } | Self::HttpError { code, .. } | Self::BadAnswer { code, .. } => {
                Some(*code)
            }
            Self::Detached
            | Self::Timeout { .. }
            | Self::Unreachable(_)
            | Self::BadRequest(_)
            | Self::Overloaded(_) => None,
        }
    }

    /// What the hook's variables receive, which only a good answer says.
    #[must_use]
    pub fn set(&self) -> Option<&[Assignment]> {
        match self {
            Self::Ok { set, .. } => Some(set),
            Self::Detached
            | Self::HttpError { .. }
            | Self::Timeout { .. }
            | Self::Unreachable(_)
            | Self::BadAnswer { .. }
            | Self::BadRequest(_)
            | Self::Overloaded(_) => None,
        }
    }

    /// Whether the webhook kept silent: no answer came, or none to the end.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Unreachable(_))
    }

    /// Whether this machine could not ask, so that nothing is known of the webhook.
    #[must_use]
    pub fn is_local_failure(&self) -> bool {
        matches!(self, Self::Unreachable(Unreachable::Descriptors))
    }

    /// Whether another URL of the same webhook might do better: it kept silent, or said that it is out of order.
    #[must_use]
    pub fn should_fail_over(&self) -> bool {
        self.is_unanswered() || matches!(self, Self::HttpError { code: 500..=599, .. })
    }

    /// The same outcome where the switch cannot carry what was to be set; for a part of the answer, in which variable.
    #[must_use]
    pub fn into_unfit(self, unfit: Unfit, variable: Option<VariableName>) -> Self {
        match self {
            Self::Ok { code, set, .. } => {
                let whole = set.first().filter(|_| variable.is_none());
                let json = whole.and_then(|whole| json_fault(whole.value.as_bytes()));
                let quoted = json.filter(|_| unfit == Unfit::Quote);
                Self::BadAnswer { code, fault: quoted.unwrap_or(AnswerFault::Unfit(unfit)), variable }
            }
            other => other,
        }
    }
}

/// The clause for `WEBHOOK_REASON`; empty after a good outcome.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok { .. } | Self::Detached => Ok(()),
            Self::HttpError { code, redirect: None } => write!(f, "the webhook answered {code}"),
            Self::HttpError { code, redirect: Some(fault) } => {
                write!(f, "the webhook answered {code} and {fault}")
            }
            Self::Timeout { waited, stage } => write!(f, "{stage} within {waited:?}"),
            Self::Unreachable(why) => why.fmt(f),
            Self::BadAnswer { fault, variable: None, .. } => fault.fmt(f),
            Self::BadAnswer { fault, variable: Some(name), .. } => write!(f, "{fault}. it was for {name}"),
            Self::BadRequest(fault) => fault.fmt(f),
            Self::Overloaded(load) => load.fmt(f),
        }
    }
}

/// The clause of a `TIMEOUT`, without the time.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "no time was left to ask the webhook",
            Self::NameServers => "no answer from the name servers",
            Self::Connection => "no connection to the webhook",
            Self::Tls => "the TLS handshake with the webhook was not complete",
            Self::Answer => "no answer",
            Self::Body => "the answer began but was not complete",
        })
    }
}

#[cfg(test)]
mod tests;
