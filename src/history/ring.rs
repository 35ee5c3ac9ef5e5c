//! The last records: of all steps, of those that failed, and of refused connections.
//!
//! Each ring has its own bounds, so that a busy hour does not push out the failures, and refused connections
//! of strangers push out no step.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use super::record::Ending;
use super::{Record, weight};
use crate::config::HistorySettings;

/// The rings.
#[derive(Debug, Default)]
pub(super) struct Rings {
    steps: Ring,
    failures: Ring,
    refused: Ring,
}

/// The last refused connections that are kept.
const MOST_REFUSED: usize = 100;

impl Rings {
    /// Adds a record, and drops those that make room for it.
    pub(super) fn push(&mut self, record: Arc<Record>, settings: &HistorySettings) {
        let weight = weight::of(&record);
        let oldest = record.time.checked_sub(settings.age);
        if matches!(record.ending, Ending::Refused(_)) {
            self.refused.push(record, weight, MOST_REFUSED, settings.size / 16);
        } else {
            if record.failed() {
                self.failures.push(Arc::clone(&record), weight, settings.failures, settings.size / 4);
            }
            self.steps.push(record, weight, settings.steps, settings.size / 16 * 11);
        }
        self.drop_before(oldest);
    }

    /// Adds a step to the failures, whose detached request has failed after its end.
    pub(super) fn has_failed(&mut self, sequence: u64, settings: &HistorySettings) {
        let step = self.steps.records.iter().rev().find(|(record, _)| record.id.sequence == sequence);
        let Some((record, weight)) = step.cloned() else { return };
        self.failures.push(record, weight, settings.failures, settings.size / 4);
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

    /// Returns all records, the newest first, each once.
    pub(super) fn all(&self) -> Vec<Arc<Record>> {
        let rings = [&self.steps, &self.failures, &self.refused];
        let mut all: Vec<_> =
            rings.into_iter().flat_map(|ring| &ring.records).map(|(record, _)| Arc::clone(record)).collect();
        all.sort_by_key(|record| std::cmp::Reverse(record.id.sequence));
        all.dedup_by_key(|record| record.id.sequence);
        all
    }
}

/// Records in the order in which their steps ended, with their weights.
#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<(Arc<Record>, usize)>,
    bytes: usize,
}

impl Ring {
    fn push(&mut self, record: Arc<Record>, weight: usize, most: usize, most_bytes: usize) {
        self.records.push_back((record, weight));
        self.bytes += weight;
        while self.records.len() > most || self.bytes > most_bytes {
            self.drop_oldest();
        }
    }

    fn drop_before(&mut self, oldest: SystemTime) {
        while self.records.front().is_some_and(|(record, _)| record.time < oldest) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some((_, weight)) = self.records.pop_front() else { return };
        self.bytes -= weight;
    }
}
