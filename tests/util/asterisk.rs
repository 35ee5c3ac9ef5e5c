//! Owner: the tests. A fake Asterisk: it sends an environment, replies to the challenge and runs the commands
//! of the daemon.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within_time_limit;

/// The environment of one call, and the values of its variables and functions.
#[derive(Debug, Clone)]
pub struct Environment {
    lines: Vec<(String, Vec<u8>)>,
    variables: BTreeMap<String, Vec<u8>>,
}

/// One connection to the daemon.
#[derive(Debug)]
pub struct FakeAsterisk<S = TcpStream> {
    pub stream: S,
    read: Vec<u8>,
}

/// A call that the daemon has given back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// The challenge; empty if there was none.
    pub challenge: String,
    /// Every variable that was set, in its order, as Asterisk would read it.
    pub set: Vec<(String, String)>,
    /// True if the daemon sent `failure`.
    pub failed: bool,
    /// All bytes from the daemon after the challenge.
    pub received: Vec<u8>,
}

impl Environment {
    /// A call on a Local channel with this `agi_network_script`. If it is empty, the line is left out.
    pub fn new(script: impl Into<Vec<u8>>) -> Self {
        let script = script.into();
        let request = [b"agi://127.0.0.1/", script.as_slice()].concat();
        let mut lines = vec![("agi_network", b"yes".to_vec())];
        if !script.is_empty() {
            lines.push(("agi_network_script", script));
        }
        lines.push(("agi_request", request));
        lines.extend(
            [
                ("agi_channel", "Local/200@from-trunk-00000001;2"),
                ("agi_language", "en"),
                ("agi_type", "Local"),
                ("agi_uniqueid", "1795416038.2"),
                ("agi_version", "22.10.1"),
                ("agi_callerid", "unknown"),
                ("agi_calleridname", "unknown"),
                ("agi_callingpres", "0"),
                ("agi_callingani2", "0"),
                ("agi_callington", "0"),
                ("agi_callingtns", "0"),
                ("agi_dnid", "unknown"),
                ("agi_rdnis", "unknown"),
                ("agi_context", "from-trunk"),
                ("agi_extension", "200"),
                ("agi_priority", "1"),
                ("agi_enhanced", "0.0"),
                ("agi_accountcode", ""),
                ("agi_threadid", "140024761169600"),
            ]
            .map(|(name, value)| (name, value.into())),
        );
        let lines = lines.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { lines, variables: BTreeMap::new() }
            .variable("CALLERID(num-pres)", "allowed_not_screened")
            .variable("CHANNEL(linkedid)", "1795416038.1")
    }

    /// The caller's number.
    #[must_use]
    pub fn caller(self, number: impl Into<Vec<u8>>) -> Self {
        let number = number.into();
        self.variable("CALLERID(num)", number.clone()).line("agi_callerid", number)
    }

    /// The caller's name.
    #[must_use]
    pub fn name(self, name: impl Into<Vec<u8>>) -> Self {
        let name = name.into();
        self.variable("CALLERID(name)", name.clone()).line("agi_calleridname", name)
    }

    /// One more argument of `AGI()`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<Vec<u8>>) -> Self {
        let number = 1 + self.lines.iter().filter(|(name, _)| name.starts_with("agi_arg_")).count();
        self.lines.push((format!("agi_arg_{number}"), argument.into()));
        self
    }

    /// Changes the value of this line.
    #[must_use]
    pub fn line(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let line = self.lines.iter_mut().find(|(known, _)| known == name);
        line.expect("a line of the environment").1 = value.into();
        self
    }

    /// Sets the value of a variable or function of the channel.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// The block with its empty line, as Asterisk sends it.
    pub fn bytes(&self) -> Vec<u8> {
        let line = |(name, value): &(String, Vec<u8>)| [name.as_bytes(), b": ", value, b"\n"].concat();
        let mut block: Vec<u8> = self.lines.iter().flat_map(line).collect();
        block.push(b'\n');
        block
    }

    /// The reply of Asterisk to a challenge: its text with every `${URIENCODE(((((((((${NAME}WORD)}`
    /// expanded.
    pub fn reply(&self, challenge: &str) -> Vec<u8> {
        let quoted = challenge.strip_prefix("GET FULL VARIABLE \"").and_then(|rest| rest.strip_suffix('"'));
        let mut expressions = quoted.expect("a challenge").split("|${URIENCODE(((((((((${");
        let mut reply = format!("200 result=1 ({}", expressions.next().unwrap_or_default()).into_bytes();
        for expression in expressions {
            let (name, word) = expression.split_once('}').expect("the end of a name");
            reply.extend(b"|((((((((");
            let piece = || name.strip_prefix("CHANNEL(appdata):").map(|place| self.appdata(place));
            let value = self.variables.get(name).cloned().or_else(piece).unwrap_or_default();
            reply.extend(uri_encode(&value));
            reply.extend(word.strip_suffix(")}").expect("the end of an expression").as_bytes());
        }
        reply.extend(b")\n");
        reply
    }

    /// The part `OFFSET:LENGTH` of the arguments of `AGI()`, up to the length that Asterisk shows.
    fn appdata(&self, place: &str) -> Vec<u8> {
        let given = |name: &str| name == "agi_request" || name.starts_with("agi_arg_");
        let given = self.lines.iter().filter(|(name, _)| given(name)).map(|(_, value)| value.as_slice());
        let mut text = given.collect::<Vec<_>>().join(&b',');
        text.truncate(4095);
        let (offset, length) = place.split_once(':').expect("an offset and a length");
        let number = |text: &str| text.parse::<usize>().expect("a number");
        text.into_iter().skip(number(offset)).take(number(length)).collect()
    }
}

/// `URIENCODE` (`main/utils.c`, `ast_uri_encode` with `ast_uri_http`).
fn uri_encode(bytes: &[u8]) -> Vec<u8> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    let encoded = |&byte: &u8| if plain(byte) { vec![byte] } else { format!("%{byte:02X}").into_bytes() };
    bytes.iter().flat_map(encoded).collect()
}

impl FakeAsterisk {
    /// Connects and sends nothing yet.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the daemon listens");
        stream.set_nodelay(true).expect("an option that every system has");
        Self::over(stream)
    }

    /// One whole call.
    pub async fn call(address: SocketAddr, environment: impl Borrow<Environment>) -> Ended {
        Self::connect(address).await.run(environment.borrow()).await
    }

    /// Breaks the connection by a reset.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("an option that every system has");
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FakeAsterisk<S> {
    /// The same over any stream.
    pub fn over(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// Plays one call from its greeting to its end.
    pub async fn run(mut self, environment: &Environment) -> Ended {
        match self.greet(environment).await {
            Ok(challenge) => Ended { challenge, ..self.run_commands().await },
            Err(ended) => ended,
        }
    }

    /// Sends the environment, replies to the challenge and returns the challenge.
    ///
    /// # Errors
    /// Returns everything that the daemon sent if that was no challenge.
    pub async fn greet(&mut self, environment: &Environment) -> Result<String, Ended> {
        self.send(&environment.bytes()).await;
        match self.receive_line().await {
            Some(line) if line.starts_with(b"GET FULL VARIABLE ") => {
                let challenge = String::from_utf8(line).expect("a challenge in ASCII");
                self.send(&environment.reply(&challenge)).await;
                Ok(challenge)
            }
            other => {
                let mut received = other.map(|line| [line.as_slice(), b"\n"].concat()).unwrap_or_default();
                received.extend(self.receive_all().await);
                Err(Ended::of(received))
            }
        }
    }

    /// Reads the commands up to the end of the stream, replies to each, and ends the connection.
    pub async fn run_commands(mut self) -> Ended {
        let ended = Ended::of(self.receive_all().await);
        for _ in &ended.set {
            self.send(b"200 result=1\n").await;
        }
        self.send(b"HANGUP\n").await;
        ended
    }

    /// Sends these bytes. An error is ignored: it shows in the next read.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _unheard = self.stream.write_all(bytes).await;
        let _unheard = self.stream.flush().await;
    }

    /// The next line without its line feed; `None` at the end of the stream.
    pub async fn receive_line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.read.iter().position(|&byte| byte == b'\n') {
                let rest = self.read.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.read, rest);
                line.pop();
                return Some(line);
            }
            if !self.read_more().await {
                return None;
            }
        }
    }

    /// Reads up to the end of the stream.
    pub async fn receive_all(&mut self) -> Vec<u8> {
        while self.read_more().await {}
        std::mem::take(&mut self.read)
    }

    async fn read_more(&mut self) -> bool {
        let read = within_time_limit("bytes of the daemon", self.stream.read_buf(&mut self.read)).await;
        read.is_ok_and(|count| count > 0)
    }
}

impl Ended {
    /// Reads the commands.
    ///
    /// # Panics
    /// Panics at any other command than `SET VARIABLE` and `failure`, and at half a line.
    fn of(received: Vec<u8>) -> Self {
        let mut ended = Self { received, ..Self::default() };
        for line in ended.received.split_inclusive(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\n").expect("whole lines");
            if line == b"failure" {
                ended.failed = true;
                continue;
            }
            let text = |word: Vec<u8>| String::from_utf8_lossy(&word).into_owned();
            let words: Vec<String> = as_asterisk_reads(line).into_iter().map(text).collect();
            match words.as_slice() {
                [set, variable, name, value] if [set, variable] == ["SET", "VARIABLE"] => {
                    ended.set.push((name.clone(), value.clone()));
                }
                _ => panic!("not a command of ours: {words:?}"),
            }
        }
        ended
    }

    /// The last value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.set.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// `WEBHOOK_STATUS`, or an empty string.
    pub fn status(&self) -> &str {
        self.get("WEBHOOK_STATUS").unwrap_or_default()
    }

    /// `WEBHOOK_CODE`, or an empty string.
    pub fn code(&self) -> &str {
        self.get("WEBHOOK_CODE").unwrap_or_default()
    }

    /// `WEBHOOK_REASON`, or an empty string.
    pub fn reason(&self) -> &str {
        self.get("WEBHOOK_REASON").unwrap_or_default()
    }
}

/// Splits a command into its words as `parse_args` of `res/res_agi.c` does.
pub fn as_asterisk_reads(line: &[u8]) -> Vec<Vec<u8>> {
    let (mut words, mut quoted, mut escaped, mut between) = (Vec::<Vec<u8>>::new(), false, false, true);
    for &byte in line {
        if between && (escaped || byte != b' ') {
            words.push(Vec::new());
            between = false;
        }
        match byte {
            _ if escaped => escaped = false,
            b'"' => {
                quoted = !quoted;
                continue;
            }
            b' ' | b'\t' if !quoted => {
                between = true;
                continue;
            }
            b'\\' => {
                escaped = true;
                continue;
            }
            _ => {}
        }
        if let Some(word) = words.last_mut() {
            word.push(byte);
        }
    }
    words
}
