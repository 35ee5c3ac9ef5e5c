//! What the environment leaves open: what the question asks for besides the variables of the hook.

use super::environment::{Environment, UNKNOWN};
use crate::call::{Call, Privacy};
use crate::switch::{FetchFault, Fetched, SwitchError};
use crate::variable::Value;

/// What the question asks for besides the variables of the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MissingField {
    /// The presentation of the number.
    NumberPresentation,
    /// The presentation of the name.
    NamePresentation,
    LinkedId,
    SipCallId,
    CallerName,
    Dialled,
    /// A piece of what the dialplan gave to `AGI()`, with values put in.
    Arguments(&'static str),
}

/// What the environment says of its caller before anything is withheld, and what is left to ask for.
#[derive(Debug, Clone, Default)]
pub(super) struct MissingFields {
    number: Value,
    name: Value,
    channel: Value,
    /// True if number or name must not be shown: the environment has one presentation for both.
    withheld: bool,
    pub(super) fields: Vec<MissingField>,
}

impl MissingFields {
    /// Takes from a call what its environment may withhold, until the question is answered.
    pub(super) fn of(environment: &Environment<'_>, call: Call) -> (Self, Call) {
        let withheld = withheld(environment.presentation);
        let missing = Self {
            number: call.caller_number.clone(),
            name: call.caller_name.clone(),
            channel: call.channel.clone(),
            withheld,
            fields: missing_fields(environment, withheld),
        };
        (missing, call.with_privacy(Privacy { hide_number: withheld, hide_name: withheld }, &[]))
    }

    /// Takes in the values of what was open. Without one the call stays as the environment has it, which is no reason to
    /// send a caller away.
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
        let mut privacy = Privacy { hide_number: self.withheld, hide_name: self.withheld };
        let (mut encodes, mut arguments) = (false, Vec::new());
        for field in &self.fields {
            let value = values.next().flatten();
            encodes |= value.is_some();
            match field {
                MissingField::NumberPresentation => {
                    privacy.hide_number = prohibited(value).unwrap_or(self.withheld)
                }
                MissingField::NamePresentation => {
                    privacy.hide_name = prohibited(value).unwrap_or(self.withheld)
                }
                MissingField::LinkedId => completed.linked_id = value.unwrap_or_default(),
                MissingField::SipCallId => completed.sip_call_id = value.unwrap_or_default(),
                MissingField::CallerName => completed.caller_name = value.unwrap_or_default(),
                MissingField::Dialled => completed.dialled = value.unwrap_or_default(),
                MissingField::Arguments(_) => arguments.push(value),
            }
        }
        *call = completed.with_privacy(privacy, &[]);
        if encodes { judge(&arguments) } else { Ok(Ok(())) }
    }
}

fn missing_fields(environment: &Environment<'_>, withheld: bool) -> Vec<MissingField> {
    let unknown = |text: &[u8]| text == UNKNOWN;
    let all = [
        (true, MissingField::NumberPresentation),
        (withheld, MissingField::NamePresentation),
        (true, MissingField::LinkedId),
        (environment.technology == b"PJSIP", MissingField::SipCallId),
        (unknown(environment.caller_name), MissingField::CallerName),
        (unknown(environment.dialled), MissingField::Dialled),
    ];
    let fixed = all.into_iter().filter_map(|(asked, field)| asked.then_some(field));
    fixed.chain(pieces(environment).iter().copied().map(MissingField::Arguments)).collect()
}

/// The text of `AGI()` in pieces of which Asterisk can hand out each one percent-encoded: it cuts a value behind 4,095
/// bytes, and so does `CHANNEL(appdata)` with the whole text.
const PIECES: [&str; 4] = [
    "CHANNEL(appdata):0:1000",
    "CHANNEL(appdata):1000:1000",
    "CHANNEL(appdata):2000:1000",
    "CHANNEL(appdata):3000:1000",
];

/// Bytes of a piece.
const PIECE: usize = 1000;

/// How many quotes and backslashes the dialplan may have written besides what the environment shows.
const MARKS: usize = 500;

/// As many pieces as the text can have; none where there are no arguments, with which nothing can be forged.
fn pieces(environment: &Environment<'_>) -> &'static [&'static str] {
    if environment.arguments.is_empty() {
        return &[];
    }
    let arguments = environment.arguments.iter().map(|argument| argument.len() + 1).sum::<usize>();
    let count = (environment.request.len() + arguments + MARKS) / PIECE + 1;
    PIECES.get(..count).unwrap_or(&PIECES)
}

/// Refuses arguments that the dialplan did not give: a line feed in the last one ends its line, and what follows it can
/// look like a further argument. In the text of `AGI()` it is seen.
fn judge(pieces: &[Option<Value>]) -> Result<Fetched, SwitchError> {
    let whole: Option<Vec<&Value>> = pieces.iter().map(Option::as_ref).collect();
    let Some(whole) = whole else { return Ok(Err(FetchFault::ArgumentsNotWhole)) };
    // an Asterisk without CHANNEL(appdata) does not tell
    if whole.first().is_none_or(|first| first.is_empty()) {
        return Ok(Ok(()));
    }
    if whole.iter().any(|piece| piece.as_bytes().contains(&b'\n')) {
        return Err(SwitchError::Forged("a line feed in an argument of AGI() forges further arguments"));
    }
    let ends = whole.last().is_some_and(|last| last.as_bytes().len() < PIECE);
    Ok(if ends { Ok(()) } else { Err(FetchFault::ArgumentsNotWhole) })
}

impl MissingField {
    /// Where Asterisk has it.
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
fn prohibited(words: Option<Value>) -> Option<bool> {
    let words = words.filter(|words| !words.is_empty())?;
    Some(words.as_bytes().starts_with(b"prohib"))
}

/// True if the bits 6 and 7 of a presentation are 01 (`include/asterisk/callerid.h`, `AST_PRES_RESTRICTION`). They are so if
/// either of number and name is restricted (`main/channel.c`, `ast_party_id_presentation`).
fn withheld(presentation: &[u8]) -> bool {
    let bits = std::str::from_utf8(presentation).ok().and_then(|text| text.parse::<u32>().ok());
    bits.is_some_and(|bits| bits & 0x60 == 0x20)
}
