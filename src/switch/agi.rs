//! Asterisk's dialect: FastAGI (`res/res_agi.c`).
//!
//! Asterisk speaks first, the environment; the question proves it and fetches the rest; the farewell sets the
//! variables. Where a message ends: [`codec`]. What the lines mean: `environment`, `reply`. What is
//! said: `command`.

pub mod codec;
mod command;
mod environment;
mod reply;

use std::time::Duration;

use bytes::BytesMut;

use self::codec::{AgiCodec, LONGEST_ENVIRONMENT};
use self::environment::Environment;
use self::reply::Reply;
use crate::call::{Call, Parameter, SwitchKind};
use crate::switch::{Dialect, Greeting, SwitchError, Told, Untold, Whereabouts};
use crate::variable::{Accept, Assignment, Unfit, Value, VariableName, Variables};

/// One FastAGI conversation.
#[derive(Debug, Clone)]
pub struct Agi {
    /// What nobody who forged an environment can know.
    word: String,
    /// What the environment left open.
    open: Vec<Open>,
    /// Bytes of the longest environment taken.
    longest: usize,
}

/// What the question asks for besides the variables of the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Stands before the presentation, which may take the number away again.
    CallerNumber,
    /// Whether the caller withheld the number.
    Presentation {
        /// What the environment says, of number and name together.
        withheld: bool,
    },
    LinkedId,
    SipCallId,
    CallerName,
    Dialled,
}

impl Agi {
    /// A conversation that is proved by this word, which must be random.
    #[must_use]
    pub fn new(word: String) -> Self {
        Self { word, open: Vec::new(), longest: LONGEST_ENVIRONMENT }
    }

    /// The same, where an environment may have so many bytes.
    #[must_use]
    pub fn taking(self, longest: usize) -> Self {
        Self { longest, ..self }
    }
}

impl Dialect for Agi {
    type Codec = AgiCodec;

    fn codec(&self) -> AgiCodec {
        AgiCodec::taking(self.longest)
    }

    /// Asterisk speaks first.
    fn opening(&self) -> &'static [u8] {
        b""
    }

    fn greeting(&mut self, message: BytesMut) -> Result<Greeting, SwitchError> {
        let forged =
            SwitchError::Forged("the environment is not what Asterisk writes: its lines are out of order");
        let environment = Environment::parse(&message).ok_or(forged)?;
        self.open = open(&environment);
        Ok(Greeting::Call(Box::new(call(&environment))))
    }

    fn question(&mut self, wanted: &[VariableName]) -> Result<Vec<u8>, Untold> {
        let open = self.open.iter().map(|open| command::guarded(open.function(), &self.word));
        let wanted = wanted.iter().map(|name| command::guarded(name.as_str(), &self.word));
        command::question(&self.word, &open.chain(wanted).collect::<Vec<_>>())
    }

    fn answer(&self, message: &[u8], call: &mut Call, wanted: &[VariableName]) -> Result<Told, SwitchError> {
        let text = match Reply::parse(message) {
            Some(Reply::Hangup) => return Err(SwitchError::HungUpUnproved),
            Some(Reply::Result { code: 1, text: Some(text) }) => text,
            Some(Reply::Result { .. } | Reply::Refused(_)) | None => return Err(UNPROVED),
        };
        let mut values = text.split(|&byte| byte == b'|');
        if values.next() != Some(self.word.as_bytes())
            || values.clone().count() != self.open.len() + wanted.len()
        {
            return Err(UNPROVED);
        }
        let mut whole = values.map(|value| command::unguarded(value, &self.word));
        for open in &self.open {
            open.told(whole.next().flatten(), call);
        }
        for (name, value) in wanted.iter().zip(whole) {
            match value {
                Some(value) => call.variables.insert(name.clone(), value),
                None => return Ok(Err(Untold::NotWhole)),
            };
        }
        Ok(Ok(()))
    }

    fn interruption(&self, message: &[u8]) -> Option<SwitchError> {
        Some(match Reply::parse(message) {
            Some(Reply::Hangup) => SwitchError::HungUp,
            Some(Reply::Result { .. } | Reply::Refused(_)) | None => {
                SwitchError::Forged("Asterisk was asked nothing and said something")
            }
        })
    }

    /// A call that is taken elsewhere ends its AGI, and Asterisk tells it as a hangup.
    fn inquiry(&self) -> &'static [u8] {
        b""
    }

    fn whereabouts(&mut self, _message: &[u8]) -> Whereabouts {
        Whereabouts::Untold
    }

    fn preparation(&self) -> Vec<u8> {
        Vec::new()
    }

    fn farewell(&self, assignments: &[Assignment], accept: Accept) -> Result<Vec<u8>, Unfit> {
        command::set_variables(assignments, accept)
    }

    /// A line that begins with `failure` ends `AGI()` with AGISTATUS=FAILURE (`res/res_agi.c`, `run_agi`).
    fn refusal(&self) -> Vec<u8> {
        b"failure\n".to_vec()
    }

    /// Otherwise the commands behind the first one stall (`res/res_agi.c`, `run_agi`).
    fn half_closes(&self) -> bool {
        true
    }

    /// `HANGUP` follows every half-close.
    fn confirms(&self, message: &[u8]) -> bool {
        matches!(Reply::parse(message), Some(Reply::Hangup | Reply::Result { code: 1, text: None }))
    }
}

const UNPROVED: SwitchError = SwitchError::Forged(
    "the environment is not proved: something else stood before the reply to our question",
);

fn call(environment: &Environment<'_>) -> Call {
    Call {
        switch: SwitchKind::Asterisk,
        address: Value::from(environment.script),
        parameters: environment.arguments.iter().map(|argument| parameter(argument)).collect(),
        parameters_linger: false,
        account_code: Value::from(environment.account_code),
        context: Value::from(environment.context),
        extension: Value::from(environment.extension),
        dialled: known(environment.dialled),
        caller_number: known(environment.caller_number),
        caller_name: known(environment.caller_name),
        unique_id: Value::from(environment.unique_id),
        linked_id: Value::default(),
        sip_call_id: Value::default(),
        channel: Value::from(environment.channel),
        created: created(environment.unique_id),
        variables: Variables::new(),
    }
}

/// What the environment says of somebody: [`UNKNOWN`] is settled by the question, and until then nothing.
fn known(text: &[u8]) -> Value {
    if text == UNKNOWN { Value::default() } else { Value::from(text) }
}

/// What Asterisk writes where it knows no number or name (`res/res_agi.c`, `setup_env`).
const UNKNOWN: &[u8] = b"unknown";

/// ```text
/// argument = name [ "=" value ]
/// ```
fn parameter(argument: &[u8]) -> Parameter {
    let mut halves = argument.splitn(2, |&byte| byte == b'=');
    let mut half = || Value::from(halves.next().unwrap_or_default());
    Parameter { name: half(), value: half() }
}

/// When a channel was made, from its unique id. An id that somebody chose, as AMI's Originate can, tells nothing.
///
/// ```text
/// unique-id = [ system-name "-" ] seconds "." number      ; main/channel.c, __ast_channel_alloc_ap
/// ```
fn created(unique_id: &[u8]) -> Option<Duration> {
    let own = unique_id.rsplit(|&byte| byte == b'-').next()?;
    let (seconds, number) = std::str::from_utf8(own).ok()?.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let plausible =
        (9..=11).contains(&seconds.len()) && digits(seconds) && !number.is_empty() && digits(number);
    plausible.then(|| seconds.parse().ok().map(Duration::from_secs))?
}

/// What is left to ask for.
fn open(environment: &Environment<'_>) -> Vec<Open> {
    let unknown = |text: &[u8]| text == UNKNOWN;
    let all = [
        (unknown(environment.caller_number), Open::CallerNumber),
        (true, Open::Presentation { withheld: withheld(environment.presentation) }),
        (true, Open::LinkedId),
        (environment.technology == b"PJSIP", Open::SipCallId),
        (unknown(environment.caller_name), Open::CallerName),
        (unknown(environment.dialled), Open::Dialled),
    ];
    all.into_iter().filter_map(|(asked, open)| asked.then_some(open)).collect()
}

impl Open {
    /// Where Asterisk has it.
    fn function(self) -> &'static str {
        match self {
            Self::Presentation { .. } => "CALLERID(num-pres)",
            Self::LinkedId => "CHANNEL(linkedid)",
            Self::SipCallId => "CHANNEL(pjsip,call-id)",
            Self::CallerNumber => "CALLERID(num)",
            Self::CallerName => "CALLERID(name)",
            Self::Dialled => "CALLERID(dnid)",
        }
    }

    /// Takes in a value. Without it the call stays as the environment has it, which is no reason to send a
    /// caller away.
    fn told(self, value: Option<Value>, call: &mut Call) {
        let place = match self {
            Self::Presentation { withheld } => {
                let words = value.filter(|words| !words.is_empty());
                if words.map_or(withheld, |words| words.as_bytes().starts_with(b"prohib")) {
                    call.caller_number = Value::default();
                }
                return;
            }
            Self::LinkedId => &mut call.linked_id,
            Self::SipCallId => &mut call.sip_call_id,
            Self::CallerNumber => &mut call.caller_number,
            Self::CallerName => &mut call.caller_name,
            Self::Dialled => &mut call.dialled,
        };
        *place = value.unwrap_or_default();
    }
}

/// Whether a presentation forbids to show the number: its words begin with `prohib`, its bits 6 and 7 are 01
/// (`main/callerid.c`, `pres_types`; `include/asterisk/callerid.h`, `AST_PRES_RESTRICTION`).
fn withheld(presentation: &[u8]) -> bool {
    let bits = std::str::from_utf8(presentation).ok().and_then(|text| text.parse::<u32>().ok());
    bits.is_some_and(|bits| bits & 0x60 == 0x20)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINARY: &str = "agi_network: yes\nagi_network_script: crm?timeout=3\n\
        agi_request: agi://127.0.0.1/crm?timeout=3\nagi_channel: PJSIP/trunk-00000002\nagi_language: en\n\
        agi_type: PJSIP\nagi_uniqueid: pbx-1-1795416038.2\nagi_version: 22.10.1\nagi_callerid: 31612345678\n\
        agi_calleridname: Ada: the first\nagi_callingpres: 0\nagi_callingani2: 0\nagi_callington: 0\n\
        agi_callingtns: 0\nagi_dnid: unknown\nagi_rdnis: unknown\nagi_context: from-trunk\nagi_extension: 200\n\
        agi_priority: 1\nagi_enhanced: 0.0\nagi_accountcode: \nagi_threadid: 140024761169600\n\
        agi_arg_1: url=http://h/?a=b\nagi_arg_2: \n";

    fn greeted(environment: &str) -> (Agi, Result<Call, SwitchError>) {
        let mut agi = Agi::new("w0rd".to_owned());
        let call = match agi.greeting(BytesMut::from(environment)) {
            Ok(Greeting::Call(call)) => Ok(*call),
            Ok(Greeting::Further(_)) => Err(SwitchError::Forged("Asterisk is not asked further")),
            Err(error) => Err(error),
        };
        (agi, call)
    }

    #[test]
    fn the_environment_is_the_call() {
        let call = greeted(ORDINARY).1.unwrap();
        assert_eq!(call.address, Value::from("crm?timeout=3"));
        assert_eq!(call.caller_name, Value::from("Ada: the first"));
        assert_eq!(call.dialled, Value::default());
        assert_eq!(call.account_code, Value::default());
        assert_eq!(call.created, Some(Duration::from_secs(1_795_416_038)));
        let second = Parameter { name: Value::default(), value: Value::default() };
        assert_eq!(call.parameters, [parameter(b"url=http://h/?a=b"), second]);
    }

    #[test]
    fn only_the_exact_order_is_asterisks() {
        let lines: Vec<&str> = ORDINARY.lines().collect();
        let joined = |lines: &[&str]| lines.iter().flat_map(|line| [*line, "\n"]).collect::<String>();
        for at in 0..lines.len() {
            let line = lines[at];
            let twice = joined(&[&lines[..=at], &lines[at..]].concat());
            let missing = joined(&[&lines[..at], &lines[at + 1..]].concat());
            assert!(greeted(&twice).1.is_err(), "twice {line}");
            let optional = line.starts_with("agi_network_script") || line.starts_with("agi_arg_2");
            assert_eq!(greeted(&missing).1.is_ok(), optional, "without {line}");
            if at + 1 < lines.len() {
                let mut swapped = lines.clone();
                swapped.swap(at, at + 1);
                assert!(greeted(&joined(&swapped)).1.is_err(), "behind its successor {line}");
            }
        }
        for other in ["", "GET / HTTP/1.1\r\nHost: x\r\n", &ORDINARY.replace("yes", "no")] {
            assert!(greeted(other).1.is_err(), "{other}");
        }
    }

    #[test]
    fn the_question_asks_for_what_the_environment_leaves_open() {
        let (mut agi, _) = greeted(ORDINARY);
        let names = [
            "CALLERID(num-pres)",
            "CHANNEL(linkedid)",
            "CHANNEL(pjsip,call-id)",
            "CALLERID(dnid)",
            "ACCOUNT",
        ];
        let question = String::from_utf8(agi.question(&["ACCOUNT".parse().unwrap()]).unwrap()).unwrap();
        let expected =
            names.map(|name| ["|${URIENCODE(", "((((((((", "${", name, "}w0rd)}"].concat()).concat();
        assert_eq!(question, format!("GET FULL VARIABLE \"w0rd{expected}\"\n"));
    }

    fn answered(values: &[&str]) -> (Call, Result<Told, SwitchError>) {
        let (agi, call) = greeted(ORDINARY);
        let mut call = call.unwrap();
        let reply = format!("200 result=1 ({})", values.join("|"));
        let told = agi.answer(reply.as_bytes(), &mut call, &["ACCOUNT".parse().unwrap()]);
        (call, told)
    }

    #[test]
    fn the_answer_completes_the_call() {
        let guarded = |text: &str| format!("(((((((({text}w0rd");
        let values = ["allowed", "1795416038.1", "a%40b", "unknown", "%29%3A1%0A"].map(guarded);
        let mut reply = vec!["w0rd"];
        reply.extend(values.iter().map(String::as_str));
        let (call, told) = answered(&reply);
        assert!(matches!(told, Ok(Ok(()))));
        assert_eq!(call.linked_id, Value::from("1795416038.1"));
        assert_eq!(call.sip_call_id, Value::from("a@b"));
        assert_eq!(call.dialled, Value::from("unknown"));
        assert_eq!(call.caller_number, Value::from("31612345678"));
        assert_eq!(call.variables[&"ACCOUNT".parse().unwrap()], Value::from("):1\n"));

        reply[1] = "((((((((prohib_passed_screenw0rd";
        assert_eq!(answered(&reply).0.caller_number, Value::default());
        reply[5] = "((((((((cut";
        assert!(matches!(answered(&reply).1, Ok(Err(Untold::NotWhole))));
    }

    #[test]
    fn only_the_word_proves_the_environment() {
        for reply in [
            &["word", "", "", "", "", ""][..],
            &["w0rd", "", "", "", ""],
            &["w0rd", "", "", "", "", "", ""],
            &[""],
        ] {
            assert!(matches!(answered(reply).1, Err(SwitchError::Forged(_))), "{reply:?}");
        }
        let (agi, call) = greeted(ORDINARY);
        let mut call = call.unwrap();
        let mut heard = |message: &[u8]| agi.answer(message, &mut call, &[]).unwrap_err();
        assert!(matches!(heard(b"HANGUP"), SwitchError::HungUpUnproved));
        for message in
            [&b"200 result=1"[..], b"510 Invalid", b"agi_extension: 109", b"", b"200 result=0 (w0rd||||)"]
        {
            assert!(matches!(heard(message), SwitchError::Forged(_)));
        }
    }

    #[test]
    fn an_asterisk_without_callerid_functions_still_withholds_a_number() {
        let (agi, call) = greeted(&ORDINARY.replace("agi_callingpres: 0", "agi_callingpres: 35"));
        let mut call = call.unwrap();
        let told = agi.answer(b"200 result=1 (w0rd||||)", &mut call, &[]);
        assert!(matches!(told, Ok(Ok(()))));
        assert_eq!(call.caller_number, Value::default());
    }

    #[test]
    fn a_chosen_unique_id_tells_no_time() {
        for id in ["rig6891.140610240380624.4x", "1795416038", "1795416038.", "x.2", "179541603a.2", ""] {
            assert_eq!(created(id.as_bytes()), None, "{id}");
        }
    }
}
