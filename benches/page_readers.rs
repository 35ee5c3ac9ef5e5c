//! The duration of calls while people and programs read the pages of the observer.
//!
//! `cargo bench --bench page_readers` plays 100 calls a second against the release build, whose history is
//! full and has error pages of 4 KiB. Rounds without readers alternate with rounds of each kind of reader:
//! idle browsers, event streams, readers that stall, and a scan of all records without pause. The goal is
//! that no call loses a millisecond.
//!
//! The readers, the webhook and the calls work on the same machine. So one kind of round has no reader, and a
//! thread that computes instead: it shows the cost of one core less. The last column is the time for which
//! the thread of the calls was ready and waited for a core.
//!
//! `DIALHOOK_SECONDS` sets the time of all rounds together (60 s).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a benchmark"
)]
#![expect(dead_code, reason = "other benchmarks need more of the driver")]

#[path = "util/calls.rs"]
mod calls;
#[path = "util/daemon.rs"]
mod daemon;
#[path = "util/load.rs"]
mod load;
#[path = "util/readers.rs"]
mod readers;

use std::time::Duration;

use crate::daemon::Daemon;
use crate::load::{Load, quantiles, seconds};
use crate::readers::{Readers, Running};

const RATE: u32 = 100;
const ROUNDS: u32 = 5;

/// Bytes of the page of one call in ten.
const ERROR_PAGE: usize = 4096;

/// The steps before the first round: more than the history keeps.
const STEPS_BEFORE: Duration = Duration::from_secs(5);
const RATE_BEFORE: u32 = 500;

/// The rounds of one kind of reader.
struct Rounds {
    readers: Readers,
    took: Vec<Duration>,
    /// The number of answers, events, connections or requests of the readers.
    done: usize,
    /// The time for which the thread of the calls waited for a core.
    waited: Duration,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (daemon, _folder) = load::daemon(ERROR_PAGE).await;
    let mut load = Load::new(&daemon, 10);
    load.run(RATE_BEFORE, STEPS_BEFORE).await;
    println!("resident memory with a full history: {} KiB", daemon.kib("VmRSS"));

    let kinds = u32::try_from(Readers::ALL.len()).unwrap();
    let time = seconds(60) / (ROUNDS * kinds);
    let mut all = Readers::ALL.map(Rounds::new);
    for _ in 0..ROUNDS {
        for rounds in &mut all {
            rounds.play(&daemon, &mut load, time).await;
        }
    }
    println!("{RATE} calls a second, {ROUNDS} rounds of {:.1} s of each kind, in ms", time.as_secs_f64());
    println!(
        "{:<12} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:>17}",
        "readers", "done", "median", "p99", "longest", "median +", "p99 +", "waits for a core"
    );
    let mut without = None;
    for rounds in all {
        let [median, p99, _] = rounds.print(without);
        without.get_or_insert((median, p99));
    }
    println!("most resident memory: {} KiB", daemon.kib("VmHWM"));
}

impl Rounds {
    fn new(readers: Readers) -> Self {
        Self { readers, took: Vec::new(), done: 0, waited: Duration::ZERO }
    }

    async fn play(&mut self, daemon: &Daemon, load: &mut Load, time: Duration) {
        let (running, before) = (Running::start(self.readers, daemon.observer), daemon.core_time_of_calls());
        self.took.extend(load.run(RATE, time).await);
        self.waited += daemon.core_time_of_calls().waited - before.waited;
        self.done += running.stop();
        // answers that nobody wants any longer are made to their end
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    /// Prints the line of these rounds, beside the median and the 99th percentile without readers. Returns
    /// both.
    fn print(mut self, without: Option<(f64, f64)>) -> [f64; 3] {
        let waited = self.waited.as_secs_f64() * 1e3 / self.took.len() as f64;
        let [median, p99, longest] = quantiles(&mut self.took);
        let (more_median, more_p99) = without.map_or((0.0, 0.0), |(m, p)| (median - m, p99 - p));
        println!(
            "{:<12} {:>8} {median:>8.2} {p99:>8.2} {longest:>8.2} {more_median:>+10.2} {more_p99:>+10.2} {waited:>10.3} a call",
            format!("{:?}", self.readers),
            self.done
        );
        [median, p99, longest]
    }
}
