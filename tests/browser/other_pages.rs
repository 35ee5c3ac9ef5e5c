//! Owner: observer. The pages of hooks, the configuration and the documentation in a browser.

use std::path::Path;

use dialhook::config::Config;

use super::{call_from, crm, page};
use crate::util::browser::Browser;
use crate::util::{Daemon, FakeWebhook, Reply};

#[tokio::test]
async fn the_page_of_hooks_shows_numbers_breaker_and_last_failure() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = FakeWebhook::answering([Reply::text("sales"), Reply::text("marketing")]).await;
    let daemon = Daemon::start(&crm(&webhook)).await;
    call_from(&daemon, "31612345678").await;
    call_from(&daemon, "31612345911").await;
    browser.open(&page(&daemon, "/")).await;
    browser.click("nav a[href='/hooks']").await;
    browser.read("#hook-crm .numbers", "Calls\n2").await;
    browser.read("#hook-crm .numbers", "50").await;
    browser.read("#hook-crm .endpoints", "closed").await;
    browser.see("#hook-crm .plot svg rect.failed").await;
    browser.read("#hook-crm .last", "BAD_ANSWER").await;
    browser.click("#hook-crm .last a").await;
    browser.read(".facts", "911").await;
}

#[tokio::test]
async fn the_page_of_the_configuration_shows_a_reload_that_was_refused() {
    let Some(browser) = Browser::free().await else { return };
    let daemon = Daemon::start("[log]\nnumbers = true\n").await;
    browser.open(&page(&daemon, "/configuration")).await;
    browser.read("main", "In force since").await;
    assert!(browser.texts("#h-refused").await.is_empty());
    let faulty = "[hook.crm]\nurl = \"http://127.0.0.1/<b>\"\ntimeot = 3\n";
    let _refused = daemon.server().reload(Config::parse(faulty, Path::new("dialhook.toml")));
    browser.open(&page(&daemon, "/configuration")).await;
    browser.read("#h-refused", "The last reload was refused").await;
    browser.read(".notice.bad .lines", "timeot").await;
}

#[tokio::test]
async fn the_documentation_is_in_the_daemon() {
    let Some(browser) = Browser::free().await else { return };
    let daemon = Daemon::start("").await;
    browser.open(&page(&daemon, "/docs/reading-the-log")).await;
    browser.read("article h1", "A call went wrong").await;
    browser.click(".document nav a[href='/docs/configuration']").await;
    browser.read("article", "stale_if_error").await;
    browser.open(&page(&daemon, "/nothing")).await;
    browser.read("h1", "page").await;
}
