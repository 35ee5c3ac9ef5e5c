//! Owner: log. The note in the line of a step.

use super::{EVERY_FORMAT, TEXT, logged};
use crate::util::{Environment, FakeAsterisk, FakeWebhook, Reply};

/// The lines of the calls at hooks for each of these answers; all of them end with this status.
async fn lines_of(answers: &'static [&'static str], keys: &str, status: &str) -> Vec<String> {
    let webhook =
        FakeWebhook::start(|request| Reply::json(answers[request.target[1..].parse::<usize>().unwrap()]))
            .await;
    let hook =
        |number| format!("[hook.h{number}]\nurl = \"{}\"\n{keys}\n", webhook.url(&format!("/{number}")));
    let tables: String = (0..answers.len()).map(hook).collect();
    let mut lines = logged(TEXT, "info", &tables, async |daemon| {
        for (number, answer) in answers.iter().enumerate() {
            let ended = FakeAsterisk::call(daemon.address(), Environment::new(format!("h{number}"))).await;
            assert_eq!(ended.status(), status, "{answer}");
        }
    })
    .await;
    lines.retain(|line| line.contains("webhook step"));
    assert_eq!(lines.len(), answers.len(), "{lines:?}");
    lines
}

const SET: &str = "set = { ROUTE = \"/route\", REF = { header = \"X-Ref\" }, CODE = { status = true } }";

#[tokio::test]
async fn an_answer_without_any_part_of_set_is_ok_and_noted() {
    let note = "note=\"the answer has none of the parts that set names: /route, the header x-ref\"";
    for line in lines_of(
        &[r#"[{"route": "sales"}]"#, r#"{"error": "no such customer"}"#, r#"{"Route": "sales"}"#, ""],
        SET,
        "OK",
    )
    .await
    {
        assert!(line.contains(" INFO ") && line.contains(note), "{line}");
        assert!(!line.contains("no such customer"), "{line}");
    }
    for line in lines_of(&[r#"{"route": "sales"}"#, r#"{"route": ""}"#], SET, "OK").await {
        assert!(!line.contains("note"), "{line}");
    }
}

#[tokio::test]
async fn a_json_answer_in_the_place_of_a_word_is_noted_with_an_example_of_set() {
    let lines =
        lines_of(&[r#""sales""#, r#"{"route": "sales"}"#, "two words"], "variable = \"CRM\"", "BAD_ANSWER")
            .await;
    assert!(
        lines[0].contains("write set = { CRM = \\\"\\\" } instead of variable; the empty pointer"),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains("write set = { CRM = \\\"/NAME\\\" } instead of variable"), "{}", lines[1]);
    assert!(lines[2].contains("not a word") && !lines[2].contains("note"), "{}", lines[2]);
}

#[tokio::test]
async fn the_note_is_in_every_format() {
    for format in EVERY_FORMAT {
        let webhook = FakeWebhook::start(|_| Reply::json("{}")).await;
        let tables = format!("[hook.crm]\nurl = \"{}\"\n{SET}\n", webhook.url("/"));
        let lines = logged(format, "info", &tables, async |daemon| {
            assert_eq!(FakeAsterisk::call(daemon.address(), Environment::new("crm")).await.status(), "OK");
        })
        .await;
        let line = lines.iter().find(|line| line.contains("webhook step")).unwrap();
        assert!(
            line.to_lowercase().contains("note") && line.contains("none of the parts"),
            "{format:?}: {line}"
        );
    }
}
