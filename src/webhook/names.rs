//! Host names to addresses, without a thread: the system's own resolver blocks one until its own time limits
//! have passed, long after the caller was let go.
//!
//! Reads `/etc/resolv.conf` and `/etc/hosts`, and reads them again when they change.

use std::fs;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The machine's name servers and host table.
#[derive(Debug, Default)]
pub(super) struct Names {
    current: Mutex<Option<(Edition, TokioResolver)>>,
}

/// A name that leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("no address for this host name: {0}")]
pub(super) struct NoAddress(NetError);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.current();
        Box::pin(async move {
            let found = resolver.map_err(NoAddress)?.lookup_ip(name.as_str()).await.map_err(NoAddress)?;
            // the port is the URL's
            let addresses: Vec<_> = found.iter().map(|address| SocketAddr::new(address, 0)).collect();
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

/// When each of the files was last written.
type Edition = [Option<SystemTime>; 2];

fn edition() -> Edition {
    ["/etc/resolv.conf", "/etc/hosts"].map(|file| fs::metadata(file).and_then(|about| about.modified()).ok())
}

fn resolver() -> Result<TokioResolver, NetError> {
    // without name servers there is still the host table; others than the machine's are never asked
    let no_servers = || ResolverConfig::from_parts(None, Vec::new(), Vec::new());
    let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|_no_resolv_conf| {
        TokioResolver::builder_with_config(no_servers(), TokioRuntimeProvider::default())
    });
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build()
}
