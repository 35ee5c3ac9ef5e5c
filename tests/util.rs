//! Owner: the tests. Helpers that more than two test files need: a daemon, fake switches and a fake webhook,
//! all on port 0.

mod asterisk;
/// Debian's chromium without a window. One browser serves all tests, one after the other.
pub mod browser;
mod channel_data;
mod daemon;
/// One pass in which FreeSWITCH expands the variables in a text.
pub mod expansion;
/// A fake observer of a daemon, with prepared steps.
pub mod fake_observer;
mod freeswitch;
/// Answers that set variables, run an application or choose another place in a careless dialplan.
pub mod injections;
/// A fake name server on UDP, for tests in a network namespace.
pub mod name_server;
/// Runs a test in a network namespace.
pub mod network_namespace;
mod observer;
mod program;
mod service_manager;
mod tls;
mod webhook;

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::future::Future;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};

pub use self::asterisk::{Ended, Environment, FakeAsterisk, as_asterisk_reads};
pub use self::channel_data::{ChannelData, SocketMode, recording};
pub use self::daemon::{Daemon, Sessions, daemon_for};
pub use self::freeswitch::{CallState, FakeFreeSwitch, GivenBack};
pub use self::observer::{ObserverResponse, metrics};
pub use self::program::{Program, configured, dialhook, exit_and_output, listening, run};
pub use self::service_manager::{FakeServiceManager, Service};
pub use self::tls::{Authority, server};
pub use self::webhook::{FakeWebhook, Gate, Received, Reply, crm_hook, gated_webhook, good_webhook};

/// The longest wait for an event that must come. No test measures it; it only ends a failed test.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Waits for an event that must come. Panics with `what` if it does not.
pub async fn within_time_limit<T>(what: &str, coming: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIME_LIMIT, coming)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within {TIME_LIMIT:?}"))
}

/// One call of Asterisk at the hook `crm`.
pub async fn call_crm(address: SocketAddr) -> Ended {
    FakeAsterisk::call(address, Environment::new("crm")).await
}

/// A connection from this address of the machine, such as `127.0.0.2`.
pub async fn connect_from(address: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(format!("{address}:0").parse().expect("an address")).expect("an address of this machine");
    socket.connect(to).await.expect("a listener")
}

/// An address where nobody listens. The socket holds it, so that no other test listens there.
pub fn refusing() -> (SocketAddr, TcpSocket) {
    let held = TcpSocket::new_v4().expect("a socket");
    held.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    (held.local_addr().expect("an address"), held)
}

/// Waits until nobody listens at this address any more.
pub async fn nobody_listens(address: SocketAddr) {
    within_time_limit("the end of the listener", async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Says once what is not tested here and why: to standard error past the test harness, which shows what
/// passing tests say to nobody, and to the file named by `DIALHOOK_SKIPPED_FILE`.
pub fn skipped(what: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if !SAID.lock().expect("never poisoned").insert(what.to_owned()) {
        return;
    }
    let line = format!("SKIPPED: {what}\n");
    io::stderr().write_all(line.as_bytes()).expect("standard error");
    if let Some(file) = std::env::var_os("DIALHOOK_SKIPPED_FILE") {
        let mut file =
            OpenOptions::new().create(true).append(true).open(file).expect("the file for what was skipped");
        file.write_all(line.as_bytes()).expect("room for a line");
    }
}
