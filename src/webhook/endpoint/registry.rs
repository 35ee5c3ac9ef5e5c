//! How each URL has been doing, told to the log when it changes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracing::{info, warn};

use super::{Admission, Probe, Standing, Turn, UNKEPT};
use crate::hook::{Breaker, Unreachable};
use crate::metrics::Metrics;

/// What is remembered of URLs; of one that does well, nothing but that.
#[derive(Debug, Default)]
pub(in crate::webhook) struct Standings {
    of: Mutex<HashMap<Arc<str>, Standing>>,
    /// The URLs that have answered.
    answered: Mutex<HashSet<Arc<str>>>,
    /// The URLs of the configuration: those of ad hoc steps are not counted, they come from dialplans.
    counted: Mutex<BTreeSet<Arc<str>>>,
    metrics: Arc<Metrics>,
}

/// URLs of ad hoc steps come from dialplans: when so many are remembered, those are forgotten that are not left alone
/// now; where that makes no room, others are asked as if nothing had happened. Those of the configuration always have room.
const MOST_REMEMBERED: usize = 1024;

impl Standings {
    pub(in crate::webhook) fn counted_in(metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..Self::default() }
    }

    /// Counts these URLs from now on, and no others.
    pub(in crate::webhook) fn count(&self, places: impl Iterator<Item = Arc<str>>) {
        let counted: BTreeSet<_> = places.collect();
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).retain(|place| counted.contains(place));
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = counted;
        self.publish();
    }

    /// Tells how many URLs of each host are left alone.
    fn publish(&self) {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let standings = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = BTreeMap::new();
        for place in &*counted {
            let of_host = open.entry(origin(place)).or_insert(0);
            *of_host += usize::from(standings.get(place).is_some_and(Standing::is_open));
        }
        self.metrics.breakers(open);
    }

    /// Whether a caller's request may try a URL now; as the only one, perhaps.
    pub(in crate::webhook) fn admit<'a>(
        &'a self,
        place: &'a str,
        breaker: Option<&Breaker>,
        now: Instant,
    ) -> Result<Admitted<'a>, Unreachable> {
        let admitted = |probe| Ok(Admitted { standings: self, place, probe });
        let Some(breaker) = breaker else { return admitted(None) };
        let (admission, failures) = self.with(place, (Admission::All, 0), |standing| {
            (standing.admits(breaker, now), standing.failures())
        });
        match admission {
            Admission::All => admitted(None),
            Admission::Probe(probe) => admitted(Some(probe)),
            Admission::None => Err(Unreachable::BreakerOpen { failures, probe: breaker.probe }),
        }
    }

    /// Whether a URL would not be asked now.
    pub(in crate::webhook) fn rests(&self, place: &str, breaker: Option<&Breaker>, now: Instant) -> bool {
        breaker.is_some_and(|breaker| self.with(place, false, |standing| standing.rests(breaker, now)))
    }

    /// Whether nothing is known of a URL yet, or it did not answer a while ago.
    pub(in crate::webhook) fn suspects(&self, place: &str, now: Instant) -> bool {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner).contains(place);
        !answered || self.with(place, false, |standing| standing.is_suspect(now))
    }

    /// False for ten minutes after a URL closed a kept connection instead of an answer.
    pub(in crate::webhook) fn keeps_connections(&self, place: &str, now: Instant) -> bool {
        self.with(place, true, |standing| standing.keeps_connections(now))
    }

    /// A kept connection to a URL of this hook died before any byte of an answer came.
    pub(in crate::webhook) fn closed_a_kept_connection(&self, place: &Arc<str>, hook: &str, now: Instant) {
        if self.remembered(place, |standing| standing.closed_a_kept_connection(now)) {
            warn!(
                hook,
                to = origin(place),
                "the webhook closed a kept connection without notice: each request to it gets a connection of its own \
                 for {} minutes; where this comes again, keep_alive = false in the hook saves the call that finds it out",
                UNKEPT.as_secs() / 60
            );
        }
    }

    /// A request goes out to a URL.
    pub(in crate::webhook) fn asked(&self, place: &str) {
        self.with(place, (), |standing| standing.asked());
    }

    /// Whether a request to a URL may be repeated.
    pub(in crate::webhook) fn repeats(&self, place: &Arc<str>) -> bool {
        self.remembered(place, Standing::repeats)
    }

    /// An answer came from a URL of this hook.
    pub(in crate::webhook) fn answered(&self, place: &Arc<str>, hook: &str, now: Instant) {
        self.trust(place);
        let mut standings = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(standing) = standings.get_mut(place) else { return };
        let turn = standing.answered();
        if standing.is_good(now) {
            standings.remove(place);
        }
        drop(standings);
        if turn == Some(Turn::Closed) {
            info!(hook, to = origin(place), "the webhook answers again");
            self.publish();
        }
    }

    /// Of URLs that come from dialplans no more are trusted than can be remembered: the others stay suspects.
    pub(in crate::webhook) fn trust(&self, place: &Arc<str>) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if !answered.contains(place) {
            let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner).contains(place);
            if counted || answered.len() < MOST_REMEMBERED {
                answered.insert(Arc::clone(place));
            }
        }
    }

    /// No answer came from a URL in the time that it had.
    pub(in crate::webhook) fn was_silent(&self, place: &Arc<str>, now: Instant) {
        self.remembered(place, |standing| standing.was_silent(now));
    }

    /// No answer came from a URL of this hook, although there was time for it.
    pub(in crate::webhook) fn failed(
        &self,
        place: &Arc<str>,
        hook: &str,
        breaker: Option<&Breaker>,
        now: Instant,
    ) {
        let (turn, failures) =
            self.remembered(place, |standing| (standing.failed(breaker, now), standing.failures()));
        if let (Some(Turn::Opened), Some(breaker)) = (turn, breaker) {
            let probe = breaker.probe;
            warn!(
                hook,
                to = origin(place),
                failures,
                "the webhook does not answer: callers are not kept waiting for it; tried again every {probe:?}"
            );
            let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner).contains(place);
            if counted {
                self.metrics.breaker_opened(origin(place));
            }
            self.publish();
        }
    }

    fn with<T>(&self, place: &str, unknown: T, then: impl FnOnce(&mut Standing) -> T) -> T {
        let mut standings = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        standings.get_mut(place).map_or(unknown, then)
    }

    fn remembered<T>(&self, place: &Arc<str>, then: impl FnOnce(&mut Standing) -> T) -> T {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut standings = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if standings.len() >= MOST_REMEMBERED && !standings.contains_key(place) {
            standings.retain(|place, standing| counted.contains(place) || standing.is_open());
            if standings.len() >= MOST_REMEMBERED && !counted.contains(place) {
                return then(&mut Standing::unknown());
            }
        }
        drop(counted);
        then(standings.entry(Arc::clone(place)).or_default())
    }
}

/// A request that may try a URL. As a probe it must be [used](Admitted::used), or the turn is the next caller's: one who
/// hangs up, or who had no time, has told nothing about the webhook.
#[derive(Debug)]
pub(in crate::webhook) struct Admitted<'a> {
    standings: &'a Standings,
    place: &'a str,
    probe: Option<Probe>,
}

impl Admitted<'_> {
    /// Something came of it.
    pub(in crate::webhook) fn used(mut self) {
        self.probe = None;
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if let Some(probe) = self.probe {
            self.standings.with(self.place, (), |standing| standing.unused(probe));
        }
    }
}

/// Scheme, host and port: a path may hold a secret.
pub(in crate::webhook) fn origin(place: &str) -> &str {
    let behind = place.find("://").map_or(0, |at| at + 3);
    let path = place.get(behind..).and_then(|rest| rest.find('/'));
    path.and_then(|at| place.get(..behind + at)).unwrap_or(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_url_that_does_not_answer_leaves_the_others_alone() {
        let (standings, now) = (Standings::default(), Instant::now());
        let (dead, well): (Arc<str>, Arc<str>) = ("http://dead/".into(), "http://well/".into());
        let breaker = Some(&Breaker::default());
        for _ in 0..5 {
            assert!(standings.admit(&dead, breaker, now).is_ok());
            standings.was_silent(&dead, now);
            standings.failed(&dead, "crm", breaker, now);
        }
        assert!(matches!(
            standings.admit(&dead, breaker, now),
            Err(Unreachable::BreakerOpen { failures: 5, .. })
        ));
        assert!(standings.admit(&dead, None, now).is_ok() && standings.admit(&well, breaker, now).is_ok());
        let later = now + std::time::Duration::from_secs(3600);
        standings.was_silent(&dead, now);
        assert!(standings.suspects(&dead, now) && standings.suspects(&well, now), "neither has answered yet");
        standings.answered(&well, "crm", now);
        assert!(!standings.suspects(&well, now));
        standings.answered(&dead, "crm", later);
        assert!(standings.admit(&dead, breaker, now).is_ok());
        assert!(standings.of.lock().unwrap().is_empty() && !standings.suspects(&dead, later));
    }

    #[test]
    fn a_probe_whose_caller_leaves_is_the_next_callers() {
        let (standings, now) = (Standings::default(), Instant::now());
        let (dead, breaker) = ("http://dead/".into(), Breaker { failures: 1, ..Breaker::default() });
        standings.failed(&dead, "crm", Some(&breaker), now);
        let then = now + breaker.probe;
        let probe = standings.admit(&dead, Some(&breaker), then).unwrap();
        assert!(standings.admit(&dead, Some(&breaker), then).is_err());
        drop(probe);
        standings.admit(&dead, Some(&breaker), then).unwrap().used();
        assert!(standings.admit(&dead, Some(&breaker), then).is_err());
    }

    #[test]
    fn the_log_shows_no_path() {
        assert_eq!(
            ["https://h:1/a/b", "https://h", "http://…@h/geheim"].map(origin),
            ["https://h:1", "https://h", "http://…@h"]
        );
    }

    #[test]
    fn however_many_ad_hoc_urls_fail_those_of_the_configuration_are_remembered() {
        let (standings, now) = (Standings::default(), Instant::now());
        let breaker = Breaker { failures: 1, ..Breaker::default() };
        for number in 0..MOST_REMEMBERED {
            standings.failed(&format!("http://{number}/").into(), "webhook", Some(&breaker), now);
        }
        let (own, other): (Arc<str>, Arc<str>) = ("http://own/".into(), "http://other/".into());
        standings.count([Arc::clone(&own)].into_iter());
        for place in [&own, &other] {
            standings.failed(place, "crm", Some(&breaker), now);
        }
        assert!(standings.admit(&own, Some(&breaker), now).is_err());
        assert!(standings.admit(&other, Some(&breaker), now).is_ok(), "all others are left alone just now");
        assert!(
            !standings.repeats(&other),
            "of what is not remembered nobody knows how often it was repeated"
        );
    }

    #[test]
    fn ad_hoc_urls_that_are_not_left_alone_make_room() {
        let (standings, now) = (Standings::default(), Instant::now());
        for number in 0..MOST_REMEMBERED {
            standings.failed(&format!("http://{number}/").into(), "webhook", Some(&Breaker::default()), now);
        }
        let other: Arc<str> = "http://other/".into();
        for _ in 0..5 {
            standings.failed(&other, "webhook", Some(&Breaker::default()), now);
        }
        assert!(standings.admit(&other, Some(&Breaker::default()), now).is_err());
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let (standings, now) = (Standings::default(), Instant::now());
        for number in 0..2 * MOST_REMEMBERED {
            standings.failed(&format!("http://{number}/").into(), "crm", Some(&Breaker::default()), now);
        }
        assert_eq!(standings.of.lock().unwrap().len(), MOST_REMEMBERED);
    }
}
