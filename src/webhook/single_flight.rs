//! One request for many callers who would send the same at the same time.
//!
//! The first caller is the leader and makes the request; the others wait for its result. A request that takes
//! long may be lost, so one of the waiters makes a second one, the hedged request. The first good result of
//! the two serves all.
//!
//! Does not know what the value is, or how long it is cached.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex as Lock, PoisonError};

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout_at};

/// The fingerprint of a request.
pub(super) type Key = [u8; 32];

/// The flights that are under way.
#[derive(Debug)]
pub(super) struct SingleFlight<T, E> {
    flights: Flights<T, E>,
}

type Flights<T, E> = Lock<HashMap<(Key, FlightKind), Arc<Flight<T, E>>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum FlightKind {
    First,
    Hedge,
}

/// The result of one flight; none while it is under way. Its lock is held by the leader, and waited for by
/// the others in the order in which they came. (`try_get_with` of moka is not used: it panics in a waiter as
/// soon as two hundred leaders of the same flight have hung up.)
type Flight<T, E> = Mutex<Option<Result<T, E>>>;

/// One caller's part in a flight. The last one to leave removes the flight.
#[derive(Debug)]
struct Waiter<'a, T, E> {
    flights: &'a Flights<T, E>,
    key: (Key, FlightKind),
    flight: Arc<Flight<T, E>>,
}

/// The origin of the value that a caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueOrigin {
    /// The request of this caller.
    OwnRequest,
    /// The request of another caller.
    OtherRequest,
    /// The value was known before the caller could make the request.
    Known,
}

/// A change in the part that a caller has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlightEvent {
    /// The caller waits for the request of another caller.
    Waits,
    /// The caller makes the request.
    Leads,
    /// The caller makes the hedged request.
    Hedges,
}

impl<T, E> Default for SingleFlight<T, E> {
    fn default() -> Self {
        Self { flights: Lock::default() }
    }
}

impl<T: Clone, E: Clone> SingleFlight<T, E> {
    /// Returns the result of the flight that is under way for this key, or leads one. From `hedge_at` on, a
    /// caller who still waits joins a second flight as well; the first good result of the two counts.
    ///
    /// A leader calls `known` before it makes the request, because another flight may have ended meanwhile.
    /// `note` is called at each change in the caller's part.
    ///
    /// Cancel safe: if a leader leaves, the next waiter leads in its place.
    ///
    /// # Errors
    /// Returns the error of `request`, of this caller or of the leader.
    pub(super) async fn run(
        &self,
        key: Key,
        hedge_at: Instant,
        known: impl Future<Output = Option<T>>,
        request: impl Future<Output = Result<T, E>>,
        note: impl Fn(FlightEvent),
    ) -> Result<(T, ValueOrigin), E> {
        let first = self.join(key, FlightKind::First);
        if let Ok(result) = first.flight.try_lock() {
            return first.result_or_lead(result, known, request, || note(FlightEvent::Leads)).await;
        }
        note(FlightEvent::Waits);
        if let Ok(result) = timeout_at(hedge_at, first.flight.lock()).await {
            return first.result_or_lead(result, known, request, || note(FlightEvent::Leads)).await;
        }
        let mut first_result = pin!(async { first.flight.lock().await.clone().and_then(Result::ok) });
        let mut hedged = pin!(async {
            let hedge = self.join(key, FlightKind::Hedge);
            let result = hedge.flight.lock().await;
            hedge.result_or_lead(result, known, request, || note(FlightEvent::Hedges)).await
        });
        tokio::select! {
            biased;
            value = &mut first_result => match value {
                Some(value) => Ok((value, ValueOrigin::OtherRequest)),
                None => hedged.await,
            },
            result = &mut hedged => match result {
                Ok(value) => Ok(value),
                Err(error) => first_result.await.map(|value| (value, ValueOrigin::OtherRequest)).ok_or(error),
            },
        }
    }

    fn join(&self, key: Key, kind: FlightKind) -> Waiter<'_, T, E> {
        let key = (key, kind);
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let flight = Arc::clone(flights.entry(key).or_default());
        Waiter { flights: &self.flights, key, flight }
    }
}

impl<T: Clone, E: Clone> Waiter<'_, T, E> {
    /// Returns the result of the flight whose lock the caller has got. If there is none yet, the caller is
    /// the leader.
    async fn result_or_lead(
        &self,
        mut result: MutexGuard<'_, Option<Result<T, E>>>,
        known: impl Future<Output = Option<T>>,
        request: impl Future<Output = Result<T, E>>,
        leads: impl FnOnce(),
    ) -> Result<(T, ValueOrigin), E> {
        if let Some(result) = &*result {
            return result.clone().map(|value| (value, ValueOrigin::OtherRequest));
        }
        if let Some(value) = known.await {
            return Ok((value, ValueOrigin::Known));
        }
        leads();
        let requested = request.await;
        // a caller who comes from now on is none of the waiters
        self.close();
        *result = Some(requested.clone());
        requested.map(|value| (value, ValueOrigin::OwnRequest))
    }
}

impl<T, E> Waiter<'_, T, E> {
    /// Lets no other caller join the flight.
    fn close(&self) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            flights.remove(&self.key);
        }
    }
}

impl<T, E> Drop for Waiter<'_, T, E> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open = flights.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        // two: the map and this caller; nobody can join while the map is locked
        if is_open && Arc::strong_count(&self.flight) <= 2 {
            flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    const KEY: Key = [1; 32];
    const SECOND: Duration = Duration::from_secs(1);

    /// A moment so late that no caller makes a hedged request.
    fn never() -> Instant {
        Instant::now() + 86_400 * SECOND
    }

    #[tokio::test]
    async fn many_callers_of_the_same_key_make_one_request() {
        let (flights, requests) = (SingleFlight::<u8, ()>::default(), AtomicUsize::new(0));
        let call = || {
            let request = async {
                requests.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(1)
            };
            flights.run(KEY, never(), ready(None), request, |_| {})
        };
        let results: Vec<_> = join_all((0..50).map(|_| call())).await;
        assert_eq!(requests.load(Ordering::Relaxed), 1);
        assert_eq!(results.iter().filter(|result| **result == Ok((1, ValueOrigin::OwnRequest))).count(), 1);
        assert!(flights.flights.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn when_a_leader_leaves_the_next_waiter_leads_however_many_leave() {
        let (flights, requests) =
            (Arc::new(SingleFlight::<u8, ()>::default()), Arc::new(AtomicUsize::new(0)));
        let caller = |_| {
            let (flights, requests) = (Arc::clone(&flights), Arc::clone(&requests));
            tokio::spawn(async move {
                let request = async {
                    let before = requests.fetch_add(1, Ordering::Relaxed);
                    if before < 299 { pending().await } else { Ok(1) }
                };
                flights.run(KEY, never(), ready(None), request, |_| {}).await
            })
        };
        let mut callers: VecDeque<_> = (0..300).map(caller).collect();
        for number in 1..300 {
            while requests.load(Ordering::Relaxed) < number {
                tokio::task::yield_now().await;
            }
            // they lead in the order in which they came
            callers.pop_front().unwrap().abort();
        }
        let result = callers.pop_front().unwrap().await.unwrap();
        assert_eq!((result, requests.load(Ordering::Relaxed)), (Ok((1, ValueOrigin::OwnRequest)), 300));
        assert!(flights.flights.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_waiter_who_leaves_does_not_end_the_flight() {
        let flights = SingleFlight::<u8, ()>::default();
        let call = || flights.run(KEY, never(), ready(None), pending(), |_| {});
        let (mut leader, mut waiter) = (Box::pin(call()), Box::pin(call()));
        for caller in [&mut leader, &mut waiter] {
            assert!(futures_util::poll!(caller).is_pending());
        }
        drop(waiter);
        assert_eq!(flights.flights.lock().unwrap().len(), 1);
        drop(leader);
        assert!(flights.flights.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn when_a_flight_takes_long_one_waiter_makes_a_hedged_request_for_all() {
        let (flights, requests) = (SingleFlight::<u8, ()>::default(), AtomicUsize::new(0));
        let call = async |number: u32| {
            let request = async {
                let is_first = requests.fetch_add(1, Ordering::Relaxed) == 0;
                tokio::time::sleep(10 * SECOND).await;
                if is_first { Err(()) } else { Ok(1) }
            };
            let hedge_at = Instant::now() + number * SECOND;
            let result = flights.run(KEY, hedge_at, ready(None), request, |_| {}).await;
            result.map(|(_, origin)| origin)
        };
        let results = join_all((1..=9).map(call)).await;
        assert_eq!(requests.load(Ordering::Relaxed), 2);
        let good = [ValueOrigin::OwnRequest].into_iter().chain([ValueOrigin::OtherRequest; 7]).map(Ok);
        assert_eq!(results, [Err(())].into_iter().chain(good).collect::<Vec<_>>());
        assert!(flights.flights.lock().unwrap().is_empty());
    }

    /// Nine callers who wait two seconds, and make a hedged request after one. Each of the two requests takes
    /// so many milliseconds and is good or not. Returns for each caller `Ok` with true if it took less than
    /// 1.25 s, or `Err` with true if its time was over.
    async fn nine(first: (u64, bool), hedged: (u64, bool)) -> Vec<Result<bool, bool>> {
        let (flights, requests) = (SingleFlight::<u8, bool>::default(), AtomicUsize::new(0));
        let call = async |_: u64| {
            let request = async {
                let is_first = requests.fetch_add(1, Ordering::Relaxed) == 0;
                let (time, is_good) = if is_first { first } else { hedged };
                tokio::time::sleep(Duration::from_millis(time)).await;
                if is_good { Ok(1) } else { Err(false) }
            };
            let now = Instant::now();
            let result = flights.run(KEY, now + SECOND, ready(None), request, |_| {});
            let result = timeout_at(now + 2 * SECOND, result).await.unwrap_or(Err(true));
            result.map(|_| now.elapsed() < Duration::from_millis(1250))
        };
        join_all((0..9).map(call)).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_good_result_of_the_two_requests_serves_all() {
        assert_eq!(nine((1200, true), (1200, true)).await, [Ok(true); 9], "of the first request");
        assert_eq!(nine((1900, false), (100, true)).await[1..], [Ok(true); 8], "of the hedged request");
        assert_eq!(nine((1200, true), (10, false)).await, [Ok(true); 9], "the hedged request fails");
        assert_eq!(nine((1200, false), (500, false)).await, [Err(false); 9], "both fail");
    }
}
