//! Owner: session. Connections of a FreeSWITCH that is slow or silent.

use std::time::Duration;

use dialhook::switch::Switch;
use dialhook::switch::esl::Esl;
use tokio::io::duplex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::call;
use crate::util::{ChannelData, Daemon, FakeFreeSwitch, Sessions, SocketMode};

#[tokio::test(start_paused = true)]
async fn a_switch_that_keeps_the_connection_after_the_final_commands_is_disconnected_after_five_seconds() {
    let (here, there) = duplex(64 * 1024);
    let end = Sessions::under("").start(Switch::new(there, Esl::new(8084)));
    let call = ChannelData::new(SocketMode::Full, "127.0.0.1:8084");
    let mut freeswitch = FakeFreeSwitch::over(here, call);
    freeswitch.greet().await;
    let began = Instant::now();
    end.await.unwrap();
    let past = began.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_millis(5010)).contains(&past), "{past:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_switch_is_released_after_five_seconds() {
    let (here, there) = duplex(64 * 1024);
    let _end = Sessions::under("").start(Switch::new(there, Esl::new(8084)));
    let call = ChannelData::new(SocketMode::Full, "127.0.0.1:8084");
    let mut freeswitch = FakeFreeSwitch::over(here, call);
    freeswitch.expect_connect().await;
    let began = Instant::now();
    assert_eq!(freeswitch.command().await.as_deref(), Some(&b"exit"[..]));
    let past = began.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_millis(5010)).contains(&past), "{past:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_switch_is_released_early_during_the_shutdown() {
    for (mode, last_words) in
        [(SocketMode::Full, &["exit"][..]), (SocketMode::AsyncFull, &["resume", "exit"][..])]
    {
        let (here, there) = duplex(64 * 1024);
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        Sessions::under("").start_until(Switch::new(there, Esl::new(8084)), shutdown);
        let call = ChannelData::new(mode, "127.0.0.1:8084").variable("webhook_url", "http://127.0.0.1:1/%41");
        let mut freeswitch = FakeFreeSwitch::over(here, call);
        let began = Instant::now();
        freeswitch.greet().await;
        assert_eq!(freeswitch.command().await.as_deref(), Some(&b"getvar webhook_url"[..]));
        for word in last_words {
            assert_eq!(freeswitch.command().await.as_deref(), Some(word.as_bytes()), "{mode:?}");
        }
        let past = began.elapsed();
        assert!((Duration::from_millis(500)..Duration::from_millis(510)).contains(&past), "{past:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_never_reads_is_disconnected() {
    let (here, there) = duplex(1);
    let end = Sessions::under("").start(Switch::new(there, Esl::new(8084)));
    let began = Instant::now();
    end.await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(10_010), "{:?}", began.elapsed());
    drop(here);
}

#[tokio::test]
async fn a_missing_reply_to_getvar_ends_in_a_release() {
    let daemon = Daemon::start("").await;
    let call = call(&daemon, SocketMode::Async, "").variable("webhook_url", "http://127.0.0.1:1/");
    let mut freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), call).await;
    freeswitch.greet().await;
    assert_eq!(freeswitch.command().await.as_deref(), Some(&b"getvar webhook_url"[..]));
    assert_eq!(freeswitch.command().await.as_deref(), Some(&b"resume"[..]));
    assert_eq!(freeswitch.command().await.as_deref(), Some(&b"exit"[..]));
}
