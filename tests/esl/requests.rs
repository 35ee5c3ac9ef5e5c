//! Owner: hook/request. The request that a webhook receives for a call of FreeSWITCH.

use super::{daemon_for, step};
use crate::util::{CallState, ChannelData, Daemon, FakeFreeSwitch, Received, SocketMode, good_webhook};

async fn request(tables: &str, hook: &str, channel: impl FnOnce(ChannelData) -> ChannelData) -> Received {
    let webhook = good_webhook().await;
    let daemon =
        Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\n{hook}\n{tables}", webhook.url("/"))).await;
    assert_eq!(step(&daemon, "/crm", channel).await.status(), "OK");
    webhook.requested().await
}

#[tokio::test]
async fn the_request_for_a_sip_call_has_every_key() {
    let request = request("", "", |call| {
        let sip = ChannelData::recorded("sip-none.connect.txt");
        let address = String::from_utf8(call.bytes()).unwrap();
        let port: String = address
            .split_once("current_application_data: 127.0.0.1%3A")
            .unwrap()
            .1
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        sip.socket(SocketMode::None, &format!("127.0.0.1:{port}/crm")).variable("accountcode", "acme & co")
    })
    .await;
    let block = String::from_utf8(ChannelData::recorded("sip-none.connect.txt").bytes()).unwrap();
    let header = |name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        percent_encoding::percent_decode_str(line.unwrap()).decode_utf8().unwrap().into_owned()
    };
    let created = header("Caller-Channel-Created-Time");
    let json = request.json();
    for (key, value) in [
        ("com_id", "acme & co".to_owned()),
        ("dp_id", header("Caller-Context")),
        ("dp_in_number", header("Caller-Destination-Number")),
        ("dp_ex_number", header("Caller-Destination-Number")),
        ("callee_number", header("Caller-Destination-Number")),
        ("caller_number", header("Caller-Caller-ID-Number")),
        ("uuid", header("Unique-ID")),
        ("phonebook_caller_name", header("Caller-Caller-ID-Name")),
        ("call_start_time", created[..13].to_owned()),
        ("rta_call_id", header("variable_call_uuid")),
        ("sip_call_id", header("variable_sip_call_id")),
        ("switch", "freeswitch".to_owned()),
        ("channel", header("Channel-Name")),
    ] {
        assert_eq!(json[key], value, "{key}");
    }
    assert_eq!(json["variables"], serde_json::json!({}));
    assert_eq!(json.as_object().unwrap().len(), 15);
}

#[tokio::test]
async fn a_value_that_the_channel_lacks_is_replaced_by_its_documented_substitute() {
    let webhook = good_webhook().await;
    let configuration = "company = \"kwik\"\n[listen]\nasterisk = \"127.0.0.1:0\"\n";
    let daemon = Daemon::with(&format!("{configuration}[hook.crm]\nurl = \"{}\"", webhook.url("/"))).await;
    step(&daemon, "/crm", |call| call.without("variable_call_uuid").header("Unique-ID", "one-two")).await;
    let json = webhook.requested().await.json();
    assert_eq!((&json["com_id"], &json["rta_call_id"]), (&"kwik".into(), &"one-two".into()));
    assert_eq!(json["sip_call_id"], "");
}

#[tokio::test]
async fn a_withheld_number_is_not_sent() {
    let hide = |call: ChannelData| call.header("Caller-Privacy-Hide-Number", "true");
    assert_eq!(request("", "", hide).await.json()["caller_number"], "");
}

#[tokio::test]
async fn variables_are_fetched_in_any_case_and_with_any_bytes() {
    let names = "fetch = [\"aw_plain\", \"AW_SPACES\", \"aw_newline\", \"aw_blank_line\", \"aw_quotes\", \
                 \"aw_backslash\", \"aw_reference\", \"aw_percent_ambiguous\", \"aw_plus\", \"aw_utf8\", \
                 \"aw_emoji\", \"aw_latin1\", \"aw_control\", \"aw_undef\", \"aw_upper\", \"aw_array\", \
                 \"aw_array_odd\", \"aw_all_bytes\", \"unset\"]";
    for file in ["full-awkward.connect.txt", "async-full-awkward.connect.txt"] {
        let webhook = good_webhook().await;
        let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\n{names}", webhook.url("/"))).await;
        let mode = if file.starts_with("full") { SocketMode::Full } else { SocketMode::AsyncFull };
        let call = ChannelData::recorded(file).socket(mode, &format!("{}/crm", daemon.freeswitch()));
        let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call).await;
        assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"));
        let json = webhook.requested().await.json();
        let all_bytes: Vec<u8> = (1..=255).collect();
        for (name, value) in [
            ("aw_plain", "sales"),
            ("AW_SPACES", "  two  words  "),
            ("aw_newline", "line1\nline2\r\nline3\n"),
            ("aw_blank_line", "a\n\nContent-Type: x\n\n"),
            ("aw_quotes", "say \"hi\" it's 'x'"),
            ("aw_backslash", "a\\b\\\\c\\n"),
            ("aw_reference", "${caller_id_number} $${hostname} ${expr(1+1)}"),
            ("aw_percent_ambiguous", "50%41"),
            ("aw_plus", "+15550100 a+b"),
            ("aw_utf8", "Zoë Ünal — straße"),
            ("aw_emoji", "hi 😀 ok"),
            ("aw_latin1", "caf\u{fffd}"),
            ("aw_control", "\u{1}\u{7}\u{1b}\u{7f}"),
            ("aw_undef", ""),
            ("aw_upper", "1"),
            ("aw_array", "ARRAY::one|:two words|:drei ü"),
            ("aw_array_odd", "ARRAY::a|:|:c"),
            ("aw_all_bytes", &*String::from_utf8_lossy(&all_bytes)),
            ("unset", ""),
        ] {
            assert_eq!(json["variables"][name], value, "{name}");
        }
    }
}

#[tokio::test]
async fn any_byte_of_a_callers_name_reaches_the_url() {
    let webhook = good_webhook().await;
    let daemon =
        Daemon::start(&format!("[hook.crm]\nurl = \"{}\"", webhook.url("/?n={phonebook_caller_name}"))).await;
    let name = |call: ChannelData| call.header("Caller-Caller-ID-Name", "caf%E9%20%FF%01%0A%26'");
    assert_eq!(step(&daemon, "/crm", name).await.status(), "OK");
    assert_eq!(webhook.requested().await.target, "/?n=caf%E9%20%FF%01%0A%26%27");
}

#[tokio::test]
async fn a_variable_of_64_kib_is_sent_whole() {
    let webhook = good_webhook().await;
    let daemon =
        Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nfetch = [\"big\"]", webhook.url("/"))).await;
    let text = "é".repeat(32 * 1024);
    assert_eq!(step(&daemon, "/crm", |call| call.variable("big", text.as_str())).await.status(), "OK");
    assert_eq!(webhook.requested().await.json()["variables"]["big"], text);
    let recorded = ChannelData::recorded("full-big-variable.connect.txt")
        .socket(SocketMode::Full, &format!("{}/crm", daemon.freeswitch()));
    assert_eq!(FakeFreeSwitch::call(daemon.freeswitch(), recorded).await.status(), "OK");
}

#[tokio::test]
async fn the_configuration_limits_the_channel_data() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "[limits]\nchannel_data = \"64KiB\"").await;
    for (length, status) in [(60, Some(&b"OK"[..])), (64, None)] {
        let long = |call: ChannelData| call.variable("long", vec![b'x'; length * 1024]);
        let given_back = step(&daemon, "/crm", long).await;
        assert_eq!(given_back.variables.get("webhook_status").map(Vec::as_slice), status, "{length} KiB");
    }
}
