//! One call's webhook step: the request that it makes, and what it sets in the end.

use std::sync::Arc;
use std::time::SystemTime;

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::{Hook, Outcome, RequestFault, Timeout};
use crate::call::{Call, Report, SwitchKind};
use crate::variable::{Accept, Assignment, Value, VariableName};

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
    /// Which variable receives the answer.
    pub(super) variable: Option<VariableName>,
    /// What it receives when there is no good answer.
    pub(super) otherwise: Value,
    pub(super) plan: Result<Plan, RequestFault>,
}

#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) hook: Arc<Hook>,
    pub(super) timeout: Timeout,
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
    /// `GET` or `POST`.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// All headers but those of the connection itself.
    pub headers: HeaderMap,
    /// The body; none with `GET`.
    pub body: Option<Vec<u8>>,
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
        Self { name: name.to_owned(), switch, variable, otherwise: Value::default(), plan: Err(fault) }
    }

    /// How long the caller may wait for the webhook, or why it is not asked at all.
    ///
    /// # Errors
    /// The fault that the call or its hook made.
    pub fn timeout(&self) -> Result<Timeout, RequestFault> {
        self.plan.as_ref().map(|plan| plan.timeout).map_err(|fault| *fault)
    }

    /// Scheme, host and port of the webhook, for the log; its path and query may hold secrets.
    #[must_use]
    pub fn asks(&self) -> Option<&str> {
        self.plan.as_ref().ok().map(|plan| plan.hook.url.origin())
    }

    /// The channel variables that the request needs.
    #[must_use]
    pub fn wanted(&self) -> Vec<VariableName> {
        self.plan.as_ref().map(|plan| plan.hook.wanted()).unwrap_or_default()
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
        let hook = &self.plan.as_ref().map_err(|fault| *fault)?.hook;
        let report = Report { call, company, now, fetched: &hook.fetch };
        let url = hook.url.render(&report)?;
        let mut headers = HeaderMap::with_capacity(4 + hook.headers.len());
        headers.insert(USER_AGENT, HeaderValue::from_static(OWN_NAME));
        headers.insert(WEBHOOK_ID, ascii(&identity.webhook_id));
        headers.insert(TRACEPARENT, ascii(&identity.traceparent));
        let body = (hook.method == Method::POST).then(|| json(&report));
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.extend(hook.headers.clone());
        Ok(Request { method: hook.method.clone(), url, headers, body })
    }

    /// What an answer means.
    #[must_use]
    pub fn judge(&self, code: u16, body: &[u8]) -> Outcome {
        match &self.plan {
            Ok(_) if !(200..300).contains(&code) => Outcome::HttpError { code },
            Ok(plan) => plan.hook.judge(code, body, self.variable.is_some()),
            Err(fault) => Outcome::BadRequest(*fault),
        }
    }

    /// Whether the answer may be as the switch can carry it, or must be harmless.
    #[must_use]
    pub fn accept(&self) -> Accept {
        self.plan.as_ref().map(|plan| plan.hook.accept).unwrap_or_default()
    }

    /// What is to be set on the channel, in this order.
    #[must_use]
    pub fn assignments(&self, outcome: &Outcome) -> Vec<Assignment> {
        let answer = outcome.answer().unwrap_or(&self.otherwise);
        let answered =
            self.variable.iter().map(|name| Assignment { name: name.clone(), value: answer.clone() });
        let code = outcome.code().map(|code| code.to_string()).unwrap_or_default();
        let report = [code, outcome.to_string(), outcome.status().as_str().to_owned()];
        let names = REPORT_NAMES.map(|name| match self.switch {
            SwitchKind::Asterisk => name.to_owned(),
            // it compares names without regard to case, and shows them in small letters
            SwitchKind::FreeSwitch => name.to_ascii_lowercase(),
        });
        let names = names.into_iter().filter_map(|name| name.parse().ok());
        let reported = names.zip(report).map(|(name, text)| Assignment { name, value: Value::from(text) });
        answered.chain(reported).collect()
    }
}

/// What every request says of its sender.
const OWN_NAME: &str = concat!("dialhook/", env!("CARGO_PKG_VERSION"));
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

#[expect(clippy::expect_used, reason = "an identity is hexadecimal digits and hyphens")]
fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("made of visible ASCII")
}

#[expect(clippy::expect_used, reason = "a map of strings to strings always serialises")]
fn json(report: &Report<'_>) -> Vec<u8> {
    serde_json::to_vec(report).expect("only strings")
}

#[cfg(test)]
mod tests;
