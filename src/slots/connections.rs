//! Slots for the connections of switches: how many there are at once, and which connection gives its slot away when they
//! become few.
//!
//! Knows since when a connection is silent; does not know what is said on it.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// The slots. They outlive every configuration: a connection keeps its slot until it ends, whatever was reloaded meanwhile.
///
/// A connection is silent until it has told of its call, and again when it was refused. When only a few slots are left, the connection that has been
/// silent longest gives its slot to the next one; refused connections, and
/// those of a peer beyond its share, come before all others.
#[derive(Debug, Clone)]
pub struct ConnectionSlots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Somebody may find a slot now.
    freed: Notify,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// More than this there may never be, whatever was lowered.
    hard_limit: usize,
    taken: usize,
    /// How often the limit was lowered.
    generation: u64,
    /// Those of the taken slots that were taken before the limit was lowered. They are retired as they come back.
    surplus: usize,
    /// Connections that were told to give way and have not ended yet.
    evicting: usize,
    /// The number of the last connection.
    last: u64,
    /// Connections that were refused and are only heard out, by number.
    refused: BTreeMap<u64, Silent>,
    /// Silent connections whose peer is beyond its share, by number, and so by age.
    over_share: BTreeMap<u64, Silent>,
    /// All other silent connections.
    under_share: BTreeMap<u64, Silent>,
}

#[derive(Debug)]
struct Silent {
    /// Until when it keeps its slot in any case.
    protected_until: Instant,
    eviction: CancellationToken,
}

/// The slot of one connection; dropping it makes it free.
#[derive(Debug)]
pub struct ConnectionSlot {
    slots: ConnectionSlots,
    generation: u64,
    /// None before the connection is there, and once it has told of its call.
    number: Option<u64>,
    eviction: CancellationToken,
}

/// How long a connection may be silent in any case. A switch beside us tells of its call within milliseconds, one on another
/// continent within the time that a packet takes there and back, and one that is busy somewhat later.
const MIN_SILENCE: Duration = Duration::from_millis(250);

/// Slots beyond the limit that new connections have after it was lowered, so that each hears at once that there are too many
/// calls, however many connections there are from before.
const SLOTS_AFTER_REDUCTION: usize = 100;

/// The largest number of slots that are kept free ahead of need. A silent connection takes up to 20 ms to leave, so that this
/// is enough for 3,000 new connections a second.
const MAX_RESERVE: usize = 64;

impl ConnectionSlots {
    /// So many slots, and never more than `most`, which is what the system allows.
    #[must_use]
    pub fn new(limit: usize, hard_limit: usize) -> Self {
        let state = State {
            limit,
            hard_limit,
            taken: 0,
            generation: 0,
            surplus: 0,
            evicting: 0,
            last: 0,
            refused: BTreeMap::new(),
            over_share: BTreeMap::new(),
            under_share: BTreeMap::new(),
        };
        Self(Arc::new(Shared { state: Mutex::new(state), freed: Notify::new() }))
    }

    /// So many slots from now on. Where there are fewer than before, those that are taken are retired as they come back, and
    /// nobody waits for them.
    pub fn set_limit(&self, limit: usize, hard_limit: usize) {
        let mut state = self.state();
        if limit < state.limit {
            state.generation += 1;
            state.surplus = state.taken;
        }
        (state.limit, state.hard_limit) = (limit, hard_limit);
        drop(state);
        self.0.freed.notify_waiters();
    }

    /// Waits for a free slot. Cancel safe.
    pub async fn acquire(&self) -> ConnectionSlot {
        if self.state().is_nearly_full() {
            // a connection that has told of its call by now is heard before any other gives way
            yield_now().await;
        }
        loop {
            let mut freed = pin!(self.0.freed.notified());
            freed.as_mut().enable();
            let later = match self.take(Instant::now()) {
                Ok(slot) => return slot,
                Err(later) => later,
            };
            match later {
                Some(later) => {
                    let _freed_or_later = timeout_at(later, freed).await;
                }
                None => freed.await,
            }
        }
    }

    /// A slot, or when the next connection may be told to give way.
    fn take(&self, now: Instant) -> Result<ConnectionSlot, Option<Instant>> {
        let mut state = self.state();
        while state.is_nearly_full() && state.evict(now) {}
        if state.free() == 0 {
            return Err(state.next_eviction());
        }
        state.taken += 1;
        let generation = state.generation;
        Ok(ConnectionSlot {
            slots: self.clone(),
            generation,
            number: None,
            eviction: CancellationToken::new(),
        })
    }

    /// Makes the connection that has been silent longest give way; false if there is none that may.
    pub fn evict(&self) -> bool {
        self.state().evict(Instant::now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn free(&self) -> usize {
        let room = self.limit.max(self.surplus + SLOTS_AFTER_REDUCTION.min(self.limit));
        room.min(self.hard_limit).saturating_sub(self.taken)
    }

    /// True if somebody should give way, so that the next connections find a slot.
    fn is_nearly_full(&self) -> bool {
        self.free() + self.evicting < (self.limit / 8).clamp(1, MAX_RESERVE)
    }

    fn evict(&mut self, now: Instant) -> bool {
        for silent in [&mut self.refused, &mut self.over_share, &mut self.under_share] {
            let Some(longest) = silent.first_entry() else { continue };
            if longest.get().protected_until <= now {
                longest.remove().eviction.cancel();
                self.evicting += 1;
                return true;
            }
        }
        false
    }

    /// When the next connection may be told to give way, if enough of them are not evicting already.
    fn next_eviction(&self) -> Option<Instant> {
        if !self.is_nearly_full() {
            return None;
        }
        let silent = [&self.refused, &self.over_share, &self.under_share].into_iter();
        silent.filter_map(|silent| Some(silent.first_key_value()?.1.protected_until)).min()
    }

    /// A connection is silent no more; false if it was told to give way.
    fn remove_silent(&mut self, number: u64) -> bool {
        let mut silent = [&mut self.refused, &mut self.over_share, &mut self.under_share].into_iter();
        silent.any(|silent| silent.remove(&number).is_some())
    }

    fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

impl ConnectionSlot {
    /// The connection is there, and silent. Its peer may have more connections than its share.
    pub fn mark_connected(&mut self, over_share: bool) {
        let mut state = self.slots.state();
        let silent =
            Silent { protected_until: Instant::now() + MIN_SILENCE, eviction: self.eviction.clone() };
        let number = state.next_number();
        let those = if over_share { &mut state.over_share } else { &mut state.under_share };
        those.insert(number, silent);
        self.number = Some(number);
    }

    /// The connection has told of its call, and keeps its slot until it ends.
    pub fn call_received(&mut self) {
        let mut state = self.slots.state();
        end_silence(&mut self.number, &mut state);
    }

    /// The peer was refused, and is heard out; it comes before all others when somebody is to give way.
    pub fn mark_refused(&mut self) {
        let mut state = self.slots.state();
        end_silence(&mut self.number, &mut state);
        let number = state.next_number();
        let silent = Silent { protected_until: Instant::now(), eviction: self.eviction.clone() };
        state.refused.insert(number, silent);
        self.number = Some(number);
    }

    /// Waits until the slot is to be given away. Cancel safe.
    pub async fn evicted(&self) {
        self.eviction.cancelled().await;
    }
}

/// Ends the silence of a connection, or its evicting.
fn end_silence(number: &mut Option<u64>, state: &mut State) {
    if let Some(number) = number.take()
        && !state.remove_silent(number)
    {
        state.evicting -= 1;
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut state = self.slots.state();
        end_silence(&mut self.number, &mut state);
        state.taken -= 1;
        if self.generation != state.generation {
            state.surplus -= 1;
        }
        drop(state);
        self.slots.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
