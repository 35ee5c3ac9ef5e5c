//! How long, how much, how many: every limit has its end, and what is behind it goes on.

/// A lower limit that a reload brings.
mod lowered;
/// Few open files.
mod open_files;
/// Peers that connect and say nothing.
mod silent_peers;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use dialhook::switch::Switch;
use dialhook::switch::agi::Agi;
use dialhook::switch::agi::codec::LONGEST_REPLY;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::util::{
    Daemon, Ended, Environment, FakeSwitch, FakeWebhook, Gate, Program, Reply, Sessions, nobody_listens,
    within_patience,
};

/// A daemon with the hook `crm` for this webhook, and what else the hook says.
async fn daemon_for(webhook: &FakeWebhook, more: &str) -> Daemon {
    Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\n{more}", webhook.url("/"))).await
}

async fn good_webhook() -> FakeWebhook {
    FakeWebhook::start(|_| Reply::text("sales")).await
}

/// A connection from this address.
async fn from(address: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

/// A conversation without a listener, for time that is not real: the switch's side, and the end of the daemon's.
fn conversation() -> (FakeSwitch<DuplexStream>, tokio::task::JoinHandle<()>) {
    let (here, there) = duplex(64 * 1024);
    let switch = Switch::new(there, Agi::new("0123456789abcdef".to_owned()));
    (FakeSwitch::over(here), Sessions::under("").start(switch))
}

mod slow_switches {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// Five seconds, to the tick of tokio's clock.
    fn assert_five_seconds(since: Instant) {
        let past = since.elapsed();
        assert!((PATIENCE..PATIENCE + Duration::from_millis(10)).contains(&past), "{past:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_says_nothing_is_refused_after_five_seconds() {
        let (mut switch, _end) = conversation();
        let began = Instant::now();
        assert_eq!(switch.hear_all().await, b"failure\n");
        assert_five_seconds(began);
    }

    #[tokio::test(start_paused = true)]
    async fn the_configuration_says_how_long_one_is_waited_for() {
        let (here, there) = duplex(64 * 1024);
        let switch = Switch::new(there, Agi::new("0123456789abcdef".to_owned()));
        let began = Instant::now();
        Sessions::under("[limits]\npatience = \"2s\"").start(switch);
        assert_eq!(FakeSwitch::over(here).hear_all().await, b"failure\n");
        let past = began.elapsed();
        assert!((Duration::from_secs(2)..Duration::from_millis(2010)).contains(&past), "{past:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_stops_within_the_environment_is_refused_after_five_seconds() {
        let (mut switch, _end) = conversation();
        let block = Environment::new("webhook").bytes();
        let began = Instant::now();
        switch.say(&block[..block.len() / 2]).await;
        assert_eq!(switch.hear_all().await, b"failure\n");
        assert_five_seconds(began);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_drips_its_environment_has_five_seconds_for_all_of_it() {
        let (mut switch, _end) = conversation();
        let began = Instant::now();
        let block = Environment::new("webhook").bytes();
        for byte in &block[..10] {
            switch.say(&[*byte]).await;
            tokio::time::sleep(Duration::from_millis(499)).await;
        }
        assert_eq!(switch.hear_all().await, b"failure\n");
        assert_five_seconds(began);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_answers_the_question_is_refused_after_five_seconds() {
        let (mut switch, _end) = conversation();
        switch.say(&Environment::new("webhook").bytes()).await;
        switch.hear().await.expect("a question");
        let began = Instant::now();
        assert_eq!(switch.hear_all().await, b"failure\n");
        assert_five_seconds(began);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_ends_after_the_farewell_is_left_after_five_seconds() {
        let (mut switch, end) = conversation();
        switch.greet(&Environment::new("webhook")).await.expect("a question");
        let began = Instant::now();
        assert!(switch.hear_all().await.ends_with(b"SET VARIABLE WEBHOOK_STATUS \"BAD_REQUEST\"\n"));
        end.await.unwrap();
        assert_five_seconds(began);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_replies_for_ever_after_the_farewell_is_left_after_five_seconds() {
        let (mut switch, end) = conversation();
        switch.greet(&Environment::new("webhook")).await.expect("a question");
        let began = Instant::now();
        let FakeSwitch { stream, .. } = &mut switch;
        while stream.write_all(b"200 result=1\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        end.await.unwrap();
        assert!(began.elapsed() < PATIENCE + Duration::from_millis(100), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_refused_and_never_ends_is_left_after_five_seconds() {
        let (mut switch, end) = conversation();
        let began = Instant::now();
        switch.say(b"nonsense\n\n").await;
        assert_eq!(switch.hear_all().await, b"failure\n");
        end.await.unwrap();
        assert_five_seconds(began);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_reads_what_it_hears_is_left() {
        let (here, there) = duplex(1);
        let switch = Switch::new(there, Agi::new("0123456789abcdef".to_owned()));
        let end = Sessions::under("").start(switch);
        let began = Instant::now();
        FakeSwitch::over(here).say(&Environment::new("webhook").bytes()).await;
        end.await.unwrap();
        // five seconds for the question, five for the refusal
        assert!(began.elapsed() < 2 * PATIENCE + Duration::from_millis(10), "{:?}", began.elapsed());
    }
}

mod large_switches {
    use super::*;

    /// An environment of so many bytes; the argument is an unknown parameter.
    fn environment_of(length: usize) -> Environment {
        let bare = Environment::new("webhook").argument("").bytes().len();
        Environment::new("webhook").argument(vec![b'x'; length - bare])
    }

    #[tokio::test]
    async fn an_environment_of_64_kib_is_taken() {
        let daemon = Daemon::start("").await;
        let ended = FakeSwitch::call(daemon.address(), environment_of(64 * 1024)).await;
        assert_eq!(ended.status(), "BAD_REQUEST");
    }

    #[tokio::test]
    async fn one_byte_more_is_refused() {
        let daemon = Daemon::start("").await;
        let ended = FakeSwitch::call(daemon.address(), environment_of(64 * 1024 + 1)).await;
        assert_eq!(ended.heard, b"failure\n");
    }

    #[tokio::test]
    async fn the_configuration_says_how_long_an_environment_may_be() {
        for (size, most) in [("32KiB", 32 * 1024), ("1MiB", 1024 * 1024)] {
            let daemon = Daemon::start(&format!("[limits]\nenvironment = \"{size}\"")).await;
            let ended = FakeSwitch::call(daemon.address(), environment_of(most)).await;
            assert_eq!(ended.status(), "BAD_REQUEST", "{size}");
            let ended = FakeSwitch::call(daemon.address(), environment_of(most + 1)).await;
            assert_eq!(ended.heard, b"failure\n", "{size}");
        }
    }

    #[tokio::test]
    async fn one_without_an_end_is_refused_long_before_it_is_read_whole() {
        const ALL: usize = 10 * 1024 * 1024;
        let (mut switch, end) = conversation();
        let mut said = 0;
        while said < ALL && switch.stream.write_all(&[b'x'; 4096]).await.is_ok() {
            said += 4096;
        }
        assert_eq!(switch.hear_all().await, b"failure\n");
        // what may be read to no purpose, so that a real switch hears the refusal, and the pipe between us
        assert!(said < 512 * 1024, "{said}");
        end.await.unwrap();
    }

    #[tokio::test]
    async fn a_reply_without_an_end_is_refused() {
        let daemon = Daemon::start("").await;
        let mut switch = FakeSwitch::connect(daemon.address()).await;
        switch.say(&Environment::new("webhook").bytes()).await;
        switch.hear().await.expect("a question");
        switch.say(&vec![b'x'; LONGEST_REPLY + 1]).await;
        assert_eq!(switch.hear_all().await, b"failure\n");
    }

    #[tokio::test]
    async fn a_reply_of_many_lines_without_an_end_is_refused() {
        let daemon = Daemon::start("").await;
        let mut switch = FakeSwitch::connect(daemon.address()).await;
        switch.say(&Environment::new("webhook").bytes()).await;
        switch.hear().await.expect("a question");
        switch.say(&[&b"520-x\n"[..], &b"\n".repeat(LONGEST_REPLY)].concat()).await;
        assert_eq!(switch.hear_all().await, b"failure\n");
    }
}

mod long_questions {
    use super::*;

    #[tokio::test]
    async fn as_many_variables_as_a_configuration_may_fetch_fit_in_one_question() {
        let webhook = good_webhook().await;
        let hook = |count: usize| {
            let names: Vec<_> = (0..count).map(|number| format!("\"V{number:02}\"")).collect();
            format!("[hook.crm]\nurl = \"{}\"\nfetch = [{}]", webhook.url("/"), names.join(","))
        };
        let accepted = |count: &usize| dialhook::config::Config::parse(&hook(*count), "x".as_ref()).is_ok();
        let most = (1..100).take_while(accepted).last().unwrap();
        assert!(most > 20, "{most}");
        let daemon = Daemon::start(&hook(most)).await;
        // the most that a question asks for besides
        let call = Environment::new("crm").line("agi_type", "PJSIP");
        assert_eq!(FakeSwitch::call(daemon.address(), call).await.status(), "OK");
    }

    #[tokio::test]
    async fn as_much_as_asterisk_hands_out_is_taken() {
        let webhook = good_webhook().await;
        let names: Vec<_> = (0..30).map(|number| format!("V{number:02}")).collect();
        let hook = format!("[hook.crm]\nurl = \"{}\"\nfetch = {names:?}", webhook.url("/"));
        let daemon = Daemon::start(&hook).await;
        let with = |call: Environment, name: &String| call.variable(name, vec![b'x'; 4000]);
        let call = names.iter().fold(Environment::new("crm"), with);
        assert_eq!(FakeSwitch::call(daemon.address(), call).await.status(), "OK");
    }
}

mod many_switches {
    use super::*;

    #[tokio::test]
    async fn those_that_connect_and_leave_harm_nobody() {
        let webhook = good_webhook().await;
        let daemon = daemon_for(&webhook, "").await;
        for number in 0..200 {
            let switch = FakeSwitch::connect(daemon.address()).await;
            if number % 2 == 0 { drop(switch) } else { switch.reset() }
        }
        assert_eq!(FakeSwitch::call(daemon.address(), Environment::new("crm")).await.status(), "OK");
        daemon.stop().await;
    }

    #[tokio::test]
    async fn three_hundred_at_once_are_all_served() {
        let (gate, webhook) = gated().await;
        let hook = format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\ntimeout = 10", webhook.url("/"));
        // a process of its own: there may be no more than 1,024 descriptors in one
        let program = Program::serve(&hook, &[]).await;
        let mut calls = calls(program.address(), 300);
        webhook.request(300).await;
        gate.open();
        while let Some(ended) = calls.join_next().await {
            assert_eq!(ended.unwrap().get("CRM"), Some("sales"));
        }
    }

    #[tokio::test]
    async fn those_beyond_the_limit_hear_it_at_once_and_the_others_end_well() {
        let (gate, webhook) = gated().await;
        let daemon =
            daemon_for(&webhook, "timeout = 10\notherwise = \"reception\"\n[limits]\ncalls = 2").await;
        let mut calls = calls(daemon.address(), 2);
        webhook.request(2).await;
        for _ in 0..5 {
            let ended = FakeSwitch::call(daemon.address(), Environment::new("crm")).await;
            assert_eq!(
                (ended.status(), ended.reason()),
                ("OVERLOADED", "more calls at once than the limit of 2")
            );
            assert_eq!((ended.get("CRM"), ended.code()), (Some("reception"), ""));
        }
        gate.open();
        while let Some(ended) = calls.join_next().await {
            assert_eq!(ended.unwrap().status(), "OK");
        }
        assert_eq!(FakeSwitch::call(daemon.address(), Environment::new("crm")).await.status(), "OK");
        assert_eq!(webhook.received().len(), 3);
    }

    #[tokio::test]
    async fn one_peer_beyond_its_own_limit_leaves_room_for_others() {
        let (gate, webhook) = gated().await;
        let daemon = daemon_for(&webhook, "timeout = 10\n[limits]\ncalls_per_peer = 2").await;
        let mut calls = calls(daemon.address(), 2);
        webhook.request(2).await;
        let ended = FakeSwitch::call(daemon.address(), Environment::new("crm")).await;
        assert_eq!(
            (ended.status(), ended.reason()),
            ("OVERLOADED", "more calls at once from one address than the limit of 2")
        );
        let other = FakeSwitch::over(from("127.0.0.2", daemon.address()).await);
        let other = tokio::spawn(async move { other.converse(&Environment::new("crm")).await });
        webhook.request(3).await;
        gate.open();
        assert_eq!(other.await.unwrap().status(), "OK");
        while let Some(ended) = calls.join_next().await {
            assert_eq!(ended.unwrap().status(), "OK");
        }
    }

    #[tokio::test]
    async fn silent_strangers_do_not_keep_a_call_waiting() {
        let webhook = good_webhook().await;
        let daemon = daemon_for(&webhook, "[limits]\ncalls = 1").await;
        let mut strangers = Vec::new();
        for _ in 0..90 {
            strangers.push(FakeSwitch::connect(daemon.address()).await);
        }
        assert_eq!(FakeSwitch::call(daemon.address(), Environment::new("crm")).await.status(), "OK");
    }

    #[tokio::test(start_paused = true)]
    async fn silent_connections_of_one_peer_do_not_keep_the_calls_of_others_waiting() {
        let daemon = Daemon::start("[limits]\ncalls = 1\ncalls_per_peer = 1").await;
        let mut strangers = Vec::new();
        // all the places, and more
        for _ in 0..110 {
            strangers.push(FakeSwitch::over(from("127.0.0.2", daemon.address()).await));
        }
        let began = Instant::now();
        let ended = FakeSwitch::call(daemon.address(), Environment::new("webhook")).await;
        assert_eq!(ended.status(), "BAD_REQUEST");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(strangers.pop().expect("the last one").hear_all().await, b"failure\n");
        let first = strangers[0].stream.try_read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(first, Err(ErrorKind::WouldBlock), "those within the limit have all their time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_with_too_many_silent_connections_is_served_all_the_same() {
        let daemon = Daemon::start("[limits]\ncalls_per_peer = 1").await;
        let mut strangers = Vec::new();
        for _ in 0..60 {
            strangers.push(FakeSwitch::connect(daemon.address()).await);
        }
        let ended = FakeSwitch::call(daemon.address(), Environment::new("webhook")).await;
        assert_eq!(ended.status(), "BAD_REQUEST");
        assert_eq!(strangers.pop().expect("the last one").hear_all().await, b"failure\n");
    }

    fn calls(address: SocketAddr, count: usize) -> JoinSet<Ended> {
        (0..count).map(|_| FakeSwitch::call(address, Environment::new("crm"))).collect()
    }

    async fn gated() -> (Gate, FakeWebhook) {
        let gate = Gate::default();
        let kept = gate.clone();
        (gate, FakeWebhook::start(move |_| Reply::text("sales").after(&kept)).await)
    }
}

mod callers_who_leave {
    use super::*;

    /// A call whose webhook says nothing; what the caller does then; what is heard in the end.
    async fn cancelled(leave: impl AsyncFnOnce(FakeSwitch) -> Option<FakeSwitch>) -> Option<Vec<u8>> {
        let webhook = FakeWebhook::start(|_| Reply::Stall).await;
        let daemon = daemon_for(&webhook, "timeout = 10").await;
        let mut switch = FakeSwitch::connect(daemon.address()).await;
        switch.greet(&Environment::new("crm")).await.expect("a question");
        webhook.requested().await;
        let left = leave(switch).await;
        webhook.closed().await;
        let heard = match left {
            Some(mut switch) => Some(switch.hear_all().await),
            None => None,
        };
        let stopping = Instant::now();
        daemon.stop().await;
        // far below the request's time: nothing is left to wait for
        assert!(stopping.elapsed() < Duration::from_secs(5));
        heard
    }

    #[tokio::test]
    async fn a_hangup_cancels_the_request_and_gives_the_call_back() {
        let heard = cancelled(async |mut switch| {
            switch.say(b"HANGUP\n").await;
            Some(switch)
        })
        .await;
        assert_eq!(heard.unwrap(), b"");
    }

    #[tokio::test]
    async fn the_end_of_the_stream_cancels_the_request() {
        let heard = cancelled(async |mut switch| {
            switch.stream.shutdown().await.unwrap();
            Some(switch)
        })
        .await;
        assert_eq!(heard.unwrap(), b"");
    }

    #[tokio::test]
    async fn a_closed_connection_cancels_the_request() {
        cancelled(async |switch| {
            drop(switch);
            None
        })
        .await;
    }

    #[tokio::test]
    async fn a_broken_connection_cancels_the_request() {
        cancelled(async |switch| {
            switch.reset();
            None
        })
        .await;
    }

    #[tokio::test]
    async fn the_daemon_goes_on_serving_others() {
        let webhook = FakeWebhook::start(|request| match request.target.as_str() {
            "/slow" => Reply::Stall,
            _ => Reply::text("sales"),
        })
        .await;
        let hooks = format!(
            "[hook.slow]\nurl = \"{}\"\n[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"",
            webhook.url("/slow"),
            webhook.url("/")
        );
        let daemon = Daemon::start(&hooks).await;
        let mut switch = FakeSwitch::connect(daemon.address()).await;
        switch.greet(&Environment::new("slow")).await.expect("a question");
        webhook.requested().await;
        switch.reset();
        webhook.closed().await;
        assert_eq!(
            FakeSwitch::call(daemon.address(), Environment::new("crm")).await.get("CRM"),
            Some("sales")
        );
    }

    #[tokio::test]
    async fn a_hangup_before_the_connection_is_made_cancels_that_too() {
        let (address, _full) = full_backlog().await;
        let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"http://{address}/\"\ntimeout = 10")).await;
        let mut switch = FakeSwitch::connect(daemon.address()).await;
        switch.greet(&Environment::new("crm")).await.expect("a question");
        switch.say(b"HANGUP\n").await;
        let began = Instant::now();
        assert_eq!(switch.hear_all().await, b"");
        daemon.stop().await;
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

mod slow_webhooks {
    use super::*;

    /// One call with a timeout of one second, and how long it took.
    async fn timed_out(url: &str) -> Ended {
        let hook = format!(
            "[hook.crm]\nurl = \"{url}\"\ntimeout = 1\nvariable = \"CRM\"\notherwise = \"reception\""
        );
        let daemon = Daemon::start(&hook).await;
        let ended = FakeSwitch::call(daemon.address(), Environment::new("crm")).await;
        assert_eq!(ended.status(), "TIMEOUT");
        assert_eq!((ended.get("CRM"), ended.code()), (Some("reception"), ""));
        let stopping = Instant::now();
        daemon.stop().await;
        assert!(stopping.elapsed() < Duration::from_secs(5));
        ended
    }

    const NOT_BEGUN: &str = "no answer within 1s";
    const BEGUN: &str = "the answer began but was not complete within 1s";

    async fn timed_out_by(reply: Reply) -> String {
        let webhook = FakeWebhook::start(move |_| reply.clone()).await;
        let ended = timed_out(&webhook.url("/")).await;
        webhook.closed().await;
        ended.reason().to_owned()
    }

    #[tokio::test]
    async fn wherever_one_stops_the_call_goes_on_and_says_how_far_it_came() {
        const HEAD: &str = "HTTP/1.1 200 OK\r\n";
        let stops = |said: String| Reply::Then(said.into_bytes(), Box::new(Reply::Stall));
        let mut calls = JoinSet::new();
        for (what, reply, reason) in [
            ("says nothing", Reply::Stall, NOT_BEGUN),
            ("says half a head", stops(format!("{HEAD}Content-Le")), NOT_BEGUN),
            ("says a head and no more", stops(format!("{HEAD}Content-Length: 5\r\n\r\n")), BEGUN),
            ("says half a body", stops(format!("{HEAD}Content-Length: 5\r\n\r\nsal")), BEGUN),
            (
                "never ends its chunks",
                stops(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nsales\r\n")),
                BEGUN,
            ),
            ("drips its head", Reply::Drip(format!("{HEAD}X: ").into()), NOT_BEGUN),
            ("drips its body", Reply::Drip(format!("{HEAD}\r\n").into()), BEGUN),
            (
                "says to wait",
                stops("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n".into()),
                NOT_BEGUN,
            ),
        ] {
            calls.spawn(async move { assert_eq!(timed_out_by(reply).await, reason, "one that {what}") });
        }
        while let Some(call) = calls.join_next().await {
            call.unwrap();
        }
    }

    #[tokio::test]
    async fn one_that_never_shakes_hands() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hello = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = Vec::new();
            stream.read_to_end(&mut hello).await.map(|_| hello)
        });
        let reason = "the TLS handshake with the webhook was not complete within 1s";
        assert_eq!(timed_out(&format!("https://{address}/")).await.reason(), reason);
        // a handshake that was begun, and a connection that was closed
        let hello = within_patience("the end of the connection", hello).await.unwrap().unwrap();
        assert_eq!(hello.first(), Some(&22));
    }

    #[tokio::test]
    async fn one_that_does_not_even_accept() {
        let (address, _full) = full_backlog().await;
        for scheme in ["http", "https"] {
            let ended = timed_out(&format!("{scheme}://{address}/")).await;
            assert_eq!(ended.reason(), "no connection to the webhook within 1s");
        }
    }

    #[tokio::test]
    async fn the_calls_own_timeout_counts_from_its_beginning() {
        let webhook = FakeWebhook::start(|_| Reply::Stall).await;
        let daemon = daemon_for(&webhook, "timeout = 10").await;
        let ended = FakeSwitch::call(daemon.address(), Environment::new("crm?timeout=1500ms")).await;
        assert_eq!((ended.status(), ended.reason()), ("TIMEOUT", "no answer within 1.5s"));
    }
}

/// A listener whose queue is full, so that no connection to it is made, with what fills it.
async fn full_backlog() -> (SocketAddr, (TcpListener, Vec<TcpStream>)) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    while let Ok(connected) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        filling.push(connected.unwrap());
    }
    (address, (listener, filling))
}

mod the_end {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_that_says_nothing_holds_up_the_end_for_half_a_second_only() {
        for in_the_middle in [&b""[..], b"agi_network: yes\n"] {
            let (here, there) = duplex(64 * 1024);
            let (mut switch, hurry) = (FakeSwitch::over(here), CancellationToken::new());
            let agi = Switch::new(there, Agi::new("0123456789abcdef".to_owned()));
            let end = Sessions::under("").start_until(agi, hurry.clone());
            switch.say(in_the_middle).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            let began = Instant::now();
            hurry.cancel();
            assert_eq!(switch.hear_all().await, b"failure\n");
            end.await.unwrap();
            assert!(began.elapsed() < Duration::from_millis(530), "{:?}", began.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_refused_and_stays_holds_it_up_no_longer() {
        let (here, there) = duplex(64 * 1024);
        let (mut switch, hurry) = (FakeSwitch::over(here), CancellationToken::new());
        let agi = Switch::new(there, Agi::new("0123456789abcdef".to_owned()));
        let end = Sessions::under("").start_until(agi, hurry.clone());
        switch.say(b"nonsense\n\n").await;
        assert_eq!(switch.hear_all().await, b"failure\n");
        let began = Instant::now();
        hurry.cancel();
        end.await.unwrap();
        assert!(began.elapsed() < Duration::from_millis(510), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_in_flight_has_all_its_time() {
        let webhook = FakeWebhook::start(|_| Reply::Stall).await;
        let (here, there) = duplex(64 * 1024);
        let (mut switch, hurry) = (FakeSwitch::over(here), CancellationToken::new());
        let hook = format!("[hook.crm]\nurl = \"{}\"\ntimeout = 10", webhook.url("/"));
        let agi = Switch::new(there, Agi::new("0123456789abcdef".to_owned()));
        Sessions::under(&hook).start_until(agi, hurry.clone());
        switch.greet(&Environment::new("crm")).await.expect("a question");
        hurry.cancel();
        assert_eq!(switch.obey().await.status(), "TIMEOUT");
    }

    #[tokio::test(start_paused = true)]
    async fn silent_strangers_of_both_switches_are_not_waited_for() {
        let daemon = Daemon::start("").await;
        let mut asterisk = FakeSwitch::connect(daemon.address()).await;
        let mut freeswitch = FakeSwitch::connect(daemon.freeswitch()).await;
        // it is let in
        assert_eq!(freeswitch.hear().await.as_deref(), Some(&b"connect"[..]));
        FakeSwitch::call(daemon.address(), Environment::new("webhook")).await;
        let began = Instant::now();
        daemon.stop().await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert_eq!(asterisk.hear_all().await, b"failure\n");
        assert_eq!(freeswitch.hear_all().await, b"\nexit\n\n");
    }

    #[tokio::test]
    async fn a_call_in_flight_ends_well() {
        let gate = Gate::default();
        let kept = gate.clone();
        let webhook = FakeWebhook::start(move |_| Reply::text("sales").after(&kept)).await;
        let daemon = daemon_for(&webhook, "timeout = 10").await;
        let address = daemon.address();
        let call = tokio::spawn(FakeSwitch::call(address, Environment::new("crm")));
        webhook.requested().await;
        let stopping = tokio::spawn(daemon.stop());
        // nobody new is let in; only then is the webhook's answer given
        nobody_listens(address).await;
        gate.open();
        assert_eq!(call.await.unwrap().get("CRM"), Some("sales"));
        stopping.await.unwrap();
    }

    #[tokio::test]
    async fn nothing_is_left_after_calls_that_ended() {
        let webhook = good_webhook().await;
        let daemon = daemon_for(&webhook, "").await;
        for _ in 0..3 {
            FakeSwitch::call(daemon.address(), Environment::new("crm")).await;
        }
        let stopping = Instant::now();
        daemon.stop().await;
        assert!(stopping.elapsed() < Duration::from_secs(5));
    }
}

mod peers {
    use super::*;

    async fn call_from(from: &str, daemon: &Daemon) -> Ended {
        let stream = super::from(from, daemon.address()).await;
        FakeSwitch::over(stream).converse(&Environment::new("webhook")).await
    }

    #[tokio::test]
    async fn only_those_that_are_named_are_served() {
        let listen = "[listen]\nasterisk = \"127.0.0.1:0\"\nallow = [\"127.0.0.2/32\", \"10.0.0.0/8\"]";
        let daemon = Daemon::with(listen).await;
        assert_eq!(call_from("127.0.0.2", &daemon).await.status(), "BAD_REQUEST");
        for stranger in ["127.0.0.1", "127.0.0.3"] {
            assert_eq!(call_from(stranger, &daemon).await, Ended::default(), "{stranger}");
        }
    }

    #[tokio::test]
    async fn a_peer_over_an_ipv6_listener_is_known_by_its_ipv4_address() {
        let listen = "[listen]\nasterisk = \"[::ffff:127.0.0.1]:0\"\nallow = [\"127.0.0.1\"]";
        let daemon = Daemon::with(listen).await;
        let address = SocketAddr::from(([127, 0, 0, 1], daemon.address().port()));
        assert_eq!(FakeSwitch::call(address, Environment::new("webhook")).await.status(), "BAD_REQUEST");
    }
}
