//! The journal of systemd: each event is one datagram of fields, so that `journalctl DIALHOOK_HOOK=crm` finds
//! the calls of a hook.
//!
//! tracing-journald is not used, because it sends from the thread that logs: a journal that stalls would
//! delay every call. Here the formatter writes text, as for any other log, and the thread of the queue sends
//! it.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::escape::is_unsafe;
use super::truncate::truncate;

/// The socket of journald (`systemd-journald.service(8)`).
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// True if standard error leads to the journal.
///
/// `JOURNAL_STREAM` has the device and inode of the file that systemd made standard error
/// (`systemd.exec(5)`). In a process that only inherited the variable, they are those of another file.
pub(super) fn is_standard_error(journal_stream: Option<&str>) -> bool {
    let file = io::stderr().as_fd().try_clone_to_owned().map(File::from);
    let metadata = file.and_then(|file| file.metadata());
    metadata.is_ok_and(|metadata| is_file(journal_stream, metadata.dev(), metadata.ino()))
}

/// True if `JOURNAL_STREAM` has this device and inode.
///
/// ```text
/// journal_stream = device ":" inode          ; decimal
/// ```
fn is_file(journal_stream: Option<&str>, device: u64, inode: u64) -> bool {
    journal_stream.is_some_and(|stream| stream == format!("{device}:{inode}"))
}

/// A writer that sends each write to journald as one datagram.
#[derive(Debug)]
pub struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Journal {
    /// Returns the journal that listens on this socket.
    ///
    /// # Errors
    /// Returns an error if no process listens there.
    pub fn at(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // journald ignores an empty datagram
        socket.send_to(&[], path)?;
        Ok(Self { socket, path: path.to_owned() })
    }
}

impl Write for Journal {
    /// A datagram that cannot be sent is lost, for example while journald restarts. The next write tries
    /// again.
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.socket.send_to(datagram, &self.path)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Formats events and the fields of spans as journald reads them
/// (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL>).
///
/// ```text
/// entry = 1*field
/// field = NAME "=" value LF                  ; our values have no line feeds
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct JournalFields;

impl<S, N> FormatEvent<S, N> for JournalFields
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields { mut message, mut lines } = fields;
        for span in context.event_scope().into_iter().flatten() {
            if let Some(formatted) = span.extensions().get::<FormattedFields<N>>() {
                lines.push_str(&formatted.fields);
            }
        }
        for (name, value) in lines.lines().filter_map(|line| line.strip_prefix(PREFIX)?.split_once('=')) {
            let quote = if value.contains(' ') { "\"" } else { "" };
            write!(message, " {}={quote}{value}{quote}", name.to_ascii_lowercase())?;
        }
        writeln!(writer, "PRIORITY={}", priority(*event.metadata().level()))?;
        writeln!(writer, "SYSLOG_IDENTIFIER={}", env!("CARGO_PKG_NAME"))?;
        writeln!(writer, "MESSAGE={message}")?;
        writer.write_str(&lines)
    }
}

impl<'w> FormatFields<'w> for JournalFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut recorded = Fields::default();
        fields.record(&mut recorded);
        writer.write_str(&recorded.lines)
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

/// Returns the priority of a level in `syslog(3)`, where `debug` and `trace` are the same.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// The message of an event, and its other fields, one a line.
#[derive(Default)]
struct Fields {
    message: String,
    lines: String,
}

/// The prefix of our field names, which keeps them apart from those of other programs.
const PREFIX: &str = "DIALHOOK_";

/// Characters of one value after escaping. A datagram can have about 200 KiB, and journald drops a longer
/// one. A value occurs twice in it, and no event has more than one long value.
const MAX_VALUE: usize = 16 * 1024;

impl Fields {
    fn add(&mut self, field: &Field, value: &str) {
        // one character too many makes `truncate` add the ellipsis
        let written: String = value.chars().flat_map(escaped).take(MAX_VALUE + 1).collect();
        let written = truncate(written.into(), MAX_VALUE);
        if field.name() == "message" {
            self.message.push_str(&written);
            return;
        }
        self.lines.push_str(PREFIX);
        let letters = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        self.lines.extend(field.name().chars().map(letters));
        self.lines.push('=');
        self.lines.push_str(&written);
        self.lines.push('\n');
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }
}

/// Returns a character, or the escape of an unsafe one: a line feed would let a peer begin another field.
fn escaped(character: char) -> impl Iterator<Item = char> {
    let (plain, escape) = match is_unsafe(character) {
        true => (None, Some(character.escape_default())),
        false => (Some(character), None),
    };
    plain.into_iter().chain(escape.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_error_is_the_journal_only_if_device_and_inode_match() {
        assert!(is_file(Some("8:4711"), 8, 4711));
        for other in [None, Some(""), Some("8:471"), Some("9:4711"), Some("8:4711:1"), Some("journal")] {
            assert!(!is_file(other, 8, 4711), "{other:?}");
        }
        assert!(!is_standard_error(Some("1:1")));
    }

    #[test]
    fn each_write_is_one_datagram_and_a_failed_send_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        assert!(Journal::at(&path).is_err(), "no process listens");
        let listener = UnixDatagram::bind(&path).unwrap();
        let mut journal = Journal::at(&path).unwrap();
        journal.write_all(b"MESSAGE=one\n").unwrap();
        journal.write_all(b"MESSAGE=two\n").unwrap();
        let mut buffer = [0; 64];
        let mut received = || {
            let length = listener.recv(&mut buffer).unwrap();
            buffer[..length].to_vec()
        };
        assert_eq!([received(), received(), received()], [&b""[..], b"MESSAGE=one\n", b"MESSAGE=two\n"]);
        drop(listener);
        assert!(journal.write_all(b"MESSAGE=three\n").is_err());
        std::fs::remove_file(&path).unwrap();
        let listener = UnixDatagram::bind(&path).unwrap();
        journal.write_all(b"MESSAGE=four\n").unwrap();
        assert_eq!(listener.recv(&mut buffer).unwrap(), 13, "journald was restarted");
    }
}
