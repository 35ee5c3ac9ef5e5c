//! The listener: how calls come in, how many at once, and how the daemon ends.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::config::Config;
use crate::conversation::{self, House};
use crate::log::Seldom;
use crate::switch::Switch;
use crate::switch::agi::Agi;
use crate::webhook::Webhook;
use crate::word;

/// A daemon that listens already: a switch that connects now is served as soon as [`Server::run`] is.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    house: Arc<House>,
    allow: Option<Vec<IpNet>>,
    connections: Arc<Semaphore>,
}

/// Why the daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration switches every listener off.
    #[error("nothing to listen on: listen.asterisk is false; give it an address such as \"127.0.0.1:4573\"")]
    NoListener,
    /// The address is taken or not ours.
    #[error(
        "cannot listen for Asterisk on {address}: {error}; stop what listens there or change listen.asterisk"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The operating system does not say where it listens.
    #[error("cannot learn where it listens: {0}")]
    Address(#[from] io::Error),
    /// The HTTP client cannot be made.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// How many connections wait in the kernel until they are accepted: a burst of calls must not be lost.
const BACKLOG: u32 = 4096;

/// How many connections there may be for each call that may ask: those beyond the limit are still answered,
/// with `OVERLOADED`, and beyond even that they wait in the kernel.
const CONNECTIONS_A_CALL: usize = 2;

/// And some more, so that a low limit does not let a few silent strangers keep a call waiting.
const SPARE_CONNECTIONS: usize = 100;

/// How long the daemon waits for calls in flight when it ends: the longest timeout, and a second to say goodbye.
const DRAIN: Duration = Duration::from_secs(11);

/// How long a full descriptor table is left alone.
const RECOVERY: Duration = Duration::from_millis(50);

impl Server {
    /// Listens.
    ///
    /// # Errors
    /// When an address cannot be had, or the client for webhooks cannot be made.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        let address = config.listen.asterisk.ok_or(StartError::NoListener)?;
        let listener = listen(address).map_err(|error| StartError::Listen { address, error })?;
        let webhook = Webhook::new()?;
        if let Some(warning) = webhook.warning() {
            warn!("{warning}");
        }
        let house = House::new(config.policy(), webhook, config.calls);
        let connections = config.calls * CONNECTIONS_A_CALL + SPARE_CONNECTIONS;
        Ok(Self {
            listener,
            house: Arc::new(house),
            allow: config.listen.allow.clone(),
            connections: Arc::new(Semaphore::new(connections)),
        })
    }

    /// Where it listens for Asterisk; tells the port where the configuration left it open.
    ///
    /// # Errors
    /// When the operating system does not know, which it does.
    pub fn asterisk(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until it is stopped, then lets the calls in flight end.
    pub async fn run(self, stop: CancellationToken) {
        let calls = TaskTracker::new();
        let errors = Seldom::default();
        let strangers = Seldom::default();
        while let Some((accepted, permit)) = self.next(&stop).await {
            match accepted {
                Ok((_, peer)) if !self.allows(peer.ip()) => strangers.warn(|missed| {
                    warn!(%peer, missed, "connection refused: listen.allow does not name this peer");
                }),
                Ok((stream, peer)) => {
                    debug!(%peer, "connected");
                    calls.spawn(serve(stream, Arc::clone(&self.house), permit));
                }
                Err(error) => {
                    errors.warn(|missed| warn!(missed, "cannot accept a connection: {error}; trying again"));
                    sleep(RECOVERY).await;
                }
            }
        }
        drop(self.listener);
        calls.close();
        info!(calls = calls.len(), "stopping; calls in flight are finished");
        if timeout(DRAIN, calls.wait()).await.is_err() {
            warn!(calls = calls.len(), "stopped before every call was finished");
        }
    }

    /// The next connection and its permit; nothing once the daemon is stopped.
    async fn next(
        &self,
        stop: &CancellationToken,
    ) -> Option<(io::Result<(TcpStream, SocketAddr)>, OwnedSemaphorePermit)> {
        let next = async {
            let permit = Arc::clone(&self.connections).acquire_owned().await.ok()?;
            Some((self.listener.accept().await, permit))
        };
        stop.run_until_cancelled(next).await.flatten()
    }

    fn allows(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.allow.as_ref().is_none_or(|networks| networks.iter().any(|network| network.contains(&peer)))
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn serve(stream: TcpStream, house: Arc<House>, permit: OwnedSemaphorePermit) {
    // otherwise the farewell waits for the acknowledgement of the question: 40 ms and more
    if let Err(error) = stream.set_nodelay(true) {
        debug!("the connection ended at once: {error}");
        return;
    }
    conversation::hold(Switch::new(stream, Agi::new(word::random::<8>())), house).await;
    drop(permit);
}
