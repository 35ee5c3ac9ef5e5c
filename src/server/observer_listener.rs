//! The observer's listener. It stays open while the daemon drains, because load balancers ask it then.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::acceptor::Acceptor;
use super::open_files::Shares;
use super::{StartError, listener};
use crate::observer::{Observer, Readiness};

/// A listening socket on which no request is answered yet.
#[derive(Debug)]
pub(super) struct ObserverListener {
    socket: TcpListener,
    configured: SocketAddr,
    address: SocketAddr,
}

/// An observer that answers until this is dropped.
#[derive(Debug)]
pub(super) struct OpenObserver {
    /// The address in the configuration.
    pub(super) configured: SocketAddr,
    /// The address of the socket. Its port is the real one, also if the configuration says port 0.
    pub(super) address: SocketAddr,
    _answering: AbortOnDropHandle<()>,
}

/// Listens for requests for health and metrics.
pub(super) fn listen(configured: SocketAddr) -> Result<ObserverListener, StartError> {
    let listening = listener::listen(configured).and_then(|socket| Ok((socket.local_addr()?, socket)));
    match listening {
        Ok((address, socket)) => Ok(ObserverListener { socket, configured, address }),
        Err(error) => Err(StartError::Listen { listener: "observer", address: configured, error }),
    }
}

impl ObserverListener {
    /// Answers from now on.
    pub(super) fn open(self, acceptor: &Acceptor) -> OpenObserver {
        let Self { socket, configured, address } = self;
        let (readiness, metrics) =
            (Readiness::new(acceptor.draining.clone()), Arc::clone(&acceptor.daemon.metrics));
        let connections = Shares::now(&acceptor.config()).observer;
        let observer =
            Observer::new(socket, acceptor.subscribe(), metrics, readiness).with_max_connections(connections);
        let answering = AbortOnDropHandle::new(tokio::spawn(observer.serve()));
        OpenObserver { configured, address, _answering: answering }
    }
}
