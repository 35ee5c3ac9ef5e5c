//! The timeline of a step, drawn to scale: a bar for an event that takes time, a point for any other.

use crate::history::view::{Event, EventKind};

/// The columns of a drawing: the narrowest and the widest.
const NARROWEST: usize = 16;
const WIDEST: usize = 40;

/// Returns the bar of each event, all of the same width, for a place that is so wide.
pub(super) fn bars(timeline: &[Event], place: usize) -> Vec<String> {
    let columns = (place / 3).clamp(NARROWEST, WIDEST);
    let ends = timeline.iter().map(|event| event.until_ms.unwrap_or(event.at_ms));
    let whole = ends.fold(0.0, f64::max);
    let column = |at: f64| {
        let share = if whole > 0.0 { (at / whole).clamp(0.0, 1.0) } else { 0.0 };
        ((share * columns as f64) as usize).min(columns - 1)
    };
    timeline
        .iter()
        .map(|event| {
            let (begin, end) = (column(event.at_ms), column(event.until_ms.unwrap_or(event.at_ms)));
            let drawn = match event.until_ms {
                None => "│".to_owned(),
                Some(_) => character(event.kind).repeat(end.saturating_sub(begin) + 1),
            };
            let used = drawn.chars().count();
            format!("{}{drawn}{}", " ".repeat(begin), " ".repeat(columns.saturating_sub(begin + used)))
        })
        .collect()
}

fn character(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Attempt => "█",
        EventKind::Cache => "▒",
        EventKind::Switch | EventKind::Result | EventKind::End => "─",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind, at_ms: f64, until_ms: Option<f64>) -> Event {
        Event { at_ms, until_ms, kind, text: String::new() }
    }

    #[test]
    fn bars_are_to_scale_and_of_the_same_width() {
        let timeline = [
            event(EventKind::Switch, 0.0, None),
            event(EventKind::Attempt, 0.0, Some(50.0)),
            event(EventKind::Attempt, 50.0, Some(100.0)),
            event(EventKind::Cache, 25.0, Some(25.1)),
            event(EventKind::End, 100.0, None),
        ];
        assert_eq!(
            bars(&timeline, 60),
            [
                "│                   ",
                "███████████         ",
                "          ██████████",
                "     ▒              ",
                "                   │",
            ]
        );
    }

    #[test]
    fn a_timeline_without_time_is_drawn_too() {
        assert_eq!(bars(&[event(EventKind::End, 0.0, None)], 1), [format!("│{}", " ".repeat(15))]);
        assert_eq!(bars(&[], 100), [""; 0]);
    }
}
