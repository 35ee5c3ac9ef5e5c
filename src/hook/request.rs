//! The parts of a request that a call fills in: URL, headers, body, signature.

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

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ring::digest;
use url::Url;

use self::http_url::redacted;
use super::Hook;
use crate::tls::Tls;

/// What a request to a webhook is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `webhook-id`: the same over retries.
    pub webhook_id: String,
    /// `traceparent`, as W3C Trace Context writes it.
    pub traceparent: String,
}

impl Identity {
    /// The trace, as those who collect traces look it up.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.traceparent.split('-').nth(1).unwrap_or_default()
    }
}

/// One HTTP request, ready to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The hook that it is for, which says how it is to be made.
    pub hook: Arc<Hook>,
    /// `GET` or `POST`.
    pub method: Method,
    /// Where to: the first that answers is taken.
    pub targets: Vec<Target>,
    /// All headers but those of the connection itself.
    pub headers: HeaderMap,
    /// The body; none with `GET`.
    pub body: Option<Bytes>,
}

/// One of the places where a webhook may be.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// The whole URL.
    pub url: Url,
    /// The same for every call: the URL as it is written, without its query.
    pub endpoint: Arc<str>,
}

/// The URL without the secrets in it.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&redacted(&self.url)).finish()
    }
}

impl Request {
    /// What is the same for two requests that ask the same, whoever calls: without what they are known by.
    #[must_use]
    pub fn fingerprint(&self, hook: &str) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut add = |part: &[u8]| {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        };
        add(hook.as_bytes());
        // an answer of somebody who would not be believed any more must not outlive a reload
        add(self.hook.delivery.tls.as_deref().map(Tls::fingerprint).unwrap_or_default());
        let redirects = &self.hook.delivery.redirects;
        add(&[redirects.most]);
        redirects.hosts.iter().for_each(|host| add(host.as_bytes()));
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

/// What every request says of its sender.
pub(super) const OWN_NAME: &str = concat!("dialhook/", env!("CARGO_PKG_VERSION"));
pub(super) const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
pub(super) const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
pub(super) const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

#[expect(clippy::expect_used, reason = "an identity is hexadecimal digits and hyphens, a signature Base64")]
pub(super) fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("made of visible ASCII")
}
