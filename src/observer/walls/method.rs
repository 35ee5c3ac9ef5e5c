//! The methods that are answered.

use axum::response::Response;
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};

use crate::observer::plain::plain;

pub(super) fn admit(method: &Method) -> Result<(), Box<Response>> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "this method is not allowed; use GET or HEAD\n");
    refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    Err(Box::new(refusal))
}
