//! The HTTP clients: one for each way to trust and each limit for a connection, and with it a pool of connections.

pub(super) mod dns;
pub(super) mod failure;
mod quarantine_thread;
pub(super) mod stage;

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CONNECTION};
use http::{HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Identity, redirect};
use tower_layer::layer_fn;

use self::dns::Resolver;
use self::quarantine_thread::QuarantineThread;
use self::stage::{TrackedConnector, TrackedResolver, tracked_cryptography};
use crate::tls::Tls;

/// The clients that were made so far.
#[derive(Debug)]
pub(super) struct ConnectionPools {
    /// Where their connections live.
    pub(super) quarantine: QuarantineThread,
    resolver: Arc<Resolver>,
    made: Mutex<HashMap<PoolKey, Client>>,
    trusts_nobody: AtomicBool,
}

/// What clients differ in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PoolKey {
    /// Of what is not the machine's default.
    tls: Option<Vec<u8>>,
    connect_timeout: Duration,
    pool: Pool,
}

/// The connections that a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Pool {
    /// Those to endpoints that are trusted.
    Trusted,
    /// Those to endpoints that are not trusted, on the thread of their own.
    Quarantine,
    /// None but one of its own, which ends with the answer.
    SingleUse,
}

impl Pool {
    /// The pools of a hook. Any webhook may turn out to close connections without notice.
    pub(super) fn of(keep_alive: bool) -> &'static [Self] {
        if keep_alive { &[Self::Trusted, Self::Quarantine, Self::SingleUse] } else { &[Self::SingleUse] }
    }
}

/// How long an unused connection is kept: less than the 5 s after which Node, Apache and uvicorn close theirs, so that
/// no request meets a connection that is just being closed (a POST could not be sent again).
const IDLE: Duration = Duration::from_secs(4);

/// How many unused connections are kept to one host: a burst of calls must not leave thousands behind.
const MOST_IDLE: usize = 256;

/// The same where the system allows few open files: a sixteenth of them, so that some are left for calls.
fn most_idle() -> usize {
    let limit = rlimit::Resource::NOFILE.get_soft().unwrap_or(u64::MAX);
    usize::try_from(limit / 16).unwrap_or(MOST_IDLE).min(MOST_IDLE)
}

/// How often a connection that is kept is asked whether its other end is still there.
const KEEPALIVE: Duration = Duration::from_secs(10);

impl ConnectionPools {
    pub(super) fn new() -> io::Result<Self> {
        // the first one to be installed counts; in tests there are several of us
        let _installed_before = tracked_cryptography().install_default();
        Ok(Self {
            quarantine: QuarantineThread::new()?,
            resolver: Arc::default(),
            made: Mutex::default(),
            trusts_nobody: AtomicBool::new(false),
        })
    }

    /// Whether the machine trusts no authority at all, as far as a client was made.
    pub(super) fn trust_nobody(&self) -> bool {
        self.trusts_nobody.load(Ordering::Relaxed)
    }

    /// The client for requests that have so much time. It shares little more than that out among the addresses of a
    /// name, so that a dead one leaves some for the next.
    pub(super) fn client(&self, tls: Option<&Tls>, time: Duration, pool: Pool) -> reqwest::Result<Client> {
        // whole seconds: each has connections of its own. And more than the time itself, so that it is the deadline
        // that ends a wait for the only address, as a TIMEOUT
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        let connect_timeout = Duration::from_secs(seconds.max(1)) * 5 / 4;
        let key = PoolKey { tls: tls.map(|tls| tls.fingerprint().to_vec()), connect_timeout, pool };
        let made = || self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made().get(&key).cloned() {
            return Ok(client);
        }
        // not while others wait for theirs: it takes milliseconds
        let client = self.make(tls, connect_timeout, pool)?;
        Ok(made().entry(key).or_insert(client).clone())
    }

    /// Forgets the clients that trust in other ways than these or the machine's, with their keys and unused connections.
    pub(super) fn retain<'a>(&self, ways: impl IntoIterator<Item = &'a Tls>) {
        let ways: HashSet<_> = ways.into_iter().map(|tls| tls.fingerprint().to_vec()).collect();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|key, _| key.tls.as_ref().is_none_or(|tls| ways.contains(tls)));
    }

    /// A machine that trusts nobody gets a client as well: plain http works, and calls must go on.
    fn make(&self, tls: Option<&Tls>, connect_timeout: Duration, pool: Pool) -> reqwest::Result<Client> {
        let builder = || with_tls(self.builder(connect_timeout, pool), tls);
        match builder()?.build() {
            Ok(client) => Ok(client),
            Err(_no_trust_store) if tls.is_none_or(|tls| tls.authorities().is_none()) => {
                self.trusts_nobody.store(true, Ordering::Relaxed);
                builder()?.tls_certs_only([]).build()
            }
            Err(error) => Err(error),
        }
    }

    fn builder(&self, connect_timeout: Duration, pool: Pool) -> ClientBuilder {
        let mut headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
        let most_idle = match pool {
            Pool::Trusted | Pool::Quarantine => most_idle(),
            Pool::SingleUse => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
                0
            }
        };
        Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .default_headers(headers)
            .http1_title_case_headers()
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .dns_resolver(TrackedResolver(Arc::clone(&self.resolver)))
            .connector_layer(layer_fn(TrackedConnector))
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(most_idle)
            .tcp_keepalive(KEEPALIVE)
    }
}

fn with_tls(builder: ClientBuilder, tls: Option<&Tls>) -> reqwest::Result<ClientBuilder> {
    let Some(tls) = tls else { return Ok(builder) };
    if let Some(config) = tls.client_config() {
        return Ok(builder.tls_backend_preconfigured(config));
    }
    let builder = match tls.identity() {
        Some(pem) => builder.identity(Identity::from_pem(pem)?),
        None => builder,
    };
    Ok(builder.tls_danger_accept_invalid_certs(tls.insecure()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_hook_trusts_any_more_is_forgotten() {
        let (pools, time) = (ConnectionPools::new().unwrap(), Duration::from_secs(2));
        let insecure = Tls::default().believing_anybody();
        for tls in [None, Some(&insecure)] {
            pools.client(tls, time, Pool::Trusted).unwrap();
        }
        pools.retain([&insecure]);
        assert_eq!(pools.made.lock().unwrap().len(), 2);
        pools.retain([]);
        assert!(pools.made.lock().unwrap().keys().all(|key| key.tls.is_none()));
    }
}
