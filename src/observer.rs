//! Metrics, health and pages over HTTP, on a listener and a thread of their own.
//!
//! Reads what the daemon knows; does not take part in a call. A page that takes long to make, or a browser
//! that reads slowly, delays no call.

mod api;
mod connection;
mod docs;
mod event_stream;
mod health;
pub mod pages;
mod plain;
mod query;
mod rehearsals;
mod reports;
mod routes;
mod server;
mod site;
mod thread;
mod walls;
mod write_timeout;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub use self::event_stream::EventStream;
use self::event_stream::MAX_STREAMS;
use self::pages::Message;
use self::plain::plain;
pub use self::server::{MAX_CONNECTIONS, Observer};
pub use self::thread::ObserverThread;
use crate::config::Config;
use crate::daemon::Daemon;
use crate::log::{RateLimited, lost_lines};
use crate::metrics;

/// The state from which the observer makes its answers.
#[derive(Debug)]
pub struct ObserverState {
    /// The configuration in use.
    pub config: watch::Receiver<Arc<Config>>,
    pub daemon: Arc<Daemon>,
    pub readiness: Readiness,
    /// The runtime of the calls, which health asks for a small task.
    pub calls: Handle,
    /// The address of the listener. Its port is the real one.
    pub address: SocketAddr,
    /// The places of event streams.
    streams: Arc<Semaphore>,
    /// The places of the requests that pages make.
    tries: Semaphore,
    /// The log line about a wrong token, which anybody who connects can cause.
    wrong_tokens: RateLimited,
}

/// The readiness of the daemon for new calls, which ends when the daemon begins to stop.
#[derive(Debug, Clone, Default)]
pub struct Readiness(CancellationToken);

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

impl ObserverState {
    /// Returns the state of an observer with this address. `calls` is the runtime of the calls.
    #[must_use]
    pub fn new(
        config: watch::Receiver<Arc<Config>>,
        daemon: Arc<Daemon>,
        readiness: Readiness,
        calls: Handle,
        address: SocketAddr,
    ) -> Self {
        let streams = Arc::new(Semaphore::new(MAX_STREAMS));
        let wrong_tokens = RateLimited::default();
        let tries = Semaphore::new(rehearsals::MOST_AT_ONCE);
        Self { config, daemon, readiness, calls, address, streams, tries, wrong_tokens }
    }

    /// True if the configuration allows requests to webhooks from the pages.
    fn allows_try(&self) -> bool {
        self.config().observer.allows_try
    }

    /// Returns the configuration in use.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }
}

/// Every path of the observer.
fn router(state: Arc<ObserverState>) -> Router {
    Router::new()
        .route("/metrics", get(show_metrics))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .merge(api::router())
        .merge(rehearsals::router())
        .merge(docs::router())
        .merge(routes::router())
        .fallback(not_found)
        .with_state(state)
}

async fn show_metrics(State(state): State<Arc<ObserverState>>) -> Response {
    let metrics = &state.daemon.metrics;
    metrics.set_draining(state.readiness.is_draining());
    metrics.set_log_lines_lost(lost_lines());
    let (records, bytes) = state.daemon.history.size();
    metrics.set_history(records, bytes);
    let mut answer = plain(StatusCode::OK, metrics.render());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
    answer
}

async fn not_found(State(state): State<Arc<ObserverState>>, headers: HeaderMap) -> Response {
    // a browser says that it wants a page
    if headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/html")) {
        let page = pages::message(Message::NotFound, state.allows_try());
        return (StatusCode::NOT_FOUND, Html(page)).into_response();
    }
    plain(
        StatusCode::NOT_FOUND,
        "not found: the observer of dialhook serves its pages at /, and /metrics, /health/live and /health/ready; \
         calls go to the other listeners\n",
    )
}

#[cfg(test)]
mod tests;
