//! The log: text on a terminal, JSON lines, or fields in the journal of systemd.
//!
//! Knows how a line is written and how often; does not know what the events mean.

mod escape;
mod journal;
mod queue;
mod rate_limited;
mod telephone_numbers;
mod truncate;

use std::env;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, warn};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use self::escape::{EscapeStyle, EscapingWriter};
pub use self::escape::{escape, escape_json, is_unsafe};
pub use self::journal::{Journal, SOCKET};
pub use self::queue::lost_lines;
use self::queue::queued;
pub use self::rate_limited::RateLimited;
pub use self::telephone_numbers::{TelephoneNumbers, VISIBLE_DIGITS};
pub use self::truncate::truncate_name;

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lines for a person.
    Text {
        /// True if levels have colours.
        coloured: bool,
    },
    /// One JSON object a line.
    Json,
    /// Fields of systemd's journal.
    Journald,
}

impl Format {
    /// Returns the text format, with colours if standard error is a terminal.
    #[must_use]
    pub fn text() -> Self {
        Self::Text { coloured: io::stderr().is_terminal() }
    }

    /// Returns the journal's format if standard error leads to the journal, otherwise the text format.
    #[must_use]
    pub fn detect() -> Self {
        let stream = env::var("JOURNAL_STREAM").ok();
        if journal::is_standard_error(stream.as_deref()) { Self::Journald } else { Self::text() }
    }
}

/// Starts the log of this process on standard error or in the journal, and writes it until the guard is
/// dropped.
///
/// Logs `info` and above, or what `DIALHOOK_LOG` says (`debug`, `dialhook=trace`, …). A separate thread
/// writes the lines, so that no call waits for a reader that stalls. Lines beyond 8,192 are lost then, see
/// [`lost_lines`].
pub fn start(format: Format) -> WorkerGuard {
    let (format, journal, journal_error) = open_journal(format);
    let (writer, guard, lost) = match journal {
        Some(journal) => queued(journal),
        None => queued(io::stderr()),
    };
    lost.install();
    let requested = env::var(VARIABLE).unwrap_or_else(|_unset| "info".to_owned());
    let filter = filter(&requested);
    let is_valid = filter.is_some();
    let filter = filter.unwrap_or_else(|| EnvFilter::new("info"));
    // a log that was started before stays in place
    let _started_before = tracing::dispatcher::set_global_default(dispatch(format, filter, writer));
    if !is_valid {
        warn!(
            "{VARIABLE} is not valid; write a level such as debug, or a filter such as dialhook=trace; the level is info now"
        );
    }
    if let Some(error) = journal_error {
        warn!("journald does not listen on {SOCKET} ({error}); the log goes to standard error");
    }
    guard
}

/// Connects to the journal if the format is the journal's. Falls back to text if journald does not listen.
fn open_journal(format: Format) -> (Format, Option<Journal>, Option<io::Error>) {
    if format != Format::Journald {
        return (format, None, None);
    }
    match Journal::at(Path::new(SOCKET)) {
        Ok(journal) => (format, Some(journal), None),
        Err(error) => (Format::text(), None, Some(error)),
    }
}

/// Parses the value of `DIALHOOK_LOG`. A single word must be a level: as a filter it would name a target that
/// does not exist.
fn filter(requested: &str) -> Option<EnvFilter> {
    if !requested.contains(['=', ',']) {
        LevelFilter::from_str(requested).ok()?;
    }
    EnvFilter::try_new(requested).ok()
}

/// Returns the subscriber that writes each event with one call of the writer.
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
        // JournalFields escapes each field by itself, because a line feed ends a field
        Format::Journald => subscriber
            .event_format(journal::JournalFields)
            .fmt_fields(journal::JournalFields)
            .with_writer(writer)
            .into(),
    }
}

/// The environment variable that sets the level or filter of the log.
pub const VARIABLE: &str = "DIALHOOK_LOG";
