//! Slots for the connections of switches, and the eviction of silent connections when few slots are free.
//!
//! Knows for how long a connection has been silent; does not know what is said on it.

mod silent;

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use self::silent::{Class, SilentConnections};

/// The slots of connections. They outlive every configuration: a connection keeps its slot until it ends,
/// even if a reload lowers the limit.
///
/// A connection is silent until its call is received and authenticated, and again after its call was refused.
/// The connection that has been silent longest is evicted when few slots are free. Refused connections go
/// first, then the connections of a peer that has more than its share.
#[derive(Debug, Clone)]
pub struct ConnectionSlots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Notified when a slot may be free.
    freed: Notify,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// The number of slots that is never exceeded, even after a reduction of the limit.
    hard_limit: usize,
    taken: usize,
    /// Counts the reductions of the limit.
    generation: u64,
    /// The taken slots that are older than the last reduction. They are not given out again.
    surplus: usize,
    /// The connections that were evicted and have not ended yet.
    evicting: usize,
    silent: SilentConnections,
}

/// The slot of one connection. It is free again when this is dropped.
#[derive(Debug)]
pub struct ConnectionSlot {
    slots: ConnectionSlots,
    generation: u64,
    /// The number among the silent connections. None before the connection is accepted and after its call is
    /// received.
    number: Option<u64>,
    eviction: CancellationToken,
}

/// The time in which a connection is not evicted. To send its call, a switch on the same host needs
/// milliseconds, one on another continent a round trip, and a busy one somewhat longer.
const MIN_SILENCE: Duration = Duration::from_millis(250);

/// The slots that new connections have after a reduction of the limit, however many older connections remain.
/// With a slot, a new call gets `OVERLOADED` at once.
const SLOTS_AFTER_REDUCTION: usize = 100;

/// The highest number of slots that eviction keeps free. A silent connection takes up to 20 ms to end, so
/// this is enough for 3,000 new connections a second.
const MAX_RESERVE: usize = 64;

impl ConnectionSlots {
    /// Returns `limit` free slots. The system allows `hard_limit` of them.
    #[must_use]
    pub fn new(limit: usize, hard_limit: usize) -> Self {
        let state = State {
            limit,
            hard_limit,
            taken: 0,
            generation: 0,
            surplus: 0,
            evicting: 0,
            silent: SilentConnections::default(),
        };
        Self(Arc::new(Shared { state: Mutex::new(state), freed: Notify::new() }))
    }

    /// Changes the limits. After a reduction, the slots that are taken now are not given out again.
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

    /// Waits for a free slot and takes it. Cancel safe.
    pub async fn acquire(&self) -> ConnectionSlot {
        if self.state().is_nearly_full() {
            // calls that have arrived already are received before a connection is evicted
            yield_now().await;
        }
        loop {
            let mut freed = pin!(self.0.freed.notified());
            freed.as_mut().enable();
            match self.try_acquire(Instant::now()) {
                Ok(slot) => return slot,
                Err(Some(next_eviction)) => {
                    let _freed_or_due = timeout_at(next_eviction, freed).await;
                }
                Err(None) => freed.await,
            }
        }
    }

    /// Takes a slot, or returns the time at which the next connection can be evicted.
    fn try_acquire(&self, now: Instant) -> Result<ConnectionSlot, Option<Instant>> {
        let mut state = self.state();
        while state.is_nearly_full() && state.evict(now) {}
        if state.free() == 0 {
            return Err(state.next_eviction());
        }
        state.taken += 1;
        Ok(ConnectionSlot {
            slots: self.clone(),
            generation: state.generation,
            number: None,
            eviction: CancellationToken::new(),
        })
    }

    /// Evicts the connection that has been silent longest. Returns false if there is none that may be
    /// evicted.
    pub fn evict(&self) -> bool {
        self.state().evict(Instant::now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn free(&self) -> usize {
        let slots = self.limit.max(self.surplus + SLOTS_AFTER_REDUCTION.min(self.limit));
        slots.min(self.hard_limit).saturating_sub(self.taken)
    }

    /// True if too few slots are free, or will be after the evictions under way.
    fn is_nearly_full(&self) -> bool {
        self.free() + self.evicting < (self.limit / 8).clamp(1, MAX_RESERVE)
    }

    fn evict(&mut self, now: Instant) -> bool {
        let evicted = self.silent.evict(now);
        self.evicting += usize::from(evicted);
        evicted
    }

    /// Returns the time of the next eviction, if one is needed.
    fn next_eviction(&self) -> Option<Instant> {
        if self.is_nearly_full() { self.silent.next_eviction() } else { None }
    }

    /// Removes a connection from the silent ones, or from those that are being evicted.
    fn end_silence(&mut self, number: u64) {
        if !self.silent.remove(number) {
            self.evicting -= 1;
        }
    }
}

impl ConnectionSlot {
    /// Records that the connection is accepted. It is silent from now on.
    pub fn mark_connected(&mut self, over_share: bool) {
        let class = if over_share { Class::OverShare } else { Class::UnderShare };
        self.begin_silence(class, Instant::now() + MIN_SILENCE);
    }

    /// Records that the call is received. The connection keeps its slot until it ends.
    pub fn call_received(&mut self) {
        if let Some(number) = self.number.take() {
            self.slots.state().end_silence(number);
        }
    }

    /// Records that the call was refused. From now on the connection is evicted before all others.
    pub fn mark_refused(&mut self) {
        self.begin_silence(Class::Refused, Instant::now());
    }

    fn begin_silence(&mut self, class: Class, protected_until: Instant) {
        let mut state = self.slots.state();
        if let Some(number) = self.number.take() {
            state.end_silence(number);
        }
        self.number = Some(state.silent.add(class, protected_until, self.eviction.clone()));
    }

    /// Waits until the connection is evicted. Cancel safe.
    pub async fn evicted(&self) {
        self.eviction.cancelled().await;
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut state = self.slots.state();
        if let Some(number) = self.number.take() {
            state.end_silence(number);
        }
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
