//! One request, from its connection to the last byte of its answer, through the redirects that the hook follows.

use std::sync::Arc;

use http::{HeaderMap, Method};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::client::progress::Progress;
use super::client::{Pool, dns, failure};
use super::endpoint::Stage;
use super::redirect::{redirected_headers, redirected_method};
use super::time_slice::{Errand, OneTurn};
use super::{ErrorPage, Shared};
use crate::hook::{Answer, AnswerFault, Outcome, RedirectFault, Target, Unreachable};

/// An answer, whatever it says.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) answer: Answer,
    /// Why its redirect was not followed, where the hook follows some.
    pub(super) redirect: Option<RedirectFault>,
}

/// No answer, or none that may be read to its end.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) outcome: Outcome,
    stage: Stage,
    /// True if it was a kept connection that died before any byte of the answer came: a new one may be good.
    pub(super) of_a_kept_connection: bool,
}

impl Failure {
    /// One that came when an answer had begun, or may have.
    fn begun(outcome: Outcome) -> Self {
        Self { outcome, stage: Stage::Begun, of_a_kept_connection: false }
    }

    /// Whether the same request may be sent again.
    pub(super) fn may_be_repeated(&self, method: &Method, idempotent: bool) -> bool {
        match self.outcome {
            Outcome::Unreachable(why) => self.stage.allows_repetition(why, method, idempotent),
            _ => false,
        }
    }
}

/// What is sent next: the request itself, then what redirects make of it.
struct Hop {
    method: Method,
    url: Url,
    /// By which it is remembered whether its connections are trusted.
    place: Arc<str>,
    headers: HeaderMap,
    with_body: bool,
    followed: u8,
}

/// Makes the request, until a moment at the latest.
pub(super) async fn made(
    shared: &Shared,
    errand: Errand<'_>,
    target: &Target,
    turn: OneTurn,
) -> Result<Heard, Failure> {
    let request = errand.request;
    let mut hop = Hop {
        method: request.method.clone(),
        url: target.url.clone(),
        place: Arc::clone(&target.endpoint),
        headers: request.headers.clone(),
        with_body: request.body.is_some(),
        followed: 0,
    };
    loop {
        let response = hop.sent(shared, errand, turn).await?;
        let (code, headers) = (response.status().as_u16(), response.headers().clone());
        let redirects = &errand.hook.delivery.redirects;
        match redirects.target(code, &headers, &hop.url, hop.followed) {
            Ok(Some(url)) => hop = hop.redirected(code, url),
            redirect => {
                let body = whole(response, errand, turn).await?;
                return Ok(Heard { answer: Answer { code, headers, body }, redirect: redirect.err() });
            }
        }
    }
}

impl Hop {
    fn redirected(self, code: u16, url: Url) -> Self {
        let method = redirected_method(code, &self.method);
        let with_body = self.with_body && method == Method::POST;
        let headers = redirected_headers(&self.headers, with_body);
        let elsewhere = url.origin() != self.url.origin();
        let place = if elsewhere { url.origin().ascii_serialization().into() } else { self.place };
        Self { method, url, place, headers, with_body, followed: self.followed + 1 }
    }

    /// Sends it and waits for the head of the answer.
    async fn sent(
        &self,
        shared: &Shared,
        errand: Errand<'_>,
        turn: OneTurn,
    ) -> Result<reqwest::Response, Failure> {
        let Shared { clients, standings, metrics, .. } = shared;
        let now = Instant::now().into_std();
        let apart = standings.suspects(&self.place, now);
        let kept = errand.hook.delivery.keep_alive && standings.keeps_connections(&self.place, now);
        let pool = match (kept, apart) {
            (false, _) => Pool::Unkept,
            (true, true) => Pool::Quarantine,
            (true, false) => Pool::Trusted,
        };
        let progress = Progress::new();
        let sending = progress.of(self.send(shared, errand, turn, pool));
        let failure = match timeout_at(turn.until, clients.connections.polled(apart, sending)).await {
            Ok(Ok(response)) => {
                if progress.reused() {
                    metrics.connection_reused();
                } else {
                    metrics.connection_made();
                }
                if self.followed > 0 {
                    standings.trust(&self.place);
                }
                return Ok(response);
            }
            Ok(Err(error)) => self.failed(&error, progress.reused()),
            Err(_elapsed) => Failure::begun(turn.late(progress.awaited())),
        };
        let now = Instant::now().into_std();
        if failure.of_a_kept_connection {
            standings.closed_a_kept_connection(&self.place, &errand.step.name, now);
        } else if self.followed > 0 && failure.outcome.is_unanswered() {
            standings.was_silent(&self.place, now);
        }
        Err(failure)
    }

    async fn send(
        &self,
        shared: &Shared,
        errand: Errand<'_>,
        turn: OneTurn,
        pool: Pool,
    ) -> reqwest::Result<reqwest::Response> {
        let tls = errand.hook.delivery.tls.as_deref();
        let has_identity = tls.filter(|tls| self.followed > 0 && tls.identity().is_some());
        let anonymous = has_identity.map(|tls| tls.anonymous());
        let client = shared.clients.client(anonymous.as_ref().or(tls), turn.connect, pool)?;
        let mut sent = client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        if let Some(body) = errand.request.body.clone().filter(|_| self.with_body) {
            sent = sent.body(body);
        }
        dns::towards(self.url.port_or_known_default(), sent.send()).await
    }

    fn failed(&self, error: &reqwest::Error, reused: bool) -> Failure {
        let outcome = unreachable(error);
        let stage = match error.is_connect() {
            _ if self.followed > 0 => Stage::Begun,
            true => Stage::NotConnected,
            false => Stage::Sent { reused },
        };
        let of_a_kept_connection = reused && outcome == Outcome::Unreachable(Unreachable::Closed);
        Failure { outcome, stage, of_a_kept_connection }
    }
}

/// The body of an answer; of an error page as much as comes, where somebody wants to read it.
async fn whole(response: reqwest::Response, errand: Errand<'_>, turn: OneTurn) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let (until, longest) = (turn.until, errand.hook.longest_answer);
    if response.status().is_success() {
        let late = |_elapsed| Err(Failure::begun(turn.late(crate::hook::Stage::Body)));
        timeout_at(until, read(response, longest, &mut body)).await.unwrap_or_else(late)?;
    } else if errand.page == ErrorPage::Read {
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
