//! The permission of a connection to wait: its slot, and the signals that shorten the wait.

use std::future::pending;

use tokio_util::sync::CancellationToken;

use crate::slots::ConnectionSlot;

/// Everything that may end the wait for a switch that has not told of a call yet, besides `limits.patience`.
#[derive(Debug)]
pub struct Admission {
    /// Once it is cancelled, such a switch has little time left.
    pub shutdown: CancellationToken,
    /// The connection's slot. The connection may have to give it away until it has told of its call.
    pub slot: Option<ConnectionSlot>,
}

impl From<CancellationToken> for Admission {
    fn from(shutdown: CancellationToken) -> Self {
        Self { shutdown, slot: None }
    }
}

impl Admission {
    /// Notes that the switch has told of its call, which has all its time from now on.
    pub(super) fn told(&mut self) {
        if let Some(slot) = &mut self.slot {
            slot.call_received();
        }
    }

    /// Notes that the switch was refused, and that only its last bytes are read.
    pub(super) fn refused(&mut self) {
        if let Some(slot) = &mut self.slot {
            slot.mark_refused();
        }
    }

    /// Waits until the slot is to be given away. Cancel safe.
    pub(super) async fn gives_way(&self) {
        match &self.slot {
            Some(slot) => slot.evicted().await,
            None => pending().await,
        }
    }
}
