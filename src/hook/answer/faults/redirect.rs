//! The reasons for which a redirect is not followed.

/// The fault of a redirect that is not followed. Its reason continues `the webhook answered 302 and`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectFault {
    /// `Location` is missing or not a URL.
    #[error("names no http or https URL to redirect to")]
    NoTarget,
    #[error("redirects to a host that redirect_hosts does not list")]
    Host,
    #[error("redirects to another port or scheme of its host that redirect_hosts does not list")]
    Port,
    #[error("redirects from https to http")]
    Downgrade,
    #[error("redirects more often than the hook allows")]
    TooMany,
}
