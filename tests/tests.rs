//! Everything that is tested from outside, in one program.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "in tests a panic is the message, and their modules are used by nobody else"
)]

/// What the tests stand on: a daemon, a fake switch, a fake webhook.
mod util;

/// FastAGI on the wire: recorded conversations, forged and broken ones.
mod agi;
/// The doors between the rooms of the source.
mod architecture;
/// Calls of a real Asterisk.
mod asterisk;
/// The program as an administrator meets it: `check`, `try`, `demo`, `serve`, and what each prints.
mod cli;
/// FreeSWITCH's outbound socket: recorded conversations, calls that must not get stuck, values that must not expand.
mod esl;
/// The dialplan examples for FreeSWITCH, without one.
mod examples;
/// What a webhook gets, and what each kind of answer leads to.
mod hooks;
/// How long, how much, how many: every limit has its end.
mod limits;
/// What the person on call reads: one line a call, and what never stands in it.
mod logs;
/// The pages of docs/ and their example server.
mod manual;
/// Metrics and health over HTTP, the dashboard and the alert rules.
mod observer;
/// What a package brings: manual pages, completions, the configuration, and the package itself.
mod packaging;
/// More than one daemon: what is lost behind HAProxy, and the recipes of docs/.
mod scaling;
/// The daemon as a service: readiness, reloading, inherited listeners, the end, and the units of systemd.
mod service;
