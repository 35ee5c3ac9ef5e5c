//! The parts of a request that a call fills in: URL, headers, body, signature.

pub(super) mod body;
pub(super) mod headers;
pub(super) mod signature;
pub(super) mod template;
pub(super) mod url;
