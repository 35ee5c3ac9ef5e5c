//! Tracks the stage of a request, so that a `TIMEOUT` can name it, and the time that each stage took.
//!
//! reqwest does not say if a request makes a new connection, nor which part of that takes the time. The
//! connector, the resolver and the random numbers of TLS note it here, for the request in whose task they
//! run.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use reqwest::dns::{Name, Resolve, Resolving};
use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom};
use tokio::time::Instant;
use tower_service::Service;

use crate::hook::Stage;

/// The connection of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// No connection was sought: the circuit breaker is open, or the request failed before.
    None,
    /// The connection had served another request before.
    Reused,
    /// The connection was made for this request, or was begun. Each time is that of one part, up to its end
    /// or its failure.
    New {
        /// The lookup of the host name. None if the host is an address.
        dns: Option<Duration>,
        connect: Option<Duration>,
        /// The TLS handshake. None if the URL is plain http.
        tls: Option<Duration>,
    },
}

/// The tracker of one request.
#[derive(Debug)]
pub(in crate::webhook) struct StageTracker(Mutex<Tracked>);

/// The state of a request at one moment.
#[derive(Debug, Clone, Copy)]
pub(in crate::webhook) struct Tracked {
    /// The stage that is not complete yet.
    pub(in crate::webhook) stage: Stage,
    /// The moment at which the head of the answer was complete.
    pub(in crate::webhook) head_at: Option<Instant>,
    /// The beginning of the stage.
    since: Instant,
    source: ConnectionSource,
    dns: Option<Duration>,
    connect: Option<Duration>,
    tls: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionSource {
    /// The request failed before it sought a connection.
    Unused,
    /// The request is sent on a connection that has served another one before.
    Pool,
    /// The request makes its connection.
    Connector,
}

tokio::task_local! {
    static TRACKER: Arc<StageTracker>;
}

impl StageTracker {
    /// Returns a tracker that assumes a reused connection until something else is noted.
    pub(in crate::webhook) fn new(now: Instant) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Tracked {
            stage: Stage::Answer,
            head_at: None,
            since: now,
            source: ConnectionSource::Pool,
            dns: None,
            connect: None,
            tls: None,
        })))
    }

    /// Runs a future and tracks its stage.
    pub(in crate::webhook) async fn track<T>(self: &Arc<Self>, sending: impl Future<Output = T>) -> T {
        TRACKER.scope(Arc::clone(self), sending).await
    }

    /// Returns the stage that is not complete yet.
    pub(in crate::webhook) fn stage(&self) -> Stage {
        self.tracked().stage
    }

    /// True if the request was sent on a connection that had served another one before.
    pub(in crate::webhook) fn is_reused(&self) -> bool {
        self.tracked().source != ConnectionSource::Connector
    }

    /// Notes that the head of the answer is complete. Returns the same as [`StageTracker::is_reused`].
    pub(in crate::webhook) fn answer_began(&self, now: Instant) -> bool {
        let mut tracked = self.lock();
        let is_reused = tracked.source != ConnectionSource::Connector;
        // this request did not wait for the connection that it was making: it has found an idle one
        if tracked.stage != Stage::Answer {
            tracked.source = ConnectionSource::Pool;
        }
        tracked.enter(Stage::Body, now);
        tracked.head_at = Some(now);
        is_reused
    }

    /// Notes that the request failed before it sought a connection.
    pub(in crate::webhook) fn never_connected(&self) {
        self.lock().source = ConnectionSource::Unused;
    }

    /// Returns the state now. The time of the stage that is not complete yet counts until now.
    pub(in crate::webhook) fn at(&self, now: Instant) -> Tracked {
        let mut tracked = self.tracked();
        tracked.count(now);
        tracked
    }

    fn tracked(&self) -> Tracked {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Tracked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, stage: Stage, source: ConnectionSource) {
        let mut tracked = self.lock();
        // what the pool makes of a connection later is not part of this request
        if tracked.head_at.is_some() {
            return;
        }
        tracked.source = source;
        if tracked.stage != stage {
            tracked.enter(stage, Instant::now());
        }
    }
}

impl Tracked {
    pub(in crate::webhook) fn connection(&self) -> Connection {
        match self.source {
            ConnectionSource::Unused => Connection::None,
            ConnectionSource::Pool => Connection::Reused,
            ConnectionSource::Connector => {
                Connection::New { dns: self.dns, connect: self.connect, tls: self.tls }
            }
        }
    }

    fn enter(&mut self, stage: Stage, now: Instant) {
        // a connector asks for the addresses before it connects
        if stage != Stage::NameServers {
            self.count(now);
        }
        (self.stage, self.since) = (stage, now);
    }

    /// Adds the time since the beginning of the stage to its part of the connection.
    fn count(&mut self, now: Instant) {
        let time = match self.stage {
            Stage::NameServers => &mut self.dns,
            Stage::Connection => &mut self.connect,
            Stage::Tls => &mut self.tls,
            Stage::Start | Stage::Answer | Stage::Body => return,
        };
        *time = Some(time.unwrap_or_default() + now.saturating_duration_since(self.since));
    }
}

/// Notes a stage of a new connection for the request of this task. Does nothing in a task that sends no
/// request.
fn note(stage: Stage) {
    let _without_tracker = TRACKER.try_with(|tracker| tracker.note(stage, ConnectionSource::Connector));
}

/// A connector that notes the stages of its connections.
#[derive(Debug, Clone)]
pub(in crate::webhook) struct TrackedConnector<S>(pub(in crate::webhook) S);

impl<S, R> Service<R> for TrackedConnector<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        note(Stage::Connection);
        let tracker = TRACKER.try_with(Arc::clone).ok();
        let mut connecting = Box::pin(self.0.call(request));
        Box::pin(poll_fn(move |context| {
            let connected = connecting.as_mut().poll(context);
            if let Some(tracker) = &tracker {
                // without a tracker in this task, the pool finishes the connection, because the request has
                // found an idle one meanwhile
                let in_pool = TRACKER.try_with(|_| ()).is_err();
                if in_pool || connected.is_ready() {
                    let source = if in_pool { ConnectionSource::Pool } else { ConnectionSource::Connector };
                    tracker.note(Stage::Answer, source);
                }
            }
            connected
        }))
    }
}

/// A resolver that notes the beginning and the end of a lookup.
#[derive(Debug)]
pub(in crate::webhook) struct TrackedResolver<R>(pub(in crate::webhook) Arc<R>);

impl<R: Resolve + 'static> Resolve for TrackedResolver<R> {
    fn resolve(&self, name: Name) -> Resolving {
        let resolving = self.0.resolve(name);
        Box::pin(async move {
            note(Stage::NameServers);
            let resolved = resolving.await;
            note(Stage::Connection);
            resolved
        })
    }
}

/// Returns the cryptography of TLS, which notes the beginning of a handshake.
pub(in crate::webhook) fn tracked_cryptography() -> CryptoProvider {
    CryptoProvider { secure_random: &*RANDOM, ..rustls::crypto::ring::default_provider() }
}

static RANDOM: LazyLock<TrackedRandom> =
    LazyLock::new(|| TrackedRandom(rustls::crypto::ring::default_provider().secure_random));

/// Random numbers, which a handshake takes for its first message as soon as there is a connection.
#[derive(Debug)]
struct TrackedRandom(&'static dyn SecureRandom);

impl SecureRandom for TrackedRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        note(Stage::Tls);
        self.0.fill(bytes)
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }
}

#[cfg(test)]
mod tests;
