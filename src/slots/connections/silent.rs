//! The connections from which no call has been received, in the order in which they are evicted.

use std::collections::BTreeMap;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The class of a silent connection. Classes are evicted in this order; within a class, the oldest connection
/// is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The call was refused; the connection stays open only until the switch has read the refusal.
    Refused,
    /// The peer has more connections than its share.
    OverShare,
    /// Any other silent connection.
    UnderShare,
}

#[derive(Debug, Default)]
pub(super) struct SilentConnections {
    last_number: u64,
    /// By number, and so by age. The same holds for the other two.
    refused: BTreeMap<u64, Silent>,
    over_share: BTreeMap<u64, Silent>,
    under_share: BTreeMap<u64, Silent>,
}

#[derive(Debug)]
struct Silent {
    protected_until: Instant,
    eviction: CancellationToken,
}

impl SilentConnections {
    /// Adds a connection that is not evicted before `protected_until`, and returns its number.
    pub(super) fn add(&mut self, class: Class, protected_until: Instant, eviction: CancellationToken) -> u64 {
        self.last_number += 1;
        let connections = match class {
            Class::Refused => &mut self.refused,
            Class::OverShare => &mut self.over_share,
            Class::UnderShare => &mut self.under_share,
        };
        connections.insert(self.last_number, Silent { protected_until, eviction });
        self.last_number
    }

    /// Removes a connection. Returns false if it was evicted before.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        self.refused.remove(&number).is_some()
            || self.over_share.remove(&number).is_some()
            || self.under_share.remove(&number).is_some()
    }

    /// Evicts the first connection that is no longer protected. Returns false if there is none.
    pub(super) fn evict(&mut self, now: Instant) -> bool {
        for connections in [&mut self.refused, &mut self.over_share, &mut self.under_share] {
            let Some(oldest) = connections.first_entry() else { continue };
            if oldest.get().protected_until <= now {
                oldest.remove().eviction.cancel();
                return true;
            }
        }
        false
    }

    /// Returns the time at which the next connection can be evicted.
    pub(super) fn next_eviction(&self) -> Option<Instant> {
        let oldest = [&self.refused, &self.over_share, &self.under_share].map(BTreeMap::first_key_value);
        oldest.into_iter().flatten().map(|(_, silent)| silent.protected_until).min()
    }
}
