//! A FreeSWITCH that is none: it connects, waits for `connect`, and does what it is told as the real one was seen to
//! do (`mod_event_socket.c`), to the call as well: where the daemon says the wrong thing, the call is stuck.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant};

use super::expansion::{self, Expansion};
use super::within_patience;

/// The words behind the address in `<action application="socket" …/>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketMode {
    None,
    Full,
    Async,
    AsyncFull,
}

/// What FreeSWITCH replies to `connect`: a recorded block, with what a test changes.
#[derive(Debug, Clone)]
pub struct ChannelData {
    /// In their order, encoded as they are sent.
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// What the channel really holds, by the name in small letters.
    variables: BTreeMap<String, Vec<u8>>,
}

/// One connection to the daemon.
#[derive(Debug)]
pub struct FakeFreeSwitch<S = TcpStream> {
    pub stream: S,
    read: Vec<u8>,
    channel: ChannelData,
    /// In async mode what is to be executed as soon as the daemon has let go, and which command it was.
    queued: Vec<(usize, Vec<u8>)>,
    resumes: bool,
    elsewhere: bool,
    commands: Vec<String>,
    /// The time of the first reply to `connect`.
    connected: Option<Instant>,
    /// True once the parked call has done what was queued for it.
    park_began: bool,
    /// True if the call's thread is too busy to do so before the connection ends.
    pub busy: bool,
}

/// What has become of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallState {
    /// The next action of the dialplan runs.
    GoesOn,
    /// For ever: an async socket ended without `resume`, and it is a race whether the call had parked before.
    Parked,
    /// For ever: a static socket ended with `resume`, or one of a call that had been taken elsewhere.
    StuckInReset,
    /// It was taken elsewhere, and is there as if nothing had happened.
    Elsewhere,
    /// It was parked elsewhere, and the end of the connection ended that park.
    Unparked,
    /// Both legs: `resume` sent a leg into the state of a dialplan that it does not have.
    HungUp,
}

/// The time after `connect` in which the call parks (`socket_function`).
const PARKING: Duration = Duration::from_millis(5);

/// A call that the daemon has given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenBack {
    /// What the channel holds now, by the name in small letters.
    pub variables: BTreeMap<String, Vec<u8>>,
    pub state: CallState,
    /// What was said after `connect`: a `set` with what it stored, the others as they came.
    pub commands: Vec<String>,
}

impl SocketMode {
    pub const ALL: [Self; 4] = [Self::None, Self::Full, Self::Async, Self::AsyncFull];

    /// As the names of recordings have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Full => "full",
            Self::Async => "async",
            Self::AsyncFull => "async-full",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Full => "full",
            Self::Async => "async",
            Self::AsyncFull => "async full",
        }
    }

    /// Whether the call is parked meanwhile.
    pub fn is_async(self) -> bool {
        matches!(self, Self::Async | Self::AsyncFull)
    }
}

/// A file beneath `tests/data/esl`.
pub fn recording(name: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/esl").join(name);
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

impl ChannelData {
    /// A call whose dialplan says `socket ADDRESS` and the words of this mode.
    pub fn new(mode: SocketMode, address: &str) -> Self {
        Self::recorded(&format!("{}.connect.txt", mode.name())).socket(mode, address)
    }

    /// A call as it was recorded.
    pub fn recorded(file: &str) -> Self {
        let block = recording(file);
        let lines = block.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let header = |line: &[u8]| {
            let end = line.windows(2).position(|pair| pair == b": ").expect("a header");
            (line[..end].to_vec(), line[end + 2..].to_vec())
        };
        let headers: Vec<_> = lines.map(header).collect();
        let variable = |(name, value): &(Vec<u8>, Vec<u8>)| {
            let name = String::from_utf8_lossy(name.strip_prefix(b"variable_")?).to_ascii_lowercase();
            Some((name, percent_encoding::percent_decode(value).collect()))
        };
        let variables = headers.iter().filter_map(variable).collect();
        Self { headers, variables }
    }

    /// The same call at another `socket`.
    #[must_use]
    pub fn socket(self, mode: SocketMode, address: &str) -> Self {
        let host = address.split(['|', ':']).next().unwrap_or_default();
        self.variable("current_application_data", format!("{address} {}", mode.words()))
            .variable("socket_host", host)
    }

    /// What this variable holds.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        let encoded = url_encoded(&value);
        self.variables.insert(name.to_ascii_lowercase(), value);
        self.header(&format!("variable_{name}"), encoded)
    }

    /// What this header says, as it is sent; a new variable comes first of all variables.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let (name, value) = (name.as_bytes(), value.into());
        match self.headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => *known = value,
            None => {
                let first = self.headers.iter().position(|(known, _)| known.starts_with(b"variable_"));
                self.headers.insert(first.expect("variables"), (name.to_vec(), value));
            }
        }
        self
    }

    /// What the channel really holds, by the name in small letters.
    pub fn variables(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.variables
    }

    /// Without this header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name.as_bytes());
        self
    }

    /// The block with its empty line.
    pub fn bytes(&self) -> Vec<u8> {
        let line = |(name, value): &(Vec<u8>, Vec<u8>)| [name, &b": "[..], value, b"\n"].concat();
        let mut block: Vec<u8> = self.headers.iter().flat_map(line).collect();
        block.push(b'\n');
        block
    }

    fn says(&self, name: &[u8]) -> &[u8] {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_slice()).unwrap_or_default()
    }

    fn is_async(&self) -> bool {
        self.says(b"Socket-Mode") == b"async"
    }

    /// True if `CF_CONTROLLED` is set, which the end of any listener clears.
    fn is_parked(&self) -> bool {
        let state = self.says(b"Channel-State");
        state == b"CS_PARK" || state == b"CS_EXECUTE" && self.runs(&["park", "socket"])
    }

    /// True if one of these applications is the last that began on the call.
    fn runs(&self, applications: &[&str]) -> bool {
        let application = self.variables.get("current_application").map(Vec::as_slice).unwrap_or_default();
        applications.iter().any(|one| one.as_bytes() == application)
    }

    /// False on a leg that was called.
    fn has_dialplan(&self) -> bool {
        self.says(b"Channel-State") == b"CS_EXECUTE" && self.says(b"Other-Type") != b"originatee"
    }

    fn is_true(&self, name: &str) -> bool {
        // `switch_true`
        let text = self.variables.get(name).map(|value| String::from_utf8_lossy(value).to_ascii_lowercase());
        let text = text.unwrap_or_default();
        let words = ["yes", "on", "true", "t", "enabled", "active", "allow"];
        let number = text.trim_start_matches(['+', '-']);
        words.contains(&text.as_str())
            || number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
                && number.bytes().take_while(u8::is_ascii_digit).any(|digit| digit != b'0')
    }
}

/// `switch_url_encode` (`src/switch_utils.c`): a `%` before two digits stays as it is.
pub fn url_encoded(value: &[u8]) -> Vec<u8> {
    let is_digit = |at: usize| value.get(at).is_some_and(|byte| b"0123456789ABCDEF".contains(byte));
    let mut encoded = Vec::with_capacity(value.len());
    for (at, &byte) in value.iter().enumerate() {
        let spared = byte == b'%' && is_digit(at + 1) && is_digit(at + 2);
        let plain = (b' '..=b'~').contains(&byte) && !b"\r\n \"#%&+:;<=>?@[\\]^`{|}".contains(&byte);
        match spared || plain {
            true => encoded.push(byte),
            false => encoded.extend(format!("%{byte:02X}").bytes()),
        }
    }
    if encoded.is_empty() { b"_undef_".to_vec() } else { encoded }
}

impl FakeFreeSwitch {
    /// A connection on which nothing was said yet.
    pub async fn connect(address: SocketAddr, channel: ChannelData) -> Self {
        let stream = TcpStream::connect(address).await.expect("the daemon listens");
        stream.set_nodelay(true).expect("an option that every system has");
        Self::over(stream, channel)
    }

    /// One whole call.
    pub async fn call(address: SocketAddr, channel: ChannelData) -> GivenBack {
        Self::connect(address, channel).await.converse().await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FakeFreeSwitch<S> {
    /// The same over any stream.
    pub fn over(stream: S, channel: ChannelData) -> Self {
        let (read, queued, commands) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            stream,
            read,
            channel,
            queued,
            resumes: false,
            elsewhere: false,
            commands,
            connected: None,
            park_began: false,
            busy: false,
        }
    }

    /// The whole conversation about one call.
    pub async fn converse(mut self) -> GivenBack {
        self.greet().await;
        self.obey().await
    }

    /// Waits for `connect`, and says the channel data.
    pub async fn greet(&mut self) {
        self.expect_connect().await;
        self.connected = Some(Instant::now());
        self.say(&self.channel.bytes()).await;
    }

    /// Waits for `connect`.
    pub async fn expect_connect(&mut self) {
        assert_eq!(self.command().await.as_deref(), Some(&b"connect"[..]));
    }

    /// The caller hangs up, and the notice of it comes byte by byte.
    pub async fn hang_up_slowly(&mut self) {
        for byte in self.notice() {
            self.say(&[byte]).await;
            tokio::task::yield_now().await;
        }
    }

    /// Somebody takes the parked call elsewhere, where it plays a tone. Nobody tells the daemon.
    pub fn taken_elsewhere(&mut self) {
        let channel = self.channel.clone().header("Caller-Profile-Index", "2");
        let channel = channel.variable("current_application", "playback");
        self.channel = channel.variable("current_application_data", "tone_stream://%(3500,0,425)");
        self.elsewhere = true;
    }

    /// What the channel holds now.
    pub fn channel(&mut self) -> &mut ChannelData {
        &mut self.channel
    }

    /// Does what the daemon says until it says `exit` or ends; what then becomes of the call.
    pub async fn obey(mut self) -> GivenBack {
        while let Some(command) = self.command().await {
            if command == b"connect" {
                self.locate().await;
                continue;
            }
            let reply = self.execute(&command);
            self.say(format!("Content-Type: command/reply\nReply-Text: {reply}\n\n").as_bytes()).await;
            if command == b"exit" {
                self.say(&self.notice()).await;
                break;
            }
        }
        self.given_back()
    }

    /// Replies to a further `connect`. The parked call has done by now what was queued for it.
    pub async fn locate(&mut self) {
        self.commands.push("connect".to_owned());
        if !self.busy {
            self.park_began |= !self.queued.is_empty();
            self.run_queue();
        }
        self.say(&self.channel.bytes()).await;
    }

    fn run_queue(&mut self) {
        for (number, argument) in std::mem::take(&mut self.queued) {
            self.set(number, &argument);
        }
    }

    fn notice(&self) -> Vec<u8> {
        let uuid = String::from_utf8_lossy(self.channel.says(b"Unique-ID")).into_owned();
        format!(
            "Content-Type: text/disconnect-notice\nControlled-Session-UUID: {uuid}\n\
             Content-Disposition: disconnect\nContent-Length: 67\n\n\
             Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
        )
        .into_bytes()
    }

    /// Does one command, and says what it replies.
    fn execute(&mut self, command: &[u8]) -> String {
        let mut lines = command.split(|&byte| byte == b'\n');
        let first = String::from_utf8(lines.next().unwrap_or_default().to_vec()).expect("a command in ASCII");
        if first == "sendmsg" {
            let body = command.windows(2).position(|pair| pair == b"\n\n").map(|at| &command[at + 2..]);
            let head = &command[..command.len() - body.map_or(0, |body| body.len() + 2)];
            assert_eq!(
                String::from_utf8_lossy(head),
                format!(
                    "sendmsg\ncall-command: execute\nexecute-app-name: set\ncontent-type: text/plain\ncontent-length: {}",
                    body.map_or(0, <[u8]>::len)
                ),
                "the only message that we send"
            );
            let argument = body.expect("a body").to_vec();
            let number = self.commands.len();
            self.commands.push(String::new());
            // a call that is elsewhere does it at its next frame; here at once
            match self.channel.is_async() && !self.elsewhere {
                true => self.queued.push((number, argument)),
                false => self.set(number, &argument),
            }
            return "+OK".to_owned();
        }
        self.commands.push(first.clone());
        if let Some(name) = first.strip_prefix("getvar ") {
            let value = self.channel.variables.get(name).cloned().unwrap_or_default();
            // the reply has room for so many
            let value = String::from_utf8_lossy(&value[..value.len().min(511)]).into_owned();
            return if value.is_empty() { "-ERR command not found".to_owned() } else { value };
        }
        match first.as_str() {
            "resume" => {
                self.resumes = true;
                "+OK".to_owned()
            }
            "exit" => "+OK bye".to_owned(),
            other => panic!("not a command of ours: {other}"),
        }
    }

    /// `base_set` of `mod_dptools.c`, behind the core's own pass.
    fn set(&mut self, number: usize, argument: &[u8]) {
        let core_expands = !self.channel.is_true("app_disable_expand_variables");
        let name = argument.split(|&byte| byte == b'=').next().unwrap_or_default();
        let name = String::from_utf8(name.to_vec()).expect("a name in ASCII");
        let value = match expansion::stored(argument, core_expands) {
            Ok(value) => value,
            Err(Expansion(what)) => panic!("{name}: FreeSWITCH would expand {}", what.escape_ascii()),
        };
        self.commands[number] = format!("set {name}={}", String::from_utf8_lossy(&value));
        // a string of C ends at NUL
        let value = value.split(|&byte| byte == 0).next().unwrap_or_default();
        let value = match value.strip_prefix(b"ARRAY::") {
            Some(elements) if !elements.windows(2).any(|pair| pair == b"|:") => elements,
            Some(_) | None => value,
        };
        let name = name.to_ascii_lowercase();
        if self.channel.is_async() {
            let channel = self.channel.clone().variable("current_application", "set");
            self.channel = channel.variable("current_application_data", argument);
        }
        self.channel = match value.is_empty() {
            true => {
                self.channel.variables.remove(&name);
                self.channel.clone().without(&format!("variable_{name}"))
            }
            false => self.channel.clone().variable(&name, value),
        };
    }

    /// The end of `listener_run` and `socket_function`.
    fn given_back(mut self) -> GivenBack {
        // the listener looks at the variable before the call's thread does what is queued
        let resumes_now = self.resumes || self.channel.is_true("socket_resume");
        let plays = !self.channel.runs(&["set", "socket"]);
        self.run_queue();
        let resumes = self.resumes || self.channel.is_true("socket_resume");
        let parked = self.connected.is_some_and(|connected| connected.elapsed() >= PARKING);
        let state = match (self.channel.is_async(), resumes) {
            (_, resumes) if self.elsewhere => match (resumes, self.channel.is_parked()) {
                (true, _) => CallState::StuckInReset,
                (false, true) => CallState::Unparked,
                (false, false) => CallState::Elsewhere,
            },
            (true, _) if !self.channel.has_dialplan() => match (resumes_now, parked) {
                (true, _) => CallState::HungUp,
                (false, true) => CallState::GoesOn,
                (false, false) => CallState::Parked,
            },
            (true, true) | (false, false) => CallState::GoesOn,
            (true, false) if (self.park_began || parked) && !plays => CallState::GoesOn,
            (true, false) => CallState::Parked,
            (false, true) => CallState::StuckInReset,
        };
        GivenBack { variables: self.channel.variables, state, commands: self.commands }
    }

    /// Says these bytes; that nobody listens any more shows in what is heard.
    pub async fn say(&mut self, bytes: &[u8]) {
        let _unheard = self.stream.write_all(bytes).await;
        let _unheard = self.stream.flush().await;
    }

    /// The next command, its body behind an empty line; nothing at the end of the stream (`read_packet`).
    pub async fn command(&mut self) -> Option<Vec<u8>> {
        loop {
            let begin = self.read.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(self.read.len());
            self.read.drain(..begin);
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\n\n") {
                let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
                if self.read.len() >= end + 2 + length {
                    let rest = self.read.split_off(end + 2 + length);
                    let mut command = std::mem::replace(&mut self.read, rest);
                    command.truncate(if length == 0 { end } else { command.len() });
                    return Some(command);
                }
            }
            if !self.read_more().await {
                assert!(self.read.is_empty(), "half a command: {}", self.read.escape_ascii());
                return None;
            }
        }
    }

    /// All up to the end of the stream.
    pub async fn hear_all(&mut self) -> Vec<u8> {
        while self.read_more().await {}
        std::mem::take(&mut self.read)
    }

    async fn read_more(&mut self) -> bool {
        let read = within_patience("a word of the daemon", self.stream.read_buf(&mut self.read)).await;
        read.is_ok_and(|count| count > 0)
    }
}

impl GivenBack {
    /// The commands without the questions about the place of the call, whose number depends on time.
    pub fn orders(&self) -> Vec<&str> {
        self.commands.iter().map(String::as_str).filter(|command| *command != "connect").collect()
    }

    /// What a variable holds, nothing where it is not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| std::str::from_utf8(value).expect("UTF-8"))
    }

    /// `webhook_status`, or nothing at all.
    pub fn status(&self) -> &str {
        self.get("webhook_status").unwrap_or_default()
    }

    /// `webhook_reason`, or nothing at all.
    pub fn reason(&self) -> &str {
        self.get("webhook_reason").unwrap_or_default()
    }
}
