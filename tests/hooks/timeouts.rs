//! Owner: webhook. The stage that the reason of a TIMEOUT names. The other stages are in failures.rs and
//! limits/.

use std::net::Ipv4Addr;

use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::{Asking, step};
use crate::util::network_namespace::isolated;
use crate::util::{Daemon, FakeWebhook, Reply, daemon_for};

#[tokio::test]
async fn a_timeout_names_silent_name_servers() {
    if !isolated(concat!(module_path!(), "::a_timeout_names_silent_name_servers")) {
        return;
    }
    let _silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).await.unwrap();
    for scheme in ["http", "https"] {
        let daemon =
            Daemon::start(&format!("[hook.crm]\nurl = \"{scheme}://crm.example.com/\"\ntimeout = 1")).await;
        let ended = step(&daemon, "crm").await;
        assert_eq!(
            (ended.status(), ended.reason()),
            ("TIMEOUT", "no answer from the name servers within 1s")
        );
    }
}

#[tokio::test]
async fn a_timeout_before_any_request_says_so() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let asking = Asking::of(&format!("[hook.crm]\nurl = \"{}\"\n", webhook.url("/")));
    let outcome = asking.until(Instant::now()).await;
    assert_eq!(outcome.to_string(), "no time was left to ask the webhook within 2s");
    assert_eq!(webhook.connections(), 0);
}

#[tokio::test]
async fn a_timeout_behind_a_redirect_names_its_stage() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("https://{}/", listener.local_addr().unwrap());
    let webhook = FakeWebhook::start(move |_| Reply::redirect(307, &location)).await;
    let keys = "timeout = 1\nredirects = 1\nredirect_hosts = [\"127.0.0.1\"]";
    let ended = step(&daemon_for(&webhook, keys).await, "crm").await;
    assert_eq!(ended.reason(), "the TLS handshake with the webhook was not complete within 1s");
}
