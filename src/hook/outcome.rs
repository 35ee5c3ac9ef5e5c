//! How a webhook step ended, and the words in which the dialplan hears of it.
//!
//! Every reason is made of letters, digits, spaces, `.` and `_` only: safe in any condition of any switch,
//! quoted or not, and never a stranger's text.

use std::fmt;
use std::time::Duration;

use crate::variable::{Unfit, Value};

/// How one webhook step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A 2xx answer, and every variable set from it.
    Ok {
        /// The HTTP status.
        code: u16,
        /// What the hook's variable receives.
        answer: Value,
    },
    /// An answer other than 2xx.
    HttpError {
        /// The HTTP status.
        code: u16,
    },
    /// No complete answer in time.
    Timeout {
        /// How long was waited.
        waited: Duration,
        /// Whether the answer's head had come.
        begun: bool,
    },
    /// Name, connection or TLS failed.
    Unreachable(Unreachable),
    /// An answer that must not enter the channel.
    BadAnswer {
        /// The HTTP status.
        code: u16,
        /// What is wrong with it.
        fault: AnswerFault,
    },
    /// The call or the hook asked for something that cannot be.
    BadRequest(RequestFault),
    /// More calls at once than the configuration allows.
    Overloaded {
        /// How many it allows.
        limit: usize,
    },
}

/// The word for the dialplan's `WEBHOOK_STATUS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// See [`Outcome::Ok`].
    Ok,
    /// See [`Outcome::HttpError`].
    HttpError,
    /// See [`Outcome::Timeout`].
    Timeout,
    /// See [`Outcome::Unreachable`].
    Unreachable,
    /// See [`Outcome::BadAnswer`].
    BadAnswer,
    /// See [`Outcome::BadRequest`].
    BadRequest,
    /// See [`Outcome::Overloaded`].
    Overloaded,
}

impl Status {
    /// The word as the dialplan compares it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::HttpError => "HTTP_ERROR",
            Self::Timeout => "TIMEOUT",
            Self::Unreachable => "UNREACHABLE",
            Self::BadAnswer => "BAD_ANSWER",
            Self::BadRequest => "BAD_REQUEST",
            Self::Overloaded => "OVERLOADED",
        }
    }
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Ok { .. } => Status::Ok,
            Self::HttpError { .. } => Status::HttpError,
            Self::Timeout { .. } => Status::Timeout,
            Self::Unreachable(_) => Status::Unreachable,
            Self::BadAnswer { .. } => Status::BadAnswer,
            Self::BadRequest(_) => Status::BadRequest,
            Self::Overloaded { .. } => Status::Overloaded,
        }
    }

    /// The HTTP status, where there was a complete answer.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Ok { code, .. } | Self::HttpError { code } | Self::BadAnswer { code, .. } => Some(*code),
            Self::Timeout { .. } | Self::Unreachable(_) | Self::BadRequest(_) | Self::Overloaded { .. } => {
                None
            }
        }
    }

    /// The answer, which only a good outcome has.
    #[must_use]
    pub fn answer(&self) -> Option<&Value> {
        match self {
            Self::Ok { answer, .. } => Some(answer),
            Self::HttpError { .. }
            | Self::Timeout { .. }
            | Self::Unreachable(_)
            | Self::BadAnswer { .. }
            | Self::BadRequest(_)
            | Self::Overloaded { .. } => None,
        }
    }

    /// The same outcome where the switch cannot carry what was to be set.
    #[must_use]
    pub fn but_unfit(self, unfit: Unfit) -> Self {
        match self {
            Self::Ok { code, .. } => Self::BadAnswer { code, fault: AnswerFault::Unfit(unfit) },
            other => other,
        }
    }
}

/// The clause for `WEBHOOK_REASON`; empty after a good outcome.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok { .. } => Ok(()),
            Self::HttpError { code } => write!(f, "the webhook answered {code}"),
            Self::Timeout { waited, begun: false } => write!(f, "no answer within {waited:?}"),
            Self::Timeout { waited, begun: true } => {
                write!(f, "the answer began but was not complete within {waited:?}")
            }
            Self::Unreachable(why) => why.fmt(f),
            Self::BadAnswer { fault, .. } => fault.fmt(f),
            Self::BadRequest(fault) => fault.fmt(f),
            Self::Overloaded { limit } => write!(f, "more calls at once than the limit of {limit}"),
        }
    }
}

/// Why a webhook could not be asked, or did not answer to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Its name has no address.
    #[error("the host name of the webhook has no address")]
    Name,
    /// Nothing listens.
    #[error("the webhook refused the connection")]
    Refused,
    /// No way there.
    #[error("there is no route to the webhook")]
    NoRoute,
    /// The certificate is out of date, or not yet in it.
    #[error("the certificate of the webhook is expired or not valid yet")]
    CertificateExpired,
    /// The certificate names another host.
    #[error("the certificate of the webhook is for another host name")]
    CertificateName,
    /// Nobody whom this machine trusts signed it.
    #[error("the certificate of the webhook is from an unknown authority")]
    CertificateIssuer,
    /// The certificate is wrong in another way.
    #[error("the certificate of the webhook is not valid")]
    Certificate,
    /// No common language.
    #[error("the TLS handshake with the webhook failed")]
    Tls,
    /// It closed the connection too early.
    #[error("the webhook closed the connection before its answer was complete")]
    Closed,
    /// It speaks something else.
    #[error("what the webhook sent is not HTTP")]
    NotHttp,
    /// Our own machine's limit.
    #[error("this machine has no file descriptors left for a connection to the webhook")]
    Descriptors,
    /// What answers shows an authority's certificate as its own.
    #[error("the certificate of the webhook is one of an authority and not of a server")]
    CertificateOfAuthority,
    /// Something else; the log has it at `debug`.
    #[error("the connection to the webhook failed")]
    Other,
}

/// Why a 2xx answer must not enter the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// More than is read at all.
    #[error("the answer is longer than 64 KiB")]
    TooLong,
    /// More than `accept = "safe"` lets in.
    #[error("the answer is longer than 1024 bytes")]
    TooLongToBeSafe,
    /// A control byte, which `accept = "safe"` keeps out.
    #[error("the answer holds a line break or another control byte")]
    ControlByte,
    /// Not a text.
    #[error("the answer is not UTF 8")]
    NotUtf8,
    /// None of the words that the hook names.
    #[error("the answer is not one of the configured answers")]
    NotOneOfTheAnswers,
    /// The switch's wire cannot carry it.
    #[error("the answer does not fit. {0}")]
    Unfit(Unfit),
}

/// Why no request was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestFault {
    /// The path names no hook.
    #[error("no hook of this name is configured. correct the address or add the hook")]
    NoSuchHook,
    /// The address cannot be read.
    #[error("the address is not a path and a query")]
    Address,
    /// A name that no parameter has.
    #[error("unknown parameter. the parameters are method url variable and timeout")]
    UnknownParameter,
    /// The same parameter twice.
    #[error("a parameter is given more than once")]
    RepeatedParameter,
    /// A configured hook's URL or method is not the call's to choose.
    #[error("a configured hook has its own url and method. the call may choose variable and timeout")]
    NotForTheCall,
    /// A configured hook has no arguments.
    #[error("a configured hook takes variable and timeout in the query of its address and no arguments")]
    Arguments,
    /// An ad hoc step without its URL.
    #[error("url is missing. an ad hoc step needs one")]
    UrlMissing,
    /// A URL that does not parse.
    #[error("url is not an http or https URL")]
    Url,
    /// A URL that `[calls] urls` does not allow.
    #[error("the url is not one that calls.urls of the configuration allows")]
    UrlNotAllowed,
    /// Another method.
    #[error("method is neither GET nor POST")]
    Method,
    /// A timeout out of range.
    #[error("timeout is not within 1s to 10s")]
    Timeout,
    /// No name for a variable.
    #[error("variable is not a name of letters digits and _")]
    Variable,
    /// One of the names that report on the step.
    #[error("variable must not be one of WEBHOOK_STATUS WEBHOOK_CODE and WEBHOOK_REASON")]
    ReservedVariable,
    /// A placeholder's value would turn the path into another one.
    #[error("a placeholder in the path of the URL holds only dots")]
    PathDots,
    /// A channel variable that the switch does not hand out whole.
    #[error(
        "a channel variable of the hook cannot be read whole. it is over 4000 bytes or func_uri is not loaded"
    )]
    VariableNotWhole,
    /// More names than one question holds.
    #[error("the hook asks for more channel variables than fit in one question to the switch")]
    TooManyVariables,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind, and each fault: what the dialplan can ever hear.
    #[expect(clippy::too_many_lines, reason = "a list")]
    fn every_outcome() -> Vec<Outcome> {
        use {AnswerFault as A, RequestFault as R, Unreachable as U};
        let waited = Duration::from_millis(1500);
        let mut all = vec![
            Outcome::Ok { code: 200, answer: Value::default() },
            Outcome::HttpError { code: 503 },
            Outcome::Timeout { waited, begun: false },
            Outcome::Timeout { waited, begun: true },
            Outcome::Overloaded { limit: 10_000 },
        ];
        let unreachable = [
            U::Name,
            U::Refused,
            U::NoRoute,
            U::CertificateExpired,
            U::CertificateName,
            U::CertificateIssuer,
            U::Certificate,
            U::Tls,
            U::Closed,
            U::NotHttp,
            U::Descriptors,
            U::CertificateOfAuthority,
            U::Other,
        ];
        let answers = [
            A::TooLong,
            A::TooLongToBeSafe,
            A::ControlByte,
            A::NotUtf8,
            A::NotOneOfTheAnswers,
            A::Unfit(Unfit::Newline),
            A::Unfit(Unfit::Nul),
            A::Unfit(Unfit::Quote),
            A::Unfit(Unfit::TooLong),
            A::Unfit(Unfit::Expansion),
            A::Unfit(Unfit::Scope),
            A::Unfit(Unfit::Array),
        ];
        let requests = [
            R::NoSuchHook,
            R::Address,
            R::UnknownParameter,
            R::RepeatedParameter,
            R::NotForTheCall,
            R::Arguments,
            R::UrlMissing,
            R::Url,
            R::UrlNotAllowed,
            R::Method,
            R::Timeout,
            R::Variable,
            R::ReservedVariable,
            R::PathDots,
            R::VariableNotWhole,
            R::TooManyVariables,
        ];
        all.extend(unreachable.map(Outcome::Unreachable));
        all.extend(answers.map(|fault| Outcome::BadAnswer { code: 200, fault }));
        all.extend(requests.map(Outcome::BadRequest));
        all
    }

    #[test]
    fn a_reason_is_safe_in_any_condition() {
        for outcome in every_outcome() {
            let reason = outcome.to_string();
            let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_');
            assert!(reason.chars().all(safe), "{reason}");
            assert!(reason.len() < 200, "{reason}");
            assert_eq!(reason.is_empty(), outcome.status() == Status::Ok, "{outcome:?}");
        }
    }

    #[test]
    fn what_the_switch_cannot_carry_is_a_bad_answer() {
        let ok = Outcome::Ok { code: 200, answer: Value::from("a\"b") };
        let refused = ok.but_unfit(Unfit::Quote);
        assert_eq!((refused.status(), refused.code()), (Status::BadAnswer, Some(200)));
        assert_eq!(refused.answer(), None);
    }
}
