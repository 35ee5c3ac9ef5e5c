//! Owner: docs. The recipes of docs/recipes.md on a real Asterisk. The tests play the part of FreePBX.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::instance::Asterisk;
use super::on_each_release;
use crate::scaling::pages;
use crate::util::{Daemon, FakeWebhook, Reply};

/// The recipe that has this line, with its steps to this daemon.
pub(super) fn recipe(line: &str, daemon: &Daemon) -> String {
    let page = pages::text("docs/recipes.md");
    let recipe = pages::blocks(&page, "conf").into_iter().find(|block| block.contains(line));
    recipe.expect("a recipe").replace("//127.0.0.1/", &format!("//{}/", daemon.address()))
}

/// The hook of the page, with another URL.
pub(super) fn hook(webhook: &FakeWebhook) -> String {
    let page = pages::text("docs/recipes.md");
    let hook = pages::blocks(&page, "toml").remove(0);
    assert!(hook.contains("\"https://crm.example.com/route\""), "{hook}");
    hook.replace("https://crm.example.com/route", &webhook.url("/route"))
}

/// A webhook that answers these words in turn, and then with an error.
async fn webhook_answering(words: &'static [&'static str]) -> FakeWebhook {
    let words = Mutex::new(VecDeque::from_iter(words));
    FakeWebhook::start(move |_| match words.lock().unwrap().pop_front() {
        Some(word) => Reply::text(word),
        None => Reply::status(500, ""),
    })
    .await
}

#[tokio::test]
async fn the_recipe_for_asterisk_leads_where_the_webhook_says() {
    on_each_release(async |release| {
        let webhook = webhook_answering(&["sales", "support", "elsewhere"]).await;
        let daemon = Daemon::start(&hook(&webhook)).await;
        // the queues of the PBX
        let dialplan = recipe("exten => _X!,1,Set(WEBHOOK_STATUS", &daemon).replace(",1,Queue(", ",1,NoOp(");
        let asterisk = Asterisk::start(release, &dialplan).await;
        for place in ["sales", "support", "reception", "reception"] {
            let ended = asterisk.call("31201234567@dialhook-route").await;
            assert_eq!(ended.places.last().unwrap(), &format!("{place}@dialhook-places"), "{ended:?}");
        }
    })
    .await;
}

/// A custom destination with Return is a `Gosub`, and what follows it the place that was chosen for the way
/// back.
const FREEPBX: &str = "
[trunk]
exten => _X!,1,Set(__FROM_DID=${EXTEN})
 same => n,Gosub(dialhook-route,s,1)
 same => n,Goto(chosen,s,1)
[chosen]
exten => s,1,NoOp()
[ext-queues]
exten => 600,1,Return()
 same => n,NoOp(the call would have come back)
[from-did-direct]
exten => 101,1,NoOp()
";

#[tokio::test]
async fn the_recipe_for_freepbx_comes_back_only_without_an_answer() {
    on_each_release(async |release| {
        let webhook = webhook_answering(&["sales", "support", "elsewhere"]).await;
        let daemon = Daemon::start(&hook(&webhook)).await;
        let dialplan = format!("{FREEPBX}{}", recipe("exten => s,1,Set(WEBHOOK_STATUS", &daemon));
        let asterisk = Asterisk::start(release, &dialplan).await;
        for place in ["600@ext-queues", "101@from-did-direct", "s@chosen", "s@chosen"] {
            let ended = asterisk.call("31201234567@trunk").await;
            assert_eq!(ended.places.last().unwrap(), place, "{ended:?}");
        }
        let json = webhook.received()[0].json();
        assert_eq!([&json["dp_in_number"], &json["variables"]["FROM_DID"]], ["s", "31201234567"]);
    })
    .await;
}
