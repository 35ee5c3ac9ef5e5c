//! The families: their names, what Prometheus says of them, and their labels.

use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, Result,
};

/// Webhook steps.
pub(super) struct StepMetrics {
    pub(super) calls: IntCounterVec,
    pub(super) in_flight: IntGauge,
    pub(super) durations: HistogramVec,
}

impl StepMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        Self {
            calls: counters(
                registry,
                "calls_total",
                "Webhook steps that ended, by what the dialplan heard (CANCELLED: the caller hung up, or was taken elsewhere).",
                &["switch", "hook", "status"],
            ),
            in_flight: gauge(registry, "calls_in_flight", "Calls that are at a webhook step now."),
            durations: histograms(
                registry,
                "step_duration_seconds",
                "How long calls were kept from their dialplan, from connecting to the end of the farewell, by switch; cancelled steps left out.",
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
                "How long requests to webhooks took; those of cancelled steps left out.",
                "hook",
            ),
            connections: counters(
                registry,
                "connections_total",
                "Requests by whether a connection to the webhook was made for them or a kept one reused.",
                &["kind"],
            ),
            retries: counters(registry, "retries_total", "Requests that were sent once more.", &["hook"]),
            fallbacks: counters(
                registry,
                "fallbacks_total",
                "Steps that went on to their next URL.",
                &["hook"],
            ),
            detached: gauge(registry, "detached_in_flight", "Requests under way that no call waits for."),
        }
    }
}

/// Webhooks that are left alone for a while.
pub(super) struct BreakerMetrics {
    pub(super) open: IntGaugeVec,
    pub(super) opened: IntCounterVec,
}

impl BreakerMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let open = Opts::new(
            "breaker_open",
            "URLs of the configuration that are left alone because nobody answers there.",
        );
        Self {
            open: registered(registry, IntGaugeVec::new(open.namespace(PREFIX), &["to"])),
            opened: counters(
                registry,
                "breaker_opened_total",
                "How often a URL of the configuration began to be left alone.",
                &["to"],
            ),
        }
    }
}

/// Answers that are kept.
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
                "Calls of hooks with a cache, by what it had for them.",
                &["hook", "result"],
            ),
            entries: gauge(registry, "cache_entries", "Answers in the cache."),
        }
    }
}

/// The daemon as such.
pub(super) struct DaemonMetrics {
    pub(super) refused: IntCounterVec,
    pub(super) accept_failures: IntCounter,
    pub(super) log_lines_lost: IntCounter,
    pub(super) insecure_hooks: IntGauge,
    pub(super) reload_successful: IntGauge,
    pub(super) reload_time: IntGauge,
    pub(super) draining: IntGauge,
}

impl DaemonMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let build = Opts::new("build_info", "The version that runs; always 1.");
        let build = IntGaugeVec::new(build.namespace(PREFIX), &["version"]);
        registered(registry, build).with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Self {
            refused: counters(
                registry,
                "refused_total",
                "Connections and calls not served, by reason.",
                &["reason"],
            ),
            accept_failures: counter(
                registry,
                "accept_failures_total",
                "Connections that a listener could not accept, mostly for want of file descriptors.",
            ),
            log_lines_lost: counter(
                registry,
                "log_lines_lost_total",
                "Lines of the log for which its reader had no room or which it did not take.",
            ),
            insecure_hooks: gauge(
                registry,
                "insecure_hooks",
                "Hooks that do not verify the webhook's certificate.",
            ),
            reload_successful: gauge(
                registry,
                "config_last_reload_successful",
                "1 if the configuration last read is the one in use, 0 if it had faults.",
            ),
            reload_time: gauge(
                registry,
                "config_last_reload_success_timestamp_seconds",
                "When the configuration in use was read.",
            ),
            draining: gauge(
                registry,
                "draining",
                "1 while the daemon ends and only finishes its calls, else 0.",
            ),
        }
    }
}

/// What every name begins with.
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

fn histograms(registry: &Registry, name: &str, help: &str, label: &str) -> HistogramVec {
    let described = HistogramOpts::new(name, help).namespace(PREFIX).buckets(BUCKETS.to_vec());
    registered(registry, HistogramVec::new(described, &[label]))
}

/// Seconds: fine where a webhook should be, and one bound between each two timeouts that people choose. A step that
/// ran into a timeout of 2 s took a little more, and shows below 3; one that ran into the longest, 10 s, below 11.
const BUCKETS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 11.0];

#[expect(clippy::expect_used, reason = "names and labels are constants, and every test makes all of them")]
fn registered<C: Collector + Clone + 'static>(registry: &Registry, made: Result<C>) -> C {
    let made = made.expect("a name and labels as Prometheus wants them");
    registry.register(Box::new(made.clone())).expect("a name of its own");
    made
}
