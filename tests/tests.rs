//! Owner: the program. Everything that is tested from outside, in one test binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "in tests a panic is the message, and their modules are used by nobody else"
)]

/// Helpers that more than two test files need.
mod util;

/// FastAGI on the wire.
mod agi;
/// The dependencies between modules, the places of outside libraries, and the size of files.
mod architecture;
/// Calls of a real Asterisk, in the newest release and in the oldest that we support.
mod asterisk;
/// The pages of the observer in a real browser.
mod browser;
/// The subcommands as an administrator uses them, and what they print.
mod cli;
/// FreeSWITCH's outbound socket on the wire.
mod esl;
/// The dialplan examples for FreeSWITCH, read as text.
mod examples;
/// The request that a webhook receives, and the outcome of each kind of answer, through real listeners.
mod hooks;
/// The first line and the length of every file below tests/, and the modules that include them.
mod layout;
/// Every limit of time, size and number, and what follows when it is reached.
mod limits;
/// One line a call in every format, and what no line may hold.
mod logs;
/// The pages of docs/.
mod manual;
/// Metrics and health over HTTP.
mod observer;
/// The files of the package.
mod packaging;
/// Two daemons behind a real HAProxy.
mod scaling;
/// The daemon as a service.
mod service;
