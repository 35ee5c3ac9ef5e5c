//! Owner: call. Callers of FreeSWITCH who withhold their number or their name.

use super::step;
use crate::util::{ChannelData, Daemon, FakeFreeSwitch, FakeWebhook, Reply, SocketMode};

/// The number that is put into every place of the channel data where FreeSWITCH puts the caller's number.
const NUMBER: &str = "31612345678";

/// The recorded SIP call as one of this number, whose `From` has this name or none.
fn sip_call(daemon: &Daemon, name: &str) -> ChannelData {
    let (user, at_host) = (NUMBER, format!("{NUMBER}%40192.0.2.7"));
    ChannelData::recorded("sip-full.connect.txt")
        .socket(SocketMode::Full, &format!("{}/crm", daemon.freeswitch()))
        .header("Caller-Username", user)
        .header("Caller-ANI", user)
        .header("Caller-Caller-ID-Number", user)
        .header("Caller-Orig-Caller-ID-Number", user)
        .header("Caller-Caller-ID-Name", name)
        .header("Caller-Orig-Caller-ID-Name", name)
        .header("Channel-Name", format!("sofia/rig/{at_host}"))
        .header("Caller-Channel-Name", format!("sofia/rig/{at_host}"))
        .variable("sip_from_user", user)
        .variable("sip_from_uri", format!("{NUMBER}@192.0.2.7"))
        .variable("channel_name", format!("sofia/rig/{NUMBER}@192.0.2.7"))
}

/// The body and the other parts of the request for a call.
async fn request_of(with: impl FnOnce(&Daemon) -> ChannelData) -> (serde_json::Value, String) {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let fields = ["caller_number", "phonebook_caller_name", "channel", "uuid", "rta_call_id", "sip_call_id"];
    let all = fields.map(|field| format!("{field}={{{field}}}")).join("&");
    let hook = format!(
        "[hook.crm]\nurl = \"{}\"\nheaders = {{ X-Call = \"{{channel}} {{caller_number}}\" }}\nfetch = [\"unset\"]",
        webhook.url(&format!("/r?{all}"))
    );
    let daemon = Daemon::start(&hook).await;
    let given_back = FakeFreeSwitch::call(daemon.freeswitch(), with(&daemon)).await;
    assert_eq!(given_back.status(), "OK");
    let request = webhook.requested().await;
    let body = request.json();
    (body.clone(), format!("{} {:?} {body}", request.target, request.headers))
}

#[tokio::test]
async fn a_withheld_number_is_in_no_part_of_the_request() {
    // FreeSWITCH takes the user of From for the name where From has none, in another notation perhaps
    for name in [NUMBER, "%2B31612345678", "0612345678", "Ada%200612345678"] {
        let (body, all) =
            request_of(|daemon| sip_call(daemon, name).header("Caller-Privacy-Hide-Number", "true")).await;
        assert_eq!([&body["caller_number"], &body["phonebook_caller_name"]], ["", ""], "{name}");
        assert_eq!(body["channel"], "sofia/rig/@192.0.2.7");
        assert!(!all.contains("12345678"), "{all}");
    }
}

#[tokio::test]
async fn a_withheld_number_is_in_no_id_that_the_caller_chose() {
    let (body, all) = request_of(|daemon| {
        sip_call(daemon, "Ada")
            .header("Caller-Privacy-Hide-Number", "true")
            .header("Unique-ID", "1-31612345678@192.0.2.7")
            .variable("call_uuid", "1-31612345678@192.0.2.7")
            .variable("sip_call_id", "1-31612345678@192.0.2.7")
    })
    .await;
    assert_eq!([&body["uuid"], &body["rta_call_id"], &body["sip_call_id"]], ["1-@192.0.2.7"; 3]);
    assert_eq!(body["phonebook_caller_name"], "Ada");
    assert!(!all.contains("12345678"), "{all}");
}

#[tokio::test]
async fn a_withheld_name_is_empty() {
    let hidden = |number: &'static str, name: &'static str| {
        request_of(move |daemon: &Daemon| {
            sip_call(daemon, "Ada")
                .header("Caller-Privacy-Hide-Number", number)
                .header("Caller-Privacy-Hide-Name", name)
        })
    };
    for (number, name, caller) in [
        ("true", "true", ["", "", "sofia/rig/@192.0.2.7"]),
        ("true", "false", ["", "Ada", "sofia/rig/@192.0.2.7"]),
        ("false", "true", [NUMBER, "", "sofia/rig/31612345678@192.0.2.7"]),
        ("false", "false", [NUMBER, "Ada", "sofia/rig/31612345678@192.0.2.7"]),
    ] {
        let (body, _) = hidden(number, name).await;
        assert_eq!([&body["caller_number"], &body["phonebook_caller_name"], &body["channel"]], caller);
    }
}

#[tokio::test]
async fn a_number_of_zeros_or_a_word_counts_as_withheld() {
    for number in
        ["anonymous", "Restricted", "UNAVAILABLE", "unknown", "Private", "withheld", "0", "0000000000"]
    {
        let (body, all) =
            request_of(|daemon| sip_call(daemon, number).header("Caller-Caller-ID-Number", number)).await;
        assert_eq!([&body["caller_number"], &body["phonebook_caller_name"]], ["", ""], "{number}");
        assert!(!all.contains("12345678"), "{number}: {all}");
    }
    for number in ["00", "001", "anonymous1", "%2B0", "0x0"] {
        let (body, _) =
            request_of(|daemon| sip_call(daemon, "Ada").header("Caller-Caller-ID-Number", number)).await;
        let shown = if number == "00" { "" } else { number };
        assert_eq!(body["caller_number"], shown.replace("%2B", "+"));
    }
}

#[tokio::test]
async fn a_fetched_variable_is_sent_as_it_is() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let hook = format!(
        "[hook.crm]\nurl = \"{}\"\nfetch = [\"sip_from_user\", \"sip_h_X-Customer\", \"SIP_H_x-customer.id\"]",
        webhook.url("/r?c={variables.sip_h_X-Customer}")
    );
    let daemon = Daemon::start(&hook).await;
    let with = |call: ChannelData| {
        call.header("Caller-Privacy-Hide-Number", "true")
            .variable("sip_from_user", NUMBER)
            .variable("sip_h_X-Customer", "${system(touch /tmp/x)} 42")
            .variable("sip_h_X-Customer.ID", "7")
    };
    let given_back = step(&daemon, "/crm", with).await;
    assert_eq!(given_back.status(), "OK");
    let request = webhook.requested().await;
    assert_eq!(request.target, "/r?c=%24%7Bsystem%28touch%20%2Ftmp%2Fx%29%7D%2042");
    let expected = serde_json::json!({
        "sip_from_user": NUMBER,
        "sip_h_X-Customer": "${system(touch /tmp/x)} 42",
        "SIP_H_x-customer.id": "7",
    });
    assert_eq!(request.json()["variables"], expected);
}
