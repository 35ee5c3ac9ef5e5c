//! The places of server-sent event streams. A stream lives as long as its reader, so their number is limited.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use tokio::sync::OwnedSemaphorePermit;

use super::ObserverState;
use super::connection::Connection;
use super::plain::plain;

/// The place of one server-sent event stream, as an argument of its handler. The stream keeps it to its end.
/// Without a free place the request is answered with 503, and the handler does not run.
#[derive(Debug)]
pub struct EventStream {
    _place: OwnedSemaphorePermit,
}

/// The highest number of streams at once.
pub(super) const MAX_STREAMS: usize = 16;

impl FromRequestParts<Arc<ObserverState>> for EventStream {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<ObserverState>) -> Result<Self, Response> {
        let State(state) = State::<Arc<ObserverState>>::from_request_parts(parts, state)
            .await
            .unwrap_or_else(|never| match never {});
        let Ok(place) = Arc::clone(&state.streams).try_acquire_owned() else {
            return Err(plain(StatusCode::SERVICE_UNAVAILABLE, FULL));
        };
        if let Some(connection) = parts.extensions.get::<Arc<Connection>>() {
            connection.becomes_a_stream();
        }
        Ok(Self { _place: place })
    }
}

const FULL: &str = "too many pages are open that update themselves; close one, or reload this page instead\n";
