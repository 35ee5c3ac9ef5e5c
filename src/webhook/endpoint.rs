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

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use self::circuit_breaker::CircuitBreaker;
use self::connection_reuse::ConnectionReuse;
use self::quarantine::Quarantine;
use self::retry_budget::RetryBudget;
use crate::hook::Breaker;
use crate::tls;

/// The state of one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Endpoint {
    /// True if the endpoint stands in the configuration. Others come from ad hoc steps.
    is_configured: bool,
    breaker: CircuitBreaker,
    retry_budget: RetryBudget,
    quarantine: Quarantine,
    connection_reuse: ConnectionReuse,
    certificate: Option<Certificate>,
}

/// The certificate that an endpoint showed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Certificate {
    hash: u64,
    expires: Option<SystemTime>,
}

/// The state of one endpoint, for an administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointState {
    /// The URL as it is written, without its query and credentials.
    pub endpoint: Arc<str>,
    pub breaker: BreakerState,
    /// True if its connections are made on the quarantine thread, because it has not answered yet, or was
    /// silent a short time ago.
    pub in_quarantine: bool,
    /// True if a connection may serve more than one request.
    pub reuses_connections: bool,
    /// The end of the validity of the certificate that it showed last.
    pub certificate_expires: Option<SystemTime>,
}

/// The state of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// The hook has no breaker.
    Off,
    /// Every request is sent.
    Closed {
        /// The number of requests without an answer since the last answer.
        failures: u32,
    },
    /// No request is sent.
    Open {
        /// The number of requests without an answer since the last answer.
        failures: u32,
        /// The time until a request may test the endpoint.
        next_probe: Duration,
    },
    /// The next request tests the endpoint.
    HalfOpen {
        /// The number of requests without an answer since the last answer.
        failures: u32,
    },
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

    fn state(
        &self,
        endpoint: &Arc<str>,
        breaker: Option<&Breaker>,
        keep_alive: bool,
        now: Instant,
    ) -> EndpointState {
        let ConnectionRules { is_quarantined, may_reuse } = self.connection_rules(now);
        EndpointState {
            endpoint: Arc::clone(endpoint),
            breaker: breaker.map_or(BreakerState::Off, |settings| self.breaker.state(settings, now)),
            in_quarantine: is_quarantined,
            reuses_connections: keep_alive && may_reuse,
            certificate_expires: self.certificate.and_then(|certificate| certificate.expires),
        }
    }

    /// Notes a certificate in DER. It is parsed only if it is not the one that was shown before.
    fn showed_certificate(&mut self, certificate: &[u8]) {
        let mut hasher = DefaultHasher::new();
        hasher.write(certificate);
        let hash = hasher.finish();
        if self.certificate.is_none_or(|known| known.hash != hash) {
            self.certificate = Some(Certificate { hash, expires: tls::expiry(certificate) });
        }
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
