//! CPU of `dialhook serve` per call: one POST on a kept-alive connection, the log at `info` into a file.
//!
//! `cargo bench --bench cpu_per_call` plays calls against the release build as a child process and reads that
//! process's own CPU time from `/proc`, so that the driver's work does not count. Rounds of two kinds
//! alternate (calls one after another, and 50 at once); the median and the range of each are printed. For
//! comparison only: a machine under other load gives other numbers.
//!
//! The rounds of a second daemon, which is the same build with `[history] steps = 0`, alternate with those of
//! the first. `DIALHOOK_BASELINE=FILE` names another build of the program for a third daemon. For both the
//! ratio of the medians is printed, and the median of the ratios round by round, which a busy machine changes
//! less.

#![expect(
    clippy::unwrap_used,
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

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::calls::{call, environment, webhook};
use crate::daemon::Daemon;

const CALLS: usize = 5000;
const ROUNDS: usize = 7;

/// A daemon, and the results of its rounds: CPU microseconds a call, and calls a second.
struct Measured {
    name: &'static str,
    daemon: Daemon,
    sequential: Vec<(f64, f64)>,
    concurrent: Vec<(f64, f64)>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let webhook = webhook(0).await;
    let folder = tempfile::tempdir().unwrap();
    let this_build = env!("CARGO_BIN_EXE_dialhook");
    let mut all = vec![
        Measured::start("this build", this_build, folder.path(), &configuration(webhook)),
        Measured::start(
            "without history",
            this_build,
            folder.path(),
            &(configuration(webhook) + "[history]\nsteps = 0\n"),
        ),
    ];
    if let Ok(baseline) = env::var("DIALHOOK_BASELINE") {
        all.push(Measured::start("baseline", &baseline, folder.path(), &configuration(webhook)));
    }

    for measured in &all {
        // the history is full then
        round(&measured.daemon, 3000, 1).await;
    }
    for number in 0..ROUNDS {
        // no daemon is always the first
        let count = all.len();
        for index in 0..count {
            let measured = &mut all[(number + index) % count];
            measured.sequential.push(round(&measured.daemon, CALLS, 1).await);
            measured.concurrent.push(round(&measured.daemon, CALLS, 50).await);
        }
    }
    for measured in &all {
        measured.print();
    }
    let (this, others) = all.split_first().unwrap();
    for other in others {
        this.compare(other);
    }
}

/// Port 0 for each listener, so that several daemons can run.
fn configuration(webhook: SocketAddr) -> String {
    format!(
        "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = false\nobserver = \"127.0.0.1:0\"\n[hook.crm]\nurl = \"http://{webhook}/\"\nvariable = \"CRM\"\n"
    )
}

impl Measured {
    fn start(name: &'static str, program: &str, folder: &Path, configuration: &str) -> Self {
        let file = folder.join(name).with_extension("toml");
        fs::write(&file, configuration).unwrap();
        Self { name, daemon: Daemon::start(program, &file), sequential: Vec::new(), concurrent: Vec::new() }
    }

    /// Prints the median and the range of each kind of round.
    fn print(&self) {
        println!("{}", self.name);
        for (kind, rounds) in [("one at a time", &self.sequential), ("50 at once", &self.concurrent)] {
            let mut rounds = rounds.clone();
            rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (least, median, most) = (rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1]);
            println!(
                "  {kind:<14} {:>6.1} µs CPU a call (of {ROUNDS} rounds of {CALLS}: {:.1} to {:.1}), {:.0} calls/s",
                median.0, least.0, most.0, median.1
            );
        }
        println!("  resident       {} KiB", self.daemon.kib("VmRSS"));
    }

    /// Prints the CPU of a call of this daemon as a part of the other's.
    fn compare(&self, other: &Self) {
        println!("CPU a call, {} : {} (medians; round by round)", self.name, other.name);
        for (kind, these, others) in [
            ("one at a time", &self.sequential, &other.sequential),
            ("50 at once", &self.concurrent, &other.concurrent),
        ] {
            let cost = |rounds: &[(f64, f64)]| median(rounds.iter().map(|round| round.0).collect());
            let ratios = these.iter().zip(others).map(|(this, other)| this.0 / other.0).collect();
            println!("  {kind:<14} {:.3}; {:.3}", cost(these) / cost(others), median(ratios));
        }
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Makes this number of calls. Returns the CPU time of the daemon per call in microseconds, and the calls per
/// second.
async fn round(daemon: &Daemon, calls: usize, at_once: usize) -> (f64, f64) {
    let (before, began, address) = (daemon.core_time(), Instant::now(), daemon.asterisk);
    let mut lines = JoinSet::new();
    for _ in 0..at_once {
        lines.spawn(async move {
            let environment = environment("crm", "1795416038.0");
            for _ in 0..calls / at_once {
                let ended = call(address, &environment).await;
                assert!(ended.has_status("OK"), "{}", ended.commands);
            }
        });
    }
    lines.join_all().await;
    let used = (daemon.core_time().used - before.used).as_secs_f64();
    (used * 1e6 / calls as f64, calls as f64 / began.elapsed().as_secs_f64())
}
