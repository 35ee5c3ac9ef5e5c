//! How each URL has been doing, told to the log when it changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracing::{info, warn};

use crate::hook::{Breaker, Standing, Turn, Unreachable};
use crate::metrics::Metrics;

/// What is remembered of URLs; of one that does well there is nothing to remember.
#[derive(Debug, Default)]
pub(super) struct Standings {
    of: Mutex<HashMap<Arc<str>, Standing>>,
    /// The URLs of the configuration: those of ad hoc steps are not counted, they come from dialplans.
    counted: Mutex<BTreeSet<Arc<str>>>,
    metrics: Arc<Metrics>,
}

/// URLs of ad hoc steps come from dialplans: when so many are remembered, those are forgotten that are not left alone
/// now; where that makes no room, others are asked as if nothing had happened. Those of the configuration always have room.
const MOST_REMEMBERED: usize = 1024;

impl Standings {
    pub(super) fn counted_in(metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..Self::default() }
    }

    /// Counts these URLs from now on, and no others.
    pub(super) fn count(&self, places: impl Iterator<Item = Arc<str>>) {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = places.collect();
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

    /// Whether a caller's request may try a URL now.
    pub(super) fn admit(
        &self,
        place: &str,
        breaker: Option<&Breaker>,
        now: Instant,
    ) -> Result<(), Unreachable> {
        let Some(breaker) = breaker else { return Ok(()) };
        self.with(place, Ok(()), |standing| match standing.admits(breaker, now) {
            true => Ok(()),
            false => Err(Unreachable::Resting { failures: standing.failures(), probe: breaker.probe }),
        })
    }

    /// Whether a URL would not be asked now.
    pub(super) fn rests(&self, place: &str, breaker: Option<&Breaker>, now: Instant) -> bool {
        breaker.is_some() && self.with(place, false, |standing| standing.rests(now))
    }

    /// Whether a URL did not answer a while ago.
    pub(super) fn suspects(&self, place: &str, now: Instant) -> bool {
        self.with(place, false, |standing| standing.is_suspect(now))
    }

    /// A request goes out to a URL.
    pub(super) fn asked(&self, place: &str) {
        self.with(place, (), |standing| standing.asked());
    }

    /// Whether a request to a URL may be repeated.
    pub(super) fn repeats(&self, place: &Arc<str>) -> bool {
        self.remembered(place, Standing::repeats)
    }

    /// An answer came from a URL of this hook.
    pub(super) fn answered(&self, place: &str, hook: &str, now: Instant) {
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

    /// No answer came from a URL of this hook.
    pub(super) fn failed(&self, place: &Arc<str>, hook: &str, breaker: Option<&Breaker>, now: Instant) {
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
            let now = Instant::now();
            standings.retain(|place, standing| counted.contains(place) || standing.rests(now));
            if standings.len() >= MOST_REMEMBERED && !counted.contains(place) {
                return then(&mut Standing::default());
            }
        }
        drop(counted);
        then(standings.entry(Arc::clone(place)).or_default())
    }
}

/// Scheme, host and port: a path may hold a secret.
pub(super) fn origin(place: &str) -> &str {
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
            assert_eq!(standings.admit(&dead, breaker, now), Ok(()));
            standings.failed(&dead, "crm", breaker, now);
        }
        assert!(matches!(
            standings.admit(&dead, breaker, now),
            Err(Unreachable::Resting { failures: 5, .. })
        ));
        assert_eq!(standings.admit(&dead, None, now), Ok(()));
        assert_eq!(standings.admit(&well, breaker, now), Ok(()));
        let later = now + std::time::Duration::from_secs(3600);
        assert!(standings.suspects(&dead, now) && !standings.suspects(&well, now));
        standings.answered(&dead, "crm", later);
        assert_eq!(standings.admit(&dead, breaker, now), Ok(()));
        assert!(standings.of.lock().unwrap().is_empty());
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
        assert_eq!(
            standings.admit(&other, Some(&breaker), now),
            Ok(()),
            "all others are left alone just now"
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
