//! Owner: observer. Texts of strangers in every place of every page: the browser shows them, and runs
//! nothing.

use serde_json::Value;

use super::{page, path_of, place, steps};
use crate::util::browser::Browser;
use crate::util::{Daemon, Environment, FakeWebhook, Reply};

/// HTML that sets a global variable in several ways.
const HOSTILE: &str = "</td></pre></textarea></script><script>hacked=1</script><img src=x onerror=hacked=1>\
                       <svg onload=hacked=1>\"' onfocus=hacked=1 autofocus x='&lt;b&gt;{{7*7}}";

/// A piece of it that every page shows, also where it shortens texts.
const VISIBLE: &str = "</td></pre></textarea></script><script>";

/// A call with hostile text in everything that a caller or a careless dialplan chooses.
fn hostile_call(script: &str) -> Environment {
    Environment::new(script)
        .caller(HOSTILE)
        .name(HOSTILE)
        .line("agi_extension", HOSTILE)
        .line("agi_dnid", HOSTILE)
        .line("agi_channel", HOSTILE)
        .line("agi_uniqueid", HOSTILE)
        .variable("CHANNEL(linkedid)", HOSTILE)
        .variable("CUSTOMER", HOSTILE)
}

async fn assert_nothing_ran(browser: &Browser, place: &str) {
    let hacked: Value = browser.script("return window.hacked ?? null").await;
    assert!(hacked.is_null(), "{place}: a script ran");
    let foreign: usize = browser
        .script("return document.querySelectorAll('main img, main script, main [onfocus]').length")
        .await;
    assert_eq!(foreign, 0, "{place}: an element came out of a text");
}

/// A hook whose webhook answers with the hostile text in every place of an answer.
async fn hostile_webhook() -> FakeWebhook {
    FakeWebhook::start(|request| match request.target.as_str() {
        "/refused" => Reply::with_header(200, &format!("Content-Type: text/html;{HOSTILE}"), HOSTILE),
        "/json" => {
            let name = HOSTILE.replace('"', "");
            Reply::json(serde_json::json!({ name.clone(): HOSTILE, "route": name }).to_string())
        }
        _ => Reply::with_header(302, &format!("Location: /{HOSTILE}"), HOSTILE),
    })
    .await
}

#[tokio::test]
async fn no_text_of_a_stranger_runs_or_becomes_an_element() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = hostile_webhook().await;
    let hook = |name: &str, more: &str| {
        format!(
            "[hook.{name}]\nurl = \"{}\"\nfetch = [\"CUSTOMER\"]\n{more}\n",
            webhook.url(&format!("/{name}"))
        )
    };
    let tables = [
        hook("refused", "variable = \"CRM\""),
        hook("json", "accept = \"any\"\nset = { CRM = \"/route\" }"),
        hook("redirect", "variable = \"CRM\""),
        "[history]\nbodies = \"all\"\n[observer]\ntry = true\n[log]\nnumbers = true\n".to_owned(),
    ];
    let daemon = Daemon::start(&tables.concat()).await;
    browser.open(&page(&daemon, "/")).await;
    browser.see("#live-state[data-state=live]").await;
    // the last is a hook that the configuration does not have
    for name in ["refused", "json", "redirect", HOSTILE] {
        let step = place(&daemon, hostile_call(name)).await;
        browser.see(&format!("#step-{}", step["id"].as_str().unwrap())).await;
        assert_nothing_ran(&browser, "the live list").await;
    }
    browser.read(".steps", VISIBLE).await;
    for step in steps(&daemon).await {
        let path = path_of(&step);
        browser.open(&page(&daemon, &path)).await;
        browser.read("main", VISIBLE).await;
        assert_nothing_ran(&browser, &path).await;
    }
    browser.open(&page(&daemon, "/hooks")).await;
    browser.see("#hook-refused").await;
    assert_nothing_ran(&browser, "hooks").await;
}

#[tokio::test]
async fn the_fields_of_a_form_come_back_as_text() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = hostile_webhook().await;
    let hook = format!("[hook.refused]\nurl = \"{}\"\n[observer]\ntry = true\n", webhook.url("/refused"));
    let daemon = Daemon::start(&hook).await;
    let query: String = url::form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    for path in [
        format!("/?q={query}&hook={query}&status={query}&since={query}&slower_ms={query}&limit={query}"),
        format!("/steps/{query}"),
        format!("/{query}"),
        format!("/try?hook={query}&step={query}"),
    ] {
        browser.open(&page(&daemon, &path)).await;
        browser.see("main").await;
        assert_nothing_ran(&browser, &path).await;
    }
    browser.open(&page(&daemon, "/try")).await;
    for field in ["#t-caller", "#t-name", "#t-callee"] {
        browser.fill(field, HOSTILE).await;
    }
    browser.fill("#t-variables", &format!("CUSTOMER={HOSTILE}")).await;
    browser.click("form.try button").await;
    browser.read(".outcome", "A call would get now").await;
    assert_nothing_ran(&browser, "the result").await;
    let value: String = browser.script("return document.getElementById('t-name').value").await;
    assert_eq!(value, HOSTILE);
}

/// The policy is a second protection: even if HTML got into a page, it would run nothing.
#[tokio::test]
async fn the_policy_of_a_page_runs_no_inline_script_and_loads_nothing_from_elsewhere() {
    let Some(browser) = Browser::free().await else { return };
    let elsewhere =
        FakeWebhook::start(|_| Reply::with_header(200, "Access-Control-Allow-Origin: *", "")).await;
    let daemon = Daemon::start("").await;
    browser.open(&page(&daemon, "/")).await;
    let refused: Vec<String> = browser
        .script_with_callback(&format!(
            "const done = arguments[0], refused = new Set();
             document.addEventListener('securitypolicyviolation', (event) => {{
               refused.add(event.effectiveDirective);
               if (refused.size === 5) done([...refused].sort());
             }});
             const add = (tag, set) => document.body.append(Object.assign(document.createElement(tag), set));
             add('script', {{ textContent: 'window.hacked = 1' }});
             add('img', {{ src: '{url}' }});
             add('iframe', {{ src: '{url}' }});
             add('link', {{ rel: 'stylesheet', href: '{url}' }});
             fetch('{url}').catch(() => {{}});",
            url = elsewhere.url("/")
        ))
        .await;
    assert_eq!(refused, ["connect-src", "frame-src", "img-src", "script-src-elem", "style-src-elem"]);
    assert_nothing_ran_but_added(&browser).await;
    // the browser may connect ahead of its policy
    assert_eq!(elsewhere.received(), []);
}

async fn assert_nothing_ran_but_added(browser: &Browser) {
    let hacked: Value = browser.script("return window.hacked ?? null").await;
    assert!(hacked.is_null(), "an inline script ran");
}
