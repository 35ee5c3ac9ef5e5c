//! Owner: observer. Requests that the observer does not answer with 200.

use crate::util::{Daemon, ObserverResponse};

#[tokio::test]
async fn another_path_is_404_with_a_list_of_paths() {
    let daemon = Daemon::start("").await;
    for path in ["/nothing", "/metric", "/metrics/", "/health", "//metrics", "/../metrics"] {
        let asked = ObserverResponse::get(daemon.observer(), path).await;
        assert_eq!(asked.code, 404, "{path}");
        assert!(asked.body.contains("/metrics, /health/live and /health/ready"), "{asked:?}");
    }
}

#[tokio::test]
async fn another_method_is_405_with_the_allowed_methods() {
    let daemon = Daemon::start("").await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "NONSENSE"] {
        let request = format!("{method} /metrics HTTP/1.1\r\nHost: o\r\nContent-Length: 3\r\n\r\nabc");
        let asked = ObserverResponse::to(daemon.observer(), request.as_bytes()).await;
        assert_eq!((asked.code, asked.body.as_str()), (405, "this method is not allowed; use GET or HEAD\n"));
        assert!(asked.head.contains(&"allow: get, head".to_owned()), "{asked:?}");
    }
}

#[tokio::test]
async fn head_is_answered_without_a_body() {
    let daemon = Daemon::start("").await;
    for path in ["/metrics", "/health/ready", "/nothing"] {
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let asked = ObserverResponse::to(daemon.observer(), request.as_bytes()).await;
        assert_eq!(asked.body, "");
        assert!(asked.head.iter().any(|line| line.starts_with("content-length: ")), "{asked:?}");
        assert_eq!(asked.code, if path == "/nothing" { 404 } else { 200 });
    }
}

#[tokio::test]
async fn a_bad_or_long_request_is_refused_and_the_next_is_served() {
    let daemon = Daemon::start("").await;
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(500));
    for request in [&b"\0\x01\x02\r\n\r\n"[..], b"agi_network: yes\n\n", long.as_bytes(), many.as_bytes()] {
        let asked = ObserverResponse::to(daemon.observer(), request).await;
        assert!(matches!(asked.code, 0 | 400..=499), "{asked:?}");
    }
    assert_eq!(ObserverResponse::get(daemon.observer(), "/health/ready").await.code, 200);
}

#[tokio::test]
async fn a_connection_carries_one_request() {
    let daemon = Daemon::start("").await;
    let twice = "GET /health/live HTTP/1.1\r\nHost: o\r\n\r\n".repeat(2);
    let asked = ObserverResponse::to(daemon.observer(), twice.as_bytes()).await;
    assert!(asked.head.contains(&"connection: close".to_owned()), "{asked:?}");
    assert_eq!(asked.body, "alive\n");
}
