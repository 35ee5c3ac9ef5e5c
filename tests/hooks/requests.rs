//! Owner: hook/request. The method, URL, headers and body of a request.

use std::collections::HashSet;
use std::fs;

use crate::util::{
    ChannelData, Daemon, Environment, FakeAsterisk, FakeFreeSwitch, FakeWebhook, Program, Received, Reply,
    SocketMode, daemon_for, good_webhook,
};

fn known_caller(script: &str) -> Environment {
    Environment::new(script)
        .caller("31612345678")
        .name("Ada \"L\"")
        .line("agi_dnid", "31201234567")
        .line("agi_accountcode", "acme")
        .line("agi_channel", "PJSIP/trunk-00000002")
        .line("agi_type", "PJSIP")
        .variable("CHANNEL(pjsip,call-id)", "a@b")
}

/// The request that the webhook receives for one call.
async fn request(hook: &str, call: Environment) -> Received {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, hook).await;
    assert_eq!(FakeAsterisk::call(daemon.address(), call).await.status(), "OK");
    webhook.requested().await
}

#[tokio::test]
async fn a_post_has_the_default_keys_in_their_order() {
    let call = known_caller("crm").variable("ACCOUNT", "4\n2");
    let request = request("fetch = [\"ACCOUNT\", \"UNSET\"]", call).await;
    let json = request.json();
    let now = json["event_time"].as_str().unwrap();
    assert!(now.len() == 13 && now.bytes().all(|byte| byte.is_ascii_digit()), "{now}");
    assert_eq!(
        request.text().replace(now, "NOW"),
        concat!(
            r#"{"com_id":"acme","dp_id":"from-trunk","dp_in_number":"200","dp_ex_number":"31201234567","#,
            r#""callee_number":"31201234567","caller_number":"31612345678","uuid":"1795416038.2","#,
            r#""phonebook_caller_name":"Ada \"L\"","event_time":"NOW","call_start_time":"1795416038000","#,
            r#""rta_call_id":"1795416038.1","sip_call_id":"a@b","switch":"asterisk","#,
            r#""channel":"PJSIP/trunk-00000002","variables":{"ACCOUNT":"4\n2","UNSET":""}}"#
        )
    );
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/"));
    assert_eq!(request.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_get_has_no_body() {
    let request = request("method = \"GET\"", known_caller("crm")).await;
    assert_eq!((request.method.as_str(), request.body.as_slice()), ("GET", &b""[..]));
    assert_eq!((request.header("content-length"), request.header("content-type")), (None, None));
}

#[tokio::test]
async fn a_request_has_exactly_these_headers() {
    let request = request("headers = { X-Api-Key = \"k\" }", known_caller("crm")).await;
    let mut names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "accept-encoding",
            "content-length",
            "content-type",
            "host",
            "traceparent",
            "user-agent",
            "webhook-id",
            "x-api-key"
        ]
    );
    assert_eq!(request.header("user-agent"), Some(concat!("dialhook/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(request.header("x-api-key"), Some("k"));
}

#[tokio::test]
async fn every_request_has_its_own_id() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    for _ in 0..3 {
        FakeAsterisk::call(daemon.address(), known_caller("crm")).await;
    }
    let hexadecimal = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut seen = HashSet::new();
    for request in webhook.received() {
        let id = request.header("webhook-id").unwrap().to_owned();
        assert!(id.strip_prefix("msg_").is_some_and(|word| word.len() == 32 && hexadecimal(word)), "{id}");
        let trace = request.header("traceparent").unwrap().to_owned();
        let parts: Vec<_> = trace.split('-').collect();
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        assert_eq!((parts[0], parts[3], lengths), ("00", "01", vec![2, 32, 16, 2]), "{trace}");
        assert!(parts.iter().all(|part| hexadecimal(part)), "{trace}");
        assert!(seen.insert(id) && seen.insert(trace));
    }
    assert_eq!(seen.len(), 6);
}

#[tokio::test]
async fn a_secret_comes_from_a_file_beside_the_configuration() {
    let webhook = good_webhook().await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("crm.key"), "s3cret\n").unwrap();
    let configuration = format!(
        "[listen]\nasterisk = \"127.0.0.1:0\"\n[hook.crm]\nurl = \"{}\"\n\
         headers = {{ Authorization = {{ file = \"crm.key\" }} }}",
        webhook.url("/")
    );
    let daemon = Daemon::with_file(&configuration, &folder.path().join("dialhook.toml")).await;
    FakeAsterisk::call(daemon.address(), known_caller("crm")).await;
    assert_eq!(webhook.requested().await.header("authorization"), Some("s3cret"));
}

#[tokio::test]
async fn a_secret_comes_from_the_environment() {
    let webhook = good_webhook().await;
    let hook = format!(
        "[hook.crm]\nurl = \"{}\"\nheaders = {{ X-Api-Key = {{ env = \"CRM_KEY\" }} }}",
        webhook.url("/")
    );
    let program = Program::serve(&hook, &[("CRM_KEY", "s3cret")]).await;
    FakeAsterisk::call(program.address(), known_caller("crm")).await;
    assert_eq!(webhook.requested().await.header("x-api-key"), Some("s3cret"));
}

/// The target of a request to this path, in which placeholders may stand.
async fn target(path: &str, call: Environment) -> String {
    let webhook = good_webhook().await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"", webhook.url(path))).await;
    assert_eq!(FakeAsterisk::call(daemon.address(), call).await.status(), "OK");
    webhook.requested().await.target
}

#[tokio::test]
async fn the_value_of_a_placeholder_is_encoded() {
    let call = known_caller("crm").variable("V", "a/../b?c=d&e#f%2F g\r\nX: y\"é");
    assert_eq!(
        target("/r/{variables.V}/{uuid}?v={variables.V}&n={caller_number}", call).await,
        "/r/a%2F..%2Fb%3Fc%3Dd%26e%23f%252F%20g%0D%0AX%3A%20y%22%C3%A9/1795416038.2\
         ?v=a%2F..%2Fb%3Fc%3Dd%26e%23f%252F%20g%0D%0AX%3A%20y%22%C3%A9&n=31612345678"
    );
}

#[tokio::test]
async fn a_withheld_number_is_in_no_placeholder() {
    let call = known_caller("crm").variable("CALLERID(num-pres)", "prohib_passed_screen");
    assert_eq!(target("/r?n={caller_number}", call).await, "/r?n=");
}

#[tokio::test]
async fn a_placeholder_cannot_leave_its_path_segment() {
    let webhook = good_webhook().await;
    let hook = |name, path| format!("[hook.{name}]\nurl = \"{}\"\nvariable = \"CRM\"\n", webhook.url(path));
    let hooks = hook("crm", "/crm/{variables.V}/route") + hook("last", "/crm/{variables.V}").as_str();
    let daemon = Daemon::start(&hooks).await;
    for (name, dots) in [("crm", ".."), ("crm", "."), ("last", ".."), ("last", ".")] {
        let ended = FakeAsterisk::call(daemon.address(), known_caller(name).variable("V", dots)).await;
        assert_eq!(ended.status(), "BAD_REQUEST", "{name} {dots}");
        assert_eq!(
            ended.reason(),
            "a placeholder in the path of the URL holds . or .. and would lead to another path"
        );
    }
    assert_eq!(webhook.connections(), 0);
}

#[tokio::test]
async fn a_name_that_no_url_can_hold_does_not_open_the_breaker() {
    let webhook = good_webhook().await;
    let hook = format!(
        "[hook.crm]\nurl = \"{}\"\nvariable = \"crm\"\nbreaker = {{ failures = 1 }}",
        webhook.url("/?n={phonebook_caller_name}")
    );
    let daemon = Daemon::start(&hook).await;
    let channel = ChannelData::new(SocketMode::None, &format!("{}/crm", daemon.freeswitch()))
        .header("Caller-Caller-ID-Name", "\u{e9}".repeat(15_000));
    let given_back = FakeFreeSwitch::call(daemon.freeswitch(), channel).await;
    assert_eq!(given_back.status(), "BAD_REQUEST");
    assert_eq!(given_back.reason(), "the URL with the values of the call is longer than 65534 bytes");
    assert_eq!(FakeAsterisk::call(daemon.address(), known_caller("crm")).await.status(), "OK");
}

#[tokio::test]
async fn one_connection_serves_many_calls_once_the_webhook_is_trusted() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    for _ in 0..5 {
        assert_eq!(FakeAsterisk::call(daemon.address(), known_caller("crm")).await.status(), "OK");
    }
    assert_eq!((webhook.received().len(), webhook.connections()), (5, 2));
}

#[tokio::test]
async fn a_connection_that_the_webhook_closed_is_not_reused() {
    let webhook = FakeWebhook::start(|_| {
        let Reply::Bytes(answer) = Reply::text("sales") else { unreachable!() };
        Reply::Then(answer, Box::new(Reply::Close))
    })
    .await;
    let daemon = daemon_for(&webhook, "").await;
    for _ in 0..20 {
        assert_eq!(FakeAsterisk::call(daemon.address(), known_caller("crm")).await.status(), "OK");
    }
}

#[tokio::test]
async fn an_ad_hoc_step_requests_its_url_unchanged() {
    let webhook = good_webhook().await;
    let daemon = Daemon::start("").await;
    let target = "/r?a=1,2&b={b}&c=%20x%23";
    let call = known_caller("webhook")
        .argument("method=get")
        .argument(format!("url={}", webhook.url(target)))
        .argument("")
        .argument(" timeout=3s")
        .argument("variable=_ROUTE ");
    let ended = FakeAsterisk::call(daemon.address(), call).await;
    assert_eq!((ended.status(), ended.get("_ROUTE")), ("OK", Some("sales")), "{}", ended.reason());
    let request = webhook.requested().await;
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", target));
}

#[tokio::test]
async fn the_query_may_hold_every_parameter_of_an_ad_hoc_step() {
    let webhook = good_webhook().await;
    let daemon = Daemon::start("").await;
    let url = webhook.url("/r%3Fa%3Db+c%26d");
    let script = format!("webhook?method=GET&url={}&&variable=%52", url.replace(':', "%3A"));
    let ended = FakeAsterisk::call(daemon.address(), known_caller(&script)).await;
    assert_eq!((ended.status(), ended.get("R")), ("OK", Some("sales")), "{}", ended.reason());
    assert_eq!(webhook.requested().await.target, "/r?a=b+c&d");
}
