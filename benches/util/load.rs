//! Calls at a fixed rate, of which some fail, and their durations.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use crate::calls::{call, environment, webhook};
use crate::daemon::Daemon;

/// The calls of a driver: their numbers go on from one load to the next.
pub struct Load {
    asterisk: SocketAddr,
    /// One in so many calls asks the webhook that answers with an error.
    one_fails_in: usize,
    /// The number of calls so far.
    pub calls: usize,
    /// The numbers of the calls whose status was not `OK`, in ascending order after each run.
    pub failed: Vec<usize>,
    /// The number of calls with another status than the one of their hook: a machine under other load has them.
    pub unexpected: usize,
}

/// Starts the release build with two hooks: `crm`, and `broken`, whose webhook answers with an error page of
/// this number of bytes. The folder holds its configuration and its log.
pub async fn daemon(broken: usize) -> (Daemon, TempDir) {
    let webhook = webhook(broken).await;
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("dialhook.toml");
    configure(&configuration, webhook);
    (Daemon::start(env!("CARGO_BIN_EXE_dialhook"), &configuration), folder)
}

fn configure(file: &Path, webhook: SocketAddr) {
    let text = format!(
        "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = false\nobserver = \"127.0.0.1:0\"\n\
         [hook.crm]\nurl = \"http://{webhook}/\"\nvariable = \"CRM\"\n\
         [hook.broken]\nurl = \"http://{webhook}/broken\"\nvariable = \"CRM\"\nbreaker = false\n"
    );
    fs::write(file, text).unwrap();
}

/// Returns the time that `DIALHOOK_SECONDS` gives this program, or else this one.
pub fn seconds(default: u64) -> Duration {
    let told = env::var("DIALHOOK_SECONDS").map(|text| text.parse().unwrap());
    Duration::from_secs(told.unwrap_or(default))
}

impl Load {
    pub fn new(daemon: &Daemon, one_fails_in: usize) -> Self {
        Self { asterisk: daemon.asterisk, one_fails_in, calls: 0, failed: Vec::new(), unexpected: 0 }
    }

    /// Makes so many calls a second for this time, and does not wait for those before. Returns the durations.
    pub async fn run(&mut self, rate: u32, time: Duration) -> Vec<Duration> {
        let (mut pace, end) = (interval(Duration::from_secs(1) / rate), Instant::now() + time);
        let (mut lines, mut took) = (JoinSet::new(), Vec::new());
        while pace.tick().await < end {
            let (asterisk, number) = (self.asterisk, self.calls);
            let (hook, status) = if self.fails(number) { ("broken", "HTTP_ERROR") } else { ("crm", "OK") };
            self.calls += 1;
            lines.spawn(async move {
                let ended = call(asterisk, &environment(hook, &id(number))).await;
                (number, ended.took, ended.status() == "OK", ended.status() == status)
            });
            while let Some(ended) = lines.try_join_next() {
                took.push(self.count(ended.unwrap()));
            }
        }
        for ended in lines.join_all().await {
            took.push(self.count(ended));
        }
        self.failed.sort_unstable();
        took
    }

    fn count(&mut self, (number, took, ok, expected): (usize, Duration, bool, bool)) -> Duration {
        if !ok {
            self.failed.push(number);
        }
        self.unexpected += usize::from(!expected);
        took
    }

    fn fails(&self, number: usize) -> bool {
        number % self.one_fails_in == self.one_fails_in - 1
    }
}

/// Returns the id of the call with this number.
pub fn id(number: usize) -> String {
    format!("1795416038.{number}")
}

/// The median, the 99th percentile, and the longest of some durations, in milliseconds.
pub fn quantiles(took: &mut [Duration]) -> [f64; 3] {
    took.sort_unstable();
    let last = took.len() - 1;
    [last / 2, last * 99 / 100, last].map(|index| took[index].as_secs_f64() * 1e3)
}
