//! The signals of the daemon.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::reload::{Reloader, log_refusal};
use crate::server::ReloadError;

/// The signals that the daemon handles.
pub(super) struct Signals {
    pub(super) stop: StopSignals,
    hangup: Signal,
}

/// The signals that stop the daemon.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Waits for SIGTERM or SIGINT. Cancel safe.
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

    /// Handles signals until the daemon must end at once. SIGHUP reloads the configuration. SIGTERM or SIGINT
    /// cancels `stop`, and the daemon ends after its last call. At a second one this returns.
    pub(super) async fn handle(&mut self, reloader: &Reloader, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = self.stop.received() => break,
                _ = self.hangup.recv() => tokio::select! {
                    () = reloader.reload() => {}
                    // a folder that does not answer must not delay the stop
                    () = self.stop.received() => break,
                },
            }
        }
        reloader.service_manager.stopping();
        stop.cancel();
        loop {
            tokio::select! {
                () = self.stop.received() => return,
                _ = self.hangup.recv() => drop(log_refusal(&ReloadError::Stopping)),
            }
        }
    }
}
