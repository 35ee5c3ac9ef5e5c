//! One call's webhook step: the request that it makes, and what it sets in the end.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ring::digest;
use url::Url;

use super::{Answer, Hook, Outcome, RequestFault, Timeout, shown};
use crate::call::{Call, RequestContext, SwitchKind};
use crate::tls::Tls;
use crate::variable::{Assignment, FetchName, Value, VariableName};

/// The variables that report on a step, `WEBHOOK_STATUS` the last: when it is there, all others are.
pub const REPORT_NAMES: [&str; 3] = ["WEBHOOK_CODE", "WEBHOOK_REASON", "WEBHOOK_STATUS"];

/// Whether a name is one of [`REPORT_NAMES`], on a switch that tells case or on one that does not.
#[must_use]
pub fn reserved(name: &VariableName) -> bool {
    REPORT_NAMES.iter().any(|own| name.bare().eq_ignore_ascii_case(own))
}

/// One call's webhook step: what it does, or why nothing can be done, and what it sets in either case.
#[derive(Debug, Clone)]
pub struct Step {
    /// The hook's name as the address has it; for the log.
    pub name: String,
    /// Which switch will hear of it.
    pub(super) switch: SwitchKind,
    /// Which variable receives the answer's text.
    pub(super) variable: Option<VariableName>,
    /// The hook, as far as one is known.
    pub(super) hook: Option<Arc<Hook>>,
    /// How long the caller may wait, or why the webhook is not asked.
    pub(super) plan: Result<Timeout, RequestFault>,
}

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
    pub place: Arc<str>,
}

/// The URL without the secrets in it.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&shown(&self.url)).finish()
    }
}

impl Step {
    /// A step of which only the variable to be cleared is known.
    pub(super) fn refused(
        name: &str,
        switch: SwitchKind,
        variable: Option<VariableName>,
        fault: RequestFault,
    ) -> Self {
        let variable = variable.filter(|name| !reserved(name));
        Self { name: name.to_owned(), switch, variable, hook: None, plan: Err(fault) }
    }

    /// How long the caller may wait for the webhook, or why it is not asked at all.
    ///
    /// # Errors
    /// The fault that the call or its hook made.
    pub fn timeout(&self) -> Result<Timeout, RequestFault> {
        self.plan
    }

    /// The hook, if it is to be asked.
    fn planned(&self) -> Option<&Arc<Hook>> {
        self.hook.as_ref().filter(|_| self.plan.is_ok())
    }

    /// Scheme, host and port of the webhook, for the log; its path and query may hold secrets.
    #[must_use]
    pub fn asks(&self) -> Option<&str> {
        self.planned()?.urls.first().map(|url| url.origin())
    }

    /// The name of the hook, if it believes any certificate.
    #[must_use]
    pub fn insecure(&self) -> Option<&str> {
        self.planned().filter(|hook| hook.is_insecure()).map(|_| self.name.as_str())
    }

    /// Whether the dialplan goes on without waiting for the answer.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        self.planned().is_some_and(|hook| hook.manner.detach)
    }

    /// The channel variables that the request needs.
    #[must_use]
    pub fn wanted(&self) -> Vec<FetchName> {
        self.planned().map(|hook| hook.wanted()).unwrap_or_default()
    }

    /// The request for this call.
    ///
    /// # Errors
    /// When the call's data cannot be put into the hook's URL.
    pub fn request(
        &self,
        call: &Call,
        company: &str,
        now: SystemTime,
        identity: &Identity,
    ) -> Result<Request, RequestFault> {
        self.plan?;
        let hook = self.hook.as_ref().ok_or(RequestFault::NoSuchHook)?;
        let report = RequestContext { call, company, now, fetched: &hook.fetch };
        let target = |url: &super::UrlTemplate| {
            Ok(Target { url: url.render(&report)?, place: Arc::clone(url.place()) })
        };
        let targets = hook.urls.iter().map(target).collect::<Result<_, RequestFault>>()?;
        let body = (hook.method == Method::POST).then(|| Bytes::from(hook.body.render(&report)));
        let mut headers = HeaderMap::with_capacity(8 + hook.headers.fixed.len());
        headers.insert(USER_AGENT, HeaderValue::from_static(OWN_NAME));
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(hook.body.content_type()));
        }
        hook.headers.add_to(&mut headers, &report);
        headers.insert(WEBHOOK_ID, ascii(&identity.webhook_id));
        headers.insert(TRACEPARENT, ascii(&identity.traceparent));
        if let Some(signer) = &hook.sign {
            let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let signed = body.as_deref().unwrap_or_default();
            let signature = signer.sign(&identity.webhook_id, timestamp, signed);
            headers.insert(WEBHOOK_TIMESTAMP, timestamp.into());
            headers.insert(WEBHOOK_SIGNATURE, ascii(&signature));
        }
        Ok(Request { hook: Arc::clone(hook), method: hook.method.clone(), targets, headers, body })
    }

    /// What an answer means.
    #[must_use]
    pub fn judge(&self, answer: &Answer) -> Outcome {
        match (&self.hook, self.plan) {
            (_, Err(fault)) => Outcome::BadRequest(fault),
            (None, Ok(_)) => Outcome::BadRequest(RequestFault::NoSuchHook),
            (Some(hook), Ok(_)) if (200..300).contains(&answer.code) => {
                hook.judge(answer, self.variable.as_ref())
            }
            (Some(_), Ok(_)) => Outcome::HttpError { code: answer.code, redirect: None },
        }
    }

    /// Whether this channel variable receives the answer's text as a whole.
    #[must_use]
    pub fn receives_text(&self, name: &VariableName) -> bool {
        self.variable.as_ref() == Some(name)
    }

    /// What is to be set on the channel, in this order.
    #[must_use]
    pub fn assignments(&self, outcome: &Outcome) -> Vec<Assignment> {
        let mut assignments = outcome.set().map_or_else(|| self.otherwise(), <[_]>::to_vec);
        let code = outcome.code().map(|code| code.to_string()).unwrap_or_default();
        let report = [code, outcome.to_string(), outcome.status().as_str().to_owned()];
        let names = REPORT_NAMES.map(|name| match self.switch {
            SwitchKind::Asterisk => name.to_owned(),
            // it compares names without regard to case, and shows them in small letters
            SwitchKind::FreeSwitch => name.to_ascii_lowercase(),
        });
        let names = names.into_iter().filter_map(|name| name.parse().ok());
        assignments.extend(names.zip(report).map(|(name, text)| Assignment::own(name, Value::from(text))));
        assignments
    }

    /// What the hook's variables hold when there is no good answer.
    fn otherwise(&self) -> Vec<Assignment> {
        let hook = self.hook.as_deref();
        let value = || hook.map(|hook| hook.otherwise.clone()).unwrap_or_default();
        let text = self.variable.iter().map(|name| Assignment::own(name.clone(), value()));
        let part = |hook: &Hook| hook.set.iter().map(|part| hook.otherwise(part)).collect::<Vec<_>>();
        text.chain(hook.map(part).unwrap_or_default()).collect()
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
        add(self.hook.manner.tls.as_deref().map(Tls::fingerprint).unwrap_or_default());
        let redirects = &self.hook.manner.redirects;
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
const OWN_NAME: &str = concat!("dialhook/", env!("CARGO_PKG_VERSION"));
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

#[expect(clippy::expect_used, reason = "an identity is hexadecimal digits and hyphens, a signature Base64")]
fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("made of visible ASCII")
}

#[cfg(test)]
mod tests;
