//! Owner: config. Byte order marks in configurations, secrets and PEM files.

use std::fs;

use dialhook::config::Config;

use crate::util::{Authority, Daemon, FakeWebhook, Reply, configured};

const MARK: &str = "\u{feff}";

#[tokio::test]
async fn a_byte_order_mark_is_not_sent_with_a_secret() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let hook = format!(
        "{MARK}[listen]\nasterisk = \"127.0.0.1:0\"\n[hook.crm]\nurl = \"{}\"\nbearer = {{ file = \"crm.token\" }}\n\
         headers = {{ X-Api-Key = {{ file = \"crm.key\" }} }}\n",
        webhook.url("/")
    );
    let (folder, file) = configured(&hook);
    for (name, secret) in [("crm.token", "geheim\r\n"), ("crm.key", "123")] {
        fs::write(folder.path().join(name), format!("{MARK}{secret}")).unwrap();
    }
    // the file itself has a mark too
    Config::load(Some(&file)).unwrap();
    let daemon = Daemon::with_file(hook.trim_start_matches(MARK), &file).await;
    assert_eq!(super::step(&daemon, "crm").await.status(), "OK");
    let request = webhook.requested().await;
    assert_eq!(request.header("authorization"), Some("Bearer geheim"));
    assert_eq!(request.header("x-api-key"), Some("123"));
}

#[tokio::test]
async fn a_byte_order_mark_hides_no_certificate() {
    let (ours, other, clients) = (Authority::new("ours"), Authority::new("other"), Authority::new("clients"));
    let tls = ours.certify_for_clients("127.0.0.1", &clients);
    let webhook = FakeWebhook::start_tls(tls, |_| Reply::text("sales")).await;
    let hook = format!(
        "[listen]\nasterisk = \"127.0.0.1:0\"\n[hook.crm]\nurl = \"{}\"\ntimeout = 10\nca = \"ca.pem\"\n\
         certificate = \"pbx.pem\"\nkey = \"pbx.key\"\n",
        webhook.url("/")
    );
    let (folder, file) = configured(&hook);
    let text = |file: &str| fs::read_to_string(file).unwrap();
    let (certificate, key) = clients.credentials().texts();
    // two files with marks, joined
    let joined = format!("{MARK}{}{MARK}{}", text(other.file()), text(ours.file()));
    for (name, text) in [
        ("ca.pem", joined),
        ("pbx.pem", MARK.to_owned() + certificate.as_str()),
        ("pbx.key", MARK.to_owned() + key.as_str()),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let ended = super::step(&Daemon::with_file(&hook, &file).await, "crm").await;
    assert_eq!(ended.status(), "OK", "{}", ended.reason());
}

#[test]
fn a_file_in_utf_16_is_a_fault_that_says_so() {
    let utf_16 = |text: &str| -> Vec<u8> {
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    let keys = "url = \"https://h/\"\nbearer = { file = \"crm.token\" }\nca = \"ca.pem\"\n";
    let (folder, file) = configured(&format!("[hook.crm]\n{keys}"));
    let pem = fs::read_to_string(Authority::new("ours").file()).unwrap();
    fs::write(folder.path().join("crm.token"), utf_16("geheim\r\n")).unwrap();
    fs::write(folder.path().join("ca.pem"), utf_16(&pem)).unwrap();
    let faults = Config::load(Some(&file)).unwrap_err().to_string();
    for (key, name) in [("hook.crm.bearer.file", "crm.token"), ("hook.crm.ca", "ca.pem")] {
        let path = folder.path().join(name);
        let expected =
            format!("{key}: cannot read {}: it is in UTF-16; name a file in UTF-8", path.display());
        assert!(faults.contains(&expected), "{faults}");
    }
    fs::write(&file, utf_16("company = \"a\"\n")).unwrap();
    let fault = Config::load(Some(&file)).unwrap_err().to_string();
    assert!(fault.ends_with("it is in UTF-16; write it into a file in UTF-8"), "{fault}");
}
