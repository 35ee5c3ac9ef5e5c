//! The dialect of Asterisk: FastAGI (`res/res_agi.c`).
//!
//! Asterisk speaks first and sends the environment. The challenge authenticates it and fetches the rest. The
//! final commands set the variables, and the half-close gives the call back.
//!
//! [`codec`] cuts the stream into messages; `environment` and `reply` read them; `missing` completes the
//! call; `command` writes commands.

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

/// The state of one FastAGI session.
#[derive(Debug, Clone)]
pub struct Agi {
    /// The random word that nobody who forges an environment can know.
    nonce: String,
    missing: MissingFields,
    /// Bytes of the longest environment that is accepted.
    longest: usize,
}

impl Agi {
    /// The random bytes of a nonce, each of which is two hexadecimal digits of it.
    pub const NONCE_BYTES: usize = 8;

    /// Starts a session whose challenge holds this nonce. The nonce must be random.
    #[must_use]
    pub fn new(nonce: String) -> Self {
        Self { nonce, missing: MissingFields::default(), longest: LONGEST_ENVIRONMENT }
    }

    /// Sets the limit of the environment in bytes.
    #[must_use]
    pub fn with_limit(self, longest: usize) -> Self {
        Self { longest, ..self }
    }

    /// Returns a session whose challenge asks for everything that the environment of a call without arguments
    /// can lack.
    pub(super) fn with_longest_challenge() -> Self {
        let nonce = "0".repeat(2 * Self::NONCE_BYTES);
        Self { missing: MissingFields::every(), ..Self::new(nonce) }
    }
}

impl Dialect for Agi {
    const SWITCH: SwitchKind = SwitchKind::Asterisk;
    type Codec = AgiCodec;

    fn codec(&self) -> AgiCodec {
        AgiCodec::with_limit(self.longest)
    }

    /// Asterisk speaks first.
    fn opening(&self) -> Option<&'static [u8]> {
        None
    }

    fn greeting(&mut self, message: BytesMut) -> Result<Greeting, SwitchError> {
        let Some(environment) = Environment::parse(&message) else {
            return Err(SwitchError::Forged(
                "the environment is not what Asterisk writes: its lines are out of order",
            ));
        };
        let (missing, call) = MissingFields::of(&environment, call(&environment));
        self.missing = missing;
        Ok(Greeting::Call(Box::new(call)))
    }

    fn challenge(&self, wanted: &[FetchName]) -> Result<Option<Vec<u8>>, FetchFault> {
        let missing = self.missing.fields.iter().map(|field| field.function());
        let names = missing.chain(wanted.iter().map(FetchName::as_str));
        let expressions: Vec<_> = names.map(|name| command::guarded(name, &self.nonce)).collect();
        command::challenge(&self.nonce, &expressions).map(Some)
    }

    fn read_challenge_reply(
        &self,
        reply: Option<&[u8]>,
        call: &mut Call,
        wanted: &[FetchName],
    ) -> Result<Fetched, SwitchError> {
        let text = match reply.and_then(Reply::parse) {
            Some(Reply::Hangup) => return Err(SwitchError::HungUpUnauthenticated),
            Some(Reply::Result { code: 1, text: Some(text) }) => text,
            Some(Reply::Result { .. } | Reply::Refused(_)) | None => return Err(NOT_AUTHENTICATED),
        };
        let mut values = text.split(|&byte| byte == b'|');
        if values.next() != Some(self.nonce.as_bytes()) {
            return Err(NOT_AUTHENTICATED);
        }
        if values.clone().count() != self.missing.fields.len() + wanted.len() {
            return Err(NOT_AUTHENTICATED);
        }
        let mut values = values.map(|value| command::unguarded(value, &self.nonce));
        let fetched = self.missing.complete(&mut values, call)?;
        for (name, value) in wanted.iter().zip(values) {
            let Some(value) = value else {
                return Ok(Fetched::Incomplete(FetchFault::NotWhole));
            };
            call.variables.insert(name.clone(), value);
        }
        Ok(fetched)
    }

    fn session_end(&self, message: &[u8]) -> Option<SwitchError> {
        match Reply::parse(message) {
            Some(Reply::Hangup) => Some(SwitchError::HungUp),
            Some(Reply::Result { .. } | Reply::Refused(_)) | None => {
                Some(SwitchError::Forged("Asterisk sent a message that is no reply to a command"))
            }
        }
    }

    fn can_carry(assignment: &Assignment) -> Result<(), Unfit> {
        command::judge(assignment)
    }

    fn farewell(&self, assignments: &[Assignment]) -> Result<Vec<u8>, Unfit> {
        let mut commands = Vec::with_capacity(64 * assignments.len());
        for assignment in assignments {
            commands.extend(command::set_variable(assignment)?);
        }
        Ok(commands)
    }

    /// A line that begins with `failure` ends `AGI()` with AGISTATUS=FAILURE (`res/res_agi.c`, `run_agi`).
    fn refusal(&self) -> Vec<u8> {
        b"failure\n".to_vec()
    }

    fn release(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Without a half-close Asterisk runs the first command alone, and the others stall (`res/res_agi.c`,
    /// `run_agi`).
    fn ends_with_half_close(&self) -> bool {
        true
    }

    /// `HANGUP` follows every half-close (`res/res_agi.c`, `run_agi`).
    fn is_confirmation(&self, message: &[u8]) -> bool {
        matches!(Reply::parse(message), Some(Reply::Hangup | Reply::Result { code: 1, text: None }))
    }
}

const NOT_AUTHENTICATED: SwitchError = SwitchError::Forged(
    "the environment is not authenticated: another line came before the reply to the challenge",
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

/// Returns a name or a dialled number; empty for [`UNKNOWN`], for which the challenge asks. The caller's
/// number needs no such question: `unknown` is a word for a withheld number in any case.
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

/// Reads the time at which a channel was made from its unique id. Returns `None` for an id that somebody
/// chose, as AMI's Originate can.
///
/// ```text
/// unique-id = [ system-name "-" ] seconds "." number      ; main/channel.c, __ast_channel_alloc_ap
/// ```
fn created(unique_id: &[u8]) -> Option<Duration> {
    let own = unique_id.rsplit(|&byte| byte == b'-').next()?;
    let (seconds, number) = std::str::from_utf8(own).ok()?.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !(9..=11).contains(&seconds.len()) || !digits(seconds) || number.is_empty() || !digits(number) {
        return None;
    }
    seconds.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
