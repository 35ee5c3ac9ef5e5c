//! Owner: hook/request. The body of a POST: fields, forms and JSON templates.

use serde_json::json;

use super::{step, step_of_freeswitch};
use crate::util::{
    ChannelData, Environment, FakeAsterisk, FakeFreeSwitch, FakeWebhook, Received, Reply, SocketMode,
    configured, daemon_for, run,
};

/// The request that the webhook receives for one call at a hook with these keys.
async fn request(hook: &str, call: Environment) -> Received {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = daemon_for(&webhook, hook).await;
    let ended = FakeAsterisk::call(daemon.address(), call).await;
    assert_eq!(ended.status(), "OK", "{}", ended.reason());
    webhook.requested().await
}

/// A call whose caller sends the value [`HOSTILE`].
fn hostile_caller() -> Environment {
    Environment::new("crm").caller("31612345678").name("\",\"admin\":\"1")
}

/// A value with characters that could end a form field, a header, a part of a URL or a JSON string.
const HOSTILE: &str = "a&b=c +d%41;e,f\"g\r\nX-Admin: 1\\{uuid}\u{e9}";

#[tokio::test]
async fn a_json_template_keeps_a_callers_text_inside_its_string() {
    let hook = r#"body = '{"from": "{caller_number}", "name": "{phonebook_caller_name}", "n": 1.50, "list": [true, null, "{{x}} {variables.V}"]}'"#;
    let request = request(hook, hostile_caller().variable("V", HOSTILE)).await;
    assert_eq!(request.header("content-type"), Some("application/json"));
    let expected = json!({
        "from": "31612345678",
        "name": "\",\"admin\":\"1",
        "n": request.json()["n"],
        "list": [true, null, format!("{{x}} {HOSTILE}")],
    });
    assert_eq!(request.json(), expected);
    assert!(request.text().contains("1.50"), "{}", request.text());
}

#[tokio::test]
async fn chosen_fields_can_be_renamed() {
    let hook = "fetch = [\"A\", \"B\"]\n\
                fields = { from = \"caller_number\", account = \"variables.V\", all = \"variables\" }";
    let call = hostile_caller().variable("V", HOSTILE).variable("A", "1").variable("B", "2");
    let request = request(hook, call).await;
    let expected = json!({ "from": "31612345678", "account": HOSTILE, "all": { "A": "1", "B": "2" } });
    assert_eq!(request.json(), expected);
}

#[tokio::test]
async fn a_list_of_fields_omits_the_other_fields() {
    let request = request("fields = [\"callee_number\", \"caller_number\"]", hostile_caller()).await;
    assert_eq!(request.text(), r#"{"callee_number":"200","caller_number":"31612345678"}"#);
}

/// The pairs of a form, as web frameworks read them.
fn pairs(request: &Received) -> Vec<(String, String)> {
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

#[tokio::test]
async fn a_form_encodes_every_value() {
    let hook = "body = \"form\"\nfetch = [\"V\"]\n\
                fields = { \"from&\" = \"caller_number\", v = \"variables.V\", all = \"variables\" }";
    let request = request(hook, hostile_caller().variable("V", HOSTILE)).await;
    let expected = [("from&", "31612345678"), ("v", HOSTILE), ("all.V", HOSTILE)];
    assert_eq!(pairs(&request), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(!request.text().contains(['"', ' ', '\r', '\n']), "{}", request.text());
}

#[tokio::test]
async fn a_form_has_the_default_fields_if_none_are_chosen() {
    let request = request("body = \"form\"\nfetch = [\"V\"]", hostile_caller().variable("V", "7")).await;
    let names: Vec<_> = pairs(&request).into_iter().map(|(name, _)| name).collect();
    let contract = "com_id dp_id dp_in_number dp_ex_number callee_number caller_number uuid phonebook_caller_name \
                    event_time call_start_time rta_call_id sip_call_id switch channel variables.V";
    assert_eq!(names.join(" "), contract);
}

#[tokio::test]
async fn a_value_cannot_add_a_header() {
    let hook = "headers = { X-Note = \"<{variables.V}>; n={caller_number}, {{}}\" }";
    let request = request(hook, hostile_caller().variable("V", HOSTILE)).await;
    let expected =
        "<a&b%3Dc%20+d%2541%3Be%2Cf%22g%0D%0AX-Admin%3A%201%5C%7Buuid%7D%C3%A9>; n=31612345678, {}";
    assert_eq!(request.header("x-note"), Some(expected));
    assert_eq!(request.header("x-admin"), None);
}

#[tokio::test]
async fn a_placeholder_inside_a_value_is_not_expanded() {
    let call = hostile_caller().variable("V", "{variables.W}{uuid}").variable("W", "geheim");
    let request = request("body = '{\"v\": \"{variables.V}\"}'", call).await;
    assert_eq!(request.text(), r#"{"v":"{variables.W}{uuid}"}"#);
}

#[tokio::test]
async fn bytes_that_are_no_text_stay_in_a_form_and_are_replaced_in_json() {
    let call = || Environment::new("crm").variable("V", b"caf\xe9".to_vec());
    let form = request("body = \"form\"\nfields = { v = \"variables.V\" }", call()).await;
    assert_eq!(form.text(), "v=caf%E9");
    let json = request("body = '{\"v\": \"{variables.V}\"}'", call()).await;
    assert_eq!(json.text(), "{\"v\":\"caf\u{fffd}\"}");
}

#[tokio::test]
async fn a_call_of_freeswitch_fills_the_same_templates() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let hook = "body = '{\"v\": \"{variables.V}\", \"switch\": \"{switch}\"}'\nheaders = { X-V = \"{variables.V}\" }";
    let daemon = daemon_for(&webhook, hook).await;
    let channel = ChannelData::new(SocketMode::None, &format!("{}/crm", daemon.freeswitch()));
    FakeFreeSwitch::call(daemon.freeswitch(), channel.variable("V", HOSTILE)).await;
    let request = webhook.requested().await;
    assert_eq!(request.json(), json!({ "v": HOSTILE, "switch": "freeswitch" }));
    let header = percent_encoding::percent_decode_str(request.header("x-v").unwrap()).decode_utf8().unwrap();
    assert_eq!(header, HOSTILE);
}

#[tokio::test]
async fn an_ad_hoc_step_has_the_default_body_whatever_hooks_say() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = daemon_for(&webhook, "body = \"form\"\nheaders = { X-Note = \"x\" }").await;
    let call = Environment::new("webhook").argument(format!("url={}", webhook.url("/")));
    FakeAsterisk::call(daemon.address(), call).await;
    let request = webhook.requested().await;
    assert_eq!((request.json()["switch"].as_str(), request.header("x-note")), (Some("asterisk"), None));
}

#[tokio::test]
async fn both_switches_lead_to_the_same_request() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = daemon_for(&webhook, "body = '{\"fixed\": [1, \"{{x}}\"]}'").await;
    step(&daemon, "crm").await;
    step_of_freeswitch(&daemon, "crm").await;
    for request in webhook.requests(2).await {
        assert_eq!(request.text(), r#"{"fixed":[1,"{x}"]}"#);
    }
}

/// The faults that `check` prints for this hook.
async fn fault(hook: &str) -> String {
    let (_folder, file) = configured(&format!("[hook.crm]\n{hook}\n"));
    let (status, out, err) = run(&["check", "--config", file.to_str().unwrap()]).await;
    assert_eq!((status, out.as_str()), (1, ""), "{hook}");
    err
}

#[tokio::test]
async fn a_placeholder_in_scheme_host_or_port_is_a_fault() {
    for url in [
        "{switch}://h/",
        "http://{variables.HOST}/",
        "http://h:{variables.PORT}/",
        "http://{variables.U}@h/",
        "http://u:{variables.P}@h/",
        "http://crm.{variables.D}.example/",
        "{variables.URL}",
    ] {
        for hook in [format!("url = \"{url}\""), format!("urls = [\"http://h/\", \"{url}\"]")] {
            let fault = fault(&hook).await;
            assert!(
                fault.contains("path and the query only") || fault.contains("not an http"),
                "{hook}: {fault}"
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_no_request_can_have_is_a_fault_of_the_configuration() {
    let url = "url = \"http://h/\"\n";
    for (hook, word) in [
        ("body = '{\"n\": {caller_number}}'", "inside of a string"),
        ("body = '{\"{caller_number}\": 1}'", "cannot have placeholders"),
        ("body = '{\"n\": \"{caller_nummer}\"}'", "did you mean `{caller_number}`?"),
        ("body = '{\"n\": \"{\"}'", "a literal one is `{{`"),
        ("body = \"xml\"", "write \"kwebbl\", \"form\""),
        ("body = 1", "write \"kwebbl\", \"form\""),
        ("body = '{}'\nfields = [\"uuid\"]", "leave fields out"),
        ("fields = [\"uuid\", \"uuid\"]", "is listed twice"),
        ("fields = []", "write the fields"),
        ("fields = { a = \"{uuid}\" }", "without braces"),
        ("method = \"GET\"\nbody = \"form\"", "a GET has no body"),
        ("method = \"GET\"\nfields = [\"uuid\"]", "a GET has no body"),
        ("headers = { X = \"{nope}\" }", "unknown placeholder"),
        ("headers = { Host = \"x\" }", "sets this header for each connection"),
        ("headers = { Webhook-Id = \"x\" }", "dialhook sets this header itself"),
    ] {
        let fault = fault(&format!("{url}{hook}")).await;
        assert!(fault.contains(word), "{hook}: {fault}");
    }
}
