//! Owner: cli. The notes that `dialhook try` prints below an answer.

use crate::util::{FakeWebhook, Reply, configured, run};

/// The exit status and the output of `try` for a hook whose webhook answers this body.
async fn tried(body: &'static str, keys: &str, more: &[&str]) -> (i32, String) {
    let webhook = FakeWebhook::start(move |_| Reply::json(body)).await;
    let (_folder, file) = configured(&format!("[hook.crm]\nurl = \"{}\"\n{keys}\n", webhook.url("/")));
    let arguments = [&["try", "crm", "--config", file.to_str().unwrap()], more].concat();
    let (status, out, _) = run(&arguments).await;
    (status, out)
}

const SET: &str = "set = { ROUTE = \"/route\" }";

#[tokio::test]
async fn try_notes_an_answer_without_any_part_of_set() {
    for body in [r#"[{"route": "sales"}]"#, r#"{"error": "x"}"#, r#"{"Route": "sales"}"#] {
        let (status, out) = tried(body, SET, &[]).await;
        assert_eq!(status, 0, "{out}");
        assert!(out.contains("WEBHOOK_STATUS = \"OK\"\n"), "{out}");
        assert!(
            out.ends_with("\nnote      the answer has none of the parts that set names: /route\n"),
            "{out}"
        );
        let (_, json) = tried(body, SET, &["--json"]).await;
        let report: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(report["note"], "the answer has none of the parts that set names: /route");
    }
    let (_, out) = tried(r#"{"route": "sales"}"#, SET, &[]).await;
    assert!(!out.contains("note"), "{out}");
}

#[tokio::test]
async fn try_notes_how_set_reads_a_json_string() {
    let (status, out) = tried("\"sales\"", "variable = \"CRM\"", &[]).await;
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("the answer is a JSON string. use set to read JSON"), "{out}");
    let note = "\nnote      write set = { CRM = \"\" } instead of variable; the empty pointer names the whole answer\n";
    assert!(out.ends_with(note), "{out}");
    // and this text is accepted
    let (status, out) = tried("\"sales\"", "set = { CRM = \"\" }", &[]).await;
    assert!(status == 0 && out.contains("CRM = \"sales\"") && !out.contains("note"), "{out}");
}
