//! How a webhook step ended, and the words in which the dialplan hears of it.
//!
//! Every reason is made of letters, digits, spaces, `.` and `_` only: safe in any condition of any switch,
//! quoted or not, and never a stranger's text.

use std::fmt;
use std::time::Duration;

use super::faults::{AnswerFault, RedirectFault, RequestFault, Unreachable};
use super::json_instead;
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
    /// Every word, in the order of the contract.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::HttpError,
        Self::Timeout,
        Self::Unreachable,
        Self::BadAnswer,
        Self::BadRequest,
        Self::Overloaded,
    ];

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
                let json = whole.and_then(|whole| json_instead(whole.value.as_bytes()));
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
mod tests {
    use std::collections::BTreeSet;

    use super::super::faults::Coding;
    use super::*;

    fn every_stage() -> [Stage; 6] {
        use Stage::{Answer, Body, Connection, NameServers, Start, Tls};
        [Start, NameServers, Connection, Tls, Answer, Body]
    }

    /// One of each kind, and each fault: what the dialplan can ever hear.
    #[expect(clippy::too_many_lines, reason = "a list")]
    fn every_outcome() -> Vec<Outcome> {
        use {AnswerFault as A, RequestFault as R, Unreachable as U};
        let waited = Duration::from_millis(1500);
        let mut all = vec![
            Outcome::Ok { code: 200, set: Vec::new(), nothing_found: false },
            Outcome::Detached,
            Outcome::HttpError { code: 503, redirect: None },
            Outcome::HttpError { code: 302, redirect: Some(RedirectFault::NoTarget) },
            Outcome::HttpError { code: 302, redirect: Some(RedirectFault::Host) },
            Outcome::HttpError { code: 302, redirect: Some(RedirectFault::Port) },
            Outcome::HttpError { code: 302, redirect: Some(RedirectFault::Downgrade) },
            Outcome::HttpError { code: 302, redirect: Some(RedirectFault::TooMany) },
            Outcome::Overloaded(Overload::Calls(10_000)),
            Outcome::Overloaded(Overload::CallsOfPeer(100)),
            Outcome::Overloaded(Overload::Detached(1000)),
            Outcome::Overloaded(Overload::OpenFiles(1024)),
        ];
        let unreachable = [
            U::Name,
            U::NameMalformed,
            U::NameServers,
            U::Refused,
            U::NoRoute,
            U::CertificateExpired,
            U::CertificateName,
            U::CertificateNameless,
            U::CertificateIssuer,
            U::Certificate,
            U::Tls,
            U::TlsVersion,
            U::NotTls,
            U::ClosedInHandshake,
            U::Closed,
            U::NotHttp,
            U::TooManyHeaders,
            U::Descriptors,
            U::CertificateOfAuthority,
            U::Other,
            U::BreakerOpen { failures: 5, probe: waited },
        ];
        let answers = [
            A::TooLong,
            A::TextTooLong,
            A::WordTooLong,
            A::NotAWord,
            A::ControlByte,
            A::Layout,
            A::JsonString,
            A::JsonDocument,
            A::NotUtf8,
            A::NotOneOfTheAnswers,
            A::NotJson,
            A::Charset,
            A::Compressed(Coding::Gzip),
            A::Compressed(Coding::Deflate),
            A::Compressed(Coding::Brotli),
            A::Compressed(Coding::Zstd),
            A::Compressed(Coding::Compress),
            A::Compressed(Coding::Other),
            A::Object("customer.name".to_owned()),
            A::List("customer.name".to_owned()),
            A::Unfit(Unfit::Newline),
            A::Unfit(Unfit::Nul),
            A::Unfit(Unfit::Quote),
            A::Unfit(Unfit::LineFeedAtEnd),
            A::Unfit(Unfit::TooLong),
            A::Unfit(Unfit::Expansion),
            A::Unfit(Unfit::Scope),
            A::Unfit(Unfit::Array),
        ];
        let name = crate::hook::ShownName::of(&[b'x'; 32]);
        let requests = [
            R::NoSuchHook,
            R::Address,
            R::UnknownParameter(name),
            R::UnquotedUrl(name),
            R::UnencodedUrl(name),
            R::UnknownChoice(name),
            R::RepeatedParameter,
            R::NotForTheCall,
            R::Arguments,
            R::UrlMissing,
            R::Url,
            R::UrlFragment,
            R::UrlPlaceholder,
            R::UrlNotAllowed,
            R::Method,
            R::Timeout,
            R::Accept,
            R::AcceptAny,
            R::Variable,
            R::ReservedVariable,
            R::VariableOfSet,
            R::PathDots,
            R::UrlTooLong,
            R::UrlNotExact,
            R::ArgumentsNotWhole,
            R::VariableNotWhole,
            R::TooManyVariables,
        ];
        all.extend(every_stage().map(|stage| Outcome::Timeout { waited, stage }));
        all.extend(unreachable.map(Outcome::Unreachable));
        let name = || "CRM_NAME".parse().ok();
        all.extend(answers.iter().cloned().map(|fault| Outcome::BadAnswer {
            code: 200,
            fault,
            variable: name(),
        }));
        all.extend(answers.map(|fault| Outcome::BadAnswer { code: 200, fault, variable: None }));
        all.extend(requests.map(Outcome::BadRequest));
        all
    }

    #[test]
    fn every_word_is_in_the_list_and_no_other() {
        let words: BTreeSet<_> = every_outcome().iter().map(Outcome::status).collect();
        assert_eq!(words, BTreeSet::from(Status::ALL));
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
    fn each_stage_of_a_timeout_has_a_reason_of_its_own() {
        let waited = Duration::from_secs(2);
        let reasons = every_stage().map(|stage| Outcome::Timeout { waited, stage }.to_string());
        assert_eq!(BTreeSet::from(reasons).len(), every_stage().len());
    }

    #[test]
    fn no_reason_suggests_less_safety() {
        for outcome in every_outcome() {
            let reason = outcome.to_string();
            for word in ["accept is any", "accept any", "accept is text", "insecure"] {
                assert!(!reason.contains(word), "{reason}");
            }
        }
    }

    #[test]
    fn a_lack_of_descriptors_is_no_failure_of_the_webhook() {
        let ours: Vec<_> = every_outcome().into_iter().filter(Outcome::is_local_failure).collect();
        assert_eq!(ours, [Outcome::Unreachable(Unreachable::Descriptors)]);
    }

    #[test]
    fn what_the_switch_cannot_carry_is_a_bad_answer() {
        let ok = Outcome::Ok { code: 200, set: Vec::new(), nothing_found: false };
        let refused = ok.into_unfit(Unfit::Quote, None);
        assert_eq!((refused.status(), refused.code()), (Status::BadAnswer, Some(200)));
        assert_eq!(refused.set(), None);
    }
}
