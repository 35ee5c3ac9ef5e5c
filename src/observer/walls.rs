//! The walls before the pages: a request is admitted or refused before its path is looked up.
//!
//! Knows heads of requests; does not know what a path answers.

mod method;

use axum::response::Response;
use http::Request;

use super::ObserverState;
use super::connection::Connection;

/// Admits a request, or returns its refusal.
pub(super) fn admit<B>(
    _state: &ObserverState,
    _connection: &Connection,
    request: &Request<B>,
) -> Result<(), Box<Response>> {
    method::admit(request.method())
}
