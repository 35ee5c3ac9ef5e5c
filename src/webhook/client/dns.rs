//! The DNS resolver: finds the addresses of a host name.
//!
//! Asks in the order of the system's resolver: first the host table, then the name servers with the search
//! domains. Reads `/etc/resolv.conf` and `/etc/hosts`, and reads them again when they change. The system's
//! own resolver is not used: it blocks a thread until its own time limits have passed, long after the call
//! has ended.

mod families;
mod hosts;
mod system;

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hickory_resolver::net::NetError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use self::system::{HOSTS, RESOLV_CONF, SystemResolver};

/// The resolver with the machine's current files.
#[derive(Debug, Default)]
pub(in crate::webhook) struct Resolver {
    current: Mutex<Option<(ModifiedTimes, Arc<SystemResolver>)>>,
    /// The number of lookups so far.
    lookups: AtomicUsize,
}

/// The error if no address is found for a host name.
#[derive(Debug, Clone, thiserror::Error)]
pub(in crate::webhook) enum ResolveError {
    /// The host name cannot be a DNS name; no name server was asked.
    #[error("the host name is not made of labels of letters, digits, - and _")]
    MalformedName,
    /// The name servers answered that there is no address.
    #[error("no address for this host name: {0}")]
    NoAddress(NetError),
    /// The name servers did not answer, or failed.
    #[error("no answer for this host name: {0}")]
    NoAnswer(NetError),
}

tokio::task_local! {
    /// The port of the request that this task sends.
    static PORT: u16;
}

/// Sends a request to this port. The resolver uses the port to test if an address can be reached.
pub(in crate::webhook) async fn with_port<T>(port: Option<u16>, sending: impl Future<Output = T>) -> T {
    match port {
        Some(port) => PORT.scope(port, sending).await,
        None => sending.await,
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let system = self.current();
        let lookup = self.lookups.fetch_add(1, Ordering::Relaxed);
        let port = PORT.try_with(|port| *port).ok();
        Box::pin(async move {
            let found = system.map_err(ResolveError::NoAnswer)?.addresses(name.as_str(), port).await?;
            // port 0: reqwest takes the port of the URL
            let addresses = rotated(found, lookup).into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

impl Resolver {
    /// Returns the resolver of the current files, and reads them if they have changed.
    fn current(&self) -> Result<Arc<SystemResolver>, NetError> {
        let modified_times = modified_times();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some((read, system)) if *read == modified_times => Ok(Arc::clone(system)),
            Some(_) | None => {
                let system = Arc::new(SystemResolver::read()?);
                *current = Some((modified_times, Arc::clone(&system)));
                Ok(system)
            }
        }
    }
}

/// The modification times of the two files.
type ModifiedTimes = [Option<SystemTime>; 2];

fn modified_times() -> ModifiedTimes {
    [RESOLV_CONF, HOSTS].map(|file| fs::metadata(file).and_then(|about| about.modified()).ok())
}

/// Returns the IPv4 addresses before the IPv6 ones, each family rotated by the number of the lookup.
///
/// hyper-util tries the second family 300 ms after the first, or as soon as the first has failed. IPv4 is
/// first, because broken IPv6 is far more common. The rotation spreads the cost of a dead address: not every
/// caller waits for it.
fn rotated(addresses: Vec<IpAddr>, lookup: usize) -> Vec<IpAddr> {
    let (mut ipv4, mut ipv6): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv4);
    for family in [&mut ipv4, &mut ipv6] {
        let first = lookup.checked_rem(family.len()).unwrap_or(0);
        family.rotate_left(first);
    }
    ipv4.append(&mut ipv6);
    ipv4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_of_a_family_comes_first_in_turn() {
        let addresses = ["::1", "192.0.2.1", "192.0.2.2", "::2", "::3"].map(|text| text.parse().unwrap());
        for (lookup, order) in [
            (0, ["192.0.2.1", "192.0.2.2", "::1", "::2", "::3"]),
            (1, ["192.0.2.2", "192.0.2.1", "::2", "::3", "::1"]),
            (2, ["192.0.2.1", "192.0.2.2", "::3", "::1", "::2"]),
        ] {
            let rotated: Vec<_> =
                rotated(addresses.to_vec(), lookup).iter().map(ToString::to_string).collect();
            assert_eq!(rotated, order);
        }
        assert_eq!(rotated(Vec::new(), 7), Vec::<IpAddr>::new());
    }
}
