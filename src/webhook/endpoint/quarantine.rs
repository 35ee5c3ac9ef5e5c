//! The quarantine of one endpoint: its connections live on a thread of their own until it is trusted.
//!
//! Pure: the time comes from the caller. The thread is in `client::quarantine_thread`.

use std::time::{Duration, Instant};

/// The quarantine state of one endpoint. A new endpoint is in quarantine until its first answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Quarantine {
    has_answered: bool,
    /// The time of the last request without an answer.
    silent_at: Option<Instant>,
}

/// The time that an endpoint stays in quarantine after a request without an answer.
const QUARANTINE: Duration = Duration::from_secs(600);

impl Quarantine {
    pub(super) fn is_active(&self, now: Instant) -> bool {
        let is_recent = |at| now.saturating_duration_since(at) < QUARANTINE;
        !self.has_answered || self.silent_at.is_some_and(is_recent)
    }

    /// Notes that the endpoint has answered once. Does not end the quarantine after a request without an
    /// answer: the same can happen again.
    pub(super) fn answered(&mut self) {
        self.has_answered = true;
    }

    pub(super) fn was_silent(&mut self, now: Instant) {
        self.silent_at = Some(now);
    }

    /// Requires a new first answer.
    pub(super) fn forget_answers(&mut self) {
        self.has_answered = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_in_quarantine_until_its_first_answer_and_for_ten_minutes_after_silence() {
        let (mut quarantine, now) = (Quarantine::default(), Instant::now());
        assert!(quarantine.is_active(now));
        quarantine.answered();
        assert!(!quarantine.is_active(now));
        quarantine.was_silent(now);
        quarantine.answered();
        assert!(quarantine.is_active(now));
        assert!(!quarantine.is_active(now + QUARANTINE));
        quarantine.forget_answers();
        assert!(quarantine.is_active(now + QUARANTINE));
    }
}
