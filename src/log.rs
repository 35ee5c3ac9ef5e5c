//! What the person on call reads.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::level_filters::LevelFilter;
use tracing::warn;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Writes the log to standard error, `info` and above, or what `DIALHOOK_LOG` says (`debug`, `dialhook=trace`, …),
/// until what it returns is dropped.
///
/// A thread of its own writes: whoever reads the log may stall, and no call may wait for that. Lines beyond
/// 8,192 are lost then.
pub fn start() -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LONGEST_QUEUE)
        .thread_name("log")
        .finish(io::stderr());
    let wanted = env::var(VARIABLE).unwrap_or_else(|_unset| "info".to_owned());
    let filter = EnvFilter::try_new(&wanted);
    let unreadable =
        filter.is_err() || !wanted.contains(['=', ',']) && LevelFilter::from_str(&wanted).is_err();
    let filter = filter.ok().filter(|_| !unreadable).unwrap_or_else(|| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .log_internal_errors(false)
        .init();
    if unreadable {
        warn!("{VARIABLE} is not a level such as debug, nor a filter such as dialhook=trace; info is logged");
    }
    guard
}

/// Says what is logged.
pub const VARIABLE: &str = "DIALHOOK_LOG";

/// How many lines wait for a reader that stalls: some ten seconds of a very busy switch.
const LONGEST_QUEUE: usize = 8192;

/// Something that a stranger can cause at will: logged once in ten seconds at most, with the number of times
/// that it was not.
#[derive(Default)]
pub struct Seldom {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<Instant>,
    missed: u64,
}

/// Between two lines of the same kind.
const PAUSE: Duration = Duration::from_secs(10);

impl Seldom {
    /// Logs through `line`, which is told how many lines were left out before it.
    pub fn warn(&self, line: impl FnOnce(u64)) {
        if let Some(missed) = self.due(Instant::now()) {
            line(missed);
        }
    }

    fn due(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            state.missed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.missed))
    }
}

impl fmt::Debug for Seldom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seldom").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_one_line_and_a_count() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        let at = |seconds| seldom.due(start + Duration::from_secs(seconds));
        assert_eq!(
            [at(0), at(1), at(9), at(10), at(11), at(30)],
            [Some(0), None, None, Some(2), None, Some(1)]
        );
    }
}
