//! How a webhook is asked, and what happens when it does not answer: the settings of a hook.

use std::sync::Arc;
use std::time::Duration;

use crate::tls::Tls;

/// How a webhook is asked, and what happens when it does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whom to trust and who to be over https, where that is not the machine's default.
    pub tls: Option<Arc<Tls>>,
    /// Whether the webhook may receive the same request twice.
    pub idempotent: bool,
    /// True if a connection may serve more than one request.
    pub keep_alive: bool,
    /// When callers are no longer kept waiting for it; none: never.
    pub breaker: Option<Breaker>,
    /// For how long an answer is taken for calls that would ask the same.
    pub cache: Option<CacheTimes>,
    /// Which redirects are followed.
    pub redirects: Redirects,
    /// Whether the dialplan goes on at once, without an answer.
    pub detach: bool,
}

/// How long an answer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheTimes {
    /// For so long it is taken for the webhook's.
    pub fresh: Duration,
    /// And for so much longer where the webhook has no good answer.
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

/// When callers are no longer kept waiting for a URL that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// After so many failures in a row; failures are requests without an answer.
    pub failures: u32,
    /// One caller's request tries it again, each time that so much has passed.
    pub probe: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, probe: Duration::from_secs(10) }
    }
}

/// Which redirects a hook follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redirects {
    /// How many, one after the other; 0: none.
    pub most: u8,
    /// To which hosts besides the one that redirects, as a URL has them; with a port: to that port alone.
    pub hosts: Vec<String>,
}
