//! A webhook step for the dialplan: asks a URL about a call, and leaves the answer in a channel variable.
//!
//! The path of one call:
//!
//! 1. [`server`] accepts the connection of a switch and starts a [`session`] in a task of its own.
//! 2. The session exchanges the greeting with the [`switch`]. The dialect of the switch ([`switch::agi`],
//!    [`switch::esl`]) makes a [`call`] of it.
//! 3. The [`hook::Policy`] finds the step that the call means: its hook and timeout, or its fault.
//! 4. One challenge authenticates the call, and brings the channel [`variable`]s that the hook fetches.
//! 5. [`webhook`] makes attempts until the deadline, while the session waits for a hangup. The first of the
//!    two to come ends the other.
//! 6. The step judges the answer once: the [`hook::Outcome`], and the assignments that follow from it, the
//!    status last.
//! 7. The dialect encodes the assignments as final commands. One write sets all of them and gives the call
//!    back.
//!
//! Around it: [`config`] reads the file, [`daemon`] holds what outlives a configuration, [`slots`] limit the
//! calls and the connections, [`metrics`] count, [`history`] records, [`observer`] serves both over HTTP,
//! [`log`] writes lines, [`notify`] talks to the service manager. [`cli`] is the program; [`dialplan`] finds
//! webhook steps in dialplan files for `dialhook check`.
//!
//! `docs/design.md` has the terms, and says where to find a rule: where a circuit breaker opens, where the
//! deadline is enforced, where a command is quoted.
//!
//! A module depends only on modules of the groups below its own.

pub mod cli;
pub mod server;

pub mod observer;

pub mod session;

pub mod daemon;

pub mod history;

pub mod webhook;

pub mod dialplan;
pub mod metrics;

pub mod config;
pub mod curl;
pub mod log;

pub mod hook;
pub mod switch;

pub mod call;

pub mod variable;

pub mod duration;
mod files;
pub mod nonce;
pub mod notify;
pub mod redact;
pub mod slots;
pub mod tls;
