//! The signals of the daemon.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::reload::{Reloader, log_refusal};
use crate::server::ReloadError;

/// What the daemon listens to besides calls.
pub(super) struct Signals {
    pub(super) stop: StopSignals,
    hangup: Signal,
}

/// The signals that end it.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Waits until somebody wants it. Cancel safe.
    pub(super) async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        let stop = StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        Ok(Self { stop, hangup: signal(SignalKind::hangup())? })
    }

    /// SIGHUP reloads; SIGTERM and SIGINT end the daemon once the calls in flight are finished. Returns at a second one:
    /// whoever sends that does not want to wait, and systemd sends none.
    pub(super) async fn handle(&mut self, reloader: &Reloader, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = self.stop.received() => break,
                _ = self.hangup.recv() => tokio::select! {
                    () = reloader.reload() => {}
                    // a folder that does not answer must not keep it alive
                    () = self.stop.received() => break,
                },
            }
        }
        reloader.notices.stopping();
        stop.cancel();
        loop {
            tokio::select! {
                () = self.stop.received() => return,
                _ = self.hangup.recv() => drop(log_refusal(&ReloadError::Stopping)),
            }
        }
    }
}
