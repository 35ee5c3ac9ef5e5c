//! The queue between the threads that log and the thread that writes, and the count of lost lines.
//!
//! No call waits for the log, so lines can be lost when its reader stalls.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// The lines that wait for a reader that stalls: about ten seconds of a very busy switch.
const QUEUE_LENGTH: usize = 8192;

/// The log of this process.
static LOG: OnceLock<LostLines> = OnceLock::new();

/// Returns the number of lost lines of this process's log: the queue was full, or standard error or the
/// journal returned an error.
#[must_use]
pub fn lost_lines() -> u64 {
    LOG.get().map_or(0, LostLines::count)
}

/// The counters of the lost lines of one log.
#[derive(Debug)]
pub(super) struct LostLines {
    queue: ErrorCounter,
    write_failures: Arc<AtomicU64>,
}

impl LostLines {
    fn count(&self) -> u64 {
        let dropped = u64::try_from(self.queue.dropped_lines()).unwrap_or(u64::MAX);
        dropped.saturating_add(self.write_failures.load(Ordering::Relaxed))
    }

    /// Makes this the log of the process, unless the process has one.
    pub(super) fn install(self) {
        let _started_before = LOG.set(self);
    }
}

/// Returns a writer that queues its lines. A separate thread passes them to `writer` until the guard is
/// dropped.
pub(super) fn queued(writer: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard, LostLines) {
    let write_failures = Arc::default();
    let (queue, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUE_LENGTH)
        .thread_name("log")
        .finish(CountingWriter { writer, write_failures: Arc::clone(&write_failures) });
    let lost = LostLines { queue: queue.error_counter(), write_failures };
    (queue, guard, lost)
}

/// Counts the errors of its writer.
struct CountingWriter<W> {
    writer: W,
    write_failures: Arc<AtomicU64>,
}

impl<W: Write> Write for CountingWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.writer.write(line).inspect_err(|_error| {
            self.write_failures.fetch_add(1, Ordering::Relaxed);
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// Writes a line for each message that it receives, and fails when the sender is dropped.
    struct StallingWriter(Receiver<()>);

    impl Write for StallingWriter {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other).map(|()| line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_over_the_queue_length_and_failed_writes_are_counted_as_lost() {
        let (proceed, permits) = channel();
        let (mut queue, guard, lost) = queued(StallingWriter(permits));
        let mut log = |lines| (0..lines).for_each(|_| queue.write_all(b"a line\n").unwrap());
        log(QUEUE_LENGTH);
        assert_eq!(lost.count(), 0);
        // the line that is being written has left the queue
        log(11);
        let dropped = lost.count();
        assert!((10..=11).contains(&dropped), "{dropped}");
        drop((proceed, queue, guard));
        assert!(lost.count() > dropped, "{}", lost.count());
    }
}
