//! Owner: observer. The page of one step in a browser.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{call_from, crm, page, path_of};
use crate::util::browser::Browser;
use crate::util::{Daemon, FakeWebhook, Reply, daemon_for};

#[tokio::test]
async fn a_refused_answer_is_explained_and_marked() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = FakeWebhook::start(|_| Reply::text("marketing")).await;
    let daemon = Daemon::start(&crm(&webhook)).await;
    call_from(&daemon, "31612345678").await;
    browser.open(&page(&daemon, "/?q=678")).await;
    browser.click(".steps .when a").await;

    browser.read(".facts .chip", "BAD_ANSWER").await;
    browser.read("h1", "reception").await;
    browser.read(".why", "What to do").await;
    browser.read(".judged .notice", "Refused by answers").await;
    browser.read(".judged", "sales, support").await;
    browser.read(".vars", "otherwise").await;
    browser.read("mark.fault", "marketing").await;
    browser.read(".timeline", "Attempt").await;
    browser.see(".timeline td.lane svg rect.waiting").await;

    browser.click(".why a").await;
    browser.read(".document h1", "A call went wrong").await;
    assert!(browser.url().await.contains("/docs/reading-the-log#bad_answer"), "{}", browser.url().await);
    browser.read("#bad_answer", "BAD_ANSWER").await;
}

#[tokio::test]
async fn the_one_refused_character_is_marked_and_named() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = FakeWebhook::start(|_| Reply::text("sales;\u{202e}team")).await;
    let daemon = daemon_for(&webhook, "").await;
    let step = call_from(&daemon, "31612345678").await;
    browser.open(&page(&daemon, &path_of(&step))).await;
    let marked = browser.texts("#h-answer ~ pre mark.fault").await;
    assert_eq!(marked.first().map(String::as_str), Some(";"), "{marked:?}");
    assert!(browser.texts("#h-answer ~ pre .hidden").await.iter().any(|name| name.contains("202E")));
}

#[tokio::test]
async fn a_stale_answer_is_told_apart_from_a_fresh_one() {
    let Some(browser) = Browser::free().await else { return };
    let is_dead = Arc::new(AtomicBool::new(false));
    let dead = Arc::clone(&is_dead);
    let webhook = FakeWebhook::start(move |_| {
        if dead.load(Ordering::Relaxed) { Reply::status(503, "") } else { Reply::text("sales") }
    })
    .await;
    let more = "method = \"GET\"\ncache = \"1s\"\nstale_if_error = \"10m\"\n";
    let daemon = daemon_for(&webhook, more).await;
    call_from(&daemon, "31612345678").await;
    is_dead.store(true, Ordering::Relaxed);
    browser.open(&page(&daemon, "/")).await;
    // until the kept answer is no longer fresh
    let step = loop {
        let step = call_from(&daemon, "31612345678").await;
        if step["answer"] == "stale" {
            break step;
        }
        assert_eq!(step["answer"], "cached");
    };
    browser.read(".steps .origin", "stale").await;
    browser.open(&page(&daemon, &path_of(&step))).await;
    browser.read("h1", "stale").await;
    browser.read(".timeline", "503").await;
}

#[tokio::test]
async fn each_variable_is_marked_in_the_json_that_it_comes_from() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = FakeWebhook::start(|_| Reply::json(r#"{"customer":{"route":"vip","age":7}}"#)).await;
    let hook = format!(
        "[hook.crm]\nurl = \"{}\"\n[hook.crm.set]\nROUTE = \"/customer/route\"\nNAME = \"/customer/Name\"\n\
         [history]\nbodies = \"all\"\n",
        webhook.url("/")
    );
    let daemon = Daemon::start(&hook).await;
    let step = call_from(&daemon, "31612345678").await;
    browser.open(&page(&daemon, &path_of(&step))).await;
    browser.read("mark.used", "\"vip\"").await;
    browser.read("pre.json .label", "ROUTE").await;
    browser.read(".vars .warn", "/customer/Name").await;
}

#[tokio::test]
async fn the_request_is_copied_as_a_command() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = Daemon::start(&format!("{}[history]\nbodies = \"all\"\n", crm(&webhook))).await;
    let step = call_from(&daemon, "31612345678").await;
    browser.open(&page(&daemon, &path_of(&step))).await;
    browser.click("[data-copy=as-try]").await;
    browser.read("[data-copy=as-try]", "Copied").await;
    let copied: String = browser.script("return document.getElementById('as-try').value").await;
    assert!(copied.starts_with("dialhook try 'crm'"), "{copied}");
    let curl: String = browser.script("return document.getElementById('as-curl').value").await;
    assert!(curl.starts_with("curl "), "{curl}");
}

#[tokio::test]
async fn a_step_that_is_gone_has_a_page_that_says_why() {
    let Some(browser) = Browser::free().await else { return };
    let daemon = Daemon::start("").await;
    browser.open(&page(&daemon, "/steps/9c41f2-118")).await;
    browser.read(".empty", "9c41f2-118").await;
    browser.read(".empty", "a restart loses them").await;
}
