//! The walls before the pages: a request is admitted or refused before its path is looked up.
//!
//! Knows the heads of requests; does not know the answer of a path. A scraper and a load balancer send
//! neither names nor tokens, so `/metrics` and health are only behind the wall of methods.

mod cross_site;
mod headers;
mod host;
mod method;
mod token;

use axum::response::Response;
use http::Request;

pub(super) use self::headers::harden;
use super::ObserverState;
use super::connection::Connection;

/// Admits a request, or returns its refusal.
pub(super) fn admit<B>(
    state: &ObserverState,
    connection: &Connection,
    request: &Request<B>,
) -> Result<(), Box<Response>> {
    let settings = &state.config().observer;
    if is_open(request.uri().path()) {
        return method::admit_reading(request.method());
    }
    let host = host::admit(request, connection.local, settings)?;
    cross_site::admit(request.headers(), host)?;
    method::admit(request.method(), request.uri().path(), settings)?;
    token::admit(request.headers(), state, connection)
}

/// True for the paths that need neither a name nor a token. The path is compared as it was sent, and the
/// router does the same.
pub(super) fn is_open(path: &str) -> bool {
    matches!(path, "/metrics" | "/health/live" | "/health/ready")
}
