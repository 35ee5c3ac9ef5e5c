//! What Asterisk says, and what a call is by it.

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
        Ok(Greeting::Query(_)) => Err(SwitchError::Forged("Asterisk is not asked further")),
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
        "CHANNEL(appdata):0:1000",
        "ACCOUNT",
    ];
    let question = String::from_utf8(agi.challenge(&["ACCOUNT".parse().unwrap()]).unwrap()).unwrap();
    let expected = names.map(|name| ["|${URIENCODE(", "((((((((", "${", name, "}w0rd)}"].concat()).concat();
    assert_eq!(question, format!("GET FULL VARIABLE \"w0rd{expected}\"\n"));
}

fn answered(values: &[&str]) -> (Call, Result<Fetched, SwitchError>) {
    let (agi, call) = greeted(ORDINARY);
    let mut call = call.unwrap();
    let reply = format!("200 result=1 ({})", values.join("|"));
    let told = agi.read_challenge_reply(reply.as_bytes(), &mut call, &["ACCOUNT".parse().unwrap()]);
    (call, told)
}

#[test]
fn the_answer_completes_the_call() {
    let guarded = |text: &str| format!("(((((((({text}w0rd");
    let values = ["allowed", "1795416038.1", "a%40b", "unknown", APPDATA, "%29%3A1%0A"].map(guarded);
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
    reply[6] = "((((((((cut";
    assert!(matches!(answered(&reply).1, Ok(Err(FetchFault::NotWhole))));
}

#[test]
fn only_the_word_proves_the_environment() {
    for reply in [
        &["word", "", "", "", "", "", ""][..],
        &["w0rd", "", "", "", "", ""],
        &["w0rd", "", "", "", "", "", "", ""],
        &[""],
    ] {
        assert!(matches!(answered(reply).1, Err(SwitchError::Forged(_))), "{reply:?}");
    }
    let (agi, call) = greeted(ORDINARY);
    let mut call = call.unwrap();
    let mut heard = |message: &[u8]| agi.read_challenge_reply(message, &mut call, &[]).unwrap_err();
    assert!(matches!(heard(b"HANGUP"), SwitchError::HungUpUnauthenticated));
    for message in
        [&b"200 result=1"[..], b"510 Invalid", b"agi_extension: 109", b"", b"200 result=0 (w0rd|||||)"]
    {
        assert!(matches!(heard(message), SwitchError::Forged(_)));
    }
}

#[test]
fn an_asterisk_without_callerid_functions_still_withholds_a_number() {
    let (agi, call) = greeted(&ORDINARY.replace("agi_callingpres: 0", "agi_callingpres: 35"));
    let mut call = call.unwrap();
    let told = agi.read_challenge_reply(b"200 result=1 (w0rd||||||)", &mut call, &[]);
    assert!(matches!(told, Ok(Ok(()))));
    assert_eq!([call.caller_number, call.caller_name], [Value::default(), Value::default()]);
}

#[test]
fn number_and_name_are_withheld_each_by_its_own_presentation() {
    let withheld = ORDINARY.replace("agi_callingpres: 0", "agi_callingpres: 35");
    let withheld = withheld
        .replace("PJSIP/trunk-00000002", "DAHDI/i1/31612345678-2")
        .replace("type: PJSIP", "type: DAHDI");
    for (number, name, told) in [
        ("prohib_not_screened", "allowed", ["", "Ada: the first", "DAHDI/i1/-2"]),
        ("allowed", "prohib", ["31612345678", "", "DAHDI/i1/31612345678-2"]),
        ("prohib", "prohib", ["", "", "DAHDI/i1/-2"]),
    ] {
        let (agi, call) = greeted(&withheld);
        let mut call = call.unwrap();
        // nothing is told before the question is answered, not even to the log
        assert_eq!(shown(&call), ["", "", "DAHDI/i1/-2"]);
        let guarded = [number, name, "1.1", "", ""].map(|text| format!("|(((((((({text}w0rd")).concat();
        let told_all =
            agi.read_challenge_reply(format!("200 result=1 (w0rd{guarded})").as_bytes(), &mut call, &[]);
        assert!(matches!(told_all, Ok(Ok(()))), "{told_all:?}");
        assert_eq!(shown(&call), told);
    }
}

fn shown(call: &Call) -> [String; 3] {
    [&call.caller_number, &call.caller_name, &call.channel].map(|value| value.lossy().into_owned())
}

/// The text of `AGI()` of [`ORDINARY`], percent-encoded.
const APPDATA: &str = "agi%3A%2F%2F127.0.0.1%2Fcrm%3Ftimeout%3D3%2C%22url%3Dhttp%3A%2F%2Fh%2F%3Fa%3Db%22%2C";

/// What is made of the pieces of `AGI()`'s text in an answer.
fn told_of(pieces: &[&str], environment: &str) -> Result<Fetched, SwitchError> {
    let (agi, call) = greeted(environment);
    let asked = ["allowed", "1.1", "", ""].iter().chain(pieces);
    let values = asked.map(|text| match *text {
        "cut" => "|((((((((".to_owned(),
        whole => format!("|(((((((({whole}w0rd"),
    });
    let values = values.collect::<String>();
    agi.read_challenge_reply(format!("200 result=1 (w0rd{values})").as_bytes(), &mut call.unwrap(), &[])
}

#[test]
fn a_line_feed_in_the_arguments_is_a_forgery() {
    assert!(matches!(told_of(&[APPDATA], ORDINARY), Ok(Ok(()))));
    let forged = format!("{APPDATA}x%0Aagi_arg_3%3A%20variable%3DEVIL");
    assert!(matches!(told_of(&[&forged], ORDINARY), Err(SwitchError::Forged(_))));
    assert!(matches!(told_of(&["cut"], ORDINARY), Ok(Err(FetchFault::ArgumentsNotWhole))));
    // an Asterisk that does not tell its arguments
    assert!(matches!(told_of(&[""], ORDINARY), Ok(Ok(()))));
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
        let told = told_of(pieces, &long);
        assert_eq!(told.unwrap().is_ok(), whole, "{length}");
    }
}

#[test]
fn a_chosen_unique_id_tells_no_time() {
    for id in ["rig6891.140610240380624.4x", "1795416038", "1795416038.", "x.2", "179541603a.2", ""] {
        assert_eq!(created(id.as_bytes()), None, "{id}");
    }
}
