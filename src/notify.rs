//! The service manager: which listeners it passes on, and what it is told.
//!
//! Where nobody has set `LISTEN_FDS`, `NOTIFY_SOCKET` or `WATCHDOG_USEC`, nothing happens here.

use std::env;
use std::io;
use std::net::TcpListener;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

/// The listeners that were passed on, each with the name that the service manager gives it. To be asked once, before
/// there is a second thread: it clears the environment.
///
/// # Errors
/// When something else than a TCP listener was passed on.
pub fn listeners() -> io::Result<Vec<(String, TcpListener)>> {
    let mut passed = listenfd::ListenFd::from_env();
    let names = env::var(NAMES).unwrap_or_default();
    let mut names = names.split(':');
    let mut listeners = Vec::new();
    for index in 0..passed.len() {
        let name = names.next().unwrap_or_default().to_owned();
        if let Some(listener) = passed.take_tcp_listener(index)? {
            listeners.push((name, listener));
        }
    }
    Ok(listeners)
}

/// `sd_listen_fds_with_names(3)`; the others of its variables are known to the library.
const NAMES: &str = "LISTEN_FDNAMES";

/// The daemon serves; `status` is what `systemctl status` says of it.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A configuration is read. [`ready`] must follow.
pub fn reloading() {
    // without the time a manager that waits for the end of the reload would not know that this is the one it asked for
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => warn!("the service manager cannot be told of the reload: {error}"),
    }
}

/// The daemon ends: after its notice to load balancers no new call is taken, and those in flight are finished.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing the calls in flight")]);
}

/// Says twice in the time that the service manager allows that the daemon is alive, where it wants to know. To be run
/// beside the calls, on their thread: when that is stuck, so is this.
pub async fn keep_awake() {
    let Some(allowed) = sd_notify::watchdog_enabled().filter(|allowed| !allowed.is_zero()) else { return };
    let mut beat = interval(allowed / 2);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!("the service manager does not hear us: {error}; it may end the daemon, see NOTIFY_SOCKET");
    }
}
