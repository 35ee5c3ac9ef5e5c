//! A conversation partner: everything that is said to a switch and heard from it, whichever it is.
//!
//! A [`Dialect`] is pure translation, one for each switch: what a message means, what to say. [`Switch`] does
//! the input and output, the same for all. Neither knows what is asked of a webhook, or how long to wait.

pub mod agi;
mod dialect;
pub mod esl;
mod location;

use std::fmt;
use std::io;
use std::net::SocketAddr;

use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::codec::Framed;

pub use self::dialect::{Dialect, FetchFault, Fetched, Greeting};
pub use self::location::Location;
use self::location::Tracking;
use crate::call::Call;
use crate::variable::FetchName;

/// Why a conversation with a switch ended before its farewell.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// The caller hung up.
    #[error("the caller hung up")]
    HungUp,
    /// The caller hung up before the greeting was proved; or somebody who forged it says so.
    #[error("the caller hung up before the call was proved")]
    HungUpUnauthenticated,
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
    /// The time at which the greeting was whole, or the connection new.
    greeted: Instant,
    tracking: Tracking,
}

impl<S, D> Switch<S, D>
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    /// A connection on which nothing was said yet.
    pub fn new(stream: S, dialect: D) -> Self {
        let stream = Framed::with_capacity(stream, dialect.codec(), READ_AHEAD);
        Self { stream, dialect, peer: None, greeted: Instant::now(), tracking: Tracking::new() }
    }

    /// The same, with what the log should say of the other end.
    #[must_use]
    pub fn with_peer(self, peer: SocketAddr) -> Self {
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
        self.send(self.dialect.opening()).await?;
        loop {
            let message = self.receive().await?;
            match self.dialect.greeting(message)? {
                Greeting::Call(call) => {
                    (self.greeted, self.tracking) = (Instant::now(), Tracking::new());
                    self.prepare_close().await?;
                    return Ok(*call);
                }
                Greeting::Query(words) => self.send(&words).await?,
            }
        }
    }

    /// Asks the one question: it proves that the greeting was the switch's and brings what it did not hold.
    ///
    /// # Errors
    /// When the greeting was forged, the caller hung up, or the connection ended.
    pub async fn authenticate(
        &mut self,
        call: &mut Call,
        wanted: &[FetchName],
    ) -> Result<Fetched, SwitchError> {
        let (question, wanted, told) = match self.dialect.challenge(wanted) {
            Ok(question) => (question, wanted, Ok(())),
            // the proof is due even so
            Err(untold) => (self.dialect.challenge(&[]).unwrap_or_default(), &[][..], Err(untold)),
        };
        if question.is_empty() {
            return Ok(told.and(self.dialect.read_challenge_reply(b"", call, wanted)?));
        }
        self.send(&question).await?;
        let answer = self.receive().await?;
        Ok(told.and(self.dialect.read_challenge_reply(&answer, call, wanted)?))
    }

    /// Waits until the caller hangs up, the call is taken elsewhere or the conversation ends otherwise, and says how.
    ///
    /// Cancel safe: what was read stays in the buffer, and a question is so short that it is written at once or not at all.
    pub async fn hung_up(&mut self) -> SwitchError {
        loop {
            let ended = match self.next_location_query() {
                None => self.receive_next().await.err(),
                Some(at) => match timeout_at(at, self.receive_next()).await {
                    Ok(heard) => heard.err(),
                    Err(_elapsed) => self.query_location().await.err(),
                },
            };
            if let Some(why) = ended {
                return why;
            }
        }
    }

    /// Sets the variables in one write and hands the call back, in the same write where nothing can be proved in between; then
    /// ends our side and reads the replies to the end. Returns the number of replies that were not as they should be.
    ///
    /// # Errors
    /// [`SwitchError::Moved`] when the call moves meanwhile; when the connection breaks before all is said.
    pub async fn farewell(&mut self, farewell: &[u8]) -> Result<usize, SwitchError> {
        let mut unconfirmed = 0;
        if self.confirms_execution() {
            self.send(farewell).await?;
            unconfirmed += self.wait_for_execution().await?;
            self.send_last(&self.dialect.release()).await?;
        } else {
            self.send_last(&[farewell, &self.dialect.release()].concat()).await?;
        }
        loop {
            match self.receive().await {
                Ok(message) => unconfirmed += usize::from(!self.dialect.is_confirmation(&message)),
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
        let refusal = [self.dialect.refusal(), self.dialect.release()].concat();
        self.send_last(&refusal).await?;
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

    async fn receive(&mut self) -> Result<BytesMut, SwitchError> {
        self.stream.next().await.unwrap_or(Err(SwitchError::Closed))
    }

    async fn send_last(&mut self, words: &[u8]) -> Result<(), SwitchError> {
        sleep_until(self.greeted + self.dialect.earliest_close()).await;
        self.send(words).await?;
        if self.dialect.ends_with_half_close() {
            self.stream.get_mut().shutdown().await?;
        }
        Ok(())
    }

    async fn send(&mut self, words: &[u8]) -> Result<(), SwitchError> {
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
