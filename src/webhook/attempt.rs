//! One request, from its connection to the last byte of its answer, through the redirects that the hook follows.

use std::sync::Arc;

use http::{HeaderMap, Method};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::client::stage::StageTracker;
use super::client::{Pool, dns, failure};
use super::endpoint::Progress;
use super::redirect::{redirected_headers, redirected_method};
use super::time_slice::{AskContext, TimeSlice};
use super::{ErrorPage, Shared};
use crate::hook::{Answer, AnswerFault, Awaited, Outcome, RedirectFault, Target, Unreachable};

/// An answer, whatever it says.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) answer: Answer,
    /// Why its redirect was not followed, where the hook follows some.
    pub(super) redirect: Option<RedirectFault>,
}

/// No answer, or none that may be read to its end.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) outcome: Outcome,
    progress: Progress,
    /// True if it was a kept connection that died before any byte of the answer came: a new one may be good.
    pub(super) on_reused_connection: bool,
}

impl Failure {
    /// One that came when an answer had begun, or may have.
    fn begun(outcome: Outcome) -> Self {
        Self { outcome, progress: Progress::AnswerBegun, on_reused_connection: false }
    }

    /// Whether the same request may be sent again.
    pub(super) fn may_be_retried(&self, method: &Method, idempotent: bool) -> bool {
        match self.outcome {
            Outcome::Unreachable(why) => self.progress.allows_retry(why, method, idempotent),
            _ => false,
        }
    }
}

/// What is sent next: the request itself, then what redirects make of it.
struct HttpRequest {
    method: Method,
    url: Url,
    /// By which it is remembered whether its connections are trusted.
    endpoint: Arc<str>,
    headers: HeaderMap,
    with_body: bool,
    followed: u8,
}

/// Makes the request, until a moment at the latest.
pub(super) async fn made(
    shared: &Shared,
    ask: AskContext<'_>,
    target: &Target,
    slice: TimeSlice,
) -> Result<Received, Failure> {
    let request = ask.request;
    let mut next = HttpRequest {
        method: request.method.clone(),
        url: target.url.clone(),
        endpoint: Arc::clone(&target.place),
        headers: request.headers.clone(),
        with_body: request.body.is_some(),
        followed: 0,
    };
    loop {
        let response = next.sent(shared, ask, slice).await?;
        let (code, headers) = (response.status().as_u16(), response.headers().clone());
        let redirects = &ask.hook.manner.redirects;
        match redirects.target(code, &headers, &next.url, next.followed) {
            Ok(Some(url)) => next = next.redirected(code, url),
            redirect => {
                let body = whole(response, ask, slice).await?;
                return Ok(Received { answer: Answer { code, headers, body }, redirect: redirect.err() });
            }
        }
    }
}

impl HttpRequest {
    fn redirected(self, code: u16, url: Url) -> Self {
        let method = redirected_method(code, &self.method);
        let with_body = self.with_body && method == Method::POST;
        let headers = redirected_headers(&self.headers, with_body);
        let elsewhere = url.origin() != self.url.origin();
        let endpoint = if elsewhere { url.origin().ascii_serialization().into() } else { self.endpoint };
        Self { method, url, endpoint, headers, with_body, followed: self.followed + 1 }
    }

    /// Sends it and waits for the head of the answer.
    async fn sent(
        &self,
        shared: &Shared,
        ask: AskContext<'_>,
        slice: TimeSlice,
    ) -> Result<reqwest::Response, Failure> {
        let Shared { pools, endpoints, metrics, .. } = shared;
        let now = Instant::now().into_std();
        let is_quarantined = endpoints.is_quarantined(&self.endpoint, now);
        let kept = ask.hook.manner.keep_alive && endpoints.reuses_connections(&self.endpoint, now);
        let pool = match (kept, is_quarantined) {
            (false, _) => Pool::SingleUse,
            (true, true) => Pool::Quarantine,
            (true, false) => Pool::Trusted,
        };
        let tracker = StageTracker::new();
        let sending = tracker.of(self.send(shared, ask, slice, pool));
        let failure =
            match timeout_at(slice.deadline, pools.quarantine.enter_if(is_quarantined, sending)).await {
                Ok(Ok(response)) => {
                    if tracker.reused() {
                        metrics.connection_reused();
                    } else {
                        metrics.connection_made();
                    }
                    if self.followed > 0 {
                        endpoints.trust(&self.endpoint);
                    }
                    return Ok(response);
                }
                Ok(Err(error)) => self.failed(&error, tracker.reused()),
                Err(_elapsed) => Failure::begun(slice.timed_out(tracker.stage())),
            };
        let now = Instant::now().into_std();
        if failure.on_reused_connection {
            endpoints.closed_reused_connection(&self.endpoint, &ask.step.name, now);
        } else if self.followed > 0 && failure.outcome.is_silence() {
            endpoints.quarantine(&self.endpoint, now);
        }
        Err(failure)
    }

    async fn send(
        &self,
        shared: &Shared,
        ask: AskContext<'_>,
        slice: TimeSlice,
        pool: Pool,
    ) -> reqwest::Result<reqwest::Response> {
        let tls = ask.hook.manner.tls.as_deref();
        let has_identity = tls.filter(|tls| self.followed > 0 && tls.identity().is_some());
        let anonymous = has_identity.map(|tls| tls.anonymous());
        let client = shared.pools.client(anonymous.as_ref().or(tls), slice.connect_timeout, pool)?;
        let mut sent = client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        if let Some(body) = ask.request.body.clone().filter(|_| self.with_body) {
            sent = sent.body(body);
        }
        dns::with_port(self.url.port_or_known_default(), sent.send()).await
    }

    fn failed(&self, error: &reqwest::Error, reused: bool) -> Failure {
        let outcome = unreachable(error);
        let progress = match error.is_connect() {
            _ if self.followed > 0 => Progress::AnswerBegun,
            true => Progress::NotConnected,
            false => Progress::Sent { reused },
        };
        let on_reused_connection = reused && outcome == Outcome::Unreachable(Unreachable::Closed);
        Failure { outcome, progress, on_reused_connection }
    }
}

/// The body of an answer; of an error page as much as comes, where somebody wants to read it.
async fn whole(
    response: reqwest::Response,
    ask: AskContext<'_>,
    slice: TimeSlice,
) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let (until, longest) = (slice.deadline, ask.hook.longest_answer);
    if response.status().is_success() {
        let late = |_elapsed| Err(Failure::begun(slice.timed_out(Awaited::Body)));
        timeout_at(until, read(response, longest, &mut body)).await.unwrap_or_else(late)?;
    } else if ask.page == ErrorPage::Read {
        let _cut = timeout_at(until, read(response, longest, &mut body)).await;
    }
    Ok(body)
}

/// Reads an answer to its end, or to where it is too long.
async fn read(mut response: reqwest::Response, longest: usize, body: &mut Vec<u8>) -> Result<(), Failure> {
    let code = response.status().as_u16();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::begun(unreachable(&error)))? {
        if body.len() + chunk.len() > longest {
            let fault = AnswerFault::TooLong;
            return Err(Failure::begun(Outcome::BadAnswer { code, fault, variable: None }));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(())
}

fn unreachable(error: &reqwest::Error) -> Outcome {
    let why: Unreachable = failure::cause(error);
    tracing::debug!(cause = failure::chain(error), "{why}");
    Outcome::Unreachable(why)
}
