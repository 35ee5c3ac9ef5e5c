//! Slots are counted right, and the right connection is evicted.

use futures_util::FutureExt;
use tokio::time::advance;

use super::*;

/// Takes the slot of a connection that is silent.
async fn silent(slots: &ConnectionSlots) -> ConnectionSlot {
    let mut slot = slots.acquire().await;
    slot.mark_connected(false);
    slot
}

fn is_evicted(slot: &ConnectionSlot) -> bool {
    slot.evicted().now_or_never().is_some()
}

/// True if a new connection has to wait for a slot.
async fn is_full(slots: &ConnectionSlots) -> bool {
    // `acquire` yields once before it evicts a connection
    let (slots, acquired) = (slots.clone(), CancellationToken::new());
    let done = acquired.clone();
    let task = tokio::spawn(async move {
        drop(slots.acquire().await);
        done.cancel();
    });
    for _ in 0..3 {
        yield_now().await;
    }
    task.abort();
    !acquired.is_cancelled()
}

#[tokio::test(start_paused = true)]
async fn the_connection_that_was_silent_longest_is_evicted_for_a_new_one() {
    let slots = ConnectionSlots::new(2, usize::MAX);
    let (first, second) = (silent(&slots).await, silent(&slots).await);
    let next = tokio::spawn({
        let slots = slots.clone();
        async move { silent(&slots).await }
    });
    advance(MIN_SILENCE).await;
    first.evicted().await;
    assert!(!is_evicted(&second));
    drop(first);
    let next = next.await.unwrap();
    assert!(!is_evicted(&next));
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_a_call_is_never_evicted() {
    let slots = ConnectionSlots::new(1, usize::MAX);
    let mut slot = silent(&slots).await;
    slot.call_received();
    advance(10 * MIN_SILENCE).await;
    assert!(is_full(&slots).await);
    assert!(!slots.evict() && !is_evicted(&slot));
    drop(slot);
    assert!(!is_full(&slots).await);
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_is_not_evicted_at_once() {
    let slots = ConnectionSlots::new(1, usize::MAX);
    let slot = silent(&slots).await;
    advance(MIN_SILENCE - Duration::from_millis(1)).await;
    assert!(is_full(&slots).await);
    assert!(!is_evicted(&slot));
}

#[tokio::test(start_paused = true)]
async fn connections_over_the_share_of_their_peer_are_evicted_first() {
    let slots = ConnectionSlots::new(2, usize::MAX);
    let first = silent(&slots).await;
    let mut beyond = slots.acquire().await;
    beyond.mark_connected(true);
    advance(MIN_SILENCE).await;
    assert!(slots.evict() && is_evicted(&beyond) && !is_evicted(&first));
    assert!(slots.evict() && is_evicted(&first));
    assert!(!slots.evict());
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_evicted_at_once_and_before_all_others() {
    let slots = ConnectionSlots::new(2, usize::MAX);
    let (first, mut refused) = (silent(&slots).await, silent(&slots).await);
    refused.call_received();
    advance(MIN_SILENCE).await;
    refused.mark_refused();
    assert!(slots.evict() && is_evicted(&refused) && !is_evicted(&first));
    drop(refused);
    assert_eq!(slots.state().evicting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_arrives_during_its_eviction_is_counted_once() {
    let slots = ConnectionSlots::new(2, usize::MAX);
    let (mut first, second) = (silent(&slots).await, silent(&slots).await);
    advance(MIN_SILENCE).await;
    assert!(slots.evict() && is_evicted(&first));
    first.call_received();
    assert_eq!(slots.state().evicting, 0);
    assert!(slots.evict() && is_evicted(&second));
    drop(second);
    assert_eq!(slots.state().evicting, 0);
    assert!(!is_full(&slots).await);
}

#[tokio::test(start_paused = true)]
async fn slots_over_a_reduced_limit_are_not_given_out_again() {
    let slots = ConnectionSlots::new(300, usize::MAX);
    let mut before = Vec::new();
    for _ in 0..300 {
        before.push(slots.acquire().await);
    }
    assert!(is_full(&slots).await);
    slots.set_limit(50, usize::MAX);
    let mut new = Vec::new();
    for _ in 0..50 {
        new.push(slots.acquire().await);
    }
    assert!(is_full(&slots).await, "beside the old connections there are as many slots as the new limit");
    before.truncate(0);
    assert!(is_full(&slots).await, "the slots of the old connections are not given out again");
    new.pop();
    assert!(!is_full(&slots).await);
    let state = slots.state();
    assert_eq!((state.taken, state.surplus), (49, 0));
}

#[tokio::test(start_paused = true)]
async fn a_higher_limit_admits_waiting_connections() {
    let slots = ConnectionSlots::new(1, usize::MAX);
    let _first = slots.acquire().await;
    let waiting = tokio::spawn({
        let slots = slots.clone();
        async move { slots.acquire().await }
    });
    yield_now().await;
    slots.set_limit(2, usize::MAX);
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_hard_limit_is_never_exceeded() {
    let slots = ConnectionSlots::new(300, 300);
    let mut before = Vec::new();
    for _ in 0..300 {
        before.push(slots.acquire().await);
    }
    slots.set_limit(50, 300);
    assert!(is_full(&slots).await);
}
