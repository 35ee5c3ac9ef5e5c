//! Owner: dialplan-examples. The dialplan examples for Asterisk, each file whole.
//!
//! They run with their own configuration and their own webhook server.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use super::instance::{Asterisk, Ended, Release};
use super::on_each_release;
use super::program::{Program, Stream};

/// The number of each example. The webhook server answers by its last digit.
const SALES: &str = "101";
const SUPPORT: &str = "102";
const RECEPTION: &str = "103";
const SLOW: &str = "107";
const BROKEN: &str = "108";
const UNLISTED: &str = "109";

/// The configuration of the examples with other ports.
struct Examples {
    asterisk: Asterisk,
    dialhook: Program,
    webhook: Program,
    _configuration: TempDir,
}

impl Examples {
    async fn start(release: Release) -> Examples {
        let webhook = webhook().await;
        let (dialhook, configuration) = dialhook(webhook.address()).await;
        let asterisk = asterisk(release, dialhook.address(), webhook.address()).await;
        Examples { asterisk, dialhook, webhook, _configuration: configuration }
    }

    async fn call(&self, number: &str, context: &str) -> Ended {
        self.asterisk.call(&format!("{number}@{context}")).await
    }

    /// Checks the last places of the calls to the numbers of an example.
    async fn lead(&self, context: &str, ends: &[(&str, &str)]) {
        for (number, end) in ends {
            let ended = self.call(number, context).await;
            assert_eq!(ended.places.last().unwrap(), end, "{number}@{context}: {ended:?}");
        }
    }
}

async fn webhook() -> Program {
    let mut command = Command::new("python3");
    command.arg(folder().join("webhook.py")).arg("0");
    Program::start(&mut command, Stream::Output, "listening on ").await
}

async fn dialhook(webhook: SocketAddr) -> (Program, TempDir) {
    let text = fs::read_to_string(folder().join("dialhook.toml")).unwrap();
    let text = text
        .replace(
            "#asterisk   = \"127.0.0.1:4573\"",
            "asterisk = \"127.0.0.1:0\"\nfreeswitch = false\nobserver = false",
        )
        .replace("http://127.0.0.1:8090/", &format!("http://{webhook}/"));
    let configuration = tempfile::tempdir().unwrap();
    let file = configuration.path().join("dialhook.toml");
    fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialhook"));
    command.arg("serve").arg("--config").arg(file);
    (Program::start(&mut command, Stream::Error, "asterisk=").await, configuration)
}

/// An Asterisk with every example, and the calls that the examples propose.
async fn asterisk(release: Release, dialhook: SocketAddr, webhook: SocketAddr) -> Asterisk {
    let examples: Vec<_> = all()
        .iter()
        .map(|file| {
            let text = fs::read_to_string(file).unwrap();
            text.replace("//127.0.0.1/", &format!("//{dialhook}/"))
                .replace("hagi://dialhook.example.com/", &format!("agi://{dialhook}/"))
                .replace("http://127.0.0.1:8090/", &format!("http://{webhook}/"))
        })
        .collect();
    let callers = "[from-100200]\nexten => _XXX,1,Set(CALLERID(num)=100200)\n same => n,Goto(caller-name,${EXTEN},1)\n\
                   [json-from-100300]\nexten => _XXX,1,Set(CALLERID(num)=100300)\n same => n,Goto(json,${EXTEN},1)\n\
                   [parts-from-100300]\nexten => _XXX,1,Set(CALLERID(num)=100300)\n same => n,Goto(parts,${EXTEN},1)\n";
    Asterisk::start(release, &format!("{}\n{callers}", examples.join("\n"))).await
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplan-examples")
}

fn all() -> Vec<PathBuf> {
    let files = fs::read_dir(folder().join("asterisk")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "conf")).collect();
    files.sort();
    files
}

#[tokio::test]
async fn every_example_is_included_without_a_complaint() {
    on_each_release(async |release| {
        let files = all();
        assert!(files.len() >= 9);
        let texts: Vec<_> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
        let include: String = names.iter().map(|name| format!("#include \"{name}\"\n")).collect();
        let mut etc: Vec<_> = names.iter().copied().zip(texts.iter().map(String::as_str)).collect();
        etc.push(("extensions.conf", &include));
        let asterisk = Asterisk::start_with(release, &etc).await;
        assert_eq!(asterisk.complaints().await, [""; 0], "{release:?}");
        for name in names {
            let context = name.strip_suffix(".conf").unwrap();
            let shown = asterisk.command(&format!("dialplan show {context}")).await;
            assert!(shown.contains(&format!("[ Context '{context}'")), "{release:?}: {shown}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_answer_routes_the_call() {
    on_each_release(async |release| {
        let examples = Examples::start(release).await;
        for context in ["route-by-answer", "fallback", "srv-failover", "ad-hoc", "json", "parts"] {
            let queue = |word: &str| format!("{word}@{context}-queues");
            let [sales, support, reception] = ["sales", "support", "reception"].map(queue);
            examples
                .lead(
                    context,
                    &[
                        (SALES, &sales),
                        (SUPPORT, &support),
                        (RECEPTION, &reception),
                        (BROKEN, &reception),
                        (UNLISTED, &reception),
                    ],
                )
                .await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_callers_name_comes_from_the_crm_or_stays() {
    on_each_release(async |release| {
        let examples = Examples::start(release).await;
        let known = examples.call(SALES, "from-100200").await;
        assert!(known.places.contains(&"renamed@caller-name-phones".to_owned()), "{known:?}");
        assert_eq!(known.last("CRM_NAME"), Some("Ada Lovelace"));
        let unknown = examples.call(SALES, "caller-name").await;
        assert!(unknown.places.contains(&"as-it-came@caller-name-phones".to_owned()), "{unknown:?}");
        assert_eq!(unknown.last("WEBHOOK_STATUS"), Some("OK"));
    })
    .await;
}

#[tokio::test]
async fn several_values_come_from_one_json_answer() {
    on_each_release(async |release| {
        let examples = Examples::start(release).await;
        let ended = examples.call(SALES, "json-from-100300").await;
        assert_eq!(
            ended.last("ANSWER"),
            Some(r#"{"queue": "sales", "name": "Zo\u00eb M\u00fcller", "visits": 3}"#)
        );
        assert_eq!(
            ["QUEUE", "CALLER", "VISITS"].map(|name| ended.last(name).unwrap()),
            ["sales", "Zoë Müller", "3"]
        );
    })
    .await;
}

#[tokio::test]
async fn several_variables_come_from_one_cached_answer() {
    on_each_release(async |release| {
        let mut examples = Examples::start(release).await;
        for _ in 0..2 {
            let ended = examples.call(SALES, "parts-from-100300").await;
            assert_eq!(
                ["QUEUE", "CRM_NAME", "WEBHOOK_STATUS"].map(|name| ended.last(name).unwrap()),
                ["sales", "Zoë Müller", "OK"]
            );
        }
        let request = examples.webhook.wait_for_line(|line| line.starts_with("POST /json ")).await;
        assert!(request.contains(r#"{"to": "101", "number": "100300"}"#), "{request}");
        let refused = examples.call(UNLISTED, "parts").await;
        let request = examples.webhook.wait_for_line(|line| line.starts_with("POST /json ")).await;
        assert!(request.contains(r#""to": "109""#), "the second call made a request of its own: {request}");
        assert_eq!(
            refused.last("WEBHOOK_REASON"),
            Some("the answer is not one of the configured answers. it was for QUEUE")
        );
        assert_eq!([refused.last("QUEUE"), refused.last("CRM_NAME")], [Some(""); 2]);
    })
    .await;
}

#[tokio::test]
async fn a_detached_notification_is_sent_after_the_step() {
    on_each_release(async |release| {
        let mut examples = Examples::start(release).await;
        let ended = examples.call(SALES, "detached").await;
        assert_eq!(ended.places.last().unwrap(), "101@detached-phones");
        assert_eq!([ended.last("WEBHOOK_STATUS"), ended.last("WEBHOOK_CODE")], [Some("OK"), Some("")]);
        let request = examples.webhook.wait_for_line(|line| line.starts_with("POST /notify ")).await;
        assert!(request.contains(r#""dp_in_number": "101""#), "{request}");
    })
    .await;
}

#[tokio::test]
async fn a_notification_does_not_delay_the_call() {
    on_each_release(async |release| {
        let mut examples = Examples::start(release).await;
        let ended = examples.call(SALES, "notify").await;
        assert_eq!(ended.places.last().unwrap(), "101@notify-phones");
        assert_eq!(ended.last("WEBHOOK_STATUS"), Some("OK"));
        let request = examples.webhook.wait_for_line(|line| line.starts_with("POST /notify ")).await;
        assert!(
            request.contains(r#""dp_in_number": "101""#) && request.contains(r#""com_id": "example""#),
            "{request}"
        );
        examples.webhook.kill().await;
        let ended = examples.call(SALES, "notify").await;
        assert_eq!(ended.places.last().unwrap(), "101@notify-phones");
        assert_eq!(ended.last("WEBHOOK_STATUS"), Some("UNREACHABLE"));
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_call_is_reported_whoever_hangs_up() {
    on_each_release(async |release| {
        let mut examples = Examples::start(release).await;
        let by_itself = examples.asterisk.begin("101@at-hangup").await;
        let by_the_caller = examples.asterisk.begin("102@at-hangup").await;
        by_the_caller.hangup().await;
        for ended in [by_the_caller.ended().await, by_itself.ended().await] {
            assert_eq!(ended.last("WEBHOOK_STATUS"), Some("OK"));
            let request = examples.webhook.wait_for_line(|line| line.starts_with("POST /notify ")).await;
            for name in ["CALLED", "CALL_SECONDS", "CALL_CAUSE"] {
                let expected = format!(r#""{name}": "{}""#, ended.last(name).unwrap());
                assert!(request.contains(&expected), "{expected} in {request}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_longer_timeout_in_the_query_waits_for_a_slow_webhook() {
    on_each_release(async |release| {
        let examples = Examples::start(release).await;
        let (ringing, playing) =
            tokio::join!(examples.call(SLOW, "ringing"), examples.call("207", "ringing"));
        for ended in [ringing, playing] {
            assert_eq!(ended.places.last().unwrap(), "support@ringing-queues", "{ended:?}");
        }
        examples
            .lead("ringing", &[(SALES, "sales@ringing-queues"), ("203", "reception@ringing-queues")])
            .await;
    })
    .await;
}

#[tokio::test]
async fn after_any_failure_the_call_goes_to_the_fallback() {
    on_each_release(async |release| {
        let mut examples = Examples::start(release).await;
        for (number, status) in [(SLOW, "TIMEOUT"), (BROKEN, "HTTP_ERROR"), (UNLISTED, "BAD_ANSWER")] {
            assert_falls_back(&examples, number, status).await;
        }
        examples.webhook.kill().await;
        assert_falls_back(&examples, SALES, "UNREACHABLE").await;
        examples.dialhook.kill().await;
        let ended = assert_falls_back(&examples, SALES, "UNREACHABLE").await;
        assert_eq!(ended.last("AGISTATUS"), Some("FAILURE"));
        assert_eq!(ended.last("WEBHOOK_REASON"), Some("no word from dialhook"));
    })
    .await;
}

async fn assert_falls_back(examples: &Examples, number: &str, status: &str) -> Ended {
    let ended = examples.call(number, "fallback").await;
    let way =
        [&format!("{number}@fallback"), &format!("{status}@fallback-status"), "reception@fallback-queues"];
    assert_eq!(ended.places, way, "{ended:?}");
    assert_eq!(ended.last("WEBHOOK_STATUS"), Some(status));
    ended
}

#[tokio::test]
async fn a_daemon_that_never_answers_does_not_hold_the_call() {
    on_each_release(async |release| {
        // The kernel accepts the connection.
        let stuck = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = stuck.local_addr().unwrap();
        let asterisk = asterisk(release, address, address).await;
        let ended = asterisk.call("101@fallback").await;
        assert_eq!(ended.places, ["101@fallback", "T@fallback", "reception@fallback-queues"], "{ended:?}");
        assert_eq!(ended.last("AGISTATUS"), Some("HANGUP"));
    })
    .await;
}
