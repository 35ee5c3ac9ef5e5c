//! Owner: switch/agi. Environments and replies that are longer than the limits.

use dialhook::switch::agi::codec::LONGEST_REPLY;
use tokio::io::AsyncWriteExt;

use super::conversation;
use crate::util::{Daemon, Environment, FakeAsterisk};

/// An environment of so many bytes; the argument is an unknown parameter.
fn environment_of(length: usize) -> Environment {
    let bare = Environment::new("webhook").argument("").bytes().len();
    Environment::new("webhook").argument(vec![b'x'; length - bare])
}

#[tokio::test]
async fn an_environment_of_64_kib_is_accepted() {
    let daemon = Daemon::start("").await;
    let ended = FakeAsterisk::call(daemon.address(), environment_of(64 * 1024)).await;
    assert_eq!(ended.status(), "BAD_REQUEST");
}

#[tokio::test]
async fn a_longer_environment_is_refused() {
    let daemon = Daemon::start("").await;
    let ended = FakeAsterisk::call(daemon.address(), environment_of(64 * 1024 + 1)).await;
    assert_eq!(ended.received, b"failure\n");
}

#[tokio::test]
async fn the_configuration_limits_the_length_of_an_environment() {
    for (size, most) in [("32KiB", 32 * 1024), ("1MiB", 1024 * 1024)] {
        let daemon = Daemon::start(&format!("[limits]\nenvironment = \"{size}\"")).await;
        let ended = FakeAsterisk::call(daemon.address(), environment_of(most)).await;
        assert_eq!(ended.status(), "BAD_REQUEST", "{size}");
        let ended = FakeAsterisk::call(daemon.address(), environment_of(most + 1)).await;
        assert_eq!(ended.received, b"failure\n", "{size}");
    }
}

#[tokio::test]
async fn an_endless_environment_is_refused_early() {
    const ALL: usize = 10 * 1024 * 1024;
    let (mut switch, end) = conversation();
    let mut sent = 0;
    while sent < ALL && switch.stream.write_all(&[b'x'; 4096]).await.is_ok() {
        sent += 4096;
    }
    assert_eq!(switch.receive_all().await, b"failure\n");
    // the bytes that are read only so that a real switch receives the refusal, and the size of the pipe
    assert!(sent < 512 * 1024, "{sent}");
    end.await.unwrap();
}

#[tokio::test]
async fn an_endless_reply_is_refused() {
    let daemon = Daemon::start("").await;
    let mut switch = FakeAsterisk::connect(daemon.address()).await;
    switch.send(&Environment::new("webhook").bytes()).await;
    switch.receive_line().await.expect("a challenge");
    switch.send(&vec![b'x'; LONGEST_REPLY + 1]).await;
    assert_eq!(switch.receive_all().await, b"failure\n");
}

#[tokio::test]
async fn an_endless_reply_of_many_lines_is_refused() {
    let daemon = Daemon::start("").await;
    let mut switch = FakeAsterisk::connect(daemon.address()).await;
    switch.send(&Environment::new("webhook").bytes()).await;
    switch.receive_line().await.expect("a challenge");
    switch.send(&[&b"520-x\n"[..], &b"\n".repeat(LONGEST_REPLY)].concat()).await;
    assert_eq!(switch.receive_all().await, b"failure\n");
}
