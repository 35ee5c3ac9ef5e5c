//! The permit of one request to an endpoint.

use std::sync::Arc;
use std::time::Instant;

use super::circuit_breaker::Probe;
use super::registry::Endpoints;
use crate::hook::{Breaker, Unreachable};

/// The permit to ask an endpoint, given by [`Endpoints::admit`]. It is finished with the result of the
/// request. A permit that is dropped without a result gives its probe to the next caller: a caller who hung
/// up has learned nothing about the endpoint.
#[derive(Debug)]
pub(in crate::webhook) struct Permit<'a> {
    endpoints: &'a Endpoints,
    endpoint: &'a Arc<str>,
    /// The name of the hook, for the log.
    hook: &'a str,
    breaker: Option<&'a Breaker>,
    /// Present if the breaker is half-open.
    probe: Option<Probe>,
}

/// The part of a request's result that concerns the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::webhook) enum EndpointResult {
    /// An answer came, whatever it said.
    Answered,
    /// No answer came, and the time was long enough for one.
    Failed,
    /// No answer came, but the time was short. The endpoint goes into quarantine; the breaker does not count
    /// it.
    SilentUncounted,
    /// The result says nothing about the endpoint: this machine was at fault, or a reused connection was
    /// closed.
    Unknown,
}

impl Endpoints {
    /// Gives a permit for a request of this hook to an endpoint.
    ///
    /// # Errors
    /// Returns the reason if the circuit breaker is open.
    pub(in crate::webhook) fn admit<'a>(
        &'a self,
        endpoint: &'a Arc<str>,
        hook: &'a str,
        breaker: Option<&'a Breaker>,
        now: Instant,
    ) -> Result<Permit<'a>, Unreachable> {
        let probe = match breaker {
            Some(settings) => self.pass_breaker(endpoint, settings, now)?,
            None => None,
        };
        Ok(Permit { endpoints: self, endpoint, hook, breaker, probe })
    }
}

impl Permit<'_> {
    /// True if the request tests a half-open breaker.
    pub(in crate::webhook) fn is_probe(&self) -> bool {
        self.probe.is_some()
    }

    /// Adds to the retry budget. To be called for every request that is sent.
    pub(in crate::webhook) fn deposit(&self) {
        self.endpoints.deposit(self.endpoint);
    }

    /// Returns true if the retry budget of the endpoint allows a retry. The retry is withdrawn then.
    pub(in crate::webhook) fn withdraw_retry(&self) -> bool {
        self.endpoints.withdraw_retry(self.endpoint)
    }

    /// Notes the result of the request.
    pub(in crate::webhook) fn finish(mut self, result: EndpointResult, now: Instant) {
        match result {
            EndpointResult::Answered => {
                self.probe = None;
                self.endpoints.answered(self.endpoint, self.hook);
            }
            EndpointResult::Failed => {
                self.probe = None;
                self.endpoints.failed(self.endpoint, self.hook, self.breaker, now);
            }
            EndpointResult::SilentUncounted => self.endpoints.was_silent(self.endpoint, now),
            EndpointResult::Unknown => {}
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(probe) = self.probe {
            self.endpoints.give_back(self.endpoint, probe);
        }
    }
}
