//! The history: one record of each webhook step, in memory.
//!
//! The path of a call only moves values into a record. They are masked, redacted and formatted in [`view`],
//! for the person who asks. A call never waits for a reader: while one reads, records go into an inbox.

mod attempts;
mod commands;
mod detail;
pub mod explanation;
mod headers;
mod line;
mod masking;
mod message;
mod record;
mod ring;
mod search;
mod secrets;
mod statistics;
mod summary;
mod timeline;
pub mod view;
mod weight;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::SystemTime;

pub use self::line::Line;
pub use self::record::{
    CANCELLED, Confirmed, DetachedEnd, Ending, Message, REFUSED, ReceivedAnswer, Record, SentRequest, StepId,
    Times,
};
use self::ring::Rings;
pub use self::search::Search;
pub use self::secrets::{Secrets, without_secret_members};
use self::statistics::Statistics;
pub use self::statistics::{HourOfHook, MinuteOfHook};
pub use self::summary::timestamp;
use crate::config::HistorySettings;
use crate::nonce;

/// The records of the last steps. A reload keeps them, a restart does not.
#[derive(Debug)]
pub struct History {
    /// The first part of every [`StepId`].
    run: Arc<str>,
    next: AtomicU64,
    is_on: AtomicBool,
    /// The number of records that have come so far.
    pushed: AtomicU64,
    kept: Mutex<Kept>,
    inbox: SyncSender<News>,
}

/// The records, and the counts of the last hour.
#[derive(Debug)]
struct Kept {
    settings: HistorySettings,
    rings: Rings,
    statistics: Statistics,
    inbox: Receiver<News>,
}

/// A piece of news from the path of the calls.
#[derive(Debug)]
enum News {
    Step(Arc<Record>),
    DetachedEnded { step: u64, failed: bool },
}

/// Bytes of the largest record that is kept whole. One that is larger loses its channel variables and its
/// messages, so that a few of them do not replace all others.
const LARGEST: usize = 64 * 1024;

/// The number of news that can wait while somebody reads.
const INBOX: usize = 4096;

/// Random bytes in the first part of a [`StepId`], written as six digits.
const RUN_BYTES: usize = 3;

impl History {
    /// Returns an empty history.
    #[must_use]
    pub fn new(settings: HistorySettings) -> Self {
        let (sender, receiver) = sync_channel(INBOX);
        Self {
            run: nonce::random::<RUN_BYTES>().into(),
            next: AtomicU64::new(1),
            is_on: AtomicBool::new(settings.steps > 0),
            pushed: AtomicU64::new(0),
            kept: Mutex::new(Kept {
                settings,
                rings: Rings::default(),
                statistics: Statistics::default(),
                inbox: receiver,
            }),
            inbox: sender,
        }
    }

    /// Uses these settings from now on. Without steps it forgets all records.
    pub fn configure(&self, settings: HistorySettings) {
        self.is_on.store(settings.steps > 0, Ordering::Relaxed);
        let mut kept = self.lock();
        kept.settings = settings;
        if settings.steps == 0 {
            (kept.rings, kept.statistics) = (Rings::default(), Statistics::default());
        }
    }

    /// True if records are kept.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Returns the id of a new step.
    #[must_use]
    pub fn next_id(&self) -> StepId {
        StepId { run: Arc::clone(&self.run), sequence: self.next.fetch_add(1, Ordering::Relaxed) }
    }

    /// Adds the record of a step that has ended. Never waits.
    pub fn push(&self, mut record: Record) {
        if self.is_on() {
            if weight::of(&record) > LARGEST {
                record.lighten();
            }
            self.take(News::Step(Arc::new(record)));
        }
    }

    /// Notes that the detached request of a step has ended. Never waits.
    pub fn detached_ended(&self, step: &StepId, failed: bool) {
        self.take(News::DetachedEnded { step: step.sequence, failed });
    }

    fn take(&self, news: News) {
        let mut kept = match self.kept.try_lock() {
            Ok(kept) => kept,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                // a full inbox loses the record, because a call must not wait
                let _lost = self.inbox.try_send(news);
                self.pushed.fetch_add(1, Ordering::Release);
                return;
            }
        };
        kept.take_inbox();
        kept.take(news);
        self.pushed.fetch_add(1, Ordering::Release);
    }

    /// Returns a number that changes with each record.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.pushed.load(Ordering::Acquire)
    }

    /// Returns the records that have come after the first `known` ones, and the number of all that have come.
    /// Not for the thread of the calls.
    #[must_use]
    pub fn news(&self, known: u64) -> (Vec<Arc<Record>>, u64) {
        let mut kept = self.lock();
        kept.take_inbox();
        kept.rings.news(known)
    }

    /// Returns the record of a step. Not for the thread of the calls.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Arc<Record>> {
        let sequence: u64 = id.strip_prefix(&*self.run)?.strip_prefix('-')?.parse().ok()?;
        self.records().into_iter().find(|record| record.id.sequence == sequence)
    }

    /// Returns all records, the newest first. Takes time: not for the thread of the calls.
    #[must_use]
    pub fn records(&self) -> Vec<Arc<Record>> {
        let mut kept = self.lock();
        kept.take_inbox();
        let settings = kept.settings;
        kept.rings.expire(SystemTime::now(), &settings);
        kept.rings.all()
    }

    /// Returns the number of records, and about how many bytes they take. Not for the thread of the calls.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let mut kept = self.lock();
        kept.take_inbox();
        kept.rings.size()
    }

    /// Returns what was counted of a hook in the last hour. Not for the thread of the calls.
    #[must_use]
    pub fn last_hour(&self, hook: &str) -> HourOfHook {
        let mut kept = self.lock();
        kept.take_inbox();
        kept.statistics.last_hour(hook, SystemTime::now())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new(HistorySettings::default())
    }
}

impl Kept {
    fn take_inbox(&mut self) {
        while let Ok(news) = self.inbox.try_recv() {
            self.take(news);
        }
    }

    fn take(&mut self, news: News) {
        match news {
            News::Step(record) => {
                self.statistics.add(&record);
                self.rings.push(record, &self.settings);
            }
            News::DetachedEnded { step, failed } => {
                self.rings.detached_ended(step, failed, &self.settings);
            }
        }
    }
}

#[cfg(test)]
mod tests;
