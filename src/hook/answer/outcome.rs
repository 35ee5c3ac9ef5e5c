//! The outcome of a webhook step, with its status and its reason.
//!
//! A reason has letters, digits, spaces, `.` and `_` only. It is safe in any condition on any switch, quoted
//! or not, and it never quotes the answer.

use std::fmt;
use std::time::Duration;

use super::faults::{AnswerFault, RedirectFault, RequestFault, Unreachable};
use super::place::Place;
use super::status::Status;
use crate::variable::{AnswerPart, Assignment, Unfit, VariableName};

/// The outcome of a webhook step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A 2xx answer that is accepted.
    Ok {
        /// The HTTP status.
        code: u16,
        /// The assignments of the hook's variables.
        set: Vec<Assignment>,
        /// True if `set` names parts of the answer and the answer has none of them.
        nothing_found: bool,
    },
    /// The request is detached: the call does not wait for the answer.
    Detached,
    /// An answer other than 2xx.
    HttpError {
        /// The HTTP status.
        code: u16,
        /// The fault of a redirect, if the hook follows redirects.
        redirect: Option<RedirectFault>,
    },
    /// No complete answer before the deadline.
    Timeout {
        /// The timeout of the request.
        waited: Duration,
        /// The stage that was not complete at the deadline.
        stage: Stage,
    },
    /// DNS, the connection, TLS or HTTP failed, or the circuit breaker is open.
    Unreachable(Unreachable),
    /// An answer that must not enter the channel.
    BadAnswer {
        /// The HTTP status.
        code: u16,
        fault: AnswerFault,
        /// The variable of `set` whose part has the fault; none for a fault of the whole answer.
        variable: Option<VariableName>,
        /// The place of the fault; none if it is not in the bytes of the answer.
        place: Option<Box<Place>>,
    },
    /// No request was made, because the call or its hook has a fault.
    BadRequest(RequestFault),
    /// No request was made, because a limit of the configuration is reached.
    Overloaded(Overload),
}

/// The stage of a request that was not complete at the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The request had not begun.
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

/// The limit that is reached, with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Overload {
    /// `limits.calls`.
    #[error("more calls at once than limits.calls of {0} allows")]
    Calls(usize),
    /// `limits.calls_per_peer`.
    #[error("more calls at once from one address than limits.calls_per_peer of {0} allows")]
    CallsOfPeer(usize),
    /// `limits.detached`.
    #[error("more detached requests at once than limits.detached of {0} allows")]
    Detached(usize),
    /// The system's limit of open files.
    #[error("more calls at once than the limit of {0} open files allows")]
    OpenFiles(u64),
}

impl Outcome {
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            // a detached request has done what the dialplan wants from it
            Self::Ok { .. } | Self::Detached => Status::Ok,
            Self::HttpError { .. } => Status::HttpError,
            Self::Timeout { .. } => Status::Timeout,
            Self::Unreachable(_) => Status::Unreachable,
            Self::BadAnswer { .. } => Status::BadAnswer,
            Self::BadRequest(_) => Status::BadRequest,
            Self::Overloaded(_) => Status::Overloaded,
        }
    }

    /// Returns the HTTP status of a complete answer.
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

    /// Returns the assignments of the hook's variables. Only a good answer has them.
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

    /// Returns the variables whose part a good answer does not have, each with that part.
    pub fn missing(&self) -> impl Iterator<Item = (&VariableName, &AnswerPart)> {
        let set = self.set().unwrap_or_default();
        set.iter().filter_map(|assignment| Some((&assignment.name, assignment.source.missing()?)))
    }

    /// Returns the outcome without the assignments of a good one.
    #[must_use]
    pub fn without_set(&self) -> Self {
        match self {
            Self::Ok { code, nothing_found, .. } => {
                Self::Ok { code: *code, set: Vec::new(), nothing_found: *nothing_found }
            }
            other => other.clone(),
        }
    }

    /// True if no complete answer came.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Unreachable(_))
    }

    /// True if this machine could not make the request. It says nothing about the webhook.
    #[must_use]
    pub fn is_local_failure(&self) -> bool {
        matches!(self, Self::Unreachable(Unreachable::Descriptors))
    }

    /// True if the next endpoint of the hook should be tried: no answer came, or one of 5xx.
    #[must_use]
    pub fn should_fail_over(&self) -> bool {
        self.is_unanswered() || matches!(self, Self::HttpError { code: 500..=599, .. })
    }

    /// Turns a good outcome into BAD_ANSWER, because the switch cannot carry it.
    #[must_use]
    pub fn into_unfit(self, unfit: Unfit) -> Self {
        match self {
            Self::Ok { code, .. } => {
                Self::BadAnswer { code, fault: AnswerFault::Unfit(unfit), variable: None, place: None }
            }
            other => other,
        }
    }
}

/// Writes `WEBHOOK_REASON`. It is empty after a good outcome.
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

/// Writes the reason of a `TIMEOUT`, without the time.
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
