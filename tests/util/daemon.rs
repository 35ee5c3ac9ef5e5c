//! The daemon in this process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use dialhook::config::Config;
use dialhook::conversation::House;
use dialhook::server::Server;
use dialhook::webhook::Webhook;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::within_patience;

/// A daemon that serves until it is stopped or dropped.
#[derive(Debug)]
pub struct Daemon {
    address: SocketAddr,
    stop: DropGuard,
    run: JoinHandle<()>,
}

impl Daemon {
    /// A daemon with these tables, such as `[hook.crm]`, on a port of its own.
    pub async fn start(tables: &str) -> Self {
        Self::with(&format!("[listen]\nasterisk = \"127.0.0.1:0\"\n{tables}")).await
    }

    /// A daemon with this configuration, all of it; `listen.asterisk` must have port 0.
    pub async fn with(configuration: &str) -> Self {
        Self::with_file(configuration, Path::new("dialhook.toml")).await
    }

    /// The same, where the configuration names other files beside this one.
    #[expect(clippy::unused_async, reason = "it needs a runtime: the task is spawned")]
    pub async fn with_file(configuration: &str, file: &Path) -> Self {
        let config = Config::parse(configuration, file).expect("a configuration without faults");
        let server = Server::start(&config).expect("a free port");
        let address = server.asterisk().expect("an address");
        let stop = CancellationToken::new();
        let run = tokio::spawn(server.run(stop.clone()));
        Self { address, stop: stop.drop_guard(), run }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it, and waits until every call in flight has ended.
    pub async fn stop(self) {
        drop(self.stop);
        within_patience("the daemon's end", self.run).await.expect("the daemon does not panic");
    }
}

/// What conversations need where there is no listener.
pub fn house(tables: &str) -> Arc<House> {
    let config = Config::parse(tables, Path::new("dialhook.toml")).expect("a configuration without faults");
    Arc::new(House::new(config.policy(), Webhook::new().expect("a trust store"), config.calls))
}
