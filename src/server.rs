//! The listeners and their connections, from the start of the daemon to its end.

mod acceptor;
mod error;
mod listener;
mod observer_listener;
mod open_files;
mod reload;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::acceptor::Acceptor;
pub use self::error::StartError;
use self::listener::OpenListener;
use self::observer_listener::OpenObserver;
pub use self::open_files::descriptors;
pub use self::reload::ReloadError;
use crate::call::SwitchKind;
use crate::config::Config;
use crate::daemon::Daemon;
use crate::metrics::Metrics;
use crate::webhook::Webhook;

/// The listeners of a daemon and their connections. They are served until this is dropped; [`Server::run`]
/// ends them gracefully.
#[derive(Debug)]
pub struct Server {
    acceptor: Arc<Acceptor>,
    /// None after the daemon has begun to stop.
    listeners: Mutex<Option<Vec<OpenListener>>>,
    observer: Mutex<Option<OpenObserver>>,
}

/// The time that calls in flight have when the daemon ends: the longest timeout, and a second for the final
/// commands.
const DRAIN: Duration = Duration::from_secs(11);

impl Server {
    /// Listens, and serves every connection.
    ///
    /// # Errors
    /// Returns an error if it cannot listen on an address, or if the HTTP client cannot be made.
    pub fn start(config: Arc<Config>) -> Result<Self, StartError> {
        Self::start_with(config, Vec::new())
    }

    /// Starts with the listeners that the service manager passed on, each with its name, and opens the
    /// missing ones.
    ///
    /// # Errors
    /// Returns the errors of [`Server::start`], and an error if a listener that was passed on is not in the
    /// configuration.
    pub fn start_with(config: Arc<Config>, passed: Vec<(String, TcpListener)>) -> Result<Self, StartError> {
        let listeners = listener::all(passed, &config.listen)?;
        let observer = config.listen.observer.map(observer_listener::listen).transpose()?;
        let metrics = Arc::new(Metrics::default());
        let webhook = Webhook::new(config.every_hook(), Arc::clone(&metrics))?;
        if let Some(warning) = webhook.warning() {
            warn!("{warning}");
        }
        metrics.config_read(true, SystemTime::now());
        let acceptor = Arc::new(Acceptor::new(Daemon::new(webhook, metrics), config));
        let listeners = listeners.into_iter().map(|listener| listener.open(&acceptor)).collect();
        let observer = observer.map(|listener| listener.open(&acceptor));
        Ok(Self { acceptor, listeners: Mutex::new(Some(listeners)), observer: Mutex::new(observer) })
    }

    /// Returns the address of the listener for a switch. Its port is the real one, also if the configuration
    /// says port 0.
    #[must_use]
    pub fn address(&self, switch: SwitchKind) -> Option<SocketAddr> {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let mut addresses = listeners.iter().flatten().map(|listener| &listener.address);
        addresses.find(|address| address.switch == switch).map(|address| address.local)
    }

    /// Returns the address of the observer.
    #[must_use]
    pub fn observer(&self) -> Option<SocketAddr> {
        let observer = self.observer.lock().unwrap_or_else(PoisonError::into_inner);
        observer.as_ref().map(|observer| observer.address)
    }

    /// Returns the number of connections of switches. Most of them are calls in flight.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.acceptor.sessions.len()
    }

    /// Waits for `stop`, gives load balancers the drain notice, then waits until the calls in flight have
    /// ended.
    pub async fn run(&self, stop: CancellationToken) {
        stop.cancelled().await;
        let Acceptor { daemon, listeners, sessions, .. } = &*self.acceptor;
        self.acceptor.give_notice().await;
        self.acceptor.closing.cancel();
        drop(self.listeners.lock().unwrap_or_else(PoisonError::into_inner).take());
        listeners.close();
        listeners.wait().await;
        sessions.close();
        info!(calls = sessions.len(), "stopping; calls in flight are finished");
        let finished = async {
            sessions.wait().await;
            daemon.detached_requests_done().await;
        };
        if timeout(DRAIN, finished).await.is_err() {
            let (calls, requests) = (sessions.len(), daemon.detached_requests());
            warn!(calls, requests, "stopped before every call and request was finished");
        }
    }
}
