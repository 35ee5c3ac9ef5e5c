//! What the environment leaves open: what the question asks for besides the variables of the hook.

use super::environment::{Environment, UNKNOWN};
use crate::call::{Call, Withheld};
use crate::variable::Value;

/// What the question asks for besides the variables of the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    /// The presentation of the number.
    NumberPresentation,
    /// The presentation of the name.
    NamePresentation,
    LinkedId,
    SipCallId,
    CallerName,
    Dialled,
}

/// What the environment says of its caller before anything is withheld, and what is left to ask for.
#[derive(Debug, Clone, Default)]
pub(super) struct Opened {
    number: Value,
    name: Value,
    channel: Value,
    /// True if number or name must not be shown: the environment has one presentation for both.
    withheld: bool,
    pub(super) open: Vec<Open>,
}

impl Opened {
    /// Takes from a call what its environment may withhold, until the question is answered.
    pub(super) fn of(environment: &Environment<'_>, call: Call) -> (Self, Call) {
        let withheld = withheld(environment.presentation);
        let opened = Self {
            number: call.caller_number.clone(),
            name: call.caller_name.clone(),
            channel: call.channel.clone(),
            withheld,
            open: open(environment, withheld),
        };
        (opened, call.without_withheld(Withheld { number: withheld, name: withheld }, &[]))
    }

    /// Takes in the values of what was open. Without one the call stays as the environment has it, which is no reason to
    /// send a caller away.
    pub(super) fn told(&self, values: &mut impl Iterator<Item = Option<Value>>, call: &mut Call) {
        let mut told = Call {
            caller_number: self.number.clone(),
            caller_name: self.name.clone(),
            channel: self.channel.clone(),
            ..call.clone()
        };
        let mut withheld = Withheld { number: self.withheld, name: self.withheld };
        for open in &self.open {
            let value = values.next().flatten();
            match open {
                Open::NumberPresentation => withheld.number = prohibited(value).unwrap_or(self.withheld),
                Open::NamePresentation => withheld.name = prohibited(value).unwrap_or(self.withheld),
                Open::LinkedId => told.linked_id = value.unwrap_or_default(),
                Open::SipCallId => told.sip_call_id = value.unwrap_or_default(),
                Open::CallerName => told.caller_name = value.unwrap_or_default(),
                Open::Dialled => told.dialled = value.unwrap_or_default(),
            }
        }
        *call = told.without_withheld(withheld, &[]);
    }
}

fn open(environment: &Environment<'_>, withheld: bool) -> Vec<Open> {
    let unknown = |text: &[u8]| text == UNKNOWN;
    let all = [
        (true, Open::NumberPresentation),
        (withheld, Open::NamePresentation),
        (true, Open::LinkedId),
        (environment.technology == b"PJSIP", Open::SipCallId),
        (unknown(environment.caller_name), Open::CallerName),
        (unknown(environment.dialled), Open::Dialled),
    ];
    all.into_iter().filter_map(|(asked, open)| asked.then_some(open)).collect()
}

impl Open {
    /// Where Asterisk has it.
    pub(super) fn function(self) -> &'static str {
        match self {
            Self::NumberPresentation => "CALLERID(num-pres)",
            Self::NamePresentation => "CALLERID(name-pres)",
            Self::LinkedId => "CHANNEL(linkedid)",
            Self::SipCallId => "CHANNEL(pjsip,call-id)",
            Self::CallerName => "CALLERID(name)",
            Self::Dialled => "CALLERID(dnid)",
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
