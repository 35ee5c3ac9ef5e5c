//! The faults of a step. Each has a reason: the clause that the dialplan reads in `WEBHOOK_REASON`.
//!
//! A reason has letters, digits, spaces, `.` and `_` only. A test of `outcome` checks every reason.

mod answer;
mod redirect;
mod request;
mod unreachable;

pub use self::answer::{AnswerFault, Coding};
pub use self::redirect::RedirectFault;
pub use self::request::RequestFault;
pub use self::unreachable::Unreachable;
