//! Metrics and health over HTTP, on a listener of their own.
//!
//! Knows three paths; does not know calls. It runs on the thread of the calls, so it does little: few
//! connections, one request on each, and a time limit for all of it.

pub mod pages;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
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

use crate::config::Config;
use crate::log::{RateLimited, lost_lines};
use crate::metrics::{self, Metrics, Refusal};

/// The HTTP server for metrics and health.
#[derive(Debug)]
pub struct Observer {
    listener: TcpListener,
    config: watch::Receiver<Arc<Config>>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    max_connections: usize,
}

/// The readiness of the daemon for new calls, which ends when the daemon begins to stop.
#[derive(Debug, Clone, Default)]
pub struct Readiness(CancellationToken);

/// The highest number of connections at once. One more closes the oldest connection: a health check sends its
/// request at once, and must not wait for connections that are idle.
pub const MAX_CONNECTIONS: usize = 64;

/// The time that a peer has to send its request and to read the answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The pause after a connection could not be accepted, which is mostly because no file descriptor is free.
const RETRY_DELAY: Duration = Duration::from_millis(50);

impl Readiness {
    /// Returns a readiness that ends when `stop` is cancelled.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        Self(stop)
    }

    /// True if the daemon only finishes its calls.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.is_cancelled()
    }
}

impl Observer {
    /// Returns a server on this listener for the peers that `listen` allows at the time of their connection.
    #[must_use]
    pub fn new(
        listener: TcpListener,
        config: watch::Receiver<Arc<Config>>,
        metrics: Arc<Metrics>,
        readiness: Readiness,
    ) -> Self {
        Self { listener, config, metrics, readiness, max_connections: MAX_CONNECTIONS }
    }

    /// Sets the highest number of connections, for a system that allows few open files.
    #[must_use]
    pub fn with_max_connections(self, max_connections: usize) -> Self {
        Self { max_connections, ..self }
    }

    /// Serves until it is dropped, also while the daemon drains: load balancers ask then.
    pub async fn serve(self) {
        let (errors, refusals) = (RateLimited::default(), RateLimited::default());
        let mut connections = VecDeque::with_capacity(self.max_connections);
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.metrics.accept_failed();
                    errors.warn(|unlogged| warn!(unlogged, "observer: cannot accept a connection: {error}"));
                    sleep(RETRY_DELAY).await;
                    continue;
                }
            };
            if !self.config.borrow().listen.observer_allows(peer.ip()) {
                self.refuse(peer, &refusals);
                continue;
            }
            self.make_room(&mut connections);
            let task =
                tokio::spawn(serve_connection(stream, Arc::clone(&self.metrics), self.readiness.clone()));
            connections.push_back(task.abort_handle());
            // a peer that has sent its request is answered before the next connection can close its own
            yield_now().await;
        }
    }

    fn refuse(&self, peer: SocketAddr, log: &RateLimited) {
        self.metrics.refused(Refusal::NotAllowed);
        // in the notation of listen.allow
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        log.warn(|unlogged| {
            warn!(%peer, unlogged, "observer: connection refused: listen.allow does not name this peer");
        });
    }

    /// Closes the oldest connection if there are too many.
    fn make_room(&self, connections: &mut VecDeque<AbortHandle>) {
        connections.retain(|connection| !connection.is_finished());
        if connections.len() >= self.max_connections
            && let Some(oldest) = connections.pop_front()
        {
            oldest.abort();
        }
    }
}

/// Answers one request and closes the connection, so that an idle peer keeps no connection from others.
async fn serve_connection<S>(stream: S, metrics: Arc<Metrics>, readiness: Readiness)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), &metrics, &readiness);
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!("observer: the connection ended early: {error}"),
        Err(_elapsed) => debug!("observer: the connection was closed after {TIMEOUT:?}"),
    }
}

/// Bytes of the head of a request: the smallest limit that hyper allows, and enough for a browser.
const MAX_HEAD: usize = 8192;

fn answer(method: &Method, path: &str, metrics: &Metrics, readiness: &Readiness) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut refusal =
            response(StatusCode::METHOD_NOT_ALLOWED, "this method is not allowed; use GET or HEAD\n");
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
            "draining: the daemon finishes its calls and then stops; send it no new calls\n",
        ),
        "/health/ready" => response(StatusCode::OK, "ready\n"),
        _ => response(
            StatusCode::NOT_FOUND,
            "not found: the observer of dialhook serves /metrics, /health/live and /health/ready; calls go to the \
             other listeners\n",
        ),
    }
}

fn response(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    /// Returns the duration of a connection whose peer sends this, and neither sends nor reads anything after
    /// it.
    async fn duration_after(sent: &[u8]) -> Duration {
        let (mut here, there) = duplex(64);
        let began = Instant::now();
        let end = tokio::spawn(serve_connection(there, Arc::default(), Readiness::default()));
        here.write_all(sent).await.unwrap();
        end.await.unwrap();
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_of_a_peer_that_is_silent_or_never_reads_is_closed_after_five_seconds() {
        for sent in [&b""[..], b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: o\r\n\r\n"] {
            let duration = duration_after(sent).await;
            assert!((TIMEOUT..TIMEOUT + Duration::from_millis(10)).contains(&duration), "{duration:?}");
        }
    }
}
