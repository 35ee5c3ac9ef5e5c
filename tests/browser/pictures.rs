//! Owner: docs. The pictures of the documentation: `cargo test --test tests browser::pictures -- --ignored`
//! writes them anew into docs/images/.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::scene::Scene;
use crate::util::browser::Browser;

const WIDTH: u32 = 1280;

/// A larger file would be a burden for the package and for the reader.
const LARGEST: u64 = 100_000;

#[tokio::test]
#[ignore = "it writes docs/images/"]
async fn the_pictures_of_the_documentation() {
    let Some(browser) = Browser::free().await else { return };
    let scene = Scene::believable().await;
    browser.time_zone("Europe/Amsterdam").await;
    browser.open(&scene.url("/")).await;
    browser.see("#live-state[data-state=live]").await;
    take(&browser, 760, "calls.png").await;
    browser.open(&scene.url(&scene.repeat().await)).await;
    browser.see("mark.fault").await;
    take(&browser, 1400, "refused-answer.png").await;
}

/// Takes a picture of the page, or of so many pixels from its top.
async fn take(browser: &Browser, highest: u32, name: &str) {
    let height: u32 = browser.script("return document.documentElement.scrollHeight").await;
    browser.screen(WIDTH, height.min(highest)).await;
    let picture = browser.picture().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("docs/images").join(name);
    fs::create_dir_all(root.join("docs/images")).unwrap();
    fs::write(&file, picture).unwrap();
    // the browser writes three bytes a pixel
    let with_palette = Command::new(root.join("tests/browser/palette")).arg(&file).status().unwrap();
    assert!(with_palette.success());
    let bytes = fs::metadata(file).unwrap().len();
    assert!(bytes <= LARGEST, "{name} has {bytes} bytes");
}
