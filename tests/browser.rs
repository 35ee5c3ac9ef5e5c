//! Owner: observer. The pages in a real browser, as a person uses them.

/// No serious fault that axe-core can find, on any page, in light and dark, wide and narrow.
mod accessibility;
/// The list: live, filtered, grouped.
mod calls;
/// Texts of strangers in every place.
mod hostile;
/// The keyboard alone.
mod keyboard;
/// Hooks, configuration and documentation.
mod other_pages;
/// Pages of other sites, and a name that is bound to this machine.
mod other_sites;
/// The pictures of the documentation.
mod pictures;
/// A small PBX with calls of every kind.
mod scene;
/// Narrow screens and large letters.
mod screens;
/// One step.
mod step;
/// A request of one's own, and one repeated.
mod try_hook;
/// Scripts switched off.
mod without_scripts;

use serde_json::Value;

use crate::util::{Daemon, Environment, FakeAsterisk, FakeWebhook, ObserverResponse, within_time_limit};

/// The table of a hook `crm` with two answers.
fn crm(webhook: &FakeWebhook) -> String {
    format!(
        "[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\nanswers = [\"sales\", \"support\"]\n\
         otherwise = \"reception\"\ntimeout = 10\n",
        webhook.url("/route")
    )
}

/// The URL of a page of this daemon.
fn page(daemon: &Daemon, path: &str) -> String {
    format!("http://{}{path}", daemon.observer())
}

/// One call with this number at the hook `crm`. Returns its step as soon as it is recorded.
async fn call_from(daemon: &Daemon, caller: &str) -> Value {
    place(daemon, Environment::new("crm").caller(caller)).await
}

/// One call. Returns its step as soon as it is recorded.
async fn place(daemon: &Daemon, call: Environment) -> Value {
    let before = steps(daemon).await.len();
    FakeAsterisk::call(daemon.address(), call).await;
    recorded(daemon, before + 1).await
}

/// Waits until there are so many steps, and returns the newest.
async fn recorded(daemon: &Daemon, count: usize) -> Value {
    within_time_limit("the record", async {
        loop {
            let steps = steps(daemon).await;
            if steps.len() >= count {
                return steps[0].clone();
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// The steps that the daemon has, newest first.
async fn steps(daemon: &Daemon) -> Vec<Value> {
    let asked = ObserverResponse::get(daemon.observer(), "/api/steps?limit=1000").await;
    assert_eq!(asked.code, 200, "{asked:?}");
    let answer: Value = serde_json::from_str(&asked.body).unwrap();
    answer["steps"].as_array().unwrap().clone()
}

/// The path of the page of a step.
fn path_of(step: &Value) -> String {
    format!("/steps/{}", step["id"].as_str().unwrap())
}
