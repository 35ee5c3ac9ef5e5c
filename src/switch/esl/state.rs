//! The state of one outbound socket session, and how the call may be given back in it.
//!
//! ```text
//!              Socket-Mode: static
//! Connecting ──┬────────────────────────────> Static
//!              │ Socket-Mode: async                   a location query shows a move
//!              ├────────────────────────────> Parked ──────────────┬─────> Moved
//!              │ async, but another application runs already       │
//!              └───────────────────────────────────────────────────┘
//! ```
//!
//! | State | Ending |
//! |---|---|
//! | `Static` | `exit` |
//! | `Parked`, with a dialplan | `exit` if the final commands have run, or if the call may have moved before; else `resume` and `exit` |
//! | `Parked`, without a dialplan | `exit`, as soon as the park must have begun |
//! | `Moved` | `exit`, as soon as it harms nothing there |
//!
//! `socket_resume=true` on the channel makes every ending a `resume`. If a `resume` would harm the call, the
//! variable is set to `false` before.

use std::time::Duration;

use super::command::{EXIT, RESUME};
use super::message::Headers;
use super::park::{
    Execution, MoveMarkers, application, dialplan_goes_on, in_dialplan_state, is_held, is_just_transferred,
};
use crate::switch::Location;

/// The state of one session.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// The channel data has not come.
    Connecting,
    /// The call's own thread waits in the application `socket` (static mode). `resume` would leave the call
    /// in `CS_RESET`, and so would `socket_resume` (`mod_event_socket.c`, `listener_run`).
    Static {
        /// True if `socket_resume` is on the channel.
        resumes: bool,
    },
    /// The call is parked (`socket … async`).
    Parked(Parked),
    /// The call was parked and has moved. `resume` would leave it in `CS_RESET` there, and so would
    /// `socket_resume` (`mod_event_socket.c`, `listener_run`).
    Moved(Moved),
}

/// A call in async mode that is in its step.
#[derive(Debug, Clone)]
pub(super) struct Parked {
    leg: Leg,
    /// True if `socket_resume` is on the channel.
    resumes: bool,
    execution: Execution,
    /// True as long as the call may have moved before the channel data came. `resume` must not be sent then.
    may_have_moved: bool,
}

/// The leg that is parked.
#[derive(Debug, Clone)]
enum Leg {
    /// The dialplan goes on with `resume`.
    WithDialplan(MoveMarkers),
    /// There is no dialplan, or there may be none (`execute_on_answer` and its like). `resume` ends such a
    /// leg: its state becomes `CS_EXECUTE`, and there is nothing to execute (`mod_event_socket.c`,
    /// `socket_function`). There are no markers if the state of the leg changes by itself.
    WithoutDialplan(Option<MoveMarkers>),
}

/// A call that has moved.
#[derive(Debug, Clone)]
pub(super) struct Moved {
    markers: MoveMarkers,
    /// True if `socket_resume` is on the channel.
    resumes: bool,
    /// True if the call is parked there: the end of our connection would end that park.
    is_held: bool,
}

/// The variable that makes every ending a `resume`.
pub(super) const SOCKET_RESUME: &str = "socket_resume";

/// The time in which a call parks after `connect`. If the connection ends before, the call stays parked,
/// unless `resume` was sent (`mod_event_socket.c`, `socket_function`; 2 ms `seen`).
const PARKING: Duration = Duration::from_millis(50);

impl State {
    /// Reads the state from the first channel data. `mode` is the value of `Socket-Mode`.
    pub(super) fn of(data: &Headers<'_>, mode: &[u8]) -> Self {
        // only the end of a block that was too long is there, so assume `socket_resume`
        let resumes = !data.is_channel_data() || data.is_true(SOCKET_RESUME);
        if mode != b"async" {
            return Self::Static { resumes };
        }
        // a daemon that was frozen may have sent `connect` too late
        let runs_another = application(data).is_some_and(|running| running != b"socket");
        if data.is_channel_data() && runs_another {
            return Self::Moved(Moved { markers: MoveMarkers::of(data), resumes, is_held: is_held(data) });
        }
        Self::Parked(Parked {
            leg: Leg::of(data),
            resumes,
            execution: Execution::Unknown,
            may_have_moved: data.is_channel_data() && is_just_transferred(data),
        })
    }

    /// Reads the reply to a second `connect`.
    pub(super) fn read_location_reply(&mut self, now: &Headers<'_>) -> Location {
        if !now.is_channel_data() {
            return self.read_cut_reply(now);
        }
        match self {
            Self::Connecting | Self::Static { .. } => Location::Unknown,
            Self::Parked(parked) if parked.leg.is_unmoved(now) => {
                parked.update(now);
                Location::InStep
            }
            Self::Parked(_) | Self::Moved(_) => {
                self.move_to(now);
                Location::Moved
            }
        }
    }

    /// Reads the end of channel data that was too long, or another message.
    fn read_cut_reply(&mut self, now: &Headers<'_>) -> Location {
        if now.first(b"Socket-Mode").is_none() {
            return Location::Unknown;
        }
        if let Self::Parked(parked) = self {
            parked.may_have_moved = true;
        }
        Location::InStep
    }

    fn move_to(&mut self, now: &Headers<'_>) {
        let markers = MoveMarkers::of(now);
        // music for the parked call replaces the application by which a park is recognised
        let still_held = match self {
            Self::Moved(before) => before.is_held && before.markers == markers,
            Self::Connecting | Self::Static { .. } | Self::Parked(_) => false,
        };
        let resumes = now.is_true(SOCKET_RESUME);
        *self = Self::Moved(Moved { markers, resumes, is_held: still_held || is_held(now) });
    }

    /// True if the call can move without a notice to us.
    pub(super) fn needs_location(&self) -> bool {
        matches!(self, Self::Parked(_) | Self::Moved(_))
    }

    /// True if `socket_resume` is on the channel and must be set to `false` before the connection ends.
    pub(super) fn must_unset_resume(&self) -> bool {
        let resumes = match self {
            Self::Connecting => false,
            Self::Static { resumes }
            | Self::Parked(Parked { resumes, .. })
            | Self::Moved(Moved { resumes, .. }) => *resumes,
        };
        resumes && self.is_harmed_by_resume()
    }

    /// True if `socket_resume` on the channel would harm the call at the end.
    pub(super) fn is_harmed_by_resume(&self) -> bool {
        match self {
            Self::Connecting | Self::Static { .. } | Self::Moved(_) => true,
            // without a confirmation the ending is `resume` in any case
            Self::Parked(parked) => parked.is_without_dialplan() || self.confirms_execution(),
        }
    }

    /// True if the end of the connection does not harm the call now. The end of a listener ends every park of
    /// its channel, also that of somebody else (`listener_run` clears `CF_CONTROLLED`, which
    /// `src/switch_ivr.c`, `switch_ivr_park`, sets).
    pub(super) fn is_safe_to_close(&self) -> bool {
        match self {
            Self::Connecting | Self::Static { .. } => true,
            Self::Parked(parked) => !parked.is_without_dialplan() || !parked.resumes,
            Self::Moved(moved) => !moved.resumes && !moved.is_held,
        }
    }

    /// True if `socket_resume` must be set to `false` at once, because it harms the call whenever the
    /// connection ends.
    pub(super) fn must_prepare_close(&self) -> bool {
        match self {
            Self::Connecting | Self::Static { .. } => false,
            Self::Parked(parked) => parked.is_without_dialplan() && parked.resumes,
            Self::Moved(moved) => moved.resumes,
        }
    }

    /// True if the next channel data can show that the final commands have run.
    pub(super) fn confirms_execution(&self) -> bool {
        matches!(self, Self::Parked(Parked { execution: Execution::NotBegun, .. }))
    }

    pub(super) fn execution_is_pending(&self) -> bool {
        matches!(self, Self::Parked(Parked { execution: Execution::NotBegun | Execution::Running, .. }))
    }

    /// Returns the commands that give the call back. `exit` alone ends a park that has begun, and does no
    /// harm to a call that moves meanwhile. `resume` also ends a park that begins later, and whatever else
    /// runs on the call.
    pub(super) fn release(&self) -> Vec<u8> {
        match self {
            Self::Parked(parked) if parked.needs_resume() => [RESUME, EXIT].concat(),
            Self::Connecting | Self::Static { .. } | Self::Parked(_) | Self::Moved(_) => EXIT.to_vec(),
        }
    }

    /// Returns the time after the greeting before which the connection must not end.
    pub(super) fn earliest_close(&self) -> Duration {
        match self {
            Self::Parked(parked) if parked.is_without_dialplan() || parked.may_have_moved => PARKING,
            Self::Connecting | Self::Static { .. } | Self::Parked(_) | Self::Moved(_) => Duration::ZERO,
        }
    }

    pub(super) fn first_location_query(&self) -> Option<Duration> {
        match self {
            Self::Parked(parked) if parked.may_have_moved => Some(PARKING),
            Self::Connecting | Self::Static { .. } | Self::Parked(_) | Self::Moved(_) => None,
        }
    }
}

impl Parked {
    /// Takes over the channel data of a call that is still in its step.
    fn update(&mut self, now: &Headers<'_>) {
        self.resumes = now.is_true(SOCKET_RESUME);
        self.execution = Execution::of(now);
        // a dialplan that the call was moved to would have begun by now
        self.may_have_moved &= self.execution != Execution::NotBegun;
    }

    fn is_without_dialplan(&self) -> bool {
        matches!(self.leg, Leg::WithoutDialplan(_))
    }

    fn needs_resume(&self) -> bool {
        let park_has_begun = self.execution == Execution::Done && !self.resumes;
        !self.is_without_dialplan() && !park_has_begun && !self.may_have_moved
    }
}

impl Leg {
    fn of(data: &Headers<'_>) -> Self {
        if dialplan_goes_on(data) {
            return Self::WithDialplan(MoveMarkers::of(data));
        }
        Self::WithoutDialplan(in_dialplan_state(data).then(|| MoveMarkers::of(data)))
    }

    fn is_unmoved(&self, now: &Headers<'_>) -> bool {
        match self {
            Self::WithDialplan(before) | Self::WithoutDialplan(Some(before)) => {
                *before == MoveMarkers::of(now)
            }
            Self::WithoutDialplan(None) => true,
        }
    }
}
