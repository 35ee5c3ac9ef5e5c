//! Requests to the observer as a whole, without a socket.

use std::time::Duration;

use tokio::io::{AsyncWriteExt, duplex};
use tokio::time::Instant;

use super::connection::Connection;
use super::site::{Site, serve};
use super::*;
use crate::metrics::Metrics;
use crate::webhook::Webhook;

/// The state of an observer with this configuration. Its calls run on the current runtime.
pub(super) fn state(config: &str) -> Arc<ObserverState> {
    let config = Arc::new(Config::parse(config, "/etc/dialhook/dialhook.toml".as_ref()).unwrap());
    let address = config.listen.observer.unwrap();
    let metrics = Arc::new(Metrics::default());
    let webhook = Webhook::new(config.every_hook(), Arc::clone(&metrics)).unwrap();
    let (config, daemon) = (watch::Sender::new(config).subscribe(), Arc::new(Daemon::new(webhook, metrics)));
    Arc::new(ObserverState::new(config, daemon, Readiness::default(), Handle::current(), address))
}

/// A connection of a peer to an observer with this address.
pub(super) fn connection(address: &str) -> Arc<Connection> {
    Arc::new(Connection::new(([127, 0, 0, 9], 40_000).into(), address.parse().unwrap()))
}

/// Returns the duration of a connection whose peer sends this, and neither sends nor reads anything after it.
async fn duration_after(sent: &[u8]) -> Duration {
    let (mut here, there) = duplex(64);
    let began = Instant::now();
    let site = Arc::new(Site::new(state("")));
    let end = tokio::spawn(serve(there, site, connection("127.0.0.1:9573")));
    here.write_all(sent).await.unwrap();
    end.await.unwrap();
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_a_peer_that_is_silent_or_never_reads_is_closed_after_five_seconds() {
    let limit = Duration::from_secs(5);
    for sent in [&b""[..], b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: o\r\n\r\n"] {
        let duration = duration_after(sent).await;
        assert!((limit..limit + Duration::from_millis(10)).contains(&duration), "{duration:?}");
    }
}
