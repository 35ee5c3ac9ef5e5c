//! `dialhook serve` as a child process, and what the kernel counts of it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// A daemon with a listener for Asterisk and an observer. Its log is a file beside its configuration.
pub struct Daemon {
    child: Child,
    pub asterisk: SocketAddr,
    pub observer: SocketAddr,
}

/// The time of threads on a core, and their time in the queue for one.
#[derive(Clone, Copy)]
pub struct CoreTime {
    pub used: Duration,
    pub waited: Duration,
}

impl Daemon {
    /// Starts this program, and waits until it listens.
    pub fn start(program: &str, configuration: &Path) -> Self {
        let log = configuration.with_extension("log");
        let child = Command::new(program)
            .args(["serve", "--config"])
            .arg(configuration)
            .stderr(Stdio::from(File::create(&log).unwrap()))
            .spawn()
            .unwrap();
        let [asterisk, observer] = ["asterisk=", "observer="].map(|key| listening(&log, key));
        Self { child, asterisk, observer }
    }

    /// Returns the time of all threads.
    pub fn core_time(&self) -> CoreTime {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let times = tasks.filter_map(|task| core_time(&task.ok()?.path()));
        times.fold(CoreTime { used: Duration::ZERO, waited: Duration::ZERO }, |sum, time| CoreTime {
            used: sum.used + time.used,
            waited: sum.waited + time.waited,
        })
    }

    /// Returns the time of the thread that serves the calls, which is the first one.
    pub fn core_time_of_calls(&self) -> CoreTime {
        let id = self.child.id();
        core_time(Path::new(&format!("/proc/{id}/task/{id}"))).unwrap()
    }

    /// Returns a number of KiB of `/proc/PID/status`, such as `VmRSS`.
    pub fn kib(&self, key: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn core_time(task: &Path) -> Option<CoreTime> {
    let text = fs::read_to_string(task.join("schedstat")).ok()?;
    let mut nanoseconds = text.split_whitespace().map_while(|word| word.parse().ok());
    let (used, waited) = (nanoseconds.next()?, nanoseconds.next()?);
    Some(CoreTime { used: Duration::from_nanos(used), waited: Duration::from_nanos(waited) })
}

fn listening(log: &Path, key: &str) -> SocketAddr {
    loop {
        let text = fs::read_to_string(log).unwrap();
        let told = text.lines().find(|line| line.contains(" listening ") && line.contains(key));
        match told.and_then(|line| line.split(key).nth(1)?.split(' ').next()) {
            Some(address) => return address.parse().unwrap(),
            None => thread::sleep(Duration::from_millis(1)),
        }
    }
}
