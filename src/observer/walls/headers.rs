//! The headers of every answer, which forbid a browser what the pages do not need.

use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue};

/// Allows only the daemon's own files. Even if a stranger's text became HTML, it could load, run and send
/// nothing.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // with `no-referrer` a browser sends `Origin: null` with our own forms, which the cross-site wall refuses
    (REFERRER_POLICY, "same-origin"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

/// Sets the headers.
pub(in crate::observer) fn harden(response: &mut Response) {
    for (name, value) in HEADERS {
        // a file that does not change says itself how long it may be kept
        let is_said = name == CACHE_CONTROL && response.headers().contains_key(CACHE_CONTROL);
        if !is_said {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
}
