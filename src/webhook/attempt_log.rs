//! The log of the attempts of one step. It outlives the request: after a hangup it shows how far the request
//! had come.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::client::stage::{Connection, StageTracker};
use super::endpoint;
use crate::hook::{Outcome, Stage, Unreachable};

/// The log of the attempts, the waiting and the hedged request of one step. The caller of [`Webhook::ask`]
/// keeps it.
///
/// [`Webhook::ask`]: super::Webhook::ask
#[derive(Debug)]
pub struct AttemptLog {
    start: Instant,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    attempts: Vec<Attempt>,
    /// Present while the last attempt is under way.
    open: Option<Open>,
    waiting: Option<Waiting>,
    is_hedged: bool,
}

/// An attempt that is under way.
#[derive(Debug)]
struct Open {
    began: Instant,
    /// The tracker of its HTTP request. A redirect begins another one.
    tracker: Option<Arc<StageTracker>>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    began: Instant,
    ended: Option<Instant>,
}

/// One HTTP request of a step, or one that was not made because the circuit breaker is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The URL as it is written, without its query and credentials.
    pub endpoint: Arc<str>,
    pub kind: AttemptKind,
    /// The beginning, since the start of the log.
    pub began: Duration,
    /// The time that the attempt took, or the time until it was dropped.
    pub took: Duration,
    /// The connection of its first HTTP request.
    pub connection: Connection,
    /// True if the connection was made on the quarantine thread.
    pub in_quarantine: bool,
    /// The redirects that were followed, in order.
    pub redirects: Vec<FollowedRedirect>,
    /// The time until the head of the last answer, since the beginning of the attempt.
    pub first_byte: Option<Duration>,
    pub result: AttemptResult,
}

/// The kind of an attempt, by its endpoint and its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptKind {
    /// The number of the endpoint among those of the hook, from 0.
    pub number: usize,
    /// True if the same request was sent to the endpoint before.
    pub is_retry: bool,
    /// True if the request tests a half-open circuit breaker.
    pub is_probe: bool,
}

/// The result of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptResult {
    /// The outcome of this attempt. A good one has no assignments here; those are in the outcome of the step.
    Ended(Outcome),
    /// The attempt was dropped during this stage, because the call ended or another request was faster.
    Dropped(Stage),
}

/// A redirect that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedRedirect {
    /// The HTTP status of the answer that redirects.
    pub code: u16,
    /// The URL that it leads to, without query and credentials.
    pub to: String,
    /// The time of that answer, since the beginning of the attempt.
    pub at: Duration,
    /// The connection of the request that follows the redirect.
    pub connection: Connection,
}

/// The time in which a call waited for the request of another call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waited {
    /// The beginning, since the start of the log.
    pub began: Duration,
    /// The time until the end, or until now.
    pub took: Duration,
    /// False if the call still waits. After a hangup, it has waited to its end.
    pub is_over: bool,
}

impl AttemptLog {
    /// Returns an empty log, whose times begin at `start`.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self { start, log: Mutex::default() }
    }

    /// Returns the attempts that were made for this call, in order. One that is still under way was dropped.
    #[must_use]
    pub fn into_attempts(self) -> Vec<Attempt> {
        let mut log = self.log.into_inner().unwrap_or_else(PoisonError::into_inner);
        log.drop_open();
        log.attempts
    }

    /// Returns the time in which the call waited for the request of another call, if it did.
    #[must_use]
    pub fn waited(&self) -> Option<Waited> {
        let Waiting { began, ended } = self.lock().waiting?;
        let took = ended.unwrap_or_else(Instant::now).saturating_duration_since(began);
        Some(Waited { began: began.saturating_duration_since(self.start), took, is_over: ended.is_some() })
    }

    /// True if this call made a second request beside the slow one of another call.
    #[must_use]
    pub fn is_hedged(&self) -> bool {
        self.lock().is_hedged
    }

    /// Begins an attempt.
    pub(super) fn begin(&self, endpoint: &Arc<str>, kind: AttemptKind, now: Instant) {
        let attempt = self.attempt(endpoint, kind, now, AttemptResult::Dropped(Stage::Start));
        let mut log = self.lock();
        log.push(attempt);
        log.open = Some(Open { began: now, tracker: None });
    }

    /// Adds an attempt that is not made.
    pub(super) fn not_made(&self, endpoint: &Arc<str>, number: usize, now: Instant, why: Unreachable) {
        let kind = AttemptKind { number, is_retry: false, is_probe: false };
        let result = AttemptResult::Ended(Outcome::Unreachable(why));
        let attempt = self.attempt(endpoint, kind, now, result);
        self.lock().push(attempt);
    }

    fn attempt(
        &self,
        endpoint: &Arc<str>,
        kind: AttemptKind,
        now: Instant,
        result: AttemptResult,
    ) -> Attempt {
        Attempt {
            endpoint: Arc::clone(endpoint),
            kind,
            began: now.saturating_duration_since(self.start),
            took: Duration::ZERO,
            connection: Connection::None,
            in_quarantine: false,
            redirects: Vec::new(),
            first_byte: None,
            result,
        }
    }

    /// Notes that an HTTP request of the attempt is sent, with its tracker.
    pub(super) fn sending(&self, tracker: &Arc<StageTracker>, in_quarantine: bool) {
        let mut log = self.lock();
        let Log { attempts, open: Some(open), .. } = &mut *log else { return };
        open.tracker = Some(Arc::clone(tracker));
        if let Some(attempt) = attempts.last_mut().filter(|attempt| attempt.redirects.is_empty()) {
            attempt.in_quarantine = in_quarantine;
        }
    }

    /// Notes that the attempt follows a redirect.
    pub(super) fn redirected(&self, code: u16, to: &Url) {
        let mut log = self.lock();
        let now = Instant::now();
        let Log { attempts, open: Some(open), .. } = &mut *log else { return };
        let Some(attempt) = attempts.last_mut() else { return };
        open.show_in(attempt, now);
        let path = to.path();
        let shown =
            path.char_indices().nth(MAX_PATH).map_or(path, |(end, _)| path.get(..end).unwrap_or_default());
        let to = format!("{}{shown}", to.origin().ascii_serialization());
        let at = now.saturating_duration_since(open.began);
        attempt.redirects.push(FollowedRedirect { code, to, at, connection: Connection::None });
    }

    /// Ends the attempt with its outcome.
    pub(super) fn end(&self, outcome: &Outcome) {
        self.lock().close(Instant::now(), Some(outcome.without_set()));
    }

    /// Notes that the call waits for the request of another one.
    pub(super) fn waits(&self) {
        // a call that waits for a second time has waited since the first one
        self.lock().waiting.get_or_insert(Waiting { began: Instant::now(), ended: None }).ended = None;
    }

    /// Notes that the call makes the request itself.
    pub(super) fn leads(&self) {
        self.lock().end_waiting();
    }

    /// Notes that the call makes a second request beside the slow one of another call.
    pub(super) fn hedges(&self) {
        let mut log = self.lock();
        log.end_waiting();
        log.is_hedged = true;
    }

    /// Notes that the call waits for nothing any more. An attempt that is still under way was dropped.
    pub(super) fn settle(&self) {
        let mut log = self.lock();
        log.drop_open();
        log.end_waiting();
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Characters of the path of a redirect that are kept.
const MAX_PATH: usize = 500;

impl Log {
    fn push(&mut self, attempt: Attempt) {
        // most steps have one attempt
        if self.attempts.is_empty() {
            self.attempts.reserve_exact(1);
        }
        self.attempts.push(attempt);
    }

    fn drop_open(&mut self) {
        if self.open.is_some() {
            self.close(Instant::now(), None);
        }
    }

    /// Ends the open attempt with this outcome, or without one.
    fn close(&mut self, now: Instant, outcome: Option<Outcome>) {
        let (Some(mut open), Some(attempt)) = (self.open.take(), self.attempts.last_mut()) else { return };
        let stage = open.show_in(attempt, now);
        attempt.took = now.saturating_duration_since(open.began);
        attempt.result = match outcome {
            Some(outcome) => AttemptResult::Ended(outcome),
            None => AttemptResult::Dropped(stage),
        };
    }

    fn end_waiting(&mut self) {
        if let Some(waiting @ Waiting { ended: None, .. }) = &mut self.waiting {
            waiting.ended = Some(Instant::now());
        }
    }
}

impl Open {
    /// Writes what the tracker knows into the attempt. Returns the stage that is not complete.
    fn show_in(&mut self, attempt: &mut Attempt, now: Instant) -> Stage {
        let Some(tracker) = self.tracker.take() else { return Stage::Start };
        let tracked = tracker.at(now);
        match attempt.redirects.last_mut() {
            Some(redirect) => redirect.connection = tracked.connection(),
            None => attempt.connection = tracked.connection(),
        }
        attempt.first_byte = tracked.head_at.map(|at| at.saturating_duration_since(self.began));
        tracked.stage
    }
}

impl Attempt {
    /// Returns scheme, host and port of the URL, for the log: the path may hold a secret.
    #[must_use]
    pub fn origin(&self) -> &str {
        endpoint::origin(&self.endpoint)
    }

    /// Returns the outcome, or none if the attempt was dropped.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.result {
            AttemptResult::Ended(outcome) => Some(outcome),
            AttemptResult::Dropped(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const FIRST: AttemptKind = AttemptKind { number: 0, is_retry: false, is_probe: false };

    fn endpoint() -> Arc<str> {
        "http://h/route".into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_attempt_shows_its_stage_and_the_time_until_then() {
        let log = AttemptLog::new(Instant::now());
        tokio::time::advance(3 * MS).await;
        log.begin(&endpoint(), FIRST, Instant::now());
        let tracker = StageTracker::new(Instant::now());
        log.sending(&tracker, true);
        tokio::time::advance(5 * MS).await;
        tracker.answer_began(Instant::now());
        tokio::time::advance(2 * MS).await;
        let [attempt] = log.into_attempts().try_into().unwrap();
        assert_eq!((attempt.began, attempt.first_byte, attempt.took), (3 * MS, Some(5 * MS), 7 * MS));
        assert_eq!((&attempt.result, attempt.outcome()), (&AttemptResult::Dropped(Stage::Body), None));
        assert!(attempt.in_quarantine && attempt.connection == Connection::Reused);
    }

    #[tokio::test(start_paused = true)]
    async fn an_ended_attempt_has_an_outcome_without_assignments() {
        let log = AttemptLog::new(Instant::now());
        let why = Unreachable::BreakerOpen { failures: 5, probe: MS };
        log.not_made(&endpoint(), 0, Instant::now(), why);
        log.begin(&endpoint(), AttemptKind { number: 1, ..FIRST }, Instant::now());
        log.sending(&StageTracker::new(Instant::now()), false);
        let set = vec![crate::variable::Assignment::own("A".parse().unwrap(), "x".into())];
        log.end(&Outcome::Ok { code: 200, set, nothing_found: false });
        tokio::time::advance(MS).await;
        let [not_made, ended] = log.into_attempts().try_into().unwrap();
        assert_eq!(not_made.result, AttemptResult::Ended(Outcome::Unreachable(why)));
        assert_eq!((not_made.connection, not_made.took), (Connection::None, Duration::ZERO));
        assert_eq!(ended.outcome().unwrap().set(), Some(&[][..]));
        assert_eq!((ended.kind.number, ended.took), (1, Duration::ZERO), "time after its end is not its own");
    }

    #[tokio::test(start_paused = true)]
    async fn each_http_request_of_an_attempt_has_its_own_connection() {
        let log = AttemptLog::new(Instant::now());
        log.begin(&endpoint(), FIRST, Instant::now());
        log.sending(&StageTracker::new(Instant::now()), true);
        tokio::time::advance(4 * MS).await;
        log.redirected(302, &Url::parse("https://u:p@h:81/a/b?token=geheim#f").unwrap());
        let second = StageTracker::new(Instant::now());
        second.never_connected();
        log.sending(&second, false);
        let [attempt] = log.into_attempts().try_into().unwrap();
        let (to, connection) = ("https://h:81/a/b".to_owned(), Connection::None);
        assert_eq!(attempt.redirects, [FollowedRedirect { code: 302, to, at: 4 * MS, connection }]);
        assert!(attempt.connection == Connection::Reused && attempt.in_quarantine);
    }

    #[tokio::test(start_paused = true)]
    async fn the_log_says_how_long_the_call_has_waited_for_another_one() {
        let log = AttemptLog::new(Instant::now());
        assert_eq!(log.waited(), None);
        tokio::time::advance(MS).await;
        log.waits();
        tokio::time::advance(5 * MS).await;
        assert_eq!(log.waited(), Some(Waited { began: MS, took: 5 * MS, is_over: false }));
        log.hedges();
        tokio::time::advance(5 * MS).await;
        log.settle();
        assert_eq!(log.waited(), Some(Waited { began: MS, took: 5 * MS, is_over: true }));
        assert!(log.is_hedged());
    }
}
