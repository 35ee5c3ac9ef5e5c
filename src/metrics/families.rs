//! The metric families: names, help texts and labels.

use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, Result,
};

/// Webhook steps.
pub(super) struct StepMetrics {
    pub(super) calls: IntCounterVec,
    pub(super) in_flight: IntGauge,
    pub(super) in_flight_by_hook: IntGaugeVec,
    pub(super) durations: HistogramVec,
}

impl StepMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        Self {
            calls: counters(
                registry,
                "calls_total",
                "Webhook steps that ended, by status. CANCELLED: the caller hung up, or the call was transferred.",
                &["switch", "hook", "status"],
            ),
            in_flight: gauge(registry, "calls_in_flight", "Calls that are in a webhook step now."),
            in_flight_by_hook: gauges(
                registry,
                "hook_calls_in_flight",
                "Calls that are in a webhook step of this hook now.",
                &["hook"],
            ),
            durations: histograms(
                registry,
                "step_duration_seconds",
                "Duration of webhook steps in seconds, from the connection of the switch to the last reply to the final commands. Cancelled steps are not counted.",
                "switch",
            ),
        }
    }
}

/// Requests to webhooks.
pub(super) struct RequestMetrics {
    pub(super) durations: HistogramVec,
    pub(super) connections: IntCounterVec,
    pub(super) retries: IntCounterVec,
    pub(super) fallbacks: IntCounterVec,
    pub(super) detached: IntGauge,
}

impl RequestMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        Self {
            durations: histograms(
                registry,
                "request_duration_seconds",
                "Duration of requests to webhooks in seconds. Requests of cancelled steps are not counted.",
                "hook",
            ),
            connections: counters(
                registry,
                "connections_total",
                "Requests to webhooks by connection. made: the request opened a connection. reused: it used an idle connection of the pool.",
                &["kind"],
            ),
            retries: counters(registry, "retries_total", "Retries of requests to webhooks.", &["hook"]),
            fallbacks: counters(
                registry,
                "fallbacks_total",
                "Webhook steps that continued with the next URL of their hook after a failure.",
                &["hook"],
            ),
            detached: gauge(registry, "detached_in_flight", "Requests in flight that no call waits for."),
        }
    }
}

/// Circuit breakers.
pub(super) struct BreakerMetrics {
    pub(super) open: IntGaugeVec,
    pub(super) opened: IntCounterVec,
}

impl BreakerMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let open = Opts::new(
            "breaker_open",
            "URLs of the configuration whose circuit breaker is open. They get no requests for a while.",
        );
        Self {
            open: registered(registry, IntGaugeVec::new(open.namespace(PREFIX), &["to"])),
            opened: counters(
                registry,
                "breaker_opened_total",
                "Times that the circuit breaker of a URL of the configuration opened.",
                &["to"],
            ),
        }
    }
}

/// The cache of answers.
pub(super) struct CacheMetrics {
    pub(super) lookups: IntCounterVec,
    pub(super) entries: IntGauge,
}

impl CacheMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        Self {
            lookups: counters(
                registry,
                "cache_total",
                "Calls of hooks with a cache, by result of the lookup. hit: a fresh answer. miss: no answer. stale: a stale answer was used.",
                &["hook", "result"],
            ),
            entries: gauge(registry, "cache_entries", "Answers in the cache."),
        }
    }
}

/// The daemon itself.
pub(super) struct DaemonMetrics {
    pub(super) refused: IntCounterVec,
    pub(super) accept_failures: IntCounter,
    pub(super) log_lines_lost: IntCounter,
    pub(super) insecure_hooks: IntGauge,
    pub(super) history_records: IntGauge,
    pub(super) history_bytes: IntGauge,
    pub(super) reload_successful: IntGauge,
    pub(super) reload_time: IntGauge,
    pub(super) draining: IntGauge,
}

impl DaemonMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let build = Opts::new("build_info", "Always 1. The label has the version of the daemon.");
        let build = IntGaugeVec::new(build.namespace(PREFIX), &["version"]);
        registered(registry, build).with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Self {
            refused: counters(
                registry,
                "refused_total",
                "Connections and calls that were refused, by reason.",
                &["reason"],
            ),
            accept_failures: counter(
                registry,
                "accept_failures_total",
                "Connections that a listener could not accept, usually because no file descriptor was free.",
            ),
            log_lines_lost: counter(
                registry,
                "log_lines_lost_total",
                "Log lines that were lost because the journal or standard error was too slow or failed.",
            ),
            history_records: gauge(registry, "history_records", "Records of steps that are kept in memory."),
            history_bytes: gauge(
                registry,
                "history_bytes",
                "Estimate of the memory that the records of steps take, in bytes.",
            ),
            insecure_hooks: gauge(
                registry,
                "insecure_hooks",
                "Hooks that do not verify the certificate of their webhook.",
            ),
            reload_successful: gauge(
                registry,
                "config_last_reload_successful",
                "1 if the last configuration that was read is in use. 0 if it had faults and the previous one is in use.",
            ),
            reload_time: gauge(
                registry,
                "config_last_reload_success_timestamp_seconds",
                "Unix time at which the configuration in use was read.",
            ),
            draining: gauge(
                registry,
                "draining",
                "1 if the daemon is stopping and only finishes its calls, otherwise 0.",
            ),
        }
    }
}

/// The prefix of every metric name.
const PREFIX: &str = "dialhook";

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    registered(registry, IntCounterVec::new(Opts::new(name, help).namespace(PREFIX), labels))
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    registered(registry, IntCounter::with_opts(Opts::new(name, help).namespace(PREFIX)))
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    registered(registry, IntGauge::with_opts(Opts::new(name, help).namespace(PREFIX)))
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    registered(registry, IntGaugeVec::new(Opts::new(name, help).namespace(PREFIX), labels))
}

fn histograms(registry: &Registry, name: &str, help: &str, label: &str) -> HistogramVec {
    let described = HistogramOpts::new(name, help).namespace(PREFIX).buckets(BUCKETS.to_vec());
    registered(registry, HistogramVec::new(described, &[label]))
}

/// The upper bounds of the buckets in seconds. They are close together where a good webhook answers, and
/// there is one between any two usual timeouts: a step that reached its timeout of 2 s took slightly longer
/// and is in the bucket of 3 s; one that reached the longest timeout, 10 s, is in the bucket of 11 s.
const BUCKETS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 11.0];

#[expect(
    clippy::expect_used,
    reason = "names and labels are constants, and every test registers all of them"
)]
fn registered<C: Collector + Clone + 'static>(registry: &Registry, made: Result<C>) -> C {
    let made = made.expect("a valid name and valid labels");
    registry.register(Box::new(made.clone())).expect("a unique name");
    made
}
