//! CPU of `dialhook serve` per call: one POST on a kept-alive connection, the log at `info` into a file.
//!
//! `cargo bench --bench cpu_per_call` plays calls against the release build as a child process and reads that
//! process's own CPU time from `/proc`, so that the driver's work does not count. Rounds of two kinds
//! alternate (calls one after another, and 50 at once); the median and the range of each are printed. For
//! comparison only: a machine under other load gives other numbers.
//!
//! `DIALHOOK_BASELINE=FILE` names another build of the program. Its rounds alternate with those of this build,
//! and the ratio of the medians is printed.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a benchmark")]

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const CALLS: usize = 5000;
const ROUNDS: usize = 7;

/// A daemon, and the results of its rounds: CPU microseconds a call, and calls a second.
struct Daemon {
    name: String,
    child: Child,
    address: SocketAddr,
    sequential: Vec<(f64, f64)>,
    concurrent: Vec<(f64, f64)>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let webhook = webhook().await;
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("dialhook.toml");
    let text = format!(
        "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = false\nobserver = \"127.0.0.1:0\"\n[hook.crm]\nurl = \"http://{webhook}/\"\nvariable = \"CRM\"\n"
    );
    fs::write(&configuration, text).unwrap();
    // the observer has port 0, so that several daemons can run
    let mut daemons = vec![Daemon::start(env!("CARGO_BIN_EXE_dialhook"), &configuration, "new")];
    if let Ok(baseline) = env::var("DIALHOOK_BASELINE") {
        daemons.push(Daemon::start(&baseline, &configuration, "baseline"));
    }

    for daemon in &daemons {
        round(daemon, 1000, 1).await;
    }
    for _ in 0..ROUNDS {
        for daemon in &mut daemons {
            let sequential = round(daemon, CALLS, 1).await;
            let concurrent = round(daemon, CALLS, 50).await;
            daemon.sequential.push(sequential);
            daemon.concurrent.push(concurrent);
        }
    }
    for daemon in &mut daemons {
        daemon.print();
    }
    if let [new, baseline] = &daemons[..] {
        let ratio = |of: fn(&Daemon) -> &[(f64, f64)]| of(new)[ROUNDS / 2].0 / of(baseline)[ROUNDS / 2].0;
        println!(
            "CPU a call, new : baseline (medians): {:.2} one at a time, {:.2} with 50 at once",
            ratio(|daemon| &daemon.sequential),
            ratio(|daemon| &daemon.concurrent)
        );
    }
}

impl Daemon {
    fn start(program: &str, configuration: &Path, name: &str) -> Self {
        let log = configuration.with_extension(name);
        let child = Command::new(program)
            .args(["serve", "--config"])
            .arg(configuration)
            .stderr(Stdio::from(File::create(&log).unwrap()))
            .spawn()
            .unwrap();
        let address = listening(&log);
        Self { name: name.to_owned(), child, address, sequential: Vec::new(), concurrent: Vec::new() }
    }

    /// Sorts the rounds, and prints the median and the range of each kind.
    fn print(&mut self) {
        println!("{}", self.name);
        for (kind, rounds) in [("one at a time", &mut self.sequential), ("50 at once", &mut self.concurrent)]
        {
            rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (least, median, most) = (rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1]);
            println!(
                "  {kind:<14} {:>6.1} µs CPU a call (of {ROUNDS} rounds of {CALLS}: {:.1} to {:.1}), {:.0} calls/s",
                median.0, least.0, most.0, median.1
            );
        }
        println!("  resident       {} KiB", status(&self.child, "VmRSS"));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Makes this number of calls. Returns the CPU time of the daemon per call in microseconds, and the calls per
/// second.
async fn round(daemon: &Daemon, calls: usize, at_once: usize) -> (f64, f64) {
    let (before, began, address) = (cpu_seconds(&daemon.child), Instant::now(), daemon.address);
    let mut lines = JoinSet::new();
    for _ in 0..at_once {
        lines.spawn(async move {
            for _ in 0..calls / at_once {
                call(address).await;
            }
        });
    }
    lines.join_all().await;
    let used = cpu_seconds(&daemon.child) - before;
    (used * 1e6 / calls as f64, calls as f64 / began.elapsed().as_secs_f64())
}

const ENVIRONMENT: &str = include_str!("../src/cli/demo/environment.txt");

/// A call as Asterisk makes it.
async fn call(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(ENVIRONMENT.as_bytes()).await.unwrap();
    let (read, mut write) = stream.split();
    let mut read = tokio::io::BufReader::new(read);
    let mut line = String::new();
    read.read_line(&mut line).await.unwrap();
    let word = &line["GET FULL VARIABLE \"".len()..][..16];
    let values = format!("|(((((((({word}").repeat(line.matches("URIENCODE").count());
    write.write_all(format!("200 result=1 ({word}{values})\n").as_bytes()).await.unwrap();
    let mut farewell = String::new();
    read.read_to_string(&mut farewell).await.unwrap();
    assert!(farewell.ends_with("SET VARIABLE WEBHOOK_STATUS \"OK\"\n"), "{farewell}");
    write.write_all(b"200 result=1\n200 result=1\n200 result=1\n200 result=1\nHANGUP\n").await.unwrap();
}

/// A webhook that answers at once and keeps its connections.
async fn webhook() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let mut request = vec![0; 16 * 1024];
                // a request of this driver comes in one piece
                while stream.read(&mut request).await.is_ok_and(|size| size > 0) {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsales").await.unwrap();
                }
            });
        }
    });
    address
}

fn listening(log: &std::path::Path) -> SocketAddr {
    loop {
        let lines = BufReader::new(File::open(log).unwrap()).lines();
        let told = lines
            .map_while(Result::ok)
            .find_map(|line| line.split("asterisk=").nth(1)?.split(' ').next().map(str::to_owned));
        match told {
            Some(address) => return address.parse().unwrap(),
            None => std::thread::yield_now(),
        }
    }
}

fn cpu_seconds(daemon: &Child) -> f64 {
    // utime and stime of all threads, in nanoseconds from the scheduler
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.id())).unwrap();
    let nanoseconds: u64 = tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum();
    nanoseconds as f64 / 1e9
}

fn status(daemon: &Child, key: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    line.split_whitespace().nth(1).unwrap_or_default().to_owned()
}
