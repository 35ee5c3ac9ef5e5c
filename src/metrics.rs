//! The metrics, in Prometheus's text format.
//!
//! The other modules report events; only this module knows the names of metrics, their labels and the format.
//! The value of a label never comes from a caller or a webhook: a hook's name is one of the configuration,
//! [`AD_HOC`] or [`UNKNOWN`].

mod families;
mod labels;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{IntGauge, Registry, TextEncoder};

use self::families::{BreakerMetrics, CacheMetrics, DaemonMetrics, RequestMetrics, StepMetrics};
pub use self::labels::{CANCELLED, CacheResult, Refusal};
pub use crate::call::UNKNOWN;
use crate::call::{AD_HOC, SwitchKind};
use crate::hook::Status;

/// All metrics since the start of the daemon. A reload of the configuration does not reset them.
pub struct Metrics {
    registry: Registry,
    steps: StepMetrics,
    requests: RequestMetrics,
    breakers: BreakerMetrics,
    caches: CacheMetrics,
    daemon: DaemonMetrics,
}

/// A call or a request that counts as in flight until this is dropped.
#[derive(Debug)]
pub struct InFlight(IntGauge);

/// The values of the label `kind` of connections.
const MADE: &str = "made";
const REUSED: &str = "reused";

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let metrics = Self {
            steps: StepMetrics::register(&registry),
            requests: RequestMetrics::register(&registry),
            breakers: BreakerMetrics::register(&registry),
            caches: CacheMetrics::register(&registry),
            daemon: DaemonMetrics::register(&registry),
            registry,
        };
        for refusal in Refusal::ALL {
            metrics.daemon.refused.with_label_values(&[refusal.as_str()]);
        }
        for kind in [MADE, REUSED] {
            metrics.requests.connections.with_label_values(&[kind]);
        }
        metrics
    }
}

impl Metrics {
    /// Creates the counters of calls at zero, for these hooks, for ad hoc steps and for unknown hooks.
    /// Prometheus sees no increase in a counter that first appears at 1.
    pub fn init_calls<'h>(
        &self,
        switches: impl IntoIterator<Item = SwitchKind>,
        hooks: impl IntoIterator<Item = &'h str>,
    ) {
        let switches: Vec<_> = switches.into_iter().collect();
        for hook in hooks.into_iter().chain([AD_HOC, UNKNOWN]) {
            self.steps.in_flight_by_hook.with_label_values(&[hook]);
            for switch in &switches {
                for status in Status::ALL.map(Status::as_str).into_iter().chain([CANCELLED]) {
                    self.steps.calls.with_label_values(&[switch.as_str(), hook, status]);
                }
            }
        }
    }

    /// Counts a call as in flight until the returned value is dropped.
    #[must_use]
    pub fn call_started(&self) -> InFlight {
        InFlight::new(&self.steps.in_flight)
    }

    /// Counts a step of this hook as in flight until the returned value is dropped.
    #[must_use]
    pub fn step_started(&self, hook: &str) -> InFlight {
        InFlight::new(&self.steps.in_flight_by_hook.with_label_values(&[hook]))
    }

    /// Returns the number of steps of this hook that are in flight.
    #[must_use]
    pub fn in_flight(&self, hook: &str) -> u64 {
        let gauge = self.steps.in_flight_by_hook.with_label_values(&[hook]);
        u64::try_from(gauge.get()).unwrap_or_default()
    }

    /// Counts a step whose dialplan continues with this status.
    pub fn call_ended(&self, switch: SwitchKind, hook: &str, status: Status, took: Duration) {
        self.count_call(switch, hook, status.as_str());
        self.steps.durations.with_label_values(&[switch.as_str()]).observe(took.as_secs_f64());
    }

    /// Counts a step that ended with a hangup, or whose call was transferred.
    pub fn call_cancelled(&self, switch: SwitchKind, hook: &str) {
        self.count_call(switch, hook, CANCELLED);
    }

    fn count_call(&self, switch: SwitchKind, hook: &str, status: &str) {
        self.steps.calls.with_label_values(&[switch.as_str(), hook, status]).inc();
    }

    /// Counts a request that ended, with or without an answer. A retry is a request of its own.
    pub fn request_ended(&self, hook: &str, took: Duration) {
        self.requests.durations.with_label_values(&[hook]).observe(took.as_secs_f64());
    }

    /// Counts a request that opened a connection to the webhook.
    pub fn connection_made(&self) {
        self.requests.connections.with_label_values(&[MADE]).inc();
    }

    /// Counts a request that used an idle connection of the pool.
    pub fn connection_reused(&self) {
        self.requests.connections.with_label_values(&[REUSED]).inc();
    }

    /// Counts a retry.
    pub fn request_retried(&self, hook: &str) {
        self.requests.retries.with_label_values(&[hook]).inc();
    }

    /// Counts a step that continues with its next URL.
    pub fn fallback_used(&self, hook: &str) {
        self.requests.fallbacks.with_label_values(&[hook]).inc();
    }

    /// Counts a detached request as in flight until the returned value is dropped.
    #[must_use]
    pub fn detached_started(&self) -> InFlight {
        InFlight::new(&self.requests.detached)
    }

    /// Sets the number of open circuit breakers by scheme, host and port. The path of a URL is left out,
    /// because it can contain a secret.
    pub fn set_open_breakers<'h>(&self, open: impl IntoIterator<Item = (&'h str, usize)>) {
        self.breakers.open.reset();
        for (to, urls) in open {
            self.breakers.open.with_label_values(&[to]).set(as_i64(urls));
            // the counter exists before the first breaker opens
            self.breakers.opened.with_label_values(&[to]);
        }
    }

    /// Counts a circuit breaker that opened.
    pub fn breaker_opened(&self, to: &str) {
        self.breakers.opened.with_label_values(&[to]).inc();
    }

    /// Counts a lookup in the cache.
    pub fn cache_lookup(&self, hook: &str, result: CacheResult) {
        self.caches.lookups.with_label_values(&[hook, result.as_str()]).inc();
    }

    /// Sets the number of answers in the cache.
    pub fn set_cache_entries(&self, entries: usize) {
        self.caches.entries.set(as_i64(entries));
    }

    /// Counts a connection or a call that was refused.
    pub fn refused(&self, reason: Refusal) {
        self.daemon.refused.with_label_values(&[reason.as_str()]).inc();
    }

    /// Counts a connection that a listener could not accept.
    pub fn accept_failed(&self) {
        self.daemon.accept_failures.inc();
    }

    /// Sets the number of lost log lines since the start.
    pub fn set_log_lines_lost(&self, total: u64) {
        let counted = self.daemon.log_lines_lost.get();
        self.daemon.log_lines_lost.inc_by(total.saturating_sub(counted));
    }

    /// Sets the number of records in the history, and about how many bytes they take.
    pub fn set_history(&self, records: usize, bytes: usize) {
        self.daemon.history_records.set(as_i64(records));
        self.daemon.history_bytes.set(as_i64(bytes));
    }

    /// Sets the number of hooks that do not verify the certificate of their webhook.
    pub fn set_insecure_hooks(&self, hooks: usize) {
        self.daemon.insecure_hooks.set(as_i64(hooks));
    }

    /// Records that a configuration was read. It is in use if `ok`.
    pub fn config_read(&self, ok: bool, now: SystemTime) {
        self.daemon.reload_successful.set(i64::from(ok));
        if ok {
            let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
            self.daemon.reload_time.set(i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX));
        }
    }

    /// Sets if the daemon is draining.
    pub fn set_draining(&self, draining: bool) {
        self.daemon.draining.set(i64::from(draining));
    }

    /// Returns all metrics in Prometheus's text format.
    #[must_use]
    pub fn render(&self) -> String {
        // encoding fails only for names and labels that this module does not use
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

/// The content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl InFlight {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn as_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
