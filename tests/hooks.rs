//! What a webhook gets, and what each kind of answer leads to: through the real listener.

use crate::util::{Daemon, Environment, FakeSwitch, FakeWebhook, Reply};

#[tokio::test]
async fn an_answer_becomes_the_hooks_variable() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales\n")).await;
    let url = webhook.url("/route");
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{url}\"\nvariable = \"CRM\"")).await;
    let ended = FakeSwitch::call(daemon.address(), Environment::new("crm").caller("31612345678")).await;
    assert_eq!(ended.heard, b"SET VARIABLE CRM \"sales\"\nSET VARIABLE WEBHOOK_CODE \"200\"\nSET VARIABLE WEBHOOK_REASON \"\"\nSET VARIABLE WEBHOOK_STATUS \"OK\"\n");
    assert_eq!((ended.get("CRM"), ended.status()), (Some("sales"), "OK"));
    assert_eq!(webhook.requested().await.json()["caller_number"], "31612345678");
    daemon.stop().await;
}
