//! Owner: log. Long values are cut, so that each line stays short.

use std::os::unix::net::UnixDatagram;
use std::sync::Mutex;
use std::time::Duration;

use dialhook::log::{Format, Journal, dispatch};
use tracing_subscriber::EnvFilter;

use super::{EVERY_FORMAT, logged};
use crate::util::{ChannelData, Daemon, FakeFreeSwitch, FakeWebhook, Reply, SocketMode};

/// A call with long values in every place that the peer chooses.
fn wordy(character: &str, times: usize) -> ChannelData {
    let much = character.repeat(times);
    ChannelData::new(SocketMode::Full, &format!("127.0.0.1:8084/{much}"))
        .header("Unique-ID", much.clone())
        .header("Channel-Name", much.clone())
        .header("variable_BIG", much)
}

#[tokio::test]
async fn long_values_of_a_peer_do_not_make_a_long_line() {
    for format in EVERY_FORMAT {
        for (character, times) in [("x", 900_000), ("%01", 300_000), ("%E2%98%8E", 100_000)] {
            let lines = logged(format, "info", "", async |daemon| {
                FakeFreeSwitch::call(daemon.freeswitch(), wordy(character, times)).await;
            })
            .await;
            let step = lines.iter().find(|line| line.contains("webhook step")).expect("a line of the call");
            assert!(step.len() < 10_000 && step.contains('…'), "{format:?} {character}: {}", step.len());
        }
    }
}

#[tokio::test]
async fn long_values_at_trace_are_cut_and_not_lost() {
    let webhook = FakeWebhook::start(|_| Reply::text("geheim\u{1}☎".repeat(6000))).await;
    let tables = format!("[hook.crm]\nurl = \"{}\"\nfetch = [\"BIG\"]\n", webhook.url("/"));
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let journal = UnixDatagram::bind(&socket).unwrap();
    journal.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let reading = std::thread::spawn(move || {
        let (mut buffer, mut received) = (vec![0; 1 << 20], Vec::new());
        while !received.last().is_some_and(|entry: &String| entry.contains("webhook step")) {
            let length = journal.recv(&mut buffer).expect("the line of the step");
            received.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
        }
        received
    });
    let writer = Mutex::new(Journal::at(&socket).unwrap());
    let dispatch = dispatch(Format::Journald, EnvFilter::new("dialhook=trace"), writer);
    let _this_thread = tracing::dispatcher::set_default(&dispatch);
    let daemon = Daemon::start(&tables).await;
    let call = wordy("%01", 40_000).socket(SocketMode::Full, "127.0.0.1:8084/crm");
    assert_eq!(FakeFreeSwitch::call(daemon.freeswitch(), call).await.status(), "OK");
    let received = tokio::task::spawn_blocking(|| reading.join()).await.unwrap().unwrap();
    for shown in ["the call is authenticated", "the webhook was asked"] {
        let entry = received.iter().find(|entry| entry.contains(&format!("MESSAGE={shown}")));
        assert!(entry.expect(shown).contains("…\n"), "{shown}");
    }
}
