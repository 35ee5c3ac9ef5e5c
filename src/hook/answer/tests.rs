//! Good and bad answers, and their outcomes.

use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::*;
use crate::hook::{Status, UrlTemplate};

fn hook() -> Hook {
    Hook::new(UrlTemplate::parse("http://h/").unwrap())
}

fn accepting(accept: Accept) -> Hook {
    Hook { accept, ..hook() }
}

fn setting(parts: &[(&str, &str)]) -> Hook {
    let part = |&(name, pointer): &(&str, &str)| Mapping {
        name: name.parse().unwrap(),
        source: Source::Json(pointer.parse().unwrap()),
        accept: None,
        answers: Vec::new(),
        otherwise: None,
    };
    Hook {
        set: parts.iter().map(part).collect(),
        otherwise: Value::from("nobody"),
        ..accepting(Accept::Text)
    }
}

fn body(body: impl AsRef<[u8]>) -> Answer {
    Answer { code: 200, body: body.as_ref().to_vec(), ..Answer::default() }
}

fn charset(label: &str, bytes: &[u8]) -> Answer {
    let mut answer = body(bytes);
    answer.headers.insert(CONTENT_TYPE, HeaderValue::from_str(&format!("text/plain; {label}")).unwrap());
    answer
}

/// The outcome for a switch that carries every value.
fn outcome_of(hook: &Hook, answer: &Answer, variable: Option<&VariableName>) -> Outcome {
    hook.judge(answer, variable, |_| Ok(()))
}

fn text(hook: &Hook, answer: &Answer) -> Result<String, AnswerFault> {
    match outcome_of(hook, answer, Some(&"V".parse().unwrap())) {
        Outcome::Ok { set, .. } => Ok(set[0].value.lossy().into_owned()),
        Outcome::BadAnswer { fault, .. } => Err(fault),
        other => panic!("{other:?}"),
    }
}

fn parts(hook: &Hook, answer: &Answer) -> Result<Vec<String>, String> {
    match outcome_of(hook, answer, None) {
        Outcome::Ok { set, .. } => {
            Ok(set.iter().map(|a| format!("{}={}", a.name, a.value.lossy())).collect())
        }
        bad => Err(bad.to_string()),
    }
}

#[test]
fn an_answer_is_trimmed_and_judged_whole() {
    let judge = |bytes: &[u8]| text(&accepting(Accept::Text), &body(bytes));
    assert_eq!(judge(b" \r\n sales\t\n").as_deref(), Ok("sales"));
    assert_eq!(judge(b"").as_deref(), Ok(""));
    assert_eq!(judge(b"\xef\xbb\xbfsales\r\n").as_deref(), Ok("sales"));
    assert!(judge(&[b'x'; 1024]).is_ok());
    assert_eq!(judge(&[b'x'; 1025]), Err(AnswerFault::TextTooLong));
    assert_eq!(judge(b"a\nb"), Err(AnswerFault::ControlByte));
    assert_eq!(judge(b"a\x7fb"), Err(AnswerFault::ControlByte));
    assert_eq!(judge(b"caf\xe9"), Err(AnswerFault::NotUtf8));
    assert!(judge("café ☎".as_bytes()).is_ok());
}

#[test]
fn only_a_word_is_accepted_by_default() {
    let judge = |answer: &str| text(&hook(), &body(answer));
    for word in ["sales", "\n+31201234567\n", "größe", ""] {
        assert_eq!(judge(word).as_deref(), Ok(word.trim()), "{word:?}");
    }
    for other in ["two words", "sales,1", "{a=b}x", "user/1", "x@y"] {
        assert_eq!(judge(other), Err(AnswerFault::NotAWord), "{other:?}");
    }
    let part = setting(&[("ROUTE", "/route")]);
    let part = Hook { accept: Accept::default(), ..part };
    assert!(parts(&part, &body(r#"{"route": "a b"}"#)).unwrap_err().starts_with("the answer is not a word"));
}

#[test]
fn one_variable_may_accept_a_text_and_the_others_words() {
    let mut hook = setting(&[("ROUTE", "/route"), ("NAME", "/name"), ("RAW", "/raw")]);
    hook.accept = Accept::Word;
    hook.set[1].accept = Some(Accept::Text);
    hook.set[2].accept = Some(Accept::Any);
    let good = body(r#"{"route": "sales", "name": "Ada Lovelace, Countess", "raw": "a\"b"}"#);
    let Outcome::Ok { set, .. } = outcome_of(&hook, &good, None) else { panic!() };
    assert_eq!(set.iter().map(|it| it.accept).collect::<Vec<_>>(), [Accept::Word, Accept::Text, Accept::Any]);
    let refused = |answer: &str| parts(&hook, &body(answer)).unwrap_err();
    assert!(refused(r#"{"route": "to sales"}"#).ends_with("it was for ROUTE"));
    assert!(refused(r#"{"name": "a\nb"}"#).ends_with("it was for NAME"));
}

#[test]
fn a_listed_answer_is_guarded_like_a_text_whatever_the_hook_accepts() {
    for accept in [Accept::Word, Accept::Text, Accept::Any] {
        let mut hook = Hook { accept, ..setting(&[("A", "/a"), ("B", "/b")]) };
        hook.set[0].answers = vec!["user/1000".to_owned()];
        let Outcome::Ok { set, .. } = outcome_of(&hook, &body(r#"{"a": "user/1000"}"#), None) else {
            panic!()
        };
        assert_eq!([set[0].accept, set[1].accept], [Accept::Text; 2], "{accept:?}");
    }
}

#[test]
fn a_refused_text_that_is_json_has_a_fault_of_its_own() {
    let listed = Hook { answers: vec!["sales".to_owned()], ..hook() };
    for hook in [hook(), listed] {
        let judge = |answer: &str| text(&hook, &body(answer));
        assert_eq!(judge("\"sales\"\n"), Err(AnswerFault::JsonString));
        assert_eq!(judge("{\"route\": \"sales\"}"), Err(AnswerFault::JsonDocument));
        assert_eq!(judge("[\"sales\"]"), Err(AnswerFault::JsonDocument));
        let other = if hook.answers.is_empty() { AnswerFault::NotAWord } else { AnswerFault::NotListed };
        for text in ["\"sales", "\"a\" \"b\"", "{sales}", "[x]"] {
            assert_eq!(judge(text), Err(other.clone()), "{text}");
        }
    }
}

#[test]
fn an_answer_with_none_of_the_parts_is_good_and_marked() {
    let hook = setting(&[("ROUTE", "/route"), ("NAME", "/name")]);
    let nothing = |hook: &Hook, answer: &Answer| match outcome_of(hook, answer, None) {
        Outcome::Ok { nothing_found, set, .. } => {
            assert_eq!(set.len(), hook.set.len());
            nothing_found
        }
        other => panic!("{other:?}"),
    };
    for answer in
        [r#"[{"route": "sales"}]"#, r#"{"error": "x"}"#, r#"{"Route": "sales"}"#, "{}", "7", "null", ""]
    {
        assert!(nothing(&hook, &body(answer)), "{answer}");
    }
    for answer in [r#"{"route": "sales"}"#, r#"{"name": "", "error": 1}"#] {
        assert!(!nothing(&hook, &body(answer)), "{answer}");
    }
    let mut status = hook.clone();
    status.set[0].source = Source::Status;
    assert!(nothing(&status, &body("{}")), "a status is always there");
    status.set.truncate(1);
    assert!(!nothing(&status, &body("{}")), "nothing else was looked for");
}

#[test]
fn an_empty_answer_has_no_parts_whatever_its_charset() {
    let hook = setting(&[("ROUTE", "/route")]);
    for answer in [body(""), body(" \r\n"), body("\u{feff}"), charset("charset=klingon", b"")] {
        for code in [200, 204] {
            let answer = Answer { code, ..answer.clone() };
            assert_eq!(parts(&hook, &answer).unwrap(), ["ROUTE=nobody"], "{answer:?}");
        }
    }
}

#[test]
fn a_part_is_trimmed_as_the_whole_text_is() {
    let hook = Hook { accept: Accept::Any, ..setting(&[("ROUTE", "/route")]) };
    assert_eq!(parts(&hook, &body(r#"{"route": " \r\n sales\t\n"}"#)).unwrap(), ["ROUTE=sales"]);
    assert_eq!(parts(&hook, &body(r#"{"route": "\n"}"#)).unwrap(), ["ROUTE="]);
    let listed = Hook { answers: vec!["sales".to_owned()], ..hook };
    assert_eq!(parts(&listed, &body(r#"{"route": "sales\n"}"#)).unwrap(), ["ROUTE=sales"]);
}

#[test]
fn accept_any_leaves_the_judgement_to_the_switch() {
    let hook = accepting(Accept::Any);
    let judged = outcome_of(&hook, &body(b"a\nb\xe9\0"), Some(&"V".parse().unwrap()));
    let Outcome::Ok { set, .. } = judged else { panic!("{judged:?}") };
    assert_eq!(set[0].value, Value::from(&b"a\nb\xe9\0"[..]));
}

#[test]
fn only_listed_answers_are_accepted_whether_a_variable_receives_them_or_not() {
    let hook = Hook { answers: vec!["sales".to_owned(), "support".to_owned()], ..hook() };
    let name = "V".parse().unwrap();
    for variable in [Some(&name), None] {
        assert_eq!(outcome_of(&hook, &body("support\n"), variable).status(), Status::Ok);
        for other in ["Sales", "sales support", "", "sale"] {
            assert_eq!(outcome_of(&hook, &body(other), variable).status(), Status::BadAnswer);
        }
    }
}

#[test]
fn an_answer_that_no_variable_receives_is_not_judged() {
    assert_eq!(
        outcome_of(&hook(), &charset("charset=klingon", b"<html>\n\xff</html>"), None).status(),
        Status::Ok
    );
}

#[test]
fn the_charset_of_the_answer_is_honoured() {
    let judge = |label: &str, bytes: &[u8]| text(&accepting(Accept::Text), &charset(label, bytes));
    for label in ["charset=ISO-8859-1", "format=x; CHARSET=\"latin1\"", "charset=windows-1252 ; x=y"] {
        assert_eq!(judge(label, b"caf\xe9 ").as_deref(), Ok("café"), "{label}");
    }
    assert_eq!(judge("charset=Windows-1252", b"\x80 5").as_deref(), Ok("€ 5"));
    for label in ["charset=UTF-8", "charset=\"utf8\"", "q=1"] {
        assert_eq!(judge(label, "café".as_bytes()).as_deref(), Ok("café"), "{label}");
        assert_eq!(judge(label, b"caf\xe9"), Err(AnswerFault::NotUtf8), "{label}");
    }
    for label in ["charset=UTF-16LE", "charset=Shift_JIS", "charset=klingon", "charset="] {
        assert_eq!(judge(label, b"sales"), Err(AnswerFault::Charset), "{label}");
    }
}

#[test]
fn variables_are_set_from_values_in_a_json_answer() {
    let hook = setting(&[
        ("NAME", "/customer/name"),
        ("VIP", "/customer/vip"),
        ("ID", "/ids/0"),
        ("RATE", "/a~1b"),
        ("NONE", "/customer/none"),
        ("NULL", "/null"),
    ]);
    let answer = r#" {"customer":{"name":"Ada L","vip":true},"ids":[12345678901234567890123],"a/b":1.50,"null":null} "#;
    assert_eq!(
        parts(&hook, &body(answer)).unwrap(),
        ["NAME=Ada L", "VIP=true", "ID=12345678901234567890123", "RATE=1.50", "NONE=nobody", "NULL=nobody"]
    );
    let latin = charset("charset=iso-8859-1", b"{\"customer\":{\"name\":\"Ren\xe9\"}}");
    assert_eq!(parts(&hook, &latin).unwrap()[0], "NAME=René");
}

#[test]
fn an_object_or_a_list_is_refused_with_its_pointer() {
    let hook = setting(&[("NAME", "/customer/full name")]);
    let refused = |answer: &str| parts(&hook, &body(answer)).unwrap_err();
    assert_eq!(
        refused(r#"{"customer":{"full name":{}}}"#),
        "the value at customer.full_name of the answer is an object. it was for NAME"
    );
    assert_eq!(
        refused(r#"{"customer":{"full name":["a"]}}"#),
        "the value at customer.full_name of the answer is a list. it was for NAME"
    );
    for none in ["sales", "{", "{} {}", "{\"a\":\u{1}}"] {
        assert_eq!(refused(none), "the answer is not JSON", "{none}");
    }
    assert!(refused(r#"{"customer":{"full name":"a\nb"}}"#).starts_with("the answer holds a line break"));
}

#[test]
fn an_object_is_an_object_whatever_its_keys() {
    let hook = setting(&[("A", "/a")]);
    for inside in [
        r#"{"$serde_json::private::Number":"12"}"#,
        r#"{"$serde_json::private::Number":"1e5"}"#,
        r#"{"$serde_json::private::RawValue":"\"sales\""}"#,
    ] {
        let refused = parts(&hook, &body(format!("{{\"a\": {inside}}}"))).unwrap_err();
        assert_eq!(refused, "the value at a of the answer is an object. it was for A", "{inside}");
    }
}

#[test]
fn a_part_may_have_answers_of_its_own() {
    let mut hook = setting(&[("ROUTE", "/route"), ("NAME", "/name")]);
    hook.set[0].answers = vec!["sales".to_owned()];
    hook.set[0].otherwise = Some(Value::from("reception"));
    assert_eq!(parts(&hook, &body(r#"{"route":"sales","name":"x"}"#)).unwrap(), ["ROUTE=sales", "NAME=x"]);
    assert_eq!(parts(&hook, &body("{}")).unwrap(), ["ROUTE=reception", "NAME=nobody"]);
    assert!(parts(&hook, &body(r#"{"route":"x"}"#)).unwrap_err().ends_with("answers. it was for ROUTE"));
    hook.answers = vec!["x".to_owned()];
    assert!(parts(&hook, &body(r#"{"route":"sales","name":"y"}"#)).is_err(), "the hook's words hold for all");
}

#[test]
fn variables_are_set_from_a_header_and_the_status() {
    let part = |name: &str, source| Mapping {
        name: name.parse().unwrap(),
        source,
        accept: None,
        answers: Vec::new(),
        otherwise: None,
    };
    let route = || Source::Header(HeaderName::from_static("x-route"));
    let hook = Hook { set: vec![part("ROUTE", route()), part("CODE", Source::Status)], ..hook() };
    let mut answer = Answer { code: 204, ..body("no json") };
    assert_eq!(parts(&hook, &answer).unwrap(), ["ROUTE=", "CODE=204"]);
    answer.headers.append("x-route", HeaderValue::from_static(" sales "));
    answer.headers.append("x-route", HeaderValue::from_static("other"));
    assert_eq!(parts(&hook, &answer).unwrap(), ["ROUTE=sales", "CODE=204"]);
    answer.headers.insert("x-route", HeaderValue::from_bytes(b"caf\xe9").unwrap());
    assert_eq!(parts(&hook, &answer).unwrap_err(), "the answer is not UTF 8. it was for ROUTE");
    let long = "x".repeat(LONGEST_ANSWER + 1);
    answer.headers.insert("x-route", HeaderValue::from_str(&long).unwrap());
    let hook = Hook { accept: Accept::Any, ..hook };
    assert_eq!(
        parts(&hook, &answer).unwrap_err(),
        "the answer is longer than limits.answer allows. it was for ROUTE"
    );
}

/// Asterisk's rule about quotation marks.
fn no_quotes(assignment: &Assignment) -> Result<(), Unfit> {
    if assignment.value.as_bytes().contains(&b'"') { Err(Unfit::Quote) } else { Ok(()) }
}

#[test]
fn a_value_that_the_switch_cannot_carry_refuses_the_answer_and_names_its_variable() {
    let hook = setting(&[("A", "/a"), ("B", "/b"), ("C", "/c")]);
    let answer = body(r#"{"a": "x", "b": "say \"y\"", "c": "\"z\""}"#);
    assert_eq!(outcome_of(&hook, &answer, None).status(), Status::Ok);
    let refused = hook.judge(&answer, None, no_quotes);
    let (fault, variable) = (AnswerFault::Unfit(Unfit::Quote), "B".parse().ok());
    // the escaped quotation mark
    let place = Some(Box::new(Place { region: Region::Body, bytes: 21..23 }));
    assert_eq!(refused, Outcome::BadAnswer { code: 200, fault, variable, place });
}

#[test]
fn a_whole_answer_that_the_switch_cannot_carry_is_refused_as_json_if_it_is_json() {
    let (hook, name) = (accepting(Accept::Text), "V".parse().unwrap());
    let fault = |text: &str| match hook.judge(&body(text), Some(&name), no_quotes) {
        Outcome::BadAnswer { fault, variable: None, .. } => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(fault("say \"y\""), AnswerFault::Unfit(Unfit::Quote));
    assert_eq!(fault("\"y\""), AnswerFault::JsonString);
    assert_eq!(fault("{\"a\": 1}"), AnswerFault::JsonDocument);
}
