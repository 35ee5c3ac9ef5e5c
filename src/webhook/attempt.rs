//! One attempt: from its connection to the last byte of its answer, through the redirects that the hook
//! follows.

use std::sync::Arc;

use http::{HeaderMap, Method};
use reqwest::tls::TlsInfo;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::client::stage::StageTracker;
use super::client::{Pool, dns, failure};
use super::endpoint::ConnectionRules;
use super::endpoint::registry::Endpoints;
use super::redirect::{self, redirected_headers, redirected_method};
use super::retry::{Failure, Progress};
use super::time_slice::TimeSlice;
use super::{Ask, ErrorPage, Shared};
use crate::hook::{Answer, AnswerFault, Outcome, RedirectFault, Stage, Target, Unreachable};

/// An answer, whatever it says.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) answer: Answer,
    /// The reason why its redirect was not followed, if the hook follows some.
    pub(super) redirect: Option<RedirectFault>,
}

/// One HTTP request: the first one of the attempt, or one that follows a redirect.
struct HttpRequest {
    method: Method,
    url: Url,
    /// The key for the connection rules: the endpoint, or the origin that a redirect leads to.
    endpoint: Arc<str>,
    headers: HeaderMap,
    with_body: bool,
    /// The number of redirects before this request.
    followed: u8,
}

/// Makes the attempt, until the end of its time slice.
pub(super) async fn make(
    shared: &Shared,
    ask: Ask<'_>,
    target: &Target,
    slice: TimeSlice,
) -> Result<Received, Failure> {
    let mut request = HttpRequest {
        method: ask.request.method.clone(),
        url: target.url.clone(),
        endpoint: Arc::clone(&target.endpoint),
        headers: ask.request.headers.clone(),
        with_body: ask.request.body.is_some(),
        followed: 0,
    };
    loop {
        let response = request.send(shared, ask, slice).await?;
        let (code, headers) = (response.status().as_u16(), response.headers().clone());
        let redirects = &ask.hook().delivery.redirects;
        match redirect::target(redirects, code, &headers, &request.url, request.followed) {
            Ok(Some(url)) => {
                ask.attempts.redirected(code, &url);
                request = request.redirected(code, url);
            }
            not_followed => {
                let body = read_body(response, ask, slice).await?;
                let redirect = not_followed.err();
                return Ok(Received { answer: Answer { code, headers, body }, redirect });
            }
        }
    }
}

impl HttpRequest {
    /// Returns the request that follows a redirect to this URL.
    fn redirected(self, code: u16, url: Url) -> Self {
        let method = redirected_method(code, &self.method);
        let with_body = self.with_body && method == Method::POST;
        let headers = redirected_headers(&self.headers, with_body);
        let is_elsewhere = url.origin() != self.url.origin();
        let endpoint = if is_elsewhere { url.origin().ascii_serialization().into() } else { self.endpoint };
        Self { method, url, endpoint, headers, with_body, followed: self.followed + 1 }
    }

    /// Sends the request and waits for the head of the answer. Notes what this shows about the endpoint's
    /// connections.
    async fn send(
        &self,
        shared: &Shared,
        ask: Ask<'_>,
        slice: TimeSlice,
    ) -> Result<reqwest::Response, Failure> {
        let Shared { pools, endpoints, metrics, .. } = shared;
        let began = Instant::now();
        let ConnectionRules { is_quarantined, may_reuse } =
            endpoints.connection_rules(&self.endpoint, began.into_std());
        let pool = match (ask.hook().delivery.keep_alive && may_reuse, is_quarantined) {
            (false, _) => Pool::SingleUse,
            (true, true) => Pool::Quarantine,
            (true, false) => Pool::Trusted,
        };
        let tracker = StageTracker::new(began);
        ask.attempts.sending(&tracker, is_quarantined);
        let sending = tracker.track(self.send_from(shared, ask, slice, pool));
        let sending = pools.quarantine.enter_if(is_quarantined, sending);
        let failure = match timeout_at(slice.deadline, sending).await {
            Ok(Ok(response)) => {
                if tracker.answer_began(Instant::now()) {
                    metrics.connection_reused();
                } else {
                    metrics.connection_made();
                    self.note_certificate(endpoints, &response);
                }
                if self.followed > 0 {
                    endpoints.trust(&self.endpoint);
                }
                return Ok(response);
            }
            Ok(Err(error)) => {
                if error.is_builder() {
                    tracker.never_connected();
                }
                self.failure(&error, tracker.is_reused())
            }
            Err(_elapsed) => Failure::after_answer_began(slice.timed_out(tracker.stage())),
        };
        if failure.on_reused_connection {
            endpoints.closed_reused_connection(&self.endpoint, ask.hook_name(), now());
        } else if self.followed > 0 && failure.outcome.is_unanswered() {
            endpoints.was_silent(&self.endpoint, now());
        }
        Err(failure)
    }

    async fn send_from(
        &self,
        shared: &Shared,
        ask: Ask<'_>,
        slice: TimeSlice,
        pool: Pool,
    ) -> reqwest::Result<reqwest::Response> {
        let tls = ask.hook().delivery.tls.as_deref();
        // the client certificate is for the configured endpoint only
        let with_certificate = tls.filter(|tls| self.followed > 0 && tls.client_certificate().is_some());
        let anonymous = with_certificate.map(|tls| tls.without_client_certificate());
        let client = shared.pools.client(anonymous.as_ref().or(tls), slice.connect_timeout, pool)?;
        let mut request = client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        if let Some(body) = ask.request.body.clone().filter(|_| self.with_body) {
            request = request.body(body);
        }
        dns::with_port(self.url.port_or_known_default(), request.send()).await
    }

    /// Notes the certificate that the configured endpoint showed on a new connection.
    fn note_certificate(&self, endpoints: &Endpoints, response: &reqwest::Response) {
        if self.followed > 0 {
            return;
        }
        let shown = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
        if let Some(certificate) = shown {
            endpoints.showed_certificate(&self.endpoint, certificate);
        }
    }

    fn failure(&self, error: &reqwest::Error, reused: bool) -> Failure {
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

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Reads the body of an answer. The body of an answer other than 2xx is read only for a person, as much of it
/// as comes in time.
async fn read_body(response: reqwest::Response, ask: Ask<'_>, slice: TimeSlice) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let longest = ask.hook().longest_answer;
    if response.status().is_success() {
        let late = |_elapsed| Err(Failure::after_answer_began(slice.timed_out(Stage::Body)));
        timeout_at(slice.deadline, read(response, longest, &mut body)).await.unwrap_or_else(late)?;
    } else if ask.page == ErrorPage::Read {
        let _cut = timeout_at(slice.deadline, read(response, longest, &mut body)).await;
    }
    Ok(body)
}

/// Reads an answer to its end, or until it is too long.
async fn read(mut response: reqwest::Response, longest: usize, body: &mut Vec<u8>) -> Result<(), Failure> {
    let code = response.status().as_u16();
    loop {
        let chunk =
            response.chunk().await.map_err(|error| Failure::after_answer_began(unreachable(&error)))?;
        let Some(chunk) = chunk else { return Ok(()) };
        if body.len() + chunk.len() > longest {
            let fault = AnswerFault::TooLong;
            return Err(Failure::after_answer_began(Outcome::BadAnswer {
                code,
                fault,
                variable: None,
                place: None,
            }));
        }
        body.extend_from_slice(&chunk);
    }
}

fn unreachable(error: &reqwest::Error) -> Outcome {
    let why: Unreachable = failure::cause(error);
    tracing::debug!(cause = failure::chain(error), "{why}");
    Outcome::Unreachable(why)
}
