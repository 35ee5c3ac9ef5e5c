//! How many calls and connections there are now, and whether one more may come.
//!
//! Counts calls by where they come from; does not know what a call is.

mod connections;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::connections::{ConnectionSlot, ConnectionSlots};

/// How many requests the open files allow that the system grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// Requests to webhooks at once, of calls and detached ones.
    pub requests: usize,
    /// The system's limit of open files.
    pub limit: u64,
}

impl Default for OpenFiles {
    fn default() -> Self {
        Self { requests: usize::MAX, limit: u64::MAX }
    }
}

/// The calls that are asking webhooks now, or the requests behind them. It outlives every configuration: each counts
/// until it ends, whatever was reloaded meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Slots(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// What there is no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// More than so many.
    Total(usize),
    /// More than so many of one peer.
    PerPeer(usize),
}

/// The slot of one call; dropping it makes it free.
#[derive(Debug)]
pub struct Slot {
    slots: Slots,
    peer: Option<IpAddr>,
}

impl Slots {
    /// Lets one more in, where there are at most so many, and so many of one peer.
    ///
    /// # Errors
    /// The limit that it would go beyond.
    pub fn acquire(&self, peer: Option<IpAddr>, total: usize, per_peer: Option<usize>) -> Result<Slot, Full> {
        let peer = peer.map(|peer| peer.to_canonical());
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.total >= total {
            return Err(Full::Total(total));
        }
        if let Some(peer) = peer {
            let theirs = taken.by_peer.entry(peer).or_default();
            if let Some(limit) = per_peer.filter(|limit| *theirs >= *limit) {
                return Err(Full::PerPeer(limit));
            }
            *theirs += 1;
        }
        taken.total += 1;
        Ok(Slot { slots: self.clone(), peer })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total -= 1;
        if let Some(peer) = self.peer
            && let Some(theirs) = taken.by_peer.get_mut(&peer)
        {
            *theirs -= 1;
            // else a network of peers would leave an entry each
            if *theirs == 0 {
                taken.by_peer.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_slot_is_free_again_when_its_call_ends() {
        let slots = Slots::default();
        let first = slots.acquire(None, 2, None).unwrap();
        let _second = slots.acquire(peer("10.0.0.1"), 2, None).unwrap();
        assert_eq!(slots.acquire(None, 2, None).unwrap_err(), Full::Total(2));
        drop(first);
        assert!(slots.acquire(None, 2, None).is_ok());
    }

    #[test]
    fn one_peer_cannot_take_the_places_of_others() {
        let slots = Slots::default();
        let first = slots.acquire(peer("10.0.0.1"), 9, Some(1)).unwrap();
        // the same, as a socket for both kinds of address tells it
        assert_eq!(slots.acquire(peer("::ffff:10.0.0.1"), 9, Some(1)).unwrap_err(), Full::PerPeer(1));
        let _other = slots.acquire(peer("10.0.0.2"), 9, Some(1)).unwrap();
        drop(first);
        assert!(slots.acquire(peer("10.0.0.1"), 9, Some(1)).is_ok());
        assert_eq!(slots.0.lock().unwrap().by_peer.len(), 1, "peers without a call are forgotten");
    }

    #[test]
    fn a_call_counts_under_every_limit_until_it_ends() {
        let slots = Slots::default();
        let _old = slots.acquire(peer("10.0.0.1"), 9, None).unwrap();
        assert_eq!(slots.acquire(None, 1, None).unwrap_err(), Full::Total(1));
        assert_eq!(slots.acquire(peer("10.0.0.1"), 9, Some(1)).unwrap_err(), Full::PerPeer(1));
    }
}
