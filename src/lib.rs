//! A webhook step for the dialplan: asks a URL about a call, and leaves the answer in a channel variable.
//!
//! The path of one call:
//!
//! 1. [`server`] accepts the connection of a switch and starts a [`session`] in a task of its own.
//! 2. The session lets the [`switch`] greet. Its dialect ([`switch::agi`], [`switch::esl`]) makes a [`call`] of the greeting.
//! 3. The policy of the [`hook`]s finds the step that the call means: to be asked, or refused with a fault.
//! 4. One challenge authenticates the call, and brings the channel [`variable`]s that the hook fetches.
//! 5. [`webhook`] makes attempts until the deadline, while the session listens for a hangup. Whichever comes first wins.
//! 6. The step judges the answer once: the [`hook::Outcome`], and the assignments that follow from it, the status last.
//! 7. The dialect encodes the assignments as final commands. One write sets all of them and gives the call back.
//!
//! Around it: [`config`] reads the file, [`daemon`] holds what outlives a configuration, [`slots`] bound the calls and the
//! connections, [`metrics`] count, [`observer`] shows metrics and health over HTTP, [`log`] writes lines, [`notify`] talks to the
//! service manager. [`cli`] is the program; [`dialplan`] finds webhook steps in dialplan files for `dialhook check`.
//!
//! Modules depend downwards only, in the order below.

pub mod cli;
pub mod server;

pub mod session;

pub mod daemon;
pub mod observer;

pub mod webhook;

pub mod dialplan;
pub mod metrics;

pub mod config;
pub mod log;

pub mod hook;
pub mod switch;

pub mod call;
pub mod duration;
mod files;
pub mod nonce;
pub mod notify;
pub mod redact;
pub mod slots;
pub mod tls;
pub mod variable;
