//! A busy PBX: 300 calls a second, of which 1 % fail. The last failures must all be in the history.
//!
//! `cargo bench --bench busy_pbx` plays the calls against the release build, and prints its resident memory
//! each ten seconds. Then it asks for the failures. It ends with status 1 if one of the last 500 is missing,
//! or not in its order. The time is 20 s, or `DIALHOOK_SECONDS`: the history holds 500 failures after 167 s.

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

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::load::{Load, id, quantiles, seconds};
use crate::readers::steps;

const RATE: u32 = 300;
const ONE_FAILS_IN: usize = 100;

/// Bytes of the page of a webhook that fails.
const ERROR_PAGE: usize = 512;

/// The failures that the history keeps.
const KEPT: usize = 500;

const BETWEEN_LOOKS: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (daemon, _folder) = load::daemon(ERROR_PAGE).await;
    let mut load = Load::new(&daemon, ONE_FAILS_IN);
    let (began, time) = (Instant::now(), seconds(20));
    let (mut took, before) = (Vec::new(), daemon.core_time());
    println!("  0 s: {} KiB resident", daemon.kib("VmRSS"));
    while let Some(left) = time.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        took.extend(load.run(RATE, left.min(BETWEEN_LOOKS)).await);
        let seconds = began.elapsed().as_secs();
        println!("{seconds:>3} s: {} KiB resident, {} calls", daemon.kib("VmRSS"), load.calls);
    }
    let seconds = began.elapsed().as_secs_f64();
    let used = (daemon.core_time().used - before.used).as_secs_f64();
    println!(
        "{:.0} calls a second, {:.1} % of one core",
        load.calls as f64 / seconds,
        used / seconds * 100.0
    );
    let [median, p99, longest] = quantiles(&mut took);
    println!("a call took {median:.2} ms (median), {p99:.2} ms (p99), {longest:.2} ms (longest)");

    let failed = (0..load.calls).rev().filter(|number| load.fails(*number));
    let expected: Vec<_> = failed.take(KEPT).map(id).collect();
    let kept = steps(daemon.observer, "/api/steps?failed=true&limit=1000").await;
    let kept: Vec<_> = kept.iter().map(|step| step["call_id"].as_str().unwrap()).collect();
    let missing = expected.iter().filter(|id| !kept.contains(&id.as_str())).count();
    // the ring of all steps can have an older failure
    let in_order = kept.iter().zip(&expected).all(|(kept, expected)| kept == expected);
    println!("{} failures in the history; of the last {}, {missing} are missing", kept.len(), expected.len());
    println!("in order: {in_order}");
    ExitCode::from(u8::from(missing > 0 || !in_order || expected.is_empty()))
}
