//! The messages of FreeSWITCH: their headers, and the channel data as a call.
//!
//! ```text
//! message = *( header LF ) LF [ body ]
//! header  = name ": " value
//! ```
//! Names are never encoded and may hold a colon, so the first `": "` ends them. Values are percent-encoded in
//! the reply to `connect` (`src/switch_utils.c`, `switch_url_encode_opt`); in later replies they are not.

use std::time::Duration;

use nom::bytes::complete::{tag, take_until};
use nom::character::complete::char;
use nom::combinator::rest;
use nom::multi::fold_many0;
use nom::sequence::{separated_pair, terminated};
use nom::{IResult, Parser};

use crate::call::{Call, Privacy, SwitchKind};
use crate::variable::{FetchName, Value, Variables};

/// The headers of one message, still encoded.
#[derive(Debug, Default)]
pub(super) struct Headers<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Headers<'a> {
    /// Reads the headers of a message. Skips lines that are no headers.
    pub(super) fn parse(message: &'a [u8]) -> Self {
        let read = fold_many0(line, Vec::new, |mut headers, line| {
            headers.extend(header(line).ok().map(|(_, header)| header));
            headers
        })
        .parse(message);
        Self(read.map(|(_, headers)| headers).unwrap_or_default())
    }

    /// Returns the value of the first header with this name, in upper or lower case.
    pub(super) fn first(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Returns the value of the last header with this name. The headers that FreeSWITCH writes after the
    /// variables cannot be hidden by a variable.
    pub(super) fn last(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.0.iter().rfind(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Returns a decoded value of the channel data; empty if there is no such header.
    pub(super) fn text(&self, name: &str) -> Value {
        self.first(name.as_bytes()).map_or_else(Value::default, decoded)
    }

    /// Returns a decoded channel variable; empty if it is not set.
    pub(super) fn variable(&self, name: &str) -> Value {
        self.text(&format!("variable_{name}"))
    }

    /// True if FreeSWITCH takes the value of a channel variable for true (`src/include/switch_utils.h`,
    /// `switch_true`).
    pub(super) fn is_true(&self, variable: &str) -> bool {
        let words = ["yes", "on", "true", "t", "enabled", "active", "allow"];
        let value = self.variable(variable);
        let text = value.lossy();
        words.iter().any(|word| text.eq_ignore_ascii_case(word)) || is_number_but_zero(&text)
    }

    /// True if the message is channel data whose beginning was not cut off.
    pub(super) fn is_channel_data(&self) -> bool {
        self.first(b"Event-Name") == Some(b"CHANNEL_DATA")
    }
}

/// Reads a line that is not the blank one.
fn line(message: &[u8]) -> IResult<&[u8], &[u8]> {
    let (behind, line) = terminated(take_until(&b"\n"[..]), char('\n')).parse(message)?;
    match line.is_empty() {
        true => Err(nom::Err::Error(nom::error::Error::new(message, nom::error::ErrorKind::Eof))),
        false => Ok((behind, line)),
    }
}

fn header(line: &[u8]) -> IResult<&[u8], (&[u8], &[u8])> {
    separated_pair(take_until(&b": "[..]), tag(&b": "[..]), rest).parse(line)
}

/// Undoes the encoding of the channel data.
///
/// The encoder leaves a `%` before two of `0123456789ABCDEF` as it is, so that `%26` may have been `%26` or
/// `&`. An escape that the encoder never makes of a single byte (`%41`) was in the value and stays.
pub(super) fn decoded(value: &[u8]) -> Value {
    if value == UNDEFINED {
        return Value::default();
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut left = value;
    while let Some((&byte, behind)) = left.split_first() {
        let escaped = if byte == b'%' { escape(behind) } else { None };
        bytes.push(escaped.unwrap_or(byte));
        left = if escaped.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    Value::from(bytes)
}

/// The text that FreeSWITCH writes for an empty value (`src/switch_event.c`, `switch_event_serialize`).
const UNDEFINED: &[u8] = b"_undef_";

/// The variable that holds the argument of the application that runs.
pub(super) const ARGUMENT: &str = "current_application_data";

/// True for a number that is not zero: `switch_is_number` takes digits and points after a sign, and `atoi`
/// reads the digits in front (`src/switch_utils.c`).
fn is_number_but_zero(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text).as_bytes();
    let whole = digits.split(|byte| *byte == b'.').next().unwrap_or_default();
    digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        && whole.iter().any(|digit| *digit != b'0')
}

/// Returns the byte that two digits after a `%` mean, if the encoder writes that byte so.
fn escape(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| match digits.get(at) {
        Some(byte @ b'0'..=b'9') => Some(byte - b'0'),
        Some(byte @ b'A'..=b'F') => Some(byte - b'A' + 10),
        Some(_) | None => None,
    };
    let byte = digit(0)? << 4 | digit(1)?;
    (!is_plain(byte)).then_some(byte)
}

/// True if the encoder leaves the byte as it is (`SWITCH_URL_UNSAFE` of `src/include/switch_utils.h`).
pub(super) fn is_plain(byte: u8) -> bool {
    let unsafe_in_a_url = b"\r\n \"#%&+:;<=>?@[\\]^`{|}";
    (b' '..=b'~').contains(&byte) && !unsafe_in_a_url.contains(&byte)
}

/// Returns the call of the channel data, without address and parameters. The caller's number and name are
/// empty if the caller withholds them.
///
/// `Privacy: id`, `privacy=` of a Remote-Party-ID and the application `privacy` set flags in the caller
/// profile (`mod_sofia/sofia.c`, `sofia_handle_sip_i_invite`; `mod_dptools.c`, `privacy_function`). The
/// number is in the profile all the same. The name of the channel has the user part of `From`, and so has the
/// caller's name if `From` has no name.
pub(super) fn call(data: &Headers<'_>) -> Call {
    let hides = |header: &str| data.text(header).as_bytes() == b"true";
    let privacy = Privacy {
        hide_number: hides("Caller-Privacy-Hide-Number"),
        hide_name: hides("Caller-Privacy-Hide-Name"),
    };
    whole_call(data).with_privacy(privacy, &ALSO_THE_CALLER.map(|header| data.text(header)))
}

/// The headers that can hold the caller's number besides `Caller-Caller-ID-Number`, perhaps in another
/// notation.
const ALSO_THE_CALLER: [&str; 5] = [
    "Caller-Orig-Caller-ID-Number",
    "Caller-ANI",
    "Caller-Username",
    "variable_sip_from_user",
    "variable_sip_from_user_stripped",
];

fn whole_call(data: &Headers<'_>) -> Call {
    let destination = data.text("Caller-Destination-Number");
    let unique_id = data.text("Unique-ID");
    let linked_id = Some(data.variable("call_uuid")).filter(|id| !id.is_empty());
    Call {
        switch: SwitchKind::FreeSwitch,
        address: Value::default(),
        parameters: Vec::new(),
        parameters_persist: true,
        account_code: data.variable("accountcode"),
        context: data.text("Caller-Context"),
        extension: destination.clone(),
        dialled: destination,
        caller_number: data.text("Caller-Caller-ID-Number"),
        caller_name: data.text("Caller-Caller-ID-Name"),
        linked_id: linked_id.unwrap_or_else(|| unique_id.clone()),
        unique_id,
        sip_call_id: data.variable("sip_call_id"),
        channel: data.text("Channel-Name"),
        created: microseconds(&data.text("Caller-Channel-Created-Time")),
        variables: Variables::new(),
    }
}

fn microseconds(text: &Value) -> Option<Duration> {
    std::str::from_utf8(text.as_bytes())
        .ok()?
        .parse()
        .ok()
        .filter(|time| *time > 0)
        .map(Duration::from_micros)
}

/// Returns the channel variables with these names.
pub(super) fn variables(data: &Headers<'_>, wanted: &[FetchName]) -> Variables {
    wanted.iter().map(|name| (name.clone(), data.variable(name.as_str()))).collect()
}
