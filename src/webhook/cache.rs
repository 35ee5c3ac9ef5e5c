//! Answers that are kept for calls that ask the same: one request for many callers who wait for it, and the last good
//! answer for the time when there is none.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use moka::Expiry;
use moka::future::Cache;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout_at};

use crate::hook::{Answer, CacheTimes};

/// By the fingerprint of the request.
type Key = [u8; 32];

/// The answers, those that are fresh and those that serve when the webhook has none, and what is being asked now.
#[derive(Debug)]
pub(super) struct KeptAnswers<E> {
    fresh: Cache<Key, Kept>,
    stale: Cache<Key, Kept>,
    flights: Flights<E>,
}

type Flights<E> = Lock<HashMap<(Key, Which), Arc<Flight<E>>>>;

/// Of two requests that may be on their way for the same answer: when the first one takes long, it may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Which {
    First,
    Second,
}

/// One request and those who wait for it, in their order: whoever holds it asks, until something has come of it.
/// (moka's own `try_get_with` panics for one who waits while two hundred who asked have hung up.)
type Flight<E> = Mutex<Option<Result<Kept, E>>>;

/// A place in a flight; the last one takes the flight along.
#[derive(Debug)]
struct Seat<'a, E> {
    flights: &'a Flights<E>,
    key: (Key, Which),
    flight: Arc<Flight<E>>,
}

/// One good answer.
#[derive(Debug, Clone)]
struct Kept {
    answer: Arc<Answer>,
    time: Duration,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From the webhook, for this call.
    Webhook,
    /// From the webhook, for another call that asked at the same time.
    Shared,
    /// From the webhook, for a call before.
    Cache,
    /// From the webhook a while ago; it has no good answer now.
    Stale,
}

/// The most that is kept, each of fresh and of stale answers.
const MOST_ANSWERS: u32 = 10_000;
const MOST_BYTES: u32 = 32 * 1024 * 1024;

/// What the smallest answer counts for, so that there are never more than [`MOST_ANSWERS`].
const LEAST_WEIGHT: u32 = MOST_BYTES.div_ceil(MOST_ANSWERS);

impl<E> Default for KeptAnswers<E> {
    fn default() -> Self {
        Self { fresh: cache(), stale: cache(), flights: Lock::default() }
    }
}

fn cache() -> Cache<Key, Kept> {
    let weight = |_: &Key, kept: &Kept| {
        let headers = kept.answer.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64);
        let bytes = kept.answer.body.len() + headers.sum::<usize>() + 512;
        u32::try_from(bytes).unwrap_or(u32::MAX).max(LEAST_WEIGHT)
    };
    Cache::builder().max_capacity(MOST_BYTES.into()).weigher(weight).expire_after(AsLongAsSaid).build()
}

/// Each answer is kept for the time that its hook says.
struct AsLongAsSaid;

impl Expiry<Key, Kept> for AsLongAsSaid {
    fn expire_after_create(&self, _: &Key, kept: &Kept, _: std::time::Instant) -> Option<Duration> {
        Some(kept.time)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        kept: &Kept,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.time)
    }
}

impl<E: Clone> KeptAnswers<E> {
    /// The answer that is kept, unless it is this one, or else the one that `asking` brings. Whoever asks the same meanwhile
    /// waits for it; from `enough` on, one of those who wait asks a second time, for all, and whichever comes first is taken.
    ///
    /// Cancel safe: when the one who asks leaves, the next one who waits asks in its place.
    ///
    /// # Errors
    /// What came of `asking`, of this call or of the one that was waited for.
    pub(super) async fn get(
        &self,
        key: Key,
        keeping: CacheTimes,
        enough: Instant,
        unless: Option<&Arc<Answer>>,
        asking: impl Future<Output = Result<Answer, E>>,
    ) -> Result<(Arc<Answer>, Origin), E> {
        if let Some(answer) = self.fresh(key, unless).await {
            return Ok((answer, Origin::Cache));
        }
        let first = self.seat(key, Which::First);
        if let Ok(result) = timeout_at(enough, first.flight.lock()).await {
            return self.go(&first, result, keeping, unless, asking).await;
        }
        let mut earlier = pin!(async { first.flight.lock().await.clone().and_then(Result::ok) });
        let mut again = pin!(async {
            let second = self.seat(key, Which::Second);
            let result = second.flight.lock().await;
            self.go(&second, result, keeping, unless, asking).await
        });
        let shared = |kept: Kept| (kept.answer, Origin::Shared);
        tokio::select! {
            biased;
            kept = &mut earlier => match kept {
                Some(kept) => Ok(shared(kept)),
                None => again.await,
            },
            asked = &mut again => match asked {
                Ok(answer) => Ok(answer),
                Err(error) => earlier.await.map(shared).ok_or(error),
            },
        }
    }

    async fn fresh(&self, key: Key, unless: Option<&Arc<Answer>>) -> Option<Arc<Answer>> {
        let answer = self.fresh.get(&key).await?.answer;
        unless.is_none_or(|unless| !Arc::ptr_eq(unless, &answer)).then_some(answer)
    }

    /// Asks, unless another one in the same flight has, or an answer has come meanwhile.
    async fn go(
        &self,
        seat: &Seat<'_, E>,
        mut result: MutexGuard<'_, Option<Result<Kept, E>>>,
        keeping: CacheTimes,
        unless: Option<&Arc<Answer>>,
        asking: impl Future<Output = Result<Answer, E>>,
    ) -> Result<(Arc<Answer>, Origin), E> {
        if let Some(result) = &*result {
            return result.clone().map(|kept| (kept.answer, Origin::Shared));
        }
        let (key, _) = seat.key;
        if let Some(answer) = self.fresh(key, unless).await {
            return Ok((answer, Origin::Cache));
        }
        let asked = asking.await.map(|answer| Kept { answer: Arc::new(answer), time: keeping.fresh });
        if let Ok(kept) = &asked {
            self.fresh.insert(key, kept.clone()).await;
            if !keeping.stale.is_zero() {
                let time = keeping.fresh + keeping.stale;
                self.stale.insert(key, Kept { answer: Arc::clone(&kept.answer), time }).await;
            }
        }
        // whoever comes from now on is not one of those who waited
        seat.end();
        *result = Some(asked.clone());
        asked.map(|kept| (kept.answer, Origin::Webhook))
    }

    fn seat(&self, key: Key, which: Which) -> Seat<'_, E> {
        let key = (key, which);
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let flight = Arc::clone(flights.entry(key).or_default());
        Seat { flights: &self.flights, key, flight }
    }

    /// The last good answer, while it may still serve.
    pub(super) async fn last_good(&self, key: Key) -> Option<Arc<Answer>> {
        Some(self.stale.get(&key).await?.answer)
    }

    /// How many answers are kept now.
    pub(super) async fn entries(&self) -> usize {
        // moka counts late
        self.fresh.run_pending_tasks().await;
        self.stale.run_pending_tasks().await;
        usize::try_from(self.fresh.entry_count() + self.stale.entry_count()).unwrap_or(usize::MAX)
    }
}

impl<E> Seat<'_, E> {
    /// Lets nobody join any more.
    fn end(&self) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            flights.remove(&self.key);
        }
    }
}

impl<E> Drop for Seat<'_, E> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let is_ours = flights.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        // the map's and this one: nobody else is on it, and nobody joins while the map is locked
        if is_ours && Arc::strong_count(&self.flight) <= 2 {
            flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    const KEEPING: CacheTimes = CacheTimes { fresh: Duration::from_secs(60), stale: Duration::from_secs(60) };

    /// So long everybody waits for the first one who asks.
    fn never() -> Instant {
        Instant::now() + Duration::from_secs(86_400)
    }

    fn answer(size: usize) -> Answer {
        Answer { code: 200, body: vec![b'x'; size], ..Answer::default() }
    }

    #[tokio::test]
    async fn many_who_ask_the_same_make_one_request() {
        let (kept, asked) = (KeptAnswers::<()>::default(), AtomicUsize::new(0));
        let ask = || {
            kept.get([1; 32], KEEPING, never(), None, async {
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(answer(1))
            })
        };
        let origins: Vec<_> = join_all((0..50).map(|_| ask())).await;
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(origins.iter().filter(|got| got.as_ref().unwrap().1 == Origin::Webhook).count(), 1);
        assert!(kept.last_good([1; 32]).await.is_some() && kept.last_good([2; 32]).await.is_none());
        assert!(kept.flights.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn however_many_leave_while_they_ask_the_next_one_asks() {
        let (kept, asked) = (Arc::new(KeptAnswers::<()>::default()), Arc::new(AtomicUsize::new(0)));
        let caller = |_| {
            let (kept, asked) = (Arc::clone(&kept), Arc::clone(&asked));
            tokio::spawn(async move {
                let asking = async {
                    let before = asked.fetch_add(1, Ordering::Relaxed);
                    if before < 299 { std::future::pending().await } else { Ok(answer(1)) }
                };
                kept.get([1; 32], KEEPING, never(), None, asking).await
            })
        };
        let mut callers: std::collections::VecDeque<_> = (0..300).map(caller).collect();
        for number in 1..300 {
            while asked.load(Ordering::Relaxed) < number {
                tokio::task::yield_now().await;
            }
            // they ask in the order in which they came
            callers.pop_front().unwrap().abort();
        }
        let (_, origin) = callers.pop_front().unwrap().await.unwrap().unwrap();
        assert_eq!((origin, asked.load(Ordering::Relaxed)), (Origin::Webhook, 300));
        assert!(kept.flights.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn one_who_waits_and_leaves_takes_nothing_along() {
        let kept = KeptAnswers::<()>::default();
        let pending = || kept.get([1; 32], KEEPING, never(), None, std::future::pending());
        let (mut first, mut second) = (Box::pin(pending()), Box::pin(pending()));
        for waiting in [&mut first, &mut second] {
            assert!(futures_util::poll!(waiting).is_pending());
        }
        drop(second);
        assert_eq!(kept.flights.lock().unwrap().len(), 1);
        drop(first);
        assert!(kept.flights.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_first_who_asks_takes_long_one_of_those_who_wait_asks_for_all() {
        let (kept, asked) = (KeptAnswers::<()>::default(), AtomicUsize::new(0));
        let second = Duration::from_secs(1);
        let call = async |number: u32| {
            let asking = async {
                let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
                tokio::time::sleep(10 * second).await;
                if first { Err(()) } else { Ok(answer(1)) }
            };
            kept.get([1; 32], KEEPING, Instant::now() + number * second, None, asking)
                .await
                .map(|(_, origin)| origin)
        };
        let origins = join_all((1..=9).map(call)).await;
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        let good = [Origin::Webhook].into_iter().chain([Origin::Shared; 7]).map(Ok);
        assert_eq!(origins, [Err(())].into_iter().chain(good).collect::<Vec<_>>());
        assert!(kept.flights.lock().unwrap().is_empty());
    }

    /// Nine callers who would wait two seconds, and ask a second time after one. The first request takes so long and ends
    /// so, and the second one.
    async fn nine(first: (u64, bool), second: (u64, bool)) -> Vec<Result<bool, bool>> {
        let (kept, asked) = (KeptAnswers::<bool>::default(), AtomicUsize::new(0));
        let call = async |_: u64| {
            let asking = async {
                let (time, good) = if asked.fetch_add(1, Ordering::Relaxed) == 0 { first } else { second };
                tokio::time::sleep(Duration::from_millis(time)).await;
                if good { Ok(answer(1)) } else { Err(false) }
            };
            let (now, second) = (Instant::now(), Duration::from_secs(1));
            let got = kept.get([1; 32], KEEPING, now + second, None, asking);
            let got = timeout_at(now + 2 * second, got).await.unwrap_or(Err(true));
            got.map(|_| now.elapsed() < Duration::from_millis(1250))
        };
        join_all((0..9).map(call)).await
    }

    #[tokio::test(start_paused = true)]
    async fn whichever_of_the_two_requests_answers_first_serves_everybody() {
        assert_eq!(nine((1200, true), (1200, true)).await, [Ok(true); 9], "the first one");
        assert_eq!(nine((1900, false), (100, true)).await[1..], [Ok(true); 8], "the second one");
        assert_eq!(nine((1200, true), (10, false)).await, [Ok(true); 9], "the second one fails");
        assert_eq!(nine((1200, false), (500, false)).await, [Err(false); 9]);
    }

    #[tokio::test]
    async fn an_answer_that_was_judged_is_passed_over_and_kept_for_others() {
        let kept = KeptAnswers::<()>::default();
        let (judged, _) = kept.get([1; 32], KEEPING, never(), None, async { Ok(answer(1)) }).await.unwrap();
        let asked = kept.get([1; 32], KEEPING, never(), Some(&judged), async { Err(()) }).await;
        assert!(asked.is_err());
        let (answer, origin) = kept.get([1; 32], KEEPING, never(), None, async { Err(()) }).await.unwrap();
        assert!(Arc::ptr_eq(&answer, &judged) && origin == Origin::Cache);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let kept = KeptAnswers::default();
        assert_eq!(kept.get([1; 32], KEEPING, never(), None, async { Err("no") }).await.unwrap_err(), "no");
        let (_, origin) = kept.get([1; 32], KEEPING, never(), None, async { Ok(answer(1)) }).await.unwrap();
        assert_eq!(origin, Origin::Webhook);
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_in_number_and_in_bytes() {
        let kept = KeptAnswers::<()>::default();
        for number in 0..12_000_u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            kept.get(key, CacheTimes { stale: Duration::ZERO, ..KEEPING }, never(), None, async {
                Ok(answer(1))
            })
            .await
            .unwrap();
        }
        kept.fresh.run_pending_tasks().await;
        assert!(kept.fresh.entry_count() <= u64::from(MOST_ANSWERS), "{}", kept.fresh.entry_count());
        for number in 0..1_000_u32 {
            let mut key = [1; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            kept.get(key, KEEPING, never(), None, async { Ok(answer(64 * 1024)) }).await.unwrap();
        }
        kept.fresh.run_pending_tasks().await;
        assert!(kept.fresh.weighted_size() <= u64::from(MOST_BYTES));
    }
}
