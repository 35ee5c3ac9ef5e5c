//! The state of the running program that outlives a configuration: the calls before and after a reload share
//! it.
//!
//! Counts calls and requests; does not know what a call is.

mod reloads;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::task::TaskTracker;

pub use self::reloads::{RefusedReload, Reloads};
use crate::config::Limits;
use crate::history::History;
use crate::hook::{Outcome, Overload};
use crate::log::RateLimited;
use crate::metrics::Metrics;
use crate::slots::{Full, OpenFiles, Slot, Slots};
use crate::webhook::Webhook;

/// The state that the calls of all configurations share.
#[derive(Debug)]
pub struct Daemon {
    /// Asks webhooks; has their connections, the cache and the state of each endpoint.
    pub webhook: Webhook,
    /// The records of the last steps.
    pub history: History,
    /// The configurations that were read.
    pub reloads: Reloads,
    /// The counters that the observer shows.
    pub metrics: Arc<Metrics>,
    /// Log lines with a rate limit.
    pub(crate) rate_limits: RateLimits,
    /// The detached requests under way.
    pub(crate) detached_requests: TaskTracker,
    /// The slots of the calls that ask a webhook.
    call_slots: Slots,
    /// The slots of detached requests.
    detached_slots: Slots,
    /// The slots of all requests together. Each request needs an open file.
    request_slots: Slots,
    open_files: Mutex<OpenFiles>,
}

/// The rate limits of log lines that any peer can cause. Each kind of line has a limit of its own, so that no
/// kind hides another. The metrics count all of them.
#[derive(Debug)]
pub(crate) struct RateLimits {
    pub(crate) not_allowed: RateLimited,
    pub(crate) forged: RateLimited,
    pub(crate) too_long: RateLimited,
    pub(crate) silent: RateLimited,
    pub(crate) evicted: RateLimited,
    pub(crate) bad_request: RateLimited,
    pub(crate) overloaded: RateLimited,
    pub(crate) gone_early: RateLimited,
    pub(crate) unconfirmed: RateLimited,
}

impl Default for RateLimits {
    fn default() -> Self {
        // a fault in a dialplan, or a busy hour, causes these lines too, and each line is about a call
        let step = || RateLimited::new(10, Duration::from_secs(1));
        Self {
            not_allowed: RateLimited::default(),
            forged: RateLimited::default(),
            too_long: RateLimited::default(),
            silent: RateLimited::default(),
            evicted: RateLimited::default(),
            bad_request: step(),
            overloaded: step(),
            gone_early: step(),
            unconfirmed: RateLimited::default(),
        }
    }
}

/// The slots of a call that asks its webhook. Dropping them frees them.
#[derive(Debug)]
pub(crate) struct CallSlots {
    _call: Slot,
    pub(crate) request: Slot,
}

impl Daemon {
    /// Returns a daemon that has no calls yet.
    #[must_use]
    pub fn new(webhook: Webhook, metrics: Arc<Metrics>) -> Self {
        Self {
            webhook,
            history: History::default(),
            reloads: Reloads::default(),
            metrics,
            rate_limits: RateLimits::default(),
            detached_requests: TaskTracker::new(),
            call_slots: Slots::default(),
            detached_slots: Slots::default(),
            request_slots: Slots::default(),
            open_files: Mutex::default(),
        }
    }

    /// Limits the requests from now on by the open files that the system allows.
    pub fn limit_requests(&self, open_files: OpenFiles) {
        *self.open_files.lock().unwrap_or_else(PoisonError::into_inner) = open_files;
    }

    fn open_files(&self) -> OpenFiles {
        *self.open_files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the slots for one more call that asks its webhook.
    ///
    /// # Errors
    /// Returns the limit that the call would exceed.
    pub(crate) fn admit_call(&self, peer: Option<IpAddr>, limits: &Limits) -> Result<CallSlots, Overload> {
        let call =
            self.call_slots.acquire(peer, limits.calls, limits.calls_per_peer).map_err(
                |full| match full {
                    Full::Total(limit) => Overload::Calls(limit),
                    Full::PerPeer(limit) => Overload::CallsOfPeer(limit),
                },
            )?;
        let OpenFiles { requests, limit } = self.open_files();
        let request =
            self.request_slots.acquire(None, requests, None).map_err(|_full| Overload::OpenFiles(limit))?;
        Ok(CallSlots { _call: call, request })
    }

    /// Takes the slot for one more detached request.
    ///
    /// # Errors
    /// Returns the limit that the request would exceed.
    pub(crate) fn admit_detached(&self, limits: &Limits) -> Result<Slot, Overload> {
        let most = limits.detached;
        self.detached_slots.acquire(None, most, None).map_err(|_full| Overload::Detached(most))
    }

    /// Returns the outcome, or `OVERLOADED` if this machine had no open file left for the request: then there
    /// were too many calls, and the webhook has not failed.
    pub(crate) fn local_failure_as_overload(&self, outcome: Outcome) -> Outcome {
        let OpenFiles { limit, .. } = self.open_files();
        match outcome.is_local_failure() && limit < u64::MAX {
            true => Outcome::Overloaded(Overload::OpenFiles(limit)),
            false => outcome,
        }
    }

    /// Returns the number of detached requests under way.
    #[must_use]
    pub fn detached_requests(&self) -> usize {
        self.detached_requests.len()
    }

    /// Waits until every detached request has ended. No new one begins, because the last call has ended.
    pub async fn detached_requests_done(&self) {
        self.detached_requests.close();
        self.detached_requests.wait().await;
    }
}
