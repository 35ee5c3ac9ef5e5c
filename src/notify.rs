//! The interface to systemd: takes the listeners that it passes on, and notifies it of the daemon's state.
//!
//! Does nothing without `LISTEN_FDS`, `NOTIFY_SOCKET` and `WATCHDOG_USEC` in the environment.

use std::env;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sd_notify::NotifyState;
use socket2::SockRef;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::warn;

/// Returns the listeners that the service manager passes on, each with its name (`FileDescriptorName=`).
///
/// Call it once, before there is a second thread: it clears the environment.
///
/// # Errors
/// Returns an error if a descriptor is not a listening TCP socket.
pub fn passed_listeners() -> io::Result<Vec<(String, TcpListener)>> {
    // without LISTEN_PID, the library would take descriptors that sd_listen_fds(3) does not take
    if env::var_os(PROCESS).is_none_or(|process| process.is_empty()) {
        return Ok(Vec::new());
    }
    let mut passed = listenfd::ListenFd::from_env();
    let names = env::var(NAMES).unwrap_or_default();
    let mut names = names.split(':');
    let mut listeners = Vec::new();
    for index in 0..passed.len() {
        let name = names.next().unwrap_or_default();
        let unusable = |what: &str| io::Error::other(format!("{name}: {what} in dialhook.socket"));
        let listener = match passed.take_tcp_listener(index) {
            Ok(Some(listener)) => listener,
            Ok(None) => continue,
            Err(error) => {
                return Err(unusable(&format!("{error}; write ListenStream= with an address and a port")));
            }
        };
        if !SockRef::from(&listener).is_listener()? {
            return Err(unusable("the socket does not listen; write Accept=no"));
        }
        listeners.push((name.to_owned(), listener));
    }
    Ok(listeners)
}

/// The names of the descriptors (`sd_listen_fds_with_names(3)`).
const NAMES: &str = "LISTEN_FDNAMES";

/// The id of the process that the descriptors are for (`sd_listen_fds(3)`).
const PROCESS: &str = "LISTEN_PID";

/// The service manager, if there is one.
///
/// It gets the notifications in their order, and the daemon never waits for it: a manager that is busy gets
/// them later.
#[derive(Debug, Clone)]
pub struct ServiceManager(Option<Connection>);

#[derive(Debug, Clone)]
struct Connection {
    socket: PathBuf,
    queue: UnboundedSender<String>,
}

impl ServiceManager {
    /// Returns the manager that `NOTIFY_SOCKET` names. Spawns the task that sends the notifications.
    #[must_use]
    pub fn connect() -> Self {
        let Some(socket) = env::var_os(SOCKET).map(PathBuf::from) else { return Self(None) };
        let (queue, notifications) = unbounded_channel();
        tokio::spawn(deliver(socket.clone(), notifications));
        Self(Some(Connection { socket, queue }))
    }

    /// Reports that the daemon serves. `systemctl status` shows `status`.
    pub fn ready(&self, status: &str) {
        self.notify(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// Reports that a configuration is being read. A call of [`ServiceManager::ready`] must follow.
    pub fn reloading(&self) {
        // the time shows the manager that this is the reload that it asked for
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.notify(&[NotifyState::Reloading, now]),
            Err(error) => warn!("cannot notify the service manager of the reload: {error}"),
        }
    }

    /// Reports that the daemon stops: it takes no new calls after its drain notice, and finishes the calls in
    /// flight.
    pub fn stopping(&self) {
        self.notify(&[NotifyState::Stopping, NotifyState::Status("finishing the calls in flight")]);
    }

    /// Sends the watchdog's keep-alive message twice in each `WATCHDOG_USEC`, if that is set.
    ///
    /// Run it on the thread of the calls, so that a thread that hangs stops it too. A message that cannot be
    /// sent is lost: the next one has the same meaning.
    pub async fn run_watchdog(self) {
        let Some(Connection { socket, .. }) = self.0 else { return };
        let Some(allowed) = sd_notify::watchdog_enabled() else { return };
        if allowed.is_zero() {
            return;
        }
        let mut ticks = interval(allowed / 2);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut was_delivered = true;
        loop {
            ticks.tick().await;
            let sent = send(&socket, &encode(&[NotifyState::Watchdog]));
            if was_delivered && let Err(error) = &sent {
                warn_undelivered(error);
            }
            was_delivered = sent.is_ok();
        }
    }

    fn notify(&self, state: &[NotifyState<'_>]) {
        if let Some(Connection { queue, .. }) = &self.0 {
            let _delivered_until_the_end = queue.send(encode(state));
        }
    }
}

/// The socket of the service manager (`sd_notify(3)`).
const SOCKET: &str = "NOTIFY_SOCKET";

/// The pause before a notification is sent again to a manager whose socket is full.
const RETRY_DELAY: Duration = Duration::from_millis(50);

async fn deliver(socket: PathBuf, mut notifications: UnboundedReceiver<String>) {
    while let Some(notification) = notifications.recv().await {
        let mut sent = send(&socket, &notification);
        if let Err(error) = &sent {
            warn_undelivered(error);
        }
        while sent.is_err_and(|error| is_busy(&error)) {
            sleep(RETRY_DELAY).await;
            sent = send(&socket, &notification);
        }
    }
}

fn encode(state: &[NotifyState<'_>]) -> String {
    state.iter().map(|state| format!("{state}\n")).collect()
}

/// Sends a notification without waiting. `sd_notify::notify` would wait while the manager's socket is full.
fn send(socket: &Path, notification: &str) -> io::Result<()> {
    let sender = UnixDatagram::unbound()?;
    sender.set_nonblocking(true)?;
    sender.send_to(notification.as_bytes(), socket).map(drop)
}

fn is_busy(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

fn warn_undelivered(error: &io::Error) {
    if is_busy(error) {
        warn!(
            "the service manager is busy and does not read its notifications; they are sent again until it does"
        );
    } else {
        warn!("cannot notify the service manager: {error}; it may stop the daemon; check NOTIFY_SOCKET");
    }
}
