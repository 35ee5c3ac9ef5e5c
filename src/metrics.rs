//! What is counted, and how Prometheus reads it.
//!
//! The other rooms say in plain verbs what happened; names, labels and the text format are known here only. A label
//! holds nothing that a stranger chose: a hook's name is one of the configuration, [`AD_HOC`] or [`UNKNOWN`].
//!
//! [`AD_HOC`]: crate::call::AD_HOC

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::call::SwitchKind;
use crate::hook::Status;

/// The hook of a step whose name no configuration knows: a dialplan may make names of what callers send.
pub const UNKNOWN: &str = "unknown";

/// The status of a step whose caller hung up; no dialplan hears it.
pub const CANCELLED: &str = "CANCELLED";

/// All that is counted since the daemon started; it outlives a configuration that is read anew.
pub struct Metrics {
    registry: Registry,
    calls: IntCounterVec,
    in_flight: IntGauge,
    steps: HistogramVec,
    requests: HistogramVec,
    connections: IntCounterVec,
    retries: IntCounterVec,
    fallbacks: IntCounterVec,
    detached: IntGauge,
    breakers: IntGaugeVec,
    breakers_opened: IntCounterVec,
    cache: IntCounterVec,
    cache_entries: IntGauge,
    refused: IntCounterVec,
    insecure: IntGauge,
    reloaded: IntGauge,
    reloaded_at: IntGauge,
    draining: IntGauge,
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
    Unproved,
    /// Our own fault: the step panicked.
    Panicked,
}

impl Refusal {
    const ALL: [Self; 6] =
        [Self::NotAllowed, Self::Forged, Self::Silent, Self::TooLong, Self::Unproved, Self::Panicked];

    fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::Forged => "forged",
            Self::Silent => "silent",
            Self::TooLong => "too_long",
            Self::Unproved => "unproved",
            Self::Panicked => "panicked",
        }
    }
}

/// Seconds: fine where a webhook should be, and one bound between each two timeouts that people choose. A step that
/// ran into a timeout of 2 s took a little more, and shows below 3.
const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0];

impl Default for Metrics {
    fn default() -> Self {
        let made = Self::at_zero(Registry::new());
        for refusal in Refusal::ALL {
            made.refused.with_label_values(&[refusal.as_str()]);
        }
        for kind in [MADE, REUSED] {
            made.connections.with_label_values(&[kind]);
        }
        made
    }
}

const STATUSES: [Status; 7] = [
    Status::Ok,
    Status::HttpError,
    Status::Timeout,
    Status::Unreachable,
    Status::BadAnswer,
    Status::BadRequest,
    Status::Overloaded,
];

const MADE: &str = "made";
const REUSED: &str = "reused";

impl Metrics {
    fn at_zero(registry: Registry) -> Self {
        let all = Families(&registry);
        all.gauges("build_info", "The version that runs; always 1.", &["version"])
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        Self {
            calls: all.counters(
                "calls_total",
                "Webhook steps that ended, by what the dialplan heard (CANCELLED: the caller hung up).",
                &["switch", "hook", "status"],
            ),
            in_flight: all.gauge("calls_in_flight", "Calls that are at a webhook step now."),
            steps: all.histograms(
                "step_duration_seconds",
                "How long calls were kept from their dialplan, by switch; cancelled steps left out.",
                "switch",
            ),
            requests: all.histograms(
                "request_duration_seconds",
                "How long requests to webhooks took.",
                "hook",
            ),
            connections: all.counters(
                "connections_total",
                "Requests by whether a connection to the webhook was made for them or a kept one reused.",
                &["kind"],
            ),
            retries: all.counters("retries_total", "Requests that were sent once more.", &["hook"]),
            fallbacks: all.counters("fallbacks_total", "Steps that went on to their next URL.", &["hook"]),
            detached: all.gauge("detached_in_flight", "Requests under way that no call waits for."),
            breakers: all.gauges(
                "breaker_open",
                "1 while a webhook failed so often that it is not asked, else 0.",
                &["url"],
            ),
            breakers_opened: all.counters(
                "breaker_opened_total",
                "How often a webhook began not to be asked.",
                &["url"],
            ),
            cache: all.counters(
                "cache_total",
                "Calls of hooks with a cache, by what it had for them.",
                &["hook", "result"],
            ),
            cache_entries: all.gauge("cache_entries", "Answers in the cache."),
            refused: all.counters(
                "refused_total",
                "Connections and calls not served, by reason.",
                &["reason"],
            ),
            insecure: all.gauge("insecure_hooks", "Hooks that do not verify the webhook's certificate."),
            reloaded: all.gauge(
                "config_last_reload_successful",
                "1 if the configuration last read is the one in use, 0 if it had faults.",
            ),
            reloaded_at: all.gauge(
                "config_last_reload_success_timestamp_seconds",
                "When the configuration in use was read.",
            ),
            draining: all.gauge("draining", "1 while the daemon ends and only finishes its calls, else 0."),
            registry,
        }
    }

    /// A call comes to its step; it does until what this returns is dropped.
    #[must_use]
    pub fn call_began(&self) -> InFlight {
        InFlight::new(&self.in_flight)
    }

    /// A call goes on, and its dialplan hears this.
    pub fn call_ended(&self, switch: SwitchKind, hook: &str, status: Status, took: Duration) {
        self.count_call(switch, hook, status.as_str());
        self.steps.with_label_values(&[switch.as_str()]).observe(took.as_secs_f64());
    }

    /// A caller hung up during the step.
    pub fn call_cancelled(&self, switch: SwitchKind, hook: &str) {
        self.count_call(switch, hook, CANCELLED);
    }

    /// The first call of a hook brings every other status at zero: what Prometheus first sees at 1, it does not take
    /// for an increase.
    fn count_call(&self, switch: SwitchKind, hook: &str, status: &str) {
        let counter = self.calls.with_label_values(&[switch.as_str(), hook, status]);
        if counter.get() == 0 {
            for status in STATUSES.map(Status::as_str).into_iter().chain([CANCELLED]) {
                self.calls.with_label_values(&[switch.as_str(), hook, status]);
            }
        }
        counter.inc();
    }

    /// One request ended, whatever came of it; each retry is one.
    pub fn request_ended(&self, hook: &str, took: Duration) {
        self.requests.with_label_values(&[hook]).observe(took.as_secs_f64());
    }

    /// A connection to a webhook was made.
    pub fn connection_made(&self) {
        self.connections.with_label_values(&[MADE]).inc();
    }

    /// A kept connection to a webhook carried one more request.
    pub fn connection_reused(&self) {
        self.connections.with_label_values(&[REUSED]).inc();
    }

    /// A request is sent once more.
    pub fn retried(&self, hook: &str) {
        self.retries.with_label_values(&[hook]).inc();
    }

    /// A step goes on to its next URL.
    pub fn fell_back(&self, hook: &str) {
        self.fallbacks.with_label_values(&[hook]).inc();
    }

    /// A request begins that no call waits for; it is under way until what this returns is dropped.
    #[must_use]
    pub fn detached_began(&self) -> InFlight {
        InFlight::new(&self.detached)
    }

    /// Whether the webhook at this URL, as the configuration shows it, is left alone. What stands behind a `?` can
    /// hold secrets, and is left out.
    pub fn breaker(&self, url: &str, open: bool) {
        let url = without_query(url);
        let state = self.breakers.with_label_values(&[url]);
        let opened = self.breakers_opened.with_label_values(&[url]);
        if open && state.get() == 0 {
            opened.inc();
        }
        state.set(i64::from(open));
    }

    /// No hook names this URL any more.
    pub fn breaker_gone(&self, url: &str) {
        // there may never have been one
        let _unknown = self.breakers.remove_label_values(&[without_query(url)]);
    }

    /// A cache was looked into.
    pub fn cache(&self, hook: &str, result: CacheResult) {
        let result = match result {
            CacheResult::Hit => "hit",
            CacheResult::Miss => "miss",
            CacheResult::Stale => "stale",
        };
        self.cache.with_label_values(&[hook, result]).inc();
    }

    /// How many answers are kept.
    pub fn cache_entries(&self, entries: usize) {
        self.cache_entries.set(whole(entries));
    }

    /// A connection or a call is not served.
    pub fn refused(&self, why: Refusal) {
        self.refused.with_label_values(&[why.as_str()]).inc();
    }

    /// How many hooks do not verify their webhook's certificate.
    pub fn insecure_hooks(&self, hooks: usize) {
        self.insecure.set(whole(hooks));
    }

    /// A configuration was read, and is in use if it was right.
    pub fn reloaded(&self, ok: bool, now: SystemTime) {
        self.reloaded.set(i64::from(ok));
        if ok {
            let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
            self.reloaded_at.set(i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX));
        }
    }

    /// Whether the daemon only finishes its calls.
    pub fn draining(&self, draining: bool) {
        self.draining.set(i64::from(draining));
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

fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(before, _)| before)
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Makes families with our prefix, each registered once.
struct Families<'a>(&'a Registry);

impl Families<'_> {
    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.registered(IntCounterVec::new(described(name, help), labels))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.registered(IntGaugeVec::new(described(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.registered(IntGauge::with_opts(described(name, help)))
    }

    fn histograms(&self, name: &str, help: &str, label: &str) -> HistogramVec {
        let described = HistogramOpts::from(described(name, help)).buckets(BUCKETS.to_vec());
        self.registered(HistogramVec::new(described, &[label]))
    }

    #[expect(
        clippy::expect_used,
        reason = "names and labels are constants, and every test makes all of them"
    )]
    fn registered<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let made = made.expect("a name and labels as Prometheus wants them");
        self.0.register(Box::new(made.clone())).expect("a name of its own");
        made
    }
}

fn described(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("dialhook")
}

#[cfg(test)]
mod tests;
