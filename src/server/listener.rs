//! One listener: where it comes from, who is let in, and how it closes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use super::{Shared, StartError};
use crate::call::SwitchKind;
use crate::config::Listen;
use crate::log::RateLimited;

/// A listener, and the switch that comes to it. Nobody is let in yet.
#[derive(Debug)]
pub(super) struct Entrance {
    listener: TcpListener,
    sign: Sign,
}

/// A listener at which everybody is let in, until this is dropped.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) sign: Sign,
    _closing: DropGuard,
}

/// What is to be known of a listener.
#[derive(Debug, Clone)]
pub(super) struct Sign {
    pub(super) switch: SwitchKind,
    /// Where the configuration wants it.
    pub(super) wanted: SocketAddr,
    /// Where it is: the port too where the configuration left it open.
    pub(super) address: SocketAddr,
    pub(super) keeper: Keeper,
}

/// Who keeps a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeper {
    /// This daemon: when it lets go, whoever waits there is reset.
    Daemon,
    /// The service manager: whoever waits there is served by the next daemon.
    ServiceManager,
}

/// How many connections wait in the kernel until they are accepted: a burst of calls must not be lost.
const BACKLOG: u32 = 4096;

/// How long a full descriptor table is left alone.
const RECOVERY: Duration = Duration::from_millis(50);

/// How long a listener that closes still takes in those who are at the door.
const LAST_CALL: Duration = Duration::from_millis(20);

impl Entrance {
    /// Listens for a switch.
    pub(super) fn listen(switch: SwitchKind, wanted: SocketAddr) -> Result<Self, StartError> {
        let listening = listen(wanted).and_then(|listener| Ok((listener.local_addr()?, listener)));
        match listening {
            Ok((address, listener)) => {
                Ok(Self { listener, sign: Sign { switch, wanted, address, keeper: Keeper::Daemon } })
            }
            Err(error) => Err(StartError::Listen { listener: switch.as_str(), address: wanted, error }),
        }
    }

    /// Takes over a listener of the service manager. It belongs to the switch for which the configuration wants its
    /// address; a name that is a switch's must say the same.
    pub(super) fn inherit(
        name: &str,
        listener: std::net::TcpListener,
        listen: &Listen,
    ) -> Result<Self, StartError> {
        let unusable = |error| StartError::Unusable { name: name.to_owned(), error };
        let address = listener.local_addr().map_err(unusable)?;
        let found = listen.switches().find(|(_, wanted)| *wanted == address);
        let misnamed = |switch: SwitchKind| switch.as_str() != name;
        let named = [SwitchKind::Asterisk, SwitchKind::FreeSwitch].iter().any(|switch| !misnamed(*switch));
        match found {
            Some((switch, wanted)) if !(named && misnamed(switch)) => {
                listener.set_nonblocking(true).map_err(unusable)?;
                let listener = TcpListener::from_std(listener).map_err(unusable)?;
                Ok(Self { listener, sign: Sign { switch, wanted, address, keeper: Keeper::ServiceManager } })
            }
            Some(_) | None => Err(StartError::not_wanted(address)),
        }
    }

    pub(super) fn sign(&self) -> &Sign {
        &self.sign
    }

    /// Lets everybody in from now on.
    pub(super) fn open(self, shared: &Arc<Shared>) -> Open {
        let closing = CancellationToken::new();
        let open = Open { sign: self.sign.clone(), _closing: closing.clone().drop_guard() };
        shared.entrances.spawn(self.serve(Arc::clone(shared), closing));
        open
    }

    /// Serves everybody who comes, until it closes. Who waits at a listener of our own then is served too: a connection
    /// that is just dropped can leave a call of FreeSWITCH parked. At one of the service manager's nobody else is taken in:
    /// they would hold up the end, and the next daemon serves them.
    async fn serve(self, shared: Arc<Shared>, closing: CancellationToken) {
        let errors = RateLimited::default();
        while let Some(slot) = closing.run_until_cancelled(shared.slots.acquire()).await {
            match closing.run_until_cancelled(self.listener.accept()).await {
                Some(Ok((stream, peer))) => shared.welcome(&self.sign, stream, peer, Some(slot)),
                Some(Err(error)) => {
                    shared.metrics.accept_failed();
                    errors.warn(|unlogged| {
                        warn!(
                            unlogged,
                            "cannot accept a connection: {error}; calls wait; see LimitNOFILE or ulimit -n"
                        );
                    });
                    // with it one descriptor at least comes back
                    shared.slots.evict();
                    sleep(RECOVERY).await;
                }
                None => break,
            }
        }
        if self.sign.keeper == Keeper::Daemon {
            let welcome_the_last = async {
                while let Ok((stream, peer)) = self.listener.accept().await {
                    shared.welcome(&self.sign, stream, peer, None);
                }
            };
            let _over = timeout(LAST_CALL, welcome_the_last).await;
        }
    }
}

pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
