//! Owner: observer. The list of calls in a browser: live, filtered, grouped.

use super::{call_from, crm, page, place};
use crate::util::browser::Browser;
use crate::util::{Daemon, Environment, FakeWebhook, Reply, good_webhook};

/// The number of rows of the list.
async fn rows(browser: &Browser) -> usize {
    browser.script("return document.querySelectorAll('.steps tbody tr[id]').length").await
}

#[tokio::test]
async fn a_call_appears_in_the_open_list() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = good_webhook().await;
    let daemon = Daemon::start(&crm(&webhook)).await;
    browser.open(&page(&daemon, "/")).await;
    browser.read("#empty", "No step yet").await;
    browser.see("#live-state[data-state=live]").await;
    browser.script::<()>("window.sameDocument = true").await;

    let step = call_from(&daemon, "31612345678").await;
    let row = format!("#step-{}", step["id"].as_str().unwrap());
    browser.read(&format!("{row} .result"), "OK").await;
    browser.read(&format!("{row} .who"), "678").await;
    let second = call_from(&daemon, "31612345911").await;
    browser.read(&format!("#step-{} .who", second["id"].as_str().unwrap()), "911").await;
    assert_eq!(rows(&browser).await, 2);
    assert!(browser.script::<bool>("return window.sameDocument === true").await, "it was loaded again");
    assert!(!browser.body().await.contains("31612345"), "numbers are masked");
}

#[tokio::test]
async fn a_paused_list_stays_as_it_is_and_counts_what_is_new() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = good_webhook().await;
    let daemon = Daemon::start(&crm(&webhook)).await;
    call_from(&daemon, "31612345678").await;
    browser.open(&page(&daemon, "/")).await;
    browser.see("#live-state[data-state=live]").await;
    browser.click("#live-pause").await;
    call_from(&daemon, "31612345911").await;
    browser.read("#live-state", "Paused; 1 new").await;
    assert_eq!(rows(&browser).await, 1);
    browser.click("#live-pause").await;
    browser.read(".steps .who", "911").await;
    assert_eq!(rows(&browser).await, 2);
}

#[tokio::test]
async fn filters_are_in_the_url_and_can_be_removed() {
    let Some(browser) = Browser::free().await else { return };
    let webhook =
        FakeWebhook::answering([Reply::text("sales"), Reply::text("marketing"), Reply::text("sales")]).await;
    let daemon = Daemon::start(&crm(&webhook)).await;
    for caller in ["31612345678", "31698765678", "31612345911"] {
        call_from(&daemon, caller).await;
    }
    browser.open(&page(&daemon, "/")).await;
    browser.see(".steps").await;
    assert_eq!(rows(&browser).await, 3);

    browser.fill("#q", "678").await;
    browser.click(".search button").await;
    browser.read(".active", "678").await;
    assert!(browser.url().await.contains("q=678"), "{}", browser.url().await);
    assert_eq!(rows(&browser).await, 2);

    browser.click(".tabs a[href*='failed=true']").await;
    browser.read(".tabs [aria-current]", "Failures").await;
    let url = browser.url().await;
    assert!(url.contains("q=678") && url.contains("failed=true"), "{url}");
    assert_eq!(rows(&browser).await, 1);
    browser.read(".steps .result", "BAD_ANSWER").await;

    browser.click(".active a").await;
    browser.see(".tabs").await;
    let url = browser.url().await;
    assert!(url.ends_with("/?failed=true"), "{url}");
    browser.open(&page(&daemon, "/?since=yesterday")).await;
    browser.read("#fault", "since").await;
}

#[tokio::test]
async fn the_steps_of_one_call_are_a_group_with_a_link() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = good_webhook().await;
    let daemon = Daemon::start(&crm(&webhook)).await;
    call_from(&daemon, "31612345678").await;
    call_from(&daemon, "31612345678").await;
    let other = Environment::new("crm").caller("31612345911").variable("CHANNEL(linkedid)", "17.5");
    place(&daemon, other.line("agi_uniqueid", "17.5")).await;
    browser.open(&page(&daemon, "/")).await;
    browser.read(".group .of", "2 steps of call 1795416038.1").await;
    browser.click(".group .of a").await;
    browser.read(".active", "1795416038.1").await;
    assert_eq!(rows(&browser).await, 2);
}
