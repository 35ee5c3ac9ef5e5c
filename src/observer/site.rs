//! The answers to all requests: the walls first, then the path.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{Method, Request};
use http_body_util::Limited;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tower_service::Service;
use tracing::debug;

use super::connection::{Connection, TIMEOUT};
use super::write_timeout::WriteTimeout;
use super::{ObserverState, walls};

/// Bytes of the head of a request, and so of its path and query. A browser sends all cookies of the machine's
/// other servers along, because cookies do not know ports.
const MAX_HEAD: usize = 16 * 1024;

/// Bytes of the body of a request.
const MAX_BODY: usize = 64 * 1024;

/// The answers to all requests.
#[derive(Debug)]
pub(super) struct Site {
    state: Arc<ObserverState>,
    router: Router,
    /// The turn to make a page.
    turns: Semaphore,
}

impl Site {
    pub(super) fn new(state: Arc<ObserverState>) -> Self {
        Self { router: super::router(Arc::clone(&state)), state, turns: Semaphore::new(1) }
    }

    /// Answers one request.
    pub(super) async fn answer(&self, mut request: Request<Body>, connection: &Arc<Connection>) -> Response {
        connection.answers_within(TIMEOUT);
        request.extensions_mut().insert(Arc::clone(connection));
        let mut response = match walls::admit(&self.state, connection, &request) {
            Ok(()) => self.routed(request).await,
            Err(refusal) => *refusal,
        };
        walls::harden(&mut response);
        response
    }
}

impl Site {
    /// Answers an admitted request. One page is made at a time, so that health and metrics, which take
    /// no turn, wait for one page at most.
    async fn routed(&self, request: Request<Body>) -> Response {
        let is_page = request.method() == Method::GET && !walls::is_open(request.uri().path());
        // the semaphore is never closed
        let _turn = if is_page { self.turns.acquire().await.ok() } else { None };
        self.router.clone().call(request).await.unwrap_or_else(|never| match never {})
    }
}

/// Answers one request and closes the connection, so that an idle peer keeps no connection from others.
pub(super) async fn serve<S>(stream: S, site: Arc<Site>, connection: Arc<Connection>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (site, connection) = (Arc::clone(&site), Arc::clone(&connection));
        async move {
            let request = request.map(|body| Body::new(Limited::new(body, MAX_BODY)));
            Ok::<_, Infallible>(site.answer(request, &connection).await)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(WriteTimeout::new(stream, TIMEOUT)), service);
    tokio::select! {
        served = served => if let Err(error) = served {
            debug!("observer: the connection ended early: {error}");
        },
        () = connection.expired() => debug!("observer: the connection was closed after its time limit"),
    }
}
