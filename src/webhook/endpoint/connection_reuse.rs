//! The reuse of connections to one endpoint. Some webhooks close each connection after the answer and do not
//! say so.
//!
//! Pure: the time comes from the caller.

use std::time::{Duration, Instant};

/// The reuse of connections to one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ConnectionReuse {
    /// The last time that the endpoint closed a reused connection instead of an answer.
    closed_at: Option<Instant>,
}

/// The time without reuse after an endpoint has closed a reused connection without notice.
pub(super) const NO_REUSE: Duration = Duration::from_secs(600);

impl ConnectionReuse {
    pub(super) fn is_allowed(&self, now: Instant) -> bool {
        self.closed_at.is_none_or(|at| now.saturating_duration_since(at) >= NO_REUSE)
    }

    /// Notes that a reused connection was closed before any byte of an answer. Returns true if reuse was
    /// allowed until now.
    pub(super) fn was_closed(&mut self, now: Instant) -> bool {
        let was_allowed = self.is_allowed(now);
        self.closed_at = Some(now);
        was_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_connection_is_reused_for_ten_minutes_after_one_was_closed_without_notice() {
        let (mut reuse, now) = (ConnectionReuse::default(), Instant::now());
        assert!(reuse.is_allowed(now));
        assert!(reuse.was_closed(now));
        assert!(!reuse.is_allowed(now + NO_REUSE - Duration::from_secs(1)));
        let later = now + Duration::from_secs(5);
        assert!(!reuse.was_closed(later), "it was known");
        assert!(!reuse.is_allowed(now + NO_REUSE) && reuse.is_allowed(later + NO_REUSE));
        assert!(reuse.was_closed(later + NO_REUSE));
    }
}
