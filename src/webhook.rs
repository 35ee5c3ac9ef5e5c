//! Asking a webhook: the only room that speaks HTTP to one.
//!
//! One client for all calls keeps connections open between them. One deadline covers name resolution,
//! connection, TLS, request and the whole answer; a request that is dropped is cancelled, down to its socket.

mod failure;
mod names;

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect;
use tokio::time::{Instant, timeout_at};

use self::names::Names;
use crate::hook::{AnswerFault, Outcome, Request};

/// Asks webhooks.
#[derive(Debug, Clone)]
pub struct Webhook {
    client: reqwest::Client,
    trusts_nobody: bool,
}

/// What a webhook answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub code: u16,
    /// The body; of an answer other than 2xx only where it was asked for.
    pub body: Vec<u8>,
}

/// What to do with the body of an answer other than 2xx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorPage {
    /// The status is all that a call wants to know.
    Skip,
    /// A person wants to read it.
    Read,
}

/// The most of an answer that is read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// How long an unused connection is kept: less than the 5 s after which Node, Apache and uvicorn close theirs, so that
/// no request meets a connection that is just being closed (a POST could not be sent again).
const IDLE: Duration = Duration::from_secs(4);

/// How many unused connections are kept to one host: a burst of calls must not leave thousands behind.
const MOST_IDLE: usize = 256;

/// How often a connection that is kept is asked whether its other end is still there.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// How long a connection may take to be made: more than the longest timeout of a hook. It bounds what hyper finishes in the
/// background, where a request took a connection that became free while its own was being made; and it is shared
/// out among the addresses of a name, so that the second one has time.
const LONGEST_CONNECT: Duration = Duration::from_secs(11);

impl Webhook {
    /// A client with this machine's name servers and trusted authorities. A machine that trusts nobody gets one
    /// as well: plain http works, and calls must go on.
    ///
    /// # Errors
    /// When no client can be made at all.
    pub fn new() -> Result<Self, reqwest::Error> {
        // the first one to be installed counts; in tests there are several of us
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        match builder().build() {
            Ok(client) => Ok(Self { client, trusts_nobody: false }),
            Err(_no_trust_store) => {
                let client = builder().tls_certs_only([]).build()?;
                Ok(Self { client, trusts_nobody: true })
            }
        }
    }

    /// What an administrator should know about the client.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        self.trusts_nobody.then_some(
            "this machine trusts no certificate authority: every https webhook will be UNREACHABLE; \
             install the package ca-certificates",
        )
    }

    /// Sends a request and waits for the whole answer until a moment that comes `patience` after the call's
    /// wait began.
    ///
    /// # Errors
    /// What came of it where no answer did.
    pub async fn ask(
        &self,
        request: Request,
        deadline: Instant,
        patience: Duration,
        error_page: ErrorPage,
    ) -> Result<Answer, Outcome> {
        let late = |begun| Outcome::Timeout { waited: patience, begun };
        let response = match timeout_at(deadline, self.send(request)).await {
            Ok(response) => response.map_err(|error| unreachable(&error))?,
            Err(_elapsed) => return Err(late(false)),
        };
        let code = response.status().as_u16();
        if !response.status().is_success() {
            let mut page = Vec::new();
            if error_page == ErrorPage::Read {
                // as much of it as comes
                let _cut = timeout_at(deadline, read(response, &mut page)).await;
            }
            return Ok(Answer { code, body: page });
        }
        let body = timeout_at(deadline, body(response)).await.unwrap_or_else(|_elapsed| Err(late(true)))?;
        Ok(Answer { code, body })
    }

    async fn send(&self, request: Request) -> reqwest::Result<reqwest::Response> {
        let mut sent = self.client.request(request.method, request.url).headers(request.headers);
        if let Some(body) = request.body {
            sent = sent.body(body);
        }
        sent.send().await
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .dns_resolver(Arc::new(Names::default()))
        .connect_timeout(LONGEST_CONNECT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MOST_IDLE)
        .tcp_keepalive(KEEPALIVE)
        .http2_keep_alive_interval(KEEPALIVE)
        .http2_keep_alive_timeout(KEEPALIVE)
        .http2_keep_alive_while_idle(true)
}

async fn body(response: reqwest::Response) -> Result<Vec<u8>, Outcome> {
    let mut body = Vec::new();
    read(response, &mut body).await?;
    Ok(body)
}

/// Reads an answer to its end, or to where it is too long.
async fn read(mut response: reqwest::Response, body: &mut Vec<u8>) -> Result<(), Outcome> {
    let code = response.status().as_u16();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Outcome::BadAnswer { code, fault: AnswerFault::TooLong });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(())
}

fn unreachable(error: &reqwest::Error) -> Outcome {
    let why = failure::cause(error);
    tracing::debug!(cause = failure::chain(error), "{why}");
    Outcome::Unreachable(why)
}
