//! Owner: observer. The pages with scripts switched off.

use super::{call_from, crm, page};
use crate::util::browser::Browser;
use crate::util::{Daemon, FakeWebhook, Reply};

#[tokio::test]
async fn everything_but_the_live_list_works_without_scripts() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = FakeWebhook::answering([Reply::text("marketing"), Reply::text("support")]).await;
    let daemon = Daemon::start(&format!("{}[observer]\ntry = true\n", crm(&webhook))).await;
    call_from(&daemon, "31612345678").await;
    call_from(&daemon, "31612345911").await;
    browser.scripts(false).await;
    browser.open(&page(&daemon, "/")).await;
    browser.read("#zone", "Times are UTC").await;
    assert_eq!(browser.texts(".steps tbody .when").await.len(), 2);
    assert!(browser.texts("#live-pause").await.iter().all(String::is_empty), "nothing to pause");

    browser.fill("#q", "678").await;
    browser.click(".search button").await;
    browser.read(".active", "678").await;
    browser.click(".steps .when a").await;
    browser.read("mark.fault", "marketing").await;
    browser.read(".why", "What to do").await;
    assert!(browser.texts("[data-copy]").await.iter().all(String::is_empty), "nothing copies");

    browser.click("form.again button").await;
    browser.read(".outcome .said", "support").await;
    browser.click("nav a[href='/try']").await;
    browser.fill("#t-caller", "31612345678").await;
    browser.click("form.try button").await;
    browser.read(".outcome .said", "support").await;
    assert_eq!(webhook.received().len(), 4);
    browser.click("nav a[href='/hooks']").await;
    browser.see("#hook-crm .plot svg").await;
}
