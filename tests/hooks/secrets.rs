//! Owner: config. Secrets: their sources, and the places that never show them.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dialhook::config::Config;

use crate::util::{
    Environment, FakeAsterisk, FakeWebhook, Program, Reply, configured, dialhook, exit_and_output, refusing,
    run, within_time_limit,
};

/// A secret in any of the forms in which it could show.
fn assert_hidden(secret: &str, output: &str, what: &str) {
    let pair = STANDARD.encode(format!("pbx:{secret}"));
    for form in [secret, &STANDARD.encode(secret), &pair] {
        let shown = output.lines().find(|line| line.contains(form));
        assert!(shown.is_none(), "{what} shows a secret: {}", shown.unwrap_or_default());
    }
}

/// A secret for signatures.
fn signing_secret() -> String {
    format!("whsec_{}", STANDARD.encode("geheim".repeat(5)))
}

#[tokio::test]
async fn secrets_reach_the_webhook_and_never_the_log() {
    let webhook = FakeWebhook::start(|request| match request.target.as_str() {
        "/moved" => Reply::redirect(307, "/there"),
        "/closed" => Reply::Close,
        _ => Reply::text("sales"),
    })
    .await;
    let (dead, _held) = refusing();
    let (url, sign) = (webhook.url(""), signing_secret());
    let with_user = url.replace("http://", "http://pbx:geheim@");
    let token = "bearer = { file = \"crm.token\" }";
    let tables = format!(
        "[hook.bearer]\nurl = \"{url}/\"\n{token}\nsign = {{ file = \"crm.whsec\" }}\n\
         [hook.basic]\nurl = \"{url}/\"\nbasic = {{ user = \"pbx\", password = {{ env = \"CRM_PASSWORD\" }} }}\n\
         [hook.header]\nurl = \"{url}/\"\nheaders = {{ X-One = {{ file = \"crm.token\" }}, Cookie = \"s=geheim\" }}\n\
         [hook.url]\nurl = \"{with_user}/\"\n\
         [hook.moved]\nurl = \"{url}/moved\"\n{token}\nredirects = 1\n\
         [hook.closed]\nurl = \"{with_user}/closed\"\nheaders = {{ X-One = {{ file = \"crm.token\" }} }}\n\
         [hook.dead]\nurl = \"http://pbx:geheim@{dead}/\"\nheaders = {{ X-One = {{ file = \"crm.token\" }} }}\n\
         [hook.kept]\nmethod = \"GET\"\nurl = \"{url}/\"\n{token}\ncache = \"60s\"\n\
         [hook.told]\nurl = \"{url}/\"\n{token}\ndetach = true\n"
    );
    let files = [("crm.token", "geheim\n"), ("crm.whsec", sign.as_str())];
    let environment = [("CRM_PASSWORD", "geheim"), ("DIALHOOK_LOG", "trace")];
    let program = Program::serve_beside(&files, &tables, &environment).await;
    let call = async |hook: &str| FakeAsterisk::call(program.address(), Environment::new(hook)).await;
    let basic = format!("Basic {}", STANDARD.encode("pbx:geheim"));
    for (hook, header, value) in [
        ("bearer", "authorization", "Bearer geheim"),
        ("basic", "authorization", &basic),
        ("header", "x-one", "geheim"),
        ("header", "cookie", "s=geheim"),
        ("url", "authorization", &basic),
        ("kept", "authorization", "Bearer geheim"),
    ] {
        assert_eq!(call(hook).await.status(), "OK", "{hook}");
        assert_eq!(webhook.received().last().unwrap().header(header), Some(value), "{hook}");
    }
    for (hook, status) in
        [("moved", "OK"), ("closed", "UNREACHABLE"), ("dead", "UNREACHABLE"), ("told", "OK")]
    {
        assert_eq!(call(hook).await.status(), status, "{hook}");
    }
    let log = program.stop().await;
    assert!(log.contains("webhook step") && log.contains("TRACE"), "{log}");
    assert_hidden("geheim", &log, "the log");
    assert_hidden(&sign, &log, "the log");
}

#[test]
fn a_token_beside_a_user_in_the_url_is_a_fault() {
    let hook = "[hook.crm]\nurl = \"http://pbx:geheim@h/\"\nbearer = \"token\"\n";
    let fault = Config::parse(hook, Path::new("dialhook.toml")).unwrap_err().to_string();
    assert!(
        fault.contains(":3: hook.crm.bearer: credentials in several places; ") && !fault.contains("geheim"),
        "{fault}"
    );
}

#[tokio::test]
async fn a_systemd_credential_comes_before_a_file_beside_the_configuration() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let credentials = tempfile::tempdir().unwrap();
    std::fs::write(credentials.path().join("crm.token"), "from-systemd\n").unwrap();
    std::fs::write(credentials.path().join("crm.whsec"), signing_secret()).unwrap();
    let tables = format!(
        "[hook.crm]\nurl = \"{}\"\nbearer = {{ file = \"crm.token\" }}\nsign = {{ file = \"crm.whsec\" }}\n\
         headers = {{ X-Beside = {{ file = \"beside.key\" }} }}\n",
        webhook.url("/")
    );
    let files = [("crm.token", "beside"), ("beside.key", "beside")];
    let environment = [("CREDENTIALS_DIRECTORY", credentials.path().to_str().unwrap())];
    let program = Program::serve_beside(&files, &tables, &environment).await;
    FakeAsterisk::call(program.address(), Environment::new("crm")).await;
    let request = webhook.requested().await;
    assert_eq!(request.header("authorization"), Some("Bearer from-systemd"));
    assert_eq!(request.header("x-beside"), Some("beside"));
    assert!(request.header("webhook-signature").is_some());
}

#[tokio::test]
async fn check_and_try_show_that_a_secret_exists_but_not_its_value() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let (plain, sign) = (webhook.url("/"), signing_secret());
    let url = plain.replace("http://", "http://pbx:geheim@");
    let (folder, file) = configured(&format!(
        "[hook.crm]\nurl = \"{url}\"\nsign = [\"{sign}\", {{ file = \"crm.whsec\" }}]\n\
         headers = {{ X-One = {{ file = \"crm.key\" }}, X-Api-Key = \"geheim\", Cookie = \"s=geheim\" }}\n\
         [hook.bearer]\nurl = \"{plain}\"\nbearer = \"geheim\"\n\
         [hook.basic]\nurl = \"{plain}\"\nbasic = {{ user = \"pbx\", password = \"geheim\" }}\n"
    ));
    let old = format!("whsec_{}", STANDARD.encode("geheim".repeat(4)));
    std::fs::write(folder.path().join("crm.whsec"), &old).unwrap();
    std::fs::write(folder.path().join("crm.key"), "geheim").unwrap();
    let file = file.to_str().unwrap();
    let (status, out, err) = run(&["check", "--config", file]).await;
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("signed with 2 secrets") && out.contains("authorization"), "{out}");
    let mut output = out + err.as_str();
    for hook in ["crm", "bearer", "basic"] {
        for more in [&[][..], &["--json"]] {
            let arguments = [&["try", hook, "--config", file][..], more].concat();
            let mut command = dialhook(&arguments);
            command.env("DIALHOOK_LOG", "trace");
            let (status, out, err) =
                exit_and_output(&within_time_limit("the program", command.output()).await.unwrap());
            assert_eq!(status, 0, "{out}{err}");
            assert!(out.contains("(hidden)"), "{out}");
            output.extend([out, err]);
        }
    }
    assert_hidden("geheim", &output, "check or try");
    assert_hidden(&sign, &output, "check or try");
    assert_hidden(&old, &output, "check or try");
    assert_eq!(webhook.received().len(), 6);
}

#[tokio::test]
async fn a_fault_of_the_configuration_shows_no_secret() {
    let (folder, file) = configured("");
    std::fs::write(folder.path().join("two.lines"), "geheim\ngeheim\n").unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    for hook in [
        "bearer = \"geheim geheim\"",
        "bearer = [\"geheim\"]",
        "bearer = \"geheim",
        "bearer = geheim",
        "bearer = { file = \"two.lines\" }",
        "bearer = { file = \"empty\" }",
        "bearer = { file = \"nowhere\" }",
        "bearer = { env = \"DIALHOOK_NO_SUCH_VARIABLE\" }",
        "bearer = { file = \"two.lines\", env = \"HOME\" }",
        "bearer = { value = \"geheim\" }",
        "bearer = { file = [\"geheim\"] }",
        "basic = \"pbx:geheim\"",
        "basic = { user = \"pbx:geheim\", password = \"geheim\" }",
        "basic = { user = \"pbx\", password = [\"geheim\"] }",
        "basic = { user = \"pbx\", password = \"geheim\", extra = \"geheim\" }",
        "basic = { user = 1, password = \"geheim\" }",
        "basic = { password = \"geheim\" }",
        "bearer = \"geheim\"\nbasic = { user = \"pbx\", password = \"geheim\" }",
        "sign = \"geheim\"",
        "sign = \"whsec_geheim\"",
        "sign = [\"geheim\", \"geheim\", \"geheim\"]",
        "sign = [[\"geheim\"]]",
        "sign = { file = \"two.lines\" }",
        "headers = \"X-Key: geheim\"",
        "headers = [\"X-Key: geheim\"]",
        "headers = { X-Key = \"geheim\\nX-Other: geheim\" }",
        "headers = { X-Key = [\"geheim\"] }",
        "headers = { \"X Key\" = \"geheim\" }",
        "headers = { X-Key = { file = \"two.lines\" } }",
        "headers = { X-Key = \"geheim\", X-Key = \"geheim\" }",
        "headers = { X-Key = \"geheim\", x-key = \"geheim\" }",
        "headers = { X-Key = \"{geheim\" }",
        "headers = { X-Key = { file = \"nowhere\", geheim = 1 } }",
        "key = \"two.lines\"\ncertificate = [\"geheim\"]",
        "key = \"two.lines\"\ncertificate = \"two.lines\"",
        "ca = \"two.lines\"",
        "ca = { pem = \"geheim\" }",
    ] {
        let hook = format!("[hook.crm]\nurl = \"https://h/\"\n{hook}\n");
        std::fs::write(&file, &hook).unwrap();
        let (status, out, err) = run(&["check", "--config", file.to_str().unwrap()]).await;
        assert_eq!((status, out.as_str()), (1, ""), "{hook}");
        // the name of an unknown key is shown
        let output = err.replace(".geheim: unknown key", "");
        assert!(!output.contains("geheim"), "{hook}\n{err}");
    }
}
