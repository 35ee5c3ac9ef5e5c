//! Owner: observer. No serious fault that axe-core can find, on any page, in light and dark, wide and narrow.

use std::fs;
use std::path::Path;

use super::scene::Scene;
use crate::util::browser::{Browser, Colours};

const RUN: &str = "const options = { resultTypes: ['violations'], RULES };
axe.run(document, options).then((result) => arguments[0](result.violations
  .filter((fault) => ['serious', 'critical'].includes(fault.impact))
  .map((fault) => `${fault.id}: ${fault.nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ''}`).join('; ')}`)));";

/// Only colours differ between the two looks of a page, so the other rules need only one of them.
const COLOURS: &str = "runOnly: ['color-contrast', 'link-in-text-block']";

/// Returns the serious faults of the page, in light and dark, wide and narrow.
async fn faults(browser: &Browser, axe: &str) -> Vec<String> {
    browser.script::<()>(axe).await;
    let mut all = Vec::new();
    for (width, height, colours, rules) in [
        (1280, 900, Colours::Light, ""),
        (1280, 900, Colours::Dark, COLOURS),
        (360, 740, Colours::Dark, ""),
        (360, 740, Colours::Light, COLOURS),
    ] {
        browser.screen(width, height).await;
        browser.prefer(colours).await;
        let found: Vec<String> = browser.script_with_callback(&RUN.replace("RULES", rules)).await;
        all.extend(found.into_iter().map(|fault| format!("{colours:?}, {width} pixels: {fault}")));
    }
    all
}

fn axe() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/axe/axe.min.js");
    fs::read_to_string(file).unwrap()
}

#[tokio::test]
async fn axe_finds_no_serious_fault_on_any_page() {
    let Some(browser) = Browser::free().await else { return };
    let (scene, axe, mut wrong) = (Scene::busy().await, axe(), Vec::new());
    for path in scene.paths().await {
        browser.open(&scene.url(&path)).await;
        wrong.extend(faults(&browser, &axe).await.into_iter().map(|fault| format!("{path}: {fault}")));
    }
    browser.open(&scene.url(&scene.repeat().await)).await;
    browser.click("form.again button").await;
    browser.see(".outcome").await;
    wrong.extend(faults(&browser, &axe).await.into_iter().map(|fault| format!("the result: {fault}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The test above must be able to fail.
#[tokio::test]
async fn axe_finds_a_text_without_contrast_and_a_field_without_a_label() {
    let Some(browser) = Browser::free().await else { return };
    let scene = Scene::busy().await;
    browser.open(&scene.url("/nothing")).await;
    browser
        .script::<()>(
            "const text = document.createElement('p');
             text.textContent = 'grey'; text.style.color = '#777'; text.style.background = '#888';
             document.querySelector('main').append(text, document.createElement('input'));",
        )
        .await;
    let faults = faults(&browser, &axe()).await.join("\n");
    assert!(faults.contains("color-contrast") && faults.contains("label"), "{faults}");
}
