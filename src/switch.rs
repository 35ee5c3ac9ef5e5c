//! The connection with a switch, of whichever kind.
//!
//! A [`Dialect`] is pure translation, one for each kind of switch. [`Switch`] does the input and output, the
//! same for all. Neither knows hooks or webhooks, or how long a switch may be silent.

pub mod agi;
mod dialect;
pub mod esl;
mod location;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::codec::Framed;

pub use self::dialect::{Dialect, FetchFault, Fetched, Greeting};
pub use self::location::Location;
use self::location::Tracking;
use crate::call::{Call, SwitchKind};
use crate::variable::{CanCarry, FetchName};

/// Returns the rule of this kind of switch about assignments.
#[must_use]
pub fn can_carry(switch: SwitchKind) -> CanCarry {
    match switch {
        SwitchKind::Asterisk => agi::Agi::can_carry,
        SwitchKind::FreeSwitch => esl::Esl::can_carry,
    }
}

/// True if the challenge of every switch has room for these names, whatever else it must ask for.
#[must_use]
pub fn fits_challenge(names: &[FetchName]) -> bool {
    agi::Agi::with_longest_challenge().challenge(names).is_ok() && esl::Esl::new(0).challenge(names).is_ok()
}

/// The reason why the session with a switch ended before the final commands.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// The caller hung up.
    #[error("the caller hung up")]
    HungUp,
    /// The switch, or somebody who forged the greeting, said before the challenge reply that the caller hung
    /// up.
    #[error("the caller hung up before the call was authenticated")]
    HungUpUnauthenticated,
    /// Somebody else, or a timer, transferred, parked or bridged the call, which goes on there.
    #[error("the call was moved: transferred, parked or bridged")]
    Moved,
    /// The stream ended.
    #[error("the switch closed the connection")]
    Closed,
    /// The connection failed.
    #[error("the connection to the switch broke: {0}")]
    Broken(#[from] io::Error),
    /// The switch does not write such a message: somebody forged it, or the peer is another program.
    #[error("{0}")]
    Forged(&'static str),
    /// A message is longer than its limit.
    #[error(
        "a message of the switch is too long; see limits.environment (Asterisk) and limits.channel_data (FreeSWITCH)"
    )]
    TooLong,
    /// A message did not come in time.
    #[error("the switch sent nothing for {0:?}")]
    Silent(Duration),
    /// The switch was silent before its call was authenticated, and others needed its connection.
    #[error("the switch sent nothing for {0:?}, and its connection was needed for others; see limits.calls")]
    Evicted(Duration),
}

/// One connection of a switch.
pub struct Switch<S, D: Dialect> {
    stream: Framed<S, D::Codec>,
    dialect: D,
    peer: Option<SocketAddr>,
    /// The time at which the greeting was complete; before that, the time at which the connection was made.
    greeted: Instant,
    tracking: Tracking,
}

impl<S, D> Switch<S, D>
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    /// Takes a new connection, on which nothing was sent yet.
    pub fn new(stream: S, dialect: D) -> Self {
        let stream = Framed::with_capacity(stream, dialect.codec(), READ_AHEAD);
        Self { stream, dialect, peer: None, greeted: Instant::now(), tracking: Tracking::new() }
    }

    /// Sets the address of the switch, for the log and for limits by address.
    #[must_use]
    pub fn with_peer(self, peer: SocketAddr) -> Self {
        Self { peer: Some(peer), ..self }
    }

    /// Returns the address of the switch, if it is known.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Returns the dialect with its present state.
    pub fn dialect(&self) -> &D {
        &self.dialect
    }

    /// Exchanges the greeting, and returns the call.
    ///
    /// # Errors
    /// Returns the reason if the greeting is not the switch's, or if the session ends.
    pub async fn greet(&mut self) -> Result<Box<Call>, SwitchError> {
        if let Some(opening) = self.dialect.opening() {
            self.send(opening).await?;
        }
        loop {
            let message = self.receive().await?;
            match self.dialect.greeting(message)? {
                Greeting::Call(call) => {
                    (self.greeted, self.tracking) = (Instant::now(), Tracking::new());
                    self.prepare_close().await?;
                    return Ok(call);
                }
                Greeting::Query(command) => self.send(&command).await?,
            }
        }
    }

    /// Sends the challenge and reads its reply, which authenticates the greeting and brings the values of
    /// these names.
    ///
    /// # Errors
    /// Returns the reason if the greeting was forged, the caller hung up, or the connection ended.
    pub async fn authenticate(
        &mut self,
        call: &mut Call,
        wanted: &[FetchName],
    ) -> Result<Fetched, SwitchError> {
        match self.dialect.challenge(wanted) {
            Ok(challenge) => self.exchange_challenge(challenge, call, wanted).await,
            // the call must be authenticated even so
            Err(fault) => {
                let challenge = self.dialect.challenge(&[]).unwrap_or_default();
                self.exchange_challenge(challenge, call, &[]).await?;
                Ok(Fetched::Incomplete(fault))
            }
        }
    }

    async fn exchange_challenge(
        &mut self,
        challenge: Option<Vec<u8>>,
        call: &mut Call,
        wanted: &[FetchName],
    ) -> Result<Fetched, SwitchError> {
        let Some(challenge) = challenge else {
            return self.dialect.read_challenge_reply(None, call, wanted);
        };
        self.send(&challenge).await?;
        let reply = self.receive().await?;
        self.dialect.read_challenge_reply(Some(&reply), call, wanted)
    }

    /// Waits until the caller hangs up, the call moves or the connection ends, and returns which of them it
    /// was.
    ///
    /// Cancel safe: bytes that were read stay in the buffer, and a location query is so short that it is
    /// written at once or not at all.
    pub async fn hung_up(&mut self) -> SwitchError {
        loop {
            let ended = match self.next_location_query() {
                None => self.receive_next().await.err(),
                Some(at) => match timeout_at(at, self.receive_next()).await {
                    Ok(received) => received.err(),
                    Err(_elapsed) => self.query_location().await.err(),
                },
            };
            if let Some(reason) = ended {
                return reason;
            }
        }
    }

    /// Sends the final commands and the release, and reads the replies to the end of the stream. Returns the
    /// number of replies that are not a confirmation.
    ///
    /// Both go in one write, unless the dialect can confirm between them that the commands have run.
    ///
    /// # Errors
    /// Returns [`SwitchError::Moved`] if the call moves meanwhile, and the reason if the connection fails.
    pub async fn farewell(&mut self, commands: &[u8]) -> Result<usize, SwitchError> {
        let mut unconfirmed = 0;
        if self.confirms_execution() {
            self.send(commands).await?;
            unconfirmed += self.wait_for_execution().await?;
            self.send_last(&self.dialect.release()).await?;
        } else {
            self.send_last(&[commands, &self.dialect.release()].concat()).await?;
        }
        loop {
            match self.receive().await {
                Ok(message) => unconfirmed += usize::from(!self.dialect.is_confirmation(&message)),
                Err(SwitchError::Closed) => return Ok(unconfirmed),
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives the call back without setting anything, and reads the stream to its end, but not for ever.
    ///
    /// # Errors
    /// Returns [`SwitchError::Broken`] if the connection fails.
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

    async fn receive(&mut self) -> Result<BytesMut, SwitchError> {
        self.stream.next().await.unwrap_or(Err(SwitchError::Closed))
    }

    async fn send_last(&mut self, commands: &[u8]) -> Result<(), SwitchError> {
        sleep_until(self.greeted + self.dialect.earliest_close()).await;
        self.send(commands).await?;
        if self.dialect.ends_with_half_close() {
            self.stream.get_mut().shutdown().await?;
        }
        Ok(())
    }

    async fn send(&mut self, commands: &[u8]) -> Result<(), SwitchError> {
        Ok(self.stream.get_mut().write_all(commands).await?)
    }
}

impl<S, D: Dialect> fmt::Debug for Switch<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch").finish_non_exhaustive()
    }
}

/// Bytes of a new connection's read buffer. An ordinary AGI environment has about 550.
const READ_AHEAD: usize = 2048;

/// The most bytes that are read from a switch after its refusal. Unread bytes would reset the connection, and
/// the switch might not receive the refusal.
const LONGEST_REST: usize = 256 * 1024;
