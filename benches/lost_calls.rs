//! Calls that are lost while `dialhook serve` is restarted and reloaded: there must be none.
//!
//! `cargo bench --bench lost_calls` plays 200 calls a second, of both switches, against listeners that are
//! passed on as systemd does with `dialhook.socket`, and meanwhile stops and starts the release build 100
//! times and reloads it 100 times, the configuration changing each time. It counts the calls that were
//! refused, those that ended without a status, those that got variables of two configurations or of none, and
//! those whose status is not `OK`. It ends with status 1 if there are any. The longest wait is the cost of a
//! restart for a call: the time until the calls in flight have ended, and the time of a start.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a benchmark, and the tests' own switches"
)]
#![expect(dead_code, unused_imports, reason = "the tests need more of their switches, and test them")]

#[path = "../tests/util/asterisk.rs"]
mod asterisk;
#[path = "../tests/util/channel_data.rs"]
mod channel_data;
#[path = "../tests/util/expansion.rs"]
mod expansion;
#[path = "../tests/util/freeswitch.rs"]
mod freeswitch;
#[path = "../tests/util/service_manager.rs"]
mod service_manager;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::asterisk::{Environment, FakeAsterisk};
use crate::channel_data::{ChannelData, SocketMode};
use crate::freeswitch::{CallState, FakeFreeSwitch};
use crate::service_manager::FakeServiceManager;

const RESTARTS: usize = 100;
const RELOADS: usize = 100;
const BETWEEN_CALLS: Duration = Duration::from_millis(5);

/// The time until the webhook answers: to every tenth request, and to the others.
const DELAYS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(5)];

/// The two names of the hook's variable. Each configuration has one of them, and so must each call.
const VARIABLES: [&str; 2] = ["CRM", "ROUTE"];

/// The end of one call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum CallEnd {
    Refused(io::ErrorKind),
    /// The stream ended before the status, or the call of FreeSWITCH is stuck.
    NoStatus,
    /// The call got both variables, or neither.
    Mixed,
    Status(String),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let webhook = webhook().await;
    let mut manager = FakeServiceManager::new();
    let addresses = ["asterisk", "freeswitch"].map(|name| manager.listen(name));
    let configure = |round: usize| {
        let [asterisk, freeswitch] = addresses;
        let variable = VARIABLES[round % 2];
        manager.configure(&format!(
            "[listen]\nobserver = false\nasterisk = \"{asterisk}\"\nfreeswitch = \"{freeswitch}\"\n\
             [hook.crm]\nurl = \"http://{webhook}/\"\nvariable = \"{variable}\"\n"
        ));
    };
    configure(0);
    let mut daemon = manager.start();
    manager.wait_for_notice("READY=1").await;
    let (stop, began) = (CancellationToken::new(), Instant::now());
    let calls = tokio::spawn(play(addresses, stop.clone()));
    for round in 1..=RESTARTS.max(RELOADS) {
        if round <= RELOADS {
            configure(round);
            daemon.signal("HUP").await;
            manager.wait_for_notice("RELOADING=1").await;
            assert!(
                manager.wait_for_notice("READY=1").await.contains("STATUS=Asterisk at "),
                "the reload was refused"
            );
        }
        if round <= RESTARTS {
            daemon.signal("TERM").await;
            let (status, log) = daemon.end().await;
            assert!(status.success(), "{log}");
            daemon = manager.start();
            manager.wait_for_notice("READY=1").await;
        }
        // some calls at full speed, too
        sleep(20 * BETWEEN_CALLS).await;
    }
    stop.cancel();
    let took = began.elapsed();
    let ends = calls.await.unwrap();
    daemon.signal("TERM").await;
    daemon.end().await;
    report(&ends, took)
}

/// Makes calls at an even pace until `stop`, and does not wait for those before.
async fn play([asterisk, freeswitch]: [SocketAddr; 2], stop: CancellationToken) -> Vec<(CallEnd, Duration)> {
    let (mut calls, mut pace) = (JoinSet::new(), interval(BETWEEN_CALLS));
    let mut number = 0;
    while stop.run_until_cancelled(pace.tick()).await.is_some() {
        let mode = SocketMode::ALL[number / 2 % SocketMode::ALL.len()];
        match number % 2 {
            0 => calls.spawn(timed(asterisk_call(asterisk))),
            _ => calls.spawn(timed(freeswitch_call(freeswitch, mode))),
        };
        number += 1;
    }
    let mut ends = Vec::new();
    while let Some(ended) = calls.join_next().await {
        // a fake switch panics if the message that it expects does not come
        ends.push(ended.unwrap_or((CallEnd::NoStatus, Duration::ZERO)));
    }
    ends
}

async fn timed(call: impl Future<Output = CallEnd>) -> (CallEnd, Duration) {
    let began = Instant::now();
    (call.await, began.elapsed())
}

async fn asterisk_call(address: SocketAddr) -> CallEnd {
    let stream = match TcpStream::connect(address).await {
        Ok(stream) => stream,
        Err(error) => return CallEnd::Refused(error.kind()),
    };
    let ended = FakeAsterisk::over(stream).run(&Environment::new("crm")).await;
    end(ended.status(), VARIABLES.map(|name| ended.get(name)))
}

async fn freeswitch_call(address: SocketAddr, mode: SocketMode) -> CallEnd {
    let stream = match TcpStream::connect(address).await {
        Ok(stream) => stream,
        Err(error) => return CallEnd::Refused(error.kind()),
    };
    let channel = ChannelData::new(mode, &format!("{address}/crm"));
    let ended = FakeFreeSwitch::over(stream, channel).run().await;
    let get = |name: &str| {
        let value = ended.variables.get(&name.to_ascii_lowercase())?;
        std::str::from_utf8(value).ok()
    };
    match ended.state {
        CallState::GoesOn => end(get("WEBHOOK_STATUS").unwrap_or_default(), VARIABLES.map(get)),
        CallState::Parked
        | CallState::StuckInReset
        | CallState::Moved
        | CallState::Unparked
        | CallState::HungUp => CallEnd::NoStatus,
    }
}

fn end(status: &str, set: [Option<&str>; 2]) -> CallEnd {
    match (status, set) {
        ("", _) => CallEnd::NoStatus,
        (status, [Some(_), None] | [None, Some(_)]) => CallEnd::Status(status.to_owned()),
        (_, _) => CallEnd::Mixed,
    }
}

fn report(ends: &[(CallEnd, Duration)], took: Duration) -> ExitCode {
    let mut counts = BTreeMap::<_, usize>::new();
    for (end, _) in ends {
        *counts.entry(end).or_default() += 1;
    }
    let count = |wanted: fn(&CallEnd) -> bool| ends.iter().filter(|(end, _)| wanted(end)).count();
    let refused = count(|end| matches!(end, CallEnd::Refused(_)));
    let no_status = count(|end| matches!(end, CallEnd::NoStatus));
    let mixed = count(|end| matches!(end, CallEnd::Mixed));
    let not_ok = count(|end| matches!(end, CallEnd::Status(status) if status != "OK"));
    let mut waits: Vec<_> = ends.iter().map(|(_, wait)| wait.as_millis()).collect();
    waits.sort_unstable();
    println!("machine            {} cores, {} MiB", std::thread::available_parallelism().unwrap(), memory());
    println!("restarts, reloads  {RESTARTS}, {RELOADS} in {:.1} s", took.as_secs_f64());
    println!("calls              {}, {:.0} a second", ends.len(), ends.len() as f64 / took.as_secs_f64());
    println!("refused            {refused}");
    println!("without a status   {no_status}");
    println!("two configurations {mixed}");
    for (end, count) in &counts {
        println!("                   {count} {end:?}");
    }
    println!(
        "a call took        {} ms at the median, {} ms at most",
        waits[waits.len() / 2],
        waits[waits.len() - 1]
    );
    ExitCode::from(u8::from(refused + no_status + mixed + not_ok > 0))
}

/// Returns the memory of this machine in MiB.
fn memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
    kib.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// A webhook that answers after [`DELAYS`] and keeps its connections.
async fn webhook() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let requests = Arc::clone(&requests);
            tokio::spawn(async move {
                let mut request = vec![0; 16 * 1024];
                // a request of this daemon comes in one piece
                while stream.read(&mut request).await.is_ok_and(|size| size > 0) {
                    let tenth = requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(10);
                    sleep(DELAYS[usize::from(!tenth)]).await;
                    if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsales").await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Waits for a future that must end within a minute.
async fn within_time_limit<T>(what: &str, coming: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), coming)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within a minute"))
}
