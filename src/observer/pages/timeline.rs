//! The timeline of a step, drawn to scale.
//!
//! A lane is an SVG whose places are percentages, so that it fits every width without a script.

use super::units;
use crate::history::view::{Attempt, Event, EventKind, StepDetail};

/// The timeline: its lanes and the lines that all lanes share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Timeline<'a> {
    pub(super) lanes: Vec<Lane<'a>>,
    pub(super) ticks: Vec<Tick>,
    /// The place of the timeout, if it is on the drawing.
    pub(super) timeout: Option<String>,
}

/// A line of the scale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) x: String,
    pub(super) label: String,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lane<'a> {
    pub(super) at: String,
    /// The text of the event; empty for an attempt, which has its own.
    pub(super) text: &'a str,
    pub(super) class: &'static str,
    pub(super) took: Option<String>,
    pub(super) bars: Vec<Bar>,
    pub(super) attempt: Option<&'a Attempt>,
    pub(super) parts: Vec<Part>,
}

/// A bar of a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) width: String,
    pub(super) class: &'static str,
}

/// A part of an attempt, with its duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) took: String,
}

/// A span of time, in milliseconds since the connection of the switch.
struct Span {
    class: &'static str,
    name: &'static str,
    from: f64,
    until: f64,
}

/// Returns the timeline of a step.
pub(super) fn timeline(detail: &StepDetail) -> Timeline<'_> {
    let scale = Scale::of(detail);
    let mut attempts = detail.step.attempts.iter().peekable();
    let mut lanes = Vec::with_capacity(detail.timeline.len());
    for event in &detail.timeline {
        lanes.push(match attempts.next_if(|attempt| is_begin(event, attempt)) {
            Some(attempt) => scale.attempt_lane(attempt),
            None => scale.event_lane(event),
        });
    }
    lanes.extend(attempts.map(|attempt| scale.attempt_lane(attempt)));
    let timeout = detail.timeout_ms.map(whole).filter(|timeout| *timeout <= scale.end);
    Timeline { lanes, ticks: scale.ticks(), timeout: timeout.map(|timeout| scale.place(timeout)) }
}

/// True if the event is the beginning of the attempt. A redirect is an event of an attempt, too.
fn is_begin(event: &Event, attempt: &Attempt) -> bool {
    event.kind == EventKind::Attempt
        && event.until_ms.is_some()
        && (event.at_ms - attempt.began_ms).abs() < 0.05
}

/// The scale of a drawing.
struct Scale {
    /// The time at the right edge, in milliseconds.
    end: f64,
}

/// A bar is at least this wide, in percent, so that it is seen.
const NARROWEST: f64 = 0.4;

impl Scale {
    /// Returns a scale on which the whole step has room. The timeout has room too, if the step came near to
    /// it.
    fn of(detail: &StepDetail) -> Self {
        let events = detail.timeline.iter().map(|event| event.until_ms.unwrap_or(event.at_ms));
        let attempts = detail.step.attempts.iter().map(|attempt| attempt.began_ms + attempt.total_ms);
        let last = events.chain(attempts).fold(whole(detail.step.ms), f64::max).max(1.0);
        let timeout = detail.timeout_ms.map(whole).filter(|timeout| *timeout <= last * 2.0);
        Self { end: timeout.map_or(last, |timeout| timeout.max(last)) * 1.03 }
    }

    fn percent(&self, ms: f64) -> f64 {
        (ms / self.end * 100.0).clamp(0.0, 100.0)
    }

    fn place(&self, ms: f64) -> String {
        format!("{:.2}%", self.percent(ms))
    }

    fn bar(&self, from: f64, until: f64, class: &'static str) -> Bar {
        let x = self.percent(from).min(100.0 - NARROWEST);
        let width = (self.percent(until) - x).max(NARROWEST);
        Bar { x: format!("{x:.2}%"), width: format!("{width:.2}%"), class }
    }

    /// Returns at most five lines, one for each 1, 2 or 5 units of a power of ten.
    fn ticks(&self) -> Vec<Tick> {
        let mut steps = (-1..8).flat_map(|power| [1.0, 2.0, 5.0].map(|unit| unit * 10_f64.powi(power)));
        let step = steps.find(|step| self.end / step <= 5.0).unwrap_or(self.end);
        let ticks = (0..=5_u8).map(|count| f64::from(count) * step).take_while(|ms| *ms <= self.end * 0.9);
        ticks
            .map(|ms| Tick {
                x: self.place(ms),
                label: if ms == 0.0 { "0".to_owned() } else { units::ms(ms) },
            })
            .collect()
    }

    fn event_lane<'a>(&self, event: &'a Event) -> Lane<'a> {
        let class = match event.kind {
            EventKind::Switch => "switch",
            EventKind::Cache => "cache",
            EventKind::Attempt => "attempt",
            EventKind::Result => "result",
            EventKind::End => "end",
        };
        let took = event.until_ms.map(|until| units::ms(until - event.at_ms));
        let bars = vec![self.bar(event.at_ms, event.until_ms.unwrap_or(event.at_ms), class)];
        Lane {
            at: units::ms(event.at_ms),
            text: &event.text,
            class,
            took,
            bars,
            attempt: None,
            parts: Vec::new(),
        }
    }

    fn attempt_lane<'a>(&self, attempt: &'a Attempt) -> Lane<'a> {
        let spans = spans(attempt);
        let part = |span: &Span| Part {
            class: span.class,
            name: span.name,
            took: units::ms(span.until - span.from),
        };
        Lane {
            at: units::ms(attempt.began_ms),
            text: "",
            class: "attempt",
            took: Some(units::ms(attempt.total_ms)),
            bars: spans.iter().map(|span| self.bar(span.from, span.until, span.class)).collect(),
            attempt: Some(attempt),
            // an attempt that an open breaker ended at once has no parts
            parts: spans.iter().filter(|span| span.until - span.from >= 0.05).map(part).collect(),
        }
    }
}

/// Returns the parts of an attempt, one after the other.
fn spans(attempt: &Attempt) -> Vec<Span> {
    let end = attempt.began_ms + attempt.total_ms;
    let mut from = attempt.began_ms;
    let mut spans = Vec::new();
    let opening = [
        ("dns", "DNS", attempt.dns_ms),
        ("connect", "connect", attempt.connect_ms),
        ("tls", "TLS", attempt.tls_ms),
    ];
    for (class, name, took) in opening {
        let Some(took) = took else { continue };
        let until = (from + took).min(end);
        spans.push(Span { class, name, from, until });
        from = until;
    }
    let head = attempt.first_byte_ms.map(|ms| (attempt.began_ms + ms).clamp(from, end));
    match head {
        Some(head) => {
            spans.push(Span { class: "waiting", name: "waiting", from, until: head });
            spans.push(Span { class: "body", name: "body", from: head, until: end });
        }
        // an attempt that failed while it connected has no other part
        None if from < end || spans.is_empty() => {
            spans.push(Span { class: "waiting", name: "waiting", from, until: end });
        }
        None => {}
    }
    spans
}

#[expect(clippy::cast_precision_loss, reason = "a step of 2^53 milliseconds does not exist")]
fn whole(ms: u64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn the_parts_of_an_attempt_follow_each_other_and_fill_it() {
        let attempt = samples::new_connection();
        let spans = spans(&attempt);
        let names: Vec<_> = spans.iter().map(|span| span.name).collect();
        assert_eq!(names, ["DNS", "connect", "TLS", "waiting", "body"]);
        let mut from = attempt.began_ms;
        for span in &spans {
            assert!((span.from - from).abs() < 1e-9, "{}", span.name);
            from = span.until;
        }
        assert!((from - attempt.began_ms - attempt.total_ms).abs() < 1e-9);
    }

    #[test]
    fn the_timeout_is_drawn_only_near_the_step() {
        let mut detail = samples::timeout();
        assert!(timeline(&detail).timeout.is_some());
        detail.timeout_ms = Some(60_000);
        assert_eq!(timeline(&detail).timeout, None);
    }

    #[test]
    fn there_are_two_to_six_lines_on_every_scale() {
        for end in [1.03, 7.0, 99.0, 1_000.0, 12_345.0, 600_000.0] {
            let ticks = Scale { end }.ticks();
            assert!((2..=6).contains(&ticks.len()), "{end}: {ticks:?}");
        }
    }

    #[test]
    fn every_attempt_has_a_lane_also_without_an_event() {
        let mut detail = samples::timeout();
        detail.timeline.clear();
        assert_eq!(timeline(&detail).lanes.len(), detail.step.attempts.len());
    }
}
