//! The cache of answers: fresh ones for calls that ask the same, and stale ones for the time when the webhook
//! has no good answer (stale-if-error, RFC 5861, section 4).

use std::sync::Arc;
use std::time::Duration;

use moka::Expiry;
use moka::future::Cache;
use tokio::time::Instant;

use super::Origin;
use super::single_flight::{FlightEvent, Key, SingleFlight, ValueOrigin};
use crate::hook::{Answer, CacheTimes};

/// The fresh and the stale answers, and the requests under way for them. `E` is what a caller gets instead of
/// a good answer.
#[derive(Debug)]
pub(super) struct AnswerCache<E> {
    fresh: Cache<Key, CachedAnswer>,
    stale: Cache<Key, CachedAnswer>,
    flights: SingleFlight<DatedAnswer, E>,
}

/// One good answer, and the moment at which it was received.
#[derive(Debug, Clone)]
pub(super) struct DatedAnswer {
    pub(super) answer: Arc<Answer>,
    received: Instant,
}

impl DatedAnswer {
    pub(super) fn age(&self) -> Duration {
        self.received.elapsed()
    }
}

#[derive(Debug, Clone)]
struct CachedAnswer {
    dated: DatedAnswer,
    lifetime: Duration,
}

/// The limits of each of the two caches.
const MOST_ANSWERS: u32 = 10_000;
const MOST_BYTES: u32 = 32 * 1024 * 1024;

/// The weight of the smallest answer. With it there are never more than [`MOST_ANSWERS`].
const LEAST_WEIGHT: u32 = MOST_BYTES.div_ceil(MOST_ANSWERS);

impl<E> Default for AnswerCache<E> {
    fn default() -> Self {
        Self { fresh: cache(), stale: cache(), flights: SingleFlight::default() }
    }
}

fn cache() -> Cache<Key, CachedAnswer> {
    let weight = |_: &Key, cached: &CachedAnswer| weight(&cached.dated.answer);
    Cache::builder().max_capacity(MOST_BYTES.into()).weigher(weight).expire_after(OwnLifetime).build()
}

/// Returns about how many bytes of memory an answer takes, at least [`LEAST_WEIGHT`].
fn weight(answer: &Answer) -> u32 {
    let headers = answer.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64);
    let bytes = answer.body.len() + headers.sum::<usize>() + 512;
    u32::try_from(bytes).unwrap_or(u32::MAX).max(LEAST_WEIGHT)
}

/// Each answer has the lifetime of its hook's settings.
struct OwnLifetime;

impl Expiry<Key, CachedAnswer> for OwnLifetime {
    fn expire_after_create(&self, _: &Key, cached: &CachedAnswer, _: std::time::Instant) -> Option<Duration> {
        Some(cached.lifetime)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        cached: &CachedAnswer,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(cached.lifetime)
    }
}

impl<E: Clone> AnswerCache<E> {
    /// Returns the fresh answer, or the one that `request` brings. Callers of the same key share one request;
    /// from `hedge_at` on, one of those who wait makes a hedged request. `refused` is an answer that the
    /// caller has seen and does not accept. `note` is called if the caller waits or makes a request.
    ///
    /// Cancel safe: if the caller who makes the request leaves, the next one makes it.
    ///
    /// # Errors
    /// Returns the error of `request`, of this call or of the one that it has waited for.
    pub(super) async fn get(
        &self,
        key: Key,
        times: CacheTimes,
        hedge_at: Instant,
        refused: Option<&Arc<Answer>>,
        request: impl AsyncFnOnce() -> Result<Arc<Answer>, E>,
        note: impl Fn(FlightEvent),
    ) -> Result<(DatedAnswer, Origin), E> {
        if let Some(answer) = self.fresh(key, refused).await {
            return Ok((answer, Origin::Cache));
        }
        // boxed, because the flights hold it in several states
        let request = Box::pin(async {
            let answer = DatedAnswer { answer: request().await?, received: Instant::now() };
            self.insert(key, times, &answer).await;
            Ok(answer)
        });
        let known = self.fresh(key, refused);
        let (answer, origin) = self.flights.run(key, hedge_at, known, request, note).await?;
        let origin = match origin {
            ValueOrigin::OwnRequest => Origin::Webhook,
            ValueOrigin::OtherRequest => Origin::Shared,
            ValueOrigin::Known => Origin::Cache,
        };
        Ok((answer, origin))
    }

    async fn fresh(&self, key: Key, refused: Option<&Arc<Answer>>) -> Option<DatedAnswer> {
        let dated = self.fresh.get(&key).await?.dated;
        let is_refused = refused.is_some_and(|refused| Arc::ptr_eq(refused, &dated.answer));
        if is_refused { None } else { Some(dated) }
    }

    async fn insert(&self, key: Key, times: CacheTimes, dated: &DatedAnswer) {
        let cached = |lifetime| CachedAnswer { dated: dated.clone(), lifetime };
        self.fresh.insert(key, cached(times.fresh)).await;
        if !times.stale.is_zero() {
            self.stale.insert(key, cached(times.fresh + times.stale)).await;
        }
    }

    /// Returns the last good answer if it is not older than the hook allows.
    pub(super) async fn stale(&self, key: Key) -> Option<DatedAnswer> {
        Some(self.stale.get(&key).await?.dated)
    }

    /// Returns the number of answers, fresh and stale.
    pub(super) async fn entries(&self) -> usize {
        // moka counts only when its pending tasks have run
        self.fresh.run_pending_tasks().await;
        self.stale.run_pending_tasks().await;
        usize::try_from(self.fresh.entry_count() + self.stale.entry_count()).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: CacheTimes = CacheTimes { fresh: Duration::from_secs(60), stale: Duration::from_secs(60) };

    type Got<E> = Result<(DatedAnswer, Origin), E>;

    fn answer(size: usize) -> Arc<Answer> {
        Arc::new(Answer { code: 200, body: vec![b'x'; size], ..Answer::default() })
    }

    fn dated(size: usize) -> DatedAnswer {
        DatedAnswer { answer: answer(size), received: Instant::now() }
    }

    /// Asks for the key `[1; 32]`, and makes a request with this result if there is no fresh answer.
    async fn get<E: Clone>(
        cache: &AnswerCache<E>,
        refused: Option<&Arc<Answer>>,
        result: Result<Arc<Answer>, E>,
    ) -> Got<E> {
        let hedge_at = Instant::now() + Duration::from_secs(86_400);
        cache.get([1; 32], TIMES, hedge_at, refused, async || result, |_| {}).await
    }

    #[tokio::test]
    async fn a_good_answer_is_cached_as_fresh_and_as_stale() {
        let cache = AnswerCache::<()>::default();
        assert_eq!(get(&cache, None, Ok(answer(1))).await.unwrap().1, Origin::Webhook);
        assert_eq!(get(&cache, None, Err(())).await.unwrap().1, Origin::Cache);
        assert!(cache.stale([1; 32]).await.is_some() && cache.stale([2; 32]).await.is_none());
        assert_eq!(cache.entries().await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_age_of_an_answer_counts_from_its_receipt() {
        let cache = AnswerCache::default();
        let (received, _) = get(&cache, None, Ok(answer(1))).await.unwrap();
        assert_eq!(received.age(), Duration::ZERO);
        tokio::time::advance(Duration::from_secs(7)).await;
        let (fresh, _) = get(&cache, None, Err(())).await.unwrap();
        let stale = cache.stale([1; 32]).await.unwrap();
        assert_eq!([fresh.age(), stale.age()], [Duration::from_secs(7); 2]);
    }

    #[tokio::test]
    async fn a_refused_answer_is_not_returned_again_and_stays_cached_for_others() {
        let cache = AnswerCache::default();
        let (refused, _) = get(&cache, None, Ok(answer(1))).await.unwrap();
        assert!(get(&cache, Some(&refused.answer), Err(())).await.is_err());
        let (answer, origin) = get(&cache, None, Err(())).await.unwrap();
        assert!(Arc::ptr_eq(&answer.answer, &refused.answer) && origin == Origin::Cache);
    }

    #[tokio::test]
    async fn a_failure_is_not_cached() {
        let cache = AnswerCache::default();
        assert_eq!(get(&cache, None, Err("no")).await.unwrap_err(), "no");
        assert_eq!(get(&cache, None, Ok(answer(1))).await.unwrap().1, Origin::Webhook);
    }

    #[tokio::test]
    async fn the_cache_has_a_limit_of_answers_and_of_bytes() {
        let cache = AnswerCache::<()>::default();
        for number in 0..12_000_u32 {
            cache.insert(key(number), CacheTimes { stale: Duration::ZERO, ..TIMES }, &dated(1)).await;
        }
        cache.fresh.run_pending_tasks().await;
        assert!(cache.fresh.entry_count() <= u64::from(MOST_ANSWERS), "{}", cache.fresh.entry_count());
        for number in 20_000..21_000_u32 {
            cache.insert(key(number), TIMES, &dated(64 * 1024)).await;
        }
        cache.fresh.run_pending_tasks().await;
        assert!(cache.fresh.weighted_size() <= u64::from(MOST_BYTES));
    }

    fn key(number: u32) -> Key {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        key
    }
}
