use super::super::clock::tests::clock;
use super::super::values::tests::step;
use super::*;
use crate::history::view::{
    Attempt, Body, Event, Judgement, Mark, MarkKind, Named, Piece, Refused, Request, Response, Step, Text,
};

fn attempt() -> Attempt {
    Attempt {
        url: "https://crm.example.com/route".into(),
        kind: "first".into(),
        began_ms: 1.2,
        connection: "new".into(),
        dns_ms: Some(1.0),
        connect_ms: Some(2.0),
        tls_ms: Some(11.5),
        first_byte_ms: Some(110.0),
        total_ms: 116.2,
        outcome: "BAD_ANSWER".into(),
        reason: String::new(),
        code: Some(200),
        quarantine: false,
        redirects: Vec::new(),
    }
}

fn text(pieces: &[(&str, Option<&str>)]) -> Text {
    let mark = |label: &str| Mark { kind: MarkKind::Fault, label: label.into() };
    let piece = |(text, label): &(&str, Option<&str>)| Piece { text: (*text).into(), mark: label.map(mark) };
    Text { pieces: pieces.iter().map(piece).collect(), cut: false, json: false }
}

#[expect(clippy::too_many_lines, reason = "one value with every field")]
fn detail() -> StepDetail {
    let Step { id, time, switch, call_id, linked_id, channel, caller, callee, hook, status, .. } = step();
    let event = |kind, at_ms, until_ms, text: &str| Event { at_ms, until_ms, kind, text: text.into() };
    let body = Body::Kept(text(&[("sales", None), (" | ", Some("accept = \"word\"")), ("1", None)]));
    StepDetail {
        step: Step {
            attempts: vec![attempt()],
            id,
            time,
            switch,
            call_id,
            linked_id,
            channel,
            caller,
            callee,
            hook,
            status,
            code: Some(200),
            reason: "the answer is not a word".into(),
            ms: 120,
            answer: step().answer,
            age_ms: None,
            set: step().set,
            note: None,
        },
        caller_name: "Anna".into(),
        peer: Some("10.1.0.5".into()),
        trace: Some("b77c".into()),
        timeout_ms: Some(2000),
        fetched: vec![Named { name: "ACCOUNT".into(), value: "42".into() }],
        request: Some(Request {
            method: "POST".into(),
            url: "https://crm.example.com/route".into(),
            headers: vec![Named { name: "x-api-key".into(), value: "…".into() }],
            body: Body::Omitted,
        }),
        response: Some(Response {
            code: 200,
            content_type: Some("text/plain".into()),
            length: 9,
            headers: Vec::new(),
            body,
        }),
        judgement: Some(Judgement {
            accept: "word".into(),
            answers: Vec::new(),
            refused: Some(Refused {
                variable: None,
                rule: "accept = \"word\"".into(),
                fault: "not a word".into(),
                text: None,
            }),
            missing: vec!["/queue".into()],
        }),
        timeline: vec![
            event(EventKind::Switch, 0.0, None, "connected"),
            event(EventKind::Attempt, 1.2, Some(117.4), "asked https://crm.example.com/route"),
            event(EventKind::End, 120.0, None, "given back"),
        ],
        explanation: Explanation {
            meaning: "The answer has characters that a word has not.".into(),
            remedy: "Let the webhook answer a word.".into(),
            page: "/docs/reading-the-log#not-a-word".into(),
        },
        detached: None,
        repeatable: true,
        curl: Some("curl \\\n  'https://crm.example.com/route'".into()),
        try_command: Some("dialhook try crm".into()),
    }
}

#[test]
fn a_step_is_told_from_its_reason_to_the_command_that_repeats_it() {
    let shown = as_text(
        &detail(),
        Screen { width: Some(80), coloured: false },
        &clock("2026-06-30T12:00:00Z"),
        "http://127.0.0.1:9573",
    );
    assert_eq!(
        shown,
        r#"step      4f1c09ab  2026-06-30 13:05:03.123 +02:00
call      …678 "Anna" → 100
          asterisk at 10.1.0.5, channel PJSIP/trunk-0000001a
          call id 1795416038.2, linked id 1795416038.1
hook      crm, timeout 2000 ms, trace b77c
status    BAD_ANSWER after 120 ms, the webhook answered 200, answer fresh
reason    the answer is not a word
set       CRM = "reception"  (otherwise)
fetched   ACCOUNT = "42"

meaning   The answer has characters that a word has not.
to do     Let the webhook answer a word.
more      http://127.0.0.1:9573/docs/reading-the-log#not-a-word

timeline       0.0  │                        connected
               1.2  ███████████████████████  asked https://crm.example.com/route (116.2 ms)
             120.0                        │  given back

attempts  1. first  https://crm.example.com/route  BAD_ANSWER 200
             new connection, DNS 1.0 ms, connect 2.0 ms, TLS 11.5 ms, first byte after 110.0 ms, all 116.2 ms

request   POST https://crm.example.com/route
          x-api-key: …
          (history.bodies leaves the text out)

answer    200, text/plain, 9 bytes

          sales | 1
               ^^^ accept = "word"

rules     accept = "word"
refused   the answer, by accept = "word": not a word
missing   /queue is not in the answer

again     dialhook try crm
          curl \
            'https://crm.example.com/route'
"#
    );
}

#[test]
fn no_text_of_a_peer_reaches_the_terminal_as_it_is() {
    let hostile = "\u{1b}[2J\u{9b}\r\u{202e}\u{2028}";
    let json = serde_json::to_value(detail()).unwrap();
    let json = infected(json, hostile);
    let detail: StepDetail = serde_json::from_value(json).unwrap();
    for width in [None, Some(80)] {
        let screen = Screen { width, coloured: false };
        let shown = as_text(&detail, screen, &clock("2026-06-30T12:00:00Z"), "http://pbx");
        assert!(!shown.contains(|c| c != '\n' && crate::log::is_unsafe(c)), "{shown:?}");
    }
}

/// Adds this text to every text of a step, except to the words that it is read by.
fn infected(json: serde_json::Value, hostile: &str) -> serde_json::Value {
    use serde_json::Value;
    const WORDS: [&str; 7] = ["fresh", "switch", "attempt", "end", "fault", "kept", "omitted"];
    match json {
        Value::String(text) if WORDS.contains(&text.as_str()) => Value::String(text),
        Value::String(text) => Value::String(text + hostile),
        Value::Array(items) => items.into_iter().map(|item| infected(item, hostile)).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, infected(value, hostile))).collect(),
        other => other,
    }
}
