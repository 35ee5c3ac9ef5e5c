//! Host names to addresses, without a thread: the system's own resolver blocks one until its own time limits
//! have passed, long after the caller was let go.
//!
//! Reads `/etc/resolv.conf` and `/etc/hosts`, and reads them again when they change.

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::parse_resolv_conf;
use hickory_resolver::{Hosts, TokioResolver};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tracing::warn;

/// The machine's name servers and host table.
#[derive(Debug, Default)]
pub(super) struct Names {
    current: Mutex<Option<(Edition, TokioResolver)>>,
    /// How many names were looked up.
    lookups: AtomicUsize,
}

/// A name that leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("no address for this host name: {0}")]
pub(super) struct NoAddress(NetError);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.current();
        let turn = self.lookups.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let found = resolver.map_err(NoAddress)?.lookup_ip(name.as_str()).await.map_err(NoAddress)?;
            // the port is the URL's
            let mut addresses: Vec<_> = found.iter().map(|address| SocketAddr::new(address, 0)).collect();
            // each goes first in turn, so that a dead one does not cost every caller the time
            let first = turn.checked_rem(addresses.len()).unwrap_or(0);
            addresses.rotate_left(first);
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl Names {
    fn current(&self) -> Result<TokioResolver, NetError> {
        let edition = edition();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some((read, resolver)) if *read == edition => Ok(resolver.clone()),
            Some(_) | None => {
                let resolver = resolver()?;
                *current = Some((edition, resolver.clone()));
                Ok(resolver)
            }
        }
    }
}

const RESOLV_CONF: &str = "/etc/resolv.conf";
const HOSTS: &str = "/etc/hosts";

/// When each of the files was last written.
type Edition = [Option<SystemTime>; 2];

fn edition() -> Edition {
    [RESOLV_CONF, HOSTS].map(|file| fs::metadata(file).and_then(|about| about.modified()).ok())
}

fn resolver() -> Result<TokioResolver, NetError> {
    let (servers, options) =
        fs::read(RESOLV_CONF).map_err(NetError::from).and_then(servers).unwrap_or_else(|error| {
            // others than the machine's own are never asked
            warn!("no name servers: {RESOLV_CONF}: {error}; only {HOSTS} tells where webhooks are");
            (ResolverConfig::from_parts(None, Vec::new(), Vec::new()), ResolverOpts::default())
        });
    let mut builder = TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    // one family at a time: a server that keeps silent about the other must not cost the caller an answer
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
    builder.options_mut().use_hosts_file = ResolveHosts::Never;
    let mut resolver = builder.build()?;
    resolver.set_hosts(Arc::new(hosts()));
    Ok(resolver)
}

/// The name servers; without the search domains where those cannot be read.
fn servers(text: Vec<u8>) -> Result<(ResolverConfig, ResolverOpts), NetError> {
    parse_resolv_conf(&text).or_else(|_fault| {
        let lossy = String::from_utf8_lossy(&text);
        let servers = lossy.lines().filter(|line| line.trim_start().starts_with("nameserver"));
        parse_resolv_conf(servers.collect::<Vec<_>>().join("\n"))
    })
}

/// The host table, in whatever encoding its comments are.
fn hosts() -> Hosts {
    let mut hosts = Hosts::default();
    let text = fs::read(HOSTS).unwrap_or_default();
    if let Err(error) = hosts.read_hosts_conf(String::from_utf8_lossy(&text).as_bytes()) {
        warn!("cannot read {HOSTS}: {error}");
    }
    hosts
}
