//! A webhook step for the dialplan: ask a URL about a call, and leave the answer in a channel variable.
//!
//! The walk of one call:
//!
//! 1. [`server`] accepts Asterisk's connection and starts a session in a task of its own.
//! 2. [`session::hold`] greets the [`switch`]; its dialect ([`switch::agi`]) makes a [`call`] of what it says.
//! 3. The [`hook`]s' policy finds the step that the call means, or why there is none.
//! 4. One question proves that nobody forged the call, and brings the channel [`variable`]s that the hook fetches.
//! 5. The [`webhook`] is asked until the deadline, while a hangup is listened for; whichever comes first wins.
//! 6. The hook judges the answer: an [`hook::Outcome`], and the assignments that follow from it, the status last.
//! 7. The dialect puts them into commands, or refuses what the wire cannot carry; one write says farewell.
//!
//! Around it: [`config`] reads the file, [`slots`] counts the calls, [`notify`] speaks with the service manager,
//! [`log`] writes what happened, [`metrics`] count it and the [`observer`] shows them over HTTP; [`cli`] is the
//! program; [`dialplan`] finds the steps in an `extensions.conf`, for
//! `dialhook check`.

pub mod cli;
pub mod server;

pub mod session;
pub mod switch;

pub mod hook;
pub mod tls;
pub mod webhook;

pub mod call;
pub mod duration;
pub mod nonce;
pub mod redact;
pub mod variable;

pub mod config;
pub mod dialplan;
mod files;
pub mod log;
pub mod metrics;
pub mod notify;
pub mod observer;
pub mod slots;
