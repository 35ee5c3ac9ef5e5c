//! Owner: log. Rate-limited log lines: what strangers can cause at will is counted, and logged only
//! sometimes.

use std::sync::Arc;

use dialhook::metrics::Metrics;
use dialhook::switch::Switch;
use dialhook::switch::agi::Agi;
use dialhook::switch::esl::Esl;
use tokio::io::duplex;

use super::{TEXT, listening, logged, tables, webhook};
use crate::util::{
    ChannelData, Environment, FakeAsterisk, FakeFreeSwitch, FakeWebhook, Reply, Sessions, SocketMode, metrics,
};

#[tokio::test]
async fn many_refused_connections_leave_one_line() {
    let lines = logged(TEXT, "info", "", async |daemon| {
        for _ in 0..20 {
            let mut switch = FakeAsterisk::connect(daemon.address()).await;
            switch.send(b"GET / HTTP/1.1\n\n").await;
            switch.receive_all().await;
        }
    })
    .await;
    assert_eq!(lines.iter().filter(|line| line.contains("connection refused")).count(), 1, "{lines:?}");
}

/// More lines than the rate limit allows in a few seconds.
const MANY: usize = 100;

#[tokio::test]
async fn steps_without_a_request_are_counted_and_only_some_are_logged() {
    let mut counted = String::new();
    let lines = logged(TEXT, "info", "", async |daemon| {
        for _ in 0..MANY {
            let ended = FakeAsterisk::call(daemon.address(), Environment::new("nobody")).await;
            assert_eq!(ended.status(), "BAD_REQUEST");
        }
        counted = metrics(daemon).await;
    })
    .await;
    let steps = lines.iter().filter(|line| line.contains("webhook step")).count();
    assert!((10..MANY).contains(&steps), "{steps}");
    let count = format!("{{hook=\"unknown\",status=\"BAD_REQUEST\",switch=\"asterisk\"}} {MANY}\n");
    assert!(counted.contains(&count), "{counted}");
}

#[tokio::test]
async fn steps_with_a_request_are_all_logged() {
    let webhook = webhook().await;
    let lines = logged(TEXT, "info", &tables(&webhook), async |daemon| {
        for _ in 0..MANY / 2 {
            FakeAsterisk::call(daemon.address(), Environment::new("crm")).await;
            FakeAsterisk::call(daemon.address(), Environment::new("broken")).await;
        }
    })
    .await;
    assert_eq!(lines.iter().filter(|line| line.contains("webhook step")).count(), MANY);
    assert!(!lines.concat().contains("unlogged"));
}

#[tokio::test]
async fn hangups_before_the_request_are_counted_and_not_always_logged() {
    let (_this_thread, written) = listening(TEXT, "info");
    let metrics = Arc::new(Metrics::default());
    let sessions = Sessions::counted_in(Arc::clone(&metrics), "");
    for _ in 0..MANY {
        let (here, there) = duplex(64 * 1024);
        let switch = Switch::new(there, Esl::new(8084));
        let end = sessions.start(switch);
        FakeFreeSwitch::over(here, ChannelData::new(SocketMode::Full, "127.0.0.1:8084")).greet().await;
        end.await.unwrap();
    }
    let lines = written.lines();
    let left = lines.iter().filter(|line| line.contains("status=\"CANCELLED\"")).count();
    assert!((10..MANY).contains(&left), "{left}");
    assert!(metrics.render().contains(&format!("status=\"CANCELLED\",switch=\"freeswitch\"}} {MANY}\n")));
}

#[tokio::test(start_paused = true)]
async fn one_kind_of_refusal_hides_no_other() {
    let (_this_thread, written) = listening(TEXT, "info");
    let sessions = Sessions::under("");
    for sent in [&b"nonsense\n\n"[..], &b"nonsense\n\n"[..], &[b'x'; 70 * 1024], b""] {
        let (here, there) = duplex(128 * 1024);
        let agi = Switch::new(there, Agi::new("0123456789abcdef".to_owned()));
        let end = sessions.start(agi);
        let mut stranger = FakeAsterisk::over(here);
        stranger.send(sent).await;
        stranger.receive_all().await;
        drop(stranger);
        end.await.unwrap();
    }
    let lines = written.lines();
    let refused: Vec<_> = lines.iter().filter(|line| line.contains("connection refused")).collect();
    assert_eq!(refused.len(), 3, "{refused:?}");
    for (line, why) in refused.iter().zip(["out of order", "too long", "sent nothing for 5s"]) {
        assert!(line.contains(why), "{line}");
    }
}

#[tokio::test]
async fn a_switch_that_sets_no_variable_is_logged_once() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let tables = format!("[hook.crm]\nurl = \"{}\"\n", webhook.url("/"));
    let lines = logged(TEXT, "info", &tables, async |daemon| {
        for _ in 0..3 {
            let mut switch = FakeAsterisk::connect(daemon.address()).await;
            switch.greet(&Environment::new("crm")).await.expect("a challenge");
            switch.receive_all().await;
            switch.send(b"510 Invalid or unknown command\n").await;
        }
    })
    .await;
    let warnings = lines.iter().filter(|line| line.contains("the switch did not set every variable"));
    assert_eq!(warnings.count(), 1, "{lines:?}");
}
