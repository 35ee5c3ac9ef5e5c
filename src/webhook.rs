//! Asks webhooks. The only module that speaks HTTP to them.
//!
//! The way of one request: [`Webhook::ask`] → `ask_cached` (cache, single flight, stale answers, if the hook
//! has a cache) → `ask_endpoints` (the endpoints in turn, with circuit breaker and retry) → `attempt` (one
//! HTTP request with its redirects) → `client` (connection pool, DNS resolver, quarantine).
//!
//! Obeys the hook's policy, and knows no switch. One deadline covers all of it, from name resolution to the
//! last byte of the answer. A request that is dropped is cancelled, down to its socket.

mod ask;
mod ask_cached;
mod ask_endpoints;
mod attempt;
mod attempt_log;
mod cache;
mod client;
mod endpoint;
mod redirect;
mod retry;
mod single_flight;
mod time_slice;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::ask::{Ask, ErrorPage};
use self::ask_cached::ask_cached;
use self::ask_endpoints::ask_endpoints;
pub use self::attempt_log::{Attempt, AttemptKind, AttemptLog, AttemptResult, FollowedRedirect, Waited};
use self::cache::AnswerCache;
pub use self::client::stage::Connection;
use self::client::{ConnectionPools, Pool};
use self::endpoint::registry::Endpoints;
pub use self::endpoint::{BreakerState, EndpointState};
use self::time_slice::slice_of;
use crate::hook::{Answer, Hook, Outcome};
use crate::metrics::Metrics;
use crate::tls::Tls;

/// Asks webhooks, and remembers what the next call needs to know. Clones share everything.
#[derive(Debug, Clone)]
pub struct Webhook {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pools: ConnectionPools,
    endpoints: Endpoints,
    /// A request without a good answer gives an outcome, and the answer if there was one.
    cache: AnswerCache<(Outcome, Option<Arc<Answer>>)>,
    metrics: Arc<Metrics>,
}

/// The error if no webhook can be asked.
#[derive(Debug, thiserror::Error)]
pub enum NoClient {
    /// An HTTP client cannot be made.
    #[error(transparent)]
    Client(#[from] reqwest::Error),
    /// The thread for connections in quarantine cannot be started.
    #[error("no thread for connections: {0}")]
    Thread(#[from] io::Error),
}

/// The result of asking a webhook.
#[derive(Debug, Clone)]
pub struct StepResult {
    /// The outcome of the step.
    pub outcome: Outcome,
    /// The answer that the outcome comes from, if there was one.
    pub answer: Option<Arc<Answer>>,
    /// The origin of that answer.
    pub origin: Origin,
    /// The part of the cache in it; none if the hook has no cache.
    pub cache: Option<CacheReport>,
}

/// The part of the cache in the result of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheReport {
    /// The time since the answer was received, if the answer comes from the cache, fresh or stale.
    pub age: Option<Duration>,
    /// The time in which the call waited for the request of another call.
    pub waited: Option<Waited>,
    /// True if this call made a second request beside the slow one of another call.
    pub is_hedged: bool,
    /// True if the cache had a fresh answer that is not good for this call, so that the webhook was asked.
    pub fresh_was_refused: bool,
    /// The outcome for which a stale answer was used.
    pub stale_because: Option<Outcome>,
}

/// The origin of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The webhook, asked for this call.
    Webhook,
    /// The webhook, asked for another call at the same time.
    Shared,
    /// The cache: a fresh answer.
    Cache,
    /// The cache: a stale answer, because the webhook has no good one now.
    Stale,
}

impl Webhook {
    /// Makes the HTTP clients for these hooks and for ad hoc steps. They use this machine's name servers and
    /// trusted certificate authorities.
    ///
    /// # Errors
    /// Returns the error if a client or the thread for connections in quarantine cannot be made.
    pub fn new<'a>(
        hooks: impl IntoIterator<Item = &'a Hook>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, NoClient> {
        let shared = Shared {
            pools: ConnectionPools::new()?,
            endpoints: Endpoints::new(Arc::clone(&metrics)),
            cache: AnswerCache::default(),
            metrics,
        };
        let webhook = Self { shared: Arc::new(shared) };
        for &pool in Pool::of(true) {
            webhook.shared.pools.client(None, Duration::from_secs(2), pool)?;
        }
        webhook.prepare(hooks)?;
        Ok(webhook)
    }

    /// Makes the HTTP clients that these hooks need, so that no call has to wait for them. One client takes
    /// milliseconds: do not call this on the thread that serves calls.
    ///
    /// # Errors
    /// Returns the error if a client cannot be made.
    pub fn make_clients<'a>(&self, hooks: impl IntoIterator<Item = &'a Hook>) -> Result<(), NoClient> {
        for hook in hooks {
            for later in 0..hook.urls.len() {
                let connect_timeout = slice_of(hook.timeout.get(), later);
                for &pool in Pool::of(hook.delivery.keep_alive) {
                    self.shared.pools.client(hook.delivery.tls.as_deref(), connect_timeout, pool)?;
                    if let Some(anonymous) = anonymous(hook) {
                        self.shared.pools.client(Some(&anonymous), connect_timeout, pool)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes these hooks the configured ones. Makes the clients that are missing, and drops those that no
    /// hook needs.
    ///
    /// # Errors
    /// Returns the error if a client cannot be made.
    pub fn prepare<'a>(&self, hooks: impl IntoIterator<Item = &'a Hook>) -> Result<(), NoClient> {
        let hooks: Vec<_> = hooks.into_iter().collect();
        self.make_clients(hooks.iter().copied())?;
        let anonymous: Vec<_> = hooks.iter().filter_map(|hook| anonymous(hook)).collect();
        let used = hooks.iter().filter_map(|hook| hook.delivery.tls.as_deref());
        self.shared.pools.retain(used.chain(&anonymous));
        let urls = hooks.iter().flat_map(|hook| &hook.urls);
        self.shared.endpoints.configure(urls.map(|url| Arc::clone(url.endpoint())));
        self.shared.metrics.set_insecure_hooks(hooks.iter().filter(|hook| hook.is_insecure()).count());
        Ok(())
    }

    /// Returns a warning for the administrator if this machine trusts no certificate authority.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        self.shared.pools.trust_no_authority().then_some(
            "this machine trusts no certificate authority: every https webhook will be UNREACHABLE; \
             install the package ca-certificates",
        )
    }

    /// Returns the state of the endpoints of a hook now, in the order in which they are asked.
    #[must_use]
    pub fn endpoints(&self, hook: &Hook) -> Vec<EndpointState> {
        let (breaker, now) = (hook.delivery.breaker.as_ref(), Instant::now());
        let state = |endpoint| self.shared.endpoints.state(endpoint, breaker, hook.delivery.keep_alive, now);
        hook.urls.iter().map(|url| state(url.endpoint())).collect()
    }

    /// Asks the webhook of a step until the deadline, and judges the answer.
    ///
    /// Cancel safe: a request that is dropped is not continued. The log shows how far it had come.
    pub async fn ask(&self, ask: Ask<'_>) -> StepResult {
        match ask.hook().delivery.cache {
            // boxed: it is large, and would be in the task of every call, also without a cache
            Some(times) => Box::pin(ask_cached(&self.shared, ask, times)).await,
            None => ask_endpoints(&self.shared, ask).await,
        }
    }
}

/// Returns the TLS settings for requests that follow a redirect, if they differ: they show no client
/// certificate.
fn anonymous(hook: &Hook) -> Option<Tls> {
    let tls = hook.delivery.tls.as_deref().filter(|tls| tls.client_certificate().is_some());
    tls.filter(|_| hook.delivery.redirects.most > 0).map(Tls::without_client_certificate)
}
