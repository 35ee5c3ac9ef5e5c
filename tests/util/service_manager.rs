//! Owner: the tests. A fake service manager: it keeps listeners, passes them on, receives notices and sends
//! signals.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram as StdDatagram;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::within_time_limit;

/// The listeners, the configuration and the notification socket: they outlive a daemon.
#[derive(Debug)]
pub struct FakeServiceManager {
    folder: TempDir,
    passed: Vec<(&'static str, OwnedFd)>,
    notices: UnixDatagram,
    environment: Vec<(&'static str, String)>,
}

/// One daemon; dropping it kills it.
#[derive(Debug)]
pub struct Service {
    child: Child,
    log: UnboundedReceiver<String>,
}

impl FakeServiceManager {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let notices = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        Self { folder, passed: Vec::new(), notices, environment: Vec::new() }
    }

    /// Sets an environment variable for every daemon that starts from now on.
    #[must_use]
    pub fn environment(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Listens on a free port from now on, with or without a daemon. There can be two listeners at most.
    pub fn listen(&mut self, name: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        self.pass(name, listener);
        address
    }

    /// Passes this descriptor to every daemon that starts from now on.
    pub fn pass(&mut self, name: &'static str, what: impl Into<OwnedFd>) {
        self.passed.push((name, what.into()));
    }

    /// Writes the configuration.
    pub fn configure(&self, text: &str) {
        std::fs::write(self.file(), text).expect("a file");
    }

    /// The path of the configuration.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("dialhook.toml")
    }

    /// Starts a daemon. systemd numbers what it passes on from 3; a shell can do that too, where the
    /// listeners come to it as its standard input and output.
    pub fn start(&self) -> Service {
        let mut command = Command::new("sh");
        let moved = match self.passed.len() {
            0 => "",
            1 => "3<&0",
            _ => "3<&0 4<&1",
        };
        let script = format!("export LISTEN_PID=$$; exec \"$0\" \"$@\" {moved} </dev/null >/dev/null");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_dialhook"), "serve", "--config"]).arg(self.file());
        let mut passed = self.passed.iter().map(|(_, what)| what.try_clone().expect("a descriptor"));
        command.stdin(passed.next().map_or_else(Stdio::null, Stdio::from));
        command.stdout(passed.next().map_or_else(Stdio::null, Stdio::from));
        let names: Vec<_> = self.passed.iter().map(|(name, _)| *name).collect();
        command.env("LISTEN_FDS", names.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
        command.env("NOTIFY_SOCKET", self.folder.path().join("notify")).env_remove("DIALHOOK_LOG");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("a shell");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let (tell, log) = unbounded_channel();
        tokio::spawn(async move {
            // the log must always be read, or the daemon would block
            while let Ok(Some(line)) = lines.next_line().await {
                let _nobody = tell.send(line);
            }
        });
        Service { child, log }
    }

    /// Fills its queue with notices of others, so that no further notice can be sent until
    /// [`wait_for_notice`](Self::wait_for_notice) has read them.
    pub fn fill_notice_queue(&self) {
        let sent = || {
            let sender =
                StdDatagram::unbound().and_then(|sender| sender.set_nonblocking(true).map(|()| sender));
            sender.expect("a socket").send_to(b"STATUS=others", self.folder.path().join("notify"))
        };
        while sent().is_ok() {}
    }

    /// The next notice of a daemon, with all of its lines.
    pub async fn next_notice(&self) -> String {
        let mut notice = vec![0; 4096];
        let length = within_time_limit("a notice", self.notices.recv(&mut notice)).await.expect("a datagram");
        notice.truncate(length);
        String::from_utf8(notice).expect("a notice in UTF-8")
    }

    /// A notice that has arrived already, if there is one.
    pub fn already_received_notice(&self) -> Option<String> {
        let mut notice = vec![0; 4096];
        let length = self.notices.try_recv(&mut notice).ok()?;
        Some(String::from_utf8_lossy(&notice[..length]).into_owned())
    }

    /// Waits for a notice with this line, and returns the whole notice.
    pub async fn wait_for_notice(&self, what: &str) -> String {
        loop {
            let notice = self.next_notice().await;
            if notice.lines().any(|line| line == what) {
                return notice;
            }
        }
    }
}

impl Service {
    /// Sends a signal by its short name.
    pub async fn signal(&self, name: &str) {
        let process = self.child.id().expect("a process that lives").to_string();
        let kill = Command::new("kill").args([&format!("-{name}"), &process]).status();
        assert!(kill.await.expect("kill").success());
    }

    /// Waits for a line of the log that has this in it.
    pub async fn logs(&mut self, what: &str) -> String {
        loop {
            let line = within_time_limit(what, self.log.recv()).await;
            let line = line.unwrap_or_else(|| panic!("the log ended before: {what}"));
            if line.contains(what) {
                return line;
            }
        }
    }

    /// Waits for its end. Returns the exit status and the rest of the log.
    pub async fn end(mut self) -> (ExitStatus, String) {
        let status = within_time_limit("the daemon's end", self.child.wait()).await.expect("a status");
        let mut rest = String::new();
        while let Some(line) = within_time_limit("the log's end", self.log.recv()).await {
            rest = rest + line.as_str() + "\n";
        }
        (status, rest)
    }
}
