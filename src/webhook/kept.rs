//! Answers that are kept for calls that ask the same: one request for many callers who wait for it, and the last good
//! answer for the time when there is none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;

use crate::hook::{Answer, Keeping};

/// By the fingerprint of the request.
type Key = [u8; 32];

/// The answers, those that are fresh and those that serve when the webhook has none.
#[derive(Debug, Clone)]
pub(super) struct KeptAnswers {
    fresh: Cache<Key, Kept>,
    stale: Cache<Key, Kept>,
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
    /// From the webhook, for this call or another one a moment ago.
    Cache,
    /// From the webhook a while ago; it has no good answer now.
    Stale,
}

/// The most that is kept, each of fresh and of stale answers.
const MOST_ANSWERS: u32 = 10_000;
const MOST_BYTES: u32 = 32 * 1024 * 1024;

/// What the smallest answer counts for, so that there are never more than [`MOST_ANSWERS`].
const LEAST_WEIGHT: u32 = MOST_BYTES.div_ceil(MOST_ANSWERS);

impl Default for KeptAnswers {
    fn default() -> Self {
        Self { fresh: cache(), stale: cache() }
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
    fn expire_after_create(&self, _: &Key, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.time)
    }

    fn expire_after_update(&self, _: &Key, kept: &Kept, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(kept.time)
    }
}

impl KeptAnswers {
    /// The answer that is kept, or else the one that `asking` brings; whoever asks the same meanwhile waits for it.
    ///
    /// Cancel safe: when the one who asks leaves, another one who waits asks in its place.
    ///
    /// # Errors
    /// What came of `asking`, of this call or of the one that was waited for.
    pub(super) async fn get<E: Clone + Send + Sync + 'static>(
        &self,
        key: Key,
        keeping: Keeping,
        asking: impl Future<Output = Result<Answer, E>>,
    ) -> Result<(Arc<Answer>, Origin), E> {
        let mut origin = Origin::Cache;
        let mark = &mut origin;
        let answered = async move {
            *mark = Origin::Webhook;
            asking.await.map(|answer| Kept { answer: Arc::new(answer), time: keeping.fresh })
        };
        let kept = self.fresh.try_get_with(key, answered).await.map_err(|error: Arc<E>| (*error).clone())?;
        if origin == Origin::Webhook && !keeping.stale.is_zero() {
            let time = keeping.fresh + keeping.stale;
            self.stale.insert(key, Kept { answer: Arc::clone(&kept.answer), time }).await;
        }
        Ok((kept.answer, origin))
    }

    /// The last good answer, while it may still serve.
    pub(super) async fn last_good(&self, key: Key) -> Option<Arc<Answer>> {
        Some(self.stale.get(&key).await?.answer)
    }

    /// How many answers are kept.
    #[must_use]
    pub(super) fn entries(&self) -> usize {
        usize::try_from(self.fresh.entry_count() + self.stale.entry_count()).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    const KEEPING: Keeping = Keeping { fresh: Duration::from_secs(60), stale: Duration::from_secs(60) };

    fn answer(size: usize) -> Answer {
        Answer { code: 200, body: vec![b'x'; size], ..Answer::default() }
    }

    #[tokio::test]
    async fn many_who_ask_the_same_make_one_request() {
        let (kept, asked) = (KeptAnswers::default(), AtomicUsize::new(0));
        let ask = || {
            kept.get([1; 32], KEEPING, async {
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok::<_, ()>(answer(1))
            })
        };
        let origins: Vec<_> = join_all((0..50).map(|_| ask())).await;
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(origins.iter().filter(|got| got.as_ref().unwrap().1 == Origin::Webhook).count(), 1);
        assert!(kept.last_good([1; 32]).await.is_some() && kept.last_good([2; 32]).await.is_none());
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let kept = KeptAnswers::default();
        assert_eq!(kept.get([1; 32], KEEPING, async { Err("no") }).await.unwrap_err(), "no");
        let (_, origin) = kept.get([1; 32], KEEPING, async { Ok::<_, ()>(answer(1)) }).await.unwrap();
        assert_eq!(origin, Origin::Webhook);
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_in_number_and_in_bytes() {
        let kept = KeptAnswers::default();
        for number in 0..12_000_u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            kept.get(key, Keeping { stale: Duration::ZERO, ..KEEPING }, async { Ok::<_, ()>(answer(1)) })
                .await
                .unwrap();
        }
        kept.fresh.run_pending_tasks().await;
        assert!(kept.fresh.entry_count() <= u64::from(MOST_ANSWERS), "{}", kept.entries());
        for number in 0..1_000_u32 {
            let mut key = [1; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            kept.get(key, KEEPING, async { Ok::<_, ()>(answer(64 * 1024)) }).await.unwrap();
        }
        kept.fresh.run_pending_tasks().await;
        assert!(kept.fresh.weighted_size() <= u64::from(MOST_BYTES));
    }
}
