//! FreeSWITCH's dialect: the outbound event socket (`mod_event_socket.c`).
//!
//! We say `connect`, and the reply is the whole channel. The farewell sets the variables and gives the call back, in
//! the way that the socket's mode wants: the two modes need opposite ones. Where a message ends: [`codec`]. What it
//! says: `message`. What is said: `command`.

pub mod codec;
mod command;
mod message;
mod park;

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use self::codec::{EslCodec, LONGEST_BLOCK};
use self::command::{CONNECT, EXIT, Passes, RESUME};
use self::message::Headers;
use self::park::{Park, application, dialplan_goes_on, in_dialplan_state, is_fresh, is_held, place};
use crate::call::{Call, Parameter};
use crate::switch::{Dialect, FetchFault, Fetched, Greeting, Location, SwitchError};
use crate::variable::{Assignment, FetchName, Unfit, Value};

/// Host, port and path of every place that an argument of the application `socket` names.
#[must_use]
pub fn socket_targets(argument: &str) -> Vec<(String, u16, String)> {
    message::socket_targets(argument)
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
    /// The place of a call that must not be ended elsewhere, by its headers; none where the state of its leg changes by itself.
    place: Option<Vec<u8>>,
    /// True if the call, elsewhere, is in an application that the end of our connection would end.
    held_elsewhere: bool,
    park: Park,
    /// True as long as the call may have been moved before the channel data came. Then it must not hear `resume`.
    fresh: bool,
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
    /// The call is parked, and its dialplan goes on with `resume`.
    Async,
    /// The call is parked on a leg that has no dialplan, or may have none (`execute_on_answer` and its like). `resume` ends such
    /// a leg: its state becomes `CS_EXECUTE`, and there is nothing to execute (`mod_event_socket.c`, `socket_function`).
    AsyncLeg,
    /// The call was parked and has moved. `resume` would leave it in `CS_RESET` there, and so would `socket_resume`
    /// on the channel, however the conversation ends (`mod_event_socket.c`, `listener_run`).
    Moved,
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
            place: None,
            held_elsewhere: false,
            park: Park::Unknown,
            fresh: false,
            doubtful: Vec::new(),
            exact: Vec::new(),
            inexact: false,
        }
    }

    /// The same, where the channel data may have so many bytes.
    #[must_use]
    pub fn with_limit(self, longest: usize) -> Self {
        Self { longest, ..self }
    }

    /// Undoes an author's `socket_resume=true` where it would harm the call.
    fn rescue(&self, resumes: bool) -> Result<Vec<u8>, Unfit> {
        let needed = resumes && (self.mode != Mode::Async || self.confirms_execution());
        let off = RESUMES.parse().map(|name| Assignment::own(name, Value::from("false")));
        off.ok().filter(|_| needed).map_or(Ok(Vec::new()), |off| command::set(&off, self.passes))
    }

    /// Takes in the reply to `connect`.
    fn connected(&mut self, message: BytesMut) -> Result<(), SwitchError> {
        let data = message.freeze();
        let headers = Headers::parse(&data);
        match headers.last(b"Socket-Mode") {
            Some(b"async") if dialplan_goes_on(&headers) => self.mode = Mode::Async,
            Some(b"async") => self.mode = Mode::AsyncLeg,
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
        if self.mode != Mode::Static && application(&headers).is_some_and(|running| running != b"socket") {
            self.moved(&headers);
            return Err(SwitchError::Moved);
        }
        self.place = in_dialplan_state(&headers).then(|| place(&headers));
        self.fresh = self.mode != Mode::Static && is_fresh(&headers);
        self.doubtful = doubtful(&headers, &self.call(&headers));
        self.data = data.clone();
        Ok(())
    }

    /// Takes in the channel data of a call that has moved.
    fn moved(&mut self, now: &Headers<'_>) {
        let elsewhere = Some(place(now));
        // music that somebody lets the parked call hear stands in the place of its application
        let still_held = self.held_elsewhere && self.mode == Mode::Moved && self.place == elsewhere;
        self.mode = Mode::Moved;
        self.place = elsewhere;
        self.resumes = is_true(&now.variable(RESUMES));
        self.held_elsewhere = still_held || is_held(now);
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
        let parameters =
            ["method", "url", "variable", "timeout", "accept"].into_iter().filter_map(parameter).collect();
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

/// The time in which a call parks after `connect`. An end before that leaves it parked, where no `resume` may be sent
/// (`mod_event_socket.c`, `socket_function`; 2 ms `seen`).
const PARKING: Duration = Duration::from_millis(50);

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
        EslCodec::with_limit(self.longest)
    }

    fn opening(&self) -> &'static [u8] {
        CONNECT
    }

    fn greeting(&mut self, message: BytesMut) -> Result<Greeting, SwitchError> {
        if let Some(gone) = self.session_end(&message) {
            return Err(gone);
        }
        match self.doubtful.pop() {
            None => self.connected(message)?,
            Some(name) => self.read_exactly(name, &message),
        }
        Ok(match self.doubtful.last() {
            Some(name) => Greeting::Query(format!("getvar {name}\n\n").into_bytes()),
            None => Greeting::Call(Box::new(self.call(&Headers::parse(&self.data)))),
        })
    }

    /// The channel data told all.
    fn challenge(&mut self, _wanted: &[FetchName]) -> Result<Vec<u8>, FetchFault> {
        Ok(Vec::new())
    }

    fn read_challenge_reply(
        &self,
        _message: &[u8],
        call: &mut Call,
        wanted: &[FetchName],
    ) -> Result<Fetched, SwitchError> {
        if !wanted.is_empty() {
            call.variables = message::variables(&Headers::parse(&self.data), wanted);
        }
        Ok(if self.inexact { Err(FetchFault::NotExact) } else { Ok(()) })
    }

    /// The notice ends every connection, and says the same whatever the cause. It names the channel: in the reply to
    /// `getvar`, a value with an empty line in it can look like one.
    fn session_end(&self, message: &[u8]) -> Option<SwitchError> {
        if !message.starts_with(b"Content-Type: text/disconnect-notice\n") {
            return None;
        }
        let channel = Headers::parse(&self.data).text("Unique-ID");
        let named = Headers::parse(message).first(b"Controlled-Session-UUID");
        let ours = self.data.is_empty() || named.is_some_and(|uuid| uuid == channel.as_bytes());
        ours.then_some(SwitchError::HungUp)
    }

    /// A parked call that is transferred goes on, and no notice comes before it is hung up (`mod_event_socket.c`,
    /// `read_packet`). A second `connect` brings the channel data of now.
    fn location_query(&self) -> &'static [u8] {
        match self.mode {
            Mode::Async | Mode::AsyncLeg | Mode::Moved => CONNECT,
            Mode::Static => b"",
        }
    }

    fn read_location_reply(&mut self, message: &[u8]) -> Location {
        let now = Headers::parse(message);
        if now.first(b"Event-Name") != Some(b"CHANNEL_DATA") {
            let cut = now.first(b"Socket-Mode").is_some();
            // what is not known may be a move
            self.fresh |= cut;
            return if cut { Location::InStep } else { Location::Unknown };
        }
        let stayed = self.place.as_ref().is_none_or(|before| *before == place(&now));
        if self.mode != Mode::Moved && stayed {
            self.resumes = is_true(&now.variable(RESUMES));
            self.park = Park::of(&now);
            // a dialplan that the call was moved to would have begun by now
            self.fresh &= self.park != Park::Untouched;
            return Location::InStep;
        }
        self.moved(&now);
        Location::Moved
    }

    /// `socket_resume` on the channel does what `resume` does. And the end of a listener ends every park of its channel, also
    /// that of somebody else (`listener_run` clears `CF_CONTROLLED`, `src/switch_ivr.c`, `switch_ivr_park` sets it).
    fn is_safe_to_close(&self) -> bool {
        match self.mode {
            Mode::Static | Mode::Async => true,
            Mode::AsyncLeg => !self.resumes,
            Mode::Moved => !self.resumes && !self.held_elsewhere,
        }
    }

    /// The thread of the call does what is queued when it looks for it: at once while it plays or bridges, later in an
    /// application without media.
    fn close_preparation(&self) -> Vec<u8> {
        match self.mode {
            Mode::AsyncLeg | Mode::Moved => self.rescue(self.resumes).unwrap_or_default(),
            Mode::Static | Mode::Async => Vec::new(),
        }
    }

    fn confirms_execution(&self) -> bool {
        matches!(self.mode, Mode::Async | Mode::AsyncLeg) && self.park == Park::Untouched
    }

    fn execution_is_pending(&self) -> bool {
        matches!(self.park, Park::Untouched | Park::Running)
    }

    fn execution_is_confirmed(&self) -> bool {
        self.park == Park::Proved && !self.resumes
    }

    /// `exit` alone ends a park that has begun, and does no harm to a call that moves meanwhile. `resume` also ends a park that
    /// begins later, and whatever else runs on the call.
    fn release(&self) -> Vec<u8> {
        match self.mode {
            Mode::Async if !self.execution_is_confirmed() && !self.fresh => [RESUME, EXIT].concat(),
            Mode::Static | Mode::Async | Mode::AsyncLeg | Mode::Moved => EXIT.to_vec(),
        }
    }

    fn earliest_close(&self) -> Duration {
        match self.mode {
            Mode::AsyncLeg => PARKING,
            Mode::Async if self.fresh => PARKING,
            Mode::Static | Mode::Async | Mode::Moved => Duration::ZERO,
        }
    }

    fn first_location_query(&self) -> Option<Duration> {
        self.fresh.then_some(PARKING)
    }

    fn farewell(&self, assignments: &[Assignment]) -> Result<Vec<u8>, Unfit> {
        let mut words = self.rescue(self.resumes)?;
        for assignment in assignments {
            words.extend(command::set(assignment, self.passes)?);
            // whatever the answer for it was
            words.extend(self.rescue(assignment.name.as_str().eq_ignore_ascii_case(RESUMES))?);
        }
        Ok(words)
    }

    fn refusal(&self) -> Vec<u8> {
        match self.mode {
            // what had to be done was waited for
            Mode::Moved => Vec::new(),
            Mode::Static | Mode::Async | Mode::AsyncLeg => self.rescue(self.resumes).unwrap_or_default(),
        }
    }

    /// `exit` is the end; a half-close could be seen before the commands in front of it.
    fn ends_with_half_close(&self) -> bool {
        false
    }

    fn is_confirmation(&self, message: &[u8]) -> bool {
        let headers = Headers::parse(message);
        match headers.first(b"Content-Type") {
            // the reply to a question about the place of the call, when it is late
            Some(b"command/reply") if headers.first(b"Socket-Mode").is_some() => true,
            Some(b"command/reply") => {
                headers.first(b"Reply-Text").is_some_and(|text| text.starts_with(b"+OK"))
            }
            Some(_) | None => true,
        }
    }
}
