//! The query of a list of steps.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::duration::Bounds;
use crate::history::Search;

/// A search, and the largest number of steps that are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) search: Search,
    pub(super) limit: usize,
}

/// The steps of a list without `limit`.
const USUAL: usize = 100;

/// A time before now in `since`: a month, longer than any history.
const AGO: Bounds = Bounds::new(Duration::ZERO, Duration::from_secs(31 * 24 * 3600), "10m");

impl Default for Query {
    fn default() -> Self {
        Self { search: Search::default(), limit: USUAL }
    }
}

impl Query {
    /// Reads a query. A parameter without a value has no effect, because a form sends all its fields.
    ///
    /// # Errors
    /// Returns the fault of the first parameter that is wrong, with what would be right.
    pub(super) fn parse(query: &str, now: SystemTime) -> Result<Self, String> {
        let mut read = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            if !value.is_empty() {
                read.add(&name, value, now).map_err(|fault| format!("{name}: {fault}"))?;
            }
        }
        Ok(read)
    }

    fn add(&mut self, name: &str, value: &str, now: SystemTime) -> Result<(), String> {
        let search = &mut self.search;
        match name {
            "q" => search.text = Some(value.to_owned()),
            "hook" => search.hook = Some(value.to_owned()),
            "status" => search.status = Some(value.to_owned()),
            "failed" => {
                search.failed = match value {
                    "true" => true,
                    "false" => false,
                    _ => return Err("write true or false".to_owned()),
                }
            }
            "slower_ms" => {
                let milliseconds = value.parse().map_err(|_| "write a number of milliseconds".to_owned())?;
                search.slower = Some(Duration::from_millis(milliseconds));
            }
            "since" => search.since = Some(since(value, now)?),
            "limit" => {
                self.limit = value.parse().map_err(|_| "write a number of steps".to_owned())?;
            }
            _ => return Err(NO_SUCH_PARAMETER.to_owned()),
        }
        Ok(())
    }
}

const NO_SUCH_PARAMETER: &str = "no such parameter; write q, hook, status, failed, slower_ms, since or limit";

/// Reads a duration before now, or RFC 3339.
fn since(text: &str, now: SystemTime) -> Result<SystemTime, String> {
    if let Ok(ago) = AGO.parse(text) {
        return Ok(now.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH));
    }
    let time = text.parse().ok().and_then(|time: Timestamp| SystemTime::try_from(time).ok());
    time.ok_or_else(|| "write 10m (ago), or a time such as 2026-11-30T14:05:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(query: &str) -> Result<Query, String> {
        Query::parse(query, SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000))
    }

    #[test]
    fn every_parameter_is_a_condition() {
        let query = "q=+678&hook=crm&status=OK&failed=true&slower_ms=500&since=10m&limit=7";
        let search = Search {
            text: Some("678".to_owned()),
            hook: Some("crm".to_owned()),
            status: Some("OK".to_owned()),
            failed: true,
            slower: Some(Duration::from_millis(500)),
            since: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(999_400)),
        };
        assert_eq!(parsed(query), Ok(Query { search, limit: 7 }));
        assert_eq!(parsed("q=&hook=&failed=&limit="), Ok(Query::default()));
    }

    #[test]
    fn a_time_of_since_is_rfc_3339_or_a_duration_before_now() {
        let at = |text: &str| parsed(&format!("since={text}")).map(|query| query.search.since.unwrap());
        let epoch = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(at("1970-01-02T00:00:00Z"), Ok(epoch(86_400)));
        assert_eq!(at("1970-01-02T02:00:00%2B02:00"), Ok(epoch(86_400)));
        assert_eq!([at("90"), at("2h")], [Ok(epoch(999_910)), Ok(epoch(992_800))]);
    }

    #[test]
    fn a_wrong_parameter_is_named_with_what_would_be_right() {
        for (query, fault) in [
            ("failed=1", "failed: write true or false"),
            ("slower_ms=1s", "slower_ms: write a number of milliseconds"),
            ("since=noon", "since: write 10m (ago), or a time such as 2026-11-30T14:05:00Z"),
            ("limit=-1", "limit: write a number of steps"),
            ("hooks=a", &format!("hooks: {NO_SUCH_PARAMETER}")),
        ] {
            assert_eq!(parsed(query), Err(fault.to_owned()));
        }
    }
}
