//! Owner: cli. `dialhook try --curl`: the command sends what dialhook sends.

use std::fs;
use std::path::Path;

use tokio::process::Command;

use crate::util::{FakeWebhook, Received, Reply, configured, run, skipped, within_time_limit};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A request without what differs from one request to the next.
fn comparable(received: &Received) -> (String, String, Vec<String>, Vec<(String, String)>, String) {
    let mut spelled = received.spelled.clone();
    spelled.sort();
    let mut headers = received.headers.clone();
    let changing = ["webhook-id", "webhook-timestamp", "webhook-signature", "traceparent", "content-length"];
    headers.retain(|(name, _)| !changing.contains(&name.as_str()));
    headers.sort();
    // the time of the event and the id of the call are those of the moment
    let body = String::from_utf8_lossy(&received.body).into_owned();
    let body = body.chars().filter(|character| !character.is_ascii_digit()).collect();
    (received.method.clone(), received.target.clone(), spelled, headers, body)
}

#[tokio::test]
async fn a_shell_that_runs_the_command_sends_the_request_of_dialhook() {
    if !Path::new("/usr/bin/curl").exists() {
        return skipped("whether curl sends the request of dialhook: there is no /usr/bin/curl");
    }
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let keys = format!(
        "variable = \"CRM\"\nsign = \"{SECRET}\"\nbearer = {{ file = \"crm.token\" }}\n\
         headers = {{ X-Name = \"a'b $HOME `id` \\\\\", X-From = \"{{caller_number}}\" }}\n"
    );
    let post = format!("[hook.post]\nurl = \"{}\"\n{keys}", webhook.url("/r/{callee_number}?a=[1]&b={uuid}"));
    let post = post.replace("&b={uuid}", "");
    let get = format!("[hook.get]\nmethod = \"GET\"\nurl = \"{}\"\n{keys}", webhook.url("/r?token=geheim"));
    let (folder, file) = configured(&(post + get.as_str()));
    fs::write(folder.path().join("crm.token"), "geheim\n").unwrap();
    let file = file.to_str().unwrap();
    for hook in ["post", "get"] {
        let name = "O'Neil \"$(id)\"\u{202e}%s\u{1b}";
        let arguments = ["try", hook, "--name", name, "--config", file];
        assert_eq!(run(&arguments).await.0, 0);
        let (status, out, err) = run(&[&arguments[..], &["--curl"]].concat()).await;
        assert_eq!((status, err.as_str()), (0, ""));
        assert!(
            out.contains("Authorization: Bearer geheim") && out.contains("Webhook-Signature: v1,"),
            "{out}"
        );
        assert!(!out.contains(['\u{1b}', '\u{202e}']), "{out}");
        assert_eq!(webhook.received().len() % 2, 1, "--curl makes no request");
        let shell = Command::new("sh").args(["-c", &out]).output();
        let shell = within_time_limit("the shell", shell).await.unwrap();
        assert!(shell.status.success(), "{}\n{out}", String::from_utf8_lossy(&shell.stderr));
        assert!(String::from_utf8_lossy(&shell.stdout).ends_with("\r\n\r\nsales"), "{shell:?}");
        let received = webhook.received();
        let [.., of_dialhook, of_curl] = received.as_slice() else { panic!("two requests: {received:?}") };
        assert_eq!(comparable(of_curl), comparable(of_dialhook));
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_made_has_no_command() {
    let (_folder, file) =
        configured("[hook.crm]\nurl = \"http://h/{callee_number}/r\"\nvariable = \"CRM\"\n");
    let arguments = ["try", "crm", "--curl", "--callee", "..", "--config", file.to_str().unwrap()];
    let (status, out, err) = run(&arguments).await;
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.starts_with("dialhook: no request can be made: "), "{err}");
}

#[tokio::test]
async fn a_hook_with_several_urls_says_that_the_command_is_for_the_first() {
    let (_folder, file) =
        configured("[hook.crm]\nurls = [\"http://a/\", \"http://b/\"]\nvariable = \"CRM\"\n");
    let (status, out, err) = run(&["try", "crm", "--curl", "--config", file.to_str().unwrap()]).await;
    assert_eq!(status, 0);
    assert!(out.contains("'http://a/'") && !out.contains("http://b/"), "{out}");
    assert_eq!(err, "dialhook: the hook has 2 urls; this is the request for the first one\n");
}
