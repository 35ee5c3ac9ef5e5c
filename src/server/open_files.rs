//! Divides the open files that the system allows among connections of switches, requests to webhooks and the
//! observer, if they are fewer than the configuration may need.

use rlimit::Resource;

use crate::config::{Config, Limits};
use crate::observer;
use crate::slots::OpenFiles;

/// The highest number of open files of each kind at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shares {
    /// Connections of switches.
    pub(super) connections: usize,
    /// The highest number of connections of switches after a reduction of the limit.
    pub(super) most_connections: usize,
    pub(super) requests: OpenFiles,
    /// Connections of the observer.
    pub(super) observer: usize,
}

/// The open files of a daemon that has no calls: 23 with all three listeners, the journal and a service
/// manager, and a few more for a reload and for questions to name servers.
const RUNNING: usize = 30;

/// The number of connections for each call that may ask its webhook. A call beyond the limit gets
/// `OVERLOADED` at once; a connection beyond this number waits in the kernel.
pub(super) const CONNECTIONS_PER_CALL: usize = 2;

/// The number of further connections. With them, a few silent peers cannot delay a call if the limit is low.
const SPARE_CONNECTIONS: usize = 100;

/// Returns the number of connections of switches that this configuration allows at once.
fn connections(limits: &Limits) -> usize {
    limits.calls * CONNECTIONS_PER_CALL + SPARE_CONNECTIONS
}

/// Returns the number of open files that a daemon may need under this configuration: for every connection of
/// a switch, for the request of each call, for each detached request, for the observer, and for the rest.
#[must_use]
pub fn descriptors(config: &Config) -> usize {
    let Limits { calls, detached, .. } = config.limits;
    let observer = config.listen.observer.map_or(0, |_| observer::MAX_CONNECTIONS);
    connections(&config.limits) + calls + detached + observer + OTHER_DESCRIPTORS
}

/// Listeners, the log, files that are read, and questions to name servers.
const OTHER_DESCRIPTORS: usize = 50;

impl Shares {
    /// Returns the shares in the open files that the system allows now.
    pub(super) fn now(config: &Config) -> Self {
        Self::of(config, Resource::NOFILE.get_soft().unwrap_or(u64::MAX))
    }

    /// Returns the shares in this number of open files. Half of the files are for connections of switches, an
    /// eighth for idle connections to webhooks, and the rest for requests. A call for whose request no file
    /// is left still has a connection, on which it gets `OVERLOADED`.
    fn of(config: &Config, limit: u64) -> Self {
        let files = usize::try_from(limit).unwrap_or(usize::MAX);
        let wanted = connections(&config.limits);
        if files >= descriptors(config) {
            return Self {
                connections: wanted,
                most_connections: usize::MAX,
                requests: OpenFiles { requests: usize::MAX, limit },
                observer: observer::MAX_CONNECTIONS,
            };
        }
        let observer = config.listen.observer.map_or(0, |_| (files / 16).clamp(2, observer::MAX_CONNECTIONS));
        let left = files.saturating_sub(RUNNING + observer);
        let most_connections = (left / 2).max(2);
        let connections = wanted.min(most_connections);
        let requests = left.saturating_sub(connections + left / 8).max(1);
        Self { connections, most_connections, requests: OpenFiles { requests, limit }, observer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(limits: &str, limit: u64) -> Shares {
        let config = Config::parse(&format!("[limits]\n{limits}\n"), "dialhook.toml".as_ref()).unwrap();
        Shares::of(&config, limit)
    }

    #[test]
    fn enough_open_files_bound_nothing() {
        let service = shares("", 65_536);
        assert_eq!((service.connections, service.requests.requests), (20_100, usize::MAX));
        let one_call = shares("calls = 1\ndetached = 1", 300);
        assert_eq!((one_call.connections, one_call.observer), (102, observer::MAX_CONNECTIONS));
        assert_eq!(one_call.requests.requests, usize::MAX);
    }

    #[test]
    fn few_open_files_are_shared_out_and_never_given_twice() {
        for limit in 32..40_000 {
            let shares = shares("", limit);
            let Shares { connections, most_connections, requests, observer } = shares;
            if requests.requests == usize::MAX {
                continue;
            }
            let given = most_connections.max(connections) + requests.requests + observer + RUNNING;
            let least = RUNNING + 2 + 2 + 1;
            assert!(given <= usize::try_from(limit).unwrap().max(least), "{limit}: {shares:?}");
            assert!(
                connections > requests.requests || limit < 64,
                "a call that gets OVERLOADED has no connection"
            );
        }
    }

    #[test]
    fn connections_that_the_configuration_does_not_want_are_left_to_requests() {
        let shares = shares("calls = 10", 1024);
        assert_eq!(shares.connections, 120);
        assert!(shares.requests.requests > 600, "{shares:?}");
    }
}
