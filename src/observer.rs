//! Metrics and health over HTTP, on a listener of their own.
//!
//! Knows three paths and nothing of calls. It shares the calls' one thread, so it is kept small: few connections, one
//! short answer on each, and an end to each whatever its peer does.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::config::Listen;
use crate::log::{RateLimited, lost_lines};
use crate::metrics::{self, Metrics, Refusal};

/// Says how the daemon is.
#[derive(Debug)]
pub struct Observer {
    listener: TcpListener,
    listen: watch::Receiver<Listen>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    connections: usize,
}

/// Whether calls are wanted: until the daemon is told to end.
#[derive(Debug, Clone, Default)]
pub struct Readiness(CancellationToken);

/// How many may ask at once. Whoever comes then takes the place of the one who has been there longest: a health check says
/// what it wants at once, and idlers must not keep it waiting.
pub const MAX_CONNECTIONS: usize = 64;

/// How long a peer may take for all of it: its request, and reading the answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long a full descriptor table is left alone.
const RETRY_DELAY: Duration = Duration::from_millis(50);

impl Readiness {
    /// Ready until `stop`.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        Self(stop)
    }

    /// Whether the daemon only finishes its calls.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.is_cancelled()
    }
}

impl Observer {
    /// Answers on this listener, to whom `listen` allows now.
    #[must_use]
    pub fn new(
        listener: TcpListener,
        listen: watch::Receiver<Listen>,
        metrics: Arc<Metrics>,
        readiness: Readiness,
    ) -> Self {
        Self { listener, listen, metrics, readiness, connections: MAX_CONNECTIONS }
    }

    /// The same with so many connections at once, where the system allows few open files.
    #[must_use]
    pub fn with_max_connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// Answers for ever; also while the daemon drains, which is when it is asked.
    pub async fn serve(self) {
        let (errors, refusals) = (RateLimited::default(), RateLimited::default());
        let mut connections = VecDeque::with_capacity(self.connections);
        loop {
            match self.listener.accept().await {
                Ok((_, peer)) if !self.listen.borrow().observer_allows(peer.ip()) => {
                    self.metrics.refused(Refusal::NotAllowed);
                    // as it is to be written into listen.allow
                    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                    refusals.warn(|unlogged| {
                        warn!(%peer, unlogged, "observer: connection refused: listen.allow does not name this peer");
                    });
                }
                Ok((stream, _)) => {
                    connections.retain(|connection: &AbortHandle| !connection.is_finished());
                    if connections.len() >= self.connections
                        && let Some(longest) = connections.pop_front()
                    {
                        longest.abort();
                    }
                    let answers = (Arc::clone(&self.metrics), self.readiness.clone());
                    connections.push_back(tokio::spawn(serve_connection(stream, answers)).abort_handle());
                    // who has said already what they want is answered before the next one comes in
                    yield_now().await;
                }
                Err(error) => {
                    self.metrics.accept_failed();
                    errors.warn(|unlogged| warn!(unlogged, "observer: cannot accept a connection: {error}"));
                    sleep(RETRY_DELAY).await;
                }
            }
        }
    }
}

/// One request on each connection: a peer that idles holds nobody's place.
async fn serve_connection<S>(stream: S, (metrics, readiness): (Arc<Metrics>, Readiness))
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), &metrics, &readiness);
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    match timeout(TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!("observer: the connection ended early: {error}"),
        Err(_elapsed) => debug!("observer: the peer took too long"),
    }
}

/// Bytes of a request's head: hyper's own least, and enough for what a browser sends.
const MAX_HEAD: usize = 8192;

fn answer(method: &Method, path: &str, metrics: &Metrics, readiness: &Readiness) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut refusal = response(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match path {
        "/metrics" => {
            metrics.set_draining(readiness.is_draining());
            metrics.set_log_lines_lost(lost_lines());
            let mut answer = response(StatusCode::OK, metrics.render());
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
            answer
        }
        "/health/live" => response(StatusCode::OK, "alive\n"),
        "/health/ready" if readiness.is_draining() => response(
            StatusCode::SERVICE_UNAVAILABLE,
            "draining: the daemon finishes its calls and ends; send it no more\n",
        ),
        "/health/ready" => response(StatusCode::OK, "ready\n"),
        _ => response(
            StatusCode::NOT_FOUND,
            "dialhook's observer answers /metrics, /health/live and /health/ready; calls come in elsewhere\n",
        ),
    }
}

fn response(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let headers: [(HeaderName, &'static str); 2] =
        [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    /// How long a connection lasts whose peer says this and no more, and reads nothing.
    async fn lasts(said: &[u8]) -> Duration {
        let (mut here, there) = duplex(64);
        let began = Instant::now();
        let end = tokio::spawn(serve_connection(there, (Arc::default(), Readiness::default())));
        here.write_all(said).await.unwrap();
        end.await.unwrap();
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_silent_or_never_reads_is_left_after_five_seconds() {
        for said in [&b""[..], b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: o\r\n\r\n"] {
            let lasted = lasts(said).await;
            assert!((TIMEOUT..TIMEOUT + Duration::from_millis(10)).contains(&lasted), "{lasted:?}");
        }
    }
}
