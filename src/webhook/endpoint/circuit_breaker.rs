//! The circuit breaker of one endpoint: after several failures in a row, callers do not wait for it any more.
//!
//! Pure: the time comes from the caller.
//!
//! ```text
//!            failures in a row              `probe` has passed
//!   closed ─────────────────────▶ open ──────────────────────▶ half-open
//!     ▲                            ▲                             │   │
//!     │                            └────── the probe failed ─────┘   │
//!     └───────────────────────── an answer came ─────────────────────┘
//! ```

use std::time::Instant;

use super::BreakerState;
use crate::hook::Breaker;

/// The circuit breaker of one endpoint. Hooks that share the endpoint can have different settings, so each
/// call brings those of its hook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CircuitBreaker {
    /// The number of requests without an answer since the last answer.
    failures: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    /// Open, or half-open as soon as the probe time of a hook has passed since the last try.
    Open { last_try: Instant },
}

/// The decision of the breaker about one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Every request may go out.
    Closed,
    /// This one request may go out as a probe.
    HalfOpen(Probe),
    /// The request must not go out.
    Open,
}

/// One request that tests a half-open breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::webhook) struct Probe {
    began: Instant,
    /// The time of the try before this one.
    previous_try: Instant,
}

/// A change of state that is logged and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    Opened,
    Closed,
}

impl CircuitBreaker {
    /// Decides about one request. A half-open breaker admits it as a probe, and no other until the probe time
    /// has passed again.
    pub(super) fn admit(&mut self, settings: &Breaker, now: Instant) -> Decision {
        let State::Open { last_try } = self.state else { return Decision::Closed };
        if self.is_open_for(settings, now) {
            return Decision::Open;
        }
        self.state = State::Open { last_try: now };
        Decision::HalfOpen(Probe { began: now, previous_try: last_try })
    }

    /// True if [`CircuitBreaker::admit`] would refuse a request now. Reserves no probe.
    pub(super) fn is_open_for(&self, settings: &Breaker, now: Instant) -> bool {
        match self.state {
            State::Closed => false,
            State::Open { last_try } => now.saturating_duration_since(last_try) < settings.probe,
        }
    }

    /// True if the breaker is open or half-open.
    pub(super) fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    /// Returns the state for a hook with these settings.
    pub(super) fn state(&self, settings: &Breaker, now: Instant) -> BreakerState {
        let failures = self.failures;
        let State::Open { last_try } = self.state else { return BreakerState::Closed { failures } };
        let next_probe = settings.probe.saturating_sub(now.saturating_duration_since(last_try));
        if next_probe.is_zero() {
            return BreakerState::HalfOpen { failures };
        }
        BreakerState::Open { failures, next_probe }
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Gives the probe to the next caller, because this one ended without a result. Does nothing if another
    /// probe has begun since.
    pub(super) fn give_back(&mut self, probe: Probe) {
        if self.state == (State::Open { last_try: probe.began }) {
            self.state = State::Open { last_try: probe.previous_try };
        }
    }

    /// Notes an answer, whatever it said, and closes the breaker.
    pub(super) fn answered(&mut self) -> Option<Transition> {
        let was_open = self.is_open();
        *self = Self::default();
        was_open.then_some(Transition::Closed)
    }

    /// Notes a request without an answer, and opens the breaker after the configured number of them. Without
    /// settings the failure is counted and the breaker stays closed.
    pub(super) fn failed(&mut self, settings: Option<&Breaker>, now: Instant) -> Option<Transition> {
        self.failures = self.failures.saturating_add(1);
        if self.is_open() || self.failures < settings?.failures {
            return None;
        }
        self.state = State::Open { last_try: now };
        Some(Transition::Opened)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn after_failures_in_a_row_the_breaker_opens_and_admits_one_probe_at_a_time() {
        let (settings, start) = (Breaker { failures: 3, probe: 10 * SECOND }, Instant::now());
        let mut breaker = CircuitBreaker::default();
        let transitions: Vec<_> = (0..4).map(|_| breaker.failed(Some(&settings), start)).collect();
        assert_eq!(transitions, [None, None, Some(Transition::Opened), None]);
        let admits = |breaker: &mut CircuitBreaker, seconds| {
            breaker.admit(&settings, start + seconds * SECOND) != Decision::Open
        };
        let admitted: Vec<_> =
            [0, 9, 10, 10, 19, 20, 21].into_iter().map(|seconds| admits(&mut breaker, seconds)).collect();
        assert_eq!(admitted, [false, false, true, false, false, true, false]);
        assert_eq!(breaker.failed(Some(&settings), start + 21 * SECOND), None);
        assert_eq!(breaker.answered(), Some(Transition::Closed));
        assert!(admits(&mut breaker, 22) && admits(&mut breaker, 22));
    }

    #[test]
    fn each_hook_probes_as_often_as_its_own_settings_say() {
        let (often, seldom, start) = (
            Breaker { failures: 1, probe: SECOND },
            Breaker { failures: 1, probe: 3600 * SECOND },
            Instant::now(),
        );
        let mut breaker = CircuitBreaker::default();
        breaker.failed(Some(&seldom), start);
        assert_eq!(breaker.admit(&seldom, start + 2 * SECOND), Decision::Open);
        assert!(matches!(breaker.admit(&often, start + 2 * SECOND), Decision::HalfOpen(_)));
        assert!(breaker.is_open_for(&often, start + 2 * SECOND));
        assert!(!breaker.is_open_for(&often, start + 3 * SECOND));
        assert!(matches!(breaker.admit(&seldom, start + 3602 * SECOND), Decision::HalfOpen(_)));
    }

    #[test]
    fn the_state_says_when_the_next_probe_may_go_out() {
        let (settings, start) = (Breaker { failures: 2, probe: 10 * SECOND }, Instant::now());
        let mut breaker = CircuitBreaker::default();
        breaker.failed(Some(&settings), start);
        assert_eq!(breaker.state(&settings, start), BreakerState::Closed { failures: 1 });
        breaker.failed(Some(&settings), start);
        let open = |seconds| BreakerState::Open { failures: 2, next_probe: seconds * SECOND };
        assert_eq!(breaker.state(&settings, start + 4 * SECOND), open(6));
        assert_eq!(breaker.state(&settings, start + 10 * SECOND), BreakerState::HalfOpen { failures: 2 });
        breaker.admit(&settings, start + 12 * SECOND);
        assert_eq!(breaker.state(&settings, start + 12 * SECOND), open(10));
    }

    #[test]
    fn a_probe_that_is_given_back_goes_to_the_next_caller() {
        let (settings, start) = (Breaker { failures: 1, probe: 10 * SECOND }, Instant::now());
        let mut breaker = CircuitBreaker::default();
        breaker.failed(Some(&settings), start);
        let mut admitted = |seconds| match breaker.admit(&settings, start + seconds * SECOND) {
            Decision::HalfOpen(probe) => Some(probe),
            Decision::Closed | Decision::Open => None,
        };
        let (first, too_early) = (admitted(10).unwrap(), admitted(11));
        assert_eq!(too_early, None);
        breaker.give_back(first);
        assert!(matches!(breaker.admit(&settings, start + 11 * SECOND), Decision::HalfOpen(_)));
        breaker.give_back(first);
        let decision = breaker.admit(&settings, start + 12 * SECOND);
        assert_eq!(decision, Decision::Open, "another probe has begun since");
    }

    #[test]
    fn an_answer_starts_the_count_of_failures_anew() {
        let (settings, now) = (Breaker::default(), Instant::now());
        let mut breaker = CircuitBreaker::default();
        for _ in 0..100 {
            for _ in 0..4 {
                assert_eq!(breaker.failed(Some(&settings), now), None);
            }
            assert_eq!(breaker.answered(), None);
        }
    }

    #[test]
    fn without_settings_the_breaker_stays_closed() {
        let mut breaker = CircuitBreaker::default();
        for _ in 0..100 {
            assert_eq!(breaker.failed(None, Instant::now()), None);
        }
        assert_eq!(breaker.admit(&Breaker::default(), Instant::now()), Decision::Closed);
    }
}
