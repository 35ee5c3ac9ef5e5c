//! Decides if a failed request may be sent again.

use http::Method;

use crate::hook::{Outcome, Unreachable};

/// A request without an answer, or with one that must not be read to its end.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) outcome: Outcome,
    pub(super) progress: Progress,
    /// True if a reused connection was closed before any byte of the answer came. A new connection may be
    /// good.
    pub(super) on_reused_connection: bool,
}

/// The progress of a request at the moment of its failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// There was no connection: the webhook has received nothing.
    NotConnected,
    /// The request was sent, in part at least, and no byte of an answer had come.
    Sent {
        /// True if the connection had served another request before, so that the webhook may just have closed
        /// it.
        reused: bool,
    },
    /// An answer had begun, or a redirect had been followed.
    AnswerBegun,
}

impl Failure {
    /// A failure after an answer had begun, or may have begun.
    pub(super) fn after_answer_began(outcome: Outcome) -> Self {
        Self { outcome, progress: Progress::AnswerBegun, on_reused_connection: false }
    }

    /// True if the same request may be sent again.
    pub(super) fn may_be_retried(&self, method: &Method, idempotent: bool) -> bool {
        match self.outcome {
            Outcome::Unreachable(why) => self.progress.allows_retry(why, method, idempotent),
            _ => false,
        }
    }
}

impl Progress {
    /// True if a request that failed for this reason may be sent again. A POST that the webhook may have
    /// received is sent again only if the hook says that it is idempotent.
    fn allows_retry(self, why: Unreachable, method: &Method, idempotent: bool) -> bool {
        match self {
            Self::NotConnected => why.is_transient(),
            Self::Sent { reused: true } => idempotent || (*method == Method::GET && why.is_transient()),
            Self::Sent { reused: false } | Self::AnswerBegun => idempotent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_that_the_webhook_may_have_received_is_retried_only_if_it_is_idempotent() {
        let may_be_retried = |progress: Progress, method, idempotent| {
            progress.allows_retry(Unreachable::Closed, &method, idempotent)
        };
        let (reused, new) = (Progress::Sent { reused: true }, Progress::Sent { reused: false });
        for (progress, post, get) in [
            (Progress::NotConnected, true, true),
            (reused, false, true),
            (new, false, false),
            (Progress::AnswerBegun, false, false),
        ] {
            assert_eq!(may_be_retried(progress, Method::POST, false), post, "{progress:?}");
            assert_eq!(may_be_retried(progress, Method::GET, false), get, "{progress:?}");
            assert!(may_be_retried(progress, Method::POST, true), "{progress:?}");
        }
        assert!(!reused.allows_retry(Unreachable::NotHttp, &Method::GET, false), "it has answered");
        let why = Unreachable::CertificateName;
        assert!(!Progress::NotConnected.allows_retry(why, &Method::GET, true), "it would fail again");
    }
}
