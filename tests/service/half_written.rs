//! Owner: server. A configuration file that is only half written: a reload refuses it and says why.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use dialhook::config::{Config, ConfigError};

use crate::manual::root;
use crate::util::{Daemon, FakeServiceManager, FakeWebhook, Reply, call_crm, configured, run};

const LISTEN: &str =
    "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = \"127.0.0.1:0\"\nobserver = \"127.0.0.1:0\"\n";

const HOOK: &str = "[hook.crm]\nurl = \"http://127.0.0.1:9/\"\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("dialhook.toml"))
}

/// The fault for which a reload of this text is refused.
fn refused(daemon: &Daemon, text: &str) -> String {
    daemon.server().reload(parse(text)).unwrap_err().to_string()
}

#[tokio::test]
async fn each_sign_of_a_half_written_file_is_refused_with_its_remedy() {
    let daemon = Daemon::start(HOOK).await;
    let before = daemon.address();
    for empty in ["", "\n", " \r\n\t\n"] {
        let message = refused(&daemon, empty);
        assert!(message.starts_with("dialhook.toml is empty and may be half-written; write"), "{message}");
    }
    let message = refused(&daemon, &format!("{LISTEN}{}", HOOK.trim_end()));
    assert!(message.starts_with("the last line of dialhook.toml does not end with a line feed"), "{message}");
    assert!(message.ends_with("end the last line with one and reload again"), "{message}");
    for lost in [LISTEN, "# nothing but a comment\n"] {
        let message = refused(&daemon, lost);
        assert!(
            message.starts_with("dialhook.toml has no hook, and there were 1; put one back"),
            "{message}"
        );
    }
    assert_eq!(call_crm(before).await.status(), "UNREACHABLE", "the old configuration holds");
    daemon.server().reload(parse(&format!("{LISTEN}{HOOK}"))).unwrap();
}

#[tokio::test]
async fn a_daemon_without_hooks_accepts_a_reload_without_hooks() {
    let daemon = Daemon::start("").await;
    daemon.server().reload(parse(LISTEN)).unwrap();
    let message = refused(&daemon, "");
    assert!(message.contains(" is empty"), "{message}");
}

#[tokio::test]
async fn a_start_accepts_an_empty_configuration() {
    for text in ["", "[listen]\nasterisk = \"127.0.0.1:0\""] {
        assert!(parse(text).is_ok(), "{text:?}");
    }
    Daemon::with("[listen]\nasterisk = \"127.0.0.1:0\"").await;
}

#[tokio::test]
async fn a_beginning_of_a_file_is_accepted_only_after_a_whole_line_with_a_hook() {
    let text = fs::read_to_string(root().join("dialplan-examples/dialhook.toml")).unwrap();
    let text = text.replacen("[listen]\n", LISTEN, 1);
    let daemon = Daemon::start(HOOK).await;
    let (mut taken, mut hooks) = (0, BTreeSet::new());
    for (end, _) in text.char_indices() {
        let beginning = &text[..end];
        if daemon.server().reload(parse(beginning)).is_ok() {
            taken += 1;
            hooks.insert(beginning.matches("\n[hook.").count());
            assert!(beginning.ends_with('\n'), "{beginning}");
        }
    }
    assert!(!hooks.contains(&0) && taken < text.lines().count(), "{taken}");
    daemon.server().reload(parse(&text)).unwrap();
}

#[tokio::test]
async fn a_truncated_file_changes_nothing_and_the_log_says_why() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let manager = FakeServiceManager::new();
    let right = format!("{LISTEN}[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\n", webhook.url("/"));
    manager.configure(&right);
    let mut daemon = manager.start();
    let [asterisk, _] = super::notices::addresses(&manager.wait_for_notice("READY=1").await);
    for (text, why) in [
        ("", "is empty"),
        (right.trim_end(), "does not end with a line feed"),
        (LISTEN, "has no hook, and there were 1"),
    ] {
        manager.configure(text);
        daemon.signal("HUP").await;
        let line = daemon.logs("ERROR reload refused, the old configuration stays in use: ").await;
        assert!(line.contains(why), "{line}");
        assert_eq!(call_crm(asterisk).await.get("CRM"), Some("sales"));
    }
    manager.configure(&format!("{LISTEN}{HOOK}").replace("crm", "other"));
    daemon.signal("HUP").await;
    let line = daemon.logs("does not have these hooks any more").await;
    assert!(line.contains("hooks=\"crm\""), "{line}");
}

#[tokio::test]
async fn check_reports_a_file_that_a_reload_would_refuse() {
    for (text, noted) in [(HOOK, false), (HOOK.trim_end(), true)] {
        let (_folder, file) = configured(text);
        let (status, output, _) = run(&["check", "--config", file.to_str().unwrap()]).await;
        assert_eq!(status, 0, "{output}");
        let note = "note       the last line has no line feed at its end, so a reload would refuse the file as half-written";
        assert_eq!(output.contains(note), noted, "{output}");
    }
}
