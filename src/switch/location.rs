//! Where a call is that waits for our answer: a switch may let somebody take it away without a word to us.
//!
//! Knows when to ask and how long to wait for the reply; what is asked, and what the reply means, says the [`Dialect`].

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Dialect, Switch, SwitchError};

/// Where a call is while we think about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// Where it asked us.
    Here,
    /// Somebody, or a timer, took it away.
    Elsewhere,
    /// The message does not tell.
    Untold,
}

/// The last inquiry where the call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inquiry {
    /// It was answered, or there was none.
    Answered,
    /// It went out then, and is not answered yet.
    Sent(Instant),
    /// The switch does not know the question, and is not asked again.
    Unknown,
}

impl<S, D> Switch<S, D>
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Dialect,
{
    /// When the call is looked for again.
    pub(super) fn next_inquiry(&self) -> Option<Instant> {
        let asks = self.inquiry == Inquiry::Answered && !self.dialect.inquiry().is_empty();
        asks.then(|| self.located + BETWEEN_INQUIRIES)
    }

    pub(super) async fn inquire(&mut self) -> Result<(), SwitchError> {
        self.inquiry = Inquiry::Sent(Instant::now());
        self.say(self.dialect.inquiry()).await
    }

    /// Hears a message that came by itself, or tells where the call is.
    pub(super) async fn heard(&mut self) -> Result<(), SwitchError> {
        let message = self.hear().await?;
        if let Some(gone) = self.dialect.interruption(&message) {
            return Err(gone);
        }
        if let Inquiry::Sent(_) = self.inquiry {
            match self.dialect.whereabouts(&message) {
                Whereabouts::Elsewhere => return Err(SwitchError::Moved),
                Whereabouts::Here => (self.located, self.inquiry) = (Instant::now(), Inquiry::Answered),
                Whereabouts::Untold => self.inquiry = Inquiry::Unknown,
            }
        }
        Ok(())
    }

    /// Makes sure that the call is still where it asked us. A switch that does not answer in time is trusted: an answer is not
    /// held back for it, but where nothing was heard for long, because we were asleep.
    ///
    /// # Errors
    /// [`SwitchError::Moved`], or how the conversation ended meanwhile.
    pub async fn find(&mut self) -> Result<(), SwitchError> {
        let slept = self.located.elapsed() >= LONG_AGO;
        if slept && self.next_inquiry().is_some() {
            self.inquire().await?;
        }
        let soon = Instant::now() + HELD_BACK;
        while let Inquiry::Sent(sent) = self.inquiry {
            let until = if slept { sent + REPLY } else { soon.min(sent + REPLY) };
            match timeout_at(until, self.heard()).await {
                Ok(heard) => heard?,
                Err(_elapsed) => break,
            }
        }
        Ok(())
    }

    /// Makes the end of the conversation harmless for a call that is elsewhere, and waits until that has taken effect.
    ///
    /// # Errors
    /// When the conversation ends before.
    pub async fn let_be(&mut self) -> Result<(), SwitchError> {
        self.say(&self.dialect.preparation()).await?;
        loop {
            sleep(BETWEEN_LOOKS).await;
            if self.dialect.preparation().is_empty() {
                return Ok(());
            }
            self.say(self.dialect.inquiry()).await?;
            let mut told = Whereabouts::Untold;
            while told == Whereabouts::Untold {
                let message = self.hear().await?;
                told = self.dialect.whereabouts(&message);
                if let Some(gone) = self.dialect.interruption(&message) {
                    return Err(gone);
                }
            }
        }
    }
}

/// How often a call that waits is looked for. Timers of FreeSWITCH count in seconds, and people are no faster.
const BETWEEN_INQUIRIES: Duration = Duration::from_millis(900);

/// What is known for so long is not known any more.
const LONG_AGO: Duration = Duration::from_millis(1200);

/// How long a switch may take to tell where a call is; it takes less than one millisecond.
const REPLY: Duration = Duration::from_millis(300);

/// How long an answer is held back for that.
const HELD_BACK: Duration = Duration::from_millis(40);

/// How often it is looked whether a call that is elsewhere can be let go.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
