//! Asterisk's dialect: FastAGI (`res/res_agi.c`).
//!
//! Asterisk speaks first, the environment; the question proves it and fetches the rest; the farewell sets the
//! variables. Where a message ends: [`codec`]. What the lines mean: `environment`, `reply`. What is
//! said: `command`.

pub mod codec;
mod command;
mod environment;
mod missing;
mod reply;

use std::time::Duration;

use bytes::BytesMut;

use self::codec::{AgiCodec, LONGEST_ENVIRONMENT};
use self::environment::{Environment, UNKNOWN};
use self::missing::MissingFields;
use self::reply::Reply;
use crate::call::{Call, Parameter, SwitchKind};
use crate::switch::{Dialect, FetchFault, Fetched, Greeting, SwitchError};
use crate::variable::{Assignment, FetchName, Unfit, Value, Variables};

/// One FastAGI conversation.
#[derive(Debug, Clone)]
pub struct Agi {
    /// What nobody who forged an environment can know.
    nonce: String,
    /// What the environment left open.
    missing: MissingFields,
    /// Bytes of the longest environment taken.
    longest: usize,
}

impl Agi {
    /// A conversation that is proved by this word, which must be random.
    #[must_use]
    pub fn new(nonce: String) -> Self {
        Self { nonce, missing: MissingFields::default(), longest: LONGEST_ENVIRONMENT }
    }

    /// The same, where an environment may have so many bytes.
    #[must_use]
    pub fn with_limit(self, longest: usize) -> Self {
        Self { longest, ..self }
    }
}

impl Dialect for Agi {
    type Codec = AgiCodec;

    fn codec(&self) -> AgiCodec {
        AgiCodec::with_limit(self.longest)
    }

    /// Asterisk speaks first.
    fn opening(&self) -> &'static [u8] {
        b""
    }

    fn greeting(&mut self, message: BytesMut) -> Result<Greeting, SwitchError> {
        let forged =
            SwitchError::Forged("the environment is not what Asterisk writes: its lines are out of order");
        let environment = Environment::parse(&message).ok_or(forged)?;
        let (missing, call) = MissingFields::of(&environment, call(&environment));
        self.missing = missing;
        Ok(Greeting::Call(Box::new(call)))
    }

    fn challenge(&mut self, wanted: &[FetchName]) -> Result<Vec<u8>, FetchFault> {
        let open = self.missing.fields.iter().map(|open| command::guarded(open.function(), &self.nonce));
        let wanted = wanted.iter().map(|name| command::guarded(name.as_str(), &self.nonce));
        command::challenge(&self.nonce, &open.chain(wanted).collect::<Vec<_>>())
    }

    fn read_challenge_reply(
        &self,
        message: &[u8],
        call: &mut Call,
        wanted: &[FetchName],
    ) -> Result<Fetched, SwitchError> {
        let text = match Reply::parse(message) {
            Some(Reply::Hangup) => return Err(SwitchError::HungUpUnauthenticated),
            Some(Reply::Result { code: 1, text: Some(text) }) => text,
            Some(Reply::Result { .. } | Reply::Refused(_)) | None => return Err(NOT_AUTHENTICATED),
        };
        let mut values = text.split(|&byte| byte == b'|');
        if values.next() != Some(self.nonce.as_bytes())
            || values.clone().count() != self.missing.fields.len() + wanted.len()
        {
            return Err(NOT_AUTHENTICATED);
        }
        let mut whole = values.map(|value| command::unguarded(value, &self.nonce));
        let told = self.missing.complete(&mut whole, call)?;
        for (name, value) in wanted.iter().zip(whole) {
            match value {
                Some(value) => call.variables.insert(name.clone(), value),
                None => return Ok(Err(FetchFault::NotWhole)),
            };
        }
        Ok(told)
    }

    fn session_end(&self, message: &[u8]) -> Option<SwitchError> {
        Some(match Reply::parse(message) {
            Some(Reply::Hangup) => SwitchError::HungUp,
            Some(Reply::Result { .. } | Reply::Refused(_)) | None => {
                SwitchError::Forged("Asterisk was asked nothing and said something")
            }
        })
    }

    fn farewell(&self, assignments: &[Assignment]) -> Result<Vec<u8>, Unfit> {
        command::set_variables(assignments)
    }

    /// A line that begins with `failure` ends `AGI()` with AGISTATUS=FAILURE (`res/res_agi.c`, `run_agi`).
    fn refusal(&self) -> Vec<u8> {
        b"failure\n".to_vec()
    }

    /// The half-close does it.
    fn release(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Otherwise the commands behind the first one stall (`res/res_agi.c`, `run_agi`).
    fn ends_with_half_close(&self) -> bool {
        true
    }

    /// `HANGUP` follows every half-close.
    fn is_confirmation(&self, message: &[u8]) -> bool {
        matches!(Reply::parse(message), Some(Reply::Hangup | Reply::Result { code: 1, text: None }))
    }
}

const NOT_AUTHENTICATED: SwitchError = SwitchError::Forged(
    "the environment is not proved: something else stood before the reply to our question",
);

fn call(environment: &Environment<'_>) -> Call {
    Call {
        switch: SwitchKind::Asterisk,
        address: Value::from(environment.script),
        parameters: environment.arguments.iter().map(|argument| parameter(argument)).collect(),
        parameters_persist: false,
        account_code: Value::from(environment.account_code),
        context: Value::from(environment.context),
        extension: Value::from(environment.extension),
        dialled: known(environment.dialled),
        caller_number: Value::from(environment.caller_number),
        caller_name: known(environment.caller_name),
        unique_id: Value::from(environment.unique_id),
        linked_id: Value::default(),
        sip_call_id: Value::default(),
        channel: Value::from(environment.channel),
        created: created(environment.unique_id),
        variables: Variables::new(),
    }
}

/// What the environment says of a name or a dialled number: [`UNKNOWN`] is settled by the question, and until then
/// nothing. As the caller's number it is a word for a withheld one in either case.
fn known(text: &[u8]) -> Value {
    if text == UNKNOWN { Value::default() } else { Value::from(text) }
}

/// ```text
/// argument = name [ "=" value ]
/// ```
fn parameter(argument: &[u8]) -> Parameter {
    let mut halves = argument.splitn(2, |&byte| byte == b'=');
    let mut half = || Value::from(halves.next().unwrap_or_default());
    Parameter { name: half(), value: half() }
}

/// When a channel was made, from its unique id. An id that somebody chose, as AMI's Originate can, tells nothing.
///
/// ```text
/// unique-id = [ system-name "-" ] seconds "." number      ; main/channel.c, __ast_channel_alloc_ap
/// ```
fn created(unique_id: &[u8]) -> Option<Duration> {
    let own = unique_id.rsplit(|&byte| byte == b'-').next()?;
    let (seconds, number) = std::str::from_utf8(own).ok()?.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let plausible =
        (9..=11).contains(&seconds.len()) && digits(seconds) && !number.is_empty() && digits(number);
    plausible.then(|| seconds.parse().ok().map(Duration::from_secs))?
}

#[cfg(test)]
mod tests;
