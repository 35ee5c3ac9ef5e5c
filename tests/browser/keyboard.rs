//! Owner: observer. The pages with the keyboard alone.

use super::{call_from, crm, page};
use crate::util::browser::Browser;
use crate::util::{Daemon, good_webhook};

/// WebDriver's codes of keys without a character.
const ENTER: &str = "\u{e007}";
const TAB: &str = "\u{e004}";
const DOWN: &str = "\u{e015}";

/// The text of the element that has the focus.
async fn focused(browser: &Browser) -> String {
    browser.focused().await.text().await.unwrap()
}

#[tokio::test]
async fn the_keyboard_alone_finds_and_opens_a_step() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = good_webhook().await;
    let daemon = Daemon::start(&crm(&webhook)).await;
    for caller in ["31612345678", "31612345911", "31698765678"] {
        call_from(&daemon, caller).await;
    }
    browser.open(&page(&daemon, "/")).await;
    browser.press("/").await;
    assert_eq!(browser.focused().await.id().await.unwrap().as_deref(), Some("q"));
    browser.press("678").await;
    browser.press(ENTER).await;
    browser.read(".active", "678").await;

    browser.press("jj").await;
    let second = focused(&browser).await;
    browser.press("k").await;
    let first = focused(&browser).await;
    let times = browser.texts(".steps .when a").await;
    assert_eq!((first, second), (times[0].clone(), times[1].clone()));
    browser.press(DOWN).await;
    browser.press(ENTER).await;
    browser.read(".facts .chip", "OK").await;
}

#[tokio::test]
async fn the_first_tab_goes_to_the_content_and_the_focus_is_visible() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = good_webhook().await;
    let daemon = Daemon::start(&crm(&webhook)).await;
    call_from(&daemon, "31612345678").await;
    browser.open(&page(&daemon, "/")).await;
    browser.press(TAB).await;
    assert_eq!(focused(&browser).await, "Skip to the content");
    browser.press(ENTER).await;
    // the next element behind the navigation
    browser.press(TAB).await;
    assert_eq!(browser.focused().await.id().await.unwrap().as_deref(), Some("q"));
    let outline: String =
        browser.script("return getComputedStyle(document.activeElement).outlineStyle").await;
    assert_eq!(outline, "solid");
}

#[tokio::test]
async fn a_letter_in_a_field_is_only_a_letter_and_keys_can_be_turned_off() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = good_webhook().await;
    let daemon = Daemon::start(&crm(&webhook)).await;
    call_from(&daemon, "31612345678").await;
    browser.open(&page(&daemon, "/")).await;
    browser.fill("#q", "jk/").await;
    let value: String = browser.script("return document.getElementById('q').value").await;
    assert_eq!(value, "jk/");
    browser.click(".keys summary").await;
    browser.click("#keys-on").await;
    browser.open(&page(&daemon, "/")).await;
    browser.press("j").await;
    assert_eq!(browser.focused().await.tag_name().await.unwrap(), "body");
}
