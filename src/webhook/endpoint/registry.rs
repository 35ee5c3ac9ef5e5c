//! The registry of endpoints: one record for each, behind one lock. Logs and counts the transitions of
//! breakers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tracing::{info, warn};

use super::circuit_breaker::{Decision, Probe, Transition};
use super::connection_reuse::NO_REUSE;
use super::{ConnectionRules, Endpoint, EndpointState, origin};
use crate::hook::{Breaker, Unreachable};
use crate::metrics::Metrics;

/// The state of all endpoints.
#[derive(Debug, Default)]
pub(in crate::webhook) struct Endpoints {
    records: Mutex<Records>,
    metrics: Arc<Metrics>,
}

/// A record for every endpoint of the configuration and for a limited number of others, by URL without query
/// and credentials.
#[derive(Debug, Default)]
struct Records {
    by_url: HashMap<Arc<str>, Endpoint>,
    /// The number of records of configured endpoints.
    configured: usize,
}

/// The largest number of records of ad hoc endpoints: their URLs come from dialplans. If there is no room for
/// one that fails, the records of ad hoc endpoints with a closed breaker are dropped. If that makes no room,
/// the endpoint gets no record.
const MOST_AD_HOC: usize = 1024;

impl Records {
    /// Returns the record of an endpoint, a new one if there is room for it.
    fn get_or_insert(&mut self, endpoint: &Arc<str>) -> Option<&mut Endpoint> {
        if !self.by_url.contains_key(endpoint) {
            if !self.has_room() {
                return None;
            }
            self.by_url.insert(Arc::clone(endpoint), Endpoint::default());
        }
        self.by_url.get_mut(endpoint)
    }

    /// Changes the record of an endpoint. If there is no room for a new record, others are dropped; if that
    /// is not enough, the change is lost.
    fn update<T>(&mut self, endpoint: &Arc<str>, change: impl FnOnce(&mut Endpoint) -> T) -> T {
        if !self.has_room() && !self.by_url.contains_key(endpoint) {
            self.by_url.retain(|_, record| record.is_configured || record.breaker.is_open());
        }
        match self.get_or_insert(endpoint) {
            Some(record) => change(record),
            None => change(&mut Endpoint::without_record()),
        }
    }

    fn has_room(&self) -> bool {
        self.by_url.len().saturating_sub(self.configured) < MOST_AD_HOC
    }
}

impl Endpoints {
    pub(in crate::webhook) fn new(metrics: Arc<Metrics>) -> Self {
        Self { records: Mutex::default(), metrics }
    }

    /// Makes these the endpoints of the configuration: they always have a record, and the metrics show their
    /// breakers.
    pub(in crate::webhook) fn configure(&self, endpoints: impl Iterator<Item = Arc<str>>) {
        let configured: HashSet<_> = endpoints.collect();
        let mut records = self.lock();
        records.by_url.retain(|endpoint, record| {
            record.is_configured = configured.contains(endpoint);
            if !record.is_configured {
                record.quarantine.forget_answers();
            }
            record.is_configured || *record != Endpoint::default()
        });
        records.configured = configured.len();
        for endpoint in configured {
            records.by_url.entry(endpoint).or_default().is_configured = true;
        }
        self.publish(&records);
    }

    /// Asks the circuit breaker of an endpoint to let a request pass. Returns the probe if the request is
    /// one.
    ///
    /// # Errors
    /// Returns the reason if the circuit breaker is open.
    pub(super) fn pass_breaker(
        &self,
        endpoint: &str,
        settings: &Breaker,
        now: Instant,
    ) -> Result<Option<Probe>, Unreachable> {
        let mut records = self.lock();
        let Some(record) = records.by_url.get_mut(endpoint) else { return Ok(None) };
        match record.breaker.admit(settings, now) {
            Decision::Closed => Ok(None),
            Decision::HalfOpen(probe) => Ok(Some(probe)),
            Decision::Open => {
                let failures = record.breaker.failures();
                Err(Unreachable::BreakerOpen { failures, probe: settings.probe })
            }
        }
    }

    /// True if [`Endpoints::admit`] would give no permit now.
    pub(in crate::webhook) fn is_open(
        &self,
        endpoint: &str,
        breaker: Option<&Breaker>,
        now: Instant,
    ) -> bool {
        let Some(settings) = breaker else { return false };
        self.lock().by_url.get(endpoint).is_some_and(|record| record.breaker.is_open_for(settings, now))
    }

    /// Returns the connections that a request to an endpoint may use now.
    pub(in crate::webhook) fn connection_rules(&self, endpoint: &str, now: Instant) -> ConnectionRules {
        match self.lock().by_url.get(endpoint) {
            Some(record) => record.connection_rules(now),
            None => Endpoint::default().connection_rules(now),
        }
    }

    /// Returns the state of an endpoint for a hook with these settings.
    pub(in crate::webhook) fn state(
        &self,
        endpoint: &Arc<str>,
        breaker: Option<&Breaker>,
        keep_alive: bool,
        now: Instant,
    ) -> EndpointState {
        match self.lock().by_url.get(endpoint) {
            Some(record) => record.state(endpoint, breaker, keep_alive, now),
            None => Endpoint::default().state(endpoint, breaker, keep_alive, now),
        }
    }

    /// Notes the certificate, in DER, that an endpoint has shown.
    pub(in crate::webhook) fn showed_certificate(&self, endpoint: &Arc<str>, certificate: &[u8]) {
        if let Some(record) = self.lock().by_url.get_mut(endpoint) {
            record.showed_certificate(certificate);
        }
    }

    /// Notes that an endpoint has closed a reused connection before any byte of an answer came.
    pub(in crate::webhook) fn closed_reused_connection(&self, endpoint: &Arc<str>, hook: &str, now: Instant) {
        let is_news = self.lock().update(endpoint, |record| record.connection_reuse.was_closed(now));
        if is_news {
            warn!(
                hook,
                to = origin(endpoint),
                "the webhook closed a reused connection without notice: for {} minutes each request gets a \
                 new connection; if this happens again, write keep_alive = false in the hook, or one call \
                 fails each time",
                NO_REUSE.as_secs() / 60
            );
        }
    }

    /// Notes that an endpoint sent no answer: its connections go into quarantine.
    pub(in crate::webhook) fn was_silent(&self, endpoint: &Arc<str>, now: Instant) {
        self.lock().update(endpoint, |record| record.quarantine.was_silent(now));
    }

    /// Notes that an endpoint has answered once. Without room for a record it stays in quarantine.
    pub(in crate::webhook) fn trust(&self, endpoint: &Arc<str>) {
        if let Some(record) = self.lock().get_or_insert(endpoint) {
            record.quarantine.answered();
        }
    }

    pub(super) fn answered(&self, endpoint: &Arc<str>, hook: &str) {
        let mut records = self.lock();
        let Some(record) = records.get_or_insert(endpoint) else { return };
        record.quarantine.answered();
        if record.breaker.answered() == Some(Transition::Closed) {
            self.publish(&records);
            drop(records);
            info!(hook, to = origin(endpoint), "the webhook answers again; its circuit breaker is closed");
        }
    }

    pub(super) fn failed(&self, endpoint: &Arc<str>, hook: &str, breaker: Option<&Breaker>, now: Instant) {
        let mut records = self.lock();
        let (transition, failures, is_configured) = records.update(endpoint, |record| {
            record.quarantine.was_silent(now);
            let transition = record.breaker.failed(breaker, now);
            (transition, record.breaker.failures(), record.is_configured)
        });
        let (Some(Transition::Opened), Some(breaker)) = (transition, breaker) else { return };
        if is_configured {
            self.metrics.breaker_opened(origin(endpoint));
        }
        self.publish(&records);
        drop(records);
        warn!(
            hook,
            to = origin(endpoint),
            failures,
            "the webhook does not answer: its circuit breaker is open and no caller waits for it; it is tried \
             again every {:?}",
            breaker.probe
        );
    }

    pub(super) fn deposit(&self, endpoint: &Arc<str>) {
        // the budget of an endpoint without a record is full
        if let Some(record) = self.lock().by_url.get_mut(endpoint) {
            record.retry_budget.deposit();
        }
    }

    pub(super) fn withdraw_retry(&self, endpoint: &Arc<str>) -> bool {
        self.lock().update(endpoint, |record| record.retry_budget.withdraw())
    }

    pub(super) fn give_back(&self, endpoint: &Arc<str>, probe: Probe) {
        if let Some(record) = self.lock().by_url.get_mut(endpoint) {
            record.breaker.give_back(probe);
        }
    }

    /// Sets the metrics to the number of configured endpoints of each origin whose breaker is open.
    fn publish(&self, records: &Records) {
        let mut open = BTreeMap::new();
        for (endpoint, record) in &records.by_url {
            if record.is_configured {
                *open.entry(origin(endpoint)).or_insert(0) += usize::from(record.breaker.is_open());
            }
        }
        self.metrics.set_open_breakers(open);
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
