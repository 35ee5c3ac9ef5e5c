//! Owner: switch/agi. The final commands: their order, their quoting and the end of the connection.

use dialhook::switch::Dialect;
use dialhook::switch::agi::Agi;
use dialhook::variable::{Accept, Assignment, Value, ValueSource};

use crate::util::{Daemon, Environment, FakeAsterisk, FakeWebhook, Reply, as_asterisk_reads};

/// A call that has the final commands, and has not replied to them yet.
async fn receive_final_commands(daemon: &Daemon) -> (FakeAsterisk, Vec<u8>) {
    let mut switch = FakeAsterisk::connect(daemon.address()).await;
    switch.greet(&Environment::new("crm")).await.expect("a challenge");
    let received = switch.receive_all().await;
    (switch, received)
}

#[tokio::test]
async fn the_final_commands_are_whole_lines_with_the_status_last() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon =
        Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"", webhook.url("/"))).await;
    // the stream ends although nothing was replied
    let (_switch, received) = receive_final_commands(&daemon).await;
    assert_eq!(
        String::from_utf8(received).unwrap(),
        "SET VARIABLE CRM \"sales\"\nSET VARIABLE WEBHOOK_CODE \"200\"\nSET VARIABLE WEBHOOK_REASON \"\"\n\
         SET VARIABLE WEBHOOK_STATUS \"OK\"\n"
    );
}

#[tokio::test]
async fn the_switch_ends_the_connection_whatever_it_replied_to_the_final_commands() {
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
        let (mut switch, received) = receive_final_commands(&daemon).await;
        assert!(received.ends_with(b"SET VARIABLE WEBHOOK_STATUS \"OK\"\n"));
        switch.send(replies.as_bytes()).await;
        drop(switch);
    }
    daemon.stop().await;
}

#[test]
fn asterisk_parses_each_command_to_the_value_that_was_sent() {
    let mut every_byte: Vec<u8> = (1..=255).filter(|&byte| byte != b'\n').collect();
    every_byte.extend(b"\\\\\"\" ${X} $[1] \\n \r");
    for value in [&b""[..], b"a b", b"say \"hi\"", b"C:\\new", b"\\", b"\"", b" both ", &every_byte] {
        let assignment = Assignment {
            name: "N".parse().unwrap(),
            value: Value::from(value),
            accept: Accept::Any,
            source: ValueSource::Answer,
        };
        let farewell = Agi::new(String::new()).farewell(&[assignment]).unwrap();
        let line = farewell.strip_suffix(b"\n").unwrap();
        assert_eq!(as_asterisk_reads(line), [&b"SET"[..], b"VARIABLE", b"N", value]);
    }
}
