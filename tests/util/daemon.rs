//! Owner: the tests. A daemon in this process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use dialhook::call::SwitchKind;
use dialhook::config::Config;
use dialhook::metrics::Metrics;
use dialhook::server::Server;
use dialhook::session;
use dialhook::switch::{Dialect, Switch};
use dialhook::webhook::Webhook;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{FakeWebhook, within_time_limit};

/// A daemon that serves until it is stopped or dropped.
#[derive(Debug)]
pub struct Daemon {
    address: SocketAddr,
    freeswitch: SocketAddr,
    observer: Option<SocketAddr>,
    server: Arc<Server>,
    stop: DropGuard,
    run: JoinHandle<()>,
}

impl Daemon {
    /// A daemon with these tables, such as `[hook.crm]`, on ports of its own.
    pub async fn start(tables: &str) -> Self {
        Self::with(&format!("[listen]\nasterisk = \"127.0.0.1:0\"\n{tables}")).await
    }

    /// A daemon with this configuration, all of it; `listen.asterisk` must have port 0. If it does not
    /// set the addresses for FreeSWITCH or the observer, they get free ports too.
    pub async fn with(configuration: &str) -> Self {
        Self::with_file(configuration, Path::new("dialhook.toml")).await
    }

    /// The same, for a configuration that names other files beside this file.
    #[expect(clippy::unused_async, reason = "it needs a runtime: the task is spawned")]
    pub async fn with_file(configuration: &str, file: &Path) -> Self {
        let mut config = Config::parse(configuration, file).expect("a configuration without faults");
        if config.listen.freeswitch == Config::default().listen.freeswitch {
            config.listen.freeswitch = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        }
        if config.listen.observer == Config::default().listen.observer {
            config.listen.observer = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        }
        let server = Arc::new(Server::start(Arc::new(config)).expect("free ports"));
        let [address, freeswitch] = [SwitchKind::Asterisk, SwitchKind::FreeSwitch]
            .map(|switch| server.address(switch).expect("a listener"));
        let observer = server.observer();
        let stop = CancellationToken::new();
        let (running, stopped) = (Arc::clone(&server), stop.clone());
        let run = tokio::spawn(async move { running.run(stopped).await });
        Self { address, freeswitch, observer, server, stop: stop.drop_guard(), run }
    }

    /// The address of its listener for Asterisk.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of its listener for FreeSWITCH.
    pub fn freeswitch(&self) -> SocketAddr {
        self.freeswitch
    }

    /// The server of this daemon.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The address of its observer.
    pub fn observer(&self) -> SocketAddr {
        self.observer.expect("an observer")
    }

    /// Stops it, and waits until every call in flight has ended.
    pub async fn stop(self) {
        drop(self.stop);
        within_time_limit("the daemon's end", self.run).await.expect("the daemon does not panic");
    }
}

/// A daemon without listeners: its sessions run on pipes.
#[derive(Debug, Clone)]
pub struct Sessions {
    daemon: Arc<dialhook::daemon::Daemon>,
    config: Arc<Config>,
}

impl Sessions {
    /// Sessions under a configuration with these tables.
    pub fn under(tables: &str) -> Self {
        Self::counted_in(Arc::default(), tables)
    }

    /// The same, counted in these metrics.
    pub fn counted_in(metrics: Arc<Metrics>, tables: &str) -> Self {
        let config =
            Config::parse(tables, Path::new("dialhook.toml")).expect("a configuration without faults");
        let webhook = Webhook::new(config.every_hook(), Arc::clone(&metrics)).expect("a trust store");
        let daemon = dialhook::daemon::Daemon::new(webhook, metrics);
        Self { daemon: Arc::new(daemon), config: Arc::new(config) }
    }

    /// Starts the session of this connection.
    pub fn start<S, D>(&self, switch: Switch<S, D>) -> JoinHandle<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        D: Dialect<Codec: Send> + Send + 'static,
    {
        self.start_until(switch, CancellationToken::new())
    }

    /// The same, with a shutdown signal.
    pub fn start_until<S, D>(&self, switch: Switch<S, D>, shutdown: CancellationToken) -> JoinHandle<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        D: Dialect<Codec: Send> + Send + 'static,
    {
        let (daemon, config) = (Arc::clone(&self.daemon), Arc::clone(&self.config));
        tokio::spawn(session::run(switch, daemon, config, shutdown))
    }
}

/// A daemon with the hook `crm` for this webhook, and with these further keys and tables.
pub async fn daemon_for(webhook: &FakeWebhook, more: &str) -> Daemon {
    Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\n{more}", webhook.url("/"))).await
}
