//! Location queries: whether a waiting call is still in its step. FreeSWITCH lets somebody move a parked call
//! without a notice to us.
//!
//! Knows when to send a query, and how long to wait for its reply. The [`Dialect`] knows the command and
//! reads the reply.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::debug;

use super::{Dialect, Switch, SwitchError};

/// The location of a call, as one message shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// The call is in the step of this session.
    InStep,
    /// Somebody, or a timer, moved the call.
    Moved,
    /// The message does not show it.
    Unknown,
}

/// The state of the location queries of one session.
#[derive(Debug)]
pub(super) struct Tracking {
    /// The time at which the call was last known to be in its step.
    located: Instant,
    /// The replies that are due, in the order of their commands.
    due: VecDeque<Due>,
    /// False once the switch has replied to a query with something else.
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
    /// Starts with a call that is in its step now.
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
    /// Returns the time of the next location query. Returns `None` while a reply is due, and if no query is
    /// needed.
    pub(super) fn next_location_query(&self) -> Option<Instant> {
        if self.location_query().is_none() || self.tracking.location_is_due() {
            return None;
        }
        Some(self.tracking.located + self.dialect.first_location_query().unwrap_or(BETWEEN_QUERIES))
    }

    /// Returns the query, unless the switch has shown that it does not understand it.
    fn location_query(&self) -> Option<&'static [u8]> {
        self.dialect.location_query().filter(|_| self.tracking.understood)
    }

    pub(super) async fn query_location(&mut self) -> Result<(), SwitchError> {
        let Some(query) = self.dialect.location_query() else { return Ok(()) };
        self.tracking.due.push_back(Due::Location);
        self.send(query).await
    }

    /// Sends the command that makes it safe to close the connection, if one is needed.
    pub(super) async fn prepare_close(&mut self) -> Result<(), SwitchError> {
        let Some(command) = self.dialect.close_preparation() else { return Ok(()) };
        self.tracking.due.push_back(Due::Other);
        self.send(&command).await
    }

    /// Reads one message: a notice of the switch, or the next reply that is due.
    pub(super) async fn receive_next(&mut self) -> Result<(), SwitchError> {
        let message = self.receive().await?;
        if let Some(reason) = self.dialect.session_end(&message) {
            return Err(reason);
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

    /// Sends a last location query before the final commands, and waits for its reply. The final commands
    /// depend on it, so the reply to an older query does not count.
    ///
    /// An ordinary switch replies within a millisecond. A switch that is too busy for that is waited for,
    /// because the final commands would reach it late as well. After two seconds the call counts as being in
    /// its step.
    ///
    /// # Errors
    /// Returns [`SwitchError::Moved`] if the call has moved, and the reason if the session ends.
    pub async fn locate(&mut self) -> Result<(), SwitchError> {
        let now = Instant::now();
        self.tracking.held_until = now + HOLD_BACK;
        let deadline = now + REPLY_TIMEOUT;
        while self.location_query().is_some() {
            match timeout_at(deadline, self.locate_now()).await {
                Ok(located) => located?,
                Err(_elapsed) => return Ok(()),
            }
            if self.dialect.is_safe_to_close() {
                return Ok(());
            }
            // somebody may have changed the channel since the greeting
            self.prepare_close().await?;
            sleep(SHORTEST_PAUSE).await;
        }
        Ok(())
    }

    pub(super) fn confirms_execution(&self) -> bool {
        self.location_query().is_some() && self.dialect.confirms_execution()
    }

    /// Waits until the final commands have run, or until the answer must not be held back any longer. Returns
    /// the number of replies that are not a confirmation.
    ///
    /// # Errors
    /// Returns [`SwitchError::Moved`] if the call has moved, and the reason if the session ends.
    pub(super) async fn wait_for_execution(&mut self) -> Result<usize, SwitchError> {
        let mut unconfirmed = 0;
        while self.dialect.execution_is_pending() {
            match timeout(REPLY_TIMEOUT, self.look_for_execution(&mut unconfirmed)).await {
                Ok(looked) => looked?,
                Err(_elapsed) => break,
            }
            // after the query: a busy machine looks at least once
            if Instant::now() >= self.tracking.held_until {
                break;
            }
        }
        Ok(unconfirmed)
    }

    /// Waits a part of a frame, sends a location query, and reads up to its reply. The replies to the final
    /// commands come before it.
    async fn look_for_execution(&mut self, unconfirmed: &mut usize) -> Result<(), SwitchError> {
        sleep(BETWEEN_LOOKS).await;
        let Some(query) = self.dialect.location_query() else { return Ok(()) };
        self.send(query).await?;
        loop {
            let message = self.receive().await?;
            if let Some(reason) = self.dialect.session_end(&message) {
                return Err(reason);
            }
            match self.dialect.read_location_reply(&message) {
                Location::InStep => return Ok(()),
                Location::Moved => return Err(SwitchError::Moved),
                Location::Unknown => *unconfirmed += usize::from(!self.dialect.is_confirmation(&message)),
            }
        }
    }

    /// Waits until closing the connection does not harm a call that has moved. An open connection costs that
    /// call nothing, so only the end of the call limits the wait.
    ///
    /// # Errors
    /// Returns the reason if the session ends before, and [`SwitchError::Silent`] if the switch stops
    /// replying.
    pub async fn wait_until_safe_to_close(&mut self) -> Result<(), SwitchError> {
        self.prepare_close().await?;
        if !self.dialect.is_safe_to_close() {
            debug!("the call was moved and is parked there; its connection stays open until that park ends");
        }
        let mut pause = SHORTEST_PAUSE;
        while !self.dialect.is_safe_to_close() && self.location_query().is_some() {
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            match timeout(REPLY_TIMEOUT, self.locate_now()).await {
                // a call that has moved is reported as moved each time
                Ok(Ok(()) | Err(SwitchError::Moved)) => {}
                Ok(Err(reason)) => return Err(reason),
                Err(_elapsed) => return Err(SwitchError::Silent(REPLY_TIMEOUT)),
            }
        }
        Ok(())
    }

    /// Sends a location query, and reads up to its reply.
    async fn locate_now(&mut self) -> Result<(), SwitchError> {
        self.query_location().await?;
        while self.tracking.location_is_due() {
            self.receive_next().await?;
        }
        Ok(())
    }
}

/// The pause between two location queries of a waiting call. Each query costs the switch about 0.5 ms. The
/// request of a call that moves stops so much later; before an answer a query is sent in any case.
const BETWEEN_QUERIES: Duration = Duration::from_millis(900);

/// The time in which a switch must reply, and in which the command that makes it safe to close must take
/// effect. Both need milliseconds, unless the switch is overloaded.
const REPLY_TIMEOUT: Duration = Duration::from_secs(2);

/// The time for which an answer may be held back. It is part of the 50 ms that a call may wait beyond its
/// timeout.
const HOLD_BACK: Duration = Duration::from_millis(40);

/// The pause between two looks at the execution of the final commands. A parked call runs commands once in a
/// frame of 20 ms.
const BETWEEN_LOOKS: Duration = Duration::from_millis(6);

/// The first pause between two looks at a call whose connection must not close yet: the length of a frame.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

/// The longest pause between two such looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
