//! Owner: switch/agi. FastAGI on the wire: sessions that are recorded, forged or broken.

/// The final commands.
mod farewell;
/// Callers who forge lines of the environment.
mod forged;
/// Recorded sessions of Asterisk, played whole, byte by byte and cut at every place.
mod recorded;
/// Plays a session from a file; its format is in `tests/data/agi/README.md`.
mod transcript;
/// Callers of Asterisk who withhold their number or their name.
mod withheld;

use tokio::io::AsyncReadExt;

use crate::util::{Daemon, Ended, Environment, FakeAsterisk, FakeWebhook, Reply, gated_webhook};

/// Sends this, and checks that it is refused. A challenge may have come before.
async fn refused(daemon: &Daemon, sent: &[u8], what: &str) {
    let mut switch = FakeAsterisk::connect(daemon.address()).await;
    switch.send(sent).await;
    let received = String::from_utf8(switch.receive_all().await).unwrap();
    let lines: Vec<_> = received.lines().filter(|line| !line.starts_with("GET FULL VARIABLE")).collect();
    assert_eq!(lines, ["failure"], "{what}");
}

#[tokio::test]
async fn a_forged_environment_with_replies_of_its_own_is_refused() {
    let webhook = FakeWebhook::start(|_| Reply::text("evil")).await;
    let daemon = Daemon::start("").await;
    let evil = format!("url={}", webhook.url("/evil"));
    let forged = String::from_utf8(Environment::new("webhook").argument(evil).bytes()).unwrap();
    for replies in [
        "200 result=1\n",
        "200 result=1 ()\n200 result=1 ()\n",
        "200 result=1 (0123456789abcdef)\n",
        "200 result=1 (|((((((((|((((((((|)\n200 result=1 (x)\n200 result=1\n200 result=1\n200 result=1\n",
        "200 result=1 (%NONCE%|((((((((%7C)\n",
        "510 Invalid or unknown command\n",
        "520-Invalid command syntax.\nx\n520 End of proper usage.\n",
        "\n",
    ] {
        let sent = format!("{forged}{replies}agi_callingpres: 0\nagi_threadid: 1\n\n");
        refused(&daemon, sent.as_bytes(), replies).await;
    }
    assert_eq!(webhook.connections(), 0);
}

#[tokio::test]
async fn a_forged_environment_that_hangs_up_is_refused() {
    let webhook = FakeWebhook::start(|_| Reply::text("evil")).await;
    let daemon = Daemon::start("").await;
    let forged = Environment::new("webhook").argument(format!("url={}", webhook.url("/evil")));
    let mut switch = FakeAsterisk::connect(daemon.address()).await;
    switch.send(&[&forged.bytes(), &b"HANGUP\n200 result=1\n"[..]].concat()).await;
    assert!(switch.receive_line().await.unwrap().starts_with(b"GET FULL VARIABLE"));
    assert_eq!(switch.receive_all().await, b"failure\n");
    assert_eq!(webhook.connections(), 0);
}

#[tokio::test]
async fn a_right_reply_after_another_line_does_not_authenticate_the_call() {
    let daemon = Daemon::start("").await;
    let environment = Environment::new("webhook");
    let mut switch = FakeAsterisk::connect(daemon.address()).await;
    switch.send(&environment.bytes()).await;
    let challenge = String::from_utf8(switch.receive_line().await.unwrap()).unwrap();
    switch.send(&[b"agi_accountcode: \n", environment.reply(&challenge).as_slice()].concat()).await;
    assert_eq!(switch.receive_all().await, b"failure\n");
}

#[tokio::test]
async fn a_text_that_is_no_environment_is_refused() {
    let daemon = Daemon::start("").await;
    let ordinary = String::from_utf8(Environment::new("crm").bytes()).unwrap();
    for other in [
        "\n".to_owned(),
        "\n\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n\n\n".to_owned(),
        "connect\n\n".to_owned(),
        "\0\0\0\n\n".to_owned(),
        ordinary.replace('\n', "\r\n") + "\n\n",
        ordinary.replace("agi_network: yes", "agi_network: no"),
        ordinary.replace("agi_network: yes\n", "agi_network: yes\nagi_network: yes\n"),
        ordinary.replace("agi_enhanced: 0.0\n", ""),
        ordinary.replace("agi_callerid", "agi_calleridname"),
        ordinary.replace("agi_threadid: ", "agi_threadid:"),
        ordinary.replace("agi_version", "AGI_VERSION"),
        ordinary.replace("\n\n", "\nagi_arg_2: x\n\n"),
        ordinary.replace("\n\n", "\nagi_arg_1: x\nagi_arg_1: y\n\n"),
        ordinary.replace("\n\n", "\nagi_arg_01: x\n\n"),
        ordinary.replace("\n\n", "\nagi_arg_99999999999999999999999: x\n\n"),
        ordinary.replace("\n\n", "\nagi_rdnis: x\n\n"),
    ] {
        refused(&daemon, other.as_bytes(), &other).await;
    }
}

#[tokio::test]
async fn the_largest_number_of_arguments_is_taken() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = Daemon::start("").await;
    let mut environment =
        Environment::new("webhook").argument(format!("url={}", webhook.url("/"))).argument("variable=R");
    for _ in 2..127 {
        environment = environment.argument("");
    }
    let ended = FakeAsterisk::call(daemon.address(), environment).await;
    assert_eq!((ended.status(), ended.get("R")), ("OK", Some("sales")));
}

#[tokio::test]
async fn bytes_that_are_no_utf8_do_not_stop_a_call() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon =
        Daemon::start(&format!("[hook.crm]\nurl = \"{}\"", webhook.url("/?n={phonebook_caller_name}"))).await;
    let environment = Environment::new("crm").name(b"caf\xe9 \xff\x01".to_vec());
    assert_eq!(FakeAsterisk::call(daemon.address(), environment).await.status(), "OK");
    let request = webhook.requested().await;
    assert_eq!(request.target, "/?n=caf%E9%20%FF%01");
    assert_eq!(request.json()["phonebook_caller_name"], "caf\u{fffd} \u{fffd}\u{1}");
}

#[tokio::test]
async fn an_argument_that_is_no_utf8_is_a_bad_request() {
    let daemon = Daemon::start("").await;
    let environment = Environment::new("webhook").argument(b"url=http://127.0.0.1/\xe9".to_vec());
    let ended = FakeAsterisk::call(daemon.address(), environment).await;
    assert_eq!((ended.status(), ended.reason()), ("BAD_REQUEST", "url is not an http or https URL"));
    for argument in [&b"\xff=x"[..], b"\xff"] {
        let ended =
            FakeAsterisk::call(daemon.address(), Environment::new("webhook").argument(argument)).await;
        assert!(ended.reason().starts_with("unknown parameter"), "{}", ended.reason());
    }
}

#[tokio::test]
async fn a_colon_in_a_name_is_part_of_the_name() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"", webhook.url("/"))).await;
    FakeAsterisk::call(daemon.address(), Environment::new("crm").name("Ada: agi_callerid: the first")).await;
    assert_eq!(webhook.requested().await.json()["phonebook_caller_name"], "Ada: agi_callerid: the first");
}

#[tokio::test]
async fn a_hangup_during_the_challenge_leads_to_no_request() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"", webhook.url("/"))).await;
    let mut switch = FakeAsterisk::connect(daemon.address()).await;
    switch.send(&Environment::new("crm").bytes()).await;
    switch.receive_line().await.expect("a challenge");
    switch.send(b"HANGUP\n").await;
    // the daemon cannot distinguish this call from a forged one
    assert_eq!(switch.receive_all().await, b"failure\n");
    assert_eq!(webhook.connections(), 0);
}

#[tokio::test]
async fn an_unexpected_message_during_the_request_ends_the_call() {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\ntimeout = 10", webhook.url("/"))).await;
    for word in ["200 result=1\n", "agi_arg_1: x\n", "\n"] {
        let mut switch = FakeAsterisk::connect(daemon.address()).await;
        switch.greet(&Environment::new("crm")).await.expect("a challenge");
        switch.send(word.as_bytes()).await;
        assert_eq!(switch.receive_all().await, b"failure\n", "{word}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn half_a_line_during_the_request_does_not_end_the_call() {
    let (gate, webhook) = gated_webhook().await;
    let daemon =
        Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"", webhook.url("/"))).await;
    let mut switch = FakeAsterisk::connect(daemon.address()).await;
    switch.greet(&Environment::new("crm")).await.expect("a challenge");
    switch.send(b"HANG").await;
    webhook.requested().await;
    gate.open();
    let received = switch.receive_all().await;
    assert!(received.starts_with(b"SET VARIABLE CRM \"sales\"\n"));
    switch.send(b"UP\n200 result=1\n").await;
}

#[tokio::test]
async fn an_environment_that_is_cut_short_leads_to_no_request() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"", webhook.url("/"))).await;
    let block = Environment::new("crm").bytes();
    for length in (0..block.len()).step_by(23) {
        let mut switch = FakeAsterisk::connect(daemon.address()).await;
        switch.send(&block[..length]).await;
        tokio::io::AsyncWriteExt::shutdown(&mut switch.stream).await.unwrap();
        let mut received = Vec::new();
        switch.stream.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"", "{length}");
    }
    assert_eq!(webhook.connections(), 0);
}

#[tokio::test]
async fn a_call_that_is_refused_sets_nothing() {
    let daemon = Daemon::start("").await;
    let environment = Environment::new("crm").line("agi_dnid", "1\nagi_rdnis: 2");
    let ended = FakeAsterisk::call(daemon.address(), environment).await;
    assert_eq!(ended, Ended { failed: true, received: b"failure\n".to_vec(), ..Ended::default() });
}
