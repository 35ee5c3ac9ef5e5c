//! Owner: session. Every call of FreeSWITCH goes on, whatever happens to its step.

/// A panic in the dialect of FreeSWITCH.
mod panics;
/// Calls of FreeSWITCH during the shutdown of the daemon.
mod shutdown;
/// Connections of a FreeSWITCH that is slow or silent.
mod slow_switches;

use std::time::Duration;

use tokio::time::Instant;

use super::{call, daemon_for};
use crate::util::{
    CallState, ChannelData, Daemon, FakeFreeSwitch, FakeWebhook, Reply, SocketMode, gated_webhook,
    good_webhook,
};

/// A call in every mode, with and without `socket_resume` in the dialplan: each must go on with this status.
async fn all_go_on(daemon: &Daemon, path: &str, status: &str, more: impl Fn(ChannelData) -> ChannelData) {
    for mode in SocketMode::ALL {
        for resume in ["false", "true"] {
            let call = more(call(daemon, mode, path).variable("socket_resume", resume));
            let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call).await;
            assert_eq!(given_back.state, CallState::GoesOn, "{mode:?} {path} socket_resume={resume}");
            assert_eq!(given_back.status(), status, "{mode:?} {path} socket_resume={resume}");
        }
    }
}

#[tokio::test]
async fn no_call_is_stuck_whatever_the_webhook_does() {
    let broken = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsales".to_vec();
    for (reply, status) in [
        (Reply::text("sales"), "OK"),
        (Reply::status(500, "no"), "HTTP_ERROR"),
        (Reply::text("${system(reboot)}"), "BAD_ANSWER"),
        (Reply::text("ARRAY::a|:b"), "BAD_ANSWER"),
        (Reply::text("a\nb"), "BAD_ANSWER"),
        (Reply::Close, "UNREACHABLE"),
        (Reply::Reset, "UNREACHABLE"),
        (Reply::Then(broken, Box::new(Reply::Close)), "UNREACHABLE"),
        (Reply::Bytes(b"nonsense\r\n\r\n".to_vec()), "UNREACHABLE"),
    ] {
        let webhook = FakeWebhook::start(move |_| reply.clone()).await;
        let daemon = daemon_for(&webhook, "").await;
        all_go_on(&daemon, "/crm", status, |call| call).await;
        daemon.stop().await;
    }
}

#[tokio::test]
async fn no_call_is_stuck_if_the_webhook_is_down() {
    let daemon = Daemon::start("[hook.crm]\nurl = \"http://127.0.0.1:1/\"\nvariable = \"crm\"").await;
    all_go_on(&daemon, "/crm", "UNREACHABLE", |call| call).await;
}

#[tokio::test]
async fn no_call_is_stuck_if_the_webhook_is_late() {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let daemon = daemon_for(&webhook, "timeout = 1").await;
    let calls = SocketMode::ALL
        .map(|mode| tokio::spawn(FakeFreeSwitch::call(daemon.freeswitch(), call(&daemon, mode, "/crm"))));
    for call in calls {
        let given_back = call.await.unwrap();
        assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "TIMEOUT"));
    }
}

#[tokio::test]
async fn no_call_with_a_fault_in_its_step_is_stuck() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    for path in ["/nope", "/crm?timeout=99", "/crm?variable=webhook_status", "", "/webhook?url=x"] {
        all_go_on(&daemon, path, "BAD_REQUEST", |call| call).await;
    }
    let nonsense = |call: ChannelData| call.variable("webhook_url", "nonsense\n\n\n");
    all_go_on(&daemon, "", "BAD_REQUEST", nonsense).await;
    let nonsense = |call: ChannelData| call.variable("webhook_method", vec![0xff]);
    all_go_on(&daemon, "/webhook", "BAD_REQUEST", nonsense).await;
}

#[tokio::test]
async fn no_call_beyond_the_limit_is_stuck() {
    let (gate, webhook) = gated_webhook().await;
    let daemon = daemon_for(&webhook, "timeout = 10\n[limits]\ncalls = 1").await;
    let first =
        tokio::spawn(FakeFreeSwitch::call(daemon.freeswitch(), call(&daemon, SocketMode::Async, "/crm")));
    webhook.requested().await;
    all_go_on(&daemon, "/crm", "OVERLOADED", |call| call).await;
    gate.open();
    assert_eq!(first.await.unwrap().status(), "OK");
}

#[tokio::test]
async fn nearly_four_mebibytes_of_channel_data_are_accepted_and_longer_data_gives_the_call_back() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    let of = |bytes: usize| move |call: ChannelData| call.variable("big", vec![b'x'; bytes]);
    all_go_on(&daemon, "/crm", "OK", of(3_900_000)).await;
    // the webhook is not asked, but the call goes on, and soon
    for bytes in [4_200_000, 5_000_000, 9_000_000] {
        let began = Instant::now();
        all_go_on(&daemon, "/crm", "", of(bytes)).await;
        assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    }
    assert_eq!(webhook.received().len(), 8);
}

#[tokio::test]
async fn too_much_channel_data_cannot_forge_its_own_headers() {
    let daemon = Daemon::start("").await;
    // at each place where the block can be cut, a forged header seems to begin
    for evil in ["Content-Length: 60000", "Content-Length: x", "Socket-Mode: static"] {
        let mut big = vec![b'x'; 4_190_000];
        big.extend(evil.repeat(4096 * 3 / evil.len()).into_bytes());
        let call = call(&daemon, SocketMode::Async, "").header("variable_sip_h_X", big);
        let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call).await;
        assert_eq!(given_back.state, CallState::GoesOn, "{evil}");
    }
}

#[tokio::test]
async fn broken_channel_data_still_gives_the_call_back() {
    let daemon = Daemon::start("").await;
    for mode in SocketMode::ALL {
        let sound = call(&daemon, mode, "/crm");
        for broken in [
            sound.clone().without("Event-Name"),
            sound.clone().header("Event-Name", "CHANNEL_HANGUP"),
            sound.clone().without("Unique-ID"),
            sound.clone().without("variable_current_application_data"),
            sound.clone().without("variable_socket_host"),
            sound.clone().header("variable_current_application_data", "%"),
            sound.clone().header("variable_current_application_data", "|||:/::/?:%00%GG"),
            sound.clone().header("Caller-Channel-Created-Time", "99999999999999999999999"),
            sound.clone().header("Socket-Mode: x", "y"),
            sound.clone().header("variable_\u{0}\u{ff}", vec![0, 255, 37]),
            sound.clone().header("variable_Socket-Mode", "static").header("variable_x: Socket-Mode", "async"),
        ] {
            let given_back = FakeFreeSwitch::call(daemon.freeswitch(), broken.clone()).await;
            let block = broken.bytes();
            assert_eq!(given_back.state, CallState::GoesOn, "{mode:?} {}", block.escape_ascii());
        }
    }
}

#[tokio::test]
async fn a_peer_that_is_no_freeswitch_is_released() {
    let daemon = Daemon::start("").await;
    for words in [
        "\n\n",
        "GET / HTTP/1.1\r\n\r\n\n\n",
        "agi_network: yes\n\n",
        "Content-Type: auth/request\n\n",
        "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n",
        "Content-Length: 99999999999\n\n",
        "Content-Length: -1\n\n",
        "\0\0\0\n\n",
    ] {
        let mut other =
            FakeFreeSwitch::connect(daemon.freeswitch(), call(&daemon, SocketMode::None, "")).await;
        other.expect_connect().await;
        other.send(words.as_bytes()).await;
        assert_eq!(other.command().await.as_deref(), Some(&b"exit"[..]), "{words:?}");
    }
}
