use std::time::{Duration, SystemTime};

use super::*;
use crate::call::SwitchKind;
use crate::hook::{Outcome, Positions};
use crate::log::TelephoneNumbers;
use crate::webhook::CacheReport;

fn outcome(ok: bool) -> Outcome {
    match ok {
        true => Outcome::Ok { code: 200, set: Vec::new(), nothing_found: false },
        false => Outcome::HttpError { code: 503, redirect: None },
    }
}

/// The record of a step of the hook `crm` that took 20 ms.
pub(super) fn record(id: StepId, ok: bool) -> Record {
    Record {
        id,
        time: SystemTime::now(),
        switch: SwitchKind::Asterisk,
        peer: None,
        numbers: TelephoneNumbers::Masked,
        call: None,
        hook: "crm".to_owned(),
        is_known: true,
        listed: Positions::default(),
        times: Times { ended: Duration::from_millis(20), ..Times::default() },
        timeout: None,
        requested: None,
        traceparent: None,
        request: None,
        attempts: Vec::new(),
        cache: CacheReport::default(),
        answer: None,
        ending: Ending::Outcome { outcome: outcome(ok), confirmed: Confirmed::AllBut(0) },
        set: Vec::new(),
        omitted: Vec::new(),
        to: None,
        rules: None,
        note: None,
        detached: None,
    }
}

fn push(history: &History, ok: bool) -> u64 {
    let id = history.next_id();
    history.push(record(id.clone(), ok));
    id.sequence
}

fn sequences(history: &History) -> Vec<u64> {
    history.records().iter().map(|record| record.id.sequence).collect()
}

#[test]
fn a_busy_hour_does_not_push_out_the_failures() {
    let history = History::default();
    let failed: Vec<_> = (0..500).map(|_| push(&history, false)).collect();
    for _ in 0..10_000 {
        push(&history, true);
    }
    let kept = sequences(&history);
    assert_eq!(kept.len(), 2_500);
    assert!(failed.iter().all(|sequence| kept.contains(sequence)));
    assert!(kept.is_sorted_by(|one, other| one > other), "the newest first, each once");
    push(&history, false);
    assert!(!sequences(&history).contains(&failed[0]), "the oldest failure makes room");
}

#[test]
fn the_history_has_a_limit_of_bytes() {
    let history = History::default();
    let large = |ok| Record { note: Some("x".repeat(100_000)), ..record(history.next_id(), ok) };
    for _ in 0..500 {
        history.push(large(true));
        history.push(large(false));
    }
    let bytes: usize = history.records().iter().map(|record| weight::of(record)).sum();
    assert!(bytes <= HistorySettings::default().size, "{bytes}");
    assert!(bytes > HistorySettings::default().size / 2, "{bytes}");
}

#[test]
fn a_record_is_dropped_when_it_is_too_old() {
    let history = History::default();
    let age = HistorySettings::default().age;
    for (ok, older) in [(true, 1), (false, 1), (true, 0)] {
        let time = SystemTime::now() - (age + Duration::from_secs(60)) * older;
        history.push(Record { time, ..record(history.next_id(), ok) });
    }
    assert_eq!(sequences(&history), [3]);
}

#[test]
fn a_step_that_ends_while_somebody_reads_waits_in_the_inbox() {
    let history = History::default();
    let reading = history.lock();
    push(&history, true);
    push(&history, false);
    assert_eq!((history.version(), reading.rings.all().len()), (2, 0));
    drop(reading);
    assert_eq!(sequences(&history), [2, 1]);
}

#[test]
fn more_steps_than_the_inbox_holds_are_lost_and_no_call_waits() {
    let history = History::default();
    let reading = history.lock();
    for _ in 0..INBOX + 10 {
        push(&history, false);
    }
    drop(reading);
    push(&history, true);
    let failures = HistorySettings::default().failures;
    assert_eq!(history.last_hour("crm").steps, INBOX as u64 + 1);
    assert_eq!(history.records().iter().filter(|record| record.failed()).count(), 2_000.max(failures) - 1);
}

#[test]
fn the_news_are_the_steps_that_ended_since_whenever_they_began() {
    let history = History::default();
    let slow = history.next_id();
    push(&history, true);
    let (news, known) = history.news(0);
    assert_eq!((news.len(), known), (1, 1));
    history.push(record(slow.clone(), true));
    let (news, known) = history.news(known);
    assert_eq!((news[0].id.clone(), known), (slow, 2));
    assert!(history.news(known).0.is_empty());
}

#[test]
fn a_detached_request_that_fails_makes_its_step_a_failure() {
    let history = History::default();
    let id = history.next_id();
    let end = Arc::new(std::sync::OnceLock::new());
    history.push(Record { detached: Some(Arc::clone(&end)), ..record(id.clone(), true) });
    assert!(!history.records()[0].failed());
    let failed = DetachedEnd {
        outcome: outcome(false),
        attempts: Vec::new(),
        answer: None,
        took: Duration::from_millis(5),
    };
    end.set(failed).unwrap();
    history.detached_failed(&id);
    for _ in 0..3_000 {
        push(&history, true);
    }
    let failures: Vec<_> = history.records().into_iter().filter(|record| record.failed()).collect();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].id, id);
}

#[test]
fn other_settings_count_from_the_next_step_and_none_forget_everything() {
    let history = History::default();
    for _ in 0..10 {
        push(&history, true);
    }
    history.configure(HistorySettings { steps: 4, ..HistorySettings::default() });
    push(&history, true);
    assert_eq!(sequences(&history), [11, 10, 9, 8]);
    history.configure(HistorySettings { steps: 0, ..HistorySettings::default() });
    push(&history, true);
    assert_eq!((sequences(&history).len(), history.last_hour("crm").steps), (0, 0));
}

#[test]
fn a_step_is_found_by_the_id_of_this_run_only() {
    let history = History::default();
    let id = history.next_id();
    history.push(record(id.clone(), true));
    assert_eq!(history.find(&id.to_string()).unwrap().id, id);
    for other in ["", "1", "-1", "zzzzzz-1", &format!("{id}0"), &format!("{id} ")] {
        assert!(history.find(other).is_none(), "{other}");
    }
}
