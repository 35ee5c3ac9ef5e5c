//! Owner: docs. The pages of docs/: each configuration in them is read, and their example server is asked.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dialhook::config::Config;
use dialhook::hook::SECRET_WORDS;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::asterisk::program::{Program, Stream};
use crate::util::{Daemon, Environment, FakeAsterisk, exit_and_output, within_time_limit};

const PAGES: [&str; 8] = [
    "README.md",
    "docs/configuration.md",
    "docs/webhook.md",
    "docs/scaling.md",
    "docs/recipes.md",
    "docs/dialplan.md",
    "docs/answer.md",
    "docs/service.md",
];

#[test]
fn every_configuration_in_a_page_is_valid() {
    let folder = with_files();
    let mut seen = 0;
    for page in PAGES {
        for example in configurations(&fs::read_to_string(root().join(page)).unwrap()) {
            // the environment of a service
            let example = example.replace("{ env = \"CRM_TENANT\" }", "{ env = \"PATH\" }");
            let example = example.replace("{ env = \"WEBHOOK_SECRET\" }", "{ file = \"crm.whsec\" }");
            if let Err(error) = Config::parse(&example, &folder.path().join("dialhook.toml")) {
                panic!("{page}: {error}\n{example}");
            }
            seen += 1;
        }
    }
    assert!(seen > 10, "the examples were not found");
}

#[test]
fn every_key_is_in_the_reference() {
    let known = known_keys().into_iter();
    let known = known.flat_map(|(table, keys)| keys.into_iter().map(move |key| (table.clone(), key)));
    assert_eq!(documented_keys(), known.collect());
}

/// The keys that the tables of the reference name, with their tables.
fn documented_keys() -> BTreeSet<(String, String)> {
    let page = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let (outside, hooks) = page.split_once("\n## A hook\n").unwrap();
    let mut keys = BTreeSet::new();
    for (part, table) in [(outside, ""), (hooks, "hook.NAME")] {
        let mut tables = vec![table.to_owned()];
        for row in part.lines().filter(|line| line.starts_with("| `")) {
            let words: Vec<_> = row.split(" | ").next().unwrap().split('`').skip(1).step_by(2).collect();
            let (named, there): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word.starts_with('['));
            if !named.is_empty() {
                tables = named.iter().map(|name| name.trim_matches(['[', ']']).to_owned()).collect();
            }
            for table in &tables {
                keys.extend(there.iter().map(|key| (table.clone(), (*key).to_owned())));
                // a table is a key of the file
                let first = table.split('.').next().unwrap();
                keys.extend((!first.is_empty()).then(|| (String::new(), first.to_owned())));
            }
        }
    }
    keys
}

#[test]
fn the_reference_lists_the_headers_that_count_as_secret() {
    let page = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    assert!(page.contains(&format!("name holds one of\n`{}`.", SECRET_WORDS.join("`, `"))));
}

/// The keys that the program knows, by their tables as the reference names them, as the program's own faults
/// list them.
pub fn known_keys() -> Vec<(String, Vec<String>)> {
    let strange = "qqqq = 1\n[listen]\nqqqq = 1\n[calls]\nqqqq = 1\n[limits]\nqqqq = 1\n[log]\nqqqq = 1\n[observer]\nqqqq = 1\ntoken = { qqqq = 1 }\n[history]\nqqqq = 1\n[hook.NAME]\nqqqq = 1\n\
                   breaker = { qqqq = 1 }\nset = { VARIABLE = { qqqq = 1 } }\nheaders = { HEADER = { qqqq = 1 } }\n\
                   bearer = { qqqq = 1 }\nbasic = { qqqq = 1, password = { qqqq = 1 } }\nsign = { qqqq = 1 }\n";
    let faults = Config::parse(strange, Path::new("dialhook.toml")).unwrap_err().to_string();
    let known: Vec<_> = faults
        .lines()
        .filter_map(|line| {
            let (table, keys) = line.split_once("unknown key; ")?.1.split_once(" has the keys ").unwrap();
            let table = if table == "the file" { "" } else { table.trim_matches(['[', ']']) };
            Some((table.to_owned(), keys.split(", ").map(str::to_owned).collect::<Vec<_>>()))
        })
        .collect();
    let hook = known.iter().find(|(table, _)| table == "hook.NAME").unwrap();
    assert!(known.len() == 16 && hook.1.len() > 20, "{faults}");
    known
}

#[tokio::test]
async fn the_example_server_accepts_signed_requests_only() {
    let mut server = server("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").await;
    for (secret, status, answer) in [
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "OK", "sales"),
        ("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "HTTP_ERROR", "nobody"),
    ] {
        for method in ["POST", "GET"] {
            let daemon = Daemon::start(&format!(
                "[hook.crm]\nurl = \"http://{}/route\"\nmethod = \"{method}\"\nvariable = \"CRM\"\notherwise = \"nobody\"\n\
                 sign = \"{secret}\"\n",
                server.address()
            ))
            .await;
            let ended = FakeAsterisk::call(daemon.address(), called("201")).await;
            let output = server.wait_for_line(|line| line.starts_with(method)).await;
            let answer = if (method, status) == ("GET", "OK") { "support" } else { answer };
            assert_eq!((ended.status(), ended.get("CRM")), (status, Some(answer)), "{output}");
            assert_eq!(
                output.ends_with("-> 401 the signature does not fit"),
                status == "HTTP_ERROR",
                "{output}"
            );
        }
    }
}

#[tokio::test]
async fn the_example_server_answers_an_invalid_content_length() {
    let server = server("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").await;
    for (length, status) in [
        ("abc", "400"),
        ("-5", "400"),
        ("-1", "400"),
        ("+5", "400"),
        ("", "400"),
        ("\u{b2}", "400"),
        ("99999999", "413"),
        (&"9".repeat(5000), "413"),
    ] {
        let mut connection = TcpStream::connect(server.address()).await.unwrap();
        let request = format!("POST /route HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut output = String::new();
        within_time_limit("an answer, and the end", connection.read_to_string(&mut output)).await.unwrap();
        assert!(output.starts_with(&format!("HTTP/1.1 {status} ")), "{length}: {output}");
    }
}

#[tokio::test]
async fn the_example_server_processes_concurrent_copies_of_a_message_once() {
    let mut command = Command::new("python3");
    command.kill_on_drop(true).args(["-c", COPIES]).arg(root().join("docs/webhook-server.py"));
    let (status, out, err) =
        exit_and_output(&within_time_limit("both copies", command.output()).await.unwrap());
    assert_eq!((status, out.as_str()), (0, "done by the first\nsales sales\n"), "{err}");
}

/// Two copies: the first is worked on until the second works, too, or waits.
const COPIES: &str = r#"
import importlib.util, sys, threading

spec = importlib.util.spec_from_file_location("server", sys.argv[1])
server = importlib.util.module_from_spec(spec)
spec.loader.exec_module(server)

begun, second_is_here, said = threading.Event(), threading.Event(), []

class Claim(server.Future):
    def result(self):
        second_is_here.set()
        return super().result()

def first():
    begun.set()
    second_is_here.wait()
    print("done by the first")
    return "sales"

def second():
    second_is_here.set()
    print("done by the second")
    return "support"

def copy(work):
    said.append(answers.get("msg_1", work))

server.Future, answers = Claim, server.Answers()
threads = [threading.Thread(target=copy, args=(work,)) for work in (first, second)]
threads[0].start()
begun.wait()
threads[1].start()
for thread in threads:
    thread.join()
print(*said)
"#;

#[tokio::test]
async fn the_example_server_allows_a_retry_of_a_failed_message() {
    let mut command = Command::new("python3");
    command.kill_on_drop(true).args(["-c", FAILED]).arg(root().join("docs/webhook-server.py"));
    let (status, out, err) =
        exit_and_output(&within_time_limit("the copies", command.output()).await.unwrap());
    assert_eq!((status, out.as_str()), (0, "ZeroDivisionError\nsales\nsales\n"), "{err}");
}

const FAILED: &str = r#"
import importlib.util, sys

spec = importlib.util.spec_from_file_location("server", sys.argv[1])
server = importlib.util.module_from_spec(spec)
spec.loader.exec_module(server)

answers = server.Answers()
for work in (lambda: 1 / 0, lambda: "sales", lambda: "support"):
    try:
        print(answers.get("msg_1", work))
    except ArithmeticError as broken:
        print(type(broken).__name__)
"#;

fn called(number: &str) -> Environment {
    Environment::new("crm").caller("31612345678").line("agi_extension", number)
}

async fn server(secret: &str) -> Program {
    let mut command = Command::new("python3");
    command.arg(root().join("docs/webhook-server.py")).arg("0").env("WEBHOOK_SECRET", secret);
    Program::start(&mut command, Stream::Output, "listening on ").await
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The blocks of a page that are TOML.
fn configurations(page: &str) -> Vec<String> {
    let blocks = page.split("\n```toml\n").skip(1);
    blocks.map(|block| block.split("\n```").next().unwrap().to_owned()).collect()
}

/// A folder with the files that the examples name.
pub fn with_files() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["pbx".to_owned()]).unwrap().self_signed(&key).unwrap();
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
    for (name, content) in [
        ("crm.key", "geheim\n"),
        ("crm.token", "geheim\n"),
        ("observer.token", "0123456789abcdef0123456789abcdef\n"),
        ("crm.password", "geheim\n"),
        ("crm.whsec", secret),
        ("new.whsec", secret),
        ("old.whsec", secret),
        ("internal-ca.pem", &certificate.pem()),
        ("pbx.pem", &certificate.pem()),
        ("pbx.key", &key.serialize_pem()),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}
