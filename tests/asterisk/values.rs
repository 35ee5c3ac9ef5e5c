//! Owner: hook/answer. An answer arrives exact to the byte or not at all, and never changes the meaning of a
//! condition.

use std::sync::Arc;

use super::instance::{Asterisk, Ended, Release};
use super::{asterisk, on_each_release, show, shown};
use crate::util::{Daemon, FakeWebhook, Reply};

/// Calls to `0`, `1`, … get the answer of that number.
struct Answers {
    asterisk: Asterisk,
    _daemon: Daemon,
    _webhook: FakeWebhook,
}

impl Answers {
    async fn start(release: Release, accept: &str, answers: Vec<Vec<u8>>) -> Answers {
        let answers = Arc::new(answers);
        let webhook = FakeWebhook::start(move |request| {
            Reply::text(&answers[request.target.trim_start_matches('/').parse::<usize>().unwrap()])
        })
        .await;
        let url = webhook.url("/{dp_in_number}");
        let daemon = Daemon::start(&format!(
            "[hook.route]\nurl = \"{url}\"\nmethod = \"GET\"\nvariable = \"ROUTE\"\naccept = \"{accept}\"\n"
        ))
        .await;
        let dialplan = format!(
            "[test]\nexten => _X!,1,AGI(agi://dialhook/route)\n same => n,Set(SHOWN={})\n\
             same => n,Set(EQUAL=$[\"${{ROUTE}}\" = \"sales\"])\n\
             same => n,Set(QUEUE=${{JSON_DECODE(ROUTE,queue)}})\n",
            show("ROUTE")
        );
        Answers { asterisk: asterisk(release, &daemon, &dialplan).await, _daemon: daemon, _webhook: webhook }
    }

    async fn call(&self, number: usize) -> Ended {
        self.asterisk.call(&format!("{number}@test")).await
    }
}

/// Every answer arrives as it was given.
async fn assert_arrive(release: Release, accept: &str, answers: Vec<Vec<u8>>) -> Vec<Ended> {
    let webhook = Answers::start(release, accept, answers.clone()).await;
    let mut calls = Vec::new();
    for (number, answer) in answers.iter().enumerate() {
        let ended = webhook.call(number).await;
        let text = String::from_utf8_lossy(answer);
        assert_eq!(ended.last("WEBHOOK_STATUS"), Some("OK"), "{text:?}");
        assert_eq!(shown(&ended, "SHOWN"), *answer, "{text:?}");
        calls.push(ended);
    }
    calls
}

async fn assert_refused(release: Release, accept: &str, answers: Vec<Vec<u8>>) {
    let webhook = Answers::start(release, accept, answers.clone()).await;
    for (number, answer) in answers.iter().enumerate() {
        let ended = webhook.call(number).await;
        let text = String::from_utf8_lossy(answer);
        assert_eq!(ended.last("WEBHOOK_STATUS"), Some("BAD_ANSWER"), "{text:?}");
        assert_eq!(ended.last("ROUTE"), Some(""), "{text:?}");
        assert_eq!(ended.last("EQUAL"), Some("0"), "{text:?}");
    }
}

/// Texts that try to leave quotes, expressions and function calls.
const CRAFTED: &[&str] = &[
    "${CALLERID(num)}",
    "$[1+1]",
    "${SHELL(id)}",
    "$",
    "${",
    "$[",
    "]",
    "}",
    ")",
    "):1:2",
    "a):1",
    "((((",
    "'",
    "`",
    "\\",
    "\\\\",
    "a\\",
    "\\n",
    ",",
    ",sales",
    "sales,1",
    "sales ,",
    "a;b",
    "a|b",
    "a&b",
    "sales' | '1",
    "1 = 1",
    "-sales",
    "a  b",
    "%41",
    "%",
    "=",
    "!=",
    "#",
    "?:",
    "Sales",
    "sales.",
    "Grüße an Zoë",
    "日本語",
    "🙂",
    "\u{a0}",
    "SET VARIABLE EVIL yes",
    "HANGUP",
    "failure",
];

#[tokio::test]
async fn a_text_arrives_exactly_and_equals_no_other_word() {
    on_each_release(async |release| {
        let printable = (b'!'..=b'~').filter(|byte| *byte != b'"');
        let mut answers: Vec<Vec<u8>> = CRAFTED.iter().map(|text| text.as_bytes().to_vec()).collect();
        answers.push(printable.clone().collect());
        answers.push(vec![b'x'; 1024]);
        answers.extend(printable.flat_map(|byte| {
            [
                vec![byte],
                [b"a", &[byte][..], b" b"].concat(),
                [b"sales", &[byte][..]].concat(),
                [&[byte], &b"sales"[..]].concat(),
            ]
        }));
        for ended in assert_arrive(release, "text", answers).await {
            assert_eq!(ended.last("EQUAL"), Some("0"), "{ended:?}");
        }
        let equal = assert_arrive(release, "text", vec![b"sales".to_vec()]).await;
        assert_eq!(equal[0].last("EQUAL"), Some("1"));
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_no_text_sets_no_variable() {
    on_each_release(async |release| {
        let mut answers: Vec<Vec<u8>> = (0..32).chain([127]).map(|byte| vec![b'a', byte, b'b']).collect();
        answers.extend(
            [&b"\""[..], b"x\"", b"a\" | \"1", b"sales\"", b"caf\xe9", b"\xff", b"a\nSET VARIABLE EVIL yes"]
                .map(<[u8]>::to_vec),
        );
        answers.push(vec![b'x'; 1025]);
        // texts that look different from what a condition compares
        answers.extend(
            ["\u{85}", "\u{9b}31m", "a\u{2028}b", "a\u{2029}b", "a\u{202e}b", "\u{2066}a", "\u{200f}"]
                .map(Vec::from),
        );
        assert_refused(release, "text", answers).await;
    })
    .await;
}

#[tokio::test]
async fn with_accept_any_an_answer_that_a_command_can_carry_arrives_exactly() {
    on_each_release(async |release| {
        let mut answers: Vec<Vec<u8>> = CRAFTED.iter().map(|text| text.as_bytes().to_vec()).collect();
        answers.extend(
            [
                "\"",
                "\\\"",
                "\"\\",
                "a\tb",
                "a\rb",
                "a\r\tb",
                "a\" | \"1",
                r#"{"queue":"a\"b\\"}"#,
                "\"${X}\"",
            ]
            .map(|text| text.as_bytes().to_vec()),
        );
        answers.push((1..=255).filter(|byte| *byte != b'\n').chain([b'.']).skip(1).collect());
        answers.push("\u{2028}\u{202e}\u{85}x".into());
        assert_arrive(release, "any", answers).await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_no_command_can_carry_is_refused_whole() {
    on_each_release(async |release| {
        assert_refused(
            release,
            "any",
            vec![b"a\nb".to_vec(), b"a\0b".to_vec(), b"a\r\nSET VARIABLE EVIL yes".to_vec()],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_longest_command_arrives_whole_and_one_byte_more_not_at_all() {
    on_each_release(async |release| {
        let longest = 2_046 - "SET VARIABLE ROUTE \"\"".len();
        let escaped = |count: usize, more: &[u8]| [vec![b'\\'; count], more.to_vec()].concat();
        assert_arrive(release, "any", vec![vec![b'x'; longest], escaped(longest / 2, b"x")]).await;
        assert_refused(release, "any", vec![vec![b'x'; longest + 1], escaped(longest / 2, b"xx")]).await;
    })
    .await;
}

#[tokio::test]
async fn the_dialplan_reads_parts_of_a_json_answer() {
    on_each_release(async |release| {
        let json = br#"{"queue": "sales, \"special\"", "more": [1, 2, {"deep": ")"}]}"#;
        let calls = assert_arrive(release, "any", vec![json.to_vec()]).await;
        assert_eq!(calls[0].last("QUEUE"), Some("sales, \"special\""));
    })
    .await;
}
