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
pub struct Attendance(Arc<Mutex<Present>>);

#[derive(Debug, Default)]
struct Present {
    calls: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// What there is no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// More than so many.
    All(usize),
    /// More than so many of one peer.
    OfPeer(usize),
}

/// The place of one call; dropping it makes it free.
#[derive(Debug)]
pub struct Place {
    attendance: Attendance,
    peer: Option<IpAddr>,
}

impl Attendance {
    /// Lets one more in, where there are at most so many, and so many of one peer.
    ///
    /// # Errors
    /// The limit that it would go beyond.
    pub fn enter(&self, peer: Option<IpAddr>, most: usize, of_peer: Option<usize>) -> Result<Place, Full> {
        let peer = peer.map(|peer| peer.to_canonical());
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if present.calls >= most {
            return Err(Full::All(most));
        }
        if let Some(peer) = peer {
            let theirs = present.by_peer.entry(peer).or_default();
            if let Some(most) = of_peer.filter(|most| *theirs >= *most) {
                return Err(Full::OfPeer(most));
            }
            *theirs += 1;
        }
        present.calls += 1;
        Ok(Place { attendance: self.clone(), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut present = self.attendance.0.lock().unwrap_or_else(PoisonError::into_inner);
        present.calls -= 1;
        if let Some(peer) = self.peer
            && let Some(theirs) = present.by_peer.get_mut(&peer)
        {
            *theirs -= 1;
            // else a network of peers would leave an entry each
            if *theirs == 0 {
                present.by_peer.remove(&peer);
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
    fn a_place_is_free_again_when_its_call_ends() {
        let attendance = Attendance::default();
        let first = attendance.enter(None, 2, None).unwrap();
        let _second = attendance.enter(peer("10.0.0.1"), 2, None).unwrap();
        assert_eq!(attendance.enter(None, 2, None).unwrap_err(), Full::All(2));
        drop(first);
        assert!(attendance.enter(None, 2, None).is_ok());
    }

    #[test]
    fn one_peer_cannot_take_the_places_of_others() {
        let attendance = Attendance::default();
        let first = attendance.enter(peer("10.0.0.1"), 9, Some(1)).unwrap();
        // the same, as a socket for both kinds of address tells it
        assert_eq!(attendance.enter(peer("::ffff:10.0.0.1"), 9, Some(1)).unwrap_err(), Full::OfPeer(1));
        let _other = attendance.enter(peer("10.0.0.2"), 9, Some(1)).unwrap();
        drop(first);
        assert!(attendance.enter(peer("10.0.0.1"), 9, Some(1)).is_ok());
        assert_eq!(attendance.0.lock().unwrap().by_peer.len(), 1, "peers without a call are forgotten");
    }

    #[test]
    fn a_call_counts_under_every_limit_until_it_ends() {
        let attendance = Attendance::default();
        let _old = attendance.enter(peer("10.0.0.1"), 9, None).unwrap();
        assert_eq!(attendance.enter(None, 1, None).unwrap_err(), Full::All(1));
        assert_eq!(attendance.enter(peer("10.0.0.1"), 9, Some(1)).unwrap_err(), Full::OfPeer(1));
    }
}
