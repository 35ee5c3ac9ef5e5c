//! The park of a call in async mode, as channel data tells of it.
//!
//! Knows what the end of a connection does to a call in each state; does not know when anybody asks.

use super::message::Headers;

/// The park of a call in async mode, as far as channel data tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Park {
    /// The channel data does not tell, or something else than we may run on the call.
    Unknown,
    /// Nothing has run on the call since its `socket`.
    Untouched,
    /// One of our commands runs, or a command of somebody else that takes no time.
    Running,
    /// Our commands have run, so the park has begun; and nothing else runs on the call.
    Proved,
}

impl Park {
    /// Reads the park of a call that is still in its step. The last of our commands sets the status.
    pub(super) fn of(data: &Headers<'_>) -> Self {
        let argument = data.first(b"variable_current_application_data").unwrap_or_default();
        match application(data) {
            Some(b"socket") => Self::Untouched,
            Some(b"set") if argument.to_ascii_lowercase().starts_with(b"webhook_status%3d") => Self::Proved,
            Some(b"set") => Self::Running,
            Some(_) | None => Self::Unknown,
        }
    }
}

/// The application that runs on the call, or ran last. (One that somebody else lets it run meanwhile, such as music for a parked
/// call, stands there as well: `src/switch_core_session.c`, `switch_core_session_exec`.)
pub(super) fn application<'d>(data: &Headers<'d>) -> Option<&'d [u8]> {
    data.first(b"variable_current_application")
}

/// True if a call that was moved is parked there, also by another step in async mode, or may be so in a moment.
pub(super) fn is_held(data: &Headers<'_>) -> bool {
    match data.first(b"Channel-State") {
        Some(b"CS_PARK" | b"CS_ROUTING") => true,
        Some(b"CS_EXECUTE") => matches!(application(data), Some(b"park" | b"socket")),
        Some(_) | None => false,
    }
}

/// The headers that change when a parked call is moved: a transfer changes the first one, `uuid_park` and a bridge the second
/// (`seen`).
const PLACE: [&[u8]; 2] = [b"Caller-Profile-Index", b"Channel-State"];

pub(super) fn place(data: &Headers<'_>) -> Vec<u8> {
    PLACE.map(|name| data.first(name).unwrap_or_default()).join(&b' ')
}

/// True if the channel is in the state in which a dialplan runs.
pub(super) fn in_dialplan_state(data: &Headers<'_>) -> bool {
    data.first(b"Channel-State") == Some(b"CS_EXECUTE")
}

/// True if the dialplan of this call goes on behind `socket`. On a leg that was called there is none; `execute_on_pre_bridge`
/// and `execute_on_post_originate` run in the dialplan's state, but another leg stands beside them (`seen`). A call whose
/// earlier `bridge` ended may look the same: it takes no harm from `exit` without `resume`.
pub(super) fn dialplan_goes_on(data: &Headers<'_>) -> bool {
    in_dialplan_state(data) && data.first(b"Other-Type") != Some(b"originatee")
}

/// True if the call was transferred so shortly before the channel data that this may have been after its `socket` began.
/// FreeSWITCH's clock goes on in steps of 20 ms (`seen`).
pub(super) fn is_fresh(data: &Headers<'_>) -> bool {
    let time = |name: &[u8]| std::str::from_utf8(data.first(name)?).ok()?.parse::<u64>().ok();
    let ages = time(b"Event-Date-Timestamp").zip(time(b"Caller-Profile-Created-Time"));
    let transferred = time(b"Caller-Profile-Index").is_some_and(|index| index > 1);
    transferred && ages.is_none_or(|(now, created)| now.saturating_sub(created) <= FRESH)
}

/// Microseconds: two steps of the clock, and some for a daemon that is slow to say `connect`.
const FRESH: u64 = 100_000;
