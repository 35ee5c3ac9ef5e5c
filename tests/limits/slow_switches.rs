//! Owner: session. Connections of an Asterisk that is slow or silent.

use std::time::Duration;

use dialhook::switch::Switch;
use dialhook::switch::agi::Agi;
use tokio::io::{AsyncWriteExt, duplex};
use tokio::time::Instant;

use super::conversation;
use crate::util::{Environment, FakeAsterisk, Sessions};

const PATIENCE: Duration = Duration::from_secs(5);

/// Five seconds, to the tick of tokio's clock.
fn assert_five_seconds(since: Instant) {
    let past = since.elapsed();
    assert!((PATIENCE..PATIENCE + Duration::from_millis(10)).contains(&past), "{past:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_switch_is_refused_after_five_seconds() {
    let (mut switch, _end) = conversation();
    let began = Instant::now();
    assert_eq!(switch.receive_all().await, b"failure\n");
    assert_five_seconds(began);
}

#[tokio::test(start_paused = true)]
async fn limits_patience_changes_the_wait_for_a_silent_switch() {
    let (here, there) = duplex(64 * 1024);
    let switch = Switch::new(there, Agi::new("0123456789abcdef".to_owned()));
    let began = Instant::now();
    Sessions::under("[limits]\npatience = \"2s\"").start(switch);
    assert_eq!(FakeAsterisk::over(here).receive_all().await, b"failure\n");
    let past = began.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_millis(2010)).contains(&past), "{past:?}");
}

#[tokio::test(start_paused = true)]
async fn half_an_environment_is_refused_after_five_seconds() {
    let (mut switch, _end) = conversation();
    let block = Environment::new("webhook").bytes();
    let began = Instant::now();
    switch.send(&block[..block.len() / 2]).await;
    assert_eq!(switch.receive_all().await, b"failure\n");
    assert_five_seconds(began);
}

#[tokio::test(start_paused = true)]
async fn a_slow_environment_has_five_seconds_in_all() {
    let (mut switch, _end) = conversation();
    let began = Instant::now();
    let block = Environment::new("webhook").bytes();
    for byte in &block[..10] {
        switch.send(&[*byte]).await;
        tokio::time::sleep(Duration::from_millis(499)).await;
    }
    assert_eq!(switch.receive_all().await, b"failure\n");
    assert_five_seconds(began);
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_never_answers_the_challenge_is_refused_after_five_seconds() {
    let (mut switch, _end) = conversation();
    switch.send(&Environment::new("webhook").bytes()).await;
    switch.receive_line().await.expect("a challenge");
    let began = Instant::now();
    assert_eq!(switch.receive_all().await, b"failure\n");
    assert_five_seconds(began);
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_keeps_the_connection_after_the_final_commands_is_disconnected_after_five_seconds() {
    let (mut switch, end) = conversation();
    switch.greet(&Environment::new("webhook")).await.expect("a challenge");
    let began = Instant::now();
    assert!(switch.receive_all().await.ends_with(b"SET VARIABLE WEBHOOK_STATUS \"BAD_REQUEST\"\n"));
    end.await.unwrap();
    assert_five_seconds(began);
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_replies_for_ever_is_disconnected_five_seconds_after_the_final_commands() {
    let (mut switch, end) = conversation();
    switch.greet(&Environment::new("webhook")).await.expect("a challenge");
    let began = Instant::now();
    let FakeAsterisk { stream, .. } = &mut switch;
    while stream.write_all(b"200 result=1\n").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    end.await.unwrap();
    assert!(began.elapsed() < PATIENCE + Duration::from_millis(100), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_refused_switch_that_stays_is_disconnected_after_five_seconds() {
    let (mut switch, end) = conversation();
    let began = Instant::now();
    switch.send(b"nonsense\n\n").await;
    assert_eq!(switch.receive_all().await, b"failure\n");
    end.await.unwrap();
    assert_five_seconds(began);
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_never_reads_is_disconnected() {
    let (here, there) = duplex(1);
    let switch = Switch::new(there, Agi::new("0123456789abcdef".to_owned()));
    let end = Sessions::under("").start(switch);
    let began = Instant::now();
    FakeAsterisk::over(here).send(&Environment::new("webhook").bytes()).await;
    end.await.unwrap();
    // five seconds for the challenge, five for the refusal
    assert!(began.elapsed() < 2 * PATIENCE + Duration::from_millis(10), "{:?}", began.elapsed());
}
