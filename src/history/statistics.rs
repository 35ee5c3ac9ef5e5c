//! The steps of each hook in the last hour, counted by minute: how many, how many were `OK`, how long they
//! took.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::record::{Ending, Record};
use crate::hook::Status;
use crate::webhook::Origin;

/// The minutes that are counted.
const MINUTES: usize = 60;

/// The counts of all hooks.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    hooks: HashMap<String, Box<[Slot; MINUTES]>>,
    /// The last minute in which hooks without steps were forgotten.
    swept: u64,
}

/// One minute of a hook. The slot of minute `n` since the epoch is `n % 60`.
#[derive(Debug, Clone, Copy)]
struct Slot {
    minute: u64,
    counts: Counts,
}

#[derive(Debug, Clone, Copy)]
struct Counts {
    steps: u32,
    ok: u32,
    cancelled: u32,
    from_cache: u32,
    /// The number of steps by duration: bucket `n` ends at [`upper`]`(n)`.
    durations: [u32; BUCKETS],
}

/// Buckets of a duration. Each is a fifth longer than the one before it: the first ends after a millisecond,
/// the last holds all that take longer than 13 s.
const BUCKETS: usize = 54;
const GROWTH: f64 = 1.2;

/// The last hour of a hook.
#[derive(Debug, Clone, PartialEq)]
pub struct HourOfHook {
    /// The steps, also those whose call ended first.
    pub steps: u64,
    /// The share of `OK` among the steps whose dialplan got a status, from 0 to 1.
    pub ok: Option<f64>,
    /// The share of steps that the cache, or another call's request, answered.
    pub from_cache: Option<f64>,
    /// The 50th, 95th and 99th percentile of the durations in milliseconds, each at most a fifth too high.
    pub quantiles: Option<[f64; 3]>,
    /// The last sixty minutes, the oldest first.
    pub minutes: Vec<MinuteOfHook>,
}

/// One minute of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MinuteOfHook {
    pub steps: u64,
    /// The steps whose dialplan got another status than `OK`.
    pub failed: u64,
    pub median_ms: Option<f64>,
    pub p95_ms: Option<f64>,
}

impl Statistics {
    /// Counts a step. Steps of unknown hooks are not counted: a stranger may have chosen the name.
    pub(super) fn add(&mut self, record: &Record) {
        if !record.is_known || matches!(record.ending, Ending::Refused(_)) {
            return;
        }
        let minute = minute(record.time);
        self.sweep(minute);
        let empty = || Box::new([Slot { minute: 0, counts: Counts::default() }; MINUTES]);
        // the name is copied only for the first step of a hook
        if !self.hooks.contains_key(&record.hook) {
            self.hooks.insert(record.hook.clone(), empty());
        }
        let slots = self.hooks.get_mut(&record.hook);
        let Some(slot) = slots.and_then(|slots| slots.get_mut(index(minute))) else { return };
        if slot.minute != minute {
            *slot = Slot { minute, counts: Counts::default() };
        }
        slot.counts.add(record);
    }

    /// Forgets the hooks that had no step in the last hour.
    fn sweep(&mut self, minute: u64) {
        if minute < self.swept + MINUTES as u64 {
            return;
        }
        self.swept = minute;
        let oldest = minute.saturating_sub(MINUTES as u64);
        self.hooks.retain(|_, slots| slots.iter().any(|slot| slot.minute > oldest));
    }

    pub(super) fn last_hour(&self, hook: &str, now: SystemTime) -> HourOfHook {
        let (now, mut all, mut minutes) = (minute(now), Counts::default(), Vec::with_capacity(MINUTES));
        for minute in now.saturating_sub(MINUTES as u64 - 1)..=now {
            let slot = self.hooks.get(hook).and_then(|slots| slots.get(index(minute)));
            let counts = slot.filter(|slot| slot.minute == minute).map(|slot| slot.counts);
            let counts = counts.unwrap_or_default();
            all.merge(&counts);
            minutes.push(counts.minute());
        }
        let share = |part: u32, whole: u32| (whole > 0).then(|| f64::from(part) / f64::from(whole));
        HourOfHook {
            steps: all.steps.into(),
            ok: share(all.ok, all.steps - all.cancelled),
            from_cache: share(all.from_cache, all.steps),
            quantiles: all
                .quantile(0.5)
                .zip(all.quantile(0.95))
                .zip(all.quantile(0.99))
                .map(|((half, p95), p99)| [half, p95, p99]),
            minutes,
        }
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self { steps: 0, ok: 0, cancelled: 0, from_cache: 0, durations: [0; BUCKETS] }
    }
}

impl Counts {
    fn add(&mut self, record: &Record) {
        self.steps += 1;
        let Some(outcome) = record.outcome() else {
            self.cancelled += 1;
            return;
        };
        self.ok += u32::from(outcome.status() == Status::Ok);
        let origin = record.answer.as_ref().map(|answer| answer.origin);
        self.from_cache += u32::from(origin.is_some_and(|origin| origin != Origin::Webhook));
        if let Some(count) = self.durations.get_mut(bucket(record.times.ended)) {
            *count += 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.steps += other.steps;
        self.ok += other.ok;
        self.cancelled += other.cancelled;
        self.from_cache += other.from_cache;
        for (sum, count) in self.durations.iter_mut().zip(other.durations) {
            *sum += count;
        }
    }

    fn minute(&self) -> MinuteOfHook {
        MinuteOfHook {
            steps: self.steps.into(),
            failed: (self.steps - self.ok - self.cancelled).into(),
            median_ms: self.quantile(0.5),
            p95_ms: self.quantile(0.95),
        }
    }

    /// Returns the end of the bucket below which this share of the steps lies, in milliseconds.
    fn quantile(&self, share: f64) -> Option<f64> {
        let total: u32 = self.durations.iter().sum();
        let wanted = (f64::from(total) * share).ceil();
        let mut sum = 0;
        self.durations.iter().enumerate().find_map(|(bucket, count)| {
            sum += count;
            (total > 0 && f64::from(sum) >= wanted).then(|| upper(bucket))
        })
    }
}

fn minute(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60
}

fn index(minute: u64) -> usize {
    usize::try_from(minute % MINUTES as u64).unwrap_or_default()
}

/// Returns the bucket of a duration.
fn bucket(took: Duration) -> usize {
    let milliseconds = took.as_secs_f64() * 1000.0;
    if milliseconds <= 1.0 {
        return 0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the logarithm of more than 1 is small and positive"
    )]
    let bucket = (milliseconds.ln() / GROWTH.ln()).ceil() as usize;
    bucket.min(BUCKETS - 1)
}

/// Returns the end of a bucket in milliseconds, rounded to three digits.
fn upper(bucket: usize) -> f64 {
    let end = GROWTH.powi(i32::try_from(bucket).unwrap_or(i32::MAX));
    if end < 100.0 { (end * 10.0).round() / 10.0 } else { end.round() }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::super::{History, Record};
    use super::*;

    fn hour_of(steps: impl IntoIterator<Item = (u64, bool)>) -> HourOfHook {
        let (mut statistics, history) = (Statistics::default(), History::default());
        for (milliseconds, ok) in steps {
            let mut step = record(history.next_id(), ok);
            step.times.ended = Duration::from_millis(milliseconds);
            statistics.add(&step);
        }
        statistics.last_hour("crm", SystemTime::now())
    }

    #[test]
    fn the_quantiles_are_right_to_a_fifth() {
        let hour = hour_of((1..=1000).map(|milliseconds| (milliseconds, true)));
        for (quantile, right) in hour.quantiles.unwrap().into_iter().zip([500.0, 950.0, 990.0]) {
            assert!((right..=right * GROWTH).contains(&quantile), "{quantile} for {right}");
        }
        assert_eq!((hour.steps, hour.ok, hour.from_cache), (1000, Some(1.0), Some(0.0)));
    }

    #[test]
    fn durations_of_any_length_have_a_bucket() {
        for milliseconds in [0, 1, 2, 999, 10_050, 3_600_000] {
            let [half, _, _] = hour_of([(milliseconds, true)]).quantiles.unwrap();
            assert!(half >= 1.0, "{milliseconds}: {half}");
        }
        assert!(upper(BUCKETS - 1) > 11_000.0, "the longest timeout is within the last bucket");
    }

    #[test]
    fn a_hangup_counts_as_a_step_and_neither_as_ok_nor_as_failed() {
        let (mut statistics, history) = (Statistics::default(), History::default());
        statistics.add(&record(history.next_id(), true));
        statistics.add(&record(history.next_id(), false));
        let ending = Ending::Cancelled("the caller hung up".to_owned());
        statistics.add(&Record { ending, ..record(history.next_id(), true) });
        let hour = statistics.last_hour("crm", SystemTime::now());
        let failed: u64 = hour.minutes.iter().map(|minute| minute.failed).sum();
        assert_eq!((hour.steps, hour.ok, failed), (3, Some(0.5), 1));
    }

    #[test]
    fn only_the_last_sixty_minutes_count_and_a_hook_without_steps_is_forgotten() {
        let (mut statistics, history) = (Statistics::default(), History::default());
        let now = SystemTime::now();
        let at = |minutes: u64| now - Duration::from_secs(60 * minutes);
        for (hook, minutes) in [("old", 130), ("crm", 61), ("crm", 59), ("crm", 0)] {
            let hook = hook.to_owned();
            statistics.add(&Record { time: at(minutes), hook, ..record(history.next_id(), true) });
        }
        assert_eq!(statistics.last_hour("crm", now).steps, 2);
        let minutes = statistics.last_hour("crm", now).minutes;
        assert_eq!((minutes.len(), minutes[0].steps, minutes[59].steps), (60, 1, 1));
        assert!(!statistics.hooks.contains_key("old"));
    }

    #[test]
    fn steps_of_unknown_hooks_take_no_memory() {
        let (mut statistics, history) = (Statistics::default(), History::default());
        statistics.add(&Record { is_known: false, ..record(history.next_id(), false) });
        assert!(statistics.hooks.is_empty());
    }
}
