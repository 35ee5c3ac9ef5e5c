//! What the person on call reads: on a terminal, as JSON, or in the journal of systemd.

mod escape;
mod journal;
mod queue;
mod telephone_numbers;
mod truncate;

use std::env;
use std::fmt;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, warn};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use self::escape::{EscapeStyle, EscapingWriter};
pub use self::journal::{Journal, SOCKET};
pub use self::queue::lost_lines;
use self::queue::queued;
pub use self::telephone_numbers::TelephoneNumbers;
pub use self::truncate::truncate_name;

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a person.
    Text {
        /// Whether levels are told apart by colours.
        coloured: bool,
    },
    /// One JSON object a line.
    Json,
    /// Fields of systemd's journal.
    Journald,
}

impl Format {
    /// Text, with colours on a terminal.
    #[must_use]
    pub fn text() -> Self {
        Self::Text { coloured: io::stderr().is_terminal() }
    }

    /// The journal where standard error leads there, else text.
    #[must_use]
    pub fn detect() -> Self {
        let stream = env::var("JOURNAL_STREAM").ok();
        if journal::is_standard_error(stream.as_deref()) { Self::Journald } else { Self::text() }
    }
}

/// Writes the log to standard error or to the journal, `info` and above, or what `DIALHOOK_LOG` says (`debug`,
/// `dialhook=trace`, …), until what it returns is dropped.
///
/// A thread of its own writes: whoever reads the log may stall, and no call may wait for that. Lines beyond
/// 8,192 are lost then, see [`lost_lines`].
pub fn start(format: Format) -> WorkerGuard {
    let journal = (format == Format::Journald).then(|| Journal::at(Path::new(SOCKET)));
    let (format, journal_error) = match &journal {
        Some(Err(error)) => (Format::text(), Some(error.to_string())),
        Some(Ok(_)) | None => (format, None),
    };
    let (writer, guard, lost) = match journal {
        Some(Ok(journal)) => queued(journal),
        Some(Err(_)) | None => queued(io::stderr()),
    };
    lost.install();
    let wanted = env::var(VARIABLE).unwrap_or_else(|_unset| "info".to_owned());
    let filter = EnvFilter::try_new(&wanted);
    let invalid = filter.is_err() || !wanted.contains(['=', ',']) && LevelFilter::from_str(&wanted).is_err();
    let filter = filter.ok().filter(|_| !invalid).unwrap_or_else(|| EnvFilter::new("info"));
    // a log that was started before goes on
    let _started_before = tracing::dispatcher::set_global_default(dispatch(format, filter, writer));
    if invalid {
        warn!("{VARIABLE} is not a level such as debug, nor a filter such as dialhook=trace; info is logged");
    }
    if let Some(error) = journal_error {
        warn!("journald does not listen on {SOCKET} ({error}); the log goes to standard error");
    }
    guard
}

/// What hears the events: each is one write.
#[must_use]
pub fn dispatch<W>(format: Format, filter: EnvFilter, writer: W) -> Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_target(false).log_internal_errors(false);
    let escaping = |writer, style| EscapingWriter { writer, style };
    match format {
        Format::Text { coloured: true } => {
            subscriber.with_ansi(true).with_writer(escaping(writer, EscapeStyle::ColouredText)).into()
        }
        Format::Text { coloured: false } => {
            subscriber.with_ansi(false).with_writer(escaping(writer, EscapeStyle::Text)).into()
        }
        Format::Json => subscriber
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_writer(escaping(writer, EscapeStyle::Json))
            .into(),
        // each field is escaped by itself: a line feed ends it
        Format::Journald => subscriber
            .event_format(journal::JournalFields)
            .fmt_fields(journal::JournalFields)
            .with_writer(writer)
            .into(),
    }
}

/// Says what is logged.
pub const VARIABLE: &str = "DIALHOOK_LOG";

/// Something that a stranger can cause at will: logged once in ten seconds at most, or as often as is said, with the number of
/// times that it was not.
pub struct RateLimited {
    lines: u32,
    period: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the period began.
    began: Option<Instant>,
    logged: u32,
    suppressed: u64,
}

impl Default for RateLimited {
    fn default() -> Self {
        Self::new(1, Duration::from_secs(10))
    }
}

impl RateLimited {
    /// So many lines in this time.
    #[must_use]
    pub fn new(lines: u32, period: Duration) -> Self {
        Self { lines, period, state: Mutex::default() }
    }

    /// Logs through `line`, which is told how many lines were left out before it.
    pub fn warn(&self, line: impl FnOnce(u64)) {
        if let Some(suppressed) = self.due(Instant::now()) {
            line(suppressed);
        }
    }

    fn due(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.began.is_none_or(|began| now.duration_since(began) >= self.period) {
            (state.began, state.logged) = (Some(now), 0);
        }
        if state.logged >= self.lines {
            state.suppressed += 1;
            return None;
        }
        state.logged += 1;
        Some(std::mem::take(&mut state.suppressed))
    }
}

impl fmt::Debug for RateLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimited").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_one_line_and_a_count() {
        let (limited, start) = (RateLimited::default(), Instant::now());
        let at = |seconds| limited.due(start + Duration::from_secs(seconds));
        assert_eq!(
            [at(0), at(1), at(9), at(10), at(11), at(30)],
            [Some(0), None, None, Some(2), None, Some(1)]
        );
    }

    #[test]
    fn what_may_be_said_more_often_is_cut_off_in_each_period() {
        let (limited, start) = (RateLimited::new(2, Duration::from_secs(1)), Instant::now());
        let at = |milliseconds| limited.due(start + Duration::from_millis(milliseconds));
        assert_eq!(
            [at(0), at(500), at(600), at(999), at(1000), at(1001), at(1002), at(5000)],
            [Some(0), Some(0), None, None, Some(2), Some(0), None, Some(1)]
        );
    }
}
