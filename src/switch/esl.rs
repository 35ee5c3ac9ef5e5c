//! FreeSWITCH's dialect: the outbound event socket (`mod_event_socket.c`).
//!
//! We say `connect`, and the reply is the whole channel. The farewell sets the variables and gives the call back, in
//! the way that the socket's mode wants: the two modes need opposite ones. Where a message ends: [`codec`]. What it
//! says: `message`. What is said: `command`.

pub mod codec;
mod command;
mod message;

use bytes::{Bytes, BytesMut};

use self::codec::EslCodec;
use self::command::{CONNECT, EXIT, Passes, RESUME};
use self::message::Headers;
use crate::call::{Call, Parameter};
use crate::switch::{Dialect, Greeting, SwitchError, Told, Untold};
use crate::variable::{Accept, Assignment, Unfit, Value, VariableName};

/// The paths in an argument of the application `socket`, one for each host.
#[must_use]
pub fn paths(argument: &str) -> Vec<String> {
    message::paths(argument)
}

/// One outbound socket conversation.
#[derive(Debug)]
pub struct Esl {
    /// The port that we listen on.
    port: u16,
    mode: Mode,
    /// Whether the author set `socket_resume`, which is deadly in static mode.
    resumes: bool,
    passes: Passes,
    /// The channel data, once it has come.
    data: Bytes,
    /// What is being asked for because the channel data cannot tell it exactly.
    asked: Option<Exactly>,
}

/// A text in which `%26` must not be taken for `&`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exactly {
    /// The address of this step; `socket_path` is this step's where it has a path.
    Address,
    /// The channel variable `webhook_url`.
    Url,
}

/// How the call waits for us, by `Socket-Mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The call's own thread waits in the `socket` application.
    Static,
    /// The call is parked.
    Async,
}

impl Esl {
    /// A conversation on a connection to this port of ours.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self {
            port,
            mode: Mode::Static,
            resumes: false,
            passes: Passes::Two,
            data: Bytes::new(),
            asked: None,
        }
    }

    /// What ends the conversation so that the dialplan goes on.
    fn release(&self) -> Vec<u8> {
        match self.mode {
            Mode::Async => [RESUME, EXIT].concat(),
            Mode::Static => EXIT.to_vec(),
        }
    }

    /// Undoes an author's `socket_resume=true` in static mode.
    fn rescue(&self) -> Result<Vec<u8>, Unfit> {
        let needed = self.resumes && self.mode == Mode::Static;
        let off = "socket_resume".parse().map(|name| Assignment { name, value: Value::from("false") });
        off.ok().filter(|_| needed).map_or(Ok(Vec::new()), |off| command::set(&off, self.passes))
    }

    /// Takes in the reply to `connect`.
    fn connected(&mut self, message: BytesMut) -> Result<Greeting, SwitchError> {
        let data = message.freeze();
        let headers = Headers::parse(&data);
        match headers.last(b"Socket-Mode") {
            Some(b"async") => self.mode = Mode::Async,
            Some(_) => {}
            None => return Err(SwitchError::Forged("the other end does not speak like FreeSWITCH")),
        }
        self.resumes = is_true(&headers.variable("socket_resume"));
        if is_true(&headers.variable("app_disable_expand_variables")) {
            self.passes = Passes::One;
        }
        if headers.first(b"Event-Name") != Some(b"CHANNEL_DATA") {
            return Err(SwitchError::TooLong);
        }
        let call = self.call(&headers);
        self.asked = unclear(&call, &headers);
        self.data = data.clone();
        Ok(match self.asked {
            Some(Exactly::Address) => Greeting::Further(b"getvar socket_path\n\n".to_vec()),
            Some(Exactly::Url) => Greeting::Further(b"getvar webhook_url\n\n".to_vec()),
            None => Greeting::Call(Box::new(call)),
        })
    }

    fn call(&self, headers: &Headers<'_>) -> Call {
        let value =
            |name: &str| Some(headers.variable(&format!("webhook_{name}"))).filter(|value| !value.is_empty());
        let parameter = |name: &str| Some(Parameter { name: Value::from(name), value: value(name)? });
        let parameters = ["method", "url", "variable", "timeout"].into_iter().filter_map(parameter).collect();
        Call { address: message::address(headers, self.port), parameters, ..message::call(headers) }
    }

    /// Takes in the reply to `getvar`: the text without any encoding, but not more than 511 bytes of it. A longer one
    /// stays as the channel data has it.
    fn read_exactly(&self, message: &[u8]) -> Greeting {
        let mut call = self.call(&Headers::parse(&self.data));
        let exact = Headers::parse(message).first(b"Reply-Text").unwrap_or_default();
        let whole = (1..LONGEST_REPLY_TEXT).contains(&exact.len()).then(|| Value::from(exact));
        let url = call.parameters.iter_mut().find(|parameter| parameter.name.as_bytes() == b"url");
        match (self.asked, whole, url) {
            (Some(Exactly::Address), Some(exact), _) => call.address = exact,
            (Some(Exactly::Url), Some(exact), Some(url)) => url.value = exact,
            (_, _, _) => {}
        }
        Greeting::Call(Box::new(call))
    }
}

/// What an ad hoc step needs more exactly than the channel data tells it: only the channel itself knows whether a `%26`
/// was `%26` or `&`. Any other step can do without asking.
fn unclear(call: &Call, headers: &Headers<'_>) -> Option<Exactly> {
    let (_, query) = call.path_and_query();
    let has_url = query.split(|byte| *byte == b'&').any(|pair| pair.starts_with(b"url="));
    let encoded = headers.first(b"variable_webhook_url").is_some_and(|url| url.contains(&b'%'));
    match call.is_ad_hoc() {
        true if has_url => Some(Exactly::Address),
        true if encoded => Some(Exactly::Url),
        true | false => None,
    }
}

/// `getvar` cuts what it replies (`mod_event_socket.c`, `parse_command`: `reply` has 512 bytes).
const LONGEST_REPLY_TEXT: usize = 511;

/// What FreeSWITCH takes for true (`src/include/switch_utils.h`, `switch_true`).
fn is_true(value: &Value) -> bool {
    let words = ["yes", "on", "true", "t", "enabled", "active", "allow"];
    let text = value.lossy();
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
        || text.parse::<i64>().is_ok_and(|number| number != 0)
}

impl Dialect for Esl {
    type Codec = EslCodec;

    fn codec(&self) -> EslCodec {
        EslCodec::default()
    }

    fn opening(&self) -> &'static [u8] {
        CONNECT
    }

    fn greeting(&mut self, message: BytesMut) -> Result<Greeting, SwitchError> {
        if !self.data.is_empty() {
            return match self.interruption(&message) {
                Some(gone) => Err(gone),
                None => Ok(self.read_exactly(&message)),
            };
        }
        match self.interruption(&message) {
            Some(gone) => Err(gone),
            None => self.connected(message),
        }
    }

    /// The channel data told all.
    fn question(&mut self, _wanted: &[VariableName]) -> Result<Vec<u8>, Untold> {
        Ok(Vec::new())
    }

    fn answer(&self, _message: &[u8], call: &mut Call, wanted: &[VariableName]) -> Result<Told, SwitchError> {
        if !wanted.is_empty() {
            call.variables = message::variables(&Headers::parse(&self.data), wanted);
        }
        Ok(Ok(()))
    }

    /// The notice ends every connection, and says the same whatever the cause. Its type is its first header.
    fn interruption(&self, message: &[u8]) -> Option<SwitchError> {
        message.starts_with(b"Content-Type: text/disconnect-notice\n").then_some(SwitchError::HungUp)
    }

    fn farewell(&self, assignments: &[Assignment], _accept: Accept) -> Result<Vec<u8>, Unfit> {
        let mut words = self.rescue()?;
        for assignment in assignments {
            words.extend(command::set(assignment, self.passes)?);
        }
        words.extend(self.release());
        Ok(words)
    }

    fn refusal(&self) -> Vec<u8> {
        [self.rescue().unwrap_or_default(), self.release()].concat()
    }

    /// `exit` is the end; a half-close could be seen before the commands in front of it.
    fn half_closes(&self) -> bool {
        false
    }

    fn confirms(&self, message: &[u8]) -> bool {
        let headers = Headers::parse(message);
        match headers.first(b"Content-Type") {
            Some(b"command/reply") => {
                headers.first(b"Reply-Text").is_some_and(|text| text.starts_with(b"+OK"))
            }
            Some(_) | None => true,
        }
    }
}
