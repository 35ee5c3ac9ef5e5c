//! Owner: cli. `dialhook serve`: its start, its signals and its exit status.

use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::util::{
    Environment, FakeAsterisk, FakeWebhook, Reply, configured, dialhook, run, within_time_limit,
};

#[tokio::test]
async fn serve_does_not_start_with_a_faulty_configuration() {
    let (_folder, file) = configured("[hook.crm]\n");
    let (status, _, err) = run(&["serve", "--config", file.to_str().unwrap()]).await;
    assert_eq!(status, 2);
    assert!(err.contains(":1: hook.crm.url: missing; write the URL of the webhook"), "{err}");
    let (status, _, err) = run(&["serve", "--config", "/nonexistent/dialhook.toml"]).await;
    assert_eq!(status, 2);
    assert!(err.starts_with("dialhook: cannot read /nonexistent/dialhook.toml: No such file"), "{err}");
}

#[tokio::test]
async fn serve_names_the_address_that_is_in_use_and_the_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for (taken, others) in [
        ("asterisk", "freeswitch = false\nobserver = false"),
        ("freeswitch", "asterisk = \"127.0.0.1:0\"\nobserver = false"),
        ("observer", "asterisk = \"127.0.0.1:0\"\nfreeswitch = false"),
    ] {
        let (_folder, file) = configured(&format!("[listen]\n{taken} = \"{address}\"\n{others}\n"));
        let (status, _, err) = run(&["serve", "--config", file.to_str().unwrap()]).await;
        assert_eq!(status, 1);
        assert!(err.contains(&format!("cannot listen on {address}: Address already in use")), "{err}");
        assert!(err.contains(&format!("change listen.{taken} (false: not at all)")), "{err}");
    }
}

#[tokio::test]
async fn sighup_does_not_end_the_daemon() {
    let (_folder, daemon, address) =
        serving("listen.asterisk = \"127.0.0.1:0\"\nlisten.freeswitch = false\n").await;
    let process = daemon.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-HUP", &process]).status().await.unwrap().success());
    assert_eq!(FakeAsterisk::call(address, Environment::new("nope")).await.status(), "BAD_REQUEST");
}

/// A daemon in a process of its own, and the address in its log.
async fn serving(configuration: &str) -> (TempDir, Child, std::net::SocketAddr) {
    let (folder, file) = configured(&format!("listen.observer = false\n{configuration}"));
    let mut daemon =
        dialhook(&["serve", "--config", file.to_str().unwrap()]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(daemon.stderr.as_mut().unwrap()).lines();
    let address = loop {
        let line = within_time_limit("the daemon's log", log.next_line()).await.unwrap().unwrap();
        if let Some((_, address)) = line.split_once("asterisk=") {
            break address.split(' ').next().unwrap().parse().unwrap();
        }
    };
    (folder, daemon, address)
}

#[tokio::test]
async fn a_stopped_daemon_finishes_its_calls_and_ends_with_0() {
    let gate = crate::util::Gate::default();
    let webhook = FakeWebhook::start({
        let gate = gate.clone();
        move |_| Reply::text("sales").after(&gate)
    })
    .await;
    let configuration = format!(
        "listen.asterisk = \"127.0.0.1:0\"\nlisten.freeswitch = false\n[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\n",
        webhook.url("/")
    );
    let (_folder, mut daemon, address) = serving(&configuration).await;
    let call = tokio::spawn(async move { FakeAsterisk::call(address, Environment::new("crm")).await });
    webhook.requested().await;
    let process = daemon.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().await.unwrap().success());
    gate.open();
    assert_eq!(call.await.unwrap().get("CRM"), Some("sales"));
    let status = within_time_limit("the end of the daemon", daemon.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_log_that_nobody_reads_delays_no_call() {
    let (_folder, mut daemon, address) =
        serving("listen.asterisk = \"127.0.0.1:0\"\nlisten.freeswitch = false\n").await;
    // far more than fits into a pipe
    for _ in 0..1000 {
        let ended = within_time_limit("a call", FakeAsterisk::call(address, Environment::new("nope"))).await;
        assert_eq!(ended.status(), "BAD_REQUEST");
    }
    daemon.kill().await.unwrap();
}
