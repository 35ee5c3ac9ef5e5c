//! A conversation partner: everything that is said to a switch and heard from it, whichever it is.
//!
//! A [`Dialect`] is pure translation, one for each switch: what a message means, what to say. [`Switch`] does
//! the input and output, the same for all. Neither knows what is asked of a webhook, or how long to wait.

pub mod agi;
pub mod esl;
mod whereabouts;

use std::fmt;
use std::io;
use std::net::SocketAddr;

use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_util::codec::{Decoder, Framed};

use self::whereabouts::Inquiry;
pub use self::whereabouts::Whereabouts;
use crate::call::Call;
use crate::variable::{Accept, Assignment, Unfit, VariableName};

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
    fn question(&mut self, wanted: &[VariableName]) -> Result<Vec<u8>, Untold>;

    /// What the switch replied to the question.
    ///
    /// # Errors
    /// Whatever is not that reply: then the greeting was forged, or the caller is gone.
    fn answer(&self, message: &[u8], call: &mut Call, wanted: &[VariableName]) -> Result<Told, SwitchError>;

    /// What a message means while nothing is expected: why the conversation must end, if it must.
    fn interruption(&self, message: &[u8]) -> Option<SwitchError>;

    /// What is asked now and then of a call that waits, because it may be taken elsewhere; nothing where the switch would
    /// tell that by itself.
    fn inquiry(&self) -> &'static [u8] {
        b""
    }

    /// Where the call is, if a message tells. Once it is elsewhere, everything is said so that it stays there.
    fn whereabouts(&mut self, _message: &[u8]) -> Whereabouts {
        Whereabouts::Untold
    }

    /// The commands that set the variables in this order and hand the call back, whole or not at all.
    ///
    /// # Errors
    /// When the switch cannot carry one of the values, or must not.
    fn farewell(&self, assignments: &[Assignment], accept: Accept) -> Result<Vec<u8>, Unfit>;

    /// What must have taken effect before the last word to a call that is elsewhere; nothing once it has.
    fn preparation(&self) -> Vec<u8> {
        Vec::new()
    }

    /// What is said where no farewell can be: the call goes on without a word about the step.
    fn refusal(&self) -> Vec<u8>;

    /// Whether the end of our side is part of every last word.
    fn half_closes(&self) -> bool;

    /// Whether a message after the farewell is as it should be.
    fn confirms(&self, message: &[u8]) -> bool;
}

/// What a message of the greeting tells.
#[derive(Debug)]
pub enum Greeting {
    /// The call.
    Call(Box<Call>),
    /// Not all yet: this is to be said, and the next message tells more.
    Further(Vec<u8>),
}

/// Whether the switch told all that was asked for.
pub type Told = Result<(), Untold>;

/// Why the switch could not tell all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    /// More names than one command holds.
    TooManyNames,
    /// A value that the switch does not hand out whole.
    NotWhole,
    /// A URL of which the switch does not tell every byte.
    NotExact,
}

/// Why a conversation with a switch ended before its farewell.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// The caller hung up.
    #[error("the caller hung up")]
    HungUp,
    /// The caller hung up before the greeting was proved; or somebody who forged it says so.
    #[error("the caller hung up before the call was proved")]
    HungUpUnproved,
    /// Somebody else, or a timer, took the call elsewhere, where it goes on without us.
    #[error("the call was taken elsewhere")]
    Moved,
    /// The stream ended.
    #[error("the switch closed the connection")]
    Closed,
    /// The stream broke.
    #[error("the connection to the switch broke: {0}")]
    Broken(#[from] io::Error),
    /// Not what this switch says: somebody forged it, or it is another program.
    #[error("{0}")]
    Forged(&'static str),
    /// A message longer than any of this switch's.
    #[error(
        "a message of the switch is too long; see limits.environment (Asterisk) and limits.channel_data (FreeSWITCH)"
    )]
    TooLong,
    /// A message that did not come in time.
    #[error("the switch said nothing for {0:?}")]
    Silent(std::time::Duration),
    /// No message so far, while others waited for a connection.
    #[error("the switch said nothing for {0:?}, and its connection was needed for others; see limits.calls")]
    Displaced(std::time::Duration),
}

/// One connection of a switch.
pub struct Switch<S, D: Dialect> {
    stream: Framed<S, D::Codec>,
    dialect: D,
    peer: Option<SocketAddr>,
    /// When the call was last known to be where it asked us.
    located: Instant,
    inquiry: Inquiry,
}

impl<S, D> Switch<S, D>
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    /// A connection on which nothing was said yet.
    pub fn new(stream: S, dialect: D) -> Self {
        let stream = Framed::with_capacity(stream, dialect.codec(), READ_AHEAD);
        Self { stream, dialect, peer: None, located: Instant::now(), inquiry: Inquiry::Answered }
    }

    /// The same, with what the log should say of the other end.
    #[must_use]
    pub fn of(self, peer: SocketAddr) -> Self {
        Self { peer: Some(peer), ..self }
    }

    /// The other end, where it is known.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Hears of the call.
    ///
    /// # Errors
    /// When the switch says something else, or nothing more.
    pub async fn greet(&mut self) -> Result<Call, SwitchError> {
        self.say(self.dialect.opening()).await?;
        loop {
            let message = self.hear().await?;
            match self.dialect.greeting(message)? {
                Greeting::Call(call) => {
                    self.located = Instant::now();
                    return Ok(*call);
                }
                Greeting::Further(words) => self.say(&words).await?,
            }
        }
    }

    /// Asks the one question: it proves that the greeting was the switch's and brings what it did not hold.
    ///
    /// # Errors
    /// When the greeting was forged, the caller hung up, or the connection ended.
    pub async fn ask(&mut self, call: &mut Call, wanted: &[VariableName]) -> Result<Told, SwitchError> {
        let (question, wanted, told) = match self.dialect.question(wanted) {
            Ok(question) => (question, wanted, Ok(())),
            // the proof is due even so
            Err(untold) => (self.dialect.question(&[]).unwrap_or_default(), &[][..], Err(untold)),
        };
        if question.is_empty() {
            return Ok(told.and(self.dialect.answer(b"", call, wanted)?));
        }
        self.say(&question).await?;
        let answer = self.hear().await?;
        Ok(told.and(self.dialect.answer(&answer, call, wanted)?))
    }

    /// Waits until the caller hangs up, the call is taken elsewhere or the conversation ends otherwise, and says how.
    ///
    /// Cancel safe: what was read stays in the buffer, and an inquiry is so short that it is written at once or not at all.
    pub async fn hung_up(&mut self) -> SwitchError {
        loop {
            let ended = match self.next_inquiry() {
                None => self.heard().await.err(),
                Some(at) => match timeout_at(at, self.heard()).await {
                    Ok(heard) => heard.err(),
                    Err(_elapsed) => self.inquire().await.err(),
                },
            };
            if let Some(why) = ended {
                return why;
            }
        }
    }

    /// Sets the variables and hands the call back: one write, the end of our side, and the replies read to the
    /// end. Says how many replies were not as they should be.
    ///
    /// # Errors
    /// When the connection breaks before all is said.
    pub async fn farewell(&mut self, farewell: &[u8]) -> Result<usize, SwitchError> {
        self.say_last(farewell).await?;
        let mut unconfirmed = 0;
        loop {
            match self.hear().await {
                Ok(message) => unconfirmed += usize::from(!self.dialect.confirms(&message)),
                Err(SwitchError::Closed) => return Ok(unconfirmed),
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands the call back to a switch that is not believed, and hears it out.
    ///
    /// # Errors
    /// When the connection breaks before that.
    pub async fn refuse(&mut self) -> Result<(), SwitchError> {
        let refusal = self.dialect.refusal();
        self.say_last(&refusal).await?;
        let mut rest = [0; 4096];
        let mut left = LONGEST_REST;
        while left > 0 {
            match self.stream.get_mut().read(&mut rest).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        Ok(())
    }

    /// How this switch speaks.
    pub fn dialect(&self) -> &D {
        &self.dialect
    }

    async fn hear(&mut self) -> Result<BytesMut, SwitchError> {
        self.stream.next().await.unwrap_or(Err(SwitchError::Closed))
    }

    async fn say_last(&mut self, words: &[u8]) -> Result<(), SwitchError> {
        self.say(words).await?;
        if self.dialect.half_closes() {
            self.stream.get_mut().shutdown().await?;
        }
        Ok(())
    }

    async fn say(&mut self, words: &[u8]) -> Result<(), SwitchError> {
        Ok(self.stream.get_mut().write_all(words).await?)
    }
}

impl<S, D: Dialect> fmt::Debug for Switch<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch").finish_non_exhaustive()
    }
}

/// Bytes of buffer that a connection starts with: an ordinary AGI environment is about 550.
const READ_AHEAD: usize = 2048;

/// How much is read of a switch that was refused, so that it hears the refusal before the connection ends.
const LONGEST_REST: usize = 256 * 1024;
