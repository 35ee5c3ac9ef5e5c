//! What a message of FreeSWITCH says: its headers, and the channel data as a call.
//!
//! ```text
//! message = *( header LF ) LF [ body ]
//! header  = name ": " value
//! ```
//! Names come as they are and may hold a colon; hence the first `": "` ends them. In the reply to `connect` values
//! are percent-encoded (`src/switch_utils.c`, `switch_url_encode_opt`), in later replies they are not.

use std::time::Duration;

use nom::bytes::complete::{tag, take_until};
use nom::character::complete::char;
use nom::combinator::rest;
use nom::multi::fold_many0;
use nom::sequence::{separated_pair, terminated};
use nom::{IResult, Parser};

use crate::call::{Call, Privacy, SwitchKind};
use crate::variable::{FetchName, Value, Variables};

/// The headers of one message, as they came.
#[derive(Debug, Default)]
pub(super) struct Headers<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Headers<'a> {
    /// Reads the headers of a message; lines that are none are passed over.
    pub(super) fn parse(message: &'a [u8]) -> Self {
        let read = fold_many0(line, Vec::new, |mut headers, line| {
            headers.extend(header(line).ok().map(|(_, header)| header));
            headers
        })
        .parse(message);
        Self(read.map(|(_, headers)| headers).unwrap_or_default())
    }

    /// A header's value; of several with this name, whatever its case, the first.
    pub(super) fn first(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The same of the last one: what `FreeSWITCH` writes behind the variables cannot be one of them.
    pub(super) fn last(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.0.iter().rfind(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// A decoded value of the channel data; empty where there is none.
    pub(super) fn text(&self, name: &str) -> Value {
        self.first(name.as_bytes()).map_or_else(Value::default, decoded)
    }

    /// A channel variable, decoded; empty where it is not set.
    pub(super) fn variable(&self, name: &str) -> Value {
        self.text(&format!("variable_{name}"))
    }
}

/// A line that is not the blank one.
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
/// A `%` before two of `0123456789ABCDEF` is not encoded, so that `%26` may have been `%26` or `&`. What
/// the encoder would never have made of a single byte (`%41`) has been there before and stays.
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

/// How an empty value comes (`src/switch_event.c`, `switch_event_serialize`).
const UNDEFINED: &[u8] = b"_undef_";

/// The byte that two digits behind a `%` stand for, if the encoder writes it so.
fn escape(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| match digits.get(at) {
        Some(byte @ b'0'..=b'9') => Some(byte - b'0'),
        Some(byte @ b'A'..=b'F') => Some(byte - b'A' + 10),
        Some(_) | None => None,
    };
    let byte = digit(0)? << 4 | digit(1)?;
    (!is_plain(byte)).then_some(byte)
}

/// Whether the encoder leaves a byte as it is (`SWITCH_URL_UNSAFE` of `src/include/switch_utils.h`).
pub(super) fn is_plain(byte: u8) -> bool {
    let unsafe_in_a_url = b"\r\n \"#%&+:;<=>?@[\\]^`{|}";
    (b' '..=b'~').contains(&byte) && !unsafe_in_a_url.contains(&byte)
}

/// The call that the channel data tells of, but for address and parameters, and without what the caller withholds.
///
/// The flags of the caller profile say what that is: `Privacy: id`, `privacy=` of a Remote-Party-ID, the application
/// `privacy` (`mod_sofia/sofia.c`, `sofia_handle_sip_i_invite`; `mod_dptools.c`, `privacy_function`). The number stands in
/// the profile all the same, and the user part of `From` where there is no name, in the name of the channel too.
pub(super) fn call(data: &Headers<'_>) -> Call {
    let hides = |header: &str| data.text(header).as_bytes() == b"true";
    let privacy = Privacy {
        hide_number: hides("Caller-Privacy-Hide-Number"),
        hide_name: hides("Caller-Privacy-Hide-Name"),
    };
    whole_call(data).with_privacy(privacy, &ALSO_THE_CALLER.map(|header| data.text(header)))
}

/// Where the number of a caller stands besides `Caller-Caller-ID-Number`, in another notation perhaps.
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

/// The channel variables of these names.
pub(super) fn variables(data: &Headers<'_>, wanted: &[FetchName]) -> Variables {
    wanted.iter().map(|name| (name.clone(), data.variable(name.as_str()))).collect()
}

/// The address of the step that is being made, behind host and first `/`.
///
/// `socket_path` cannot tell: it stays from an earlier step where this one has no path. So the application's own
/// argument is taken apart as FreeSWITCH does (`mod_event_socket.c`, `socket_function`): hosts by `|`, the port behind
/// a colon, the path behind the first slash after it. `connected` is the host, and `port` the one that we listen
/// on, which tells hosts of the same name apart.
pub(super) fn address(argument: &Value, connected: &Value, port: u16) -> Value {
    let targets = targets(argument.as_bytes());
    let of_host = |target: &&SocketTarget<'_>| target.host == connected.as_bytes();
    let found = targets.iter().filter(of_host).find(|target| target.port == port);
    let found = found.or_else(|| targets.iter().find(of_host)).or(targets.first());
    found.map(|target| Value::from(target.path)).unwrap_or_default()
}

/// Host, port and path of every target that an argument of the application `socket` names.
pub(super) fn socket_targets(argument: &str) -> Vec<(String, u16, String)> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let targets = targets(argument.as_bytes());
    targets.iter().map(|target| (text(target.host), target.port, text(target.path))).collect()
}

/// The hosts in the first word of an argument. One without a port has that of the host before.
fn targets(argument: &[u8]) -> Vec<SocketTarget<'_>> {
    let first_word =
        argument.split(u8::is_ascii_whitespace).find(|word| !word.is_empty()).unwrap_or_default();
    let mut port = DEFAULT_PORT;
    let target = |text| {
        let target = target(text, port);
        port = target.port;
        target
    };
    first_word.split(|byte| *byte == b'|').map(target).collect()
}

struct SocketTarget<'a> {
    host: &'a [u8],
    port: u16,
    path: &'a [u8],
}

/// FreeSWITCH takes the last colon, before anything was encoded. Since it has reached us, a port stands behind that
/// one; so the first behind which one stands is the same, whatever a URL in the query looks like by now.
fn target(text: &[u8], port_before: u16) -> SocketTarget<'_> {
    let behind = |at: usize| text.get(at + 1..).unwrap_or_default();
    let mut colons = text.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
    let (host, port, behind) = match colons.find_map(|at| Some((at, port(behind(at))?))) {
        Some((at, port)) => (text.get(..at), port, behind(at)),
        None => (text.split(|byte| *byte == b'/').next(), port_before, text),
    };
    let slash = behind.iter().position(|byte| *byte == b'/');
    let path = slash.and_then(|at| behind.get(at + 1..)).unwrap_or_default();
    SocketTarget { host: host.unwrap_or_default(), port, path }
}

/// A number of digits up to a slash or the end.
fn port(text: &[u8]) -> Option<u16> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match text.get(digits) {
        None | Some(b'/') => std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok(),
        Some(_) => None,
    }
}

/// Where FreeSWITCH connects when the dialplan names no port.
const DEFAULT_PORT: u16 = 8084;
