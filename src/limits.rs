//! How much at once: what the configuration allows, and how many calls there are now.
//!
//! Counts calls by where they come from; does not know what a call is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the configuration allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How many calls may ask webhooks at once.
    pub calls: usize,
    /// How many of them one address may make; all of them where nothing is said.
    pub calls_per_peer: Option<usize>,
    /// How long a switch may take for one message.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // as many as one PBX will ever have
            calls: 10_000,
            // mostly there is one switch, and a limit for it would be the limit for all
            calls_per_peer: None,
            // a switch beside us answers within milliseconds; this is for one that is swapping
            patience: Duration::from_secs(5),
        }
    }
}

/// The calls that are asking webhooks now. It outlives every configuration: a call counts until it ends, whatever was
/// reloaded meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Attendance(Arc<Mutex<Present>>);

#[derive(Debug, Default)]
struct Present {
    calls: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// The place of one call; dropping it makes it free.
#[derive(Debug)]
pub struct Place {
    attendance: Attendance,
    peer: Option<IpAddr>,
}

impl Attendance {
    /// Lets one more call in.
    ///
    /// # Errors
    /// The limit that it would go beyond.
    pub fn enter(&self, peer: Option<IpAddr>, limits: &Limits) -> Result<Place, usize> {
        let peer = peer.map(|peer| peer.to_canonical());
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if present.calls >= limits.calls {
            return Err(limits.calls);
        }
        if let Some(peer) = peer {
            let of_peer = present.by_peer.entry(peer).or_default();
            if let Some(most) = limits.calls_per_peer.filter(|most| *of_peer >= *most) {
                return Err(most);
            }
            *of_peer += 1;
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
            && let Some(of_peer) = present.by_peer.get_mut(&peer)
        {
            *of_peer -= 1;
            // else a network of peers would leave an entry each
            if *of_peer == 0 {
                present.by_peer.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(calls: usize, calls_per_peer: Option<usize>) -> Limits {
        Limits { calls, calls_per_peer, ..Limits::default() }
    }

    fn peer(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_place_is_free_again_when_its_call_ends() {
        let (attendance, two) = (Attendance::default(), limits(2, None));
        let first = attendance.enter(None, &two).unwrap();
        let _second = attendance.enter(peer("10.0.0.1"), &two).unwrap();
        assert_eq!(attendance.enter(None, &two).unwrap_err(), 2);
        drop(first);
        assert!(attendance.enter(None, &two).is_ok());
    }

    #[test]
    fn one_peer_cannot_take_the_places_of_others() {
        let (attendance, one_each) = (Attendance::default(), limits(9, Some(1)));
        let first = attendance.enter(peer("10.0.0.1"), &one_each).unwrap();
        // the same, as a socket for both kinds of address tells it
        assert_eq!(attendance.enter(peer("::ffff:10.0.0.1"), &one_each).unwrap_err(), 1);
        let _other = attendance.enter(peer("10.0.0.2"), &one_each).unwrap();
        drop(first);
        assert!(attendance.enter(peer("10.0.0.1"), &one_each).is_ok());
        assert_eq!(attendance.0.lock().unwrap().by_peer.len(), 1, "peers without a call are forgotten");
    }

    #[test]
    fn a_call_counts_under_every_configuration_until_it_ends() {
        let attendance = Attendance::default();
        let _old = attendance.enter(peer("10.0.0.1"), &limits(9, None)).unwrap();
        assert_eq!(attendance.enter(None, &limits(1, None)).unwrap_err(), 1);
        assert_eq!(attendance.enter(peer("10.0.0.1"), &limits(9, Some(1))).unwrap_err(), 1);
    }
}
