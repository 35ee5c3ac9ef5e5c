//! Owner: the tests. A child process of a test. It prints where it listens, and is killed when it is dropped.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// The longest wait for a line of a child process.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A running program.
#[derive(Debug)]
pub struct Program {
    child: Child,
    lines: OutputLines,
    address: SocketAddr,
}

/// The lines that a program has printed.
struct OutputLines {
    lines: Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>,
    last: Vec<String>,
}

impl Program {
    /// Starts it. The line that holds `mark` tells its address, right behind the mark.
    pub async fn start(command: &mut Command, stream: Stream, mark: &str) -> Program {
        command.stdin(Stdio::null()).kill_on_drop(true);
        match stream {
            Stream::Output => command.stdout(Stdio::piped()),
            Stream::Error => command.stderr(Stdio::piped()),
        };
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stream: Box<dyn AsyncRead + Send + Unpin> = match stream {
            Stream::Output => Box::new(child.stdout.take().unwrap()),
            Stream::Error => Box::new(child.stderr.take().unwrap()),
        };
        let mut lines = OutputLines { lines: BufReader::new(stream).lines(), last: Vec::new() };
        let line = lines.until(|line| line.contains(mark)).await;
        let behind = line.split_once(mark).unwrap().1.split_whitespace().next().unwrap();
        let address = behind.parse().unwrap_or_else(|_| panic!("an address in {line:?}"));
        Program { child, lines, address }
    }

    /// The address of its listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads what it prints up to a line that is as wanted.
    pub async fn wait_for_line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        self.lines.until(wanted).await
    }

    /// Kills it and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The stream on which a program prints its address.
#[derive(Clone, Copy, Debug)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

impl OutputLines {
    async fn until(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let found = timeout(TIME_LIMIT, async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if wanted(&line) {
                    return Some(line);
                }
                self.last.push(line);
            }
            None
        });
        let found = found.await.ok().flatten();
        found.unwrap_or_else(|| panic!("the program does not say what is waited for, only {:#?}", self.last))
    }
}

impl std::fmt::Debug for OutputLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OutputLines").field(&self.last).finish()
    }
}
