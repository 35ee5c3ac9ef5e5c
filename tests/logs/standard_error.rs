//! Owner: log. The standard error of `dialhook serve`.

use serde_json::Value;

use crate::util::{Environment, FakeAsterisk, Program};

#[tokio::test]
async fn the_first_line_is_json_too_with_log_format_json() {
    let mut program = Program::serve_with(&["--log-format", "json"], "", &[]).await;
    FakeAsterisk::call(program.address(), Environment::new("nobody")).await;
    let mut lines = program.startup_log().to_vec();
    while !lines.last().unwrap().contains("webhook step") {
        lines.push(program.line().await);
    }
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["message"], "dialhook starts");
    let last = lines.last().unwrap();
    assert_eq!((&last["hook"], &last["status"]), (&"nobody".into(), &"BAD_REQUEST".into()));
    let listening = lines.iter().find(|line| line["message"] == "listening").unwrap();
    assert_eq!(listening["asterisk"], program.address().to_string());
    assert!(listening["observer"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn the_journal_of_another_process_is_not_used() {
    let mut program = Program::serve_with(&[], "", &[("JOURNAL_STREAM", "1:1")]).await;
    FakeAsterisk::call(program.address(), Environment::new("nobody")).await;
    while !program.line().await.contains("webhook step hook=\"nobody\"") {}
}
