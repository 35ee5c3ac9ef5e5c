//! Owner: call. Callers of Asterisk who withhold their number or their name.

use crate::util::{Daemon, Environment, FakeAsterisk, FakeWebhook, Reply};

/// The request for this call: its body, its URL and a header.
async fn request_of(call: Environment) -> (serde_json::Value, String, String) {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let url = webhook.url("/r?from={caller_number}&name={phonebook_caller_name}&channel={channel}");
    let hook =
        format!("[hook.crm]\nurl = \"{url}\"\nheaders = {{ X-Caller = \"{{caller_number}} {{channel}}\" }}");
    let daemon = Daemon::start(&hook).await;
    assert_eq!(FakeAsterisk::call(daemon.address(), call).await.status(), "OK");
    let request = webhook.requested().await;
    let header = request.header("x-caller").unwrap_or_default().to_owned();
    (request.json(), request.target, header)
}

fn caller(number: &str, name: &str) -> Environment {
    Environment::new("crm").caller(number).name(name)
}

#[tokio::test]
async fn a_word_for_a_withheld_number_leaves_the_number_empty() {
    for word in ["anonymous", "Restricted", "UNAVAILABLE", "unknown", "Private", "withheld"] {
        let (body, target, header) = request_of(caller(word, word)).await;
        assert_eq!([&body["caller_number"], &body["phonebook_caller_name"]], ["", ""], "{word}");
        assert!(target.starts_with("/r?from=&name=&channel="), "{target}");
        assert!(!header.to_lowercase().contains(&word.to_lowercase()), "{header}");
    }
    for number in ["0000000000", "anonymous1", "+31612345678"] {
        assert_eq!(request_of(caller(number, "Ada")).await.0["caller_number"], number);
    }
}

#[tokio::test]
async fn a_withheld_number_is_in_no_part_of_the_request() {
    let call = caller("31612345678", "+31612345678")
        .line("agi_callingpres", "35")
        .line("agi_channel", "DAHDI/i1/0612345678-2")
        .variable("CALLERID(num-pres)", "prohib_passed_screen")
        .variable("CALLERID(name-pres)", "allowed");
    let (body, target, header) = request_of(call).await;
    assert_eq!(body["channel"], "DAHDI/i1/-2");
    for text in [body.to_string(), target, header] {
        assert!(!text.contains("12345678"), "{text}");
    }
}

#[tokio::test]
async fn a_withheld_name_is_empty_and_its_number_stays() {
    let call = |number, name| {
        let call = caller("31612345678", "Ada").line("agi_callingpres", "32");
        call.variable("CALLERID(num-pres)", number).variable("CALLERID(name-pres)", name)
    };
    for (number, name, caller) in [
        ("allowed", "prohib", ["31612345678", ""]),
        ("prohib", "allowed", ["", "Ada"]),
        ("prohib_not_screened", "prohib_not_screened", ["", ""]),
    ] {
        let (body, ..) = request_of(call(number, name)).await;
        assert_eq!([&body["caller_number"], &body["phonebook_caller_name"]], caller);
    }
}

#[tokio::test]
async fn a_variable_with_hyphens_and_points_in_its_name_is_fetched() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let url = webhook.url("/r?customer={variables.sip_h_X-Customer}");
    let daemon =
        Daemon::start(&format!("[hook.crm]\nurl = \"{url}\"\nfetch = [\"sip_h_X-Customer\", \"a.b\"]")).await;
    let call = Environment::new("crm").variable("sip_h_X-Customer", "4 2").variable("a.b", "x");
    assert_eq!(FakeAsterisk::call(daemon.address(), call).await.status(), "OK");
    let request = webhook.requested().await;
    assert_eq!(request.target, "/r?customer=4%202");
    assert_eq!(request.json()["variables"], serde_json::json!({"sip_h_X-Customer": "4 2", "a.b": "x"}));
}
