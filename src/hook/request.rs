//! The HTTP request of one call: URLs, headers, body and signature.
//!
//! Knows the hook and the call; does not know how a request is sent.

pub(super) mod body;
pub(super) mod fields;
pub(super) mod headers;
pub(super) mod http_url;
pub(super) mod json_template;
pub(super) mod signature;
pub(super) mod template;
pub(super) mod url_template;

use std::fmt;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ring::digest;
use url::Url;

use self::http_url::redacted;
use super::{Hook, RequestFault};
use crate::call::RequestContext;
use crate::tls::Tls;

/// One HTTP request, ready to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub hook: Arc<Hook>,
    /// `GET` or `POST`.
    pub method: Method,
    /// The endpoints, in the order in which they are tried. Never empty.
    pub targets: Vec<Target>,
    /// All headers except those of the connection itself.
    pub headers: HeaderMap,
    /// The body of a `POST`.
    pub body: Option<Bytes>,
}

/// The URL of a request at one endpoint.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// The whole URL, as this call fills it in.
    pub url: Url,
    /// The endpoint, which is the same for every call. See
    /// [`UrlTemplate::endpoint`](super::UrlTemplate::endpoint).
    pub endpoint: Arc<str>,
    /// True if a part of the URL looks like a secret.
    pub has_secret: bool,
}

/// Prints the URL without the secrets in it.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&redacted(&self.url)).finish()
    }
}

/// The identifiers of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The header `webhook-id`. A retry has the same.
    pub webhook_id: String,
    /// The header `traceparent` (W3C Trace Context).
    pub traceparent: String,
}

impl Identity {
    /// Returns the trace ID of `traceparent`.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.traceparent.split('-').nth(1).unwrap_or_default()
    }
}

impl Request {
    /// Makes the request of a hook for one call.
    ///
    /// # Errors
    /// Returns the fault if the data of the call do not fit into a URL.
    pub(super) fn new(
        hook: &Arc<Hook>,
        context: &RequestContext<'_>,
        identity: &Identity,
    ) -> Result<Self, RequestFault> {
        let mut targets = Vec::with_capacity(hook.urls.len());
        for url in &hook.urls {
            let (endpoint, has_secret) = (Arc::clone(url.endpoint()), url.has_secret());
            targets.push(Target { url: url.render(context)?, endpoint, has_secret });
        }
        let body = (hook.method == Method::POST).then(|| Bytes::from(hook.body.render(context)));
        let headers = headers(hook, context, identity, body.as_deref());
        Ok(Self { hook: Arc::clone(hook), method: hook.method.clone(), targets, headers, body })
    }

    /// Returns a digest that is equal for two requests of a hook that ask the same, whichever calls they are
    /// for.
    ///
    /// It leaves out the identity, the time and the signature of the request.
    #[must_use]
    pub fn fingerprint(&self, hook: &str) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut add = |part: &[u8]| {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        };
        add(hook.as_bytes());
        // after a reload with other trust settings, an answer of an endpoint that is no longer trusted must
        // not be used
        add(self.hook.delivery.tls.as_deref().map(Tls::fingerprint).unwrap_or_default());
        let redirects = &self.hook.delivery.redirects;
        add(&[redirects.most]);
        for host in &redirects.hosts {
            add(host.as_bytes());
        }
        add(b"");
        add(self.method.as_str().as_bytes());
        for target in &self.targets {
            add(target.url.as_str().as_bytes());
        }
        add(b"");
        for (name, value) in &self.headers {
            if ![WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE, TRACEPARENT].contains(name) {
                add(name.as_str().as_bytes());
                add(value.as_bytes());
            }
        }
        add(b"");
        add(self.body.as_deref().unwrap_or_default());
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.finish().as_ref());
        fingerprint
    }
}

fn headers(hook: &Hook, context: &RequestContext<'_>, identity: &Identity, body: Option<&[u8]>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8 + hook.headers.fixed.len());
    headers.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
    if body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(hook.body.content_type()));
    }
    hook.headers.add_to(&mut headers, context);
    headers.insert(WEBHOOK_ID, ascii(&identity.webhook_id));
    headers.insert(TRACEPARENT, ascii(&identity.traceparent));
    if let Some(signer) = &hook.sign {
        let timestamp = context.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let signature = signer.sign(&identity.webhook_id, timestamp, body.unwrap_or_default());
        headers.insert(WEBHOOK_TIMESTAMP, timestamp.into());
        headers.insert(WEBHOOK_SIGNATURE, ascii(&signature));
    }
    headers
}

/// The `User-Agent` of every request.
const PRODUCT: &str = concat!("dialhook/", env!("CARGO_PKG_VERSION"));
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

#[expect(
    clippy::expect_used,
    reason = "an identity is hexadecimal digits and hyphens, a signature is Base64"
)]
fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("made of visible ASCII")
}

#[cfg(test)]
mod tests;
