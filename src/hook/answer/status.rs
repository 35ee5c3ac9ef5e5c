//! The words of WEBHOOK_STATUS.

/// The word for the dialplan's `WEBHOOK_STATUS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// See [`Outcome::Ok`].
    Ok,
    /// See [`Outcome::HttpError`].
    HttpError,
    /// See [`Outcome::Timeout`].
    Timeout,
    /// See [`Outcome::Unreachable`].
    Unreachable,
    /// See [`Outcome::BadAnswer`].
    BadAnswer,
    /// See [`Outcome::BadRequest`].
    BadRequest,
    /// See [`Outcome::Overloaded`].
    Overloaded,
}

impl Status {
    /// Every word, in the order of the contract.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::HttpError,
        Self::Timeout,
        Self::Unreachable,
        Self::BadAnswer,
        Self::BadRequest,
        Self::Overloaded,
    ];

    /// The word as the dialplan compares it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::HttpError => "HTTP_ERROR",
            Self::Timeout => "TIMEOUT",
            Self::Unreachable => "UNREACHABLE",
            Self::BadAnswer => "BAD_ANSWER",
            Self::BadRequest => "BAD_REQUEST",
            Self::Overloaded => "OVERLOADED",
        }
    }
}
