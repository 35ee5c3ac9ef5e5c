//! The slot of a connection, and the events that end the wait for a silent switch early.

use std::future::pending;

use tokio_util::sync::CancellationToken;

use crate::slots::ConnectionSlot;

/// The events that end the wait for a silent switch before the end of `limits.patience`.
#[derive(Debug)]
pub struct Admission {
    /// The shutdown signal. Once it is cancelled, such a switch has half a second left.
    pub shutdown: CancellationToken,
    /// The connection's slot. The connection may be evicted from it until its call is received.
    pub slot: Option<ConnectionSlot>,
}

impl From<CancellationToken> for Admission {
    fn from(shutdown: CancellationToken) -> Self {
        Self { shutdown, slot: None }
    }
}

impl Admission {
    /// Notes that the call is received and authenticated. The connection keeps its slot from now on.
    pub(super) fn call_received(&mut self) {
        if let Some(slot) = &mut self.slot {
            slot.call_received();
        }
    }

    /// Notes that the call was refused, and that only the last bytes of the switch are read.
    pub(super) fn mark_refused(&mut self) {
        if let Some(slot) = &mut self.slot {
            slot.mark_refused();
        }
    }

    /// Waits until the connection is evicted. Cancel safe.
    pub(super) async fn evicted(&self) {
        match &self.slot {
            Some(slot) => slot.evicted().await,
            None => pending().await,
        }
    }
}
