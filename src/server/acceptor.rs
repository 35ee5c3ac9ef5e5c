//! Connections of switches: their limits, and the start of a session for each.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use super::open_files::{CONNECTIONS_PER_CALL, Shares};
use crate::call::SwitchKind;
use crate::config::{Config, Limits};
use crate::daemon::Daemon;
use crate::metrics::{Metrics, Refusal};
use crate::nonce;
use crate::session::{self, Admission};
use crate::slots::{ConnectionSlot, ConnectionSlots, Slots};
use crate::switch::Switch;
use crate::switch::agi::Agi;
use crate::switch::esl::Esl;

/// Starts a session for each connection of a switch, under the configuration that is in use at that time.
#[derive(Debug)]
pub(super) struct Acceptor {
    pub(super) daemon: Arc<Daemon>,
    config: watch::Sender<Arc<Config>>,
    /// Cancelled when the daemon begins to drain.
    pub(super) draining: CancellationToken,
    /// The shutdown signal: cancelled when no connection is accepted any more, and the next daemon waits
    /// until the sessions have ended.
    pub(super) closing: CancellationToken,
    pub(super) slots: ConnectionSlots,
    /// The slots of the connections that have all of `limits.patience`, by peer.
    full_patience: Slots,
    pub(super) listeners: TaskTracker,
    pub(super) sessions: TaskTracker,
}

/// The number of further connections of one peer, if `limits.calls_per_peer` is set. Connections beyond it
/// have less time for their greeting, so that silent connections of one peer do not take all slots.
const SPARE_CONNECTIONS_OF_PEER: usize = 20;

impl Acceptor {
    pub(super) fn new(daemon: Daemon, config: Arc<Config>) -> Self {
        let shares = Shares::now(&config);
        daemon.limit_requests(shares.requests);
        daemon.history.configure(config.history);
        init_counters(&daemon.metrics, &config);
        Self {
            daemon: Arc::new(daemon),
            config: watch::Sender::new(config),
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
            slots: ConnectionSlots::new(shares.connections, shares.most_connections),
            full_patience: Slots::default(),
            listeners: TaskTracker::new(),
            sessions: TaskTracker::new(),
        }
    }

    /// Returns the configuration for a session that begins now.
    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// Returns a receiver of every later configuration.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Config>> {
        self.config.subscribe()
    }

    /// Makes this the configuration of every session that begins from now on.
    pub(super) fn set_config(&self, config: Arc<Config>) {
        let shares = Shares::now(&config);
        init_counters(&self.daemon.metrics, &config);
        self.slots.set_limit(shares.connections, shares.most_connections);
        self.daemon.limit_requests(shares.requests);
        self.daemon.history.configure(config.history);
        self.config.send_replace(config);
    }

    /// Begins to drain. Accepts connections for `limits.drain_notice` more, while the observer reports that
    /// the daemon drains. A connection that arrives while its listener closes would be reset, and a load
    /// balancer does not try it again.
    pub(super) async fn give_notice(&self) {
        self.draining.cancel();
        let drain_notice = self.config().limits.drain_notice;
        if !drain_notice.is_zero() {
            info!(
                seconds = drain_notice.as_secs_f64(),
                "stopping; calls are still taken for limits.drain_notice, and /health/ready returns 503"
            );
            sleep(drain_notice).await;
        }
    }

    /// Starts the session of a new connection if `listen.allow` names its peer. `switch` and `port` are those
    /// of the listener.
    pub(super) fn accept(
        &self,
        (switch, port): (SwitchKind, u16),
        stream: TcpStream,
        peer: SocketAddr,
        mut slot: Option<ConnectionSlot>,
    ) {
        // in the notation of listen.allow
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let config = self.config();
        if !config.listen.allows(peer.ip()) {
            self.daemon.metrics.refused(Refusal::NotAllowed);
            self.daemon.rate_limits.not_allowed.warn(|unlogged| {
                warn!(%peer, unlogged, "connection refused: listen.allow does not name this peer; add it if it is a switch");
            });
            return;
        }
        debug!(%peer, "connected");
        // without it, the final commands would wait for an acknowledgement: 40 ms and more
        if let Err(error) = stream.set_nodelay(true) {
            debug!("the connection ended at once: {error}");
            return;
        }
        let patient =
            self.full_patience.acquire(Some(peer.ip()), usize::MAX, full_patience_per_peer(&config.limits));
        let shutdown = if patient.is_ok() { self.closing.clone() } else { cancelled() };
        if let Some(slot) = &mut slot {
            slot.mark_connected(patient.is_err());
        }
        let admission = Admission { shutdown, slot };
        let daemon = Arc::clone(&self.daemon);
        self.sessions.spawn(async move {
            let Limits { environment, channel_data, .. } = config.limits;
            match switch {
                SwitchKind::Asterisk => {
                    let agi = Agi::new(nonce::random::<{ Agi::NONCE_BYTES }>()).with_limit(environment);
                    session::run(Switch::new(stream, agi).with_peer(peer), daemon, config, admission).await;
                }
                SwitchKind::FreeSwitch => {
                    let esl = Esl::new(port).with_limit(channel_data);
                    session::run(Switch::new(stream, esl).with_peer(peer), daemon, config, admission).await;
                }
            }
            drop(patient);
        });
    }
}

/// Returns the number of connections of one peer that have all of `limits.patience`; none without a limit.
fn full_patience_per_peer(limits: &Limits) -> Option<usize> {
    limits.calls_per_peer.map(|calls| calls * CONNECTIONS_PER_CALL + SPARE_CONNECTIONS_OF_PEER)
}

/// Creates the counters of these listeners and hooks before the first call.
fn init_counters(metrics: &Metrics, config: &Config) {
    let switches = config.listen.switches().map(|(switch, _)| switch);
    metrics.init_calls(switches, config.policy.hooks.keys().map(String::as_str));
}

fn cancelled() -> CancellationToken {
    let token = CancellationToken::new();
    token.cancel();
    token
}
