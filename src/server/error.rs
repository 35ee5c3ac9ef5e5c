//! Errors of the start, each with its remedy.

use std::io;
use std::net::SocketAddr;

use crate::webhook::NoClient;

/// The daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "nothing to listen on: listen.asterisk and listen.freeswitch are both false; give one an address"
    )]
    NoListener,
    /// The address is in use, or not one of this machine.
    #[error(
        "cannot listen on {address}: {error}; {remedy} listen.{listener} (false: not at all)",
        remedy = listen_remedy(error)
    )]
    Listen {
        /// `asterisk`, `freeswitch` or `observer`.
        listener: &'static str,
        address: SocketAddr,
        error: io::Error,
    },
    /// The service manager listens on an address that is not in the configuration. Calls there would wait for
    /// ever.
    #[error(
        "the service manager listens on {address}, which is neither listen.asterisk nor listen.freeswitch (or has the \
         other's name); make dialhook.socket and the configuration say the same, and restart both"
    )]
    NotWanted { address: SocketAddr },
    /// The service manager passed on something that is not a listener.
    #[error(
        "the listener {name} of the service manager cannot be used: {error}; see ListenStream in dialhook.socket"
    )]
    Unusable {
        /// The name that the service manager gave it.
        name: String,
        error: io::Error,
    },
    #[error("no HTTP client: {0}")]
    Client(#[from] NoClient),
}

/// Returns the beginning of the remedy, up to the verb. The key of the address follows.
fn listen_remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "a port below 1024 needs CAP_NET_BIND_SERVICE, so change",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address, so change",
        _ => "stop what listens there, or change",
    }
}

impl StartError {
    pub(super) fn not_wanted(address: SocketAddr) -> Self {
        Self::NotWanted { address }
    }
}
