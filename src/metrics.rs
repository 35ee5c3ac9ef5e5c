//! What is counted, and how Prometheus reads it.
//!
//! The other rooms say in plain verbs what happened; names, labels and the text format are known here only. A label
//! holds nothing that a stranger chose: a hook's name is one of the configuration, [`AD_HOC`] or [`UNKNOWN`].

mod families;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{IntGauge, Registry, TextEncoder};

use self::families::{BreakerMetrics, CacheMetrics, DaemonMetrics, RequestMetrics, StepMetrics};
pub use crate::call::UNKNOWN;
use crate::call::{AD_HOC, SwitchKind};
use crate::hook::Status;

/// The status of a step whose caller hung up, or whose call was taken elsewhere; no dialplan hears it.
pub const CANCELLED: &str = "CANCELLED";

/// All that is counted since the daemon started; it outlives a configuration that is read anew.
pub struct Metrics {
    registry: Registry,
    steps: StepMetrics,
    requests: RequestMetrics,
    breakers: BreakerMetrics,
    caches: CacheMetrics,
    daemon: DaemonMetrics,
}

/// Counts as in flight until it is dropped.
#[derive(Debug)]
pub struct InFlight(IntGauge);

/// What a cache had for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheResult {
    /// A fresh answer.
    Hit,
    /// None.
    Miss,
    /// One past its time, which was used.
    Stale,
}

/// Why a connection or a call was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `listen.allow` does not name the peer.
    NotAllowed,
    /// It said what no switch says.
    Forged,
    /// It said nothing for too long.
    Silent,
    /// It said more than any switch does.
    TooLong,
    /// Its caller was gone before the call was proved.
    Unauthenticated,
    /// Our own fault: the step panicked.
    Panicked,
}

impl Refusal {
    const ALL: [Self; 6] =
        [Self::NotAllowed, Self::Forged, Self::Silent, Self::TooLong, Self::Unauthenticated, Self::Panicked];

    fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::Forged => "forged",
            Self::Silent => "silent",
            Self::TooLong => "too_long",
            Self::Unauthenticated => "unproved",
            Self::Panicked => "panicked",
        }
    }
}

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

const MADE: &str = "made";
const REUSED: &str = "reused";

impl Metrics {
    /// From now on calls of these switches may come to these hooks, to an ad hoc step and to a hook that nobody knows. Every
    /// count of theirs is there at zero: what Prometheus first sees at 1, it does not take for an increase.
    pub fn init_calls<'h>(
        &self,
        switches: impl IntoIterator<Item = SwitchKind>,
        hooks: impl IntoIterator<Item = &'h str>,
    ) {
        let switches: Vec<_> = switches.into_iter().collect();
        for hook in hooks.into_iter().chain([AD_HOC, UNKNOWN]) {
            for switch in &switches {
                for status in Status::ALL.map(Status::as_str).into_iter().chain([CANCELLED]) {
                    self.steps.calls.with_label_values(&[switch.as_str(), hook, status]);
                }
            }
        }
    }

    /// A call comes to its step; it does until what this returns is dropped.
    #[must_use]
    pub fn call_started(&self) -> InFlight {
        InFlight::new(&self.steps.in_flight)
    }

    /// A call goes on, and its dialplan hears this.
    pub fn call_ended(&self, switch: SwitchKind, hook: &str, status: Status, took: Duration) {
        self.count_call(switch, hook, status.as_str());
        self.steps.durations.with_label_values(&[switch.as_str()]).observe(took.as_secs_f64());
    }

    /// A caller hung up during the step, or was taken elsewhere.
    pub fn call_cancelled(&self, switch: SwitchKind, hook: &str) {
        self.count_call(switch, hook, CANCELLED);
    }

    fn count_call(&self, switch: SwitchKind, hook: &str, status: &str) {
        self.steps.calls.with_label_values(&[switch.as_str(), hook, status]).inc();
    }

    /// One request ended, whatever came of it; each retry is one.
    pub fn request_ended(&self, hook: &str, took: Duration) {
        self.requests.durations.with_label_values(&[hook]).observe(took.as_secs_f64());
    }

    /// A connection to a webhook was made.
    pub fn connection_made(&self) {
        self.requests.connections.with_label_values(&[MADE]).inc();
    }

    /// A kept connection to a webhook carried one more request.
    pub fn connection_reused(&self) {
        self.requests.connections.with_label_values(&[REUSED]).inc();
    }

    /// A request is sent once more.
    pub fn request_retried(&self, hook: &str) {
        self.requests.retries.with_label_values(&[hook]).inc();
    }

    /// A step goes on to its next URL.
    pub fn fallback_used(&self, hook: &str) {
        self.requests.fallbacks.with_label_values(&[hook]).inc();
    }

    /// A request begins that no call waits for; it is under way until what this returns is dropped.
    #[must_use]
    pub fn detached_started(&self) -> InFlight {
        InFlight::new(&self.requests.detached)
    }

    /// How many of the configuration's URLs are left alone now, by scheme, host and port; a path may hold a secret.
    pub fn set_open_breakers<'h>(&self, open: impl IntoIterator<Item = (&'h str, usize)>) {
        self.breakers.open.reset();
        for (to, urls) in open {
            self.breakers.open.with_label_values(&[to]).set(as_i64(urls));
            // so that it is there before it is needed
            self.breakers.opened.with_label_values(&[to]);
        }
    }

    /// One of these URLs is left alone from now on.
    pub fn breaker_opened(&self, to: &str) {
        self.breakers.opened.with_label_values(&[to]).inc();
    }

    /// A cache was looked into.
    pub fn cache_lookup(&self, hook: &str, result: CacheResult) {
        let result = match result {
            CacheResult::Hit => "hit",
            CacheResult::Miss => "miss",
            CacheResult::Stale => "stale",
        };
        self.caches.lookups.with_label_values(&[hook, result]).inc();
    }

    /// How many answers are kept.
    pub fn set_cache_entries(&self, entries: usize) {
        self.caches.entries.set(as_i64(entries));
    }

    /// A connection or a call is not served.
    pub fn refused(&self, reason: Refusal) {
        self.daemon.refused.with_label_values(&[reason.as_str()]).inc();
    }

    /// A listener could not accept a connection.
    pub fn accept_failed(&self) {
        self.daemon.accept_failures.inc();
    }

    /// How many lines of the log were lost since the start.
    pub fn set_log_lines_lost(&self, total: u64) {
        let counted = self.daemon.log_lines_lost.get();
        self.daemon.log_lines_lost.inc_by(total.saturating_sub(counted));
    }

    /// How many hooks do not verify their webhook's certificate.
    pub fn set_insecure_hooks(&self, hooks: usize) {
        self.daemon.insecure_hooks.set(as_i64(hooks));
    }

    /// A configuration was read, and is in use if it was right.
    pub fn config_read(&self, ok: bool, now: SystemTime) {
        self.daemon.reload_successful.set(i64::from(ok));
        if ok {
            let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
            self.daemon.reload_time.set(i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX));
        }
    }

    /// Whether the daemon only finishes its calls.
    pub fn set_draining(&self, draining: bool) {
        self.daemon.draining.set(i64::from(draining));
    }

    /// All of it in Prometheus's text format.
    #[must_use]
    pub fn render(&self) -> String {
        // it only refuses names and labels that this room does not make
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

/// What [`Metrics::render`] writes.
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
