//! The daemon as a service.

/// Listeners that the service manager keeps: who waits there is served by whichever daemon comes.
mod inherited;
/// What the service manager is told.
mod notices;
/// Another configuration for a daemon that serves.
mod reload;
/// A start that fails, or may; what is said of it, and to whom.
mod start;
/// The units of systemd, judged by systemd.
mod units;

use crate::util::{FakeWebhook, Gate, Reply};

/// A webhook that answers as soon as the gate is open.
async fn gated() -> (Gate, FakeWebhook) {
    let gate = Gate::default();
    let kept = gate.clone();
    (gate, FakeWebhook::start(move |_| Reply::text("sales").after(&kept)).await)
}
