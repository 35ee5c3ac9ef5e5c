//! One listening socket with its switch. The daemon opens the socket, or the service manager passes it on.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use super::StartError;
use super::acceptor::Acceptor;
use crate::call::SwitchKind;
use crate::config::Listen;
use crate::log::RateLimited;

/// A listening socket that accepts no connection yet.
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    address: ListenerAddress,
}

/// A listener that accepts connections until this is dropped.
#[derive(Debug)]
pub(super) struct OpenListener {
    pub(super) address: ListenerAddress,
    _closing: DropGuard,
}

/// The address of a listener, with its switch and its owner.
#[derive(Debug, Clone)]
pub(super) struct ListenerAddress {
    pub(super) switch: SwitchKind,
    /// The address in the configuration.
    pub(super) configured: SocketAddr,
    /// The address of the socket. Its port is the real one, also if the configuration says port 0.
    pub(super) local: SocketAddr,
    pub(super) owner: Owner,
}

impl ListenerAddress {
    fn switch_and_port(&self) -> (SwitchKind, u16) {
        (self.switch, self.local.port())
    }
}

/// The owner of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// This daemon. When it closes the socket, connections that wait there are reset.
    Daemon,
    /// The service manager. The next daemon serves connections that wait there.
    ServiceManager,
}

/// The number of connections that may wait in the kernel: a burst of calls must not be lost.
const BACKLOG: u32 = 4096;

/// The pause before the next `accept` if no file descriptor was free.
const RECOVERY: Duration = Duration::from_millis(50);

/// The time for which a listener that closes still accepts connections that wait there.
const LAST_ACCEPTS: Duration = Duration::from_millis(20);

/// Returns a listener for each switch of the configuration: those that the service manager passed on, and new
/// ones.
pub(super) fn all(
    passed: Vec<(String, std::net::TcpListener)>,
    listen: &Listen,
) -> Result<Vec<Listener>, StartError> {
    let mut listeners = Vec::new();
    for (name, socket) in passed {
        listeners.push(Listener::inherit(&name, socket, listen)?);
    }
    for (switch, configured) in listen.switches() {
        if !listeners.iter().any(|listener| listener.address.switch == switch) {
            listeners.push(Listener::listen(switch, configured)?);
        }
    }
    if listeners.is_empty() { Err(StartError::NoListener) } else { Ok(listeners) }
}

impl Listener {
    /// Listens for a switch.
    pub(super) fn listen(switch: SwitchKind, configured: SocketAddr) -> Result<Self, StartError> {
        let listening = listen(configured).and_then(|socket| Ok((socket.local_addr()?, socket)));
        match listening {
            Ok((local, socket)) => {
                let address = ListenerAddress { switch, configured, local, owner: Owner::Daemon };
                Ok(Self { socket, address })
            }
            Err(error) => Err(StartError::Listen { listener: switch.as_str(), address: configured, error }),
        }
    }

    /// Takes over a listener of the service manager. It belongs to the switch that has its address in the
    /// configuration. If its name is the name of a switch, it must be that switch.
    fn inherit(name: &str, socket: std::net::TcpListener, listen: &Listen) -> Result<Self, StartError> {
        let unusable = |error| StartError::Unusable { name: name.to_owned(), error };
        let local = socket.local_addr().map_err(unusable)?;
        let Some((switch, configured)) = listen.switches().find(|(_, configured)| *configured == local)
        else {
            return Err(StartError::not_wanted(local));
        };
        let is_a_switch =
            [SwitchKind::Asterisk, SwitchKind::FreeSwitch].iter().any(|any| any.as_str() == name);
        if is_a_switch && switch.as_str() != name {
            return Err(StartError::not_wanted(local));
        }
        socket.set_nonblocking(true).map_err(unusable)?;
        let socket = TcpListener::from_std(socket).map_err(unusable)?;
        let address = ListenerAddress { switch, configured, local, owner: Owner::ServiceManager };
        Ok(Self { socket, address })
    }

    /// Accepts connections from now on.
    pub(super) fn open(self, acceptor: &Arc<Acceptor>) -> OpenListener {
        let closing = CancellationToken::new();
        let open = OpenListener { address: self.address.clone(), _closing: closing.clone().drop_guard() };
        acceptor.listeners.spawn(self.serve(Arc::clone(acceptor), closing));
        open
    }

    /// Accepts connections until the listener closes. Connections that then wait at a listener of our own are
    /// accepted too: a connection that is dropped can leave a call of FreeSWITCH parked. At a listener of the
    /// service manager no further connection is accepted, because the next daemon serves it.
    async fn serve(self, acceptor: Arc<Acceptor>, closing: CancellationToken) {
        let accept_errors = RateLimited::default();
        while let Some(slot) = closing.run_until_cancelled(acceptor.slots.acquire()).await {
            match closing.run_until_cancelled(self.socket.accept()).await {
                Some(Ok((stream, peer))) => {
                    acceptor.accept(self.address.switch_and_port(), stream, peer, Some(slot))
                }
                Some(Err(error)) => {
                    acceptor.daemon.metrics.accept_failed();
                    accept_errors.warn(|unlogged| {
                        warn!(
                            unlogged,
                            "cannot accept a connection: {error}; calls wait; raise LimitNOFILE= (in a shell: ulimit -n)"
                        );
                    });
                    // this frees one descriptor at least
                    acceptor.slots.evict();
                    sleep(RECOVERY).await;
                }
                None => break,
            }
        }
        if self.address.owner == Owner::Daemon {
            let accept_the_last = async {
                while let Ok((stream, peer)) = self.socket.accept().await {
                    acceptor.accept(self.address.switch_and_port(), stream, peer, None);
                }
            };
            let _over = timeout(LAST_ACCEPTS, accept_the_last).await;
        }
    }
}

impl OpenListener {
    /// True if the configuration has this listener.
    pub(super) fn is_configured(&self, listen: &Listen) -> bool {
        listen.switches().any(|configured| configured == (self.address.switch, self.address.configured))
    }
}

/// Returns a listening socket with our backlog.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
