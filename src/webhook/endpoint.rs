//! How a URL has been doing: whether callers are still made to wait for it, and whether a request may be repeated.
//!
//! Pure: the time comes in from outside.

pub(super) mod registry;

use std::time::{Duration, Instant};

use http::Method;

use crate::hook::{Breaker, Unreachable};

/// How far a request had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
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
    pub(super) fn allows_repetition(self, why: Unreachable, method: &Method, idempotent: bool) -> bool {
        match self {
            Self::NotConnected => why.is_transient(),
            Self::Sent { reused: true } => idempotent || (*method == Method::GET && why.is_transient()),
            Self::Sent { reused: false } | Self::Begun => idempotent,
        }
    }
}

/// What is remembered of one URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// Requests without an answer since the last one with an answer.
    failures: u32,
    /// When it was last tried, while one caller alone may try it now and then; none while all may.
    tried: Option<Instant>,
    /// What repetitions cost, in hundredths of a request.
    budget: u32,
    /// When a request last had no answer.
    silent: Option<Instant>,
    /// When it last closed a kept connection instead of an answer.
    closed: Option<Instant>,
}

/// For so long a URL that did not answer is a suspect.
const SUSPICION: Duration = Duration::from_secs(600);

/// For so long no connection is kept to a URL that closes them without notice.
pub(super) const UNKEPT: Duration = Duration::from_secs(600);

/// Whether a caller's request may try a URL now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Everybody's may.
    All,
    /// This one may, and nobody else's for a while.
    Probe(Probe),
    /// It is left alone.
    None,
}

/// The turn of the one caller whose request tries a URL that is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probe {
    at: Instant,
    /// When it was tried before.
    before: Instant,
}

/// A change that somebody should hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
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
        Self { failures: 0, tried: None, budget: MOST_SAVED, silent: None, closed: None }
    }
}

impl Standing {
    /// What is known of a URL for which there is no room: nothing may be repeated there.
    #[must_use]
    pub(super) fn unknown() -> Self {
        Self { budget: 0, ..Self::default() }
    }

    /// Whether a caller's request may try it now, by the breaker of the hook that asks: hooks of the same URL may differ.
    pub(super) fn admits(&mut self, breaker: &Breaker, now: Instant) -> Admission {
        match self.tried {
            None => Admission::All,
            Some(_) if self.rests(breaker, now) => Admission::None,
            Some(before) => {
                self.tried = Some(now);
                Admission::Probe(Probe { at: now, before })
            }
        }
    }

    /// Whether it would not be asked now. Unlike [`Standing::admits`] this promises nobody a turn.
    #[must_use]
    pub(super) fn rests(&self, breaker: &Breaker, now: Instant) -> bool {
        self.tried.is_some_and(|tried| now.saturating_duration_since(tried) < breaker.probe)
    }

    /// A probe of which nothing came, because its caller left or had no time: the next caller may try in its place.
    pub(super) fn unused(&mut self, probe: Probe) {
        if self.tried == Some(probe.at) {
            self.tried = Some(probe.before);
        }
    }

    /// A request goes out.
    pub(super) fn asked(&mut self) {
        self.budget = (self.budget + DEPOSIT).min(MOST_SAVED);
    }

    /// Whether a request may be repeated; it is paid for then.
    pub(super) fn repeats(&mut self) -> bool {
        let paid = self.budget.checked_sub(PRICE);
        self.budget = paid.unwrap_or(self.budget);
        paid.is_some()
    }

    /// An answer came, whatever it said.
    pub(super) fn answered(&mut self) -> Option<Turn> {
        self.failures = 0;
        self.tried.take().map(|_| Turn::Closed)
    }

    /// No answer came in the time that it had, which may have been too short for any.
    pub(super) fn was_silent(&mut self, now: Instant) {
        self.silent = Some(now);
    }

    /// No answer came, although there was time for it. Without a breaker this counts for nobody.
    pub(super) fn failed(&mut self, breaker: Option<&Breaker>, now: Instant) -> Option<Turn> {
        self.failures = self.failures.saturating_add(1);
        breaker.filter(|breaker| self.failures >= breaker.failures && self.tried.is_none())?;
        self.tried = Some(now);
        Some(Turn::Opened)
    }

    /// Requests without an answer since the last one with an answer.
    #[must_use]
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether callers are not kept waiting for it.
    #[must_use]
    pub(super) fn is_open(&self) -> bool {
        self.tried.is_some()
    }

    /// Whether it did not answer a while ago: whatever it did instead, it may do again.
    #[must_use]
    pub(super) fn is_suspect(&self, now: Instant) -> bool {
        self.silent.is_some_and(|at| now.saturating_duration_since(at) < SUSPICION)
    }

    /// A kept connection died before any byte of an answer came. Returns true if that is news.
    pub(super) fn closed_a_kept_connection(&mut self, now: Instant) -> bool {
        let news = self.keeps_connections(now);
        self.closed = Some(now);
        news
    }

    /// False for ten minutes after it closed a kept connection instead of an answer.
    #[must_use]
    pub(super) fn keeps_connections(&self, now: Instant) -> bool {
        self.closed.is_none_or(|at| now.saturating_duration_since(at) >= UNKEPT)
    }

    /// Whether there is nothing to remember.
    #[must_use]
    pub(super) fn is_good(&self, now: Instant) -> bool {
        let silent = self.silent.filter(|_| self.is_suspect(now));
        let closed = self.closed.filter(|_| !self.keeps_connections(now));
        Self { silent, closed, ..self.clone() } == Self::default()
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
        let admits = |standing: &mut Standing, seconds| {
            standing.admits(&breaker, start + seconds * SECOND) != Admission::None
        };
        let admitted: Vec<_> =
            [0, 9, 10, 10, 19, 20, 21].into_iter().map(|s| admits(&mut standing, s)).collect();
        assert_eq!(admitted, [false, false, true, false, false, true, false]);
        assert_eq!(standing.failed(Some(&breaker), start + 21 * SECOND), None);
        assert_eq!(standing.answered(), Some(Turn::Closed));
        assert!(admits(&mut standing, 22) && admits(&mut standing, 22));
    }

    #[test]
    fn each_hook_tries_it_as_often_as_its_own_breaker_says() {
        let (often, seldom, start) = (
            Breaker { failures: 1, probe: SECOND },
            Breaker { failures: 1, probe: 3600 * SECOND },
            Instant::now(),
        );
        let mut standing = Standing::default();
        standing.failed(Some(&seldom), start);
        assert_eq!(standing.admits(&seldom, start + 2 * SECOND), Admission::None);
        assert!(matches!(standing.admits(&often, start + 2 * SECOND), Admission::Probe(_)));
        assert!(standing.rests(&often, start + 2 * SECOND) && !standing.rests(&often, start + 3 * SECOND));
        assert!(matches!(standing.admits(&seldom, start + 3602 * SECOND), Admission::Probe(_)));
    }

    #[test]
    fn a_probe_of_which_nothing_came_is_the_next_callers() {
        let (breaker, start) = (Breaker { failures: 1, probe: 10 * SECOND }, Instant::now());
        let mut standing = Standing::default();
        standing.failed(Some(&breaker), start);
        let mut admitted = |seconds| match standing.admits(&breaker, start + seconds * SECOND) {
            Admission::Probe(probe) => Some(probe),
            Admission::All | Admission::None => None,
        };
        let (first, too_early) = (admitted(10).unwrap(), admitted(11));
        assert_eq!(too_early, None);
        standing.unused(first);
        assert!(matches!(standing.admits(&breaker, start + 11 * SECOND), Admission::Probe(_)));
        standing.unused(first);
        assert_eq!(standing.admits(&breaker, start + 12 * SECOND), Admission::None, "that turn was over");
    }

    #[test]
    fn an_answer_in_between_starts_the_count_anew() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        let mut standing = Standing::default();
        for _ in 0..100 {
            for _ in 0..4 {
                standing.was_silent(now);
                assert_eq!(standing.failed(Some(&breaker), now), None);
            }
            assert_eq!(standing.answered(), None);
        }
        assert!(standing.is_suspect(now) && !standing.is_good(now));
        assert!(standing.is_good(now + SUSPICION));
    }

    #[test]
    fn no_connection_is_kept_for_ten_minutes_after_one_was_closed_without_notice() {
        let (mut standing, now) = (Standing::default(), Instant::now());
        assert!(standing.keeps_connections(now));
        assert!(standing.closed_a_kept_connection(now));
        assert_eq!(standing.answered(), None);
        assert!(!standing.is_good(now) && !standing.keeps_connections(now + UNKEPT - SECOND));
        let later = now + 5 * SECOND;
        assert!(!standing.closed_a_kept_connection(later), "that was known");
        assert!(!standing.keeps_connections(now + UNKEPT) && standing.keeps_connections(later + UNKEPT));
        assert!(standing.is_good(later + UNKEPT) && standing.closed_a_kept_connection(later + UNKEPT));
        assert!(!standing.is_suspect(now), "it answers on other connections");
    }

    #[test]
    fn without_a_breaker_everybody_may_try() {
        let mut standing = Standing::default();
        for _ in 0..100 {
            assert_eq!(standing.failed(None, Instant::now()), None);
        }
        assert_eq!(standing.admits(&Breaker::default(), Instant::now()), Admission::All);
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
        assert!(!reused.allows_repetition(Unreachable::NotHttp, &Method::GET, false), "it has answered");
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
