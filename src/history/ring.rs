//! The last records: of all steps, of those that failed, and of refused connections.
//!
//! Each ring has its own bounds, so that a busy hour does not remove the failures, and refused connections
//! of strangers remove no step.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use super::record::Ending;
use super::{Record, weight};
use crate::config::HistorySettings;

/// The rings.
#[derive(Debug, Default)]
pub(super) struct Rings {
    /// The number of records that have come so far.
    pushed: u64,
    steps: Ring,
    failures: Ring,
    refused: Ring,
    /// The steps whose detached request is under way. `limits.detached` bounds their number.
    unfinished: HashMap<u64, Kept>,
}

/// The last refused connections that are kept.
const MOST_REFUSED: usize = 100;

impl Rings {
    /// Adds a record, and drops those that make room for it.
    pub(super) fn push(&mut self, record: Arc<Record>, settings: &HistorySettings) {
        self.pushed += 1;
        let weight = weight::of(&record);
        let oldest = record.time.checked_sub(settings.age);
        let kept = Kept { record, weight, order: self.pushed };
        if kept.record.detached.as_ref().is_some_and(|end| end.get().is_none()) {
            self.unfinished.insert(kept.record.id.sequence, kept.clone());
        }
        // a stranger must not be able to remove a step
        if kept.record.times.authenticated.is_none() && matches!(kept.record.ending, Ending::Refused(_)) {
            self.refused.push(kept, MOST_REFUSED, settings.size / 16);
        } else {
            if kept.record.failed() {
                self.failures.push(kept.clone(), settings.failures, settings.size / 4);
            }
            self.steps.push(kept, settings.steps, settings.size / 16 * 11);
        }
        self.drop_before(oldest);
    }

    /// Notes that the detached request of a step has ended. If it has failed, the step becomes a failure, and
    /// news.
    pub(super) fn detached_ended(&mut self, sequence: u64, failed: bool, settings: &HistorySettings) {
        let Some(step) = self.unfinished.remove(&sequence) else { return };
        if failed {
            self.pushed += 1;
            let step = Kept { order: self.pushed, ..step };
            self.failures.push(step, settings.failures, settings.size / 4);
        }
    }

    /// Drops the records that are older than the settings allow.
    pub(super) fn expire(&mut self, now: SystemTime, settings: &HistorySettings) {
        self.drop_before(now.checked_sub(settings.age));
    }

    fn drop_before(&mut self, oldest: Option<SystemTime>) {
        let Some(oldest) = oldest else { return };
        for ring in [&mut self.steps, &mut self.failures, &mut self.refused] {
            ring.drop_before(oldest);
        }
    }

    /// Returns the records that have come after the first `known` ones, in the order in which they came, and
    /// the number of all that have come. Those that were dropped meanwhile are missing.
    pub(super) fn news(&self, known: u64) -> (Vec<Arc<Record>>, u64) {
        let rings = [&self.steps, &self.failures, &self.refused];
        let mut news: Vec<_> = rings.into_iter().flat_map(|ring| ring.after(known)).collect();
        news.sort_by_key(|(order, _)| *order);
        news.dedup_by_key(|(order, _)| *order);
        (news.into_iter().map(|(_, record)| record).collect(), self.pushed)
    }

    /// Returns the number of records and their bytes. A record in two rings counts twice.
    pub(super) fn size(&self) -> (usize, usize) {
        let rings = [&self.steps, &self.failures, &self.refused];
        (rings.iter().map(|ring| ring.records.len()).sum(), rings.iter().map(|ring| ring.bytes).sum())
    }

    /// Returns all records, the newest first, each once.
    pub(super) fn all(&self) -> Vec<Arc<Record>> {
        let rings = [&self.steps, &self.failures, &self.refused];
        let mut all: Vec<_> =
            rings.into_iter().flat_map(|ring| &ring.records).map(|kept| Arc::clone(&kept.record)).collect();
        all.sort_by_key(|record| std::cmp::Reverse(record.id.sequence));
        all.dedup_by_key(|record| record.id.sequence);
        all
    }
}

/// Records in the order in which their steps ended.
#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<Kept>,
    bytes: usize,
}

/// One record in a ring.
#[derive(Debug, Clone)]
struct Kept {
    record: Arc<Record>,
    weight: usize,
    /// The number of the record in the order in which the steps ended.
    order: u64,
}

impl Ring {
    fn push(&mut self, kept: Kept, most: usize, most_bytes: usize) {
        self.bytes += kept.weight;
        self.records.push_back(kept);
        while self.records.len() > most || self.bytes > most_bytes {
            self.drop_oldest();
        }
    }

    fn after(&self, known: u64) -> impl Iterator<Item = (u64, Arc<Record>)> {
        let newest_first = self.records.iter().rev().take_while(move |kept| kept.order > known);
        newest_first.map(|kept| (kept.order, Arc::clone(&kept.record)))
    }

    fn drop_before(&mut self, oldest: SystemTime) {
        while self.records.front().is_some_and(|kept| kept.record.time < oldest) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(Kept { weight, .. }) = self.records.pop_front() else { return };
        self.bytes -= weight;
    }
}
