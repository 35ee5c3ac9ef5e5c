//! The dialect of FreeSWITCH: the outbound event socket (`mod_event_socket.c`).
//!
//! We send `connect`, and the reply is the whole channel. The final commands set the variables and give the
//! call back, in the way that the state of the call needs: the two modes of the socket need opposite ones.
//!
//! [`codec`] cuts the stream into messages; `message` reads them, `exact` asks for the values that a message
//! does not give exactly, `socket_target` reads the address of the step; `park` reads how a call is parked,
//! `state` knows how it may be given back; `command` writes commands.

pub mod codec;
mod command;
mod exact;
mod message;
mod park;
mod socket_target;
mod state;

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use self::codec::{EslCodec, LONGEST_BLOCK};
use self::command::{CONNECT, Passes};
use self::exact::ExactValues;
use self::message::{ARGUMENT, Headers};
use self::state::{SOCKET_RESUME, State};
use crate::call::{Call, Parameter, SwitchKind};
use crate::switch::{Dialect, FetchFault, Fetched, Greeting, Location, SwitchError};
use crate::variable::{Assignment, FetchName, Unfit, Value};

/// Returns host, port and path of every target in an argument of the application `socket`.
#[must_use]
pub fn socket_targets(argument: &str) -> Vec<(String, u16, String)> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let targets = socket_target::read(argument.as_bytes());
    targets.iter().map(|target| (text(target.host), target.port, text(target.path))).collect()
}

/// The state of one outbound socket session.
#[derive(Debug, Clone)]
pub struct Esl {
    /// The port of our listener.
    port: u16,
    /// Bytes of the longest header block that is accepted.
    longest: usize,
    passes: Passes,
    /// The first channel data; empty before it has come.
    data: Bytes,
    exact: ExactValues,
    state: State,
}

impl Esl {
    /// Starts a session on a connection to this port of ours.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self {
            port,
            longest: LONGEST_BLOCK,
            passes: Passes::Two,
            data: Bytes::new(),
            exact: ExactValues::default(),
            state: State::Connecting,
        }
    }

    /// Sets the limit of the channel data in bytes.
    #[must_use]
    pub fn with_limit(self, longest: usize) -> Self {
        Self { longest, ..self }
    }

    /// Reads the reply to `connect`.
    fn read_channel_data(&mut self, message: BytesMut) -> Result<(), SwitchError> {
        let data = message.freeze();
        let headers = Headers::parse(&data);
        let Some(mode) = headers.last(b"Socket-Mode") else {
            return Err(SwitchError::Forged("the reply to connect is not what FreeSWITCH writes"));
        };
        if headers.is_true("app_disable_expand_variables") {
            self.passes = Passes::One;
        }
        self.state = State::of(&headers, mode);
        if !headers.is_channel_data() {
            return Err(SwitchError::TooLong);
        }
        if matches!(self.state, State::Moved(_)) {
            return Err(SwitchError::Moved);
        }
        self.exact = ExactValues::needed(&headers, &self.call(&headers));
        self.data = data.clone();
        Ok(())
    }

    fn call(&self, data: &Headers<'_>) -> Call {
        let mut parameters = Vec::new();
        for name in ["method", "url", "variable", "timeout", "accept"] {
            let value = self.exact.variable(data, &format!("webhook_{name}"));
            if !value.is_empty() {
                parameters.push(Parameter { name: Value::from(name), value });
            }
        }
        let argument = self.exact.variable(data, ARGUMENT);
        let address = socket_target::address(&argument, &data.variable("socket_host"), self.port);
        Call { address, parameters, ..message::call(data) }
    }

    /// Returns the command that undoes a `socket_resume=true` of the dialplan's author.
    fn unset_resume(&self) -> Vec<u8> {
        command::set(SOCKET_RESUME, b"false", self.passes)
    }
}

impl Dialect for Esl {
    const SWITCH: SwitchKind = SwitchKind::FreeSwitch;
    type Codec = EslCodec;

    fn codec(&self) -> EslCodec {
        EslCodec::with_limit(self.longest)
    }

    fn opening(&self) -> Option<&'static [u8]> {
        Some(CONNECT)
    }

    fn greeting(&mut self, message: BytesMut) -> Result<Greeting, SwitchError> {
        if let Some(reason) = self.session_end(&message) {
            return Err(reason);
        }
        match self.state {
            State::Connecting => self.read_channel_data(message)?,
            State::Static { .. } | State::Parked(_) | State::Moved(_) => {
                self.exact.read_reply(&Headers::parse(&self.data), &message);
            }
        }
        if let Some(command) = self.exact.query() {
            return Ok(Greeting::Query(command));
        }
        Ok(Greeting::Call(Box::new(self.call(&Headers::parse(&self.data)))))
    }

    /// A caller cannot forge the channel data, whose values are encoded.
    fn challenge(&self, _wanted: &[FetchName]) -> Result<Option<Vec<u8>>, FetchFault> {
        Ok(None)
    }

    fn read_challenge_reply(
        &self,
        _reply: Option<&[u8]>,
        call: &mut Call,
        wanted: &[FetchName],
    ) -> Result<Fetched, SwitchError> {
        if !wanted.is_empty() {
            call.variables = message::variables(&Headers::parse(&self.data), wanted);
        }
        match self.exact.are_complete() {
            true => Ok(Fetched::All),
            false => Ok(Fetched::Incomplete(FetchFault::NotExact)),
        }
    }

    /// The disconnect notice ends every connection, and is the same for every cause. It names the channel: in
    /// the reply to `getvar`, a value with an empty line in it can look like a notice.
    fn session_end(&self, message: &[u8]) -> Option<SwitchError> {
        if !message.starts_with(b"Content-Type: text/disconnect-notice\n") {
            return None;
        }
        let channel = Headers::parse(&self.data).text("Unique-ID");
        let named = Headers::parse(message).first(b"Controlled-Session-UUID");
        let is_ours = self.data.is_empty() || named.is_some_and(|uuid| uuid == channel.as_bytes());
        is_ours.then_some(SwitchError::HungUp)
    }

    /// A parked call that is transferred goes on, and no notice comes before it is hung up
    /// (`mod_event_socket.c`, `read_packet`). A second `connect` brings the present channel data.
    fn location_query(&self) -> Option<&'static [u8]> {
        self.state.needs_location().then_some(CONNECT)
    }

    fn read_location_reply(&mut self, message: &[u8]) -> Location {
        self.state.read_location_reply(&Headers::parse(message))
    }

    fn first_location_query(&self) -> Option<Duration> {
        self.state.first_location_query()
    }

    fn is_safe_to_close(&self) -> bool {
        self.state.is_safe_to_close()
    }

    /// The thread of the call runs queued commands when it looks for them: at once while it plays or bridges,
    /// later in an application without media.
    fn close_preparation(&self) -> Option<Vec<u8>> {
        self.state.must_prepare_close().then(|| self.unset_resume())
    }

    fn earliest_close(&self) -> Duration {
        self.state.earliest_close()
    }

    fn can_carry(assignment: &Assignment) -> Result<(), Unfit> {
        command::judge(assignment)
    }

    fn farewell(&self, assignments: &[Assignment]) -> Result<Vec<u8>, Unfit> {
        let mut commands = match self.state.must_unset_resume() {
            true => self.unset_resume(),
            false => Vec::new(),
        };
        for assignment in assignments {
            Self::can_carry(assignment)?;
            let name = assignment.name.as_str();
            commands.extend(command::set(name, assignment.value.as_bytes(), self.passes));
            // an answer may have set it
            if name.eq_ignore_ascii_case(SOCKET_RESUME) && self.state.is_harmed_by_resume() {
                commands.extend(self.unset_resume());
            }
        }
        Ok(commands)
    }

    fn refusal(&self) -> Vec<u8> {
        // `socket_resume` of a call that has moved was unset before
        let is_moved = matches!(self.state, State::Moved(_));
        match !is_moved && self.state.must_unset_resume() {
            true => self.unset_resume(),
            false => Vec::new(),
        }
    }

    fn release(&self) -> Vec<u8> {
        self.state.release()
    }

    fn confirms_execution(&self) -> bool {
        self.state.confirms_execution()
    }

    fn execution_is_pending(&self) -> bool {
        self.state.execution_is_pending()
    }

    /// `exit` is the end. FreeSWITCH could see a half-close before the commands in front of it.
    fn ends_with_half_close(&self) -> bool {
        false
    }

    fn is_confirmation(&self, message: &[u8]) -> bool {
        let headers = Headers::parse(message);
        match headers.first(b"Content-Type") {
            // a late reply to a location query
            Some(b"command/reply") if headers.first(b"Socket-Mode").is_some() => true,
            Some(b"command/reply") => {
                headers.first(b"Reply-Text").is_some_and(|text| text.starts_with(b"+OK"))
            }
            Some(_) | None => true,
        }
    }
}
