//! Lines that nobody will read. No call waits for the log, so that some can be lost; somebody should know.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// How many lines wait for a reader that stalls: some ten seconds of a very busy switch.
const LONGEST_QUEUE: usize = 8192;

/// The log of this process.
static LOG: OnceLock<Lost> = OnceLock::new();

/// How many lines of this process's log were lost: those for which the queue had no room, and those that standard error or the
/// journal did not take.
#[must_use]
pub fn lines_lost() -> u64 {
    LOG.get().map_or(0, Lost::lines)
}

/// What is known of one log.
#[derive(Debug)]
pub(super) struct Lost {
    queue: ErrorCounter,
    not_taken: Arc<AtomicU64>,
}

impl Lost {
    fn lines(&self) -> u64 {
        let no_room = u64::try_from(self.queue.dropped_lines()).unwrap_or(u64::MAX);
        no_room.saturating_add(self.not_taken.load(Ordering::Relaxed))
    }

    /// Makes it the log of this process, if there was none before.
    pub(super) fn of_this_process(self) {
        let _started_before = LOG.set(self);
    }
}

/// A writer behind a queue and on a thread of its own, until the guard is dropped.
pub(super) fn queued(writer: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard, Lost) {
    let not_taken = Arc::default();
    let (queue, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LONGEST_QUEUE)
        .thread_name("log")
        .finish(Counting { writer, not_taken: Arc::clone(&not_taken) });
    let lost = Lost { queue: queue.error_counter(), not_taken };
    (queue, guard, lost)
}

/// Counts what its writer does not take.
struct Counting<W> {
    writer: W,
    not_taken: Arc<AtomicU64>,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.writer.write(line).inspect_err(|_error| {
            self.not_taken.fetch_add(1, Ordering::Relaxed);
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

    /// Takes a line for each word that it hears, and none when nobody speaks any more.
    struct Stalling(Receiver<()>);

    impl Write for Stalling {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other).map(|()| line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_find_no_room_and_lines_that_are_not_taken_are_counted() {
        let (go_on, stalls) = channel();
        let (mut queue, guard, lost) = queued(Stalling(stalls));
        let mut log = |lines| (0..lines).for_each(|_| queue.write_all(b"a line\n").unwrap());
        log(LONGEST_QUEUE);
        assert_eq!(lost.lines(), 0);
        // the one that is being written has left the queue
        log(11);
        let no_room = lost.lines();
        assert!((10..=11).contains(&no_room), "{no_room}");
        drop((go_on, queue, guard));
        assert!(lost.lines() > no_room, "{}", lost.lines());
    }
}
