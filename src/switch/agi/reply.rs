//! The messages that Asterisk sends after the environment.
//!
//! ```text
//! message = "HANGUP" / reply
//! reply   = "200 result=" number [ SP "(" text ")" ] / code SP text / "520-" text
//! ```
//! (`res/res_agi.c`, `agi_handle_command` and the handlers.)

use nom::branch::alt;
use nom::bytes::complete::{tag, take};
use nom::character::complete::{char, i32 as decimal};
use nom::combinator::{eof, map, map_res, opt, recognize, rest, value, verify};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

/// One message of Asterisk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    /// The caller hung up. Asterisk sends this after our half-close, too, whether the caller hung up or not.
    Hangup,
    /// Asterisk understood the command.
    Result {
        /// The result of the command; 1 for a variable that was set or read.
        code: i32,
        /// The text between the parentheses. It is not escaped, so the last `)` ends it.
        text: Option<&'a [u8]>,
    },
    /// Asterisk did not run the command: 510, 511 or 520.
    Refused(u16),
}

impl<'a> Reply<'a> {
    /// Reads a whole message, without its last line feed. Returns `None` if Asterisk would not write it so.
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        alt((value(Self::Hangup, terminated(tag(&b"HANGUP"[..]), eof)), result, refused))
            .parse(message)
            .ok()
            .map(|(_, reply)| reply)
    }
}

fn result(message: &[u8]) -> IResult<&[u8], Reply<'_>> {
    let (rest, code) = preceded(tag(&b"200 result="[..]), decimal).parse(message)?;
    map(opt(preceded(tag(&b" ("[..]), parenthesised)), move |text| Reply::Result { code, text }).parse(rest)
}

/// Takes the text up to the last `)`.
fn parenthesised(text: &[u8]) -> IResult<&[u8], &[u8]> {
    let end = text.iter().rposition(|&byte| byte == b')').unwrap_or(0);
    terminated(take(end), (char(')'), rest)).parse(text)
}

fn refused(message: &[u8]) -> IResult<&[u8], Reply<'_>> {
    let code = map_res(recognize(take(3_usize)), std::str::from_utf8);
    let code = verify(map_res(code, str::parse), |&code| matches!(code, 510 | 511 | 520));
    map(terminated(code, (alt((char(' '), char('-'))), rest)), Reply::Refused).parse(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_reply_is_recognised() {
        let text = |code, text: &'static str| Some(Reply::Result { code, text: Some(text.as_bytes()) });
        for (message, reply) in [
            ("HANGUP", Some(Reply::Hangup)),
            ("200 result=1", Some(Reply::Result { code: 1, text: None })),
            ("200 result=-2", Some(Reply::Result { code: -2, text: None })),
            ("200 result=1 ()", text(1, "")),
            ("200 result=1 (a) b)", text(1, "a) b")),
            ("200 result=0 endpos=0", Some(Reply::Result { code: 0, text: None })),
            ("510 Invalid or unknown command", Some(Reply::Refused(510))),
            ("511 Command Not Permitted on a dead channel", Some(Reply::Refused(511))),
            ("520-Invalid\nusage\n520 End of proper usage.", Some(Reply::Refused(520))),
            ("", None),
            ("agi_arg_1: url=http://evil.example/", None),
            ("HANGUPS", None),
            ("200 result=", None),
            ("404 x", None),
            ("510", None),
        ] {
            assert_eq!(Reply::parse(message.as_bytes()), reply, "{message}");
        }
    }
}
