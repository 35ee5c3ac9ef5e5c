//! Limits on calls, requests and connections: each takes a slot before it begins and gives it back at its
//! end.
//!
//! Knows the address of a peer; does not know what a call is.

mod connections;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::connections::{ConnectionSlot, ConnectionSlots};

/// The number of requests for which the system grants file descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// The highest number of requests to webhooks at once, detached requests included.
    pub requests: usize,
    /// The system's limit on open files.
    pub limit: u64,
}

impl Default for OpenFiles {
    fn default() -> Self {
        Self { requests: usize::MAX, limit: u64::MAX }
    }
}

/// The slots of calls, of detached requests or of all requests.
///
/// They outlive every configuration: a slot stays taken until its call or request ends, even if a reload
/// lowers the limit.
#[derive(Debug, Clone, Default)]
pub struct Slots(Arc<Mutex<Taken>>);

/// The number of slots that are taken.
#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// The limit that has no free slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The limit on all slots together.
    Total(usize),
    /// The limit on the slots of one peer.
    PerPeer(usize),
}

/// A slot that is taken until it is dropped.
#[derive(Debug)]
pub struct Slot {
    slots: Slots,
    peer: Option<IpAddr>,
}

impl Slots {
    /// Takes a slot if fewer than `total` are taken, and fewer than `per_peer` by this peer.
    ///
    /// # Errors
    /// Returns the limit that is reached.
    pub fn acquire(&self, peer: Option<IpAddr>, total: usize, per_peer: Option<usize>) -> Result<Slot, Full> {
        let peer = peer.map(|peer| peer.to_canonical());
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.total >= total {
            return Err(Full::Total(total));
        }
        if let Some(peer) = peer {
            let of_peer = taken.by_peer.entry(peer).or_default();
            if let Some(limit) = per_peer
                && *of_peer >= limit
            {
                return Err(Full::PerPeer(limit));
            }
            *of_peer += 1;
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
            && let Some(of_peer) = taken.by_peer.get_mut(&peer)
        {
            *of_peer -= 1;
            // without this, every peer that ever called would leave an entry
            if *of_peer == 0 {
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
    fn a_slot_is_free_again_after_its_call_ends() {
        let slots = Slots::default();
        let first = slots.acquire(None, 2, None).unwrap();
        let _second = slots.acquire(peer("10.0.0.1"), 2, None).unwrap();
        assert_eq!(slots.acquire(None, 2, None).unwrap_err(), Full::Total(2));
        drop(first);
        assert!(slots.acquire(None, 2, None).is_ok());
    }

    #[test]
    fn one_peer_cannot_take_the_slots_of_others() {
        let slots = Slots::default();
        let first = slots.acquire(peer("10.0.0.1"), 9, Some(1)).unwrap();
        // the same peer, as a dual-stack socket reports it
        assert_eq!(slots.acquire(peer("::ffff:10.0.0.1"), 9, Some(1)).unwrap_err(), Full::PerPeer(1));
        let _other = slots.acquire(peer("10.0.0.2"), 9, Some(1)).unwrap();
        drop(first);
        assert!(slots.acquire(peer("10.0.0.1"), 9, Some(1)).is_ok());
        assert_eq!(slots.0.lock().unwrap().by_peer.len(), 1, "a peer without a call has no entry");
    }

    #[test]
    fn a_call_counts_towards_a_limit_that_was_lowered_during_it() {
        let slots = Slots::default();
        let _old = slots.acquire(peer("10.0.0.1"), 9, None).unwrap();
        assert_eq!(slots.acquire(None, 1, None).unwrap_err(), Full::Total(1));
        assert_eq!(slots.acquire(peer("10.0.0.1"), 9, Some(1)).unwrap_err(), Full::PerPeer(1));
    }
}
