use futures_util::FutureExt;
use tokio::time::advance;

use super::*;

/// The slot of a connection that is silent.
async fn silent(slots: &ConnectionSlots) -> ConnectionSlot {
    let mut slot = slots.acquire().await;
    slot.mark_connected(false);
    slot
}

fn evicted(slot: &ConnectionSlot) -> bool {
    slot.evicted().now_or_never().is_some()
}

/// True if a connection that comes now waits.
async fn waits(slots: &ConnectionSlots) -> bool {
    // it yields once before it makes anybody give way
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
async fn the_connection_that_was_silent_longest_gives_its_slot_to_the_next() {
    let slots = ConnectionSlots::new(2, usize::MAX);
    let (first, second) = (silent(&slots).await, silent(&slots).await);
    let next = tokio::spawn({
        let slots = slots.clone();
        async move { silent(&slots).await }
    });
    advance(MIN_SILENCE).await;
    first.evicted().await;
    assert!(!evicted(&second));
    drop(first);
    let next = next.await.unwrap();
    assert!(!evicted(&next));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_told_of_its_call_keeps_its_slot() {
    let slots = ConnectionSlots::new(1, usize::MAX);
    let mut slot = silent(&slots).await;
    slot.call_received();
    advance(10 * MIN_SILENCE).await;
    assert!(waits(&slots).await);
    assert!(!slots.evict() && !evicted(&slot));
    drop(slot);
    assert!(!waits(&slots).await);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_just_come_has_time_to_tell_of_its_call() {
    let slots = ConnectionSlots::new(1, usize::MAX);
    let slot = silent(&slots).await;
    advance(MIN_SILENCE - Duration::from_millis(1)).await;
    assert!(waits(&slots).await);
    assert!(!evicted(&slot));
}

#[tokio::test(start_paused = true)]
async fn a_peer_beyond_its_share_gives_way_before_all_others() {
    let slots = ConnectionSlots::new(2, usize::MAX);
    let first = silent(&slots).await;
    let mut beyond = slots.acquire().await;
    beyond.mark_connected(true);
    advance(MIN_SILENCE).await;
    assert!(slots.evict() && evicted(&beyond) && !evicted(&first));
    assert!(slots.evict() && evicted(&first));
    assert!(!slots.evict());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_refused_gives_way_at_once_and_before_all_others() {
    let slots = ConnectionSlots::new(2, usize::MAX);
    let (first, mut refused) = (silent(&slots).await, silent(&slots).await);
    refused.call_received();
    advance(MIN_SILENCE).await;
    refused.mark_refused();
    assert!(slots.evict() && evicted(&refused) && !evicted(&first));
    drop(refused);
    assert_eq!(slots.state().evicting, 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_tells_of_its_call_while_it_is_to_give_way_leaves_the_count_right() {
    let slots = ConnectionSlots::new(2, usize::MAX);
    let (mut first, second) = (silent(&slots).await, silent(&slots).await);
    advance(MIN_SILENCE).await;
    assert!(slots.evict() && evicted(&first));
    first.call_received();
    assert_eq!(slots.state().evicting, 0);
    assert!(slots.evict() && evicted(&second));
    drop(second);
    assert_eq!(slots.state().evicting, 0);
    assert!(!waits(&slots).await);
}

#[tokio::test(start_paused = true)]
async fn slots_beyond_a_lower_limit_are_retired_as_they_come_back() {
    let slots = ConnectionSlots::new(300, usize::MAX);
    let mut before = Vec::new();
    for _ in 0..300 {
        before.push(slots.acquire().await);
    }
    assert!(waits(&slots).await);
    slots.set_limit(50, usize::MAX);
    let mut new = Vec::new();
    for _ in 0..50 {
        new.push(slots.acquire().await);
    }
    assert!(waits(&slots).await, "beyond the old ones there are as many as the new limit");
    before.truncate(0);
    assert!(waits(&slots).await, "the slots of the old ones are gone");
    new.pop();
    assert!(!waits(&slots).await);
    let state = slots.state();
    assert_eq!((state.taken, state.surplus), (49, 0));
}

#[tokio::test(start_paused = true)]
async fn a_higher_limit_lets_those_in_who_wait() {
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
async fn there_are_never_more_than_the_system_allows() {
    let slots = ConnectionSlots::new(300, 300);
    let mut before = Vec::new();
    for _ in 0..300 {
        before.push(slots.acquire().await);
    }
    slots.set_limit(50, 300);
    assert!(waits(&slots).await);
}
