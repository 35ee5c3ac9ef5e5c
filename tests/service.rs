//! Owner: server. The daemon as a service: start, reload, passed listeners and shutdown.

/// A configuration file that is only half written.
mod half_written;
/// Listeners that the service manager keeps.
mod inherited;
/// The notifications to the service manager.
mod notices;
/// A reload: the whole of the new configuration for new calls, or nothing of it.
mod reload;
/// The second signal, and a reload during the shutdown.
mod shutdown;
/// Starts that fail, and the messages about them.
mod start;
/// The units, checked by the tools of systemd.
mod units;

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::util::{skipped, within_time_limit};

/// A regular file that blocks a process that opens it, like a file on a dead network share.
struct SilentFile {
    _holder: Child,
    output: Lines<BufReader<ChildStdout>>,
}

/// Holds a lease on the file, which the kernel asks it to give up when somebody opens the file: `fcntl(2)`,
/// `F_SETLEASE`.
const HOLDER: &str = "
import fcntl, signal, sys
signal.signal(signal.SIGIO, lambda *_: print('asked', flush=True))
file = open(sys.argv[1], 'r+')
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
while True:
    signal.pause()
";

impl SilentFile {
    /// `None` if the file system has no leases.
    async fn at(file: &Path) -> Option<Self> {
        let mut command = Command::new("python3");
        command
            .args(["-c", HOLDER])
            .arg(file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut holder = command.spawn().expect("python3");
        let output = BufReader::new(holder.stdout.take().unwrap()).lines();
        let mut silent = Self { _holder: holder, output };
        if silent.next().await.as_deref() == Some("held") {
            return Some(silent);
        }
        skipped("files that do not answer: this file system has no leases");
        None
    }

    /// Waits until a process waits for the file.
    async fn asked(&mut self) {
        assert_eq!(self.next().await.as_deref(), Some("asked"));
    }

    async fn next(&mut self) -> Option<String> {
        within_time_limit("the holder of the file", self.output.next_line()).await.unwrap()
    }
}
