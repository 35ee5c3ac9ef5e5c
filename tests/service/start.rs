//! Owner: cli. Starts that fail, and the messages about them.

use serde_json::Value;
use tokio::process::Command;

use super::SilentFile;
use crate::util::{FakeServiceManager, configured, run, within_time_limit};

const LISTEN: &str = "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = false\nobserver = false\n";

#[tokio::test]
async fn with_a_json_log_each_fault_is_a_line_of_json() {
    let (_folder, faulty) = configured("[hook.crm]\n[limits]\ncalls = 0\n");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (_other, right) = configured(&LISTEN.replace("127.0.0.1:0", &address.to_string()));
    let faulty = faulty.to_str().unwrap();
    let cannot_listen = format!("cannot listen on {address}: ");
    for (file, status, expected) in [
        (faulty, 2, &[format!("{faulty}:1: hook.crm.url: "), format!("{faulty}:3: limits.calls: ")][..]),
        (right.to_str().unwrap(), 1, &[cannot_listen]),
    ] {
        let (ended, _, log) = run(&["serve", "--log-format", "json", "--config", file]).await;
        assert_eq!(ended, status, "{log}");
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let errors: Vec<_> = lines.filter(|line| line["level"] == "ERROR").collect();
        assert_eq!(errors.len(), expected.len(), "{log}");
        for (error, expected) in errors.iter().zip(expected) {
            assert!(error["message"].as_str().unwrap().starts_with(expected), "{error}");
        }
    }
}

#[tokio::test]
async fn a_signal_ends_a_start_that_waits_for_a_file() {
    let manager = FakeServiceManager::new();
    manager.configure(LISTEN);
    let Some(mut silent) = SilentFile::at(&manager.file()).await else { return };
    let daemon = manager.start();
    silent.asked().await;
    daemon.signal("TERM").await;
    let (status, log) = daemon.end().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test]
async fn serve_refuses_a_pipe_as_its_configuration() {
    let manager = FakeServiceManager::new();
    assert!(Command::new("mkfifo").arg(manager.file()).status().await.unwrap().success());
    let (status, log) = manager.start().end().await;
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("not a regular file"), "{log}");
}

/// The log of a start with these tables and so many descriptors. The start fails, because its address is in
/// use.
async fn line_about_descriptors(most: u64, tables: &str) -> Option<String> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (_folder, file) =
        configured(&format!("listen.asterisk = \"{address}\"\nlisten.freeswitch = false\n{tables}"));
    let script = format!("ulimit -n {most}; exec \"$0\" serve --config \"$1\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_dialhook")]).arg(file).env_remove("DIALHOOK_LOG");
    let output = within_time_limit("the program", command.kill_on_drop(true).output()).await.unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("cannot listen"), "{log}");
    log.lines().find(|line| line.contains("limit of open files")).map(str::to_owned)
}

#[tokio::test]
async fn a_warning_about_few_descriptors_lists_their_uses() {
    const FOR_SWITCHES: u64 = 300;
    const FOR_WEBHOOKS: u64 = 400;
    const FOR_THE_OBSERVER: u64 = 64;
    const FOR_THE_REST: u64 = 50;
    let limits = "[limits]\ncalls = 100\ndetached = 300\n";
    let hook = "[hook.tell]\nurl = \"http://127.0.0.1:9/\"\ndetach = true\n";
    let unobserved = FOR_SWITCHES + FOR_WEBHOOKS + FOR_THE_REST;
    for (observer, needed) in [("false", unobserved), ("\"127.0.0.1:0\"", unobserved + FOR_THE_OBSERVER)] {
        let tables = format!("listen.observer = {observer}\n{limits}{hook}");
        let line = line_about_descriptors(needed - 1, &tables).await.expect("a warning");
        assert!(
            line.contains(" WARN ") && line.contains(&format!("limit={} needed={needed}", needed - 1)),
            "{line}"
        );
        assert_eq!(line_about_descriptors(needed, &tables).await, None);
    }
}

#[tokio::test]
async fn a_start_in_a_shell_logs_how_many_calls_fit_without_a_warning() {
    let line = line_about_descriptors(1024, "listen.observer = false\n").await.expect("a line");
    assert!(line.contains(" INFO ") && line.contains("291 calls at once"), "{line}");
    let line = line_about_descriptors(1024, "listen.observer = false\nlimits.calls = 10000\n").await;
    assert!(line.is_some_and(|line| line.contains(" WARN ") && line.contains("291 calls at once")));
}
