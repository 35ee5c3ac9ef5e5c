//! The page of hooks.

use askama::Template;

use super::calls::Row;
use super::{Section, Shell, render, units};
use crate::history::view::{EndpointReport, HookReport, Minute};

/// The data of the page of hooks.
#[derive(Debug, Clone, Copy)]
pub struct Hooks<'a> {
    pub try_allowed: bool,
    pub hooks: &'a [HookReport],
    /// The present time: RFC 3339.
    pub now: &'a str,
}

#[derive(Template)]
#[template(path = "hooks.html")]
struct Page<'a> {
    shell: Shell,
    hooks: Vec<Card<'a>>,
    now: &'a str,
}

/// One hook.
struct Card<'a> {
    hook: &'a HookReport,
    plot: Plot,
    last_failure: Option<Row<'a>>,
    url: String,
}

/// The last hour, drawn: a bar for the steps of each minute, and a line for the median and the 95th
/// percentile.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plot {
    bars: Vec<Column>,
    p50: Vec<String>,
    p95: Vec<String>,
    /// The highest duration, in words.
    top: Option<String>,
    /// The highest number of steps in a minute.
    most: u64,
}

/// The steps of one minute: from the bottom those that failed, then the others.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    x: usize,
    good_y: String,
    good: String,
    failed_y: String,
    failed: String,
}

/// Height of the drawing, and of its bars, in its own units. A minute is 4 wide.
const HEIGHT: f64 = 48.0;
const BARS: f64 = 16.0;

/// A certificate that ends in fewer days is a warning.
const FEW_DAYS: i64 = 14;

/// Returns the page of hooks.
#[must_use]
pub fn hooks(data: Hooks<'_>) -> String {
    render(&Page {
        shell: Shell { section: Section::Hooks, try_allowed: data.try_allowed },
        hooks: data.hooks.iter().map(Card::new).collect(),
        now: data.now,
    })
}

impl<'a> Card<'a> {
    fn new(hook: &'a HookReport) -> Self {
        let filters = super::Filters { hook: hook.name.clone(), ..super::Filters::default() };
        let last_failure = hook.last_failure.as_ref().map(|step| Row { step });
        Self { hook, plot: Plot::of(&hook.minutes), last_failure, url: filters.href() }
    }

    /// The share of `OK`, and a class if it is low.
    fn ok(&self) -> Option<(&'static str, String)> {
        let share = self.hook.ok?;
        Some((if share < 0.99 { "warn" } else { "" }, units::percent(share)))
    }

    fn cache(&self) -> Option<String> {
        self.hook.cache.map(units::percent)
    }

    fn ms(&self, ms: &Option<f64>) -> Option<String> {
        ms.map(units::ms)
    }

    fn calls(&self) -> String {
        units::grouped_whole(self.hook.calls)
    }

    /// The state of a breaker, in words, and its class.
    fn breaker(&self, endpoint: &EndpointReport) -> (&'static str, String) {
        let failures = match endpoint.failures {
            0 => String::new(),
            1 => ", 1 failure".to_owned(),
            failures => format!(", {failures} failures in a row"),
        };
        match (&*endpoint.breaker, endpoint.next_probe_ms) {
            ("none", _) => ("quiet", "no breaker".to_owned()),
            ("closed", _) => ("ok", format!("closed{failures}")),
            ("open", Some(probe)) => ("bad", format!("open{failures}; next probe in {}", units::age(probe))),
            (state, _) => ("bad", format!("{state}{failures}")),
        }
    }

    /// The remaining days of a certificate, in words, and its class.
    fn certificate(&self, endpoint: &EndpointReport, now: &str) -> Option<(&'static str, String)> {
        match units::days_between(now, endpoint.certificate_until.as_deref()?)? {
            days @ ..0 => Some(("bad", format!("expired {} days ago", -days))),
            0 => Some(("bad", "expires today".to_owned())),
            1 => Some(("warn", "expires tomorrow".to_owned())),
            days @ 2..FEW_DAYS => Some(("warn", format!("expires in {days} days"))),
            days => Some(("ok", format!("expires in {days} days"))),
        }
    }
}

impl Plot {
    fn of(minutes: &[Minute]) -> Self {
        let most = minutes.iter().map(|minute| minute.calls).max().unwrap_or_default();
        let top = minutes.iter().filter_map(|minute| minute.p95_ms).fold(0.0, f64::max);
        let height = |calls: u64| share(calls, most) * BARS;
        let bars =
            minutes.iter().enumerate().filter(|(_, minute)| minute.calls > 0).map(|(place, minute)| {
                let (all, failed) = (height(minute.calls), height(minute.failed));
                // one failure of many shows, too
                let failed = if minute.failed > 0 { failed.max(1.5) } else { 0.0 };
                Column {
                    x: place * 4,
                    good_y: format!("{:.1}", HEIGHT - all),
                    good: format!("{:.1}", (all - failed).max(0.0)),
                    failed_y: format!("{:.1}", HEIGHT - failed),
                    failed: format!("{failed:.1}"),
                }
            });
        Self {
            bars: bars.collect(),
            p50: lines(minutes, top, |minute| minute.p50_ms),
            p95: lines(minutes, top, |minute| minute.p95_ms),
            top: (top > 0.0).then(|| units::ms(top)),
            most,
        }
    }
}

/// Returns the points of the lines through the minutes. A minute without steps ends a line.
fn lines(minutes: &[Minute], top: f64, of: impl Fn(&Minute) -> Option<f64>) -> Vec<String> {
    let room = HEIGHT - BARS - 4.0;
    let mut lines = vec![String::new()];
    for (place, minute) in minutes.iter().enumerate() {
        match (of(minute), lines.last_mut()) {
            (Some(ms), Some(line)) => {
                let y = 2.0 + room * (1.0 - ms / top.max(0.1));
                let x = place * 4;
                // a minute is a level piece, so that one alone is seen
                line.push_str(&format!("{x},{y:.1} {},{y:.1} ", x + 4));
            }
            _ => lines.push(String::new()),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[expect(clippy::cast_precision_loss, reason = "a drawing needs three figures")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_minute_without_steps_ends_a_line() {
        let one = Minute { calls: 3, failed: 1, p50_ms: Some(5.0), p95_ms: Some(9.0) };
        let plot = Plot::of(&[one, Minute::default(), one, one]);
        assert_eq!((plot.bars.len(), plot.p50.len(), plot.p95.len(), plot.most), (3, 2, 2, 3));
    }

    #[test]
    fn a_certificate_warns_two_weeks_before_its_end() {
        let hook = samples::hook();
        let card = Card::new(&hook);
        let words = |until: &str| {
            let endpoint =
                EndpointReport { certificate_until: Some(until.to_owned()), ..hook.endpoints[0].clone() };
            card.certificate(&endpoint, "2026-11-30T12:00:00Z").unwrap()
        };
        assert_eq!(words("2026-11-29T00:00:00Z"), ("bad", "expired 1 days ago".to_owned()));
        assert_eq!(words("2026-12-13T00:00:00Z"), ("warn", "expires in 13 days".to_owned()));
        assert_eq!(words("2026-12-14T00:00:00Z"), ("ok", "expires in 14 days".to_owned()));
    }
}
