//! The stages of a request, and their times.

use std::convert::Infallible;
use std::future::{Ready, pending, ready};

use tokio::sync::oneshot;
use tower_service::Service;

use super::*;

/// A connector that connects as soon as the channel says so.
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

/// A resolver whose answer is this future.
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
async fn the_stage_is_the_connection_until_it_is_made() {
    let (tell, told) = oneshot::channel();
    let (tracker, mut connector) =
        (StageTracker::new(Instant::now()), TrackedConnector(Connector(Some(told))));
    assert!(tracker.is_reused() && tracker.stage() == Stage::Answer);
    let told = async {
        assert!(!tracker.is_reused() && tracker.stage() == Stage::Connection);
        note(Stage::Tls);
        assert_eq!(tracker.stage(), Stage::Tls);
        tell.send(()).unwrap();
    };
    let connecting = async { tokio::join!(connector.call(()), told).0 };
    tracker.track(connecting).await.unwrap();
    assert!(!tracker.is_reused() && tracker.stage() == Stage::Answer);
}

#[tokio::test]
async fn a_connection_that_the_pool_finishes_is_no_stage_of_a_request() {
    let (tell, told) = oneshot::channel();
    let (tracker, mut connector) =
        (StageTracker::new(Instant::now()), TrackedConnector(Connector(Some(told))));
    let mut begun = None;
    let begin = async {
        let connecting = begun.insert(connector.call(()));
        assert!(is_pending(connecting).await);
    };
    tracker.track(begin).await;
    let begun = begun.unwrap();
    assert_eq!(tracker.stage(), Stage::Connection);
    let finished = tokio::spawn(begun);
    tell.send(()).unwrap();
    finished.await.unwrap().unwrap();
    assert!(tracker.is_reused() && tracker.stage() == Stage::Answer);
}

#[tokio::test]
async fn the_stage_is_the_name_servers_until_they_answer() {
    let name = || "h.example".parse().unwrap();
    let tracker = StageTracker::new(Instant::now());
    let answers = TrackedResolver(Arc::new(Names::<Ready<()>>(|| ready(()))));
    let _addresses = tracker.track(answers.resolve(name())).await.unwrap();
    assert_eq!(tracker.stage(), Stage::Connection);
    let silent = TrackedResolver(Arc::new(Names(pending::<()>)));
    tracker.track(async { assert!(is_pending(&mut silent.resolve(name())).await) }).await;
    assert_eq!(tracker.stage(), Stage::NameServers);
}

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn each_part_of_a_new_connection_has_its_own_time() {
    let tracker = StageTracker::new(Instant::now());
    let resolver = TrackedResolver(Arc::new(Names(|| tokio::time::sleep(5 * MS))));
    let sending = async {
        note(Stage::Connection);
        let _addresses = resolver.resolve("h.example".parse().unwrap()).await.unwrap();
        tokio::time::sleep(7 * MS).await;
        note(Stage::Tls);
        tokio::time::sleep(4 * MS).await;
        // the handshake takes random numbers more than once
        note(Stage::Tls);
        tokio::time::sleep(7 * MS).await;
        note_connected();
        tokio::time::sleep(13 * MS).await;
    };
    tracker.track(sending).await;
    assert!(!tracker.answer_began(Instant::now()));
    let tracked = tracker.at(Instant::now() + 60 * MS);
    let (dns, connect, tls) = (Some(5 * MS), Some(7 * MS), Some(11 * MS));
    assert_eq!(tracked.connection(), Connection::New { dns, connect, tls });
    assert_eq!((tracked.stage, tracked.head_at), (Stage::Body, Some(Instant::now())));
}

/// Notes that the connection is made, as the connector does.
fn note_connected() {
    TRACKER.with(|tracker| tracker.note(Stage::Answer, ConnectionSource::Connector));
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_not_complete_has_the_time_until_now() {
    let tracker = StageTracker::new(Instant::now());
    tracker.track(async { note(Stage::Connection) }).await;
    tokio::time::advance(9 * MS).await;
    let connection = tracker.at(Instant::now()).connection();
    assert_eq!(connection, Connection::New { dns: None, connect: Some(9 * MS), tls: None });
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_the_connection_is_complete_came_on_another_one() {
    let tracker = StageTracker::new(Instant::now());
    assert!(tracker.answer_began(Instant::now()), "nothing was noted");
    assert_eq!(tracker.at(Instant::now()).connection(), Connection::Reused);
    let tracker = StageTracker::new(Instant::now());
    tracker.track(async { note(Stage::Connection) }).await;
    tracker.answer_began(Instant::now());
    assert_eq!(tracker.at(Instant::now()).connection(), Connection::Reused);
    tracker.track(async { note_connected() }).await;
    let tracked = tracker.at(Instant::now());
    assert_eq!((tracked.connection(), tracked.stage), (Connection::Reused, Stage::Body));
}
