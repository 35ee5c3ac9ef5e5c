//! The life of one connection: its addresses, its phase, and the time limit of each phase.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The time that a peer has to send its request, then to get the answer, and for each write of a stream.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// The addresses of a connection, and the part of its life in which it is.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    /// The address to which the peer connected.
    pub(super) local: SocketAddr,
    phase: watch::Sender<Phase>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No request has arrived yet.
    Silent { until: Instant },
    /// The request is answered.
    Answering { until: Instant },
    /// The answer is an event stream, which only the peer ends.
    Streaming,
}

impl Connection {
    /// Returns a connection that was accepted now.
    pub(super) fn new(peer: SocketAddr, local: SocketAddr) -> Self {
        let phase = Phase::Silent { until: Instant::now() + TIMEOUT };
        Self { peer, local, phase: watch::Sender::new(phase) }
    }

    pub(super) fn is_silent(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Silent { .. })
    }

    pub(super) fn is_streaming(&self) -> bool {
        *self.phase.borrow() == Phase::Streaming
    }

    /// Gives the answer this time, if it may take longer than usual.
    pub(super) fn answers_within(&self, time: Duration) {
        self.phase.send_replace(Phase::Answering { until: Instant::now() + time });
    }

    /// Removes the limit on the time of the answer.
    pub(super) fn becomes_a_stream(&self) {
        self.phase.send_replace(Phase::Streaming);
    }

    /// Waits until the time of the current phase is over.
    pub(super) async fn expired(&self) {
        let mut phase = self.phase.subscribe();
        loop {
            let now = *phase.borrow_and_update();
            let end = async {
                match now {
                    Phase::Silent { until } | Phase::Answering { until } => sleep_until(until).await,
                    Phase::Streaming => pending().await,
                }
            };
            tokio::select! {
                () = end => return,
                _changed = phase.changed() => {}
            }
        }
    }
}
