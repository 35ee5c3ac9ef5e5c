//! Who may hold a conversation, and who may ask a webhook: slots, places, and the reasons where there is none.

use std::future::pending;
use std::net::IpAddr;

use tokio_util::sync::CancellationToken;

use super::House;
use crate::hook::{Outcome, Overload};
use crate::slots::{ConnectionSlot, Full, OpenFiles, Place};

/// What may end the wait for a switch that has told of no call, besides `limits.patience`.
#[derive(Debug)]
pub struct Admission {
    /// Once it is cancelled, such a switch is not waited for much longer.
    pub hurry: CancellationToken,
    /// The connection's slot, which it may have to give away until it has told of its call.
    pub slot: Option<ConnectionSlot>,
}

impl From<CancellationToken> for Admission {
    fn from(hurry: CancellationToken) -> Self {
        Self { hurry, slot: None }
    }
}

impl Admission {
    /// The switch has told of its call, which has all its time from now on.
    pub(super) fn told(&mut self) {
        if let Some(slot) = &mut self.slot {
            slot.told();
        }
    }

    /// The switch was refused, and is only heard out.
    pub(super) fn refused(&mut self) {
        if let Some(slot) = &mut self.slot {
            slot.refused();
        }
    }

    /// Waits until the slot is to be given away. Cancel safe.
    pub(super) async fn gives_way(&self) {
        match &self.slot {
            Some(slot) => slot.gives_way().await,
            None => pending().await,
        }
    }
}

impl House {
    /// Lets a call ask, where there is room for it and for its request.
    pub(super) fn admit(&self, peer: Option<IpAddr>) -> Result<(Place, Place), Overload> {
        let full = |full| match full {
            Full::All(limit) => Overload::Calls(limit),
            Full::OfPeer(limit) => Overload::CallsOfPeer(limit),
        };
        let call = self.calls.enter(peer, self.limits.calls, self.limits.calls_per_peer).map_err(full)?;
        let OpenFiles { requests, limit } = self.open_files;
        let request = self.requests.enter(None, requests, None);
        Ok((call, request.map_err(|_full| Overload::OpenFiles(limit))?))
    }

    /// The outcome as the dialplan hears it: where this machine had no open file left for a request, there were too many calls,
    /// and the webhook is not to blame.
    pub(super) fn blamed(&self, outcome: Outcome) -> Outcome {
        let limit = self.open_files.limit;
        let ours = outcome.is_local_failure() && limit < u64::MAX;
        if ours { Outcome::Overloaded(Overload::OpenFiles(limit)) } else { outcome }
    }
}
