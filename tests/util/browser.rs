//! Owner: the tests. Debian's chromium without a window. One browser serves all tests, one after the other.

/// Chromium's driver as a child process, whose end is the end of the tests.
mod process;

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thirtyfour::{By, Capabilities, WebDriver, WebElement};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{sleep, timeout};

use self::process::Driver;
use super::{TIME_LIMIT, skipped};

/// The browser as long as one test has it.
pub struct Browser {
    session: MutexGuard<'static, Option<Session>>,
}

struct Session {
    driver: WebDriver,
    _process: Driver,
}

/// The colours that the viewer prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    Light,
    Dark,
}

static BROWSER: Mutex<Option<Session>> = Mutex::const_new(None);

/// The time between two looks at a page that is to change.
const LOOK: Duration = Duration::from_millis(25);

/// A name that the browser takes for this machine, as one that an attacker has bound to it.
pub const REBOUND: &str = "rebound.example";

impl Browser {
    /// Waits for the browser, and returns it with an empty page, 1280 pixels wide, in light colours. Says
    /// that the test is skipped if there is no chromium.
    pub async fn free() -> Option<Self> {
        if let Some(missing) = process::missing() {
            let required = std::env::var_os("DIALHOOK_REQUIRE_CHROMIUM").is_some();
            assert!(!required, "DIALHOOK_REQUIRE_CHROMIUM forbids to skip the browser: {missing}");
            skipped(&format!("the pages in a browser: {missing}"));
            return None;
        }
        let mut session = BROWSER.lock().await;
        if session.is_none() {
            *session = Some(Session::start().await);
        }
        let browser = Self { session };
        browser.open("about:blank").await;
        browser.scripts(true).await;
        browser.screen(1280, 900).await;
        browser.prefer(Colours::Light).await;
        browser.tell("Emulation.setLocaleOverride", json!({ "locale": "en-GB" })).await;
        Some(browser)
    }

    fn driver(&self) -> &WebDriver {
        &self.session.as_ref().expect("started").driver
    }

    /// Opens a page, and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        self.driver().goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// The URL of the page.
    pub async fn url(&self) -> String {
        self.driver().current_url().await.expect("a page").to_string()
    }

    /// Waits for an element that can be seen.
    pub async fn see(&self, css: &str) -> WebElement {
        self.read(css, "").await
    }

    /// Waits for an element that can be seen and has this text in it. A live page may replace an element
    /// while it is read.
    pub async fn read(&self, css: &str, text: &str) -> WebElement {
        let found = async {
            loop {
                for element in self.driver().find_all(By::Css(css)).await.expect("a page") {
                    let is_seen = element.is_displayed().await.is_ok_and(|is_seen| is_seen);
                    if is_seen
                        && (text.is_empty() || element.text().await.is_ok_and(|has| has.contains(text)))
                    {
                        return element;
                    }
                }
                sleep(LOOK).await;
            }
        };
        match timeout(TIME_LIMIT, found).await {
            Ok(element) => element,
            Err(_) => panic!("no {css} with `{text}` on the page: {}", self.body().await),
        }
    }

    /// The visible text of the page.
    pub async fn body(&self) -> String {
        let body = self.driver().find(By::Css("body")).await.expect("a body");
        body.text().await.expect("a text")
    }

    /// The texts of all elements that are there now.
    pub async fn texts(&self, css: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for element in self.driver().find_all(By::Css(css)).await.expect("a page") {
            texts.push(element.text().await.expect("a text"));
        }
        texts
    }

    /// Clicks an element as soon as it can be seen.
    pub async fn click(&self, css: &str) {
        self.see(css).await.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Replaces the text of a field.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.see(css).await;
        field.clear().await.expect("a field");
        field.send_keys(text).await.expect("a field");
    }

    /// Presses these keys at the place of the focus.
    pub async fn press(&self, keys: &str) {
        self.driver().action_chain().send_keys(keys).perform().await.expect("a page");
    }

    /// The element that has the focus.
    pub async fn focused(&self) -> WebElement {
        self.driver().active_element().await.expect("a page")
    }

    /// Runs a script that returns something. The page's policy does not bind it.
    pub async fn script<T: DeserializeOwned>(&self, script: &str) -> T {
        let result = self.driver().execute(script, Vec::new()).await;
        let result = result.unwrap_or_else(|error| panic!("{script:.200}: {error}"));
        result.convert().expect("a result of this type")
    }

    /// The same for a script that calls `arguments[0]` with its result.
    pub async fn script_with_callback<T: DeserializeOwned>(&self, script: &str) -> T {
        let result = self.driver().execute_async(script, Vec::new()).await;
        let result = result.unwrap_or_else(|error| panic!("{script:.200}: {error}"));
        result.convert().expect("a result of this type")
    }

    /// Makes the visible part of the page this large, in CSS pixels.
    pub async fn screen(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Prefers light or dark colours.
    pub async fn prefer(&self, colours: Colours) {
        let value = match colours {
            Colours::Light => "light",
            Colours::Dark => "dark",
        };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.tell("Emulation.setEmulatedMedia", features).await;
    }

    /// Allows or forbids the scripts of all pages that are opened from now on.
    pub async fn scripts(&self, allowed: bool) {
        self.tell("Emulation.setScriptExecutionDisabled", json!({ "value": !allowed })).await;
    }

    /// Sets the time zone of the browser.
    pub async fn time_zone(&self, name: &str) {
        self.tell("Emulation.setTimezoneOverride", json!({ "timezoneId": name })).await;
    }

    /// The visible part of the page as PNG.
    pub async fn picture(&self) -> Vec<u8> {
        self.driver().screenshot_as_png().await.expect("a picture")
    }

    /// Enters the frame of this element, or returns to the page.
    pub async fn enter(&self, frame: Option<&str>) {
        match frame {
            Some(css) => self.see(css).await.enter_frame().await.expect("a frame"),
            None => self.driver().enter_default_frame().await.expect("a page"),
        }
    }

    async fn tell(&self, command: &str, parameters: Value) {
        let told = self.driver().cdp().send_raw(command, parameters).await;
        told.unwrap_or_else(|error| panic!("{command}: {error}"));
    }
}

impl Session {
    async fn start() -> Self {
        let process = Driver::start();
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-breakpad",
            "--disable-gpu",
            "--disable-lcd-text",
            "--hide-scrollbars",
            &format!("--host-resolver-rules=MAP {REBOUND} 127.0.0.1"),
        ];
        let mut wanted = Capabilities::new();
        wanted.set("browserName", "chrome").expect("text");
        wanted.set("goog:chromeOptions", json!({ "args": arguments })).expect("JSON");
        // the connections of one test end with its runtime
        let driver = WebDriver::builder(&process.url, wanted).client(client());
        Self { driver: driver.await.expect("a browser"), _process: process }
    }
}

/// A client that keeps no connection. The library makes it for TLS too.
fn client() -> reqwest::Client {
    dialhook::tls::install_cryptography();
    reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client")
}
