//! The listener of the observer, and the limit on its connections.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, yield_now};
use tokio::time::sleep;
use tracing::{debug, warn};

use super::ObserverState;
use super::connection::Connection;
use super::event_stream::MAX_STREAMS;
use super::site::{Site, serve};
use crate::log::RateLimited;
use crate::metrics::Refusal;

/// The HTTP server for metrics, health and pages.
#[derive(Debug)]
pub struct Observer {
    listener: TcpListener,
    state: Arc<ObserverState>,
    site: Arc<Site>,
    max_connections: usize,
}

/// The highest number of connections at once. One more closes the oldest connection that has sent nothing, or
/// else the oldest one that is no event stream: a health check sends its request at once, and must not wait
/// for idle connections.
pub const MAX_CONNECTIONS: usize = 64;

/// The pause after a connection could not be accepted, which is mostly because no file descriptor is free.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// A connection that is open, and its task.
struct Open {
    connection: Arc<Connection>,
    task: AbortHandle,
}

impl Observer {
    /// Returns a server on this listener for the peers that `listen` allows at the time of their connection.
    /// `max_connections` is the highest number of connections, at most [`MAX_CONNECTIONS`]. A quarter of them
    /// may be event streams.
    #[must_use]
    pub fn new(listener: TcpListener, state: ObserverState, max_connections: usize) -> Self {
        let streams = Arc::new(Semaphore::new((max_connections / 4).min(MAX_STREAMS)));
        let state = Arc::new(ObserverState { streams, ..state });
        Self { listener, site: Arc::new(Site::new(Arc::clone(&state))), state, max_connections }
    }

    /// Serves until it is dropped, also while the daemon drains: load balancers ask then.
    pub async fn serve(self) {
        let (errors, refusals) = (RateLimited::default(), RateLimited::default());
        let mut connections = VecDeque::with_capacity(self.max_connections);
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.state.daemon.metrics.accept_failed();
                    errors.warn(|unlogged| warn!(unlogged, "observer: cannot accept a connection: {error}"));
                    sleep(RETRY_DELAY).await;
                    continue;
                }
            };
            // in the notation of listen.allow
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            if !self.state.config.borrow().listen.observer_allows(peer.ip()) {
                self.refuse(peer, &refusals);
                continue;
            }
            self.make_room(&mut connections);
            match self.open(stream, peer) {
                Ok(open) => connections.push_back(open),
                Err(error) => debug!("observer: the connection ended at once: {error}"),
            }
            // a peer that has sent its request is answered before the next connection can close its own
            yield_now().await;
        }
    }

    fn open(&self, stream: TcpStream, peer: SocketAddr) -> std::io::Result<Open> {
        let connection = Arc::new(Connection::new(peer, stream.local_addr()?));
        // the events of a stream are small
        stream.set_nodelay(true)?;
        let task =
            tokio::spawn(serve(stream, Arc::clone(&self.site), Arc::clone(&connection))).abort_handle();
        Ok(Open { connection, task })
    }

    fn refuse(&self, peer: SocketAddr, log: &RateLimited) {
        self.state.daemon.metrics.refused(Refusal::NotAllowed);
        log.warn(|unlogged| {
            warn!(%peer, unlogged, "observer: connection refused: listen.allow does not name this peer");
        });
    }

    /// Closes a connection if there are too many.
    fn make_room(&self, connections: &mut VecDeque<Open>) {
        connections.retain(|open| !open.task.is_finished());
        if connections.len() < self.max_connections {
            return;
        }
        let oldest = |is_closable: fn(&Connection) -> bool| {
            connections.iter().position(|open| is_closable(&open.connection))
        };
        let closed =
            oldest(Connection::is_silent).or_else(|| oldest(|connection| !connection.is_streaming()));
        if let Some(open) = connections.remove(closed.unwrap_or_default()) {
            open.task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::super::tests::{connection, state};
    use super::*;

    fn open() -> Open {
        Open { connection: connection("127.0.0.1:9573"), task: tokio::spawn(pending::<()>()).abort_handle() }
    }

    #[tokio::test]
    async fn a_newcomer_replaces_a_silent_connection_else_one_that_is_answered_and_no_stream() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = Arc::into_inner(state("")).unwrap();
        let observer = Observer::new(listener, state, 4);
        let (stream, answered, silent, later) = (open(), open(), open(), open());
        stream.connection.becomes_a_stream();
        answered.connection.answers_within(RETRY_DELAY);
        let tasks = [&stream, &answered, &silent, &later].map(|open| open.task.clone());
        let mut connections = VecDeque::from([stream, answered, silent, later]);
        for left in [[false, false, true, false], [false, false, true, true], [false, true, true, true]] {
            observer.make_room(&mut connections);
            yield_now().await;
            assert_eq!(tasks.each_ref().map(AbortHandle::is_finished), left);
            connections.push_back(open());
            connections.back().unwrap().connection.becomes_a_stream();
        }
    }

    #[tokio::test]
    async fn a_quarter_of_few_connections_may_be_streams() {
        for (connections, streams) in [(2, 0), (16, 4), (64, 16)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let observer = Observer::new(listener, Arc::into_inner(state("")).unwrap(), connections);
            assert_eq!(observer.state.streams.available_permits(), streams);
        }
    }
}
