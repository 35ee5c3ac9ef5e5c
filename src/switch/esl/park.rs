//! The park of a call in async mode, as the channel data shows it.
//!
//! Knows the headers that show a move, a park and the execution of our commands; does not know what follows
//! for a session.

use super::message::Headers;

/// The execution of the final commands of a parked call, as far as the channel data shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Execution {
    /// The channel data does not show it, or another application may run on the call.
    Unknown,
    /// Nothing has run on the call since its `socket`.
    NotBegun,
    /// One of the final commands runs, or a `set` of somebody else.
    Running,
    /// All final commands have run. So the park has begun, and nothing else runs on the call.
    Done,
}

impl Execution {
    /// Reads the execution on a call that is still in its step. The last of the final commands sets the
    /// status.
    pub(super) fn of(data: &Headers<'_>) -> Self {
        let argument = data.first(b"variable_current_application_data").unwrap_or_default();
        match application(data) {
            Some(b"socket") => Self::NotBegun,
            Some(b"set") if argument.to_ascii_lowercase().starts_with(b"webhook_status%3d") => Self::Done,
            Some(b"set") => Self::Running,
            Some(_) | None => Self::Unknown,
        }
    }
}

/// Returns the application that runs on the call, or ran last. An application that somebody else runs on the
/// parked call, such as music, is shown as well (`src/switch_core_session.c`, `switch_core_session_exec`).
pub(super) fn application<'d>(data: &Headers<'d>) -> Option<&'d [u8]> {
    data.first(b"variable_current_application")
}

/// The values of the headers that change when a parked call moves: a transfer changes the first, `uuid_park`
/// and a bridge change the second (`seen`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MoveMarkers {
    profile_index: Vec<u8>,
    channel_state: Vec<u8>,
}

impl MoveMarkers {
    pub(super) fn of(data: &Headers<'_>) -> Self {
        let value = |name: &[u8]| data.first(name).unwrap_or_default().to_vec();
        Self { profile_index: value(b"Caller-Profile-Index"), channel_state: value(b"Channel-State") }
    }
}

/// True if a call that has moved is parked there, also by another step in async mode, or may be so in a
/// moment.
pub(super) fn is_held(data: &Headers<'_>) -> bool {
    match data.first(b"Channel-State") {
        Some(b"CS_PARK" | b"CS_ROUTING") => true,
        Some(b"CS_EXECUTE") => matches!(application(data), Some(b"park" | b"socket")),
        Some(_) | None => false,
    }
}

/// True if the channel is in the state in which a dialplan runs.
pub(super) fn in_dialplan_state(data: &Headers<'_>) -> bool {
    data.first(b"Channel-State") == Some(b"CS_EXECUTE")
}

/// True if the dialplan of this call goes on after `socket`. A leg that was called has no dialplan;
/// `execute_on_pre_bridge` and `execute_on_post_originate` run in the dialplan's state, but their channel
/// data names another leg (`seen`). A call whose earlier `bridge` ended may look the same: it takes no harm
/// from `exit` without `resume`.
pub(super) fn dialplan_goes_on(data: &Headers<'_>) -> bool {
    in_dialplan_state(data) && data.first(b"Other-Type") != Some(b"originatee")
}

/// True if the call was transferred so shortly before the channel data that this may have been after its
/// `socket` began. FreeSWITCH's clock goes on in steps of 20 ms (`seen`).
pub(super) fn is_just_transferred(data: &Headers<'_>) -> bool {
    let number = |name: &[u8]| std::str::from_utf8(data.first(name)?).ok()?.parse::<u64>().ok();
    if number(b"Caller-Profile-Index").is_none_or(|index| index <= 1) {
        return false;
    }
    match (number(b"Event-Date-Timestamp"), number(b"Caller-Profile-Created-Time")) {
        (Some(now), Some(created)) => now.saturating_sub(created) <= JUST_TRANSFERRED,
        (None, _) | (_, None) => true,
    }
}

/// Microseconds: two steps of the clock, and some for a daemon that is slow to send `connect`.
const JUST_TRANSFERRED: u64 = 100_000;
