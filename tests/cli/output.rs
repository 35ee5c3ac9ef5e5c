//! Owner: cli. Output into a pipe that is closed, and onto a disk that is full.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::util::fake_observer::{FakeObserver, as_json, good_step};
use crate::util::{FakeWebhook, Reply, configured, dialhook, exit_and_output, within_time_limit};

/// Every command that prints, with its arguments.
async fn printing() -> (tempfile::TempDir, (FakeWebhook, FakeObserver), Vec<Vec<String>>) {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let observer = FakeObserver::start(vec![as_json(&good_step("a-1"))], Vec::new()).await;
    let (folder, file) =
        configured(&format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\n", webhook.url("/")));
    let file = file.to_str().unwrap();
    let commands = [
        &["check", "--config", file][..],
        &["try", "crm", "--config", file],
        &["try", "crm", "--json", "--config", file],
        &["try", "crm", "--curl", "--config", file],
        &["calls", "--url", &observer.url()],
        &["calls", "--json", "--url", &observer.url()],
        &["calls", "--follow", "--url", &observer.url()],
        &["demo"],
        &["--help"],
        &["check", "--help"],
        &["--version"],
    ];
    let commands = commands.iter().map(|words| words.iter().map(|word| (*word).to_owned()).collect());
    (folder, (webhook, observer), commands.collect())
}

/// The exit status and the standard error of a command with this standard output.
async fn with_output(command: &[String], output: Stdio) -> (i32, String) {
    let words: Vec<_> = command.iter().map(String::as_str).collect();
    let mut program = dialhook(&words);
    program.stdout(output).stderr(Stdio::piped());
    let child = program.spawn().unwrap();
    // this process's copy of the output would keep the pipe open
    drop(program);
    let (status, _, err) =
        exit_and_output(&within_time_limit("the program", child.wait_with_output()).await.unwrap());
    (status, err)
}

#[tokio::test]
async fn a_closed_pipe_is_no_fault_of_any_command() {
    let (_folder, _servers, commands) = printing().await;
    for command in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(with_output(&command, writer.into()).await, (0, String::new()), "{command:?}");
    }
}

#[tokio::test]
async fn every_command_reports_a_full_disk() {
    let (_folder, _servers, commands) = printing().await;
    for command in commands {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (status, err) = with_output(&command, full.into()).await;
        assert_eq!(status, 1, "{command:?}: {err}");
        let expected = "dialhook: cannot write to standard output: No space left on device";
        assert!(err.starts_with(expected) && err.lines().count() == 1, "{command:?}: {err}");
    }
}

#[tokio::test]
async fn a_closed_standard_error_does_not_change_the_exit_status() {
    let (_folder, file) = configured("[hook.crm]\n");
    let file = file.to_str().unwrap();
    for (command, expected) in
        [(&["check", "--config", file][..], 1), (&["try", "crm", "--config", file], 2), (&["serv"], 2)]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut program = dialhook(command);
        program.stdout(Stdio::null()).stderr(writer);
        let status = within_time_limit("the program", program.status()).await.unwrap();
        assert_eq!(status.code(), Some(expected), "{command:?}");
    }
}
