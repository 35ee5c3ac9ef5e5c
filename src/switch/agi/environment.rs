//! The AGI environment: the lines about the call that Asterisk sends before it reads commands.
//!
//! ```text
//! environment = "agi_network: yes" LF [ "agi_network_script: " value LF ] "agi_request: " value LF …
//!               "agi_threadid: " value LF *( "agi_arg_" number ": " value LF )
//! ```
//! (`res/res_agi.c`, `launch_netscript` and `setup_env`.) Nothing is escaped: a caller whose number holds a
//! line feed writes lines of its own. So the parser demands the exact order, each line once; the lines before
//! `agi_callerid` cannot be a caller's then.

use nom::bytes::complete::{tag, take_until};
use nom::character::complete::{char, digit1};
use nom::combinator::{all_consuming, map, opt, verify};
use nom::multi::many0;
use nom::sequence::{delimited, preceded, separated_pair, terminated};
use nom::{IResult, Parser};

/// The lines about the call. The values are Asterisk's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Environment<'a> {
    /// The part of the address after the host and the first `/`; empty if there is none.
    pub(super) script: &'a [u8],
    /// The whole address as the dialplan wrote it.
    pub(super) request: &'a [u8],
    pub(super) channel: &'a [u8],
    /// The channel's technology, such as `PJSIP`.
    pub(super) technology: &'a [u8],
    pub(super) unique_id: &'a [u8],
    /// [`UNKNOWN`] if there is none, like the name and the dialled number.
    pub(super) caller_number: &'a [u8],
    pub(super) caller_name: &'a [u8],
    /// The presentation of number and name together, in the bits of Q.951 (`include/asterisk/callerid.h`).
    pub(super) presentation: &'a [u8],
    pub(super) dialled: &'a [u8],
    pub(super) context: &'a [u8],
    pub(super) extension: &'a [u8],
    pub(super) account_code: &'a [u8],
    pub(super) arguments: Vec<&'a [u8]>,
}

impl<'a> Environment<'a> {
    /// Reads a whole block, without the empty line after it. Returns `None` if Asterisk would not write it
    /// so.
    pub(super) fn parse(block: &'a [u8]) -> Option<Self> {
        all_consuming(environment).parse(block).ok().map(|(_, environment)| environment)
    }
}

/// The word that Asterisk writes for an unset number or name (`res/res_agi.c`, `setup_env`).
pub(super) const UNKNOWN: &[u8] = b"unknown";

fn environment(block: &[u8]) -> IResult<&[u8], Environment<'_>> {
    let (block, _) = tag(&b"agi_network: yes\n"[..])(block)?;
    let (block, script) = opt(line("agi_network_script")).parse(block)?;
    let (block, request) = line("agi_request").parse(block)?;
    let (block, channel) = line("agi_channel").parse(block)?;
    let (block, _language) = line("agi_language").parse(block)?;
    let (block, technology) = line("agi_type").parse(block)?;
    let (block, unique_id) = line("agi_uniqueid").parse(block)?;
    let (block, _version) = line("agi_version").parse(block)?;
    let (block, caller_number) = line("agi_callerid").parse(block)?;
    let (block, caller_name) = line("agi_calleridname").parse(block)?;
    let (block, presentation) = line("agi_callingpres").parse(block)?;
    let (block, _ani2) = line("agi_callingani2").parse(block)?;
    let (block, _ton) = line("agi_callington").parse(block)?;
    let (block, _tns) = line("agi_callingtns").parse(block)?;
    let (block, dialled) = line("agi_dnid").parse(block)?;
    let (block, _redirecting) = line("agi_rdnis").parse(block)?;
    let (block, context) = line("agi_context").parse(block)?;
    let (block, extension) = line("agi_extension").parse(block)?;
    let (block, _priority) = line("agi_priority").parse(block)?;
    let (block, _enhanced) = line("agi_enhanced").parse(block)?;
    let (block, account_code) = line("agi_accountcode").parse(block)?;
    let (block, _thread) = line("agi_threadid").parse(block)?;
    let (block, arguments) = arguments(block)?;
    let script = script.unwrap_or_default();
    Ok((
        block,
        Environment {
            script,
            request,
            channel,
            technology,
            unique_id,
            caller_number,
            caller_name,
            presentation,
            dialled,
            context,
            extension,
            account_code,
            arguments,
        },
    ))
}

/// ```text
/// line = name ": " value LF
/// ```
fn line<'a>(
    name: &'static str,
) -> impl Parser<&'a [u8], Output = &'a [u8], Error = nom::error::Error<&'a [u8]>> {
    delimited((tag(name.as_bytes()), tag(&b": "[..])), take_until(&b"\n"[..]), char('\n'))
}

/// ```text
/// arguments = *( "agi_arg_" number ": " value LF )    ; counted from 1
/// ```
fn arguments(block: &[u8]) -> IResult<&[u8], Vec<&[u8]>> {
    let argument = separated_pair(
        preceded(tag(&b"agi_arg_"[..]), digit1),
        tag(&b": "[..]),
        terminated(take_until(&b"\n"[..]), char('\n')),
    );
    let in_order = |arguments: &Vec<(&[u8], &[u8])>| {
        arguments.iter().zip(1..).all(|((digits, _), number)| *digits == number.to_string().as_bytes())
    };
    map(verify(many0(argument), in_order), |arguments| {
        arguments.into_iter().map(|(_, value)| value).collect()
    })
    .parse(block)
}
