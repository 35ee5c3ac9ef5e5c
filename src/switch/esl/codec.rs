//! Where one event socket message ends and the next begins.
//!
//! Knows the blank line behind the headers and `Content-Length`; does not know what any other header means.

use bytes::{Buf, BytesMut};
use tokio_util::codec::Decoder;

use crate::switch::SwitchError;

/// Cuts the stream into messages: a header block, its blank line, and the body if there is one.
///
/// Of a block that is too long the end is handed out: it tells how to give the call back
/// (`Socket-Mode` is among the last headers).
#[derive(Debug)]
pub struct EslCodec {
    /// Bytes of the longest header block taken.
    longest: usize,
    /// How many bytes at the front are known to hold no blank line: they are not read a second time.
    seen: usize,
    /// The whole length of the message whose headers are there already.
    length: Option<usize>,
    /// Whether the beginning of this block is gone.
    cut: bool,
}

impl Default for EslCodec {
    fn default() -> Self {
        Self::with_limit(LONGEST_BLOCK)
    }
}

impl EslCodec {
    /// A codec for messages whose header blocks have so many bytes at most.
    pub(super) fn with_limit(longest: usize) -> Self {
        Self { longest, seen: 0, length: None, cut: false }
    }

    /// Takes away what is too much of a block that ends here or later, and says where that place is now. No half line
    /// is left at the front of a whole block: it could look like a header that nobody wrote.
    fn cut(&mut self, buffer: &mut BytesMut, end: usize) -> usize {
        self.cut |= end > self.longest;
        let surplus = if self.cut { end.saturating_sub(KEPT) } else { 0 };
        if surplus == 0 {
            return end;
        }
        let kept = buffer.get(surplus..end).unwrap_or_default();
        // the line feed stays for now: it may be half of the blank line
        let surplus = surplus + kept.iter().position(|byte| *byte == b'\n').unwrap_or_default();
        buffer.advance(surplus);
        end - surplus
    }
}

/// Bytes of the longest header block taken where nothing else is said. `FreeSWITCH` knows no limit: channel data with a variable of 1 MiB of non-ASCII
/// bytes is 3.1 MiB.
pub const LONGEST_BLOCK: usize = 4 * 1024 * 1024;

/// The longest body taken; the only one that comes without being asked for has 67 bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// The line feeds at the end of a block.
const BLANK_LINE: usize = 2;

/// How much of a block that is too long is kept.
const KEPT: usize = 4096;

impl Decoder for EslCodec {
    type Item = BytesMut;
    type Error = SwitchError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<BytesMut>, SwitchError> {
        if self.length.is_none() {
            match end_of_headers(buffer, self.seen) {
                Some(end) => {
                    let mut end = self.cut(buffer, end);
                    if self.cut && end > BLANK_LINE {
                        buffer.advance(1);
                        end -= 1;
                    }
                    self.length = Some(end + body_length(buffer.get(..end).unwrap_or_default())?);
                }
                None => self.seen = self.cut(buffer, buffer.len()),
            }
        }
        match self.length {
            Some(length) if buffer.len() >= length => {
                *self = Self::with_limit(self.longest);
                Ok(Some(buffer.split_to(length)))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// What is cut off by the end of the stream is no message.
    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<BytesMut>, SwitchError> {
        let message = self.decode(buffer)?;
        if message.is_none() {
            buffer.clear();
        }
        Ok(message)
    }
}

/// Behind the first blank line; looks at nothing twice but the last byte seen.
fn end_of_headers(buffer: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(1);
    let end = buffer.get(from..)?.windows(2).position(|pair| pair == b"\n\n")?;
    Some(from + end + 2)
}

fn body_length(headers: &[u8]) -> Result<usize, SwitchError> {
    // it has no body: a `Content-Length` stands in a value that we asked for
    if headers.starts_with(REPLY) {
        return Ok(0);
    }
    let named = |line: &'_ [u8]| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME));
    let Some(line) = headers.split(|byte| *byte == b'\n').find(|line| named(line)) else { return Ok(0) };
    let length = line.get(NAME.len()..).and_then(|text| std::str::from_utf8(text).ok()?.trim().parse().ok());
    match length {
        Some(length) if length <= LONGEST_BODY => Ok(length),
        Some(_) => Err(SwitchError::TooLong),
        None => Err(SwitchError::Forged("a message of FreeSWITCH has no readable Content-Length")),
    }
}

const NAME: &[u8] = b"Content-Length:";

/// How every reply to a command begins, but for that to `connect` (`mod_event_socket.c`, `listener_run`).
const REPLY: &[u8] = b"Content-Type: command/reply\n";

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b"Event-Name: CHANNEL_DATA\nvariable_a: b\n\nContent-Type: command/reply\nReply-Text: +OK\n\n\
        Content-Type: text/disconnect-notice\nContent-Length: 12\n\none\n\ntwo\n\n\n\nContent-Type: x\n\n";

    #[test]
    fn messages_do_not_depend_on_how_the_stream_was_cut() {
        for size in 1..=STREAM.len() {
            let (mut codec, mut buffer, mut all) = (EslCodec::default(), BytesMut::new(), Vec::new());
            for piece in STREAM.chunks(size) {
                buffer.extend_from_slice(piece);
                while let Some(message) = codec.decode(&mut buffer).unwrap() {
                    all.push(message.to_vec());
                }
            }
            assert_eq!(all.concat(), STREAM, "in pieces of {size}");
            assert_eq!(all.len(), 4, "in pieces of {size}");
            assert!(all[2].ends_with(b"\n\none\n\ntwo\n\n\n\n"));
        }
    }

    #[test]
    fn of_a_block_that_is_too_long_the_end_is_handed_out() {
        let (mut codec, mut buffer) = (EslCodec::default(), BytesMut::new());
        for _ in 0..40 {
            buffer.extend_from_slice(&vec![b'x'; LONGEST_BLOCK / 10]);
            assert!(codec.decode(&mut buffer).unwrap().is_none());
            assert!(buffer.len() <= LONGEST_BLOCK);
        }
        buffer.extend_from_slice(b"\nSocket-Mode: async\n\n");
        let message = codec.decode(&mut buffer).unwrap().unwrap();
        assert!(message.len() < LONGEST_BLOCK && message.ends_with(b"Socket-Mode: async\n\n"));
        // what follows is a message like any other
        buffer.extend_from_slice(b"a: b\n\n");
        assert_eq!(codec.decode(&mut buffer).unwrap().unwrap(), b"a: b\n\n"[..]);
    }

    #[test]
    fn nothing_that_was_cut_looks_like_a_header() {
        let line = [b"variable_x: ".repeat(LONGEST_BLOCK / 12), b"Content-Length: 9".repeat(600)].concat();
        let whole = [line.as_slice(), b"\nSocket-Mode: static\n\n"].concat();
        for size in [whole.len(), LONGEST_BLOCK + 1, 1_000_003] {
            let (mut codec, mut buffer, mut messages) = (EslCodec::default(), BytesMut::new(), Vec::new());
            for piece in whole.chunks(size) {
                buffer.extend_from_slice(piece);
                messages.extend(codec.decode(&mut buffer).unwrap());
            }
            assert_eq!(messages, [&b"Socket-Mode: static\n\n"[..]], "in pieces of {size}");
        }
    }

    #[test]
    fn a_body_has_a_readable_and_sensible_length() {
        let decode = |text: &[u8]| EslCodec::default().decode(&mut BytesMut::from(text));
        assert!(matches!(decode(b"Content-Length: 99999999\n\n"), Err(SwitchError::TooLong)));
        assert!(matches!(decode(b"Content-Length: -1\n\n"), Err(SwitchError::Forged(_))));
        assert!(decode(b"content-length: 3\n\nab").unwrap().is_none());
        let reply = b"Content-Type: command/reply\nReply-Text: a\nContent-Length: 60000\n\n";
        assert_eq!(decode(reply).unwrap().unwrap(), reply[..], "the reply to getvar holds a stranger's line");
    }
}
