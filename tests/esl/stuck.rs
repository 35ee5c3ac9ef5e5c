use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use dialhook::call::Call;
use dialhook::session;
use dialhook::switch::esl::Esl;
use dialhook::switch::esl::codec::EslCodec;
use dialhook::switch::{Dialect, FetchFault, Fetched, Greeting, Location, Switch, SwitchError};
use dialhook::variable::{Assignment, FetchName, Unfit};
use tokio::io::duplex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{call, daemon_for, gated, good_webhook};
use crate::util::{
    CallState, ChannelData, Daemon, FakeFreeSwitch, FakeWebhook, GivenBack, Reply, SocketMode, house,
    nobody_listens,
};

/// A call in every mode, with and without the author's `socket_resume`; each must go on with this status.
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
async fn no_call_is_stuck_where_the_webhook_is_down() {
    let daemon = Daemon::start("[hook.crm]\nurl = \"http://127.0.0.1:1/\"\nvariable = \"crm\"").await;
    all_go_on(&daemon, "/crm", "UNREACHABLE", |call| call).await;
}

#[tokio::test]
async fn no_call_is_stuck_when_the_webhook_is_late() {
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
async fn no_call_is_stuck_that_asks_for_what_cannot_be() {
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
    let (gate, webhook) = gated().await;
    let daemon = daemon_for(&webhook, "timeout = 10\n[limits]\ncalls = 1").await;
    let first =
        tokio::spawn(FakeFreeSwitch::call(daemon.freeswitch(), call(&daemon, SocketMode::Async, "/crm")));
    webhook.requested().await;
    all_go_on(&daemon, "/crm", "OVERLOADED", |call| call).await;
    gate.open();
    assert_eq!(first.await.unwrap().status(), "OK");
}

#[tokio::test]
async fn nearly_four_mebibytes_of_channel_data_are_taken_and_more_still_give_the_call_back() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    let of = |bytes: usize| move |call: ChannelData| call.variable("big", vec![b'x'; bytes]);
    all_go_on(&daemon, "/crm", "OK", of(3_900_000)).await;
    // it is not asked for, but it goes on, and soon
    for bytes in [4_200_000, 5_000_000, 9_000_000] {
        let began = Instant::now();
        all_go_on(&daemon, "/crm", "", of(bytes)).await;
        assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    }
    assert_eq!(webhook.received().len(), 8);
}

#[tokio::test]
async fn what_stands_in_too_much_channel_data_cannot_be_taken_for_its_headers() {
    let daemon = Daemon::start("").await;
    // wherever the block is cut, a header of the caller's making seems to begin
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
async fn what_is_no_freeswitch_is_let_go() {
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
        other.say(words.as_bytes()).await;
        assert_eq!(other.command().await.as_deref(), Some(&b"exit"[..]), "{words:?}");
    }
}

mod shutdown {
    use super::*;

    #[tokio::test]
    async fn a_call_whose_webhook_is_being_asked_ends_well() {
        for mode in SocketMode::ALL {
            let (gate, webhook) = gated().await;
            let daemon = daemon_for(&webhook, "timeout = 10").await;
            let address = daemon.freeswitch();
            let call = tokio::spawn(FakeFreeSwitch::call(address, call(&daemon, mode, "/crm")));
            webhook.requested().await;
            let stopping = tokio::spawn(daemon.stop());
            nobody_listens(address).await;
            gate.open();
            let given_back = call.await.unwrap();
            assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"), "{mode:?}");
            stopping.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_call_whose_webhook_stays_silent_goes_on_after_its_timeout() {
        let webhook = FakeWebhook::start(|_| Reply::Stall).await;
        let daemon = daemon_for(&webhook, "timeout = 1").await;
        let call = call(&daemon, SocketMode::AsyncFull, "/crm");
        let call = tokio::spawn(FakeFreeSwitch::call(daemon.freeswitch(), call));
        webhook.requested().await;
        daemon.stop().await;
        let given_back = call.await.unwrap();
        assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "TIMEOUT"));
    }

    #[tokio::test]
    async fn a_call_that_has_connected_but_was_not_greeted_yet_ends_well() {
        let webhook = good_webhook().await;
        for mode in SocketMode::ALL {
            let daemon = daemon_for(&webhook, "").await;
            // in the kernel's queue at the latest
            let freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), call(&daemon, mode, "/crm")).await;
            let stopping = tokio::spawn(daemon.stop());
            let given_back = freeswitch.converse().await;
            assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"), "{mode:?}");
            stopping.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_call_that_waits_at_a_full_door_is_let_in_and_ends_well() {
        let webhook = good_webhook().await;
        let daemon = daemon_for(&webhook, "[limits]\ncalls = 1").await;
        let channel = call(&daemon, SocketMode::Async, "/crm");
        let mut strangers = Vec::new();
        // the other listener keeps the last place for itself
        for _ in 0..101 {
            let mut stranger = FakeFreeSwitch::connect(daemon.freeswitch(), channel.clone()).await;
            stranger.expect_connect().await;
            strangers.push(stranger);
        }
        let waiting: Vec<_> = SocketMode::ALL.iter().map(|mode| call(&daemon, *mode, "/crm")).collect();
        let mut calls = Vec::new();
        for channel in waiting {
            calls.push(FakeFreeSwitch::connect(daemon.freeswitch(), channel).await);
        }
        let stopping = tokio::spawn(daemon.stop());
        for call in calls {
            let given_back = call.converse().await;
            assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"));
        }
        drop(strangers);
        stopping.await.unwrap();
    }
}

mod panics {
    use super::*;

    /// The method that panics.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Method {
        Challenge,
        ReadChallengeReply,
        Farewell,
    }

    /// FreeSWITCH's dialect with a fault in it.
    #[derive(Debug, Clone)]
    struct Panicking(Esl, Method);

    impl Panicking {
        fn in_method(&self, method: Method) {
            assert_ne!(self.1, method, "this panic is wanted");
        }
    }

    impl Dialect for Panicking {
        type Codec = EslCodec;

        fn codec(&self) -> EslCodec {
            self.0.codec()
        }

        fn opening(&self) -> Option<&'static [u8]> {
            self.0.opening()
        }

        fn greeting(&mut self, message: BytesMut) -> Result<Greeting, SwitchError> {
            self.0.greeting(message)
        }

        fn challenge(&self, wanted: &[FetchName]) -> Result<Option<Vec<u8>>, FetchFault> {
            self.in_method(Method::Challenge);
            self.0.challenge(wanted)
        }

        fn read_challenge_reply(
            &self,
            reply: Option<&[u8]>,
            call: &mut Call,
            wanted: &[FetchName],
        ) -> Result<Fetched, SwitchError> {
            self.in_method(Method::ReadChallengeReply);
            self.0.read_challenge_reply(reply, call, wanted)
        }

        fn session_end(&self, message: &[u8]) -> Option<SwitchError> {
            self.0.session_end(message)
        }

        fn location_query(&self) -> Option<&'static [u8]> {
            self.0.location_query()
        }

        fn read_location_reply(&mut self, message: &[u8]) -> Location {
            self.0.read_location_reply(message)
        }

        fn is_safe_to_close(&self) -> bool {
            self.0.is_safe_to_close()
        }

        fn close_preparation(&self) -> Option<Vec<u8>> {
            self.0.close_preparation()
        }

        fn first_location_query(&self) -> Option<Duration> {
            self.0.first_location_query()
        }

        fn earliest_close(&self) -> Duration {
            self.0.earliest_close()
        }

        fn can_carry(&self, assignment: &Assignment) -> Result<(), Unfit> {
            self.0.can_carry(assignment)
        }

        fn farewell(&self, assignments: &[Assignment]) -> Result<Vec<u8>, Unfit> {
            self.in_method(Method::Farewell);
            self.0.farewell(assignments)
        }

        fn refusal(&self) -> Vec<u8> {
            self.0.refusal()
        }

        fn release(&self) -> Vec<u8> {
            self.0.release()
        }

        fn confirms_execution(&self) -> bool {
            self.0.confirms_execution()
        }

        fn execution_is_pending(&self) -> bool {
            self.0.execution_is_pending()
        }

        fn ends_with_half_close(&self) -> bool {
            self.0.ends_with_half_close()
        }

        fn is_confirmation(&self, message: &[u8]) -> bool {
            self.0.is_confirmation(message)
        }
    }

    async fn with_a_panic(mode: SocketMode, method: Method) -> GivenBack {
        let (here, there) = duplex(64 * 1024);
        let switch = Switch::new(there, Panicking(Esl::new(8084), method));
        let end = tokio::spawn(session::hold(switch, Arc::clone(&house("")), CancellationToken::new()));
        let call = ChannelData::new(mode, "127.0.0.1:8084").variable("socket_resume", "true");
        let given_back = FakeFreeSwitch::over(here, call).converse().await;
        end.await.unwrap();
        given_back
    }

    #[tokio::test]
    async fn a_call_whose_step_panics_goes_on() {
        for mode in SocketMode::ALL {
            for method in [Method::Challenge, Method::ReadChallengeReply, Method::Farewell] {
                let given_back = with_a_panic(mode, method).await;
                assert_eq!(given_back.state, CallState::GoesOn, "{mode:?} {method:?}");
                assert_eq!(given_back.status(), "");
            }
        }
    }
}

mod slow_switches {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_that_never_ends_after_the_farewell_is_left_after_five_seconds() {
        let (here, there) = duplex(64 * 1024);
        let end = tokio::spawn(session::hold(
            Switch::new(there, Esl::new(8084)),
            house(""),
            CancellationToken::new(),
        ));
        let call = ChannelData::new(SocketMode::Full, "127.0.0.1:8084");
        let mut freeswitch = FakeFreeSwitch::over(here, call);
        freeswitch.greet().await;
        let began = Instant::now();
        end.await.unwrap();
        let past = began.elapsed();
        assert!((Duration::from_secs(5)..Duration::from_millis(5010)).contains(&past), "{past:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_says_nothing_is_let_go_after_five_seconds() {
        let (here, there) = duplex(64 * 1024);
        let _end = tokio::spawn(session::hold(
            Switch::new(there, Esl::new(8084)),
            house(""),
            CancellationToken::new(),
        ));
        let call = ChannelData::new(SocketMode::Full, "127.0.0.1:8084");
        let mut freeswitch = FakeFreeSwitch::over(here, call);
        freeswitch.expect_connect().await;
        let began = Instant::now();
        assert_eq!(freeswitch.command().await.as_deref(), Some(&b"exit"[..]));
        let past = began.elapsed();
        assert!((Duration::from_secs(5)..Duration::from_millis(5010)).contains(&past), "{past:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_others_wait_for_is_let_go_as_its_mode_wants() {
        for (mode, last_words) in
            [(SocketMode::Full, &["exit"][..]), (SocketMode::AsyncFull, &["resume", "exit"][..])]
        {
            let (here, there) = duplex(64 * 1024);
            let hurry = CancellationToken::new();
            hurry.cancel();
            tokio::spawn(session::hold(Switch::new(there, Esl::new(8084)), house(""), hurry));
            let call =
                ChannelData::new(mode, "127.0.0.1:8084").variable("webhook_url", "http://127.0.0.1:1/%41");
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
    async fn one_that_never_reads_is_left() {
        let (here, there) = duplex(1);
        let end = tokio::spawn(session::hold(
            Switch::new(there, Esl::new(8084)),
            house(""),
            CancellationToken::new(),
        ));
        let began = Instant::now();
        end.await.unwrap();
        assert!(began.elapsed() < Duration::from_millis(10_010), "{:?}", began.elapsed());
        drop(here);
    }

    #[tokio::test]
    async fn the_reply_to_getvar_that_never_comes_ends_in_a_release() {
        let daemon = Daemon::start("").await;
        let call = call(&daemon, SocketMode::Async, "").variable("webhook_url", "http://127.0.0.1:1/");
        let mut freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), call).await;
        freeswitch.greet().await;
        assert_eq!(freeswitch.command().await.as_deref(), Some(&b"getvar webhook_url"[..]));
        assert_eq!(freeswitch.command().await.as_deref(), Some(&b"resume"[..]));
        assert_eq!(freeswitch.command().await.as_deref(), Some(&b"exit"[..]));
    }
}
