//! Owner: switch/agi. Recorded sessions of Asterisk, played whole, byte by byte and cut at every place.

use std::fs;
use std::path::{Path, PathBuf};

use super::refused;
use super::transcript::{Cut, Setup, Transcript};
use crate::util::{Daemon, FakeAsterisk, FakeWebhook, Reply};

/// The files with this ending in a folder below `tests/data/agi`.
fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/agi").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.to_str().unwrap().ends_with(end));
    files.sort();
    assert!(!files.is_empty(), "no files {end}");
    files
}

fn name(file: &Path) -> &str {
    file.file_name().unwrap().to_str().unwrap()
}

#[tokio::test]
async fn recorded_sessions_play_as_they_were_recorded() {
    for file in files("", ".txt") {
        let transcript = Transcript::read(&file);
        Setup::new(&transcript).await.play_to_a_daemon(&transcript).await;
    }
}

#[tokio::test]
async fn recorded_sessions_play_the_same_byte_by_byte() {
    for file in files("", ".txt") {
        let transcript = Transcript::read(&file);
        Setup::new(&transcript).await.play(&transcript, Cut::Bytes).await;
    }
}

#[tokio::test]
async fn recorded_sessions_play_the_same_if_a_message_is_cut_in_two() {
    for file in files("", ".txt") {
        let transcript = Transcript::read(&file);
        let mut setup = Setup::new(&transcript).await;
        for at in transcript.places() {
            setup.play(&transcript, Cut::At(at)).await;
        }
    }
}

#[tokio::test]
async fn every_recorded_environment_is_accepted_unless_it_is_forged() {
    let daemon = Daemon::start("").await;
    for file in files("recorded", ".env") {
        if name(&file).contains("forged") {
            continue;
        }
        let mut switch = FakeAsterisk::connect(daemon.address()).await;
        switch.send(&fs::read(&file).unwrap()).await;
        let received = String::from_utf8(switch.receive_line().await.unwrap()).unwrap();
        assert!(received.starts_with("GET FULL VARIABLE \""), "{}: {received}", name(&file));
    }
}

#[tokio::test]
async fn every_recorded_forgery_is_refused() {
    let webhook = FakeWebhook::start(|_| Reply::text("evil")).await;
    let daemon = Daemon::start("").await;
    let forged_environments =
        files("recorded", ".env").into_iter().filter(|file| name(file).contains("forged"));
    for file in forged_environments.chain(files("recorded", ".session")) {
        let sent = match file.extension().unwrap().to_str() {
            Some("env") => String::from_utf8(fs::read(&file).unwrap()).unwrap(),
            _ => sent_by_asterisk(&fs::read_to_string(&file).unwrap()),
        };
        let sent = sent
            .replace("http://evil.example", &webhook.url(""))
            .replace("http://good.example", &webhook.url(""));
        refused(&daemon, sent.as_bytes(), name(&file)).await;
    }
    assert_eq!(webhook.connections(), 0);
    daemon.stop().await;
}

/// The lines of a session up to the daemon's refusal.
fn sent_by_asterisk(session: &str) -> String {
    let before = session.split_once("D failure").expect("a session with a refusal").0;
    let lines = before.lines().filter_map(|line| line.strip_prefix("A "));
    lines.map(|line| line.replace("\\n", "\n")).collect()
}
