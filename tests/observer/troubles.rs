//! Owner: metrics. The counts of faults outside of calls; in a process of its own.

use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};

use crate::util::{Environment, FakeAsterisk, ObserverResponse, configured, within_time_limit};

/// A daemon with so few descriptors, and its standard error.
struct Troubled {
    asterisk: SocketAddr,
    observer: SocketAddr,
    log: Lines<BufReader<ChildStderr>>,
    process: (Child, tempfile::TempDir),
}

impl Troubled {
    async fn serve(descriptors: usize) -> Self {
        Self::with(descriptors, "observer = \"127.0.0.1:0\"\n").await
    }

    /// The same, with these further lines of `[listen]`.
    async fn with(descriptors: usize, listen: &str) -> Self {
        let tables = format!("[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = false\n{listen}");
        let (folder, file) = configured(&tables);
        let mut process = Command::new("sh")
            .args(["-c", "ulimit -n $0 && exec \"$@\"", &descriptors.to_string()])
            .args([env!("CARGO_BIN_EXE_dialhook"), "serve", "--log-format", "text", "--config"])
            .arg(file)
            .env_remove("DIALHOOK_LOG")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a shell");
        let mut log = BufReader::new(process.stderr.take().expect("a pipe")).lines();
        let line = wait_for_line(&mut log, " listening ").await;
        let address = |listener| {
            let word = line.split(' ').find_map(|word| word.strip_prefix(listener)?.strip_prefix('='));
            word.and_then(|address| address.parse().ok()).expect("an address")
        };
        let (asterisk, observer) = (address("asterisk"), address("observer"));
        Self { asterisk, observer, log, process: (process, folder) }
    }

    /// Changes the limit of open files of the daemon.
    async fn limit_open_files_to(&self, number: u32) {
        let process = self.process.0.id().expect("it runs").to_string();
        let changed =
            Command::new("prlimit").args(["--pid", &process, &format!("--nofile={number}:")]).status();
        assert!(changed.await.expect("prlimit, of Debian's package util-linux").success());
    }
}

/// The next line with these words.
async fn wait_for_line(log: &mut Lines<BufReader<ChildStderr>>, words: &str) -> String {
    within_time_limit(words, async {
        loop {
            let line = log.next_line().await.expect("text").expect("a program that runs");
            if line.contains(words) {
                return line;
            }
        }
    })
    .await
}

/// Reads the metrics until this counter is above zero.
async fn counts(observer: SocketAddr, counter: &str) {
    within_time_limit(counter, async {
        loop {
            let metrics = ObserverResponse::get(observer, "/metrics").await.body;
            let line = metrics.lines().find_map(|line| line.strip_prefix(counter)).map(str::trim);
            if line.is_some_and(|count| count != "0") {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn connections_that_cannot_be_accepted_are_counted() {
    let mut daemon = Troubled::serve(256).await;
    // from now on there is no descriptor for a connection
    daemon.limit_open_files_to(3).await;
    let _stranger = TcpStream::connect(daemon.asterisk).await.unwrap();
    wait_for_line(&mut daemon.log, "cannot accept a connection").await;
    daemon.limit_open_files_to(256).await;
    counts(daemon.observer, "dialhook_accept_failures_total").await;
}

#[tokio::test]
async fn lost_log_lines_are_counted() {
    let Troubled { asterisk, observer, log, process: _process } = Troubled::serve(256).await;
    // from now on every write fails
    drop(log);
    assert_eq!(FakeAsterisk::call(asterisk, Environment::new("nobody")).await.status(), "BAD_REQUEST");
    counts(observer, "dialhook_log_lines_lost_total").await;
}

/// The observer logs on a thread of its own.
#[tokio::test]
async fn a_peer_that_the_observer_refuses_is_logged_in_the_form_of_listen_allow() {
    let listen = "observer = \"[::ffff:127.0.0.1]:0\"\nallow = [\"10.0.0.0/8\"]\n";
    let mut daemon = Troubled::with(256, listen).await;
    let observer = SocketAddr::from(([127, 0, 0, 1], daemon.observer.port()));
    let _refused = TcpStream::connect(observer).await.unwrap();
    let line = wait_for_line(&mut daemon.log, "observer: connection refused").await;
    assert!(line.contains(" peer=127.0.0.1:"), "{line}");
}

#[tokio::test]
async fn a_flood_of_wrong_tokens_is_one_line_with_the_peer_and_without_the_token() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "0123456789abcdef\n").unwrap();
    let token = format!("[observer]\ntoken = {{ file = {:?} }}\n", file.path());
    let mut daemon = Troubled::with(256, &format!("observer = \"127.0.0.1:0\"\n{token}")).await;
    let request =
        format!("GET / HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer guess\r\n\r\n", daemon.observer);
    for _ in 0..5 {
        assert_eq!(ObserverResponse::to(daemon.observer, request.as_bytes()).await.code, 401);
    }
    let line = wait_for_line(&mut daemon.log, "its token is not that of observer.token").await;
    assert!(line.contains(" peer=127.0.0.1:") && !line.contains("guess"), "{line}");
    // another line, after which no further one about tokens may have come
    daemon.limit_open_files_to(3).await;
    let _stranger = TcpStream::connect(daemon.asterisk).await.unwrap();
    let next = within_time_limit("the next line", daemon.log.next_line()).await.unwrap().unwrap();
    assert!(next.contains("cannot accept a connection"), "{next}");
}
