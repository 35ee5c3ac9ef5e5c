//! The service manager: which listeners it passes on, and what it is told.
//!
//! Where nobody has set `LISTEN_FDS`, `NOTIFY_SOCKET` or `WATCHDOG_USEC`, nothing happens here.

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

/// The listeners that were passed on, each with the name that the service manager gives it. To be asked once, before
/// there is a second thread: it clears the environment.
///
/// # Errors
/// When something else than a TCP listener was passed on.
pub fn passed_listeners() -> io::Result<Vec<(String, TcpListener)>> {
    // the library would take what is meant for nobody in particular; sd_listen_fds(3) does not
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
        let taken = passed.take_tcp_listener(index);
        let remedy = "write ListenStream= with an address and a port";
        let taken = taken.map_err(|error| unusable(&format!("{error}; {remedy}")))?;
        let Some(listener) = taken else { continue };
        if !SockRef::from(&listener).is_listener()? {
            return Err(unusable("it does not listen; write Accept=no"));
        }
        listeners.push((name.to_owned(), listener));
    }
    Ok(listeners)
}

/// `sd_listen_fds_with_names(3)`.
const NAMES: &str = "LISTEN_FDNAMES";

/// The process that the descriptors are meant for.
const PROCESS: &str = "LISTEN_PID";

/// What the service manager is told, where there is one: in order, and without ever waiting for it on the calls' one
/// thread. A manager that is busy with itself is told as soon as it listens.
#[derive(Debug, Clone)]
pub struct ServiceManager(Option<Connection>);

/// Whom the notices reach.
#[derive(Debug, Clone)]
struct Connection {
    socket: PathBuf,
    queue: UnboundedSender<String>,
}

impl ServiceManager {
    /// To the manager that the environment names. To be called in a runtime, where a task of it delivers.
    #[must_use]
    pub fn connect() -> Self {
        let socket = env::var_os(SOCKET).map(PathBuf::from);
        Self(socket.map(|socket| {
            let (queue, notices) = unbounded_channel();
            tokio::spawn(deliver(socket.clone(), notices));
            Connection { socket, queue }
        }))
    }

    /// The daemon serves; `status` is what `systemctl status` says of it.
    pub fn ready(&self, status: &str) {
        self.notify(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// A configuration is read. [`ServiceManager::ready`] must follow.
    pub fn reloading(&self) {
        // without the time a manager that waits for the end of the reload would not know that this is the one it asked for
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.notify(&[NotifyState::Reloading, now]),
            Err(error) => warn!("the service manager cannot be told of the reload: {error}"),
        }
    }

    /// The daemon ends: after its notice to load balancers no new call is taken, and those in flight are finished.
    pub fn stopping(&self) {
        self.notify(&[NotifyState::Stopping, NotifyState::Status("finishing the calls in flight")]);
    }

    /// Says twice in the time that the service manager allows that the daemon is alive, where it wants to know. To be run
    /// beside the calls, on their thread: when that is stuck, so is this. A beat that finds no listener is lost, for the
    /// next one says as much.
    pub async fn run_watchdog(self) {
        let Some(Connection { socket, .. }) = self.0 else { return };
        let Some(allowed) = sd_notify::watchdog_enabled().filter(|allowed| !allowed.is_zero()) else {
            return;
        };
        let mut ticks = interval(allowed / 2);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut delivered = true;
        loop {
            ticks.tick().await;
            let sent = send(&socket, &encode(&[NotifyState::Watchdog]));
            if let (true, Err(error)) = (delivered, &sent) {
                warn_undelivered(error);
            }
            delivered = sent.is_ok();
        }
    }

    fn notify(&self, state: &[NotifyState<'_>]) {
        if let Some(Connection { queue, .. }) = &self.0 {
            let _delivered_until_the_end = queue.send(encode(state));
        }
    }
}

/// `sd_notify(3)`.
const SOCKET: &str = "NOTIFY_SOCKET";

/// How long a manager that does not listen is left alone.
const RETRY_DELAY: Duration = Duration::from_millis(50);

async fn deliver(socket: PathBuf, mut notices: UnboundedReceiver<String>) {
    while let Some(notice) = notices.recv().await {
        let mut sent = send(&socket, &notice);
        if let Err(error) = &sent {
            warn_undelivered(error);
        }
        while sent.is_err_and(|error| is_busy(&error)) {
            sleep(RETRY_DELAY).await;
            sent = send(&socket, &notice);
        }
    }
}

fn encode(state: &[NotifyState<'_>]) -> String {
    state.iter().map(|state| format!("{state}\n")).collect()
}

/// Without waiting: `sd_notify::notify` would, for as long as others have filled the manager's socket.
fn send(socket: &Path, notice: &str) -> io::Result<()> {
    let sender = UnixDatagram::unbound()?;
    sender.set_nonblocking(true)?;
    sender.send_to(notice.as_bytes(), socket).map(drop)
}

fn is_busy(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

fn warn_undelivered(error: &io::Error) {
    if is_busy(error) {
        warn!("the service manager does not listen; it is told again until it does");
    } else {
        warn!("the service manager does not hear us: {error}; it may end the daemon, see NOTIFY_SOCKET");
    }
}
