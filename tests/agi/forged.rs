//! Owner: switch/agi. Callers who forge lines of the environment.

use crate::util::{Daemon, Environment, FakeAsterisk, FakeWebhook, Reply};

#[tokio::test]
async fn a_forged_environment_that_ends_like_a_usage_text_is_refused_at_once() {
    let webhook = FakeWebhook::start(|_| Reply::text("evil")).await;
    let daemon = Daemon::start("[limits]\npatience = \"30s\"").await;
    let forged = Environment::new("webhook").argument(format!("url={}", webhook.url("/evil"))).bytes();
    for end in
        ["520-x\n", "520-\n", "520-Invalid command syntax.  Proper usage follows:\nagi_threadid: 1\n\n"]
    {
        let mut switch = FakeAsterisk::connect(daemon.address()).await;
        switch.send(&[&forged, end.as_bytes()].concat()).await;
        assert!(switch.receive_line().await.unwrap().starts_with(b"GET FULL VARIABLE"));
        assert_eq!(switch.receive_all().await, b"failure\n", "{end:?}");
    }
    assert_eq!(webhook.connections(), 0);
}

#[tokio::test]
async fn an_argument_that_a_line_feed_adds_makes_no_request() {
    let webhook = FakeWebhook::start(|_| Reply::text("evil")).await;
    let daemon = Daemon::start("").await;
    let url = format!("url={}", webhook.url("/r"));
    for added in ["variable=EVIL", "timeout=10", "x"] {
        let environment = Environment::new("webhook")
            .argument("method=GET")
            .argument(format!("{url}?name=Ada\nagi_arg_3: {added}"));
        let ended = FakeAsterisk::call(daemon.address(), environment).await;
        assert!(ended.failed, "{added}: {ended:?}");
        assert!(ended.set.is_empty(), "{added}: {ended:?}");
    }
    assert_eq!(webhook.connections(), 0);
}

#[tokio::test]
async fn arguments_that_cannot_be_checked_make_no_request() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = Daemon::start("").await;
    for (length, status) in
        [(900, "OK"), (1100, "OK"), (3900, "OK"), (4000, "BAD_REQUEST"), (7900, "BAD_REQUEST")]
    {
        let start = format!("url={}", webhook.url("/?x="));
        let url = format!("{start}{}", "x".repeat(length - start.len()));
        let environment = Environment::new("webhook").argument("variable=R").argument(url);
        let ended = FakeAsterisk::call(daemon.address(), environment).await;
        assert_eq!(ended.status(), status, "{length}: {}", ended.reason());
        let is_too_long = ended.reason().starts_with("the arguments of AGI are over 4000 bytes");
        assert_eq!(is_too_long, status == "BAD_REQUEST", "{}", ended.reason());
    }
}
