//! FreeSWITCH's dialect: the outbound event socket (`mod_event_socket.c`).
//!
//! We say `connect`, and the reply is the whole channel. The farewell sets the variables and gives the call back, in
//! the way that the socket's mode wants: the two modes need opposite ones. Where a message ends: [`codec`]. What it
//! says: `message`. What is said: `command`.

pub mod codec;
mod command;
mod message;

use bytes::{Bytes, BytesMut};

use self::codec::{EslCodec, LONGEST_BLOCK};
use self::command::{CONNECT, EXIT, Passes, RESUME};
use self::message::Headers;
use crate::call::{Call, Parameter};
use crate::switch::{Dialect, Greeting, SwitchError, Told, Untold, Whereabouts};
use crate::variable::{Accept, Assignment, FetchName, Unfit, Value};

/// Host, port and path of every place that an argument of the application `socket` names.
#[must_use]
pub fn places(argument: &str) -> Vec<(String, u16, String)> {
    message::places_of(argument)
}

/// One outbound socket conversation.
#[derive(Debug, Clone)]
pub struct Esl {
    /// The port that we listen on.
    port: u16,
    /// Bytes of the longest header block taken.
    longest: usize,
    mode: Mode,
    /// Whether the author set `socket_resume`, which is deadly in static mode.
    resumes: bool,
    passes: Passes,
    /// The channel data, once it has come.
    data: Bytes,
    /// What [`PLACE`] said of a parked call.
    place: Vec<u8>,
    /// Variables of which the channel data does not tell enough; the channel is asked for the last one.
    doubtful: Vec<&'static str>,
    /// What it said of those before.
    exact: Vec<(&'static str, Value)>,
    /// Whether it did not say enough of one.
    inexact: bool,
}

/// How the call waits for us, by `Socket-Mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The call's own thread waits in the `socket` application.
    Static,
    /// The call is parked.
    Async,
    /// The call was parked and is somewhere else now. `resume` would leave it in `CS_RESET` there, and so would `socket_resume`
    /// on the channel, however the conversation ends (`mod_event_socket.c`, `listener_run`).
    Elsewhere,
}

impl Esl {
    /// A conversation on a connection to this port of ours.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self {
            port,
            longest: LONGEST_BLOCK,
            mode: Mode::Static,
            resumes: false,
            passes: Passes::Two,
            data: Bytes::new(),
            place: Vec::new(),
            doubtful: Vec::new(),
            exact: Vec::new(),
            inexact: false,
        }
    }

    /// The same, where the channel data may have so many bytes.
    #[must_use]
    pub fn taking(self, longest: usize) -> Self {
        Self { longest, ..self }
    }

    /// What ends the conversation so that the dialplan goes on.
    fn release(&self) -> Vec<u8> {
        match self.mode {
            Mode::Async => [RESUME, EXIT].concat(),
            Mode::Static | Mode::Elsewhere => EXIT.to_vec(),
        }
    }

    /// Undoes an author's `socket_resume=true` where it is deadly.
    fn rescue(&self, resumes: bool) -> Result<Vec<u8>, Unfit> {
        let needed = resumes && self.mode != Mode::Async;
        let off = RESUMES.parse().map(|name| Assignment { name, value: Value::from("false") });
        off.ok().filter(|_| needed).map_or(Ok(Vec::new()), |off| command::set(&off, self.passes, Accept::Any))
    }

    /// Takes in the reply to `connect`.
    fn connected(&mut self, message: BytesMut) -> Result<(), SwitchError> {
        let data = message.freeze();
        let headers = Headers::parse(&data);
        match headers.last(b"Socket-Mode") {
            Some(b"async") => self.mode = Mode::Async,
            Some(_) => {}
            None => return Err(SwitchError::Forged("the other end does not speak like FreeSWITCH")),
        }
        let whole = headers.first(b"Event-Name") == Some(b"CHANNEL_DATA");
        // what is not known may be deadly
        self.resumes = !whole || is_true(&headers.variable(RESUMES));
        if is_true(&headers.variable("app_disable_expand_variables")) {
            self.passes = Passes::One;
        }
        if !whole {
            return Err(SwitchError::TooLong);
        }
        // a daemon that was frozen may come too late
        if self.mode == Mode::Async && !runs_a_socket(&headers) {
            self.mode = Mode::Elsewhere;
            return Err(SwitchError::Moved);
        }
        self.place = place(&headers);
        self.doubtful = doubtful(&headers, &self.call(&headers));
        self.data = data.clone();
        Ok(())
    }

    fn call(&self, headers: &Headers<'_>) -> Call {
        let value = |name: &str| match self.exact.iter().find(|(known, _)| *known == name) {
            Some((_, exact)) => exact.clone(),
            None => headers.variable(name),
        };
        let parameter = |name: &str| {
            let value = Some(value(&format!("webhook_{name}"))).filter(|value| !value.is_empty())?;
            Some(Parameter { name: Value::from(name), value })
        };
        let parameters = ["method", "url", "variable", "timeout"].into_iter().filter_map(parameter).collect();
        let address = message::address(&value(ARGUMENT), &headers.variable("socket_host"), self.port);
        Call { address, parameters, ..message::call(headers) }
    }

    /// Takes in the reply to `getvar`: the value without any encoding, but cut behind 511 bytes or at a line feed
    /// (`mod_event_socket.c`, `parse_command`). What was cut off is known where nothing in it is ever encoded.
    fn read_exactly(&mut self, name: &'static str, message: &[u8]) {
        let told = Headers::parse(message).first(b"Reply-Text").unwrap_or_default();
        let whole = Headers::parse(&self.data).variable(name);
        let rest = whole.as_bytes().strip_prefix(message::decoded(told).as_bytes());
        match rest.filter(|rest| rest.iter().all(|byte| message::is_plain(*byte))) {
            Some(rest) => self.exact.push((name, Value::from([told, rest].concat()))),
            None => self.inexact = true,
        }
    }
}

/// The variable that makes the end of every conversation a `resume`.
const RESUMES: &str = "socket_resume";

/// Where FreeSWITCH keeps the argument of the application that runs.
const ARGUMENT: &str = "current_application_data";

/// Whether the call is in our application, as far as it tells. (Any application that runs on it later, such as music for a
/// parked call, stands there in its place: `src/switch_core_session.c`, `switch_core_session_exec`.)
fn runs_a_socket(data: &Headers<'_>) -> bool {
    data.first(b"variable_current_application").is_none_or(|application| application == b"socket")
}

/// What is another one as soon as a parked call has been taken elsewhere: by a transfer or a bridge the one, by `uuid_park`
/// and a bridge the other (`seen`).
const PLACE: [&[u8]; 2] = [b"Caller-Profile-Index", b"Channel-State"];

fn place(data: &Headers<'_>) -> Vec<u8> {
    PLACE.map(|name| data.first(name).unwrap_or_default()).join(&b' ')
}

/// The variables in which `%26` or another escape may have stood before the channel data was encoded: a URL, and a
/// query with more in it than a configured hook needs.
fn doubtful(data: &Headers<'_>, call: &Call) -> Vec<&'static str> {
    let mut doubtful = Vec::new();
    let (_, query) = call.path_and_query();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.&=".contains(byte);
    if !query.iter().all(plain) {
        doubtful.push(ARGUMENT);
    }
    if call.is_ad_hoc() && data.first(b"variable_webhook_url").is_some_and(|url| url.contains(&b'%')) {
        doubtful.push("webhook_url");
    }
    doubtful
}

/// What FreeSWITCH takes for true (`src/include/switch_utils.h`, `switch_true`).
fn is_true(value: &Value) -> bool {
    let words = ["yes", "on", "true", "t", "enabled", "active", "allow"];
    let text = value.lossy();
    words.iter().any(|word| text.eq_ignore_ascii_case(word)) || is_number_but_zero(&text)
}

/// `switch_is_number` takes digits and points behind a sign, `atoi` reads the digits in front (`src/switch_utils.c`).
fn is_number_but_zero(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text).as_bytes();
    let whole = digits.split(|byte| *byte == b'.').next().unwrap_or_default();
    digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        && whole.iter().any(|digit| *digit != b'0')
}

impl Dialect for Esl {
    type Codec = EslCodec;

    fn codec(&self) -> EslCodec {
        EslCodec::taking(self.longest)
    }

    fn opening(&self) -> &'static [u8] {
        CONNECT
    }

    fn greeting(&mut self, message: BytesMut) -> Result<Greeting, SwitchError> {
        if let Some(gone) = self.interruption(&message) {
            return Err(gone);
        }
        match self.doubtful.pop() {
            None => self.connected(message)?,
            Some(name) => self.read_exactly(name, &message),
        }
        Ok(match self.doubtful.last() {
            Some(name) => Greeting::Further(format!("getvar {name}\n\n").into_bytes()),
            None => Greeting::Call(Box::new(self.call(&Headers::parse(&self.data)))),
        })
    }

    /// The channel data told all.
    fn question(&mut self, _wanted: &[FetchName]) -> Result<Vec<u8>, Untold> {
        Ok(Vec::new())
    }

    fn answer(&self, _message: &[u8], call: &mut Call, wanted: &[FetchName]) -> Result<Told, SwitchError> {
        if !wanted.is_empty() {
            call.variables = message::variables(&Headers::parse(&self.data), wanted);
        }
        Ok(if self.inexact { Err(Untold::NotExact) } else { Ok(()) })
    }

    /// The notice ends every connection, and says the same whatever the cause. It names the channel: in the reply to
    /// `getvar`, a value with an empty line in it can look like one.
    fn interruption(&self, message: &[u8]) -> Option<SwitchError> {
        if !message.starts_with(b"Content-Type: text/disconnect-notice\n") {
            return None;
        }
        let channel = Headers::parse(&self.data).text("Unique-ID");
        let named = Headers::parse(message).first(b"Controlled-Session-UUID");
        let ours = self.data.is_empty() || named.is_some_and(|uuid| uuid == channel.as_bytes());
        ours.then_some(SwitchError::HungUp)
    }

    /// A parked call that is transferred goes on, and nobody tells us before it is hung up (`mod_event_socket.c`,
    /// `read_packet`). A second `connect` brings the channel data of now.
    fn inquiry(&self) -> &'static [u8] {
        match self.mode {
            Mode::Async | Mode::Elsewhere => CONNECT,
            Mode::Static => b"",
        }
    }

    fn whereabouts(&mut self, message: &[u8]) -> Whereabouts {
        let now = Headers::parse(message);
        if now.first(b"Event-Name") != Some(b"CHANNEL_DATA") {
            return Whereabouts::Untold;
        }
        if self.mode == Mode::Async && place(&now) == self.place {
            return Whereabouts::Here;
        }
        self.resumes = is_true(&now.variable(RESUMES));
        self.mode = Mode::Elsewhere;
        Whereabouts::Elsewhere
    }

    /// The thread of the call does what is queued when it looks for it: at once while it plays or bridges, later in an
    /// application without media.
    fn preparation(&self) -> Vec<u8> {
        match self.mode {
            Mode::Elsewhere => self.rescue(self.resumes).unwrap_or_default(),
            Mode::Static | Mode::Async => Vec::new(),
        }
    }

    fn farewell(&self, assignments: &[Assignment], accept: Accept) -> Result<Vec<u8>, Unfit> {
        let mut words = self.rescue(self.resumes)?;
        for assignment in assignments {
            words.extend(command::set(assignment, self.passes, accept)?);
        }
        // whatever the answer for it was
        let resumes = |set: &Assignment| set.name.as_str().eq_ignore_ascii_case(RESUMES);
        words.extend(self.rescue(assignments.iter().any(resumes))?);
        words.extend(self.release());
        Ok(words)
    }

    fn refusal(&self) -> Vec<u8> {
        match self.mode {
            // what had to be done was waited for
            Mode::Elsewhere => self.release(),
            Mode::Static | Mode::Async => {
                [self.rescue(self.resumes).unwrap_or_default(), self.release()].concat()
            }
        }
    }

    /// `exit` is the end; a half-close could be seen before the commands in front of it.
    fn half_closes(&self) -> bool {
        false
    }

    fn confirms(&self, message: &[u8]) -> bool {
        let headers = Headers::parse(message);
        match headers.first(b"Content-Type") {
            // the reply to our inquiry, when it is late
            Some(b"command/reply") if headers.first(b"Socket-Mode").is_some() => true,
            Some(b"command/reply") => {
                headers.first(b"Reply-Text").is_some_and(|text| text.starts_with(b"+OK"))
            }
            Some(_) | None => true,
        }
    }
}
