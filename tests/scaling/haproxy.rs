//! Owner: the tests. A real HAProxy with `dialplan-examples/haproxy.cfg`, and two daemons behind it, on free
//! ports.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::util::{FakeServiceManager, FakeWebhook, Service, crm_hook, skipped, within_time_limit};

/// Two daemons and the HAProxy before them. They are killed when it is dropped.
pub(super) struct Deployment {
    /// The addresses for the switches: Asterisk, FreeSWITCH.
    pub(super) switches: [SocketAddr; 2],
    pub(super) first: Service,
    pub(super) haproxy: HaProxy,
    _second: Service,
    _managers: [FakeServiceManager; 2],
}

/// The interval of HAProxy's health checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checks {
    AsWritten,
    /// Once an hour.
    Hourly,
}

/// HAProxy in the foreground.
pub(super) struct HaProxy {
    _child: Child,
    saying: Lines<BufReader<ChildStderr>>,
    lines: Vec<String>,
    _folder: TempDir,
}

impl Deployment {
    /// Starts them; nothing where there is no HAProxy. The first daemon asks `/first` of the webhook, the
    /// other one `/second`.
    pub(super) async fn start(webhook: &FakeWebhook, checks: Checks) -> Option<Self> {
        if !is_there().await {
            return None;
        }
        let (one, first, first_at) = daemon(webhook, "/first").await;
        let (two, second, second_at) = daemon(webhook, "/second").await;
        let (haproxy, switches) = HaProxy::start(&configuration([first_at, second_at], checks));
        Some(Self { switches, first, haproxy, _second: second, _managers: [one, two] })
    }
}

/// True if HAProxy is installed. Otherwise says that its tests are skipped.
pub(super) async fn is_there() -> bool {
    let version = Command::new("haproxy").arg("-v").output().await;
    let Err(error) = version.and_then(|output| match output.status.success() {
        true => Ok(()),
        false => Err(std::io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned())),
    }) else {
        return true;
    };
    let required = std::env::var_os("DIALHOOK_REQUIRE_HAPROXY").is_some();
    assert!(!required, "DIALHOOK_REQUIRE_HAPROXY forbids to skip HAProxy: {error}");
    skipped(&format!("what is lost behind HAProxy: haproxy: {error}"));
    false
}

pub(super) fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplan-examples/haproxy.cfg")
}

/// A daemon, and its addresses for Asterisk, for FreeSWITCH and of its observer.
async fn daemon(webhook: &FakeWebhook, path: &str) -> (FakeServiceManager, Service, [SocketAddr; 3]) {
    let manager = FakeServiceManager::new();
    manager.configure(&format!(
        "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = \"127.0.0.1:0\"\nobserver = \"127.0.0.1:0\"\n\
         [limits]\ndrain_notice = \"3s\"\n{}",
        crm_hook(webhook, path, "CRM")
    ));
    let mut daemon = manager.start();
    let line = daemon.logs(" listening").await;
    let at = ["asterisk", "freeswitch", "observer"].map(|listener| {
        let (_, rest) = line.split_once(&format!("{listener}=")).expect("an address");
        rest.split(' ').next().unwrap().parse().expect("an address")
    });
    (manager, daemon, at)
}

/// The example with other addresses: its listeners are passed on, its servers are on this machine.
fn configuration([first, second]: [[SocketAddr; 3]; 2], checks: Checks) -> String {
    let mut text = fs::read_to_string(example()).unwrap();
    let mut put = |written: &str, ours: String| {
        assert_eq!(text.matches(written).count(), 1, "{written} in the example");
        text = text.replace(written, &ours);
    };
    put("bind 127.0.0.1:4573", "bind fd@3".to_owned());
    put("bind 127.0.0.1:8084", "bind fd@4".to_owned());
    for (switch, port) in [4573, 8084].into_iter().enumerate() {
        for (name, known, daemon) in [("first", "a 192.0.2.11", first), ("second", "b 192.0.2.12", second)] {
            let check = format!("port {}", daemon[2].port());
            put(&format!("server {known}:{port}"), format!("server {name} {} {check}", daemon[switch]));
        }
    }
    put("check port 9573", "check".to_owned());
    if checks == Checks::Hourly {
        put("inter 1s fastinter 500ms", "inter 1h fastinter 1h".to_owned());
    }
    text
}

impl HaProxy {
    /// Starts it with two listeners of ours, for Asterisk and for FreeSWITCH: who connects before it runs
    /// waits.
    fn start(configuration: &str) -> (Self, [SocketAddr; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, configuration).unwrap();
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let addresses = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        let [asterisk, freeswitch] = listeners.map(|listener| Stdio::from(OwnedFd::from(listener)));
        let mut command = Command::new("sh");
        command.args(["-c", "exec haproxy -db -f \"$0\" 3<&0 4<&1 </dev/null >&2"]).arg(&file);
        command.stdin(asterisk).stdout(freeswitch).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("a shell");
        let saying = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        (Self { _child: child, saying, lines: Vec::new(), _folder: folder }, addresses)
    }

    /// Waits until it has said this.
    pub(super) async fn wait_for_line(&mut self, what: &str) {
        while !self.lines.iter().any(|line| line.contains(what)) {
            let line = within_time_limit(what, self.saying.next_line()).await.unwrap();
            self.lines.push(line.unwrap_or_else(|| panic!("HAProxy ended before: {what}; {:?}", self.lines)));
        }
    }
}
