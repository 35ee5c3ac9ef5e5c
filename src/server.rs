//! The listeners: how calls come in, how many at once, what a reload changes, and how the daemon ends.

mod listener;
mod observer_listener;
mod open_files;
mod reload;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use self::listener::{Entrance, Open, Sign};
use self::observer_listener::Observed;
use self::open_files::Shares;
pub use self::reload::ReloadError;
use crate::call::SwitchKind;
use crate::config::{Config, Limits, Listen};
use crate::log::{Numbers, Seldom};
use crate::metrics::{Metrics, Refusal};
use crate::nonce;
use crate::observer;
use crate::session::{self, Admission, House};
use crate::slots::{Attendance, ConnectionSlot, ConnectionSlots};
use crate::switch::Switch;
use crate::switch::agi::Agi;
use crate::switch::esl::Esl;
use crate::webhook::{NoClient, Webhook};

/// A daemon that serves until it is dropped; [`Server::run`] waits for its end and makes that a good one.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    /// None once it is stopping.
    open: Mutex<Option<Vec<Open>>>,
    observed: Mutex<Option<Observed>>,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    webhook: Webhook,
    metrics: Arc<Metrics>,
    current: watch::Sender<Arc<Current>>,
    /// Who may connect, for the observer too.
    listen: watch::Sender<Listen>,
    /// Cancelled when the daemon ends, and only finishes its calls.
    draining: CancellationToken,
    /// Cancelled when nobody is let in any more, and the next daemon waits for those who are there.
    closing: CancellationToken,
    slots: ConnectionSlots,
    /// The connections that have all the patience there is, by peer.
    at_leisure: Attendance,
    entrances: TaskTracker,
    calls: TaskTracker,
    strangers: Seldom,
}

/// What a configuration means for a connection that comes now.
#[derive(Debug)]
struct Current {
    file: Option<PathBuf>,
    /// The names of the hooks.
    hooks: Vec<String>,
    house: Arc<House>,
    listen: Listen,
    shares: Shares,
    /// How many of one peer may take their time.
    at_leisure: Option<usize>,
    drain_notice: Duration,
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
        "cannot listen on {address}: {error}; {remedy} listen.{listener} (false: not at all)",
        remedy = no_listener(error)
    )]
    Listen {
        /// For which switch, or `observer`.
        listener: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The service manager listens where the configuration does not want it; calls there would wait for ever.
    #[error(
        "the service manager listens on {address}, which is neither listen.asterisk nor listen.freeswitch (or has the \
         other's name); make dialhook.socket and the configuration say the same, and restart both"
    )]
    NotWanted {
        /// Where.
        address: SocketAddr,
    },
    /// What the service manager passed on is no listener.
    #[error(
        "the listener {name} of the service manager cannot be used: {error}; see ListenStream in dialhook.socket"
    )]
    Unusable {
        /// What the service manager calls it.
        name: String,
        /// Why not.
        error: io::Error,
    },
    /// The HTTP client cannot be made.
    #[error("no HTTP client: {0}")]
    Client(#[from] NoClient),
}

/// What may be done about it, besides another address.
fn no_listener(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "a port below 1024 needs CAP_NET_BIND_SERVICE, so change",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address, so change",
        _ => "stop what listens there, or change",
    }
}

impl StartError {
    fn not_wanted(address: SocketAddr) -> Self {
        Self::NotWanted { address }
    }
}

/// How many connections there may be for each call that may ask: those beyond the limit are still answered,
/// with `OVERLOADED`, and beyond even that they wait in the kernel.
const CONNECTIONS_A_CALL: usize = 2;

/// And some more, so that a low limit does not let a few silent strangers keep a call waiting.
const SPARE_CONNECTIONS: usize = 100;

/// The same for the connections of one peer, where `limits.calls_per_peer` is given: those beyond have less time for their
/// greeting, so that silent ones of one peer do not take all the places.
const SPARE_CONNECTIONS_OF_PEER: usize = 20;

/// How long the daemon waits for calls in flight when it ends: the longest timeout, and a second to say goodbye.
const DRAIN: Duration = Duration::from_secs(11);

impl Server {
    /// Listens, and serves whoever comes.
    ///
    /// # Errors
    /// When an address cannot be had, or the client for webhooks cannot be made.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        Self::start_with(config, Vec::new())
    }

    /// The same with the listeners that the service manager passed on, and its names for them; it opens those that are
    /// missing.
    ///
    /// # Errors
    /// Also when one of them is not what the configuration wants.
    pub fn start_with(config: &Config, passed: Vec<(String, TcpListener)>) -> Result<Self, StartError> {
        let inherit = |(name, listener): (String, _)| Entrance::inherit(&name, listener, &config.listen);
        let mut entrances = passed.into_iter().map(inherit).collect::<Result<Vec<_>, _>>()?;
        for (switch, wanted) in config.listen.switches() {
            if !entrances.iter().any(|entrance| entrance.sign().switch == switch) {
                entrances.push(Entrance::listen(switch, wanted)?);
            }
        }
        if entrances.is_empty() {
            return Err(StartError::NoListener);
        }
        let observer = config.listen.observer.map(observer_listener::listen).transpose()?;
        let metrics = Arc::new(Metrics::default());
        let webhook = Webhook::new(config.every_hook(), Arc::clone(&metrics))?;
        if let Some(warning) = webhook.warning() {
            warn!("{warning}");
        }
        metrics.reloaded(true, SystemTime::now());
        expect_calls(&metrics, config);
        let house = House::new(config.policy(), webhook.clone(), config.limits.clone());
        let current = Current::new(config, house.counted_in(Arc::clone(&metrics)));
        let shared = Arc::new(Shared::new(webhook, metrics, current));
        let open = entrances.into_iter().map(|entrance| entrance.open(&shared)).collect();
        let observed = observer.map(|listener| listener.open(&shared));
        Ok(Self { shared, open: Mutex::new(Some(open)), observed: Mutex::new(observed) })
    }

    /// Where it listens for a switch; tells the port where the configuration left it open.
    #[must_use]
    pub fn address(&self, switch: SwitchKind) -> Option<SocketAddr> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().flatten().find(|open| open.sign.switch == switch).map(|open| open.sign.address)
    }

    /// Where health and metrics are asked for.
    #[must_use]
    pub fn observer(&self) -> Option<SocketAddr> {
        let observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        observed.as_ref().map(|observed| observed.address)
    }

    /// How many calls are in flight, and who else is connected as a switch.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.shared.calls.len()
    }

    /// Waits until the daemon is stopped, lets load balancers notice, then lets the calls in flight end.
    pub async fn run(&self, stop: CancellationToken) {
        stop.cancelled().await;
        self.shared.draining.cancel();
        self.shared.give_notice().await;
        self.shared.closing.cancel();
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(open);
        let Shared { entrances, calls, .. } = &*self.shared;
        let house = Arc::clone(&self.shared.current().house);
        entrances.close();
        entrances.wait().await;
        calls.close();
        info!(calls = calls.len(), "stopping; calls in flight are finished");
        let finished = async {
            calls.wait().await;
            house.errands_done().await;
        };
        if timeout(DRAIN, finished).await.is_err() {
            let (calls, requests) = (calls.len(), house.errands());
            warn!(calls, requests, "stopped before every call and request was finished");
        }
    }
}

impl Current {
    fn new(config: &Config, house: House) -> Self {
        let numbers = if config.numbers { Numbers::Shown } else { Numbers::Masked };
        let shares = Shares::now(config);
        Self {
            file: config.file.clone(),
            hooks: config.hooks.keys().cloned().collect(),
            house: Arc::new(house.showing(numbers).within(shares.requests)),
            listen: config.listen.clone(),
            shares,
            at_leisure: config
                .limits
                .calls_per_peer
                .map(|calls| calls * CONNECTIONS_A_CALL + SPARE_CONNECTIONS_OF_PEER),
            drain_notice: config.limits.drain_notice,
        }
    }
}

fn connections(limits: &Limits) -> usize {
    limits.calls * CONNECTIONS_A_CALL + SPARE_CONNECTIONS
}

/// How many file descriptors a daemon may need under this configuration: for whoever connects as a switch, for the request
/// of each call and each detached one, for the observer, and for the rest.
#[must_use]
pub fn descriptors(config: &Config) -> usize {
    let Limits { calls, detached, .. } = config.limits;
    let observer = config.listen.observer.map_or(0, |_| observer::CONNECTIONS);
    connections(&config.limits) + calls + detached + observer + OTHER_DESCRIPTORS
}

/// Listeners, the log, files that are read, and questions to a name server.
const OTHER_DESCRIPTORS: usize = 50;

impl Shared {
    fn new(webhook: Webhook, metrics: Arc<Metrics>, current: Current) -> Self {
        Self {
            webhook,
            metrics,
            listen: watch::Sender::new(current.listen.clone()),
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
            slots: ConnectionSlots::new(current.shares.connections, current.shares.most_connections),
            at_leisure: Attendance::default(),
            current: watch::Sender::new(Arc::new(current)),
            entrances: TaskTracker::new(),
            calls: TaskTracker::new(),
            strangers: Seldom::default(),
        }
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.borrow())
    }

    /// What holds for every connection from now on.
    fn renew(&self, config: &Config) {
        expect_calls(&self.metrics, config);
        let before = self.current();
        let house = before.house.renewed(config.policy(), config.limits.clone());
        let current = Current::new(config, house);
        self.slots.limit_to(current.shares.connections, current.shares.most_connections);
        self.listen.send_replace(current.listen.clone());
        self.current.send_replace(Arc::new(current));
    }

    /// Goes on serving whoever comes while the observer says that nobody should: a connection that is on its way when its
    /// listener closes would be reset, and a load balancer takes that for an answer.
    async fn give_notice(&self) {
        let drain_notice = self.current().drain_notice;
        if !drain_notice.is_zero() {
            info!(
                seconds = drain_notice.as_secs_f64(),
                "stopping; calls are still taken for so long, and /health/ready says no (limits.drain_notice)"
            );
            sleep(drain_notice).await;
        }
    }

    /// Starts a conversation with whoever may have one.
    fn welcome(&self, at: &Sign, stream: TcpStream, peer: SocketAddr, mut slot: Option<ConnectionSlot>) {
        // as it is to be written into listen.allow
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let current = self.current();
        if !current.listen.allows(peer.ip()) {
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
        let leisure = self.at_leisure.enter(Some(peer.ip()), usize::MAX, current.at_leisure);
        let hurry = if leisure.is_ok() { self.closing.clone() } else { at_once() };
        if let Some(slot) = &mut slot {
            slot.connected(leisure.is_err());
        }
        let admission = Admission { hurry, slot };
        let house = Arc::clone(&current.house);
        let (switch, port) = (at.switch, at.address.port());
        self.calls.spawn(async move {
            let Limits { environment, channel_data, .. } = *house.limits();
            match switch {
                SwitchKind::Asterisk => {
                    let agi = Agi::new(nonce::random::<{ Agi::NONCE_BYTES }>()).with_limit(environment);
                    session::hold(Switch::new(stream, agi).with_peer(peer), house, admission).await;
                }
                SwitchKind::FreeSwitch => {
                    let esl = Esl::new(port).with_limit(channel_data);
                    session::hold(Switch::new(stream, esl).with_peer(peer), house, admission).await;
                }
            }
            drop(leisure);
        });
    }
}

fn expect_calls(metrics: &Metrics, config: &Config) {
    let switches = config.listen.switches().map(|(switch, _)| switch);
    metrics.calls_may_come(switches, config.hooks.keys().map(String::as_str));
}

/// What has been cancelled already.
fn at_once() -> CancellationToken {
    let token = CancellationToken::new();
    token.cancel();
    token
}
