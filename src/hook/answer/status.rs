//! The words of `WEBHOOK_STATUS`.

/// The value of `WEBHOOK_STATUS`. Each is explained at the variant of [`Outcome`] with the same name.
///
/// [`Outcome`]: super::outcome::Outcome
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Ok,
    HttpError,
    Timeout,
    Unreachable,
    BadAnswer,
    BadRequest,
    Overloaded,
}

impl Status {
    /// All statuses, in the order of the documents.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::HttpError,
        Self::Timeout,
        Self::Unreachable,
        Self::BadAnswer,
        Self::BadRequest,
        Self::Overloaded,
    ];

    /// Returns the word that the dialplan compares.
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
