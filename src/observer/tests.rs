//! Requests to the observer as a whole, without a socket.

use std::time::Duration;

use axum::body::Body;
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

/// The answer to a request without a body, from a peer of this observer.
async fn answer(state: &Arc<ObserverState>, request: http::request::Builder) -> Response {
    let connection = connection(&state.address.to_string());
    Site::new(Arc::clone(state)).answer(request.body(Body::empty()).unwrap(), &connection).await
}

fn get(uri: &str) -> http::request::Builder {
    http::Request::builder().uri(uri)
}

/// Every wall holds on every path, also on one that does not exist, and on one that is written in another
/// way.
const WALLED: [&str; 9] = [
    "/",
    "/docs",
    "/docs/service",
    "/api/steps",
    "/nothing",
    "/%61pi/steps",
    "/metrics/",
    "/health",
    "/health/live/../../api",
];

const OPEN: [&str; 4] = ["/metrics", "/health/live", "/health/ready", "/health/ready?x=/api"];

#[tokio::test]
async fn a_foreign_name_reaches_metrics_and_health_only() {
    let state = state("");
    for path in WALLED {
        let refused = answer(&state, get(path).header("host", "evil.example")).await;
        assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
        assert!(refused.headers().contains_key("content-security-policy"), "{path}");
    }
    for path in OPEN {
        assert_eq!(answer(&state, get(path).header("host", "evil.example")).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_page_of_another_site_reaches_metrics_and_health_only() {
    let state = state("");
    let from = |path, site: &str| get(path).header("host", "localhost").header("sec-fetch-site", site);
    for path in WALLED {
        assert_eq!(answer(&state, from(path, "cross-site")).await.status(), 403, "{path}");
        assert_ne!(answer(&state, from(path, "same-origin")).await.status(), 403, "{path}");
    }
    for path in OPEN {
        assert_eq!(answer(&state, from(path, "cross-site")).await.status(), 200, "{path}");
    }
}

const OPEN_LISTENER: &str = "[listen]\nobserver = \"10.1.0.1:9573\"\nallow = [\"10.0.0.0/8\"]\n";

#[tokio::test]
async fn an_observer_that_others_reach_has_no_pages_without_a_token() {
    let state = state(OPEN_LISTENER);
    for path in WALLED {
        assert_eq!(answer(&state, get(path).header("host", "10.1.0.1")).await.status(), 403, "{path}");
    }
    for path in OPEN {
        assert_eq!(answer(&state, get(path)).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_token_is_asked_for_on_every_address_and_admits_whoever_sends_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "0123456789abcdef\n").unwrap();
    let token = format!("[observer]\ntoken = {{ file = {file:?} }}\n");
    for (listen, host) in [("", "127.0.0.1"), (OPEN_LISTENER, "10.1.0.1")] {
        let state = state(&format!("{listen}{token}"));
        for path in WALLED {
            let request = || get(path).header("host", host);
            let asked = answer(&state, request()).await;
            assert_eq!(asked.status(), 401, "{path}");
            assert!(asked.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic realm="));
            let wrong = request().header("authorization", "Bearer 0123456789abcdeF");
            assert_eq!(answer(&state, wrong).await.status(), 401, "{path}");
            // base64 of `x:0123456789abcdef`
            for right in ["Bearer 0123456789abcdef", "Basic eDowMTIzNDU2Nzg5YWJjZGVm"] {
                let status = answer(&state, request().header("authorization", right)).await.status();
                assert!(matches!(status.as_u16(), 200 | 404), "{path}: {status}");
            }
        }
        for path in OPEN {
            assert_eq!(answer(&state, get(path)).await.status(), 200, "{path}");
        }
    }
}

#[tokio::test]
async fn every_answer_has_the_headers_that_restrict_a_browser_and_allows_no_other_site() {
    let state = state("");
    for (request, status) in [
        (get("/docs").header("host", "localhost"), 200),
        (get("/nothing").header("host", "localhost"), 404),
        (get("/metrics"), 200),
        (get("/").method("DELETE").header("host", "localhost"), 405),
        (get("/").header("origin", "http://evil.example"), 421),
    ] {
        let answer = answer(&state, request).await;
        assert_eq!(answer.status(), status);
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap());
        assert!(header("content-security-policy").unwrap().starts_with("default-src 'none'; "));
        assert_eq!(header("x-content-type-options"), Some("nosniff"));
        assert_eq!(header("x-frame-options"), Some("DENY"));
        assert_eq!(header("cache-control"), Some("no-store"));
        assert_eq!(header("cross-origin-resource-policy"), Some("same-origin"));
        assert_eq!(header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn event_streams_are_limited_and_have_no_end_of_their_own() {
    use axum::extract::FromRequestParts;

    let state = state("");
    let mut streams = Vec::new();
    for _ in 0..MAX_STREAMS {
        let connection = connection("127.0.0.1:9573");
        let (mut parts, ()) = get("/").extension(Arc::clone(&connection)).body(()).unwrap().into_parts();
        streams.push(EventStream::from_request_parts(&mut parts, &state).await.unwrap());
        assert!(connection.is_streaming());
    }
    let (mut parts, ()) = get("/").body(()).unwrap().into_parts();
    let refused = EventStream::from_request_parts(&mut parts, &state).await.unwrap_err();
    assert_eq!(refused.status(), 503);
    streams.pop();
    assert!(EventStream::from_request_parts(&mut parts, &state).await.is_ok());
}
