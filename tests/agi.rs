//! FastAGI on the wire.

/// Lines that a caller adds to the environment.
mod forged;
/// Conversations from files, played back.
mod transcript;
/// What a caller withholds.
mod withheld;

use std::fs;
use std::path::{Path, PathBuf};

use dialhook::switch::Dialect;
use dialhook::switch::agi::Agi;
use dialhook::variable::{Accept, Assignment, Value};
use tokio::io::AsyncReadExt;

use self::transcript::{Cut, Stage, Transcript};
use crate::util::{Daemon, Ended, Environment, FakeSwitch, FakeWebhook, Gate, Reply, as_asterisk_reads};

/// The files of a folder beneath `tests/data/agi` that end so.
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
async fn recorded_conversations_go_as_recorded() {
    for file in files("", ".txt") {
        let transcript = Transcript::read(&file);
        Stage::new(&transcript).await.play_to_a_daemon(&transcript).await;
    }
}

#[tokio::test]
async fn recorded_conversations_go_so_byte_by_byte() {
    for file in files("", ".txt") {
        let transcript = Transcript::read(&file);
        Stage::new(&transcript).await.play(&transcript, Cut::Bytes).await;
    }
}

#[tokio::test]
async fn recorded_conversations_go_so_wherever_a_message_is_cut_in_two() {
    for file in files("", ".txt") {
        let transcript = Transcript::read(&file);
        let mut stage = Stage::new(&transcript).await;
        for at in transcript.places() {
            stage.play(&transcript, Cut::At(at)).await;
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
        let mut switch = FakeSwitch::connect(daemon.address()).await;
        switch.say(&fs::read(&file).unwrap()).await;
        let heard = String::from_utf8(switch.hear().await.unwrap()).unwrap();
        assert!(heard.starts_with("GET FULL VARIABLE \""), "{}: {heard}", name(&file));
    }
}

#[tokio::test]
async fn every_recorded_forgery_is_refused() {
    let webhook = FakeWebhook::start(|_| Reply::text("evil")).await;
    let daemon = Daemon::start("").await;
    let forged_environments =
        files("recorded", ".env").into_iter().filter(|file| name(file).contains("forged"));
    for file in forged_environments.chain(files("recorded", ".session")) {
        let said = match file.extension().unwrap().to_str() {
            Some("env") => String::from_utf8(fs::read(&file).unwrap()).unwrap(),
            _ => said_by_asterisk(&fs::read_to_string(&file).unwrap()),
        };
        let said = said
            .replace("http://evil.example", &webhook.url(""))
            .replace("http://good.example", &webhook.url(""));
        refused(&daemon, said.as_bytes(), name(&file)).await;
    }
    assert_eq!(webhook.connections(), 0);
    daemon.stop().await;
}

/// The lines of a session up to the daemon's refusal.
fn said_by_asterisk(session: &str) -> String {
    let before = session.split_once("D failure").expect("a session with a refusal").0;
    let lines = before.lines().filter_map(|line| line.strip_prefix("A "));
    lines.map(|line| line.replace("\\n", "\n")).collect()
}

/// Says this and shows that it is refused; a question may have come before.
async fn refused(daemon: &Daemon, said: &[u8], what: &str) {
    let mut switch = FakeSwitch::connect(daemon.address()).await;
    switch.say(said).await;
    let heard = String::from_utf8(switch.hear_all().await).unwrap();
    let lines: Vec<_> = heard.lines().filter(|line| !line.starts_with("GET FULL VARIABLE")).collect();
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
        let said = format!("{forged}{replies}agi_callingpres: 0\nagi_threadid: 1\n\n");
        refused(&daemon, said.as_bytes(), replies).await;
    }
    assert_eq!(webhook.connections(), 0);
}

#[tokio::test]
async fn a_forged_environment_that_hangs_up_is_refused() {
    let webhook = FakeWebhook::start(|_| Reply::text("evil")).await;
    let daemon = Daemon::start("").await;
    let forged = Environment::new("webhook").argument(format!("url={}", webhook.url("/evil")));
    let mut switch = FakeSwitch::connect(daemon.address()).await;
    switch.say(&[&forged.bytes(), &b"HANGUP\n200 result=1\n"[..]].concat()).await;
    assert!(switch.hear().await.unwrap().starts_with(b"GET FULL VARIABLE"));
    assert_eq!(switch.hear_all().await, b"failure\n");
    assert_eq!(webhook.connections(), 0);
}

#[tokio::test]
async fn a_question_that_one_line_follows_is_not_proved_by_the_true_reply_behind_it() {
    let daemon = Daemon::start("").await;
    let environment = Environment::new("webhook");
    let mut switch = FakeSwitch::connect(daemon.address()).await;
    switch.say(&environment.bytes()).await;
    let question = String::from_utf8(switch.hear().await.unwrap()).unwrap();
    switch.say(&[b"agi_accountcode: \n", environment.reply(&question).as_slice()].concat()).await;
    assert_eq!(switch.hear_all().await, b"failure\n");
}

#[tokio::test]
async fn what_is_no_environment_is_refused() {
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
    let ended = FakeSwitch::call(daemon.address(), environment).await;
    assert_eq!((ended.status(), ended.get("R")), ("OK", Some("sales")));
}

#[tokio::test]
async fn bytes_that_are_no_utf8_do_not_stop_a_call() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon =
        Daemon::start(&format!("[hook.crm]\nurl = \"{}\"", webhook.url("/?n={phonebook_caller_name}"))).await;
    let environment = Environment::new("crm").name(b"caf\xe9 \xff\x01".to_vec());
    assert_eq!(FakeSwitch::call(daemon.address(), environment).await.status(), "OK");
    let request = webhook.requested().await;
    assert_eq!(request.target, "/?n=caf%E9%20%FF%01");
    assert_eq!(request.json()["phonebook_caller_name"], "caf\u{fffd} \u{fffd}\u{1}");
}

#[tokio::test]
async fn an_argument_that_is_no_utf8_is_a_bad_request() {
    let daemon = Daemon::start("").await;
    let environment = Environment::new("webhook").argument(b"url=http://127.0.0.1/\xe9".to_vec());
    let ended = FakeSwitch::call(daemon.address(), environment).await;
    assert_eq!((ended.status(), ended.reason()), ("BAD_REQUEST", "url is not an http or https URL"));
    for argument in [&b"\xff=x"[..], b"\xff"] {
        let ended = FakeSwitch::call(daemon.address(), Environment::new("webhook").argument(argument)).await;
        assert!(ended.reason().starts_with("unknown parameter"), "{}", ended.reason());
    }
}

#[tokio::test]
async fn a_colon_in_a_name_is_part_of_the_name() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"", webhook.url("/"))).await;
    FakeSwitch::call(daemon.address(), Environment::new("crm").name("Ada: agi_callerid: the first")).await;
    assert_eq!(webhook.requested().await.json()["phonebook_caller_name"], "Ada: agi_callerid: the first");
}

/// A call whose farewell was heard, but not replied to yet.
async fn farewell_heard(daemon: &Daemon) -> (FakeSwitch, Vec<u8>) {
    let mut switch = FakeSwitch::connect(daemon.address()).await;
    switch.greet(&Environment::new("crm")).await.expect("a question");
    let heard = switch.hear_all().await;
    (switch, heard)
}

#[tokio::test]
async fn the_farewell_is_whole_lines_and_an_end_with_the_status_last() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon =
        Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"", webhook.url("/"))).await;
    // the end of the stream is heard although nothing was replied
    let (_switch, heard) = farewell_heard(&daemon).await;
    assert_eq!(
        String::from_utf8(heard).unwrap(),
        "SET VARIABLE CRM \"sales\"\nSET VARIABLE WEBHOOK_CODE \"200\"\nSET VARIABLE WEBHOOK_REASON \"\"\n\
         SET VARIABLE WEBHOOK_STATUS \"OK\"\n"
    );
}

#[tokio::test]
async fn whatever_is_replied_to_the_farewell_the_connection_ends_when_the_switch_ends_it() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon =
        Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"", webhook.url("/"))).await;
    let set = "200 result=1\n";
    for replies in [
        format!("HANGUP\n{set}{set}{set}{set}HANGUP\n"),
        format!("{set}{set}HANGUP\n{set}{set}HANGUP\n"),
        format!("{set}{set}{set}{set}HANGUP\n"),
        format!(
            "{set}520-Invalid command syntax.  Proper usage follows:\nHANGUP\n200 x\n520 End of proper usage.\n{set}{set}HANGUP\n"
        ),
        format!("511 Command Not Permitted on a dead channel or intercept routine\n{set}510 Invalid\n{set}"),
        "520-never ends\n".to_owned(),
        "200 resu".to_owned(),
        "\0\n\n\nnonsense\n".to_owned(),
        String::new(),
    ] {
        let (mut switch, heard) = farewell_heard(&daemon).await;
        assert!(heard.ends_with(b"SET VARIABLE WEBHOOK_STATUS \"OK\"\n"));
        switch.say(replies.as_bytes()).await;
        drop(switch);
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_during_the_proof_is_not_asked_for() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"", webhook.url("/"))).await;
    let mut switch = FakeSwitch::connect(daemon.address()).await;
    switch.say(&Environment::new("crm").bytes()).await;
    switch.hear().await.expect("a question");
    switch.say(b"HANGUP\n").await;
    // nobody can tell this one from a forged one
    assert_eq!(switch.hear_all().await, b"failure\n");
    assert_eq!(webhook.connections(), 0);
}

#[tokio::test]
async fn an_unasked_word_during_the_request_ends_it() {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\ntimeout = 10", webhook.url("/"))).await;
    for word in ["200 result=1\n", "agi_arg_1: x\n", "\n"] {
        let mut switch = FakeSwitch::connect(daemon.address()).await;
        switch.greet(&Environment::new("crm")).await.expect("a question");
        switch.say(word.as_bytes()).await;
        assert_eq!(switch.hear_all().await, b"failure\n", "{word}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn half_a_line_during_the_request_is_waited_for() {
    let (gate, webhook) = gated("sales").await;
    let daemon =
        Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"", webhook.url("/"))).await;
    let mut switch = FakeSwitch::connect(daemon.address()).await;
    switch.greet(&Environment::new("crm")).await.expect("a question");
    switch.say(b"HANG").await;
    webhook.requested().await;
    gate.open();
    let heard = switch.hear_all().await;
    assert!(heard.starts_with(b"SET VARIABLE CRM \"sales\"\n"));
    switch.say(b"UP\n200 result=1\n").await;
}

async fn gated(answer: &'static str) -> (Gate, FakeWebhook) {
    let gate = Gate::default();
    let kept = gate.clone();
    (gate, FakeWebhook::start(move |_| Reply::text(answer).after(&kept)).await)
}

#[tokio::test]
async fn nobody_hears_of_a_call_whose_environment_is_cut_short() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"", webhook.url("/"))).await;
    let block = Environment::new("crm").bytes();
    for length in (0..block.len()).step_by(23) {
        let mut switch = FakeSwitch::connect(daemon.address()).await;
        switch.say(&block[..length]).await;
        tokio::io::AsyncWriteExt::shutdown(&mut switch.stream).await.unwrap();
        let mut heard = Vec::new();
        switch.stream.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"", "{length}");
    }
    assert_eq!(webhook.connections(), 0);
}

#[tokio::test]
async fn a_call_that_is_refused_sets_nothing() {
    let daemon = Daemon::start("").await;
    let environment = Environment::new("crm").line("agi_dnid", "1\nagi_rdnis: 2");
    let ended = FakeSwitch::call(daemon.address(), environment).await;
    assert_eq!(ended, Ended { failed: true, heard: b"failure\n".to_vec(), ..Ended::default() });
}

#[test]
fn asterisk_reads_back_the_value_we_meant() {
    let mut every_byte: Vec<u8> = (1..=255).filter(|&byte| byte != b'\n').collect();
    every_byte.extend(b"\\\\\"\" ${X} $[1] \\n \r");
    for value in [&b""[..], b"a b", b"say \"hi\"", b"C:\\new", b"\\", b"\"", b" both ", &every_byte] {
        let assignment =
            Assignment { name: "N".parse().unwrap(), value: Value::from(value), accept: Accept::Any };
        let farewell = Agi::new(String::new()).farewell(&[assignment]).unwrap();
        let line = farewell.strip_suffix(b"\n").unwrap();
        assert_eq!(as_asterisk_reads(line), [&b"SET"[..], b"VARIABLE", b"N", value]);
    }
}
