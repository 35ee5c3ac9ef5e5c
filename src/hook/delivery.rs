//! The settings of a hook that say how its requests are made, and what happens if no answer comes.

use std::sync::Arc;
use std::time::Duration;

use crate::tls::Tls;

/// The settings of a hook for its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The TLS settings, if they differ from those of the machine.
    pub tls: Option<Arc<Tls>>,
    /// True if the webhook may receive the same request twice.
    pub idempotent: bool,
    /// True if a connection may serve more than one request.
    pub keep_alive: bool,
    /// The circuit breaker; none if every call asks.
    pub breaker: Option<Breaker>,
    /// The cache; none if every call asks.
    pub cache: Option<CacheTimes>,
    pub redirects: Redirects,
    /// True if the dialplan goes on at once, without an answer.
    pub detach: bool,
}

/// The times for which the cache keeps an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheTimes {
    /// The time in which the answer is used instead of a request.
    pub fresh: Duration,
    /// The further time in which the answer is used if the webhook gives no good one (stale-if-error).
    pub stale: Duration,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            tls: None,
            idempotent: false,
            keep_alive: true,
            breaker: Some(Breaker::default()),
            cache: None,
            redirects: Redirects::default(),
            detach: false,
        }
    }
}

/// The settings of the circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// The number of requests in a row without an answer that opens the breaker.
    pub failures: u32,
    /// The time between two requests that probe an endpoint whose breaker is open.
    pub probe: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, probe: Duration::from_secs(10) }
    }
}

/// The redirects that a hook follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redirects {
    /// The largest number of redirects of one request; 0 if none is followed.
    pub most: u8,
    /// The allowed hosts besides the one that redirects, written as in a URL. An entry with a port allows
    /// that port only.
    pub hosts: Vec<String>,
}
