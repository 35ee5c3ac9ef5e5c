//! Owner: cli. `dialhook try`: the request, the answer and the variables of one step.

use std::fs;

use crate::util::{FakeWebhook, Reply, configured, dialhook, exit_and_output, run, within_time_limit};

#[tokio::test]
async fn try_shows_request_answer_and_channel_and_hides_secrets() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales\n")).await;
    let url = webhook
        .url("/a1b2c3d4e5f6/r?did={callee_number}&a={variables.ACCOUNT}&token=geheim&key={uuid}")
        .replace("http://", "http://u:geheim@");
    let (folder, file) = configured(&format!(
        "[hook.crm]\nurl = \"{url}\"\nvariable = \"CRM\"\nheaders = {{ X-Key = {{ file = \"crm.key\" }} }}\n"
    ));
    fs::write(folder.path().join("crm.key"), "geheim\n").unwrap();
    let file = file.to_str().unwrap();
    let arguments = [
        "try",
        "crm",
        "--config",
        file,
        "--caller",
        "31612345678",
        "--callee",
        "2/3",
        "--variable",
        "ACCOUNT=4&2",
    ];
    let (status, out, err) = run(&arguments).await;
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.starts_with("request   POST http://…@127.0.0.1:"), "{out}");
    assert!(
        out.contains("/…/r?did=2%2F3&a=4%262&token=…&key=…\n")
            && out.contains("\n          x-key: … (hidden)\n"),
        "{out}"
    );
    assert!(
        out.contains("\nanswer    200 after ") && out.contains(" ms, 6 bytes\n          sales\n"),
        "{out}"
    );
    assert!(out.contains("\nchannel   CRM = \"sales\"\n          WEBHOOK_CODE = \"200\"\n"), "{out}");
    assert!(out.ends_with("\n          WEBHOOK_STATUS = \"OK\"\n"), "{out}");
    assert!(!out.contains("geheim"), "{out}");
    let received = &webhook.received()[0];
    assert_eq!(received.header("x-key"), Some("geheim"));
    assert_eq!(received.json()["caller_number"], "31612345678");

    let (status, out, _) = run(&[&arguments[..], &["--json"]].concat()).await;
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &report["status"], &report["set"]["CRM"]), (0, &"OK".into(), &"sales".into()));
    assert_eq!(report["answer"]["code"], 200);
    assert!(!out.contains("geheim"), "{out}");
}

#[tokio::test]
async fn a_credential_of_the_service_comes_before_a_secret_file_beside_the_configuration() {
    let webhook = FakeWebhook::start(|_| Reply::text("")).await;
    let (folder, file) = configured(&format!(
        "[hook.crm]\nurl = \"{}\"\nheaders = {{ X-Key = {{ file = \"crm.key\" }}, X-Env = {{ env = \"CRM_KEY\" }} }}\n",
        webhook.url("/")
    ));
    fs::write(folder.path().join("crm.key"), "beside\n").unwrap();
    let credentials = tempfile::tempdir().unwrap();
    for expected in ["beside", "credential"] {
        let mut command = dialhook(&["try", "crm", "--config", file.to_str().unwrap()]);
        command.env("CREDENTIALS_DIRECTORY", credentials.path()).env("CRM_KEY", "from the environment");
        let (status, out, _) =
            exit_and_output(&within_time_limit("the program", command.output()).await.unwrap());
        assert_eq!(status, 0, "{out}");
        let received = webhook.received();
        let received = received.last().unwrap();
        assert_eq!(received.header("x-key"), Some(expected));
        assert_eq!(received.header("x-env"), Some("from the environment"));
        assert!(!out.contains(expected) && !out.contains("from the environment"), "{out}");
        fs::write(credentials.path().join("crm.key"), "credential").unwrap();
    }
}

#[tokio::test]
async fn try_shows_the_commands_for_freeswitch() {
    let webhook = FakeWebhook::start(|_| Reply::text("C:\\new")).await;
    let (_folder, file) = configured(&format!(
        "[hook.crm]\nurl = \"{}\"\nvariable = \"crm\"\naccept = \"text\"\n",
        webhook.url("/")
    ));
    let (status, out, _) =
        run(&["try", "crm", "--switch", "freeswitch", "--config", file.to_str().unwrap()]).await;
    assert_eq!(status, 0);
    assert!(out.contains("\nchannel   crm = \"C:\\new\"\n          webhook_code = \"200\"\n"), "{out}");
    assert!(
        out.contains("          content-length: 13\n\n          crm=C:\\\\\\\\new\n          sendmsg\n"),
        "{out}"
    );
    assert!(out.ends_with("          webhook_status=OK\n          exit\n"), "{out}");
    assert_eq!(webhook.received()[0].json()["switch"], "freeswitch");
}

#[tokio::test]
async fn try_fails_if_the_status_is_not_ok() {
    let webhook = FakeWebhook::start(|received| match received.target.as_str() {
        "/page" => Reply::status(500, "the database is \u{1b}[31mgone"),
        _ => Reply::text("say \"hi\""),
    })
    .await;
    let hook = |name: &str| {
        format!("[hook.{name}]\nurl = \"{}\"\nvariable = \"V\"\n", webhook.url(&format!("/{name}")))
    };
    let (_folder, file) = configured(&(hook("page") + hook("quote").as_str()));
    let file = file.to_str().unwrap();
    let (status, out, _) = run(&["try", "page", "--config", file]).await;
    assert_eq!(status, 1);
    assert!(out.contains("answer    500 after "), "{out}");
    assert!(
        out.contains("the database is \\u{1b}[31mgone"),
        "a control character reached the terminal: {out}"
    );
    assert!(out.contains("WEBHOOK_STATUS = \"HTTP_ERROR\""), "{out}");
    let (status, out, _) = run(&["try", "quote", "--config", file]).await;
    assert_eq!(status, 1);
    assert!(out.contains("WEBHOOK_STATUS = \"BAD_ANSWER\"") && out.contains("V = \"\""), "{out}");
    let (status, _, err) = run(&["try", "crm", "--config", file]).await;
    assert_eq!(status, 2);
    assert!(err.ends_with("dialhook.toml; write one of page, quote\n"), "{err}");
    let (_, _, err) = run(&["try", "quot", "--config", file]).await;
    assert!(err.ends_with("dialhook.toml; did you mean quote?\n"), "{err}");
}

#[tokio::test]
async fn try_shows_the_headers_that_explain_an_answer() {
    let webhook = FakeWebhook::start(|received| match received.target.as_str() {
        "/moved" => Reply::with_header(
            302,
            "Location: https://u:geheim@h/new?token=geheim\r\nServer: proxy\r\nX-Other: no",
            "gone",
        ),
        _ => Reply::with_header(
            200,
            "Content-Type: text/plain\r\nContent-Encoding: gzip\r\nServer: webhook\r\nX-Queue: 7\u{9b}",
            "",
        ),
    })
    .await;
    let hook = |name: &str, keys: &str| {
        format!("[hook.{name}]\nurl = \"{}\"\n{keys}\n", webhook.url(&format!("/{name}")))
    };
    let (_folder, file) = configured(
        &(hook("moved", "variable = \"CRM\"")
            + hook("set", "set = { QUEUE = { header = \"X-Queue\" } }").as_str()),
    );
    let file = file.to_str().unwrap();
    let (_, out, _) = run(&["try", "moved", "--config", file]).await;
    assert!(
        out.contains(
            " bytes\n          location: https://…@h/new?token=…\n          server: proxy\n\n          gone\n"
        ),
        "{out}"
    );
    assert!(!out.contains("geheim") && !out.contains("x-other"), "{out}");
    let (_, out, _) = run(&["try", "set", "--config", file]).await;
    assert!(
        out.contains(
            "\n          content-type: text/plain\n          content-encoding: gzip\n          x-queue: 7\\u{9b}"
        ),
        "{out}"
    );
    assert!(!out.contains("server: ") && !out.contains('\u{9b}'), "{out}");
    let (_, json, _) = run(&["try", "moved", "--json", "--config", file]).await;
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["answer"]["headers"]["x-other"], "no");
}

#[tokio::test]
async fn try_names_each_part_that_the_answer_lacks() {
    let webhook = FakeWebhook::start(|_| Reply::json(r#"{"name": "Anna"}"#)).await;
    let (_folder, file) = configured(&format!(
        "[hook.crm]\nurl = \"{}\"\nset = {{ NAME = \"/name\", QUEUE = {{ json = \"/queue/0\", otherwise = \"7\" }}, \
         VIP = {{ header = \"X-Vip\" }} }}\n",
        webhook.url("/")
    ));
    let file = file.to_str().unwrap();
    let (status, out, _) = run(&["try", "crm", "--config", file]).await;
    assert_eq!(status, 0);
    let expected = "
missing   the answer has no /queue/0, so QUEUE is \"7\"
          the answer has no header x-vip, so VIP is \"\"
";
    assert!(out.contains(expected), "{out}");
    let (_, json, _) = run(&["try", "crm", "--json", "--config", file]).await;
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["missing"], serde_json::json!(["/queue/0", "header x-vip"]));
}
