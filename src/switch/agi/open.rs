//! What the environment leaves open: what the question asks for besides the variables of the hook.

use super::environment::{Environment, UNKNOWN};
use crate::call::Call;
use crate::variable::Value;

/// What the question asks for besides the variables of the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    /// Stands before the presentation, which may take the number away again.
    CallerNumber,
    /// Whether the caller withheld the number.
    Presentation {
        /// What the environment says, of number and name together.
        withheld: bool,
    },
    LinkedId,
    SipCallId,
    CallerName,
    Dialled,
}

/// What is left to ask for.
pub(super) fn open(environment: &Environment<'_>) -> Vec<Open> {
    let unknown = |text: &[u8]| text == UNKNOWN;
    let all = [
        (unknown(environment.caller_number), Open::CallerNumber),
        (true, Open::Presentation { withheld: withheld(environment.presentation) }),
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
            Self::Presentation { .. } => "CALLERID(num-pres)",
            Self::LinkedId => "CHANNEL(linkedid)",
            Self::SipCallId => "CHANNEL(pjsip,call-id)",
            Self::CallerNumber => "CALLERID(num)",
            Self::CallerName => "CALLERID(name)",
            Self::Dialled => "CALLERID(dnid)",
        }
    }

    /// Takes in a value. Without it the call stays as the environment has it, which is no reason to send a
    /// caller away.
    pub(super) fn told(self, value: Option<Value>, call: &mut Call) {
        let place = match self {
            Self::Presentation { withheld } => {
                let words = value.filter(|words| !words.is_empty());
                if words.map_or(withheld, |words| words.as_bytes().starts_with(b"prohib")) {
                    call.caller_number = Value::default();
                }
                return;
            }
            Self::LinkedId => &mut call.linked_id,
            Self::SipCallId => &mut call.sip_call_id,
            Self::CallerNumber => &mut call.caller_number,
            Self::CallerName => &mut call.caller_name,
            Self::Dialled => &mut call.dialled,
        };
        *place = value.unwrap_or_default();
    }
}

/// Whether a presentation forbids to show the number: its words begin with `prohib`, its bits 6 and 7 are 01
/// (`main/callerid.c`, `pres_types`; `include/asterisk/callerid.h`, `AST_PRES_RESTRICTION`).
fn withheld(presentation: &[u8]) -> bool {
    let bits = std::str::from_utf8(presentation).ok().and_then(|text| text.parse::<u32>().ok());
    bits.is_some_and(|bits| bits & 0x60 == 0x20)
}
