//! Reads a stream of server-sent events (HTML, section 9.2).

/// The beginning of a stream that is not a whole event yet.
#[derive(Debug, Default)]
pub(super) struct Events {
    buffer: Vec<u8>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// `message` if the stream gives no name.
    pub(super) name: String,
    pub(super) data: String,
}

/// The longest event, in bytes.
const LONGEST: usize = 1024 * 1024;

/// An event is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

impl Events {
    /// Adds bytes of the stream, and returns the events that are complete now.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        self.buffer.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = end_of_event(&self.buffer) {
            let rest = self.buffer.split_off(end);
            events.extend(event(&String::from_utf8_lossy(&self.buffer)));
            self.buffer = rest;
        }
        if self.buffer.len() > LONGEST { Err(TooLong) } else { Ok(events) }
    }
}

/// Returns the end of the first empty line.
fn end_of_event(buffer: &[u8]) -> Option<usize> {
    let mut begin = 0;
    for (at, _) in buffer.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        let line = buffer.get(begin..at).unwrap_or_default();
        begin = at + 1;
        if matches!(line, b"" | b"\r") {
            return Some(begin);
        }
    }
    None
}

/// ```text
/// event = *( field / comment ) LF
/// field = name [ ":" [ SP ] value ] LF
/// ```
fn event(text: &str) -> Option<Event> {
    let (mut name, mut data) = ("message", Vec::new());
    for line in text.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = value,
            "data" => data.push(value),
            _ => {}
        }
    }
    // a comment keeps the connection open
    (!data.is_empty()).then(|| Event { name: name.to_owned(), data: data.join("\n") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_do_not_depend_on_how_the_stream_is_cut() {
        let stream = ": open\r\n\r\nevent: step\r\nid: 1\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n:\n\ndata:é\n\nevent: lost\n\n";
        let expected = [("step", "{\"a\":\n1}"), ("message", "é")];
        let expected = expected.map(|(name, data)| Event { name: name.into(), data: data.into() });
        assert_eq!(Events::default().add(stream.as_bytes()).unwrap(), expected);
        let mut events = Events::default();
        let one_by_one = stream.bytes().flat_map(|byte| events.add(&[byte]).unwrap());
        assert_eq!(one_by_one.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_event_without_end_is_refused() {
        assert_eq!(Events::default().add(&vec![b'x'; LONGEST + 1]), Err(TooLong));
    }
}
