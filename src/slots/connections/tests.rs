use futures_util::FutureExt;
use tokio::time::advance;

use super::*;

/// The slot of a connection that is silent.
async fn silent(slots: &ConnectionSlots) -> ConnectionSlot {
    let mut slot = slots.enter().await;
    slot.connected(false);
    slot
}

fn gives_way(slot: &ConnectionSlot) -> bool {
    slot.gives_way().now_or_never().is_some()
}

/// True if a connection that comes now waits.
async fn waits(slots: &ConnectionSlots) -> bool {
    // it yields once before it makes anybody give way
    let (slots, entered) = (slots.clone(), CancellationToken::new());
    let done = entered.clone();
    let task = tokio::spawn(async move {
        drop(slots.enter().await);
        done.cancel();
    });
    for _ in 0..3 {
        yield_now().await;
    }
    task.abort();
    !entered.is_cancelled()
}

#[tokio::test(start_paused = true)]
async fn the_connection_that_was_silent_longest_gives_its_slot_to_the_next() {
    let slots = ConnectionSlots::new(2, usize::MAX);
    let (first, second) = (silent(&slots).await, silent(&slots).await);
    let next = tokio::spawn({
        let slots = slots.clone();
        async move { silent(&slots).await }
    });
    advance(SHORTEST_SILENCE).await;
    first.gives_way().await;
    assert!(!gives_way(&second));
    drop(first);
    let next = next.await.unwrap();
    assert!(!gives_way(&next));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_told_of_its_call_keeps_its_slot() {
    let slots = ConnectionSlots::new(1, usize::MAX);
    let mut slot = silent(&slots).await;
    slot.told();
    advance(10 * SHORTEST_SILENCE).await;
    assert!(waits(&slots).await);
    assert!(!slots.displace() && !gives_way(&slot));
    drop(slot);
    assert!(!waits(&slots).await);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_just_come_has_time_to_tell_of_its_call() {
    let slots = ConnectionSlots::new(1, usize::MAX);
    let slot = silent(&slots).await;
    advance(SHORTEST_SILENCE - Duration::from_millis(1)).await;
    assert!(waits(&slots).await);
    assert!(!gives_way(&slot));
}

#[tokio::test(start_paused = true)]
async fn a_peer_beyond_its_share_gives_way_before_all_others() {
    let slots = ConnectionSlots::new(2, usize::MAX);
    let first = silent(&slots).await;
    let mut beyond = slots.enter().await;
    beyond.connected(true);
    advance(SHORTEST_SILENCE).await;
    assert!(slots.displace() && gives_way(&beyond) && !gives_way(&first));
    assert!(slots.displace() && gives_way(&first));
    assert!(!slots.displace());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_refused_gives_way_at_once_and_before_all_others() {
    let slots = ConnectionSlots::new(2, usize::MAX);
    let (first, mut refused) = (silent(&slots).await, silent(&slots).await);
    refused.told();
    advance(SHORTEST_SILENCE).await;
    refused.refused();
    assert!(slots.displace() && gives_way(&refused) && !gives_way(&first));
    drop(refused);
    assert_eq!(slots.state().leaving, 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_tells_of_its_call_while_it_is_to_give_way_leaves_the_count_right() {
    let slots = ConnectionSlots::new(2, usize::MAX);
    let (mut first, second) = (silent(&slots).await, silent(&slots).await);
    advance(SHORTEST_SILENCE).await;
    assert!(slots.displace() && gives_way(&first));
    first.told();
    assert_eq!(slots.state().leaving, 0);
    assert!(slots.displace() && gives_way(&second));
    drop(second);
    assert_eq!(slots.state().leaving, 0);
    assert!(!waits(&slots).await);
}

#[tokio::test(start_paused = true)]
async fn slots_beyond_a_lower_limit_are_retired_as_they_come_back() {
    let slots = ConnectionSlots::new(300, usize::MAX);
    let mut before = Vec::new();
    for _ in 0..300 {
        before.push(slots.enter().await);
    }
    assert!(waits(&slots).await);
    slots.limit_to(50, usize::MAX);
    let mut new = Vec::new();
    for _ in 0..50 {
        new.push(slots.enter().await);
    }
    assert!(waits(&slots).await, "beyond the old ones there are as many as the new limit");
    before.truncate(0);
    assert!(waits(&slots).await, "the slots of the old ones are gone");
    new.pop();
    assert!(!waits(&slots).await);
    let state = slots.state();
    assert_eq!((state.taken, state.retiring), (49, 0));
}

#[tokio::test(start_paused = true)]
async fn a_higher_limit_lets_those_in_who_wait() {
    let slots = ConnectionSlots::new(1, usize::MAX);
    let _first = slots.enter().await;
    let waiting = tokio::spawn({
        let slots = slots.clone();
        async move { slots.enter().await }
    });
    yield_now().await;
    slots.limit_to(2, usize::MAX);
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn there_are_never_more_than_the_system_allows() {
    let slots = ConnectionSlots::new(300, 300);
    let mut before = Vec::new();
    for _ in 0..300 {
        before.push(slots.enter().await);
    }
    slots.limit_to(50, 300);
    assert!(waits(&slots).await);
}
