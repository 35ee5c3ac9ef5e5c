//! The stage that a request has reached, as its client's connector and resolver note it.
//!
//! reqwest does not say whether a request makes a connection of its own, nor which part of that takes the time. A layer
//! of the connector, the resolver and the random numbers of TLS note it for the request whose task they run in.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::task::{Context, Poll};

use reqwest::dns::{Name, Resolve, Resolving};
use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom};
use tower_service::Service;

use crate::hook::Stage;

/// The stage of one request.
#[derive(Debug)]
pub(in crate::webhook) struct Progress(Mutex<Reached>);

#[derive(Debug, Clone, Copy)]
struct Reached {
    awaited: Stage,
    /// True if the request goes out on a connection that has served another one before.
    reused: bool,
}

tokio::task_local! {
    static PROGRESS: Arc<Progress>;
}

impl Progress {
    /// The progress of a request that finds a kept connection, until something else is noted.
    pub(in crate::webhook) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Reached { awaited: Stage::Answer, reused: true })))
    }

    /// Sends a request and notes its progress.
    pub(in crate::webhook) async fn of<T>(self: &Arc<Self>, sending: impl Future<Output = T>) -> T {
        PROGRESS.scope(Arc::clone(self), sending).await
    }

    /// The stage that is not complete yet.
    pub(in crate::webhook) fn awaited(&self) -> Stage {
        self.reached().awaited
    }

    /// True if the request went out on a connection that had served another one before.
    pub(in crate::webhook) fn reused(&self) -> bool {
        self.reached().reused
    }

    fn reached(&self) -> Reached {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, awaited: Stage, reused: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Reached { awaited, reused };
    }
}

/// Notes a stage of making a connection for the request of this task.
fn note(awaited: Stage) {
    let _not_for_a_request = PROGRESS.try_with(|progress| progress.note(awaited, false));
}

/// A connector that notes the stages of its connections.
#[derive(Debug, Clone)]
pub(in crate::webhook) struct NotedConnector<S>(pub(in crate::webhook) S);

impl<S, R> Service<R> for NotedConnector<S>
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
        let progress = PROGRESS.try_with(Arc::clone).ok();
        let mut connecting = Box::pin(self.0.call(request));
        Box::pin(poll_fn(move |context| {
            let connected = connecting.as_mut().poll(context);
            if let Some(progress) = &progress {
                // elsewhere the pool finishes it, because the request has found a kept connection meanwhile
                let elsewhere = PROGRESS.try_with(|_| ()).is_err();
                if elsewhere || connected.is_ready() {
                    progress.note(Stage::Answer, elsewhere);
                }
            }
            connected
        }))
    }
}

/// A resolver that notes when it is asked and when it has answered.
#[derive(Debug)]
pub(in crate::webhook) struct NotedResolver<R>(pub(in crate::webhook) Arc<R>);

impl<R: Resolve + 'static> Resolve for NotedResolver<R> {
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

/// The cryptography of TLS, which notes when a handshake begins.
pub(in crate::webhook) fn noted_cryptography() -> CryptoProvider {
    CryptoProvider { secure_random: &*RANDOM, ..rustls::crypto::ring::default_provider() }
}

static RANDOM: LazyLock<NotedRandom> =
    LazyLock::new(|| NotedRandom(rustls::crypto::ring::default_provider().secure_random));

/// A handshake takes random numbers for its first message, as soon as there is a connection.
#[derive(Debug)]
struct NotedRandom(&'static dyn SecureRandom);

impl SecureRandom for NotedRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        note(Stage::Tls);
        self.0.fill(bytes)
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, pending, ready};

    use tokio::sync::oneshot;
    use tower_service::Service;

    use super::*;

    /// A connector that connects when it is told to.
    struct Connector(Option<oneshot::Receiver<()>>);

    impl Service<()> for Connector {
        type Response = ();
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<(), Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            let told = self.0.take();
            Box::pin(async move {
                let _gone = told.unwrap().await;
                Ok(())
            })
        }
    }

    /// A resolver that is asked, and answers or not.
    struct Names<F>(fn() -> F);

    impl<F: Future<Output = ()> + Send + 'static> Resolve for Names<F> {
        fn resolve(&self, _: Name) -> Resolving {
            let answer = self.0();
            Box::pin(async move {
                answer.await;
                Ok(Box::new(std::iter::empty()) as reqwest::dns::Addrs)
            })
        }
    }

    /// Polls a future once.
    async fn is_pending(future: &mut (impl Future + Unpin)) -> bool {
        poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn a_connection_is_awaited_until_it_is_there() {
        let (tell, told) = oneshot::channel();
        let (progress, mut connector) = (Progress::new(), NotedConnector(Connector(Some(told))));
        assert!(progress.reused() && progress.awaited() == Stage::Answer);
        let told = async {
            assert!(!progress.reused() && progress.awaited() == Stage::Connection);
            note(Stage::Tls);
            assert_eq!(progress.awaited(), Stage::Tls);
            tell.send(()).unwrap();
        };
        let connecting = async { tokio::join!(connector.call(()), told).0 };
        progress.of(connecting).await.unwrap();
        assert!(!progress.reused() && progress.awaited() == Stage::Answer);
    }

    #[tokio::test]
    async fn a_connection_that_the_pool_finishes_belongs_to_no_request() {
        let (tell, told) = oneshot::channel();
        let (progress, mut connector) = (Progress::new(), NotedConnector(Connector(Some(told))));
        let mut begun = None;
        let begin = async {
            let connecting = begun.insert(connector.call(()));
            assert!(is_pending(connecting).await);
        };
        progress.of(begin).await;
        let begun = begun.unwrap();
        assert_eq!(progress.awaited(), Stage::Connection);
        let finished = tokio::spawn(begun);
        tell.send(()).unwrap();
        finished.await.unwrap().unwrap();
        assert!(progress.reused() && progress.awaited() == Stage::Answer);
    }

    #[tokio::test]
    async fn name_servers_are_awaited_until_they_answer() {
        let name = || "h.example".parse().unwrap();
        let progress = Progress::new();
        let answers = NotedResolver(Arc::new(Names::<Ready<()>>(|| ready(()))));
        let _addresses = progress.of(answers.resolve(name())).await.unwrap();
        assert_eq!(progress.awaited(), Stage::Connection);
        let silent = NotedResolver(Arc::new(Names(pending::<()>)));
        progress.of(async { assert!(is_pending(&mut silent.resolve(name())).await) }).await;
        assert_eq!(progress.awaited(), Stage::NameServers);
    }
}
