//! The search of `dialhook calls`: the query to the daemon, and the same rules for events.

use std::fmt;
use std::time::Duration;

use clap::Args;

use super::clock::Clock;
use crate::duration::Bounds;
use crate::hook::{Status, nearest};

/// The steps that are wanted.
#[derive(Debug, Clone, Default, Args)]
#[group(id = "search", multiple = true)]
pub(super) struct Search {
    /// The last digits of the caller or the callee, a call id, a linked id or a channel
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// Only steps that were not OK
    #[arg(long)]
    failures: bool,
    /// Only steps of this hook
    #[arg(long, value_name = "NAME")]
    hook: Option<String>,
    /// Only steps with this WEBHOOK_STATUS, or CANCELLED or REFUSED
    #[arg(long, value_name = "WORD", value_parser = status)]
    status: Option<String>,
    /// Only steps that took at least this time, such as 500ms
    #[arg(long, value_name = "TIME", value_parser = slower)]
    slower: Option<Duration>,
    /// Only steps since then: 10m (ago), 14:05, "2026-11-30 14:05", or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<String>,
    /// The largest number of steps, the newest ones
    #[arg(long, value_name = "NUMBER", default_value_t = USUAL, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    limit: u32,
}

const USUAL: u32 = 20;

/// The largest number of steps that is asked for, which is more than a daemon keeps by default.
pub(super) const MOST: u32 = 10_000;

const SLOWER: Bounds = Bounds::new(Duration::from_millis(1), Duration::from_secs(3600), "500ms");
const SINCE: Bounds = Bounds::new(Duration::from_secs(1), Duration::from_secs(31 * 24 * 3600), "10m");

/// The words of a step that has no `WEBHOOK_STATUS`.
const WITHOUT_STATUS: [&str; 2] = ["CANCELLED", "REFUSED"];

fn status(text: &str) -> Result<String, String> {
    let upper = text.to_ascii_uppercase().replace('-', "_");
    let known = || Status::ALL.iter().map(|status| status.as_str()).chain(WITHOUT_STATUS);
    if known().any(|word| word == upper) {
        return Ok(upper);
    }
    Err(match nearest(&upper, known()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("write one of {}", known().collect::<Vec<_>>().join(", ")),
    })
}

fn slower(text: &str) -> Result<Duration, String> {
    SLOWER.parse(text).map_err(|fault| fault.to_string())
}

/// Reads a duration, which the daemon counts back by its own clock, or a moment.
fn since(text: &str) -> Result<String, String> {
    if let Ok(ago) = SINCE.parse(text) {
        return Ok(format!("{}ms", ago.as_millis()));
    }
    let moment = Clock::now().moment(text);
    moment.ok_or_else(|| "write 10m, 14:05, \"2026-11-30 14:05\" or a time in RFC 3339".to_owned())
}

impl Search {
    /// Returns the parameters for the daemon.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = self.filter();
        query.push(("limit", self.limit.to_string()));
        query
    }

    /// Returns the same without a number of steps.
    pub(super) fn filter(&self) -> Vec<(&'static str, String)> {
        let parameters = [
            ("q", self.text.clone()),
            ("failed", self.failures.then(|| "true".to_owned())),
            ("hook", self.hook.clone()),
            ("status", self.status.clone()),
            ("slower_ms", self.slower.map(|time| time.as_millis().to_string())),
            ("since", self.since.clone()),
        ];
        parameters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Continues the words "no step".
impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.text {
            write!(f, " for `{text}`")?;
        }
        let with = [
            self.failures.then(|| "a status other than OK".to_owned()),
            self.status.as_ref().map(|status| format!("the status {status}")),
            self.hook.as_ref().map(|hook| format!("the hook {hook}")),
            self.slower.map(|time| format!("at least {time:?}")),
        ];
        let with: Vec<_> = with.into_iter().flatten().collect();
        if !with.is_empty() {
            write!(f, " with {}", with.join(" and "))?;
        }
        match &self.since {
            Some(since) if since.ends_with("ms") => write!(f, " in the time of --since"),
            Some(since) => write!(f, " since {}", Clock::now().day_and_time(since)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_any_case_and_a_mistyped_one_is_corrected() {
        assert_eq!(status("bad-answer"), Ok("BAD_ANSWER".to_owned()));
        assert_eq!(status("cancelled"), Ok("CANCELLED".to_owned()));
        assert_eq!(status("TIMEOUTS"), Err("did you mean TIMEOUT?".to_owned()));
        assert!(status("x").unwrap_err().starts_with("write one of OK, "));
    }

    #[test]
    fn the_daemon_gets_only_the_parameters_that_are_wanted() {
        assert_eq!(Search::default().filter(), []);
        let search = Search {
            text: Some("678".into()),
            failures: true,
            slower: Some(Duration::from_millis(500)),
            since: since("10m").ok(),
            limit: 5,
            ..Search::default()
        };
        let query: Vec<_> =
            search.query().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(query, ["q=678", "failed=true", "slower_ms=500", "since=600000ms", "limit=5"]);
        assert_eq!(
            search.to_string(),
            " for `678` with a status other than OK and at least 500ms in the time of --since"
        );
    }
}
