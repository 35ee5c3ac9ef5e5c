//! Owner: observer. Narrow screens and large letters: nothing is wider than the screen.

use super::scene::Scene;
use crate::util::browser::Browser;

/// A small telephone, a larger one, and 1280 pixels at 200 %.
const SCREENS: [(u32, u32); 3] = [(320, 640), (360, 740), (640, 450)];

#[tokio::test]
async fn no_page_is_wider_than_a_narrow_screen() {
    let Some(browser) = Browser::free().await else { return };
    let scene = Scene::busy().await;
    let mut wide = Vec::new();
    for path in scene.paths().await {
        browser.open(&scene.url(&path)).await;
        for (width, height) in SCREENS {
            browser.screen(width, height).await;
            let (is_wide, causes): (bool, Vec<String>) = browser
                .script(
                    "const beyond = [...document.body.querySelectorAll('*')]
                       .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
                       .map((element) => `${element.tagName}.${element.className}`);
                     return [document.documentElement.scrollWidth > innerWidth, beyond.slice(0, 4)];",
                )
                .await;
            if is_wide {
                wide.push(format!("{path} at {width}: {causes:?}"));
            }
        }
    }
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}

#[tokio::test]
async fn a_step_is_found_and_read_on_a_telephone() {
    let Some(browser) = Browser::free().await else { return };
    let scene = Scene::busy().await;
    browser.screen(360, 740).await;
    browser.open(&scene.url("/?status=BAD_ANSWER")).await;
    browser.fill("#q", "911").await;
    browser.click(".search button").await;
    browser.click(".steps .when a").await;
    browser.read(".why", "What to do").await;
    browser.read("mark.fault", "marketing").await;
}
