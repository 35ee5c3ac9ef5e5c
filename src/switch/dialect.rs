//! The protocol of one kind of switch, as pure translation between bytes and meaning.
//!
//! Knows the order of the exchange: opening, greeting, challenge, final commands, release. Does not know
//! sockets or clocks; [`Switch`](super::Switch) does the input and output.

use std::time::Duration;

use bytes::BytesMut;
use tokio_util::codec::Decoder;

use super::{Location, SwitchError};
use crate::call::{Call, SwitchKind};
use crate::variable::{Assignment, FetchName, Unfit};

/// The protocol of one kind of switch, with the state of one connection.
pub trait Dialect: Clone + Sync {
    /// The codec that cuts the stream into whole messages.
    type Codec: Decoder<Item = BytesMut, Error = SwitchError>;

    /// The kind of switch that speaks this protocol.
    const SWITCH: SwitchKind;

    /// Returns a codec for a new connection.
    fn codec(&self) -> Self::Codec;

    /// Returns the first command of the connection, or `None` if the switch speaks first.
    fn opening(&self) -> Option<&'static [u8]>;

    /// Reads a message of the greeting.
    ///
    /// # Errors
    /// Returns [`SwitchError::Forged`] if the message is not exactly what this switch writes, and the reason
    /// if the message ends the session.
    fn greeting(&mut self, message: BytesMut) -> Result<Greeting, SwitchError>;

    /// Returns the challenge: the command whose reply authenticates the greeting and brings these channel
    /// variables. Returns `None` if the greeting cannot be forged and has every variable.
    ///
    /// # Errors
    /// Returns [`FetchFault::TooManyNames`] if one command cannot hold all the names.
    fn challenge(&self, wanted: &[FetchName]) -> Result<Option<Vec<u8>>, FetchFault>;

    /// Reads the reply to the challenge, and writes its values into the call. The reply is `None` if no
    /// challenge was sent.
    ///
    /// # Errors
    /// Returns [`SwitchError::Forged`] if the message is not that reply, and
    /// [`SwitchError::HungUpUnauthenticated`] if it says that the caller hung up.
    fn read_challenge_reply(
        &self,
        reply: Option<&[u8]>,
        call: &mut Call,
        wanted: &[FetchName],
    ) -> Result<Fetched, SwitchError>;

    /// Returns the reason if this message ends the session.
    fn session_end(&self, message: &[u8]) -> Option<SwitchError>;

    /// Returns the command that asks where a waiting call is. Returns `None` if a move does not harm the
    /// call, or if the switch sends a notice of a move.
    fn location_query(&self) -> Option<&'static [u8]> {
        None
    }

    /// Reads the reply to the location query. If the call has moved, every later command leaves it where it
    /// is.
    fn read_location_reply(&mut self, _message: &[u8]) -> Location {
        Location::Unknown
    }

    /// Returns the time until the first location query, if it must be sent sooner than usual.
    fn first_location_query(&self) -> Option<Duration> {
        None
    }

    /// True if the call takes no harm when the connection closes now.
    fn is_safe_to_close(&self) -> bool {
        true
    }

    /// Returns the command, a single one with a single reply, that makes it safe to close the connection.
    /// Returns `None` if no command is needed.
    fn close_preparation(&self) -> Option<Vec<u8>> {
        None
    }

    /// Returns the time after the greeting before which the connection must not close.
    fn earliest_close(&self) -> Duration {
        Duration::ZERO
    }

    /// Judges one assignment by the same rules as [`Self::farewell`].
    ///
    /// # Errors
    /// Returns the reason if the switch cannot carry the value, or must not.
    fn can_carry(assignment: &Assignment) -> Result<(), Unfit>;

    /// Returns the final commands, which set the variables in this order. [`Self::release`] must follow them.
    ///
    /// # Errors
    /// Returns the reason if the switch cannot carry one of the values; then none is set.
    fn farewell(&self, assignments: &[Assignment]) -> Result<Vec<u8>, Unfit>;

    /// Returns the commands that replace the final commands if the step sets nothing; empty if there are
    /// none. [`Self::release`] must follow them.
    fn refusal(&self) -> Vec<u8>;

    /// Returns the commands that give the call back to its dialplan; empty if the half-close does it.
    fn release(&self) -> Vec<u8>;

    /// True if the reply to the location query shows that the final commands have run, so that a safer
    /// release is possible.
    fn confirms_execution(&self) -> bool {
        false
    }

    /// True as long as a further reply may show that the final commands have run.
    fn execution_is_pending(&self) -> bool {
        false
    }

    /// True if our side of the connection closes after the last command.
    fn ends_with_half_close(&self) -> bool;

    /// True if a message after the final commands is an expected one, and no failure.
    fn is_confirmation(&self, message: &[u8]) -> bool;
}

/// The result of one message of the greeting.
#[derive(Debug)]
pub enum Greeting {
    /// The greeting is complete.
    Call(Box<Call>),
    /// The switch must be asked further: send this command, its reply belongs to the greeting.
    Query(Vec<u8>),
}

/// The result of the challenge of an authenticated call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// The call has every value.
    All,
    /// A value is missing or not exact, so that the webhook cannot be asked.
    Incomplete(FetchFault),
}

/// The reason why a call does not have every value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchFault {
    /// The challenge cannot hold so many names.
    TooManyNames,
    /// The switch cut the value of a channel variable.
    NotWhole,
    /// The switch does not return the URL exactly.
    NotExact,
    /// The switch does not return the whole arguments, so forged ones would not be found.
    ArgumentsNotWhole,
}
