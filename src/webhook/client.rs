//! The HTTP clients and their connection pools: one for each TLS setting, each time to connect and each
//! [`Pool`].

pub(super) mod dns;
pub(super) mod failure;
mod quarantine_thread;
pub(super) mod stage;

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CONNECTION};
use http::{HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Identity, redirect};
use tower_layer::layer_fn;

use self::dns::Resolver;
use self::quarantine_thread::QuarantineThread;
use self::stage::{TrackedConnector, TrackedResolver, tracked_cryptography};
use crate::tls::Tls;

/// The HTTP clients that were made so far, each with its connection pool.
#[derive(Debug)]
pub(super) struct ConnectionPools {
    /// The thread for the connections of [`Pool::Quarantine`].
    pub(super) quarantine: QuarantineThread,
    resolver: Arc<Resolver>,
    clients: Mutex<HashMap<PoolKey, Client>>,
    /// True if a client was made without any trusted authority.
    trusts_no_authority: AtomicBool,
}

/// The settings in which clients differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PoolKey {
    /// The fingerprint of TLS settings that are not the machine's default.
    tls: Option<Vec<u8>>,
    connect_timeout: Duration,
    pool: Pool,
}

/// The connections that a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Pool {
    /// Connections to trusted endpoints.
    Trusted,
    /// Connections to endpoints in quarantine, on a thread of their own.
    Quarantine,
    /// A new connection, which is closed after the answer.
    SingleUse,
}

impl Pool {
    /// Returns the pools that a hook can need. With `keep_alive` that includes [`Pool::SingleUse`], because
    /// any webhook may turn out to close connections without notice.
    pub(super) fn of(keep_alive: bool) -> &'static [Self] {
        if keep_alive { &[Self::Trusted, Self::Quarantine, Self::SingleUse] } else { &[Self::SingleUse] }
    }
}

/// The longest time that a connection stays idle in its pool. Node, Apache and uvicorn close an idle
/// connection after 5 s. A shorter time avoids that a request is sent just then; a POST could not be sent
/// again.
const IDLE: Duration = Duration::from_secs(4);

/// The largest number of idle connections to one host: a burst of calls must not leave thousands.
const MOST_IDLE: usize = 256;

/// Returns [`MOST_IDLE`], or a sixteenth of the open files that the system allows if that is less.
fn most_idle() -> usize {
    let limit = rlimit::Resource::NOFILE.get_soft().unwrap_or(u64::MAX);
    usize::try_from(limit / 16).unwrap_or(MOST_IDLE).min(MOST_IDLE)
}

/// The interval of the TCP keep-alive of idle connections.
const KEEPALIVE: Duration = Duration::from_secs(10);

impl ConnectionPools {
    pub(super) fn new() -> io::Result<Self> {
        // only the first installation in a process has an effect; tests make several
        let _installed_before = tracked_cryptography().install_default();
        Ok(Self {
            quarantine: QuarantineThread::new()?,
            resolver: Arc::default(),
            clients: Mutex::default(),
            trusts_no_authority: AtomicBool::new(false),
        })
    }

    /// True if a client was made and this machine trusts no certificate authority.
    pub(super) fn trust_no_authority(&self) -> bool {
        self.trusts_no_authority.load(Ordering::Relaxed)
    }

    /// Returns the client for requests that may take `time` to connect, and makes it if it is missing.
    /// reqwest divides the connect timeout among the addresses of a host, so that a dead address leaves some
    /// time for the next one.
    pub(super) fn client(&self, tls: Option<&Tls>, time: Duration, pool: Pool) -> reqwest::Result<Client> {
        // whole seconds, because each connect timeout has a pool of its own; a quarter more than the time, so
        // that the deadline ends the wait for a single address, as a TIMEOUT
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        let connect_timeout = Duration::from_secs(seconds.max(1)) * 5 / 4;
        let key = PoolKey { tls: tls.map(|tls| tls.fingerprint().to_vec()), connect_timeout, pool };
        if let Some(client) = self.lock().get(&key).cloned() {
            return Ok(client);
        }
        // it takes milliseconds: the lock is not held meanwhile
        let client = self.make(tls, connect_timeout, pool)?;
        Ok(self.lock().entry(key).or_insert(client).clone())
    }

    /// Drops the clients with other TLS settings than these or the machine's default, with their keys and
    /// idle connections.
    pub(super) fn retain<'a>(&self, used: impl IntoIterator<Item = &'a Tls>) {
        let used: HashSet<_> = used.into_iter().map(|tls| tls.fingerprint().to_vec()).collect();
        self.lock().retain(|key, _| key.tls.as_ref().is_none_or(|tls| used.contains(tls)));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PoolKey, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a client. A machine without trusted authorities gets one that trusts none: plain http works, and
    /// https fails as `UNREACHABLE`.
    fn make(&self, tls: Option<&Tls>, connect_timeout: Duration, pool: Pool) -> reqwest::Result<Client> {
        let builder = || with_tls(self.builder(connect_timeout, pool), tls);
        match builder()?.build() {
            Ok(client) => Ok(client),
            Err(_no_trust_store) if tls.is_none_or(|tls| tls.authorities().is_none()) => {
                self.trusts_no_authority.store(true, Ordering::Relaxed);
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
            .tls_info(true)
    }
}

fn with_tls(builder: ClientBuilder, tls: Option<&Tls>) -> reqwest::Result<ClientBuilder> {
    let Some(tls) = tls else { return Ok(builder) };
    if let Some(config) = tls.client_config() {
        return Ok(builder.tls_backend_preconfigured(config));
    }
    let builder = match tls.client_certificate() {
        Some(pem) => builder.identity(Identity::from_pem(pem)?),
        None => builder,
    };
    Ok(builder.tls_danger_accept_invalid_certs(tls.is_insecure()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_whose_tls_settings_no_hook_uses_any_more_is_dropped() {
        let (pools, time) = (ConnectionPools::new().unwrap(), Duration::from_secs(2));
        let insecure = Tls::default().without_verification();
        for tls in [None, Some(&insecure)] {
            pools.client(tls, time, Pool::Trusted).unwrap();
        }
        pools.retain([&insecure]);
        assert_eq!(pools.lock().len(), 2);
        pools.retain([]);
        assert!(pools.lock().keys().all(|key| key.tls.is_none()));
    }
}
