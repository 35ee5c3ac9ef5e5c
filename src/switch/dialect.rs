//! The trait of a switch's dialect: pure translation between bytes and meaning.

use std::time::Duration;

use bytes::BytesMut;
use tokio_util::codec::Decoder;

use super::{Location, SwitchError};
use crate::call::Call;
use crate::variable::{Assignment, FetchName, Unfit};

/// How one switch speaks. No socket, no clock: bytes in, meaning out, and the other way round.
pub trait Dialect: Clone + Sync {
    /// Cuts the stream into whole messages.
    type Codec: Decoder<Item = BytesMut, Error = SwitchError>;

    /// A codec for a new connection.
    fn codec(&self) -> Self::Codec;

    /// What we say first; nothing where the switch does.
    fn opening(&self) -> &'static [u8];

    /// What a message of the greeting tells.
    ///
    /// # Errors
    /// [`SwitchError::Forged`] where the message is not exactly what this switch would say.
    fn greeting(&mut self, message: BytesMut) -> Result<Greeting, SwitchError>;

    /// The command that proves the greeting and asks for what it does not hold, with these channel variables.
    /// An empty one: the greeting told all, and its answer is an empty message.
    ///
    /// # Errors
    /// When there are more names than a command holds.
    fn challenge(&mut self, wanted: &[FetchName]) -> Result<Vec<u8>, FetchFault>;

    /// What the switch replied to the question.
    ///
    /// # Errors
    /// Whatever is not that reply: then the greeting was forged, or the caller is gone.
    fn read_challenge_reply(
        &self,
        message: &[u8],
        call: &mut Call,
        wanted: &[FetchName],
    ) -> Result<Fetched, SwitchError>;

    /// What a message means while nothing is expected: why the conversation must end, if it must.
    fn session_end(&self, message: &[u8]) -> Option<SwitchError>;

    /// The command that asks for the place of a call that waits; empty where a move does no harm, or where the switch sends
    /// a notice of it.
    fn location_query(&self) -> &'static [u8] {
        b""
    }

    /// Reads the reply to that question. Once the call has moved, every command leaves it where it is.
    fn read_location_reply(&mut self, _message: &[u8]) -> Location {
        Location::Unknown
    }

    /// True if the call takes no harm when the connection ends.
    fn is_safe_to_close(&self) -> bool {
        true
    }

    /// The command, one with one reply, that lets [`Self::is_safe_to_close`] become true; empty where none is needed.
    fn close_preparation(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The time until the first question about the place of the call, where it should come sooner than as a rule.
    fn first_location_query(&self) -> Option<Duration> {
        None
    }

    /// The time that a call must have waited before the connection may end.
    fn earliest_close(&self) -> Duration {
        Duration::ZERO
    }

    /// The commands that set the variables in this order, whole or not at all. Each value is guarded by how it was accepted.
    /// [`Self::release`] comes behind them.
    ///
    /// # Errors
    /// When the switch cannot carry one of the values, or must not.
    fn farewell(&self, assignments: &[Assignment]) -> Result<Vec<u8>, Unfit>;

    /// The commands before [`Self::release`] where no farewell can be: the call goes on without a word about the step.
    fn refusal(&self) -> Vec<u8>;

    /// The commands that hand the call back.
    fn release(&self) -> Vec<u8>;

    /// True if the reply to [`Self::location_query`] shows when the farewell has run, so that a safer release is possible.
    fn confirms_execution(&self) -> bool {
        false
    }

    /// True as long as a further reply may show it.
    fn execution_is_pending(&self) -> bool {
        false
    }

    /// True if such a reply has shown it.
    fn execution_is_confirmed(&self) -> bool {
        false
    }

    /// Whether the end of our side is part of every last word.
    fn ends_with_half_close(&self) -> bool;

    /// Whether a message after the farewell is as it should be.
    fn is_confirmation(&self, message: &[u8]) -> bool;
}

/// What a message of the greeting tells.
#[derive(Debug)]
pub enum Greeting {
    /// The call.
    Call(Box<Call>),
    /// Not all yet: this is to be said, and the next message tells more.
    Query(Vec<u8>),
}

/// Whether the switch told all that was asked for.
pub type Fetched = Result<(), FetchFault>;

/// Why the switch could not tell all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchFault {
    /// More names than one command holds.
    TooManyNames,
    /// A value that the switch does not hand out whole.
    NotWhole,
    /// A URL of which the switch does not tell every byte.
    NotExact,
    /// Arguments that are too long to be compared with what the dialplan gave.
    ArgumentsNotWhole,
}
