//! The state of endpoints, which outlives a call: circuit breaker, retry budget, quarantine, reuse of
//! connections.
//!
//! An endpoint is a URL as it is written, without its query and credentials. Knows nothing of HTTP.

mod circuit_breaker;
mod connection_reuse;
pub(super) mod permit;
mod quarantine;
pub(super) mod registry;
mod retry_budget;

use std::time::Instant;

use self::circuit_breaker::CircuitBreaker;
use self::connection_reuse::ConnectionReuse;
use self::quarantine::Quarantine;
use self::retry_budget::RetryBudget;

/// The state of one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Endpoint {
    /// True if the endpoint stands in the configuration. Others come from ad hoc steps.
    is_configured: bool,
    breaker: CircuitBreaker,
    retry_budget: RetryBudget,
    quarantine: Quarantine,
    connection_reuse: ConnectionReuse,
}

/// The connections that a request to an endpoint may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConnectionRules {
    /// True if the connection must live on the quarantine thread.
    pub(super) is_quarantined: bool,
    /// True if a connection may serve more than one request.
    pub(super) may_reuse: bool,
}

impl Endpoint {
    /// The state of an endpoint for which there is no room in the registry: it allows no retry.
    fn without_record() -> Self {
        Self { retry_budget: RetryBudget::empty(), ..Self::default() }
    }

    fn connection_rules(&self, now: Instant) -> ConnectionRules {
        ConnectionRules {
            is_quarantined: self.quarantine.is_active(now),
            may_reuse: self.connection_reuse.is_allowed(now),
        }
    }
}

/// Returns scheme, host and port of an endpoint, for logs and metrics: the path may hold a secret.
pub(super) fn origin(endpoint: &str) -> &str {
    let after_scheme = endpoint.find("://").map_or(0, |at| at + 3);
    let path = endpoint.get(after_scheme..).and_then(|rest| rest.find('/'));
    path.and_then(|at| endpoint.get(..after_scheme + at)).unwrap_or(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_shows_no_path() {
        assert_eq!(
            ["https://h:1/a/b", "https://h", "http://…@h/geheim"].map(origin),
            ["https://h:1", "https://h", "http://…@h"]
        );
    }
}
