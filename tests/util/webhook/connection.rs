//! Owner: the tests. One connection of a fake webhook: reads requests and writes replies.

use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

use super::{Received, Reply, Seen};

/// A stream that can be broken.
pub(super) trait Connection: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes the end a reset.
    fn break_at_end(&self);
}

impl Connection for TcpStream {
    fn break_at_end(&self) {
        self.set_zero_linger().expect("an option that every system has");
    }
}

impl Connection for TlsStream<TcpStream> {
    fn break_at_end(&self) {
        self.get_ref().0.break_at_end();
    }
}

pub(super) async fn serve<S: Connection>(
    mut stream: S,
    answer: &(impl Fn(&Received) -> Reply + Sync),
    seen: &watch::Sender<Seen>,
) {
    let (mut read, mut number) = (Vec::new(), 0);
    while let Ok(Some(mut request)) = request(&mut stream, &mut read).await {
        number += 1;
        request.number = number;
        let reply = answer(&request);
        seen.send_modify(|seen| seen.received.push(request));
        match send(&mut stream, reply).await {
            Ok(()) => {}
            Err(EndedBy::Webhook) => return,
            Err(EndedBy::Client) => return seen.send_modify(|seen| seen.closed += 1),
        }
    }
}

/// The side that ended the connection.
enum EndedBy {
    Webhook,
    Client,
}

async fn send<S: Connection>(stream: &mut S, reply: Reply) -> Result<(), EndedBy> {
    let (bytes, then) = match reply {
        Reply::Bytes(bytes) => (bytes, None),
        Reply::Then(bytes, then) => (bytes, Some(*then)),
        Reply::Close => return Err(EndedBy::Webhook),
        Reply::Reset => {
            stream.break_at_end();
            return Err(EndedBy::Webhook);
        }
        Reply::Stall => return Err(unless_closed(stream, pending()).await.unwrap_or(EndedBy::Client)),
        Reply::After(gate, then) => {
            if let Some(closed) = unless_closed(stream, gate.0.cancelled()).await {
                return Err(closed);
            }
            (Vec::new(), Some(*then))
        }
        Reply::Drip(bytes) => {
            stream.write_all(&bytes).await.map_err(|_| EndedBy::Client)?;
            loop {
                if let Some(closed) = unless_closed(stream, tokio::time::sleep(DRIP)).await {
                    return Err(closed);
                }
                stream.write_all(b"x").await.map_err(|_| EndedBy::Client)?;
            }
        }
    };
    stream.write_all(&bytes).await.map_err(|_| EndedBy::Client)?;
    stream.flush().await.map_err(|_| EndedBy::Client)?;
    match then {
        Some(then) => Box::pin(send(stream, then)).await,
        None => Ok(()),
    }
}

/// The time between two bytes of [`Reply::Drip`].
const DRIP: Duration = Duration::from_millis(20);

/// Waits for this, or until the client closes the connection.
async fn unless_closed<S: Connection>(stream: &mut S, coming: impl Future<Output = ()>) -> Option<EndedBy> {
    let mut byte = [0];
    tokio::select! {
        () = coming => None,
        // our client sends nothing more before it has its answer
        _ = stream.read(&mut byte) => Some(EndedBy::Client),
    }
}

/// The next request; `None` at the end of the stream.
async fn request<S: Connection>(stream: &mut S, read: &mut Vec<u8>) -> io::Result<Option<Received>> {
    let head_end = loop {
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&read[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let lines: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let spelled = lines.iter().map(|(name, _)| (*name).to_owned()).collect();
    let headers =
        lines.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let mut request = Received {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        headers,
        spelled,
        number: 0,
        body: Vec::new(),
    };
    let length = request.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    let end = head_end + 4 + length;
    while read.len() < end {
        if stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
    let rest = read.split_off(end);
    request.body = read.split_off(head_end + 4);
    *read = rest;
    Ok(Some(request))
}
