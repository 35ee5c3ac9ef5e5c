//! The places of faults.

use http::HeaderValue;

use super::*;
use crate::hook::{Mapping, Outcome, UrlTemplate};
use crate::variable::{Accept, CanCarry};

fn hook(accept: Accept) -> Hook {
    Hook { accept, ..Hook::new(UrlTemplate::parse("http://h/").unwrap()) }
}

fn setting(source: Source) -> Hook {
    let (name, answers) = ("ROUTE".parse().unwrap(), Vec::new());
    let mapping = Mapping { name, source, accept: None, answers, otherwise: None };
    Hook { set: vec![mapping], ..hook(Accept::Word) }
}

fn at(pointer: &str) -> Hook {
    setting(Source::Json(pointer.parse().unwrap()))
}

fn body(body: &[u8]) -> Answer {
    Answer { code: 200, body: body.to_vec(), ..Answer::default() }
}

fn place_of(hook: &Hook, answer: &Answer, can_carry: CanCarry) -> Option<Place> {
    let variable = hook.set.is_empty().then(|| "V".parse().unwrap());
    match hook.judge(answer, variable.as_ref(), can_carry) {
        Outcome::BadAnswer { place, .. } => place.map(|place| *place),
        other => panic!("{other:?}"),
    }
}

/// The marked bytes of the body.
fn marked<'b>(hook: &Hook, text: &'b [u8]) -> &'b [u8] {
    let place = place_of(hook, &body(text), |_| Ok(())).unwrap();
    assert_eq!(place.region, Region::Body);
    &text[place.bytes]
}

#[test]
fn the_first_bad_character_of_a_text_is_marked_in_the_body() {
    let word = hook(Accept::Word);
    let place = place_of(&word, &body(b"\r\n sales team\n"), |_| Ok(())).unwrap();
    assert_eq!(place.bytes, 8..9, "the space");
    assert_eq!(marked(&word, "\u{feff}caf\u{e9}☎☎".as_bytes()), "☎".as_bytes());
    assert_eq!(marked(&word, b"sales\x07team"), b"\x07");
    assert_eq!(marked(&word, b" caf\xe9 x"), b"\xe9");
    assert_eq!(marked(&word, &[b'x'; 130]), b"xx");
    assert_eq!(marked(&hook(Accept::Text), "a b\u{202e}c".as_bytes()), "\u{202e}".as_bytes());
    assert_eq!(marked(&hook(Accept::Text), &["é".repeat(512).as_bytes(), b"yz"].concat()), b"yz");
    assert_eq!(marked(&word, b" {\"a\": 1}"), b"{");
    let listed = Hook { answers: vec!["sales".to_owned()], ..hook(Accept::Word) };
    assert_eq!(marked(&listed, b" sale\n"), b"sale");
}

#[test]
fn in_another_charset_the_byte_of_the_character_is_marked() {
    let mut answer = body(b" caf\xe9 \xe9t\xe9");
    answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=latin1"));
    assert_eq!(place_of(&hook(Accept::Word), &answer, |_| Ok(())).unwrap().bytes, 5..6);
    answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=klingon"));
    let place = place_of(&hook(Accept::Word), &answer, |_| Ok(())).unwrap();
    assert_eq!(place, Place { region: Region::Header(CONTENT_TYPE), bytes: 0..27 });
}

#[test]
fn a_part_of_json_is_marked_where_it_is_written() {
    let mark = |text: &'static str| marked(&at("/a/b"), text.as_bytes());
    assert_eq!(mark(r#" {"x y": 1, "a": {"b": "\u0073ales team"}}"#), b" ");
    assert_eq!(mark(r#"{"a": {"b": " sales\nteam"}}"#), br"\n");
    assert_eq!(mark(r#"{"a": {"b": {"c": 1}}}"#), br#"{"c": 1}"#);
    assert_eq!(mark(r#"{"a": {"b": [1]}}"#), b"[1]");
    assert_eq!(mark("{\"a\":\n 1,, \"b\": 2}"), b",");
    assert_eq!(mark("{\"a\": 1"), b"", "its end is missing");
}

#[test]
fn a_header_is_marked_in_the_header() {
    let name = HeaderName::from_static("x-route");
    let mut answer = body(b"");
    answer.headers.insert(&name, HeaderValue::from_static("sales team"));
    let hook = setting(Source::Header(name.clone()));
    let place = place_of(&hook, &answer, |_| Ok(())).unwrap();
    assert_eq!(place, Place { region: Region::Header(name), bytes: 5..6 });
}

#[test]
fn what_a_switch_cannot_carry_is_marked() {
    let any = hook(Accept::Any);
    let marks = |text: &'static [u8], can_carry: CanCarry| {
        let place = place_of(&any, &body(text), can_carry).unwrap();
        &text[place.bytes]
    };
    assert_eq!(marks(b"say \"y\"", |_| Err(Unfit::Quote)), b"\"");
    assert_eq!(marks(b"a\0b", |_| Err(Unfit::Nul)), b"\0");
    assert_eq!(marks(b"a\nb", |_| Err(Unfit::Newline)), b"\n");
    assert_eq!(marks(b"a\n'", |_| Err(Unfit::LineFeedAtEnd)), b"\n");
    assert_eq!(marks(b"ab", |_| Err(Unfit::TooLong)), b"ab");
    assert_eq!(marks(b"%[a=b]c", |_| Err(Unfit::Scope)), b"%[");
    assert_eq!(marks(b"ARRAY::a|:b", |_| Err(Unfit::Array)), b"ARRAY::");
    let place = place_of(&any, &body(b"$5 $'{x}"), |_| Err(Unfit::Expansion)).unwrap();
    assert_eq!(place.bytes, 3..4, "the first dollar sign is harmless");
}
