//! How a URL has been doing: whether callers are still made to wait for it, and whether a request may be repeated.
//!
//! Pure: the time comes in from outside.

use std::time::{Duration, Instant};

use http::Method;

use super::Unreachable;

/// How far a request had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// There was no connection yet: the webhook has heard nothing.
    NotConnected,
    /// No byte of an answer had come.
    Sent {
        /// Whether the connection had served another request before, so that it may just have been closed.
        reused: bool,
    },
    /// An answer had begun, or a redirect had been followed.
    Begun,
}

impl Stage {
    /// Whether the same request may be sent again, when it failed for this reason. Never a POST that the webhook may have
    /// received, unless it takes no harm from that.
    #[must_use]
    pub fn allows_repetition(self, why: Unreachable, method: &Method, idempotent: bool) -> bool {
        match self {
            Self::NotConnected => why.may_pass(),
            Self::Sent { reused: true } => idempotent || *method == Method::GET,
            Self::Sent { reused: false } | Self::Begun => idempotent,
        }
    }
}

/// When callers are no longer kept waiting for a URL that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// After so many failures in a row; failures are requests without an answer.
    pub failures: u32,
    /// One caller's request tries it again, each time that so much has passed.
    pub probe: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, probe: Duration::from_secs(10) }
    }
}

/// What is remembered of one URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Requests without an answer since the last one with an answer.
    failures: u32,
    /// When one caller may try again; none while all may.
    probe: Option<Instant>,
    /// What repetitions cost, in hundredths of a request.
    budget: u32,
    /// When a request last had no answer.
    silent: Option<Instant>,
}

/// For so long a URL that did not answer is a suspect.
const SUSPICION: Duration = Duration::from_secs(600);

/// A change that somebody should hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The URL is left alone from now on.
    Opened,
    /// It answers again.
    Closed,
}

/// What each request adds to the budget, what a repetition takes, and the most that is saved: less than a fifth of the
/// requests can be repeated however long everything fails, and two single ones at once.
const DEPOSIT: u32 = 15;
const PRICE: u32 = 100;
const MOST_SAVED: u32 = 2 * PRICE;

impl Default for Standing {
    fn default() -> Self {
        Self { failures: 0, probe: None, budget: MOST_SAVED, silent: None }
    }
}

impl Standing {
    /// Whether a caller's request may try it now.
    pub fn admits(&mut self, breaker: &Breaker, now: Instant) -> bool {
        match self.probe {
            Some(at) if now < at => false,
            Some(_) => {
                self.probe = Some(now + breaker.probe);
                true
            }
            None => true,
        }
    }

    /// Whether it would not be asked now. Unlike [`Standing::admits`] this promises nobody a turn.
    #[must_use]
    pub fn rests(&self, now: Instant) -> bool {
        self.probe.is_some_and(|at| now < at)
    }

    /// A request goes out.
    pub fn asked(&mut self) {
        self.budget = (self.budget + DEPOSIT).min(MOST_SAVED);
    }

    /// Whether a request may be repeated; it is paid for then.
    pub fn repeats(&mut self) -> bool {
        let paid = self.budget.checked_sub(PRICE);
        self.budget = paid.unwrap_or(self.budget);
        paid.is_some()
    }

    /// An answer came, whatever it said.
    pub fn answered(&mut self) -> Option<Turn> {
        self.failures = 0;
        self.probe.take().map(|_| Turn::Closed)
    }

    /// No answer came. Without a breaker this counts for nobody.
    pub fn failed(&mut self, breaker: Option<&Breaker>, now: Instant) -> Option<Turn> {
        self.failures = self.failures.saturating_add(1);
        self.silent = Some(now);
        let breaker = breaker.filter(|breaker| self.failures >= breaker.failures)?;
        if self.probe.is_some() {
            return None;
        }
        self.probe = Some(now + breaker.probe);
        Some(Turn::Opened)
    }

    /// Requests without an answer since the last one with an answer.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether callers are not kept waiting for it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.probe.is_some()
    }

    /// Whether it did not answer a while ago: whatever it did instead, it may do again.
    #[must_use]
    pub fn is_suspect(&self, now: Instant) -> bool {
        self.silent.is_some_and(|at| now.saturating_duration_since(at) < SUSPICION)
    }

    /// Whether there is nothing to remember.
    #[must_use]
    pub fn is_good(&self, now: Instant) -> bool {
        let silent = self.silent.filter(|_| self.is_suspect(now));
        Self { silent, ..self.clone() } == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn after_failures_in_a_row_it_is_left_alone_but_for_one_probe_each_time() {
        let (breaker, start) = (Breaker { failures: 3, probe: 10 * SECOND }, Instant::now());
        let mut standing = Standing::default();
        let turns: Vec<_> = (0..4).map(|_| standing.failed(Some(&breaker), start)).collect();
        assert_eq!(turns, [None, None, Some(Turn::Opened), None]);
        let admits = |standing: &mut Standing, seconds| standing.admits(&breaker, start + seconds * SECOND);
        let admitted: Vec<_> =
            [0, 9, 10, 10, 19, 20, 21].into_iter().map(|s| admits(&mut standing, s)).collect();
        assert_eq!(admitted, [false, false, true, false, false, true, false]);
        assert_eq!(standing.failed(Some(&breaker), start + 21 * SECOND), None);
        assert_eq!(standing.answered(), Some(Turn::Closed));
        assert!(admits(&mut standing, 22) && admits(&mut standing, 22));
    }

    #[test]
    fn an_answer_in_between_starts_the_count_anew() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        let mut standing = Standing::default();
        for _ in 0..100 {
            for _ in 0..4 {
                assert_eq!(standing.failed(Some(&breaker), now), None);
            }
            assert_eq!(standing.answered(), None);
        }
        assert!(standing.is_suspect(now) && !standing.is_good(now));
        assert!(standing.is_good(now + SUSPICION));
    }

    #[test]
    fn without_a_breaker_everybody_may_try() {
        let mut standing = Standing::default();
        for _ in 0..100 {
            assert_eq!(standing.failed(None, Instant::now()), None);
        }
        assert!(standing.admits(&Breaker::default(), Instant::now()));
    }

    #[test]
    fn a_post_that_may_have_been_received_is_never_repeated_unless_it_may_be() {
        let repeated = |stage: Stage, method, idempotent| {
            stage.allows_repetition(Unreachable::Closed, &method, idempotent)
        };
        let (reused, fresh) = (Stage::Sent { reused: true }, Stage::Sent { reused: false });
        for (stage, post, get) in [
            (Stage::NotConnected, true, true),
            (reused, false, true),
            (fresh, false, false),
            (Stage::Begun, false, false),
        ] {
            assert_eq!(repeated(stage, Method::POST, false), post, "{stage:?}");
            assert_eq!(repeated(stage, Method::GET, false), get, "{stage:?}");
            assert!(repeated(stage, Method::POST, true), "{stage:?}");
        }
        assert!(!Stage::NotConnected.allows_repetition(Unreachable::CertificateName, &Method::GET, true));
    }

    #[test]
    fn less_than_a_fifth_is_repeated_when_everything_fails() {
        for requests in [41, 100, 10_000] {
            let mut standing = Standing::default();
            let repeated = (0..requests).filter(|_| {
                standing.asked();
                standing.repeats()
            });
            let repeated = repeated.count();
            assert!(repeated * 5 < requests && repeated > 2, "{repeated} of {requests}");
        }
    }
}
