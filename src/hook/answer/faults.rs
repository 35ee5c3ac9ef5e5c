//! What can go wrong with a step, each in the clause that the dialplan hears.
//!
//! Made of letters, digits, spaces, `.` and `_` only; a test of `outcome` holds every one of them to that.

mod answer;
mod request;
mod unreachable;

pub use self::answer::{AnswerFault, Coding};
pub use self::request::RequestFault;
pub use self::unreachable::Unreachable;

/// Why a redirect is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectFault {
    /// It does not say where to.
    #[error("names no http or https URL to redirect to")]
    NoTarget,
    /// Another host, which the hook does not list.
    #[error("redirects to a host that redirect_hosts does not list")]
    Host,
    /// Another port or scheme of the same host, which the hook does not list.
    #[error("redirects to another port or scheme of its host that redirect_hosts does not list")]
    Port,
    /// What was confidential would not be any more.
    #[error("redirects from https to http")]
    Downgrade,
    /// There would be no end to it.
    #[error("redirects more often than the hook allows")]
    TooMany,
}
