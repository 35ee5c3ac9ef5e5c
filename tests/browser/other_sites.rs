//! Owner: observer. Pages of other sites that the person at the browser opens, and a name that an attacker
//! has bound to this machine.

use std::collections::BTreeMap;

use super::{call_from, crm, page};
use crate::util::browser::{Browser, REBOUND};
use crate::util::{Daemon, FakeWebhook, Reply, good_webhook};

/// A page that tries to read from the observer, and to make it ask a webhook.
const ATTACK: &str = r#"<!doctype html><meta charset="utf-8"><title>a page of another site</title>
<iframe id="framed" src="http://OBSERVER/"></iframe><iframe id="posted" name="posted"></iframe>
<form id="form" method="post" target="posted" action="http://OBSERVER/try"><input name="hook" value="crm"></form>
<a id="link" href="http://OBSERVER/">a link</a>
<script>
const got = {};
const tried = (name, attempt) => attempt.then((result) => { got[name] = result; }, () => { got[name] = "nothing"; });
const load = (tag, set) => new Promise((loaded, refused) => document.head.append(
  Object.assign(document.createElement(tag), set, { onload: () => loaded("loaded"), onerror: refused })));
const events = () => new Promise((opened, refused) => {
  const source = new EventSource("http://OBSERVER/api/events");
  source.onopen = () => opened("open");
  source.onerror = () => { source.close(); refused(); };
});
const sent = (path) => fetch(`http://OBSERVER${path}`,
  { method: "POST", mode: "no-cors", body: new URLSearchParams({ hook: "crm" }) }).then((answer) => answer.type);
const submitted = () => new Promise((done) => {
  document.getElementById("posted").onload = () => done("answered");
  document.getElementById("form").submit();
});
Promise.all([
  tried("fetch", fetch("http://OBSERVER/api/steps").then((answer) => answer.text())),
  tried("fetch without CORS", fetch("http://OBSERVER/api/steps", { mode: "no-cors" }).then((answer) => answer.type)),
  tried("image", load("img", { src: "http://OBSERVER/assets/icon.svg" })),
  tried("script", load("script", { src: "http://OBSERVER/assets/page.js" })),
  tried("style", load("link", { rel: "stylesheet", href: "http://OBSERVER/assets/style.css" })),
  tried("events", events()),
  tried("POST of a try", sent("/api/try")),
  tried("POST of the form", sent("/try")),
  tried("POST of a repetition", sent("/api/steps/STEP/repeat")),
  tried("form", submitted()),
]).then(() => { got.done = "done"; });
</script>"#;

/// A server of another site, with the attack on this observer.
async fn attacker(observer: &str, step: &str) -> FakeWebhook {
    let attack = ATTACK.replace("OBSERVER", observer).replace("STEP", step);
    FakeWebhook::start(move |_| Reply::with_header(200, "Content-Type: text/html", &attack)).await
}

/// Waits until the attack has tried everything, and returns what it got.
async fn spoils(browser: &Browser) -> BTreeMap<String, String> {
    browser
        .script_with_callback(
            "const done = arguments[0];
             const look = () => got.done ? done(got) : setTimeout(look, 20);
             look();",
        )
        .await
}

#[tokio::test]
async fn a_page_of_another_site_gets_nothing_and_asks_no_webhook() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = good_webhook().await;
    let daemon = Daemon::start(&format!("{}[observer]\ntry = true\n", crm(&webhook))).await;
    let step = call_from(&daemon, "31612345678").await;
    let port = daemon.observer().port();
    let own = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    // the same site on another port, another site, and a name of the attacker
    for (observer, host) in
        [(&own[0], "127.0.0.1"), (&own[0], "localhost"), (&own[1], "127.0.0.1"), (&own[0], REBOUND)]
    {
        let server = attacker(observer, step["id"].as_str().unwrap()).await;
        browser.open(&format!("http://{host}:{}/", server.address().port())).await;
        let mut got = spoils(&browser).await;
        got.remove("done");
        assert_eq!(got.remove("form").as_deref(), Some("answered"));
        assert_eq!(got.len(), 9);
        assert!(got.values().all(|thing| thing == "nothing"), "{host} of {observer}: {got:?}");
        for frame in ["#framed", "#posted"] {
            browser.enter(Some(frame)).await;
            let text = browser.body().await;
            assert!(!text.contains("678") && !text.contains("sales"), "{frame}: {text}");
            browser.enter(None).await;
        }
        browser.click("#link").await;
        browser.read("body", "another site").await;
        assert!(!browser.body().await.contains("678"));
    }
    assert_eq!(webhook.received().len(), 1, "the call's own request");
}

#[tokio::test]
async fn a_name_that_is_bound_to_this_machine_is_refused_on_every_path() {
    let Some(browser) = Browser::free().await else { return };
    let webhook = good_webhook().await;
    let daemon = Daemon::start(&format!("{}[observer]\ntry = true\n", crm(&webhook))).await;
    call_from(&daemon, "31612345678").await;
    let rebound = format!("http://{REBOUND}:{}", daemon.observer().port());
    for path in ["/", "/api/steps", "/hooks", "/docs/reading-the-log", "/%61pi/steps"] {
        browser.open(&format!("{rebound}{path}")).await;
        browser.read("body", "none of the observer's own names").await;
        assert!(!browser.body().await.contains("678"));
    }
    // a page of that name would be of the same origin as all of the observer
    let answers: Vec<u16> = browser
        .script_with_callback(
            "const done = arguments[0];
             const form = { method: 'POST', body: new URLSearchParams({ hook: 'crm' }) };
             Promise.all([fetch('/api/steps'), fetch('/api/try', form), fetch('/metrics')])
               .then((answers) => done(answers.map((answer) => answer.status)));",
        )
        .await;
    assert_eq!(answers[..2], [421, 421]);
    assert_eq!(webhook.received().len(), 1, "the call's own request");
    browser.open(&page(&daemon, "/")).await;
    browser.read(".steps .who", "678").await;
}
