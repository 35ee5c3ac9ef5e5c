//! The events of a step in the order of their beginning.

use std::time::Duration;

use super::Record;
use super::attempts::{attempt_kind, connection_word, ms};
use super::masking::Masking;
use super::record::{Confirmed, Ending};
use super::view::{Event, EventKind};
use crate::duration::rough;
use crate::hook::{Outcome, Unreachable};
use crate::redact;
use crate::webhook::{Attempt, AttemptResult, Origin};

/// Returns the events of a step.
pub(super) fn events(record: &Record, masking: &Masking) -> Vec<Event> {
    let times = &record.times;
    let is_rehearsal = matches!(record.ending, Ending::Outcome { confirmed: Confirmed::NotSent, .. });
    let mut events = Vec::new();
    if !is_rehearsal {
        events.push(at(Duration::ZERO, EventKind::Switch, "the switch connects".to_owned()));
    }
    if let Some(greeted) = times.greeted {
        events.push(at(greeted, EventKind::Switch, "the switch has sent the call".to_owned()));
    }
    if let Some(authenticated) = times.authenticated {
        events.push(at(authenticated, EventKind::Switch, authenticated_text(record)));
    }
    if let Some(waited) = record.cache.waited {
        let (at_ms, until_ms) = (ms(waited.began), Some(ms(waited.began + waited.took)));
        let text = match waited.is_over {
            true => "waits for the request of another call that asks the same",
            false => "waits for the request of another call until the step ends",
        };
        events.push(Event { at_ms, until_ms, kind: EventKind::Cache, text: text.to_owned() });
    }
    for attempt in &record.attempts {
        let until_ms = Some(ms(attempt.began + attempt.took));
        events.push(Event {
            at_ms: ms(attempt.began),
            until_ms,
            kind: EventKind::Attempt,
            text: attempt_text(attempt),
        });
        for redirect in &attempt.redirects {
            let text =
                format!("follows redirect {} to {}", redirect.code, masking.text(&redact::url(&redirect.to)));
            events.push(at(attempt.began + redirect.at, EventKind::Attempt, text));
        }
    }
    if let Some(judged) = times.judged {
        events.extend(cache_text(record).map(|text| at(judged, EventKind::Cache, text)));
        events.push(at(judged, EventKind::Result, judged_text(record, masking)));
    }
    events.sort_by(|one, other| one.at_ms.total_cmp(&other.at_ms));
    events.push(at(times.ended, EventKind::End, end_text(record)));
    events
}

fn at(time: Duration, kind: EventKind, text: String) -> Event {
    Event { at_ms: ms(time), until_ms: None, kind, text }
}

fn authenticated_text(record: &Record) -> String {
    let fetched = record.call.as_ref().map_or(0, |call| call.variables.len());
    match fetched {
        0 => "the call is authenticated".to_owned(),
        1 => "the call is authenticated, and one channel variable is fetched".to_owned(),
        more => format!("the call is authenticated, and {more} channel variables are fetched"),
    }
}

fn attempt_text(attempt: &Attempt) -> String {
    let endpoint = redact::url(&attempt.endpoint);
    if let Some(Outcome::Unreachable(why @ Unreachable::BreakerOpen { .. })) = attempt.outcome() {
        return format!("does not ask {endpoint}: {why}");
    }
    let mut text = match attempt_kind(attempt) {
        "first" => format!("asks {endpoint}"),
        "fallback" => format!("asks the next URL {endpoint}"),
        "probe" => format!("probes {endpoint}, because its circuit breaker is half-open"),
        _ => format!("asks {endpoint} once more"),
    };
    match connection_word(attempt.connection) {
        "new" => text.push_str(" on a new connection"),
        "pool" => text.push_str(" on a connection of the pool"),
        _ => {}
    }
    match &attempt.result {
        AttemptResult::Ended(outcome) => match (outcome.code(), outcome.to_string()) {
            (Some(code), reason) if reason.is_empty() => text.push_str(&format!(": answer {code}")),
            (_, reason) => text.push_str(&format!(": {reason}")),
        },
        AttemptResult::Dropped(stage) => text.push_str(&format!(": not finished; {stage}")),
    }
    text
}

fn cache_text(record: &Record) -> Option<String> {
    let cache = &record.cache;
    let age = cache.age.map(rough).unwrap_or_default();
    let origin = record.answer.as_ref()?.origin;
    let refused =
        if cache.fresh_was_refused { "; the one in the cache was not good for this call" } else { "" };
    match origin {
        Origin::Cache => Some(format!("the cache has an answer that is {age} old")),
        Origin::Stale => {
            let why = cache.stale_because.as_ref().map(|outcome| format!(", because: {outcome}"));
            Some(format!("the cache has a stale answer that is {age} old{}", why.unwrap_or_default()))
        }
        Origin::Shared => Some("takes the answer to the request of another call".to_owned()),
        Origin::Webhook if cache.is_hedged => {
            Some("made a second request beside the slow one of another call".to_owned())
        }
        Origin::Webhook if cache.fresh_was_refused => Some(format!("asked the webhook{refused}")),
        Origin::Webhook => None,
    }
}

fn judged_text(record: &Record, masking: &Masking) -> String {
    let set: Vec<_> =
        record.set.iter().map(|set| format!("{} from {}", set.name, set.source.word())).collect();
    let reason = masking.text(&record.reason()).into_owned();
    match (record.outcome().is_some(), reason.is_empty()) {
        (true, true) if set.is_empty() => format!("{}: no variable is set", record.status()),
        (true, true) => format!("{}: sets {}", record.status(), set.join(", ")),
        (_, _) => format!("{}: {reason}", record.status()),
    }
}

fn end_text(record: &Record) -> String {
    match &record.ending {
        Ending::Outcome { confirmed: Confirmed::AllBut(0), .. } => {
            "the switch has confirmed every variable; the dialplan goes on".to_owned()
        }
        Ending::Outcome { confirmed: Confirmed::AllBut(unconfirmed), .. } => {
            format!("the switch has not confirmed {unconfirmed} of the variables; the dialplan goes on")
        }
        Ending::Outcome { confirmed: Confirmed::Unread(why), .. } => {
            format!("the variables were sent, and the replies were not read to their end: {why}")
        }
        Ending::Outcome { confirmed: Confirmed::NotSent, .. } => {
            "no commands were sent, because there is no call".to_owned()
        }
        Ending::Cancelled(reason) | Ending::Refused(reason) => reason.clone(),
    }
}
