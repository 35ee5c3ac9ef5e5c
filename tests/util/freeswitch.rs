//! Owner: the tests. A fake FreeSWITCH: it connects, waits for `connect` and runs the commands of the daemon.
//!
//! It does what the real one was seen to do (`mod_event_socket.c`), to the call too: after a wrong command
//! the call is stuck.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant};

use super::channel_data::ChannelData;
use super::expansion::{self, Expansion};
use super::within_time_limit;

/// One connection to the daemon.
#[derive(Debug)]
pub struct FakeFreeSwitch<S = TcpStream> {
    pub stream: S,
    read: Vec<u8>,
    channel: ChannelData,
    /// The `set` commands that an async call runs after the connection has ended, each with its number.
    queued: Vec<(usize, Vec<u8>)>,
    resumes: bool,
    moved: bool,
    commands: Vec<String>,
    /// The time of the first reply to `connect`.
    connected: Option<Instant>,
    /// True after the parked call has run its queued commands.
    park_began: bool,
    /// True if the call's thread is too busy to run them before the connection ends.
    pub busy: bool,
}

/// The state of the call after its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallState {
    /// The next action of the dialplan runs.
    GoesOn,
    /// Parked for ever: an async socket ended without `resume`, and perhaps the call had not parked before.
    Parked,
    /// Stuck for ever: a static socket ended with `resume`, or the socket of a call that had been moved.
    StuckInReset,
    /// It was moved, and the step has not changed it.
    Moved,
    /// It was moved to a park, and the end of the connection ended that park.
    Unparked,
    /// Both legs are hung up: `resume` sent a leg into a dialplan that it does not have.
    HungUp,
}

/// The time after `connect` in which the call parks (`socket_function`).
const PARKING: Duration = Duration::from_millis(5);

/// A call that the daemon has given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenBack {
    /// The variables of the channel at the end, by their names in small letters.
    pub variables: BTreeMap<String, Vec<u8>>,
    pub state: CallState,
    /// The commands after `connect`: a `set` with the value that it stored, the others as they came.
    pub commands: Vec<String>,
}

impl FakeFreeSwitch {
    /// Connects and sends nothing yet.
    pub async fn connect(address: SocketAddr, channel: ChannelData) -> Self {
        let stream = TcpStream::connect(address).await.expect("the daemon listens");
        stream.set_nodelay(true).expect("an option that every system has");
        Self::over(stream, channel)
    }

    /// One whole call.
    pub async fn call(address: SocketAddr, channel: ChannelData) -> GivenBack {
        Self::connect(address, channel).await.run().await
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
            moved: false,
            commands,
            connected: None,
            park_began: false,
            busy: false,
        }
    }

    /// Plays one call from its greeting to its end.
    pub async fn run(mut self) -> GivenBack {
        self.greet().await;
        self.run_commands().await
    }

    /// Waits for `connect`, and sends the channel data.
    pub async fn greet(&mut self) {
        self.expect_connect().await;
        self.connected = Some(Instant::now());
        self.send(&self.channel.bytes()).await;
    }

    /// Waits for `connect`.
    pub async fn expect_connect(&mut self) {
        assert_eq!(self.command().await.as_deref(), Some(&b"connect"[..]));
    }

    /// Hangs up, and sends the disconnect notice byte by byte.
    pub async fn hang_up_slowly(&mut self) {
        for byte in self.notice() {
            self.send(&[byte]).await;
            tokio::task::yield_now().await;
        }
    }

    /// Moves the parked call to an extension that plays a tone. The daemon gets no message about it.
    pub fn move_call(&mut self) {
        let channel = self.channel.clone().header("Caller-Profile-Index", "2");
        let channel = channel.variable("current_application", "playback");
        self.channel = channel.variable("current_application_data", "tone_stream://%(3500,0,425)");
        self.moved = true;
    }

    /// The channel as it is now.
    pub fn channel(&mut self) -> &mut ChannelData {
        &mut self.channel
    }

    /// Obeys the daemon up to `exit` or the end of the connection, and returns the state of the call.
    pub async fn run_commands(mut self) -> GivenBack {
        while let Some(command) = self.command().await {
            if command == b"connect" {
                self.locate().await;
                continue;
            }
            let reply = self.execute(&command);
            self.send(format!("Content-Type: command/reply\nReply-Text: {reply}\n\n").as_bytes()).await;
            if command == b"exit" {
                self.send(&self.notice()).await;
                break;
            }
        }
        self.given_back()
    }

    /// Replies to a further `connect`. The parked call has run its queued commands by then.
    pub async fn locate(&mut self) {
        self.commands.push("connect".to_owned());
        if !self.busy {
            self.park_began |= !self.queued.is_empty();
            self.run_queue();
        }
        self.send(&self.channel.bytes()).await;
    }

    fn run_queue(&mut self) {
        for (number, argument) in std::mem::take(&mut self.queued) {
            self.set(number, &argument);
        }
    }

    fn notice(&self) -> Vec<u8> {
        let uuid = String::from_utf8_lossy(self.channel.value_of(b"Unique-ID")).into_owned();
        format!(
            "Content-Type: text/disconnect-notice\nControlled-Session-UUID: {uuid}\n\
             Content-Disposition: disconnect\nContent-Length: 67\n\n\
             Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
        )
        .into_bytes()
    }

    /// Runs one command, and returns the reply.
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
            // a call that was moved runs it at its next frame; here it runs at once
            match self.channel.is_async() && !self.moved {
                true => self.queued.push((number, argument)),
                false => self.set(number, &argument),
            }
            return "+OK".to_owned();
        }
        self.commands.push(first.clone());
        if let Some(name) = first.strip_prefix("getvar ") {
            let value = self.channel.variables.get(name).cloned().unwrap_or_default();
            // the longest value in a reply
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

    /// `base_set` of `mod_dptools.c`, after the pass of the core.
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
            (_, resumes) if self.moved => match (resumes, self.channel.is_parked()) {
                (true, _) => CallState::StuckInReset,
                (false, true) => CallState::Unparked,
                (false, false) => CallState::Moved,
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

    /// Sends these bytes. An error is ignored: it shows in the next read.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _unheard = self.stream.write_all(bytes).await;
        let _unheard = self.stream.flush().await;
    }

    /// The next command, with its body behind an empty line; `None` at the end of the stream (`read_packet`).
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

impl GivenBack {
    /// The commands without `connect`: the number of location queries depends on time.
    pub fn commands_without_connect(&self) -> Vec<&str> {
        self.commands.iter().map(String::as_str).filter(|command| *command != "connect").collect()
    }

    /// The value of a variable; `None` if it is not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| std::str::from_utf8(value).expect("UTF-8"))
    }

    /// `webhook_status`, or an empty string.
    pub fn status(&self) -> &str {
        self.get("webhook_status").unwrap_or_default()
    }

    /// `webhook_reason`, or an empty string.
    pub fn reason(&self) -> &str {
        self.get("webhook_reason").unwrap_or_default()
    }
}
