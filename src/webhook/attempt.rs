//! One request, from its connection to the last byte of its answer, through the redirects that the hook follows.

use std::time::Duration;

use http::{HeaderMap, Method};
use tokio::time::timeout_at;
use url::Url;

use super::clients::{Clients, noticing};
use super::errand::{Errand, OneTurn};
use super::{ErrorPage, failure, names};
use crate::hook::{
    Answer, AnswerFault, Outcome, RedirectFault, Stage, Target, Unreachable, redirected_headers,
    redirected_method,
};
use crate::metrics::Metrics;

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
}

impl Failure {
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
    headers: HeaderMap,
    with_body: bool,
    followed: u8,
}

/// Makes the request, until a moment at the latest.
pub(super) async fn made(
    clients: &Clients,
    errand: Errand<'_>,
    target: &Target,
    turn: OneTurn,
    metrics: &Metrics,
) -> Result<Heard, Failure> {
    let (request, until) = (errand.request, turn.until);
    let mut hop = Hop {
        method: request.method.clone(),
        url: target.url.clone(),
        headers: request.headers.clone(),
        with_body: request.body.is_some(),
        followed: 0,
    };
    loop {
        let sending = noticing(send(clients, errand, &hop, turn.connect));
        let (response, reused) =
            match timeout_at(until, clients.connections.polled(turn.apart, sending)).await {
                Ok((Ok(response), reused)) => (response, reused),
                Ok((Err(error), reused)) => return Err(hop.failed(&error, reused)),
                Err(_elapsed) => return Err(Failure { outcome: turn.late(false), stage: Stage::Begun }),
            };
        if reused {
            metrics.connection_reused()
        } else {
            metrics.connection_made()
        }
        let (code, headers) = (response.status().as_u16(), response.headers().clone());
        let redirects = &errand.hook.manner.redirects;
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
        Self { method, url, headers, with_body, followed: self.followed + 1 }
    }

    fn failed(&self, error: &reqwest::Error, reused: bool) -> Failure {
        let stage = match error.is_connect() {
            _ if self.followed > 0 => Stage::Begun,
            true => Stage::NotConnected,
            false => Stage::Sent { reused },
        };
        Failure { outcome: unreachable(error), stage }
    }
}

async fn send(
    clients: &Clients,
    errand: Errand<'_>,
    hop: &Hop,
    connect: Duration,
) -> reqwest::Result<reqwest::Response> {
    let tls = errand.hook.manner.tls.as_deref();
    let anonymous = tls.filter(|tls| hop.followed > 0 && tls.identity().is_some()).map(|tls| tls.anonymous());
    let client = clients.client(anonymous.as_ref().or(tls), connect)?;
    let mut sent = client.request(hop.method.clone(), hop.url.clone()).headers(hop.headers.clone());
    if let Some(body) = errand.request.body.clone().filter(|_| hop.with_body) {
        sent = sent.body(body);
    }
    names::towards(hop.url.port_or_known_default(), sent.send()).await
}

/// The body of an answer; of an error page as much as comes, where somebody wants to read it.
async fn whole(response: reqwest::Response, errand: Errand<'_>, turn: OneTurn) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let (until, longest) = (turn.until, errand.hook.longest_answer);
    if response.status().is_success() {
        let late = |_elapsed| Err(Failure { outcome: turn.late(true), stage: Stage::Begun });
        timeout_at(until, read(response, longest, &mut body)).await.unwrap_or_else(late)?;
    } else if errand.page == ErrorPage::Read {
        let _cut = timeout_at(until, read(response, longest, &mut body)).await;
    }
    Ok(body)
}

/// Reads an answer to its end, or to where it is too long.
async fn read(mut response: reqwest::Response, longest: usize, body: &mut Vec<u8>) -> Result<(), Failure> {
    let code = response.status().as_u16();
    let failure = |outcome| Failure { outcome, stage: Stage::Begun };
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(unreachable(&error)))? {
        if body.len() + chunk.len() > longest {
            let fault = AnswerFault::TooLong;
            return Err(failure(Outcome::BadAnswer { code, fault, variable: None }));
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
