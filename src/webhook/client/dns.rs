//! Host names to addresses, without a thread: the system's own resolver blocks one until its own time limits
//! have passed, long after the caller was let go.
//!
//! Asks in the order of the system's resolver: the host table, then the name servers with the search domains. Reads
//! `/etc/resolv.conf` and `/etc/hosts`, and reads them again when they change.

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

/// The machine's name servers and host table.
#[derive(Debug, Default)]
pub(in crate::webhook) struct Resolver {
    current: Mutex<Option<(ModifiedTimes, Arc<SystemResolver>)>>,
    /// How many names were looked up.
    lookups: AtomicUsize,
}

/// Why there is no address for a host name.
#[derive(Debug, Clone, thiserror::Error)]
pub(in crate::webhook) enum ResolveError {
    /// It is not a name that a name server could be asked for; nobody was asked.
    #[error("the host name is not made of labels of letters, digits, - and _")]
    Malformed,
    /// The name servers know no address.
    #[error("no address for this host name: {0}")]
    Unknown(NetError),
    /// The name servers say nothing.
    #[error("no answer for this host name: {0}")]
    Unanswered(NetError),
}

tokio::task_local! {
    /// The port of the request that this task sends.
    static PORT: u16;
}

/// Sends a request to this port: names that are looked up meanwhile are for connections to it.
pub(in crate::webhook) async fn with_port<T>(port: Option<u16>, sending: impl Future<Output = T>) -> T {
    match port {
        Some(port) => PORT.scope(port, sending).await,
        None => sending.await,
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let system = self.current();
        let turn = self.lookups.fetch_add(1, Ordering::Relaxed);
        let port = PORT.try_with(|port| *port).ok();
        Box::pin(async move {
            let found = system.map_err(ResolveError::Unanswered)?.addresses(name.as_str(), port).await?;
            // the port is the URL's
            let addresses = rotated(found, turn).into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

impl Resolver {
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

/// When each of the files was last written.
type ModifiedTimes = [Option<SystemTime>; 2];

fn modified_times() -> ModifiedTimes {
    [RESOLV_CONF, HOSTS].map(|file| fs::metadata(file).and_then(|about| about.modified()).ok())
}

/// Returns the addresses of IPv4 before those of IPv6: the HTTP library tries the second family 300 ms after the first, or
/// as soon as that failed, and a machine whose IPv6 leads nowhere is far more common than one whose IPv4 does. Within a
/// family each address goes first in turn, so that a dead one does not cost every caller the time.
fn rotated(addresses: Vec<IpAddr>, turn: usize) -> Vec<IpAddr> {
    let (mut ipv4, mut ipv6): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv4);
    for family in [&mut ipv4, &mut ipv6] {
        let first = turn.checked_rem(family.len()).unwrap_or(0);
        family.rotate_left(first);
    }
    ipv4.append(&mut ipv6);
    ipv4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_goes_first_in_turn_within_its_family() {
        let addresses = ["::1", "192.0.2.1", "192.0.2.2", "::2", "::3"].map(|text| text.parse().unwrap());
        for (turn, order) in [
            (0, ["192.0.2.1", "192.0.2.2", "::1", "::2", "::3"]),
            (1, ["192.0.2.2", "192.0.2.1", "::2", "::3", "::1"]),
            (2, ["192.0.2.1", "192.0.2.2", "::3", "::1", "::2"]),
        ] {
            let turned: Vec<_> = rotated(addresses.to_vec(), turn).iter().map(ToString::to_string).collect();
            assert_eq!(turned, order);
        }
        assert_eq!(rotated(Vec::new(), 7), Vec::<IpAddr>::new());
    }
}
