//! A start that fails, or may; what is said of it, and to whom.

use serde_json::Value;
use tokio::process::Command;

use super::SilentFile;
use crate::util::{FakeManager, configured, run};

const LISTEN: &str = "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = false\nobserver = false\n";

#[tokio::test]
async fn where_the_log_is_json_each_fault_is_an_error_of_it() {
    let (_folder, faulty) = configured("[hook.crm]\n[limits]\ncalls = 0\n");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (_other, right) = configured(&LISTEN.replace("127.0.0.1:0", &address.to_string()));
    let faulty = faulty.to_str().unwrap();
    let cannot_listen = format!("cannot listen on {address}: ");
    for (file, status, told) in [
        (faulty, 2, &[format!("{faulty}:1: hook.crm.url: "), format!("{faulty}:3: limits.calls: ")][..]),
        (right.to_str().unwrap(), 1, &[cannot_listen]),
    ] {
        let (ended, _, log) = run(&["serve", "--log-format", "json", "--config", file]).await;
        assert_eq!(ended, status, "{log}");
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let errors: Vec<_> = lines.filter(|line| line["level"] == "ERROR").collect();
        assert_eq!(errors.len(), told.len(), "{log}");
        for (error, told) in errors.iter().zip(told) {
            assert!(error["message"].as_str().unwrap().starts_with(told), "{error}");
        }
    }
}

#[tokio::test]
async fn a_file_that_does_not_answer_does_not_keep_it_alive() {
    let manager = FakeManager::new();
    manager.configure(LISTEN);
    let Some(mut silent) = SilentFile::at(&manager.file()).await else { return };
    let daemon = manager.start();
    silent.asked().await;
    daemon.signal("TERM").await;
    let (status, log) = daemon.end().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test]
async fn a_pipe_is_no_configuration_for_a_daemon_that_shall_read_it_again() {
    let manager = FakeManager::new();
    assert!(Command::new("mkfifo").arg(manager.file()).status().await.unwrap().success());
    let (status, log) = manager.start().end().await;
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("not a regular file"), "{log}");
}
