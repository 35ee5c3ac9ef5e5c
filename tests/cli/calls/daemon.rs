//! Owner: cli. `dialhook calls` against a real daemon: what it asks for is what the daemon answers.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};

use crate::util::{Daemon, Environment, FakeAsterisk, FakeWebhook, Reply, dialhook, run, within_time_limit};

async fn daemon() -> (FakeWebhook, Daemon) {
    let webhook = FakeWebhook::start(|request| match request.target.as_str() {
        "/good" => Reply::text("sales"),
        _ => Reply::text("sales team"),
    })
    .await;
    let hook = |name: &str| {
        format!("[hook.{name}]\nurl = \"{}\"\nvariable = \"CRM\"\n", webhook.url(&format!("/{name}")))
    };
    let daemon = Daemon::start(&(hook("good") + hook("bad").as_str())).await;
    (webhook, daemon)
}

async fn call(daemon: &Daemon, hook: &str, number: &str) {
    FakeAsterisk::call(daemon.address(), Environment::new(hook).caller(number)).await;
}

/// The output of `dialhook calls`, as soon as it has these words.
async fn calls(daemon: &Daemon, options: &[&str], words: &str) -> String {
    let url = format!("http://{}", daemon.observer());
    let arguments = [&["calls", "--url", url.as_str()], options].concat();
    within_time_limit(words, async {
        loop {
            let (_, out, _) = run(&arguments).await;
            if out.contains(words) {
                return out;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_call_is_found_by_its_last_digits_and_its_step_is_explained() {
    let (_webhook, daemon) = daemon().await;
    call(&daemon, "good", "31612345678").await;
    call(&daemon, "bad", "31699999911").await;
    let found = calls(&daemon, &["911"], "BAD_ANSWER").await;
    assert!(!found.contains("…678"), "{found}");
    assert!(calls(&daemon, &["--status", "ok"], "…678").await.contains("CRM=\"sales\""));
    let id = found.lines().nth(1).unwrap().split_whitespace().find(|word| word.contains('-')).unwrap();
    let step = calls(&daemon, &["--id", id], "to do").await;
    for part in ["not a word", "sales team\n", "     ^", "rules     accept = \"word\"", "timeline"] {
        assert!(step.contains(part), "{part}: {step}");
    }
    let (status, out, err) =
        run(&["calls", "--url", &format!("http://{}", daemon.observer()), "--failures", "678"]).await;
    assert!(status == 1 && out.is_empty() && err.contains("no step"), "{err}");
}

#[tokio::test]
async fn only_the_steps_that_are_wanted_are_followed() {
    let (_webhook, daemon) = daemon().await;
    let mut command = dialhook(&["calls", "--follow", "--failures", "--json"]);
    command.args(["--url", &format!("http://{}", daemon.observer())]).stdout(Stdio::piped());
    call(&daemon, "bad", "31699999911").await;
    calls(&daemon, &[], "BAD_ANSWER").await;
    let mut following = command.kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = async || within_time_limit("a step", lines.next_line()).await.unwrap().unwrap();
    assert!(next().await.contains("********911"));
    call(&daemon, "good", "31612345678").await;
    call(&daemon, "bad", "31699999922").await;
    assert!(next().await.contains("********922"));
}
