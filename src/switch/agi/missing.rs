//! The call data that the environment lacks, and for which the challenge asks besides the hook's variables.
//!
//! Knows the dialplan functions that hold it, and how the text of `AGI()` shows forged arguments; does not
//! know how the challenge is written.

use super::environment::{Environment, UNKNOWN};
use crate::call::{Call, Privacy};
use crate::switch::{FetchFault, Fetched, SwitchError};
use crate::variable::Value;

/// One value for which the challenge asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MissingField {
    /// The presentation of the caller's number.
    NumberPresentation,
    /// The presentation of the caller's name.
    NamePresentation,
    LinkedId,
    SipCallId,
    CallerName,
    Dialled,
    /// A piece of the text of `AGI()` as Asterisk has it after substitution.
    Arguments(&'static str),
}

/// The values that the challenge must fetch, and the caller as the environment has it.
#[derive(Debug, Clone, Default)]
pub(super) struct MissingFields {
    pub(super) fields: Vec<MissingField>,
    number: Value,
    name: Value,
    channel: Value,
    /// True if the presentation of the environment, which is one for number and name, restricts them.
    restricted: bool,
}

impl MissingFields {
    /// Finds the missing fields. Hides number and name of the call, if the environment restricts them, until
    /// the reply to the challenge has come.
    pub(super) fn of(environment: &Environment<'_>, call: Call) -> (Self, Call) {
        let restricted = is_restricted(environment.presentation);
        let missing = Self {
            fields: missing_fields(environment, restricted),
            number: call.caller_number.clone(),
            name: call.caller_name.clone(),
            channel: call.channel.clone(),
            restricted,
        };
        (missing, call.with_privacy(Privacy { hide_number: restricted, hide_name: restricted }, &[]))
    }

    /// Every field that can be missing in a call without arguments. Only such a call can ask a configured hook.
    pub(super) fn every() -> Self {
        Self { fields: FIXED.to_vec(), ..Self::default() }
    }

    /// Writes the values of the challenge reply into the call. Without a value the call stays as the
    /// environment has it: the step goes on without it.
    ///
    /// # Errors
    /// Returns [`SwitchError::Forged`] if the text of `AGI()` shows forged arguments.
    pub(super) fn complete(
        &self,
        values: &mut impl Iterator<Item = Option<Value>>,
        call: &mut Call,
    ) -> Result<Fetched, SwitchError> {
        let mut completed = Call {
            caller_number: self.number.clone(),
            caller_name: self.name.clone(),
            channel: self.channel.clone(),
            ..call.clone()
        };
        let mut privacy = Privacy { hide_number: self.restricted, hide_name: self.restricted };
        let (mut encodes, mut arguments) = (false, Vec::new());
        for field in &self.fields {
            let value = values.next().flatten();
            encodes |= value.is_some();
            match field {
                MissingField::NumberPresentation => {
                    privacy.hide_number = is_prohibited(value).unwrap_or(self.restricted);
                }
                MissingField::NamePresentation => {
                    privacy.hide_name = is_prohibited(value).unwrap_or(self.restricted);
                }
                MissingField::LinkedId => completed.linked_id = value.unwrap_or_default(),
                MissingField::SipCallId => completed.sip_call_id = value.unwrap_or_default(),
                MissingField::CallerName => completed.caller_name = value.unwrap_or_default(),
                MissingField::Dialled => completed.dialled = value.unwrap_or_default(),
                MissingField::Arguments(_) => arguments.push(value),
            }
        }
        *call = completed.with_privacy(privacy, &[]);
        // an Asterisk without URIENCODE returns no value at all
        if encodes { check_arguments(&arguments) } else { Ok(Fetched::All) }
    }
}

/// Every field but the pieces of the text of `AGI()`, in the order of the challenge.
const FIXED: [MissingField; 6] = [
    MissingField::NumberPresentation,
    MissingField::NamePresentation,
    MissingField::LinkedId,
    MissingField::SipCallId,
    MissingField::CallerName,
    MissingField::Dialled,
];

fn missing_fields(environment: &Environment<'_>, restricted: bool) -> Vec<MissingField> {
    let is_missing = |field: &MissingField| match field {
        MissingField::NumberPresentation | MissingField::LinkedId | MissingField::Arguments(_) => true,
        MissingField::NamePresentation => restricted,
        MissingField::SipCallId => environment.technology == b"PJSIP",
        MissingField::CallerName => environment.caller_name == UNKNOWN,
        MissingField::Dialled => environment.dialled == UNKNOWN,
    };
    let pieces = pieces(environment).iter().copied().map(MissingField::Arguments);
    FIXED.into_iter().filter(is_missing).chain(pieces).collect()
}

/// The text of `AGI()` in pieces that Asterisk can hand out percent-encoded. It cuts every value after 4,095
/// bytes, and so does `CHANNEL(appdata)` with the whole text.
const PIECES: [&str; 4] = [
    "CHANNEL(appdata):0:1000",
    "CHANNEL(appdata):1000:1000",
    "CHANNEL(appdata):2000:1000",
    "CHANNEL(appdata):3000:1000",
];

/// Bytes of a piece.
const PIECE: usize = 1000;

/// The quotes and backslashes that the dialplan may have written, which the environment does not show.
const MARKS: usize = 500;

/// Returns as many pieces as the text can have. Returns none without arguments, because nothing can be forged
/// then.
fn pieces(environment: &Environment<'_>) -> &'static [&'static str] {
    if environment.arguments.is_empty() {
        return &[];
    }
    let arguments = environment.arguments.iter().map(|argument| argument.len() + 1).sum::<usize>();
    let count = (environment.request.len() + arguments + MARKS) / PIECE + 1;
    PIECES.get(..count).unwrap_or(&PIECES)
}

/// Refuses arguments that the dialplan did not give. A line feed in the last argument ends its line of the
/// environment, and the text after it can look like a further argument. The text of `AGI()` shows the line
/// feed.
fn check_arguments(pieces: &[Option<Value>]) -> Result<Fetched, SwitchError> {
    let mut text = Vec::new();
    for piece in pieces {
        let Some(piece) = piece else {
            return Ok(Fetched::Incomplete(FetchFault::ArgumentsNotWhole));
        };
        text.push(piece.as_bytes());
    }
    let (Some(first), Some(last)) = (text.first(), text.last()) else { return Ok(Fetched::All) };
    // an Asterisk without CHANNEL(appdata) does not return the text
    if first.is_empty() {
        return Ok(Fetched::All);
    }
    if text.iter().any(|piece| piece.contains(&b'\n')) {
        return Err(SwitchError::Forged("a line feed in an argument of AGI() forges further arguments"));
    }
    // a full last piece may not be the end of the text
    Ok(match last.len() < PIECE {
        true => Fetched::All,
        false => Fetched::Incomplete(FetchFault::ArgumentsNotWhole),
    })
}

impl MissingField {
    /// The dialplan function that holds the value.
    pub(super) fn function(self) -> &'static str {
        match self {
            Self::NumberPresentation => "CALLERID(num-pres)",
            Self::NamePresentation => "CALLERID(name-pres)",
            Self::LinkedId => "CHANNEL(linkedid)",
            Self::SipCallId => "CHANNEL(pjsip,call-id)",
            Self::CallerName => "CALLERID(name)",
            Self::Dialled => "CALLERID(dnid)",
            Self::Arguments(piece) => piece,
        }
    }
}

/// True if the words of a presentation forbid to show a number or name (`main/callerid.c`, `pres_types`).
fn is_prohibited(presentation: Option<Value>) -> Option<bool> {
    let words = presentation.filter(|words| !words.is_empty())?;
    Some(words.as_bytes().starts_with(b"prohib"))
}

/// True if the bits 6 and 7 of a presentation are 01 (`include/asterisk/callerid.h`, `AST_PRES_RESTRICTION`).
/// They are so if either of number and name is restricted (`main/channel.c`, `ast_party_id_presentation`).
fn is_restricted(presentation: &[u8]) -> bool {
    let bits = std::str::from_utf8(presentation).ok().and_then(|text| text.parse::<u32>().ok());
    bits.is_some_and(|bits| bits & 0x60 == 0x20)
}
