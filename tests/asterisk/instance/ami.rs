//! Owner: the tests. The Asterisk Manager Interface: one connection, many calls.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, timeout};

use super::TIME_LIMIT;
use super::process::{Process, secret};

/// The manager interface: one connection, many calls.
#[derive(Debug)]
pub(super) struct Ami {
    socket: tokio::sync::Mutex<OwnedWriteHalf>,
    pub(super) listeners: Listeners,
    ids: AtomicU64,
}

/// The receivers of the response to an action, or of the events of a channel, by the id of either.
type Listeners = Arc<Mutex<HashMap<String, UnboundedSender<Message>>>>;

impl Ami {
    /// Logs in and waits until Asterisk says that it is fully booted; `None` when another program has the
    /// port.
    pub(super) async fn connect(process: &mut Process, port: u16) -> Option<Ami> {
        let by = Instant::now() + TIME_LIMIT;
        let socket = loop {
            if let Ok(socket) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                break socket;
            }
            let ended = process.has_ended();
            assert!(!ended && Instant::now() < by, "Asterisk has not started:\n{}", process.log_tail());
            sleep(Duration::from_millis(5)).await;
        };
        let (receiving, sending) = socket.into_split();
        let listeners = Listeners::default();
        let manager = Ami { socket: sending.into(), listeners: listeners.clone(), ids: AtomicU64::default() };
        let mut booted = manager.listen("FullyBooted");
        tokio::spawn(dispatch(receiving, listeners));

        let secret = secret(&process.state);
        let login = [("Action", "Login"), ("Username", "tests"), ("Secret", &secret)];
        let answer = timeout(Duration::from_secs(5), manager.try_request(&login)).await.ok().flatten()?;
        if answer.text("Response") != "Success" {
            return None;
        }
        let event = timeout(TIME_LIMIT, booted.recv()).await;
        assert!(
            matches!(event, Ok(Some(_))),
            "Asterisk is not ready within {TIME_LIMIT:?}:\n{}",
            process.log_tail()
        );
        // Its command line is ready a moment after that event.
        while manager
            .request(&[("Action", "Command"), ("Command", "core show version")])
            .await
            .text("Response")
            == "Error"
        {
            assert!(Instant::now() < by, "Asterisk has no commands:\n{}", process.log_tail());
            sleep(Duration::from_millis(2)).await;
        }
        Some(manager)
    }

    /// An id for an action or a channel; none is the beginning of another, which Asterisk 22 takes for the
    /// same channel.
    pub(super) fn next_id(&self) -> String {
        format!("test-{:08}", self.ids.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn listen(&self, id: &str) -> UnboundedReceiver<Message> {
        let (sender, receiver) = unbounded_channel();
        self.listeners.lock().expect("no listener panics").insert(id.to_owned(), sender);
        receiver
    }

    pub(super) async fn request(&self, fields: &[(&str, &str)]) -> Message {
        timeout(TIME_LIMIT, self.try_request(fields))
            .await
            .ok()
            .flatten()
            .expect("Asterisk's manager answers")
    }

    /// Sends an action and awaits its response; `None` when the connection is gone.
    async fn try_request(&self, fields: &[(&str, &str)]) -> Option<Message> {
        let id = self.next_id();
        let mut answer = self.listen(&id);
        let mut action = format!("ActionID: {id}\r\n");
        for (key, value) in fields {
            assert!(!value.contains(['\r', '\n']), "the manager interface cannot carry {key}: {value:?}");
            action.push_str(&format!("{key}: {value}\r\n"));
        }
        action.push_str("\r\n");
        self.socket.lock().await.write_all(action.as_bytes()).await.ok()?;
        let answer = answer.recv().await;
        self.listeners.lock().expect("no listener panics").remove(&id);
        answer
    }
}

/// Reads messages until the connection ends, and sends each to its receiver.
async fn dispatch(socket: OwnedReadHalf, listeners: Listeners) {
    let mut lines = BufReader::new(socket);
    let mut message = Message::default();
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = line.strip_suffix(b"\r\n").unwrap_or(&line);
        if text.is_empty() {
            message.deliver(&listeners);
            message = Message::default();
        } else {
            let mut halves = text.splitn(2, |byte| *byte == b':');
            let (key, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
            let value = value.strip_prefix(b" ").unwrap_or(value);
            message.0.push((String::from_utf8_lossy(key).into_owned(), value.to_vec()));
        }
        line.clear();
    }
    listeners.lock().expect("no listener panics").clear();
}

/// A response or an event: its fields in order.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<(String, Vec<u8>)>);

impl Message {
    pub(super) fn all(&self, key: &str) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter(move |(found, _)| found == key).map(|(_, value)| value.as_slice())
    }

    pub(super) fn get(&self, key: &str) -> &[u8] {
        self.all(key).next().unwrap_or_default()
    }

    pub(super) fn text(&self, key: &str) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.get(key))
    }

    fn deliver(self, listeners: &Listeners) {
        let id = match &*self.text("Event") {
            "FullyBooted" => "FullyBooted".to_owned(),
            "" => self.text("ActionID").into_owned(),
            _ => self.text("Uniqueid").into_owned(),
        };
        if let Some(listener) = listeners.lock().expect("no listener panics").get(&id) {
            let _nobody_waits = listener.send(self);
        }
    }
}

/// Decodes the value of a `VarSet` event (`main/utils.c`, `ast_escape_c`).
pub(super) fn unescape(value: &[u8]) -> Vec<u8> {
    let mut bytes = value.iter().copied();
    let mut plain = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'a') => 0x07,
                Some(b'b') => 0x08,
                Some(b'f') => 0x0c,
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'v') => 0x0b,
                Some(other) => other,
                None => b'\\',
            },
            other => other,
        });
    }
    plain
}
