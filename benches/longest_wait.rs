//! The wait of a call for a webhook that misbehaves, and the wait of calls of another hook meanwhile.
//!
//! `cargo bench --bench longest_wait` plays calls of Asterisk against the release build. For each way to
//! misbehave there is a webhook, and a hook with a timeout of 1 s and no breaker; ten calls ask it one after
//! the other, while fifty calls a second ask a webhook that answers at once. The contract (timeout + 50 ms)
//! is about the first two columns; the third shows the cost of one bad webhook for all other calls. For
//! comparison only: the webhooks work on the same machine.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a benchmark, and the tests' own switch"
)]
#![expect(dead_code, unused_imports, reason = "the tests need more of their switch, and test it")]

#[path = "../tests/util/asterisk.rs"]
mod asterisk;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::asterisk::{Environment, FakeAsterisk};

/// The behaviour of a webhook on a connection after it has read the request. It ends when the peer closes.
type Behaviour = fn(TcpStream) -> std::io::Result<()>;

const CALLS: usize = 10;
const TIMEOUT: Duration = Duration::from_secs(1);
const BETWEEN_OTHERS: Duration = Duration::from_millis(20);

/// Each behaviour: its name, the scheme of the URL, further keys of the hook, and the behaviour itself.
const BEHAVIOURS: [(&str, &str, &str, Behaviour); 11] = [
    ("answers at once", "http", "variable = \"V\"", |mut peer| peer.write_all(GOOD)),
    ("says nothing", "http", "", hold),
    ("never shakes hands (TLS)", "https", "", hold),
    ("a byte of the head each 10 ms", "http", "", |peer| drip(peer, b"HTTP/1.1 200 OK\r\nX: ")),
    ("a byte of the body each 10 ms", "http", "", |peer| drip(peer, b"HTTP/1.1 200 OK\r\n\r\n")),
    ("headers without end", "http", "", |peer| flood(peer, b"HTTP/1.1 200 OK\r\n", b"X-Y: z\r\n")),
    ("a body without end", "http", "", |peer| flood(peer, b"HTTP/1.1 200 OK\r\n\r\n", b"x")),
    ("chunks of one byte without end", "http", "", |peer| flood(peer, CHUNKED, b"1\r\nx\r\n")),
    ("an error page without end", "http", "", |peer| flood(peer, b"HTTP/1.1 500 No\r\n\r\n", b"x")),
    ("1 MiB of JSON after 0.97 s, 50 parts", "http", PARTS, large_and_late),
    ("interim answers without end", "http", "", |peer| flood(peer, b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
];

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsales";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Stands for the key `set` with all parts of the JSON answer.
const PARTS: &str = "PARTS";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let (configuration, log) = (folder.path().join("dialhook.toml"), folder.path().join("log"));
    fs::write(&configuration, configured()).unwrap();
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_dialhook"))
        .args(["serve", "--config"])
        .arg(&configuration)
        .stderr(Stdio::from(File::create(&log).unwrap()))
        .spawn()
        .unwrap();
    let address = listening(&log);
    println!("{:<38} {:>20} {:>12} {:>14}", "the webhook", "median (status)", "most", "others, most");
    for (number, (name, ..)) in BEHAVIOURS.iter().enumerate() {
        let stop = CancellationToken::new();
        let others = tokio::spawn(others(address, stop.clone()));
        let (mut waits, mut statuses) = (Vec::new(), BTreeSet::new());
        for _ in 0..CALLS {
            let (wait, status) = call(address, &format!("h{number}")).await;
            waits.push(wait);
            statuses.insert(status);
        }
        stop.cancel();
        waits.sort_unstable();
        let statuses = statuses.into_iter().collect::<Vec<_>>().join(", ");
        let (median, most) = (milliseconds(waits[CALLS / 2]), milliseconds(waits[CALLS - 1]));
        let other = milliseconds(others.await.unwrap());
        println!("{name:<38} {:>20} {most:>9} ms {other:>11} ms", format!("{median} ms ({statuses})"));
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

/// Makes a call. Returns its wait and its status.
async fn call(address: SocketAddr, hook: &str) -> (Duration, String) {
    let began = Instant::now();
    let ended = FakeAsterisk::call(address, Environment::new(hook)).await;
    (began.elapsed(), ended.status().to_owned())
}

/// Returns the longest wait of the calls of a hook whose webhook answers at once. Calls until `stop`.
async fn others(address: SocketAddr, stop: CancellationToken) -> Duration {
    let (mut most, mut pace) = (Duration::ZERO, interval(BETWEEN_OTHERS));
    while stop.run_until_cancelled(pace.tick()).await.is_some() {
        let (wait, status) = call(address, "h0").await;
        assert_eq!(status, "OK");
        most = most.max(wait);
    }
    most
}

fn configured() -> String {
    let parts: Vec<_> = (0..50).map(|number| format!("P{number} = \"/k{number}/v\"")).collect();
    let mut text = String::from(
        "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = false\nobserver = false\n[limits]\nanswer = \"1MiB\"\n",
    );
    for (number, (_, scheme, more, behaviour)) in BEHAVIOURS.into_iter().enumerate() {
        let more = more.replace(PARTS, &format!("set = {{ {} }}", parts.join(", ")));
        let url = format!("{scheme}://{}/", webhook(behaviour));
        text.push_str(&format!(
            "[hook.h{number}]\nurl = \"{url}\"\ntimeout = \"{}s\"\nbreaker = false\n{more}\n",
            TIMEOUT.as_secs()
        ));
    }
    text
}

/// A webhook with this behaviour on every connection. Each connection has a thread of its own.
fn webhook(behaviour: Behaviour) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                // a request of this daemon comes in one piece
                let read = stream.read(&mut [0; 16 * 1024]);
                let _gone = read.and_then(|_| behaviour(stream));
            });
        }
    });
    address
}

fn hold(mut peer: TcpStream) -> std::io::Result<()> {
    while peer.read(&mut [0; 1024])? > 0 {}
    Ok(())
}

fn drip(mut peer: TcpStream, start: &[u8]) -> std::io::Result<()> {
    peer.write_all(start)?;
    loop {
        thread::sleep(Duration::from_millis(10));
        peer.write_all(b"x")?;
    }
}

fn flood(mut peer: TcpStream, start: &[u8], piece: &[u8]) -> std::io::Result<()> {
    peer.write_all(start)?;
    let pieces = piece.repeat(64 * 1024 / piece.len());
    loop {
        peer.write_all(&pieces)?;
    }
}

fn large_and_late(mut peer: TcpStream) -> std::io::Result<()> {
    let filling = "x".repeat(20_000);
    let part = |number| format!("\"k{number}\": {{\"filling\": \"{filling}\", \"v\": \"{number}\"}}");
    let body = format!("{{{}}}", (0..50).map(part).collect::<Vec<_>>().join(", "));
    thread::sleep(Duration::from_millis(970));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    peer.write_all(head.as_bytes())?;
    peer.write_all(body.as_bytes())
}

fn listening(log: &Path) -> SocketAddr {
    loop {
        let text = fs::read_to_string(log).unwrap();
        match text.split("asterisk=").nth(1).and_then(|told| told.split_whitespace().next()) {
            Some(address) => return address.parse().unwrap(),
            None => thread::yield_now(),
        }
    }
}

/// Waits for a future that must end within a minute.
async fn within_time_limit<T>(what: &str, coming: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), coming)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within a minute"))
}
