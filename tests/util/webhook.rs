//! Owner: the tests. A fake webhook that answers as a test demands, in raw bytes if necessary.

/// One connection of a fake webhook.
mod connection;
/// The replies of a fake webhook.
mod reply;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use self::connection::{Connection, serve};
pub use self::reply::{Gate, Reply};
use super::within_time_limit;

/// A web server on a port of its own: HTTP/1.1 with keep-alive.
#[derive(Debug)]
pub struct FakeWebhook {
    address: SocketAddr,
    scheme: &'static str,
    seen: watch::Sender<Seen>,
    _accepting: AbortOnDropHandle<()>,
}

/// A request as it was received.
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

/// The connections and requests so far.
#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    received: Vec<Received>,
    /// Connections that the client closed before it had its answer.
    closed: usize,
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
    /// Starts a webhook that answers each request with this function.
    pub async fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen("http", answer, |stream| async { Ok(stream) }).await
    }

    /// Starts a webhook that answers with these replies in turn, and then always with the last one.
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
        Self::start_tls_after_resets(0, tls, answer).await
    }

    /// The same, but the first connections are reset before the TLS handshake.
    pub async fn start_tls_after_resets(
        resets: usize,
        tls: TlsAcceptor,
        answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let accepted = AtomicUsize::new(0);
        let accept = move |stream: TcpStream| {
            let is_reset = accepted.fetch_add(1, Ordering::Relaxed) < resets;
            if is_reset {
                stream.break_at_end();
            }
            let stream = if is_reset {
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

    /// The address of its listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far.
    pub fn received(&self) -> Vec<Received> {
        self.seen.borrow().received.clone()
    }

    /// The number of connections so far.
    pub fn connections(&self) -> usize {
        self.seen.borrow().connections
    }

    /// Waits until a request has come.
    pub async fn requested(&self) -> Received {
        self.request(1).await
    }

    /// Waits until so many requests have come, and returns the last of them.
    pub async fn request(&self, number: usize) -> Received {
        self.until("a request", |seen| seen.received.len() >= number).await;
        self.seen.borrow().received[number - 1].clone()
    }

    /// Waits until so many requests have come.
    pub async fn requests(&self, count: usize) -> Vec<Received> {
        self.until("a request", |seen| seen.received.len() >= count).await;
        self.received()
    }

    /// Waits until the client has closed a connection before it had its answer.
    pub async fn closed(&self) {
        self.until("the end of the connection", |seen| seen.closed >= 1).await;
    }

    /// True if the client has closed a connection before it had its answer.
    pub fn has_closed(&self) -> bool {
        self.seen.borrow().closed > 0
    }

    async fn until(&self, what: &str, is_so: impl FnMut(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        within_time_limit(what, seen.wait_for(is_so)).await.expect("the webhook runs");
    }
}

/// A webhook that answers `sales`.
pub async fn good_webhook() -> FakeWebhook {
    FakeWebhook::start(|_| Reply::text("sales")).await
}

/// A webhook that answers `sales` as soon as the gate is open.
pub async fn gated_webhook() -> (Gate, FakeWebhook) {
    let gate = Gate::default();
    let of_webhook = gate.clone();
    (gate, FakeWebhook::start(move |_| Reply::text("sales").after(&of_webhook)).await)
}

/// The table of a hook `crm` that asks this path of the webhook, with a timeout of 10 seconds.
pub fn crm_hook(webhook: &FakeWebhook, path: &str, variable: &str) -> String {
    format!("[hook.crm]\nurl = \"{}\"\nvariable = \"{variable}\"\ntimeout = 10\n", webhook.url(path))
}
