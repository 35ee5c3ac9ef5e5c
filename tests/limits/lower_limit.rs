//! Owner: slots. A reload that lowers `limits.calls`: no new call waits for the end of earlier calls.

use tokio::task::JoinSet;

use crate::util::{FakeServiceManager, call_crm, gated_webhook};

const LISTEN: &str = "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = false\nobserver = false\n";

/// More calls than there may be connections after the reload.
const MANY: usize = 110;

#[tokio::test]
async fn a_new_call_is_overloaded_at_once_and_earlier_calls_finish() {
    let (gate, webhook) = gated_webhook().await;
    let manager = FakeServiceManager::new();
    let configure = |calls: usize| {
        let hook = format!("[hook.crm]\nurl = \"{}\"\ntimeout = 10\n", webhook.url("/"));
        manager.configure(&format!("{LISTEN}{hook}[limits]\ncalls = {calls}\n"));
    };
    configure(MANY);
    // a process of its own: there may be no more than 1,024 descriptors in one
    let mut daemon = manager.start();
    let listening = daemon.logs("listening").await;
    let address = crate::util::listening(&listening).unwrap();
    let mut calls: JoinSet<_> = (0..MANY).map(|_| call_crm(address)).collect();
    webhook.request(MANY).await;
    configure(1);
    daemon.signal("HUP").await;
    daemon.logs("reloaded").await;
    for _ in 0..10 {
        let ended = call_crm(address).await;
        assert_eq!(
            (ended.status(), ended.reason()),
            ("OVERLOADED", "more calls at once than limits.calls of 1 allows")
        );
    }
    gate.open();
    while let Some(ended) = calls.join_next().await {
        assert_eq!(ended.unwrap().status(), "OK", "the new calls waited for those of before");
    }
    assert_eq!(call_crm(address).await.status(), "OK");
}
