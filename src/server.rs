//! The listeners: how calls come in, how many at once, and how the daemon ends.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tracing::{debug, info, warn};

use crate::call::SwitchKind;
use crate::config::{Config, Listen};
use crate::conversation::{self, House};
use crate::log::{Numbers, Seldom};
use crate::metrics::{Metrics, Refusal};
use crate::observer::{Observer, Readiness};
use crate::switch::Switch;
use crate::switch::agi::Agi;
use crate::switch::esl::Esl;
use crate::webhook::Webhook;
use crate::word;

/// A daemon that listens already: a switch that connects now is served as soon as [`Server::run`] is.
#[derive(Debug)]
pub struct Server {
    entrances: Vec<Entrance>,
    /// Where health and metrics are asked for.
    observer: Option<(SocketAddr, TcpListener)>,
    shared: Shared,
}

/// One listener, and the switch that comes to it.
#[derive(Debug)]
struct Entrance {
    switch: SwitchKind,
    listener: TcpListener,
    address: SocketAddr,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    house: Arc<House>,
    metrics: Arc<Metrics>,
    listen: Listen,
    connections: Arc<Semaphore>,
    calls: TaskTracker,
    strangers: Seldom,
}

/// Why the daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration switches every listener off.
    #[error(
        "nothing to listen on: listen.asterisk and listen.freeswitch are both false; give one an address"
    )]
    NoListener,
    /// The address is taken or not ours.
    #[error(
        "cannot listen on {address}: {error}; stop what listens there, or change listen.{listener} (false: not at all)"
    )]
    Listen {
        /// For which switch, or `observer`.
        listener: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
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

/// How long a stopped daemon still takes in those who are at the door.
const LAST_CALL: Duration = Duration::from_millis(20);

impl Server {
    /// Listens.
    ///
    /// # Errors
    /// When an address cannot be had, or the client for webhooks cannot be made.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        let wanted = [
            (SwitchKind::Asterisk, config.listen.asterisk),
            (SwitchKind::FreeSwitch, config.listen.freeswitch),
        ];
        let wanted = wanted.into_iter().filter_map(|(switch, address)| Some((switch, address?)));
        let entrances =
            wanted.map(|(switch, address)| Entrance::open(switch, address)).collect::<Result<Vec<_>, _>>()?;
        if entrances.is_empty() {
            return Err(StartError::NoListener);
        }
        let observer = config.listen.observer.map(|address| open("observer", address)).transpose()?;
        let webhook = Webhook::new()?;
        if let Some(warning) = webhook.warning() {
            warn!("{warning}");
        }
        let connections = config.calls * CONNECTIONS_A_CALL + SPARE_CONNECTIONS;
        let metrics = Arc::new(Metrics::default());
        metrics.reloaded(true, SystemTime::now());
        let numbers = if config.numbers { Numbers::Shown } else { Numbers::Masked };
        let house = House::new(config.policy(), webhook, config.calls);
        let shared = Shared {
            house: Arc::new(house.counted_in(Arc::clone(&metrics)).showing(numbers)),
            metrics,
            listen: config.listen.clone(),
            connections: Arc::new(Semaphore::new(connections)),
            calls: TaskTracker::new(),
            strangers: Seldom::default(),
        };
        Ok(Self { entrances, observer, shared })
    }

    /// Where it listens for a switch; tells the port where the configuration left it open.
    #[must_use]
    pub fn address(&self, switch: SwitchKind) -> Option<SocketAddr> {
        self.entrances.iter().find(|entrance| entrance.switch == switch).map(|entrance| entrance.address)
    }

    /// Where health and metrics are asked for.
    #[must_use]
    pub fn observer(&self) -> Option<SocketAddr> {
        self.observer.as_ref().map(|(address, _)| *address)
    }

    /// Serves until it is stopped, then lets the calls in flight end.
    pub async fn run(self, stop: CancellationToken) {
        let Self { entrances, observer, shared } = self;
        // to the end of the calls: while they are finished it says that no more are taken
        let _observer = observer.map(|(_, listener)| {
            let readiness = Readiness::until(stop.clone());
            let metrics = Arc::clone(&shared.metrics);
            let observer = Observer::new(listener, shared.listen.clone(), metrics, readiness);
            AbortOnDropHandle::new(tokio::spawn(observer.serve()))
        });
        join_all(entrances.iter().map(|entrance| entrance.serve(&shared, &stop))).await;
        drop(entrances);
        let calls = shared.calls;
        calls.close();
        info!(calls = calls.len(), "stopping; calls in flight are finished");
        if timeout(DRAIN, calls.wait()).await.is_err() {
            warn!(calls = calls.len(), "stopped before every call was finished");
        }
    }
}

impl Entrance {
    fn open(switch: SwitchKind, address: SocketAddr) -> Result<Self, StartError> {
        let (address, listener) = open(switch.as_str(), address)?;
        Ok(Self { switch, listener, address })
    }

    /// Serves everybody who comes, until the daemon is stopped; whoever is already at the door then is served too:
    /// a connection that is just dropped can leave a call of FreeSWITCH parked.
    async fn serve(&self, shared: &Shared, stop: &CancellationToken) {
        let errors = Seldom::default();
        while let Some(permit) = stop.run_until_cancelled(shared.permit()).await {
            match stop.run_until_cancelled(self.listener.accept()).await {
                Some(Ok((stream, peer))) => shared.welcome(self, stream, peer, permit),
                Some(Err(error)) => {
                    errors.warn(|unlogged| {
                        warn!(
                            unlogged,
                            "cannot accept a connection: {error}; calls wait; see LimitNOFILE or ulimit -n"
                        );
                    });
                    sleep(RECOVERY).await;
                }
                None => break,
            }
        }
        let welcome_the_last = async {
            while let Ok((stream, peer)) = self.listener.accept().await {
                shared.welcome(self, stream, peer, None);
            }
        };
        let _over = timeout(LAST_CALL, welcome_the_last).await;
    }
}

impl Shared {
    /// Waits until there is room for a connection.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        // it is never closed
        Arc::clone(&self.connections).acquire_owned().await.ok()
    }

    /// Starts a conversation with whoever may have one.
    fn welcome(
        &self,
        entrance: &Entrance,
        stream: TcpStream,
        peer: SocketAddr,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        if !self.listen.allows(peer.ip()) {
            self.metrics.refused(Refusal::NotAllowed);
            self.strangers.warn(|unlogged| {
                warn!(%peer, unlogged, "connection refused: listen.allow does not name this peer; add it if it is a switch");
            });
            return;
        }
        debug!(%peer, "connected");
        // otherwise the farewell waits for the acknowledgement of what was said before: 40 ms and more
        if let Err(error) = stream.set_nodelay(true) {
            debug!("the connection ended at once: {error}");
            return;
        }
        let house = Arc::clone(&self.house);
        let (switch, port) = (entrance.switch, entrance.address.port());
        self.calls.spawn(async move {
            match switch {
                SwitchKind::Asterisk => {
                    conversation::hold(Switch::new(stream, Agi::new(word::random::<8>())).of(peer), house)
                        .await;
                }
                SwitchKind::FreeSwitch => {
                    conversation::hold(Switch::new(stream, Esl::new(port)).of(peer), house).await
                }
            }
            drop(permit);
        });
    }
}

/// A listener, with the port where the address left it open.
fn open(listener: &'static str, address: SocketAddr) -> Result<(SocketAddr, TcpListener), StartError> {
    let listening = listen(address).and_then(|listening| Ok((listening.local_addr()?, listening)));
    listening.map_err(|error| StartError::Listen { listener, address, error })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
