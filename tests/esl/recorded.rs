//! Owner: switch/esl. Recorded sessions of a real FreeSWITCH, played whole and cut at every place.

use std::sync::LazyLock;

use bytes::BytesMut;
use dialhook::switch::Switch;
use dialhook::switch::esl::Esl;
use dialhook::switch::esl::codec::EslCodec;
use tokio::io::{AsyncWriteExt, DuplexStream, Join, duplex, join};
use tokio::task::JoinHandle;
use tokio_util::codec::Decoder;

use super::daemon_for;
use crate::util::{
    CallState, ChannelData, FakeFreeSwitch, FakeWebhook, Reply, Sessions, SocketMode, good_webhook,
    recording, within_time_limit,
};

const RECORDINGS: [&str; 11] = [
    "none",
    "full",
    "async",
    "async-full",
    "sip-none",
    "sip-full",
    "sip-async",
    "sip-async-full",
    "full-awkward",
    "async-full-awkward",
    "async-full-200-variables",
];

fn recorded(name: &str) -> ChannelData {
    ChannelData::recorded(&format!("{name}.connect.txt"))
}

/// The final commands to a call that was recorded at `socket 127.0.0.1:8084`, which gives no URL.
fn farewell(name: &str) -> Vec<u8> {
    let set = |body: &str| {
        format!(
            "sendmsg\ncall-command: execute\nexecute-app-name: set\ncontent-type: text/plain\ncontent-length: {}\n\n{body}",
            body.len()
        )
    };
    let mut farewell = set("webhook_code=")
        + set("webhook_reason=url is missing. an ad hoc step needs one").as_str()
        + set("webhook_status=BAD_REQUEST").as_str();
    if name.contains("async") {
        farewell += "resume\n\n";
    }
    (farewell + "exit\n\n").into_bytes()
}

type Pipe = Join<DuplexStream, DuplexStream>;

/// A conversation in this process: FreeSWITCH's side, and the end of the daemon's. What goes to the daemon
/// goes through a pipe of this width.
fn conversation(width: usize) -> (Pipe, JoinHandle<()>) {
    let ((there, daemon_hears), (here, daemon_says)) = (duplex(width), duplex(64 * 1024));
    let switch = Switch::new(join(daemon_hears, daemon_says), Esl::new(8084));
    // made once, because it reads the trust store of the system
    static SESSIONS: LazyLock<Sessions> = LazyLock::new(|| Sessions::under(""));
    (join(here, there), SESSIONS.start(switch))
}

/// Plays a recording in these pieces, and checks the bytes of the daemon.
async fn play(name: &str, width: usize, pieces: &[&[u8]]) {
    let (pipe, end) = conversation(width);
    let mut freeswitch = FakeFreeSwitch::over(pipe, recorded(name));
    freeswitch.expect_connect().await;
    for piece in pieces {
        freeswitch.send(piece).await;
        tokio::task::yield_now().await;
    }
    if name.contains("async") {
        // the location query of the call, to which somebody plays music by then
        freeswitch.expect_connect().await;
        freeswitch.send(&recorded(name).variable("current_application", "playback").bytes()).await;
    }
    let expected = farewell(name);
    let mut received = Vec::new();
    while received.len() < expected.len() {
        let read = tokio::io::AsyncReadExt::read_buf(&mut freeswitch.stream, &mut received);
        assert!(within_time_limit("the farewell", read).await.unwrap() > 0, "{name}");
    }
    assert_eq!(String::from_utf8_lossy(&received), String::from_utf8_lossy(&expected), "{name}");
    let replies = recording(&format!("{}-pipelined.session", mode_of(name)));
    freeswitch.send(&sent_by_freeswitch(&replies).1).await;
    freeswitch.stream.shutdown().await.unwrap();
    assert_eq!(freeswitch.receive_all().await, b"", "{name}");
    within_time_limit("the end of the conversation", end).await.unwrap();
}

fn mode_of(name: &str) -> &'static str {
    let modes = [SocketMode::AsyncFull, SocketMode::Async, SocketMode::Full, SocketMode::None];
    modes.into_iter().map(SocketMode::name).find(|mode| name.contains(mode)).expect("a mode")
}

/// The bytes of FreeSWITCH in a session: up to the end of the channel data, and after it.
fn sent_by_freeswitch(session: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut sent = Vec::new();
    for line in session.split(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(b"C ")) {
        let mut bytes = line.iter();
        while let Some(&byte) = bytes.next() {
            sent.push(match byte {
                b'\\' => match bytes.next().unwrap() {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'x' => {
                        let digits = [*bytes.next().unwrap(), *bytes.next().unwrap()];
                        u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                    }
                    other => *other,
                },
                byte => byte,
            });
        }
    }
    let end = sent.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
    let behind = sent.split_off(end);
    (sent, behind)
}

#[tokio::test]
async fn every_recorded_call_is_given_back_as_its_mode_wants() {
    for name in RECORDINGS {
        play(name, 64 * 1024, &[&recorded(name).bytes()]).await;
    }
}

#[tokio::test]
async fn every_recorded_call_is_given_back_byte_by_byte() {
    for name in RECORDINGS {
        play(name, 1, &[&recorded(name).bytes()]).await;
    }
}

#[tokio::test]
async fn every_recorded_call_is_given_back_if_the_channel_data_is_cut_in_two() {
    for name in RECORDINGS {
        let block = recorded(name).bytes();
        // every place of the shortest, and of the others some and all near the end, where the mode stands
        let every = if name == "none" { 1 } else { 97 };
        for at in (1..block.len()).filter(|at| at % every == 0 || block.len() - at < 100) {
            let (before, behind) = block.split_at(at);
            play(name, 64 * 1024, &[before, behind]).await;
        }
    }
}

#[tokio::test]
async fn replies_are_understood_if_they_are_cut_anywhere() {
    let replies = sent_by_freeswitch(&recording("async-full-pipelined.session")).1;
    for at in 1..replies.len() {
        let (pipe, end) = conversation(64 * 1024);
        let mut freeswitch = FakeFreeSwitch::over(pipe, recorded("async-full"));
        freeswitch.greet().await;
        let (before, behind) = replies.split_at(at);
        freeswitch.send(before).await;
        tokio::task::yield_now().await;
        freeswitch.send(behind).await;
        freeswitch.stream.shutdown().await.unwrap();
        within_time_limit("the end of the conversation", end).await.unwrap();
    }
}

#[tokio::test]
async fn a_recorded_hangup_during_the_request_cancels_it() {
    for session in [
        "none-hangup",
        "full-hangup",
        "async-hangup",
        "async-full-hangup",
        "none-hangup-race",
        "full-hangup-race",
        "async-hangup-race",
        "async-full-hangup-race",
        "sip-async-full-cancel",
        "async-full-transferred",
        "async-full-shutdown",
    ] {
        let webhook = FakeWebhook::start(|_| Reply::Stall).await;
        let daemon = daemon_for(&webhook, "timeout = 10").await;
        let (channel_data, behind) = sent_by_freeswitch(&recording(&format!("{session}.session")));
        let port = daemon.freeswitch().port();
        let channel_data = String::from_utf8(channel_data).unwrap().replace(
            "_application_data: 127.0.0.1%3A8084",
            &format!("_application_data: 127.0.0.1%3A{port}/crm"),
        );
        let mut freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), recorded("none")).await;
        freeswitch.expect_connect().await;
        freeswitch.send(channel_data.as_bytes()).await;
        webhook.requested().await;
        // the notice alone is enough, and the end of the stream alone too
        let notice = behind.windows(26).position(|word| word == b"Content-Type: text/disconn");
        match notice {
            Some(at) => {
                freeswitch.send(&behind[at..]).await;
                webhook.closed().await;
            }
            None => {
                drop(freeswitch);
                webhook.closed().await;
            }
        }
        daemon.stop().await;
    }
}

#[tokio::test]
async fn the_end_of_the_stream_during_the_request_cancels_it() {
    for mode in SocketMode::ALL {
        let webhook = FakeWebhook::start(|_| Reply::Stall).await;
        let daemon = daemon_for(&webhook, "timeout = 10").await;
        let mut freeswitch =
            FakeFreeSwitch::connect(daemon.freeswitch(), super::call(&daemon, mode, "/crm")).await;
        freeswitch.greet().await;
        webhook.requested().await;
        drop(freeswitch);
        webhook.closed().await;
        daemon.stop().await;
    }
}

#[tokio::test]
async fn a_disconnect_notice_in_single_bytes_is_understood() {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let daemon = daemon_for(&webhook, "timeout = 10").await;
    let call = super::call(&daemon, SocketMode::Full, "/crm");
    let mut freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), call).await;
    freeswitch.greet().await;
    webhook.requested().await;
    freeswitch.hang_up_slowly().await;
    webhook.closed().await;
}

#[tokio::test]
async fn half_a_disconnect_notice_does_not_end_the_step() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    let call = super::call(&daemon, SocketMode::Async, "/crm");
    let mut freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), call).await;
    freeswitch.greet().await;
    freeswitch.send(b"Content-Type: text/disconnect-notice\n").await;
    let given_back = freeswitch.run_commands().await;
    assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"));
}

/// Conversations are cut at every place for one mode above; here it is shown for every mode that the
/// messages, and with them all that follows, do not depend on where the stream was cut.
#[test]
fn recorded_messages_are_the_same_if_the_stream_is_cut_anywhere() {
    for name in ["none", "full", "async", "async-full"] {
        let (data, replies) = sent_by_freeswitch(&recording(&format!("{name}-pipelined.session")));
        let stream = [data, replies].concat();
        let whole = messages(&[&stream]);
        assert_eq!(whole.concat(), stream, "{name}");
        for cut in 1..stream.len() {
            let (front, back) = stream.split_at(cut);
            assert_eq!(messages(&[front, back]), whole, "{name} cut at {cut}");
        }
    }
}

/// The messages in a stream that comes in these pieces.
fn messages(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut codec, mut buffer, mut all) = (EslCodec::default(), BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(message) = codec.decode(&mut buffer).expect("a recorded stream") {
            all.push(message.to_vec());
        }
    }
    all
}
