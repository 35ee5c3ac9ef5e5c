//! Owner: cli. The messages of `dialhook calls` if the daemon gives no good answer: the fault and its remedy.

use crate::util::fake_observer::{FakeObserver, as_json, failed_step, good_step, plain};
use crate::util::{Reply, configured, refusing, run};

/// The exit status and the message for an observer that gives this answer.
async fn refused(reply: Reply, options: &[&str]) -> (i32, String) {
    let observer = FakeObserver::answering(reply).await;
    let (status, out, err) = run(&[&["calls", "--url", &observer.url()], options].concat()).await;
    assert_eq!(out, "");
    (status, err)
}

#[tokio::test]
async fn each_refusal_names_its_key() {
    for (reply, words) in [
        (plain(401, "token\n"), &["asks for a token: token; ", "[observer] token", "--token-file"][..]),
        (plain(403, "no\u{1b}[2J\n"), &["refuses the request (403): no\\u{1b}[2J"]),
        (plain(421, ""), &["is none of the observer's names; ", "hosts of [observer]"]),
        (
            Reply::with_header(400, "Content-Type: application/json", "{\"error\": \"since: write 10m\"}"),
            &["answered 400 to /api/steps: since: write 10m"],
        ),
        (
            plain(
                404,
                "not found: the observer of dialhook serves /metrics, /health/live and /health/ready; x",
            ),
            &["has no /api/steps: the daemon is older than this program; restart it"],
        ),
        (plain(503, "busy\n"), &["answered 503 to /api/steps: busy"]),
        (Reply::text("hello"), &["can read: either the daemon has another version"]),
        (Reply::json("{\"steps\": [{}]}"), &["can read: either the daemon has another version"]),
        (Reply::Close, &["closed the connection without an answer", "listen.allow"]),
    ] {
        let (status, err) = refused(reply, &[]).await;
        assert_eq!(status, 1, "{err}");
        for word in words {
            assert!(err.contains(word), "{word}\n{err}");
        }
        assert!(err.starts_with("dialhook: ") && err.lines().count() == 1, "{err}");
    }
}

#[tokio::test]
async fn a_daemon_that_does_not_run_is_named_with_the_command_that_shows_it() {
    let (address, _held) = refusing();
    let (_folder, file) = configured(&format!("[listen]\nobserver = \"{address}\"\n"));
    let (status, _, err) = run(&["calls", "--config", file.to_str().unwrap()]).await;
    assert_eq!(status, 1, "{err}");
    let expected = format!("dialhook: no connection to http://{address} (connection refused); check with ");
    assert!(err.starts_with(&expected) && err.contains("`systemctl status dialhook`"), "{err}");
}

#[tokio::test]
async fn an_observer_that_is_off_is_named_with_its_key() {
    for (observer, words) in
        [("false", "listen.observer is false in "), ("\"127.0.0.1:0\"", "lets the system choose the port")]
    {
        let (_folder, file) = configured(&format!("[listen]\nobserver = {observer}\n"));
        let (status, _, err) = run(&["calls", "--config", file.to_str().unwrap()]).await;
        assert_eq!(status, 1, "{err}");
        assert!(err.contains(words), "{err}");
    }
}

#[tokio::test]
async fn a_configuration_or_a_token_that_cannot_be_read_is_exit_status_2() {
    let (folder, file) = configured("[listen]\nobserver = 9573\n");
    let (status, _, err) = run(&["calls", "--config", file.to_str().unwrap()]).await;
    assert!(status == 2 && err.contains("listen.observer: found 9573"), "{err}");
    assert_eq!(run(&["calls", "--config", "/nonexistent.toml"]).await.0, 2);
    for (text, words) in
        [(None, "No such file"), (Some(" \n"), "it has no token"), (Some("a\nb"), "it has no token")]
    {
        let token = folder.path().join("token");
        if let Some(text) = text {
            std::fs::write(&token, text).unwrap();
        }
        let options = ["calls", "--url", "http://127.0.0.1:1", "--token-file", token.to_str().unwrap()];
        let (status, _, err) = run(&options).await;
        assert!(status == 2 && err.contains("cannot read the token in ") && err.contains(words), "{err}");
    }
}

#[tokio::test]
async fn nothing_found_says_what_was_searched_and_among_how_many_steps() {
    let steps = vec![as_json(&failed_step("a-2")), as_json(&good_step("a-1"))];
    let observer = FakeObserver::start(steps, Vec::new()).await;
    let (status, out, err) = run(&["calls", "999", "--failures", "--url", &observer.url()]).await;
    assert_eq!((status, out.as_str()), (1, ""));
    let expected = "dialhook: no step for `999` with a status other than OK among the 2 steps of the daemon since 2026-06-30 ";
    assert!(err.starts_with(expected), "{err}");
    let empty = FakeObserver::start(Vec::new(), Vec::new()).await;
    let (status, _, err) = run(&["calls", "999", "--url", &empty.url()]).await;
    assert!(
        status == 1 && err.contains(" has no steps yet. Records live in the memory of the daemon"),
        "{err}"
    );
}

#[tokio::test]
async fn a_step_that_is_gone_says_that_records_live_in_memory() {
    let observer = FakeObserver::start(vec![as_json(&good_step("a-1"))], Vec::new()).await;
    let (status, _, err) = run(&["calls", "--id", "a-9\u{1b}/..", "--url", &observer.url()]).await;
    assert_eq!(status, 1);
    assert!(
        err.starts_with("dialhook: no step a-9\\u{1b}/... Records live in the memory of the daemon"),
        "{err}"
    );
    assert_eq!(observer.received()[0].target, "/api/steps/a%2D9%1B%2F%2E%2E");
}
