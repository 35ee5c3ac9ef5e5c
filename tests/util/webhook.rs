//! A webhook that answers what a test says, in raw bytes where need be.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::within_patience;

/// A web server on a port of its own: HTTP/1.1 with keep-alive.
#[derive(Debug)]
pub struct FakeWebhook {
    address: SocketAddr,
    scheme: &'static str,
    seen: watch::Sender<Seen>,
    _accepting: AbortOnDropHandle<()>,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// In their order, the names in lower case.
    pub headers: Vec<(String, String)>,
    /// The names of the headers as they were written.
    pub spelled: Vec<String>,
    /// The number of the request on its connection, from 1 on.
    pub number: usize,
    pub body: Vec<u8>,
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Reply {
    /// These bytes, whatever they are; the connection stays open.
    Bytes(Vec<u8>),
    /// These bytes, and then the other.
    Then(Vec<u8>, Box<Reply>),
    /// The other, as soon as the gate is open.
    After(Gate, Box<Reply>),
    /// These bytes, and then one `x` after the other.
    Drip(Vec<u8>),
    /// Nothing at all.
    Stall,
    /// The end of the connection.
    Close,
    /// The end of the connection by a reset.
    Reset,
}

/// Keeps replies back until it is opened.
#[derive(Debug, Clone, Default)]
pub struct Gate(CancellationToken);

/// What has happened so far.
#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    received: Vec<Received>,
    /// Connections that the client closed before it had its answer.
    closed: usize,
}

impl Reply {
    /// A good answer.
    pub fn text(body: impl AsRef<[u8]>) -> Self {
        Self::status(200, body)
    }

    /// An answer with this status.
    pub fn status(code: u16, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {code} Said\r\nContent-Length: {}\r\n\r\n", body.len());
        Self::Bytes([head.as_bytes(), body].concat())
    }

    /// An answer that sends the client on to this place, and has a body of its own.
    pub fn redirect(code: u16, location: &str) -> Self {
        Self::with_header(code, &format!("Location: {location}"), "elsewhere")
    }

    /// An answer with this line in its head.
    pub fn with_header(code: u16, line: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {code} Said\r\n{line}\r\nContent-Length: {}\r\n\r\n", body.len());
        Self::Bytes([head.as_bytes(), body].concat())
    }

    /// A good answer of JSON.
    pub fn json(body: impl AsRef<[u8]>) -> Self {
        Self::with_header(200, "Content-Type: application/json", body)
    }

    /// The head of a good answer and half of its body; then this.
    pub fn half_and(then: Self) -> Self {
        Self::Then(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsales".to_vec(), Box::new(then))
    }

    /// The same, kept back until the gate is open.
    pub fn after(self, gate: &Gate) -> Self {
        Self::After(gate.clone(), Box::new(self))
    }
}

impl Gate {
    /// Lets all replies go, those to come as well.
    pub fn open(&self) {
        self.0.cancel();
    }
}

impl Received {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }
}

impl FakeWebhook {
    /// A webhook that answers each request so.
    pub async fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen("http", answer, |stream| async { Ok(stream) }).await
    }

    /// One that answers each request with the next of these, and with the last of them for ever.
    pub async fn answering(replies: impl IntoIterator<Item = Reply>) -> Self {
        let (replies, next) = (replies.into_iter().collect::<Vec<_>>(), AtomicUsize::new(0));
        Self::start(move |_| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            replies[number.min(replies.len() - 1)].clone()
        })
        .await
    }

    /// The same as [`FakeWebhook::start`] over TLS.
    pub async fn start_tls(
        tls: TlsAcceptor,
        answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_tls_shy(0, tls, answer).await
    }

    /// The same, but so many connections are reset before hands are shaken.
    pub async fn start_tls_shy(
        resets: usize,
        tls: TlsAcceptor,
        answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let accepted = AtomicUsize::new(0);
        let accept = move |stream: TcpStream| {
            let shy = accepted.fetch_add(1, Ordering::Relaxed) < resets;
            if shy {
                stream.break_at_end();
            }
            let stream = if shy {
                Err(io::Error::from(io::ErrorKind::ConnectionReset))
            } else {
                Ok(tls.accept(stream))
            };
            async { stream?.await }
        };
        Self::listen("https", answer, accept).await
    }

    async fn listen<S, F>(
        scheme: &'static str,
        answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
        accept: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        S: Connection,
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (seen, answer) = (watch::Sender::new(Seen::default()), Arc::new(answer));
        let all = seen.clone();
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                all.send_modify(|seen| seen.connections += 1);
                let (stream, seen, answer) = (accept(stream), all.clone(), Arc::clone(&answer));
                connections.spawn(async move {
                    if let Ok(stream) = stream.await {
                        serve(stream, &*answer, &seen).await;
                    }
                });
            }
        });
        Self { address, scheme, seen, _accepting: AbortOnDropHandle::new(accepting) }
    }

    /// The URL of this path, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far.
    pub fn received(&self) -> Vec<Received> {
        self.seen.borrow().received.clone()
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.seen.borrow().connections
    }

    /// Waits until a request has come.
    pub async fn requested(&self) -> Received {
        self.request(1).await
    }

    /// Waits until so many requests have come, and gives the last of these.
    pub async fn request(&self, number: usize) -> Received {
        self.until("a request", |seen| seen.received.len() >= number).await;
        self.seen.borrow().received[number - 1].clone()
    }

    /// Waits until so many requests have come.
    pub async fn requests(&self, count: usize) -> Vec<Received> {
        self.until("a request", |seen| seen.received.len() >= count).await;
        self.received()
    }

    /// Waits until the client has closed the connection of a request that was not answered yet.
    pub async fn closed(&self) {
        self.until("the end of the connection", |seen| seen.closed >= 1).await;
    }

    /// Whether the client has closed a connection before it had its answer.
    pub fn has_closed(&self) -> bool {
        self.seen.borrow().closed > 0
    }

    async fn until(&self, what: &str, is_so: impl FnMut(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        within_patience(what, seen.wait_for(is_so)).await.expect("the webhook runs");
    }
}

/// A stream that can be broken.
trait Connection: AsyncRead + AsyncWrite + Unpin + Send + 'static {
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

async fn serve<S: Connection>(
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
        match say(&mut stream, reply).await {
            Ok(()) => {}
            Err(Told::Ended) => return,
            Err(Told::Closed) => return seen.send_modify(|seen| seen.closed += 1),
        }
    }
}

/// Why a connection does not go on.
enum Told {
    /// We ended it.
    Ended,
    /// The client did.
    Closed,
}

async fn say<S: Connection>(stream: &mut S, reply: Reply) -> Result<(), Told> {
    let (bytes, then) = match reply {
        Reply::Bytes(bytes) => (bytes, None),
        Reply::Then(bytes, then) => (bytes, Some(*then)),
        Reply::Close => return Err(Told::Ended),
        Reply::Reset => {
            stream.break_at_end();
            return Err(Told::Ended);
        }
        Reply::Stall => return Err(unless_closed(stream, pending()).await.unwrap_or(Told::Closed)),
        Reply::After(gate, then) => {
            if let Some(closed) = unless_closed(stream, gate.0.cancelled()).await {
                return Err(closed);
            }
            (Vec::new(), Some(*then))
        }
        Reply::Drip(bytes) => {
            stream.write_all(&bytes).await.map_err(|_| Told::Closed)?;
            loop {
                if let Some(closed) = unless_closed(stream, tokio::time::sleep(DRIP)).await {
                    return Err(closed);
                }
                stream.write_all(b"x").await.map_err(|_| Told::Closed)?;
            }
        }
    };
    stream.write_all(&bytes).await.map_err(|_| Told::Closed)?;
    stream.flush().await.map_err(|_| Told::Closed)?;
    match then {
        Some(then) => Box::pin(say(stream, then)).await,
        None => Ok(()),
    }
}

/// Between two drops.
const DRIP: Duration = Duration::from_millis(20);

/// Awaits this unless the client closes the connection before.
async fn unless_closed<S: Connection>(stream: &mut S, coming: impl Future<Output = ()>) -> Option<Told> {
    let mut byte = [0];
    tokio::select! {
        () = coming => None,
        // a client that says more before it was answered is not ours
        _ = stream.read(&mut byte) => Some(Told::Closed),
    }
}

/// The next request; nothing at the end of the stream.
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
