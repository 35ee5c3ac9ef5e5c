//! Owner: observer. Requests that a person makes from a page.

use super::{call_from, crm, page, path_of, steps};
use crate::util::browser::Browser;
use crate::util::{Daemon, FakeWebhook, Reply, good_webhook};

const ALLOWED: &str = "[observer]\ntry = true\n";

#[tokio::test]
async fn a_hook_is_tried_by_the_form() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = good_webhook().await;
    let daemon = Daemon::start(&format!("{}{ALLOWED}", crm(&webhook))).await;
    browser.open(&page(&daemon, "/")).await;
    browser.click("nav a[href='/try']").await;
    browser.fill("#t-caller", "31612345678").await;
    browser.fill("#t-callee", "200").await;
    browser.click("form.try button").await;

    browser.read(".outcome", "A call would get now").await;
    browser.read(".outcome .said", "sales").await;
    let received = webhook.received();
    assert_eq!(received.len(), 1);
    assert!(received[0].text().contains("31612345678"), "{}", received[0].text());
    assert!(steps(&daemon).await.is_empty(), "a request of a page is no step of a call");
}

#[tokio::test]
async fn a_recorded_step_is_repeated_and_now_stands_beside_then() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = FakeWebhook::answering([Reply::text("marketing"), Reply::text("support")]).await;
    let daemon = Daemon::start(&format!("{}{ALLOWED}", crm(&webhook))).await;
    let step = call_from(&daemon, "31612345678").await;
    browser.open(&page(&daemon, &path_of(&step))).await;
    browser.click("form.again button").await;

    browser.read(".outcome .said", "support").await;
    browser.read(".outcome table", "CRM reception support").await;
    let columns = browser.texts(".columns h2 .chip").await;
    assert_eq!(columns, ["BAD_ANSWER", "OK"], "then, now");
    let received = webhook.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].header("dialhook-repeat"), None);
    assert_eq!(received[1].header("dialhook-repeat"), Some("1"));
    assert_eq!(received[0].json()["caller_number"], received[1].json()["caller_number"]);
}

#[tokio::test]
async fn the_data_of_a_step_can_be_changed_before_it_is_repeated() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = good_webhook().await;
    let daemon = Daemon::start(&format!("{}{ALLOWED}", crm(&webhook))).await;
    let step = call_from(&daemon, "31612345678").await;
    browser.open(&page(&daemon, &path_of(&step))).await;
    browser.click("form.again a").await;
    browser.fill("#t-callee", "299").await;
    browser.click("form.try button").await;
    browser.read(".outcome .notice", "The same result as then").await;
    let (then, now) = (webhook.received()[0].json(), webhook.request(2).await.json());
    assert_eq!(then["caller_number"], now["caller_number"]);
    assert_eq!((&then["callee_number"], &now["callee_number"]), (&"200".into(), &"299".into()));
}

#[tokio::test]
async fn no_page_makes_a_request_by_default() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = good_webhook().await;
    let daemon = Daemon::start(&crm(&webhook)).await;
    let step = call_from(&daemon, "31612345678").await;
    browser.open(&page(&daemon, "/try")).await;
    browser.read(".empty", "try = true").await;
    browser.open(&page(&daemon, &path_of(&step))).await;
    browser.read("#h-again ~ *", "try = true").await;
    assert!(browser.texts("form.again").await.is_empty());
    // a form that somebody left open while the configuration changed
    for path in ["/try".to_owned(), "/api/try".to_owned(), format!("{}/repeat", path_of(&step))] {
        let code: u16 = browser
            .script_with_callback(&format!(
                "fetch('{path}', {{ method: 'POST', body: new URLSearchParams({{ hook: 'crm' }}) }})\
                 .then((answer) => arguments[0](answer.status))"
            ))
            .await;
        assert!((400..500).contains(&code), "{path}: {code}");
    }
    assert_eq!(webhook.received().len(), 1, "the call's own request");
}
