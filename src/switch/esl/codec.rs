//! The codec that cuts an event socket stream into messages.
//!
//! Knows the blank line after the headers and `Content-Length`; does not know what any other header means.

use bytes::{Buf, BytesMut};
use tokio_util::codec::Decoder;

use crate::switch::SwitchError;

/// The codec of one connection. A message is a header block, its blank line, and the body if there is one.
///
/// It cuts the beginning off a block that is too long, and returns the end. The last headers are needed to
/// give the call back, `Socket-Mode` among them.
#[derive(Debug)]
pub struct EslCodec {
    /// Bytes of the longest header block that is returned whole.
    longest: usize,
    /// Bytes at the front that are known to hold no blank line; they are not searched again.
    seen: usize,
    /// Bytes of the message whose headers have come.
    length: Option<usize>,
    /// True if the beginning of this block was dropped.
    cut: bool,
}

impl Default for EslCodec {
    fn default() -> Self {
        Self::with_limit(LONGEST_BLOCK)
    }
}

impl EslCodec {
    /// Returns a codec that returns header blocks of at most so many bytes whole.
    pub(super) fn with_limit(longest: usize) -> Self {
        Self { longest, seen: 0, length: None, cut: false }
    }

    /// Drops the beginning of a block that is too long, and returns the new offset of `end`. Drops whole
    /// lines only: half a line could look like a header that nobody wrote.
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

/// Bytes of the longest header block by default. FreeSWITCH has no limit: channel data with a variable of 1
/// MiB of non-ASCII bytes is 3.1 MiB.
pub const LONGEST_BLOCK: usize = 4 * 1024 * 1024;

/// Bytes of the longest body that is accepted. The body of the disconnect notice has 67 bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// Bytes of the line feeds at the end of a block.
const BLANK_LINE: usize = 2;

/// Bytes that are kept of a block that is too long.
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

    /// Drops a message that the end of the stream cut off.
    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<BytesMut>, SwitchError> {
        let message = self.decode(buffer)?;
        if message.is_none() {
            buffer.clear();
        }
        Ok(message)
    }
}

/// Returns the offset after the first blank line. Searches no byte twice except the last one seen.
fn end_of_headers(buffer: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(1);
    let end = buffer.get(from..)?.windows(2).position(|pair| pair == b"\n\n")?;
    Some(from + end + 2)
}

fn body_length(headers: &[u8]) -> Result<usize, SwitchError> {
    // a reply has no body: `Content-Length` is part of a value that we asked for
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

/// The first line of every reply to a command except `connect` (`mod_event_socket.c`, `listener_run`).
const REPLY: &[u8] = b"Content-Type: command/reply\n";

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b"Event-Name: CHANNEL_DATA\nvariable_a: b\n\nContent-Type: command/reply\nReply-Text: +OK\n\n\
        Content-Type: text/disconnect-notice\nContent-Length: 12\n\none\n\ntwo\n\n\n\nContent-Type: x\n\n";

    #[test]
    fn messages_are_the_same_if_the_stream_is_cut_anywhere() {
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
    fn the_end_of_a_block_that_is_too_long_is_a_message() {
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
    fn no_half_line_of_a_block_that_was_cut_looks_like_a_header() {
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
    fn a_body_with_an_unreadable_or_huge_length_is_refused() {
        let decode = |text: &[u8]| EslCodec::default().decode(&mut BytesMut::from(text));
        assert!(matches!(decode(b"Content-Length: 99999999\n\n"), Err(SwitchError::TooLong)));
        assert!(matches!(decode(b"Content-Length: -1\n\n"), Err(SwitchError::Forged(_))));
        assert!(decode(b"content-length: 3\n\nab").unwrap().is_none());
        let reply = b"Content-Type: command/reply\nReply-Text: a\nContent-Length: 60000\n\n";
        assert_eq!(decode(reply).unwrap().unwrap(), reply[..], "the reply to getvar holds a stranger's line");
    }
}
