//! Replays a recorded call of Asterisk 22.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;

use super::Line;

/// The AGI environment of a SIP call, recorded from Asterisk 22.10. The address and the caller's name were
/// changed.
const ENVIRONMENT: &str = include_str!("environment.txt");

/// The values that the recorded call had for the questions of dialhook.
const VARIABLES: [(&str, &str); 4] = [
    ("CALLERID(num-pres)", "allowed_not_screened"),
    ("CHANNEL(linkedid)", "1795416036.0"),
    ("CHANNEL(pjsip,call-id)", "2f1c9e0b%40127.0.0.1"),
    ("CALLERID(dnid)", "106"),
];

/// Replays the call. Returns the variables that dialhook set, in their order.
pub(super) async fn call(
    daemon: SocketAddr,
    transcript: &UnboundedSender<Line>,
) -> io::Result<Vec<(String, String)>> {
    let show = |who, text: &str| drop(transcript.send(Line { who, text: text.to_owned() }));
    let (read, mut write) = TcpStream::connect(daemon).await?.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut set = Vec::new();

    let shown = ["agi_request", "agi_channel", "agi_callerid", "agi_extension"];
    let about = |line: &&str| shown.iter().any(|name| line.starts_with(&format!("{name}: ")));
    show("Asterisk says", "agi_network: yes");
    ENVIRONMENT.lines().filter(about).for_each(|line| show("", line));
    show("", &format!("… {} lines in all, and an empty line", ENVIRONMENT.lines().count() - 1));
    write.write_all(ENVIRONMENT.as_bytes()).await?;

    while let Some(line) = lines.next_line().await? {
        if let Some(question) = line.strip_prefix("GET FULL VARIABLE ") {
            let reply = format!("200 result=1 ({})", expanded(question.trim_matches('"')));
            show("dialhook asks", &shortened(&line));
            show(
                "",
                "(a nonce, whose echo proves that no caller forged the call, and the data that is still missing)",
            );
            show("Asterisk replies", &shortened(&reply));
            write.write_all(format!("{reply}\n").as_bytes()).await?;
        } else {
            show(if set.is_empty() { "dialhook sets" } else { "" }, &line);
            set.extend(assigned(&line));
            write.write_all(b"200 result=1\n").await?;
        }
    }
    Ok(set)
}

/// Returns the question with its expressions expanded, as Asterisk would.
fn expanded(question: &str) -> String {
    let values = VARIABLES
        .iter()
        .fold(question.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
    values.replace("${URIENCODE(", "").replace(")}", "")
}

/// Shortens a line to the width of a terminal.
fn shortened(line: &str) -> String {
    if line.len() <= 76 {
        line.to_owned()
    } else {
        format!("{}…", line.chars().take(75).collect::<String>())
    }
}

/// Returns the name and the value of a `SET VARIABLE`.
fn assigned(line: &str) -> Option<(String, String)> {
    let (name, value) = line.strip_prefix("SET VARIABLE ")?.split_once(' ')?;
    Some((name.to_owned(), value.trim_matches('"').to_owned()))
}
