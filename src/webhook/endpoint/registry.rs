//! How each URL has been doing, told to the log when it changes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracing::{info, warn};

use super::{Admission, Endpoint, NO_REUSE, Probe, Transition};
use crate::hook::{Breaker, Unreachable};
use crate::metrics::Metrics;

/// What is remembered of URLs; of one that does well, nothing but that.
#[derive(Debug, Default)]
pub(in crate::webhook) struct Endpoints {
    of: Mutex<HashMap<Arc<str>, Endpoint>>,
    /// The URLs that have answered.
    answered: Mutex<HashSet<Arc<str>>>,
    /// The URLs of the configuration: those of ad hoc steps are not counted, they come from dialplans.
    counted: Mutex<BTreeSet<Arc<str>>>,
    metrics: Arc<Metrics>,
}

/// URLs of ad hoc steps come from dialplans: when so many are remembered, those are forgotten that are not left alone
/// now; where that makes no room, others are asked as if nothing had happened. Those of the configuration always have room.
const MOST_REMEMBERED: usize = 1024;

impl Endpoints {
    pub(in crate::webhook) fn counted_in(metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..Self::default() }
    }

    /// Counts these URLs from now on, and no others.
    pub(in crate::webhook) fn count(&self, places: impl Iterator<Item = Arc<str>>) {
        let counted: BTreeSet<_> = places.collect();
        self.answered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|endpoint| counted.contains(endpoint));
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = counted;
        self.publish();
    }

    /// Tells how many URLs of each host are left alone.
    fn publish(&self) {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoints = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = BTreeMap::new();
        for endpoint in &*counted {
            let of_host = open.entry(origin(endpoint)).or_insert(0);
            *of_host += usize::from(endpoints.get(endpoint).is_some_and(Endpoint::is_open));
        }
        self.metrics.breakers(open);
    }

    /// Whether a caller's request may try a URL now; as the only one, perhaps.
    pub(in crate::webhook) fn admit<'a>(
        &'a self,
        endpoint: &'a str,
        breaker: Option<&Breaker>,
        now: Instant,
    ) -> Result<Admitted<'a>, Unreachable> {
        let admitted = |probe| Ok(Admitted { endpoints: self, endpoint, probe });
        let Some(breaker) = breaker else { return admitted(None) };
        let (admission, failures) = self
            .with(endpoint, (Admission::All, 0), |record| (record.admits(breaker, now), record.failures()));
        match admission {
            Admission::All => admitted(None),
            Admission::Probe(probe) => admitted(Some(probe)),
            Admission::None => Err(Unreachable::Resting { failures, probe: breaker.probe }),
        }
    }

    /// Whether a URL would not be asked now.
    pub(in crate::webhook) fn is_open(
        &self,
        endpoint: &str,
        breaker: Option<&Breaker>,
        now: Instant,
    ) -> bool {
        breaker.is_some_and(|breaker| self.with(endpoint, false, |record| record.is_open_for(breaker, now)))
    }

    /// Whether nothing is known of a URL yet, or it did not answer a while ago.
    pub(in crate::webhook) fn is_quarantined(&self, endpoint: &str, now: Instant) -> bool {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner).contains(endpoint);
        !answered || self.with(endpoint, false, |record| record.is_quarantined(now))
    }

    /// False for ten minutes after a URL closed a kept connection instead of an answer.
    pub(in crate::webhook) fn reuses_connections(&self, endpoint: &str, now: Instant) -> bool {
        self.with(endpoint, true, |record| record.reuses_connections(now))
    }

    /// A kept connection to a URL of this hook died before any byte of an answer came.
    pub(in crate::webhook) fn closed_reused_connection(&self, endpoint: &Arc<str>, hook: &str, now: Instant) {
        if self.remembered(endpoint, |record| record.closed_reused_connection(now)) {
            warn!(
                hook,
                to = origin(endpoint),
                "the webhook closed a kept connection without notice: each request to it gets a connection of its own \
                 for {} minutes; where this comes again, keep_alive = false in the hook saves the call that finds it out",
                NO_REUSE.as_secs() / 60
            );
        }
    }

    /// A request goes out to a URL.
    pub(in crate::webhook) fn asked(&self, endpoint: &str) {
        self.with(endpoint, (), |record| record.asked());
    }

    /// Whether a request to a URL may be repeated.
    pub(in crate::webhook) fn withdraw_retry(&self, endpoint: &Arc<str>) -> bool {
        self.remembered(endpoint, Endpoint::withdraw_retry)
    }

    /// An answer came from a URL of this hook.
    pub(in crate::webhook) fn answered(&self, endpoint: &Arc<str>, hook: &str, now: Instant) {
        self.trust(endpoint);
        let mut endpoints = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(record) = endpoints.get_mut(endpoint) else { return };
        let transition = record.answered();
        if record.is_good(now) {
            endpoints.remove(endpoint);
        }
        drop(endpoints);
        if transition == Some(Transition::Closed) {
            info!(hook, to = origin(endpoint), "the webhook answers again");
            self.publish();
        }
    }

    /// Of URLs that come from dialplans no more are trusted than can be remembered: the others stay suspects.
    pub(in crate::webhook) fn trust(&self, endpoint: &Arc<str>) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if !answered.contains(endpoint) {
            let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner).contains(endpoint);
            if counted || answered.len() < MOST_REMEMBERED {
                answered.insert(Arc::clone(endpoint));
            }
        }
    }

    /// No answer came from a URL in the time that it had.
    pub(in crate::webhook) fn quarantine(&self, endpoint: &Arc<str>, now: Instant) {
        self.remembered(endpoint, |record| record.quarantine(now));
    }

    /// No answer came from a URL of this hook, although there was time for it.
    pub(in crate::webhook) fn failed(
        &self,
        endpoint: &Arc<str>,
        hook: &str,
        breaker: Option<&Breaker>,
        now: Instant,
    ) {
        let (transition, failures) =
            self.remembered(endpoint, |record| (record.failed(breaker, now), record.failures()));
        if let (Some(Transition::Opened), Some(breaker)) = (transition, breaker) {
            let probe = breaker.probe;
            warn!(
                hook,
                to = origin(endpoint),
                failures,
                "the webhook does not answer: callers are not kept waiting for it; tried again every {probe:?}"
            );
            let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner).contains(endpoint);
            if counted {
                self.metrics.breaker_opened(origin(endpoint));
            }
            self.publish();
        }
    }

    fn with<T>(&self, endpoint: &str, unknown: T, then: impl FnOnce(&mut Endpoint) -> T) -> T {
        let mut endpoints = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        endpoints.get_mut(endpoint).map_or(unknown, then)
    }

    fn remembered<T>(&self, endpoint: &Arc<str>, then: impl FnOnce(&mut Endpoint) -> T) -> T {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut endpoints = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if endpoints.len() >= MOST_REMEMBERED && !endpoints.contains_key(endpoint) {
            endpoints.retain(|endpoint, record| counted.contains(endpoint) || record.is_open());
            if endpoints.len() >= MOST_REMEMBERED && !counted.contains(endpoint) {
                return then(&mut Endpoint::unknown());
            }
        }
        drop(counted);
        then(endpoints.entry(Arc::clone(endpoint)).or_default())
    }
}

/// A request that may try a URL. As a probe it must be [used](Admitted::used), or the turn is the next caller's: one who
/// hangs up, or who had no time, has told nothing about the webhook.
#[derive(Debug)]
pub(in crate::webhook) struct Admitted<'a> {
    endpoints: &'a Endpoints,
    endpoint: &'a str,
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
            self.endpoints.with(self.endpoint, (), |record| record.unused(probe));
        }
    }
}

/// Scheme, host and port: a path may hold a secret.
pub(in crate::webhook) fn origin(endpoint: &str) -> &str {
    let behind = endpoint.find("://").map_or(0, |at| at + 3);
    let path = endpoint.get(behind..).and_then(|rest| rest.find('/'));
    path.and_then(|at| endpoint.get(..behind + at)).unwrap_or(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_url_that_does_not_answer_leaves_the_others_alone() {
        let (endpoints, now) = (Endpoints::default(), Instant::now());
        let (dead, well): (Arc<str>, Arc<str>) = ("http://dead/".into(), "http://well/".into());
        let breaker = Some(&Breaker::default());
        for _ in 0..5 {
            assert!(endpoints.admit(&dead, breaker, now).is_ok());
            endpoints.quarantine(&dead, now);
            endpoints.failed(&dead, "crm", breaker, now);
        }
        assert!(matches!(
            endpoints.admit(&dead, breaker, now),
            Err(Unreachable::Resting { failures: 5, .. })
        ));
        assert!(endpoints.admit(&dead, None, now).is_ok() && endpoints.admit(&well, breaker, now).is_ok());
        let later = now + std::time::Duration::from_secs(3600);
        endpoints.quarantine(&dead, now);
        assert!(
            endpoints.is_quarantined(&dead, now) && endpoints.is_quarantined(&well, now),
            "neither has answered yet"
        );
        endpoints.answered(&well, "crm", now);
        assert!(!endpoints.is_quarantined(&well, now));
        endpoints.answered(&dead, "crm", later);
        assert!(endpoints.admit(&dead, breaker, now).is_ok());
        assert!(endpoints.of.lock().unwrap().is_empty() && !endpoints.is_quarantined(&dead, later));
    }

    #[test]
    fn a_probe_whose_caller_leaves_is_the_next_callers() {
        let (endpoints, now) = (Endpoints::default(), Instant::now());
        let (dead, breaker) = ("http://dead/".into(), Breaker { failures: 1, ..Breaker::default() });
        endpoints.failed(&dead, "crm", Some(&breaker), now);
        let then = now + breaker.probe;
        let probe = endpoints.admit(&dead, Some(&breaker), then).unwrap();
        assert!(endpoints.admit(&dead, Some(&breaker), then).is_err());
        drop(probe);
        endpoints.admit(&dead, Some(&breaker), then).unwrap().used();
        assert!(endpoints.admit(&dead, Some(&breaker), then).is_err());
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
        let (endpoints, now) = (Endpoints::default(), Instant::now());
        let breaker = Breaker { failures: 1, ..Breaker::default() };
        for number in 0..MOST_REMEMBERED {
            endpoints.failed(&format!("http://{number}/").into(), "webhook", Some(&breaker), now);
        }
        let (own, other): (Arc<str>, Arc<str>) = ("http://own/".into(), "http://other/".into());
        endpoints.count([Arc::clone(&own)].into_iter());
        for endpoint in [&own, &other] {
            endpoints.failed(endpoint, "crm", Some(&breaker), now);
        }
        assert!(endpoints.admit(&own, Some(&breaker), now).is_err());
        assert!(endpoints.admit(&other, Some(&breaker), now).is_ok(), "all others are left alone just now");
        assert!(
            !endpoints.withdraw_retry(&other),
            "of what is not remembered nobody knows how often it was repeated"
        );
    }

    #[test]
    fn ad_hoc_urls_that_are_not_left_alone_make_room() {
        let (endpoints, now) = (Endpoints::default(), Instant::now());
        for number in 0..MOST_REMEMBERED {
            endpoints.failed(&format!("http://{number}/").into(), "webhook", Some(&Breaker::default()), now);
        }
        let other: Arc<str> = "http://other/".into();
        for _ in 0..5 {
            endpoints.failed(&other, "webhook", Some(&Breaker::default()), now);
        }
        assert!(endpoints.admit(&other, Some(&Breaker::default()), now).is_err());
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let (endpoints, now) = (Endpoints::default(), Instant::now());
        for number in 0..2 * MOST_REMEMBERED {
            endpoints.failed(&format!("http://{number}/").into(), "crm", Some(&Breaker::default()), now);
        }
        assert_eq!(endpoints.of.lock().unwrap().len(), MOST_REMEMBERED);
    }
}
