//! The dialect as a whole: from messages of Asterisk to a call, and from assignments to commands.

use super::*;
use crate::nonce;
use crate::switch::fits_challenge;
use crate::variable::{Accept, ValueSource};

const ORDINARY: &str = "agi_network: yes\nagi_network_script: crm?timeout=3\n\
    agi_request: agi://127.0.0.1/crm?timeout=3\nagi_channel: PJSIP/trunk-00000002\nagi_language: en\n\
    agi_type: PJSIP\nagi_uniqueid: pbx-1-1795416038.2\nagi_version: 22.10.1\nagi_callerid: 31612345678\n\
    agi_calleridname: Ada: the first\nagi_callingpres: 0\nagi_callingani2: 0\nagi_callington: 0\n\
    agi_callingtns: 0\nagi_dnid: unknown\nagi_rdnis: unknown\nagi_context: from-trunk\nagi_extension: 200\n\
    agi_priority: 1\nagi_enhanced: 0.0\nagi_accountcode: \nagi_threadid: 140024761169600\n\
    agi_arg_1: url=http://h/?a=b\nagi_arg_2: \n";

fn greeted(environment: &str) -> (Agi, Result<Call, SwitchError>) {
    let mut agi = Agi::new("n0nce".to_owned());
    let call = match agi.greeting(BytesMut::from(environment)) {
        Ok(Greeting::Call(call)) => Ok(*call),
        Ok(Greeting::Query(_)) => Err(SwitchError::Forged("the greeting of Asterisk is one message")),
        Err(error) => Err(error),
    };
    (agi, call)
}

#[test]
fn the_environment_becomes_a_call() {
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
fn an_environment_whose_lines_are_not_in_the_exact_order_is_refused() {
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
fn the_challenge_asks_for_the_fields_that_the_environment_lacks() {
    let (agi, _) = greeted(ORDINARY);
    let names = [
        "CALLERID(num-pres)",
        "CHANNEL(linkedid)",
        "CHANNEL(pjsip,call-id)",
        "CALLERID(dnid)",
        "CHANNEL(appdata):0:1000",
        "ACCOUNT",
    ];
    let challenge = agi.challenge(&["ACCOUNT".parse().unwrap()]).unwrap().unwrap();
    let expected = names.map(|name| ["|${URIENCODE(", "((((((((", "${", name, "}n0nce)}"].concat()).concat();
    assert_eq!(String::from_utf8(challenge).unwrap(), format!("GET FULL VARIABLE \"n0nce{expected}\"\n"));
}

/// The call after a challenge reply of these values.
fn replied(values: &[&str]) -> (Call, Result<Fetched, SwitchError>) {
    let (agi, call) = greeted(ORDINARY);
    let mut call = call.unwrap();
    let reply = format!("200 result=1 ({})", values.join("|"));
    let fetched = agi.read_challenge_reply(Some(reply.as_bytes()), &mut call, &["ACCOUNT".parse().unwrap()]);
    (call, fetched)
}

#[test]
fn the_challenge_reply_completes_the_call() {
    let guarded = |text: &str| format!("(((((((({text}n0nce");
    let values = ["allowed", "1795416038.1", "a%40b", "unknown", APPDATA, "%29%3A1%0A"].map(guarded);
    let mut reply = vec!["n0nce"];
    reply.extend(values.iter().map(String::as_str));
    let (call, fetched) = replied(&reply);
    assert!(matches!(fetched, Ok(Fetched::All)));
    assert_eq!(call.linked_id, Value::from("1795416038.1"));
    assert_eq!(call.sip_call_id, Value::from("a@b"));
    assert_eq!(call.dialled, Value::from("unknown"));
    assert_eq!(call.caller_number, Value::from("31612345678"));
    assert_eq!(call.variables[&"ACCOUNT".parse().unwrap()], Value::from("):1\n"));

    reply[1] = "((((((((prohib_passed_screenn0nce";
    assert_eq!(replied(&reply).0.caller_number, Value::default());
    reply[6] = "((((((((cut";
    assert!(matches!(replied(&reply).1, Ok(Fetched::Incomplete(FetchFault::NotWhole))));
}

#[test]
fn only_a_reply_with_the_nonce_and_every_value_authenticates_the_call() {
    for reply in [
        &["nonce", "", "", "", "", "", ""][..],
        &["n0nce", "", "", "", "", ""],
        &["n0nce", "", "", "", "", "", "", ""],
        &[""],
    ] {
        assert!(matches!(replied(reply).1, Err(SwitchError::Forged(_))), "{reply:?}");
    }
    let (agi, call) = greeted(ORDINARY);
    let mut call = call.unwrap();
    let mut refused = |message: Option<&[u8]>| agi.read_challenge_reply(message, &mut call, &[]).unwrap_err();
    assert!(matches!(refused(Some(b"HANGUP")), SwitchError::HungUpUnauthenticated));
    assert!(matches!(refused(None), SwitchError::Forged(_)));
    for message in
        [&b"200 result=1"[..], b"510 Invalid", b"agi_extension: 109", b"", b"200 result=0 (n0nce|||||)"]
    {
        assert!(matches!(refused(Some(message)), SwitchError::Forged(_)));
    }
}

#[test]
fn an_asterisk_without_func_callerid_still_withholds_a_number() {
    let (agi, call) = greeted(&ORDINARY.replace("agi_callingpres: 0", "agi_callingpres: 35"));
    let mut call = call.unwrap();
    let fetched = agi.read_challenge_reply(Some(b"200 result=1 (n0nce||||||)"), &mut call, &[]);
    assert!(matches!(fetched, Ok(Fetched::All)));
    assert_eq!([call.caller_number, call.caller_name], [Value::default(), Value::default()]);
}

#[test]
fn number_and_name_are_withheld_each_by_its_own_presentation() {
    let withheld = ORDINARY.replace("agi_callingpres: 0", "agi_callingpres: 35");
    let withheld = withheld
        .replace("PJSIP/trunk-00000002", "DAHDI/i1/31612345678-2")
        .replace("type: PJSIP", "type: DAHDI");
    for (number, name, expected) in [
        ("prohib_not_screened", "allowed", ["", "Ada: the first", "DAHDI/i1/-2"]),
        ("allowed", "prohib", ["31612345678", "", "DAHDI/i1/31612345678-2"]),
        ("prohib", "prohib", ["", "", "DAHDI/i1/-2"]),
    ] {
        let (agi, call) = greeted(&withheld);
        let mut call = call.unwrap();
        // nothing is shown before the challenge is replied to, not even in the log
        assert_eq!(shown(&call), ["", "", "DAHDI/i1/-2"]);
        let guarded = [number, name, "1.1", "", ""].map(|text| format!("|(((((((({text}n0nce")).concat();
        let reply = format!("200 result=1 (n0nce{guarded})");
        let fetched = agi.read_challenge_reply(Some(reply.as_bytes()), &mut call, &[]);
        assert!(matches!(fetched, Ok(Fetched::All)), "{fetched:?}");
        assert_eq!(shown(&call), expected);
    }
}

fn shown(call: &Call) -> [String; 3] {
    [&call.caller_number, &call.caller_name, &call.channel].map(|value| value.lossy().into_owned())
}

/// The text of `AGI()` of [`ORDINARY`], percent-encoded.
const APPDATA: &str = "agi%3A%2F%2F127.0.0.1%2Fcrm%3Ftimeout%3D3%2C%22url%3Dhttp%3A%2F%2Fh%2F%3Fa%3Db%22%2C";

/// The result of a challenge reply with these pieces of the text of `AGI()`.
fn judged(pieces: &[&str], environment: &str) -> Result<Fetched, SwitchError> {
    let (agi, call) = greeted(environment);
    let texts = ["allowed", "1.1", "", ""].iter().chain(pieces);
    let values = texts.map(|text| match *text {
        "cut" => "|((((((((".to_owned(),
        whole => format!("|(((((((({whole}n0nce"),
    });
    let values = values.collect::<String>();
    let reply = format!("200 result=1 (n0nce{values})");
    agi.read_challenge_reply(Some(reply.as_bytes()), &mut call.unwrap(), &[])
}

#[test]
fn a_line_feed_in_the_arguments_is_refused_as_forged() {
    assert!(matches!(judged(&[APPDATA], ORDINARY), Ok(Fetched::All)));
    let forged = format!("{APPDATA}x%0Aagi_arg_3%3A%20variable%3DEVIL");
    assert!(matches!(judged(&[&forged], ORDINARY), Err(SwitchError::Forged(_))));
    assert!(matches!(judged(&["cut"], ORDINARY), Ok(Fetched::Incomplete(FetchFault::ArgumentsNotWhole))));
    // an Asterisk without CHANNEL(appdata)
    assert!(matches!(judged(&[""], ORDINARY), Ok(Fetched::All)));
}

#[test]
fn long_arguments_are_read_in_pieces_up_to_their_end() {
    let full = "x".repeat(1000);
    for (length, pieces, whole) in [
        (300, &[full.as_str()][..], false),
        (1000, &[&full, "y"], true),
        (1000, &[&full, &full], false),
        (3600, &[&full, &full, &full, "y"], true),
        (7800, &[&full, &full, &full, &full], false),
    ] {
        let long = ORDINARY.replace("agi_arg_2: \n", &format!("agi_arg_2: {}\n", "x".repeat(length)));
        let fetched = judged(pieces, &long).unwrap();
        assert_eq!(fetched == Fetched::All, whole, "{length}");
    }
}

#[test]
fn a_unique_id_that_somebody_chose_has_no_time() {
    for id in ["rig6891.140610240380624.4x", "1795416038", "1795416038.", "x.2", "179541603a.2", ""] {
        assert_eq!(created(id.as_bytes()), None, "{id}");
    }
}

#[test]
fn one_assignment_is_judged_by_the_rules_of_the_final_commands() {
    let agi = Agi::new("n0nce".to_owned());
    let set = |value: &str, accept| Assignment {
        name: "R".parse().unwrap(),
        value: Value::from(value),
        accept,
        source: ValueSource::Answer,
    };
    for (value, accept, expected) in [
        ("sales", Accept::Word, Ok(())),
        ("x\"", Accept::Any, Ok(())),
        ("x\"", Accept::Text, Err(Unfit::Quote)),
        ("a\nb", Accept::Any, Err(Unfit::Newline)),
    ] {
        let both = [set("x\"", Accept::Any), set(value, accept)];
        assert_eq!(Agi::can_carry(&both[1]), expected, "{value:?}");
        assert_eq!(agi.farewell(&both).map(drop), expected, "{value:?}");
    }
}

#[test]
fn a_configuration_accepts_as_many_names_as_every_call_without_arguments_can_ask_for() {
    let with_arguments =
        ORDINARY.replace("agi_callingpres: 0", "agi_callingpres: 35").replace("Ada: the first", "unknown");
    let lines = with_arguments.split_inclusive('\n');
    let lacking: String = lines.filter(|line| !line.starts_with("agi_arg_")).collect();
    let mut agi = Agi::new(nonce::random::<{ Agi::NONCE_BYTES }>());
    agi.greeting(BytesMut::from(lacking.as_str())).unwrap();
    for length in 1..=30 {
        let names = |count| -> Vec<FetchName> { vec!["V".repeat(length).parse().unwrap(); count] };
        let most = (0..100).take_while(|&count| fits_challenge(&names(count))).last().unwrap();
        assert!(agi.challenge(&names(most)).is_ok(), "{most} names of {length}");
        assert!(length != 3 || most == 36, "docs/configuration.md and a fault say 36, and there are {most}");
        assert_eq!(
            agi.challenge(&names(most + 1)),
            Err(FetchFault::TooManyNames),
            "{most} names of {length}"
        );
    }
}
