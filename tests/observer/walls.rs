//! Owner: observer. The walls before the pages, in raw bytes: names, methods, other sites and the token.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;

use dialhook::config::Config;

use crate::util::{Daemon, ObserverResponse};

/// Sends a request with these lines of its head.
async fn ask(observer: SocketAddr, request: &str, lines: &str) -> ObserverResponse {
    ObserverResponse::to(observer, format!("{request} HTTP/1.1\r\n{lines}\r\n").as_bytes()).await
}

/// Paths with walls: a page, one that does not exist, and other ways to write a path.
const PATHS: [&str; 6] = ["/", "/docs", "/nothing", "/%64ocs", "/docs/../docs", "/metrics/%2e%2e/docs"];

#[tokio::test]
async fn a_name_that_is_not_the_observers_own_is_421_on_every_path() {
    let daemon = Daemon::start("").await;
    let observer = daemon.observer();
    let port = observer.port();
    let mut hosts = vec!["Host:\r\n".to_owned(), String::new()];
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("127.0.0.1.:{port}"),
        format!("localhost.:{port}"),
        format!("LOCALHOST:{port}"),
        format!("user@localhost:{port}"),
        format!("127.0.0.2:{port}"),
        "127.0.0.1:1".to_owned(),
        "<script>alert(1)</script>".to_owned(),
    ] {
        hosts.push(format!("Host: {host}\r\n"));
    }
    hosts.push(format!("Host: {observer}\r\nHost: evil.example\r\n"));
    hosts.push(format!("Host: evil.example\r\nHost: {observer}\r\n"));
    for path in PATHS {
        for host in &hosts {
            let asked = ask(observer, &format!("GET {path}"), host).await;
            assert_eq!(asked.code, 421, "{path} {host}");
            assert!(asked.body.contains("hosts of [observer]") && !asked.body.contains("evil"), "{asked:?}");
        }
    }
    for host in
        [observer.to_string(), "127.0.0.1".to_owned(), format!("localhost:{port}"), "localhost".to_owned()]
    {
        assert_eq!(ask(observer, "GET /docs", &format!("Host: {host}\r\n")).await.code, 200, "{host}");
    }
}

#[tokio::test]
async fn a_request_of_http_1_0_and_one_with_a_whole_url_have_the_same_walls() {
    let daemon = Daemon::start("").await;
    let observer = daemon.observer();
    let old = async |lines: &str| {
        ObserverResponse::to(observer, format!("GET /docs HTTP/1.0\r\n{lines}\r\n").as_bytes()).await.code
    };
    assert_eq!([old("").await, old("Host: evil.example\r\n").await], [421, 421]);
    assert_eq!(old(&format!("Host: {observer}\r\n")).await, 200);
    let own = format!("Host: {observer}\r\n");
    for target in ["http://evil.example/docs", "http://localhost/docs", "http:///docs", "//evil.example/docs"]
    {
        let code = ask(observer, &format!("GET {target}"), &own).await.code;
        assert!(matches!(code, 400 | 404 | 421), "{target}: {code}");
    }
    assert_eq!(ask(observer, &format!("GET http://{observer}/docs"), &own).await.code, 200);
    assert_eq!(
        ask(observer, &format!("GET http://{observer}/docs"), "Host: evil.example\r\n").await.code,
        421
    );
}

#[tokio::test]
async fn a_host_with_control_characters_is_refused_and_adds_no_line_to_the_answer() {
    let daemon = Daemon::start("").await;
    for host in
        ["a\r\n Set-Cookie: x=1", "localhost\rSet-Cookie: x=1", "localhost\nX: y", "a\0b", "localhost\t\x0bx"]
    {
        let asked = ask(daemon.observer(), "GET /docs", &format!("Host: {host}\r\n")).await;
        assert!(matches!(asked.code, 0 | 200 | 400 | 421), "{host:?}: {asked:?}");
        assert!(
            !asked.head.iter().any(|line| line.starts_with("set-cookie") || line.starts_with("x:")),
            "{asked:?}"
        );
        assert!(asked.code != 200 || host == "localhost\nX: y", "{host:?}");
    }
}

#[tokio::test]
async fn a_name_of_the_configuration_is_own_as_soon_as_it_is_loaded() {
    let daemon = Daemon::start("").await;
    let host = "Host: pbx.example\r\n";
    assert_eq!(ask(daemon.observer(), "GET /docs", host).await.code, 421);
    let tables = "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = \"127.0.0.1:0\"\nobserver = \"127.0.0.1:0\"\n\
                  [observer]\nhosts = [\"pbx.example\"]\n";
    daemon.server().reload(Config::parse(tables, Path::new("dialhook.toml"))).unwrap();
    assert_eq!(ask(daemon.observer(), "GET /docs", host).await.code, 200);
    let port = daemon.observer().port();
    assert_eq!(ask(daemon.observer(), "GET /docs", &format!("Host: pbx.example:{port}\r\n")).await.code, 200);
}

#[tokio::test]
async fn a_page_of_another_site_reads_nothing() {
    let daemon = Daemon::start("").await;
    let observer = daemon.observer();
    for lines in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        // a link that somebody follows
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
    ] {
        for path in PATHS {
            let asked = ask(observer, &format!("GET {path}"), &format!("Host: {observer}\r\n{lines}")).await;
            assert_eq!(asked.code, 403, "{path} {lines}");
            assert!(!asked.head.iter().any(|line| line.starts_with("access-control")), "{asked:?}");
        }
    }
    for lines in ["", "Sec-Fetch-Site: none\r\n", "Sec-Fetch-Site: same-origin\r\n"] {
        assert_eq!(ask(observer, "GET /docs", &format!("Host: {observer}\r\n{lines}")).await.code, 200);
    }
}

#[tokio::test]
async fn a_post_needs_the_permission_of_the_configuration() {
    let without = Daemon::start("").await;
    let with = Daemon::start("[observer]\ntry = true\n").await;
    let post = async |daemon: &Daemon, path: &str, lines: &str| {
        let lines = format!("Host: {}\r\nContent-Length: 0\r\n{lines}", daemon.observer());
        ask(daemon.observer(), &format!("POST {path}"), &lines).await
    };
    for path in ["/try", "/api/try", "/steps/7/repeat", "/api/steps/7/repeat"] {
        let refused = post(&without, path, "").await;
        assert!(refused.code == 403 && refused.body.contains("try = true"), "{refused:?}");
        assert!(!matches!(post(&with, path, "").await.code, 403 | 421), "{path}");
        let foreign = post(&with, path, "Origin: http://evil.example\r\n").await;
        assert_eq!(foreign.code, 403, "{path}");
    }
    for path in ["/", "/docs", "/api/steps"] {
        assert_eq!(
            [post(&without, path, "").await.code, post(&with, path, "").await.code],
            [405, 405],
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_observer_that_others_reach_needs_a_token_for_its_pages_only() {
    let listen = "[listen]\nasterisk = \"127.0.0.1:0\"\nobserver = \"0.0.0.0:0\"\nallow = [\"127.0.0.1\"]\n";
    let without = Daemon::with(listen).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "0123456789abcdef\n").unwrap();
    let tables = format!("{listen}[observer]\ntoken = {{ file = \"token\" }}\n");
    let with = Daemon::with_file(&tables, &folder.path().join("dialhook.toml")).await;
    let ask = async |daemon: &Daemon, path: &str, lines: &str| {
        let observer = SocketAddr::from(([127, 0, 0, 1], daemon.observer().port()));
        ask(observer, &format!("GET {path}"), &format!("Host: {observer}\r\n{lines}")).await
    };
    for path in PATHS {
        let refused = ask(&without, path, "").await;
        assert!(refused.code == 403 && refused.body.contains("Set token = "), "{path} {refused:?}");
        let asked = ask(&with, path, "").await;
        let challenge = "www-authenticate: basic realm=\"dialhook\", charset=\"utf-8\"".to_owned();
        assert!(asked.code == 401 && asked.head.contains(&challenge), "{asked:?}");
        assert_eq!(ask(&with, path, "Authorization: Bearer 0123456789abcdeg\r\n").await.code, 401);
    }
    // base64 of `admin:0123456789abcdef`
    for right in ["Bearer 0123456789abcdef", "Basic YWRtaW46MDEyMzQ1Njc4OWFiY2RlZg=="] {
        assert_eq!(ask(&with, "/docs", &format!("Authorization: {right}\r\n")).await.code, 200, "{right}");
    }
    for path in ["/metrics", "/health/live", "/health/ready"] {
        assert_eq!(
            [ask(&without, path, "").await.code, ask(&with, path, "").await.code],
            [200, 200],
            "{path}"
        );
    }
}

/// The test's own thread is that of the calls, and it waits without giving it back.
#[tokio::test]
async fn the_observer_answers_while_the_thread_of_the_calls_is_blocked_and_says_so() {
    let daemon = Daemon::start("").await;
    let observer = daemon.observer();
    let get = |path: &str| {
        let mut stream = std::net::TcpStream::connect(observer).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {observer}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(get("/docs").starts_with("HTTP/1.1 200 "));
    assert!(get("/metrics").contains("\ndialhook_draining 0\n"));
    for path in ["/health/live", "/health/ready"] {
        let answer = get(path);
        assert!(
            answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nstuck: the thread of the calls"),
            "{answer}"
        );
    }
    assert_eq!(ObserverResponse::get(observer, "/health/live").await.code, 200);
}
