//! The values of labels.

/// The status of a step that ended with a hangup, or whose call was transferred. The dialplan does not see
/// it.
pub const CANCELLED: &str = "CANCELLED";

/// The result of a lookup in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheResult {
    /// The call got a fresh answer from the cache, or the answer to the request of another call.
    Hit,
    /// The call made a request, because the cache had no fresh answer.
    Miss,
    /// The call got a stale answer, because the webhook failed.
    Stale,
}

impl CacheResult {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
        }
    }
}

/// The reason for which a connection or a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The address of the peer is not in `listen.allow`.
    NotAllowed,
    /// The peer sent something that no switch sends.
    Forged,
    /// The peer sent nothing for too long, or was evicted.
    Silent,
    /// The peer sent more than the limits allow.
    TooLong,
    /// The caller hung up before the call was authenticated.
    Unauthenticated,
    /// The step panicked, which is a fault in dialhook.
    Panicked,
}

impl Refusal {
    pub(super) const ALL: [Self; 6] =
        [Self::NotAllowed, Self::Forged, Self::Silent, Self::TooLong, Self::Unauthenticated, Self::Panicked];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::Forged => "forged",
            Self::Silent => "silent",
            Self::TooLong => "too_long",
            Self::Unauthenticated => "unproved",
            Self::Panicked => "panicked",
        }
    }
}
