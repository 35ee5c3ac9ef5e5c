//! Owner: switch/agi. Challenges that ask for as many variables as a configuration may fetch.

use crate::util::{Daemon, Environment, FakeAsterisk, good_webhook};

#[tokio::test]
async fn the_most_variables_that_a_hook_may_fetch_fit_into_one_challenge() {
    let webhook = good_webhook().await;
    let hook = |count: usize| {
        let names: Vec<_> = (0..count).map(|number| format!("\"V{number:02}\"")).collect();
        format!("[hook.crm]\nurl = \"{}\"\nfetch = [{}]", webhook.url("/"), names.join(","))
    };
    let accepted = |count: &usize| dialhook::config::Config::parse(&hook(*count), "x".as_ref()).is_ok();
    let most = (1..100).take_while(accepted).last().unwrap();
    assert!(most > 20, "{most}");
    let daemon = Daemon::start(&hook(most)).await;
    // the most other values that a challenge asks for
    let call = Environment::new("crm").line("agi_type", "PJSIP");
    assert_eq!(FakeAsterisk::call(daemon.address(), call).await.status(), "OK");
}

#[tokio::test]
async fn the_longest_reply_of_asterisk_is_accepted() {
    let webhook = good_webhook().await;
    let names: Vec<_> = (0..30).map(|number| format!("V{number:02}")).collect();
    let hook = format!("[hook.crm]\nurl = \"{}\"\nfetch = {names:?}", webhook.url("/"));
    let daemon = Daemon::start(&hook).await;
    let with = |call: Environment, name: &String| call.variable(name, vec![b'x'; 4000]);
    let call = names.iter().fold(Environment::new("crm"), with);
    assert_eq!(FakeAsterisk::call(daemon.address(), call).await.status(), "OK");
}
