//! The codec that cuts a FastAGI stream into messages.
//!
//! Knows the empty line after the environment, the end of a line, and the middle lines of a `520-` reply;
//! does not know what any of them means.

use bytes::BytesMut;
use tokio_util::codec::Decoder;

use crate::switch::SwitchError;

/// The codec of one connection. Messages are the environment, the challenge reply, then further replies, each
/// without the line feed at its end.
#[derive(Debug)]
pub struct AgiCodec {
    /// Bytes of the longest environment that is accepted.
    longest: usize,
    stage: Stage,
    /// Bytes at the front that are known to hold no end of a message; they are not searched again.
    seen: usize,
    /// The offset at which the last line in these bytes begins.
    line: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Environment,
    /// The reply to the challenge, which is one line. A forged environment may bring `520-` in its place,
    /// whose end would never come.
    ChallengeReply,
    Replies,
}

impl Default for AgiCodec {
    fn default() -> Self {
        Self::with_limit(LONGEST_ENVIRONMENT)
    }
}

impl AgiCodec {
    /// Returns a codec that accepts an environment of at most so many bytes.
    pub(super) fn with_limit(longest: usize) -> Self {
        Self { longest, stage: Stage::default(), seen: 0, line: 0 }
    }
}

/// Bytes of the longest environment that is accepted by default. Asterisk's own limits (8,191 bytes of
/// arguments, which can stand there twice, 4,095 bytes a value; `main/pbx.c`, `EXT_DATA_SIZE`,
/// `VAR_BUF_SIZE`) keep it below about 25 KiB.
pub const LONGEST_ENVIRONMENT: usize = 64 * 1024;

/// Bytes of the longest reply that is accepted. Only the reply to the challenge is long: the challenge has
/// room for about 40 names, and Asterisk returns at most 4,095 bytes for each (`main/pbx.c`, `VAR_BUF_SIZE`).
pub const LONGEST_REPLY: usize = 192 * 1024;

impl Decoder for AgiCodec {
    type Item = BytesMut;
    type Error = SwitchError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<BytesMut>, SwitchError> {
        let (end, longest) = match self.stage {
            Stage::Environment => (end_of_environment(buffer, self.seen), self.longest),
            Stage::ChallengeReply => (end_of_line(buffer, self.seen), LONGEST_REPLY),
            Stage::Replies => (end_of_reply(buffer, self.seen, &mut self.line), LONGEST_REPLY),
        };
        match end {
            Some(end) if end <= longest => {
                let mut message = buffer.split_to(end);
                message.truncate(end - 1);
                let stage = match self.stage {
                    Stage::Environment => Stage::ChallengeReply,
                    Stage::ChallengeReply | Stage::Replies => Stage::Replies,
                };
                *self = Self { stage, ..Self::with_limit(self.longest) };
                Ok(Some(message))
            }
            None if buffer.len() <= longest => {
                self.seen = buffer.len();
                Ok(None)
            }
            Some(_) | None => Err(SwitchError::TooLong),
        }
    }

    /// Drops a message that the end of the stream cut off.
    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<BytesMut>, SwitchError> {
        let message = self.decode(buffer)?;
        if message.is_none() {
            buffer.clear();
        }
        Ok(message)
    }
}

/// Returns the offset after the first empty line. Searches no byte twice except the last one seen.
fn end_of_environment(buffer: &[u8], seen: usize) -> Option<usize> {
    if buffer.first() == Some(&b'\n') {
        return Some(1);
    }
    let from = seen.saturating_sub(1);
    let end = buffer.get(from..)?.windows(2).position(|pair| pair == b"\n\n")?;
    Some(from + end + 2)
}

/// Returns the offset after the first line that ends after the bytes seen.
fn end_of_line(buffer: &[u8], seen: usize) -> Option<usize> {
    Some(seen + buffer.get(seen..)?.iter().position(|&byte| byte == b'\n')? + 1)
}

/// Returns the offset after the first line, or after the last line of a reply of several lines.
///
/// ```text
/// reply = line LF / "520-" line LF *( line LF ) "520 " line LF
/// ```
/// (`res/res_agi.c`, `agi_handle_command`)
fn end_of_reply(buffer: &[u8], mut seen: usize, line: &mut usize) -> Option<usize> {
    let many_lines = buffer.starts_with(b"520-");
    loop {
        let end = end_of_line(buffer, seen)?;
        if !many_lines || buffer.get(*line..)?.starts_with(b"520 ") {
            return Some(end);
        }
        (*line, seen) = (end, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(codec: &mut AgiCodec, buffer: &mut BytesMut) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(message) = codec.decode(buffer).unwrap() {
            all.push(String::from_utf8(message.to_vec()).unwrap());
        }
        all
    }

    const STREAM: &[u8] = b"agi_network: yes\nagi_request: x\n\n200 result=1\n\nHANGUP\n\
        520-Invalid command syntax.  Proper usage follows:\nusage\n520 End of proper usage.\n510 Invalid\n";
    const MESSAGES: [&str; 6] = [
        "agi_network: yes\nagi_request: x\n",
        "200 result=1",
        "",
        "HANGUP",
        "520-Invalid command syntax.  Proper usage follows:\nusage\n520 End of proper usage.",
        "510 Invalid",
    ];

    #[test]
    fn messages_are_the_same_if_the_stream_is_cut_anywhere() {
        for size in 1..=STREAM.len() {
            let (mut codec, mut buffer, mut all) = (AgiCodec::default(), BytesMut::new(), Vec::new());
            for piece in STREAM.chunks(size) {
                buffer.extend_from_slice(piece);
                all.extend(messages(&mut codec, &mut buffer));
            }
            assert_eq!(all, MESSAGES, "in pieces of {size}");
        }
    }

    #[test]
    fn the_end_of_a_usage_text_is_not_waited_for_in_place_of_the_challenge_reply() {
        let mut buffer = BytesMut::from(&b"agi_network: yes\n\n520-x\n"[..]);
        assert_eq!(messages(&mut AgiCodec::default(), &mut buffer), ["agi_network: yes\n", "520-x"]);
    }

    #[test]
    fn an_empty_environment_is_a_message_too() {
        let mut buffer = BytesMut::from(&b"\nx\n"[..]);
        assert_eq!(messages(&mut AgiCodec::default(), &mut buffer), ["", "x"]);
    }

    #[test]
    fn a_message_without_an_end_is_too_long() {
        for start in [&b""[..], b"agi_network: yes\n\n", b"agi_network: yes\n\n200 x\n520-x\n"] {
            let (mut codec, mut buffer) = (AgiCodec::default(), BytesMut::from(start));
            messages(&mut codec, &mut buffer);
            buffer.extend_from_slice(&vec![b'x'; LONGEST_ENVIRONMENT.max(LONGEST_REPLY) + 1]);
            assert!(matches!(codec.decode(&mut buffer), Err(SwitchError::TooLong)));
        }
    }

    #[test]
    fn an_environment_of_just_the_limit_is_accepted_and_a_longer_one_is_not() {
        let environment = b"agi_network: yes\n\n";
        let decode = |longest| AgiCodec::with_limit(longest).decode(&mut BytesMut::from(&environment[..]));
        assert!(decode(environment.len()).unwrap().is_some());
        assert!(matches!(decode(environment.len() - 1), Err(SwitchError::TooLong)));
    }

    #[test]
    fn the_end_of_the_stream_leaves_no_half_message() {
        let mut buffer = BytesMut::from(&b"agi_network: yes\n"[..]);
        assert!(AgiCodec::default().decode_eof(&mut buffer).unwrap().is_none());
        assert!(buffer.is_empty());
    }
}
