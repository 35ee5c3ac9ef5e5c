//! The place of a call that waits for our answer: a switch may let somebody move it, and send us no notice.
//!
//! Knows when to ask, and how long to wait for the reply. The [`Dialect`] knows the question and reads the reply.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::debug;

use super::{Dialect, Switch, SwitchError};

/// The place of a call, as one message tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// The call is in the step that asked us.
    InStep,
    /// Somebody, or a timer, moved the call.
    Moved,
    /// The message does not tell.
    Unknown,
}

/// The state of the questions about the place of a call.
#[derive(Debug)]
pub(super) struct Tracking {
    /// The time at which the call was last known to be in its step.
    located: Instant,
    /// The replies that are due, in the order of the commands.
    due: VecDeque<Due>,
    /// False once the switch has answered the question with something else.
    understood: bool,
    /// The end of the time for which the answer may be held back.
    held_until: Instant,
}

/// The command that a reply belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Location,
    Other,
}

impl Tracking {
    /// A call that is in its step now.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { located: now, due: VecDeque::new(), understood: true, held_until: now }
    }

    fn location_is_due(&self) -> bool {
        self.due.contains(&Due::Location)
    }
}

impl<S, D> Switch<S, D>
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    /// The time of the next question about the place of the call; none while one is open, or where none is needed.
    pub(super) fn next_location_query(&self) -> Option<Instant> {
        let asks = self.tracks_location() && !self.tracking.location_is_due();
        asks.then(|| self.tracking.located + self.dialect.first_location_query().unwrap_or(BETWEEN_QUESTIONS))
    }

    fn tracks_location(&self) -> bool {
        self.tracking.understood && !self.dialect.location_query().is_empty()
    }

    pub(super) async fn query_location(&mut self) -> Result<(), SwitchError> {
        self.tracking.due.push_back(Due::Location);
        self.send(self.dialect.location_query()).await
    }

    /// Sends the commands without which the end of the connection would harm the call.
    pub(super) async fn prepare_close(&mut self) -> Result<(), SwitchError> {
        let commands = self.dialect.close_preparation();
        if commands.is_empty() {
            return Ok(());
        }
        self.tracking.due.push_back(Due::Other);
        self.send(&commands).await
    }

    /// Reads one message: a notice of the switch, or the next reply that is due.
    pub(super) async fn receive_next(&mut self) -> Result<(), SwitchError> {
        let message = self.receive().await?;
        if let Some(gone) = self.dialect.session_end(&message) {
            return Err(gone);
        }
        if self.tracking.due.pop_front() == Some(Due::Location) {
            match self.dialect.read_location_reply(&message) {
                Location::InStep => self.tracking.located = Instant::now(),
                Location::Moved => return Err(SwitchError::Moved),
                Location::Unknown => self.tracking.understood = false,
            }
        }
        Ok(())
    }

    /// Asks for the place of the call a last time, and waits for the reply. What the final commands do depends on it, so a
    /// reply to an older question does not count.
    ///
    /// An ordinary switch replies within a millisecond. One that is too busy for that is waited for, because the final commands
    /// would reach it late as well; after two seconds it is trusted.
    ///
    /// # Errors
    /// [`SwitchError::Moved`], or the end of the conversation.
    pub async fn locate(&mut self) -> Result<(), SwitchError> {
        let now = Instant::now();
        self.tracking.held_until = now + HELD_BACK;
        let until = now + REPLY;
        while self.tracks_location() {
            match timeout_at(until, self.locate_now()).await {
                Ok(located) => located?,
                Err(_elapsed) => return Ok(()),
            }
            if self.dialect.is_safe_to_close() {
                return Ok(());
            }
            // somebody may have set the variable since the greeting
            self.prepare_close().await?;
            sleep(SHORTEST_PAUSE).await;
        }
        Ok(())
    }

    pub(super) fn confirms_execution(&self) -> bool {
        self.tracks_location() && self.dialect.confirms_execution()
    }

    /// Waits until the farewell has run, as long as the answer may be held back and a busy switch takes to reply. Returns the
    /// number of replies that were not as they should be.
    ///
    /// # Errors
    /// [`SwitchError::Moved`], or the end of the conversation.
    pub(super) async fn wait_for_execution(&mut self) -> Result<usize, SwitchError> {
        let mut unconfirmed = 0;
        while self.dialect.execution_is_pending() {
            match timeout(REPLY, self.look_for_execution(&mut unconfirmed)).await {
                Ok(proof) => proof?,
                Err(_elapsed) => break,
            }
            // one look in any case
            if Instant::now() >= self.tracking.held_until {
                break;
            }
        }
        Ok(unconfirmed)
    }

    /// Asks, a part of a frame later, whether the farewell has run. The replies to the farewell come before the answer.
    async fn look_for_execution(&mut self, unconfirmed: &mut usize) -> Result<(), SwitchError> {
        sleep(BETWEEN_PROOFS).await;
        self.send(self.dialect.location_query()).await?;
        loop {
            let message = self.receive().await?;
            if let Some(gone) = self.dialect.session_end(&message) {
                return Err(gone);
            }
            match self.dialect.read_location_reply(&message) {
                Location::InStep => return Ok(()),
                Location::Moved => return Err(SwitchError::Moved),
                Location::Unknown => *unconfirmed += usize::from(!self.dialect.is_confirmation(&message)),
            }
        }
    }

    /// Waits until the end of the connection does no harm to a call that was moved. The connection costs that call nothing,
    /// so there is no limit but the end of the call.
    ///
    /// # Errors
    /// When the conversation ends before.
    pub async fn wait_until_safe_to_close(&mut self) -> Result<(), SwitchError> {
        self.prepare_close().await?;
        if !self.dialect.is_safe_to_close() {
            debug!("the call was moved and is parked there; its connection stays open until that park ends");
        }
        let mut pause = SHORTEST_PAUSE;
        while !self.dialect.is_safe_to_close() && self.tracks_location() {
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            match timeout(REPLY, self.locate_now()).await {
                // it was moved, and it still is
                Ok(Ok(()) | Err(SwitchError::Moved)) => {}
                Ok(Err(ended)) => return Err(ended),
                Err(_elapsed) => return Err(SwitchError::Silent(REPLY)),
            }
        }
        Ok(())
    }

    /// Asks for the place of the call, and reads up to the reply.
    async fn locate_now(&mut self) -> Result<(), SwitchError> {
        self.query_location().await?;
        while self.tracking.location_is_due() {
            self.receive_next().await?;
        }
        Ok(())
    }
}

/// The pause between two questions about a call that waits. Each costs the switch some 0.5 ms. A call that was moved stops
/// its request so much later; before an answer the question is asked in any case.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(900);

/// The time that a switch may take to reply, and a command to take effect that makes the end of the connection harmless. Both
/// need milliseconds, unless the switch is overloaded.
const REPLY: Duration = Duration::from_secs(2);

/// The time for which an answer is held back. It is part of the 50 ms that a call may wait beyond its timeout.
const HELD_BACK: Duration = Duration::from_millis(40);

/// The pause between two looks for the end of the farewell. A parked call runs commands once a frame, each 20 ms.
const BETWEEN_PROOFS: Duration = Duration::from_millis(6);

/// The pauses between two looks at a call that must not be let go yet: the length of a frame at first.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
