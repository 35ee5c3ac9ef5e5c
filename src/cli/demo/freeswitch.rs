//! Replays a recorded SIP call of FreeSWITCH 1.11.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;

use super::Line;

/// The channel data of a call on a static socket, recorded from FreeSWITCH 1.11.2. The address was changed.
const CHANNEL_DATA: &str = include_str!("channel-data.txt");

/// Replays the call. Returns the variables that dialhook set, in their order.
pub(super) async fn call(
    daemon: SocketAddr,
    transcript: &UnboundedSender<Line>,
) -> io::Result<Vec<(String, String)>> {
    let show = |who, text: &str| drop(transcript.send(Line { who, text: text.to_owned() }));
    let (read, mut write) = TcpStream::connect(daemon).await?.into_split();
    let mut read = BufReader::new(read);
    let mut set = Vec::new();
    show("FreeSWITCH", "connects, and waits for a command");
    loop {
        let (headers, body) = command(&mut read).await?;
        match headers.first().map(String::as_str) {
            Some("connect") => {
                show("dialhook says", "connect");
                show("FreeSWITCH replies", "Event-Name: CHANNEL_DATA");
                let about = ["Caller-Caller-ID-Number", "Caller-Destination-Number", "Socket-Mode"];
                let shown = |line: &&str| about.iter().any(|name| line.starts_with(name));
                CHANNEL_DATA.lines().filter(shown).for_each(|line| show("", line));
                show("", &format!("… {} headers in all", CHANNEL_DATA.lines().count() - 1));
                write.write_all(CHANNEL_DATA.as_bytes()).await?;
            }
            Some("sendmsg") => {
                show(if set.is_empty() { "dialhook sets" } else { "" }, &body);
                set.extend(body.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())));
                write.write_all(b"Content-Type: command/reply\nReply-Text: +OK\n\n").await?;
            }
            Some("exit") => {
                show("", "exit");
                write.write_all(b"Content-Type: command/reply\nReply-Text: +OK bye\n\n").await?;
                return Ok(set);
            }
            Some(_) | None => return Ok(set),
        }
    }
}

/// Reads one command: its headers, and the body if they announce one.
async fn command(read: &mut BufReader<tokio::net::tcp::OwnedReadHalf>) -> io::Result<(Vec<String>, String)> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if read.read_line(&mut line).await? == 0 || line == "\n" {
            break;
        }
        headers.push(line.trim_end().to_owned());
    }
    let length = headers.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    read.read_exact(&mut body).await?;
    Ok((headers, String::from_utf8_lossy(&body).into_owned()))
}
