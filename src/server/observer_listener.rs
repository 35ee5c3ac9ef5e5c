//! The observer's listener. It stays open while the daemon drains, because load balancers ask it then.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::acceptor::Acceptor;
use super::open_files::Shares;
use super::{StartError, listener};
use crate::observer::{Observer, ObserverState, ObserverThread, Readiness};

/// A listening socket on which no request is answered yet.
#[derive(Debug)]
pub(super) struct ObserverListener {
    socket: TcpListener,
    thread: ObserverThread,
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
    _thread: ObserverThread,
}

/// Listens for requests for health, metrics and pages.
pub(super) fn listen(configured: SocketAddr) -> Result<ObserverListener, StartError> {
    let failed = |error| StartError::Listen { listener: "observer", address: configured, error };
    let socket = listener::listen(configured).map_err(failed)?;
    let thread = ObserverThread::start().map_err(failed)?;
    let (socket, address) = moved(socket, &thread).map_err(failed)?;
    Ok(ObserverListener { socket, thread, configured, address })
}

/// Gives a socket to the runtime of this thread. Returns the socket and its address.
fn moved(socket: TcpListener, thread: &ObserverThread) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = socket.into_std()?;
    let _entered = thread.runtime().enter();
    let socket = TcpListener::from_std(socket)?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

impl ObserverListener {
    /// Answers from now on. Call it on the runtime of the calls.
    pub(super) fn open(self, acceptor: &Acceptor) -> OpenObserver {
        let Self { socket, thread, configured, address } = self;
        let readiness = Readiness::new(acceptor.draining.clone());
        let daemon = Arc::clone(&acceptor.daemon);
        let state = ObserverState::new(acceptor.subscribe(), daemon, readiness, Handle::current(), address);
        let observer = Observer::new(socket, state, Shares::now(&acceptor.config()).observer);
        let _serves_until_the_thread_ends = thread.runtime().spawn(observer.serve());
        OpenObserver { configured, address, _thread: thread }
    }
}
