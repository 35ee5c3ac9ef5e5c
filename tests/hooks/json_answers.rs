//! Owner: hook/answer. The variables of `set`: parts of an answer of JSON, headers and the status.

use super::{step, step_of_freeswitch};
use crate::util::{Daemon, Ended, FakeWebhook, GivenBack, Reply, daemon_for};

/// A daemon with the hook `crm` for a webhook that sends this reply.
async fn answering(reply: Reply, keys: &str) -> (FakeWebhook, Daemon) {
    let webhook = FakeWebhook::start(move |_| reply.clone()).await;
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\n{keys}", webhook.url("/"))).await;
    (webhook, daemon)
}

/// A call of Asterisk at a webhook that sends this reply.
async fn answered(reply: Reply, keys: &str) -> Ended {
    let (_webhook, daemon) = answering(reply, keys).await;
    step(&daemon, "crm").await
}

/// The same from FreeSWITCH.
async fn answered_freeswitch(reply: Reply, keys: &str) -> GivenBack {
    let (_webhook, daemon) = answering(reply, keys).await;
    step_of_freeswitch(&daemon, "crm").await
}

const CUSTOMER: &str = r#"{"customer": {"name": "Ada", "vip": true, "phone": null, "a/b": {"~": "tilde"}},
    "numbers": ["one", 2], "exact": 123456789012345678901234567890, "": "empty name"}"#;

const SET: &str = "accept = \"text\"\nset = { NAME = \"/customer/name\", VIP = \"/customer/vip\", FIRST = \"/numbers/0\", \
                   SECOND = \"/numbers/1\", EXACT = \"/exact\", ODD = \"/customer/a~1b/~0\", EMPTY = \"/\" }";

#[tokio::test]
async fn variables_receive_the_values_at_their_pointers() {
    let ended = answered(Reply::json(CUSTOMER), SET).await;
    assert_eq!((ended.status(), ended.code(), ended.reason()), ("OK", "200", ""));
    for (name, value) in [
        ("NAME", "Ada"),
        ("VIP", "true"),
        ("FIRST", "one"),
        ("SECOND", "2"),
        ("EXACT", "123456789012345678901234567890"),
        ("ODD", "tilde"),
        ("EMPTY", "empty name"),
    ] {
        assert_eq!(ended.get(name), Some(value), "{name}");
    }
    assert_eq!(ended.set.last().unwrap().0, "WEBHOOK_STATUS");
}

#[tokio::test]
async fn variables_of_freeswitch_receive_the_same() {
    let given_back = answered_freeswitch(Reply::json(CUSTOMER), SET).await;
    assert_eq!(given_back.status(), "OK");
    let got = ["name", "vip", "first", "second", "exact", "odd"].map(|name| given_back.get(name).unwrap());
    assert_eq!(got, ["Ada", "true", "one", "2", "123456789012345678901234567890", "tilde"]);
}

#[tokio::test]
async fn a_number_is_set_as_the_webhook_wrote_it() {
    for number in [
        "0",
        "-0",
        "1.50",
        "1e5",
        "1E+5",
        "-2.50e-07",
        "0.1000000000000000055511151231257827",
        "999999999999999999999999999999",
    ] {
        for (body, keys) in [
            (format!("{{\"n\": {number}}}"), "set = { N = \"/n\" }"),
            (format!("[0, {{\"a/b\": [7 , {number} ]}}]"), "set = { N = \"/1/a~1b/1\" }"),
            (format!(" {number}\n"), "set = { N = \"\" }"),
        ] {
            let ended = answered(Reply::json(body), keys).await;
            assert_eq!((ended.status(), ended.get("N")), ("OK", Some(number)));
        }
    }
}

#[tokio::test]
async fn a_missing_part_or_null_takes_otherwise() {
    let keys = "otherwise = \"unknown\"\nset = { PHONE = \"/customer/phone\", \
                MORE = { json = \"/more/and/more\", otherwise = \"none\" }, H = { header = \"X-None\" }, \
                TENTH = { json = \"/numbers/10\", otherwise = \"\" }, NAME = \"/customer/name\" }";
    let ended = answered(Reply::json(CUSTOMER), keys).await;
    assert_eq!(ended.status(), "OK", "{}", ended.reason());
    let got = ["PHONE", "MORE", "H", "TENTH", "NAME"].map(|name| ended.get(name).unwrap());
    assert_eq!(got, ["unknown", "none", "unknown", "", "Ada"]);
    let ended = answered(Reply::json(CUSTOMER), "set = { PHONE = \"/customer/phone\" }").await;
    assert_eq!((ended.status(), ended.get("PHONE")), ("OK", Some("")));
}

#[tokio::test]
async fn an_empty_value_removes_a_variable_of_freeswitch() {
    let keys =
        "set = { phone = \"/customer/phone\", current_application = \"/none\", name = \"/customer/name\" }";
    let given_back = answered_freeswitch(Reply::json(CUSTOMER), keys).await;
    assert_eq!(given_back.status(), "OK");
    assert_eq!((given_back.get("phone"), given_back.get("current_application")), (None, None));
    assert_eq!(given_back.get("name"), Some("Ada"));
}

#[tokio::test]
async fn an_object_or_a_list_is_a_bad_answer_that_names_the_pointer() {
    for (pointer, what) in [
        ("/customer", "the value at customer of the answer is an object. it was for X"),
        ("/customer/a~1b", "the value at customer.a_b of the answer is an object. it was for X"),
        ("/numbers", "the value at numbers of the answer is a list. it was for X"),
    ] {
        let keys = format!("set = {{ NAME = \"/customer/name\", X = \"{pointer}\" }}\notherwise = \"none\"");
        let ended = answered(Reply::json(CUSTOMER), &keys).await;
        assert_eq!((ended.status(), ended.code(), ended.reason()), ("BAD_ANSWER", "200", what));
        assert_eq!((ended.get("NAME"), ended.get("X")), (Some("none"), Some("none")));
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_a_bad_answer() {
    for body in [
        "sales",
        "{",
        "{\"a\": 1,}",
        "{'a': 1}",
        "{\"a\": 1} x",
        "{\"a\": 01}",
        "{\"a\": NaN}",
        &"[".repeat(10_000),
    ] {
        let ended = answered(Reply::json(body), "set = { A = \"/a\" }\notherwise = \"none\"").await;
        assert_eq!((ended.status(), ended.get("A")), ("BAD_ANSWER", Some("none")), "{body}");
        assert_eq!(ended.reason(), "the answer is not JSON");
    }
}

#[tokio::test]
async fn the_empty_pointer_reads_an_answer_of_one_value() {
    for (body, value) in [("\"sales\"", "sales"), ("7", "7"), ("false", "false"), ("null", "none")] {
        let ended = answered(Reply::json(body), "set = { X = \"\" }\notherwise = \"none\"").await;
        assert_eq!((ended.status(), ended.get("X")), ("OK", Some(value)), "{body}");
    }
}

#[tokio::test]
async fn an_object_cannot_pretend_to_be_a_number() {
    // how serde_json carries numbers of any length
    for number in ["7", "7; evil"] {
        let body = format!("{{\"n\": {{\"$serde_json::private::Number\": \"{number}\"}}}}");
        let ended = answered(Reply::json(&body), "set = { N = \"/n\" }\notherwise = \"none\"").await;
        assert_eq!((ended.status(), ended.get("N")), ("BAD_ANSWER", Some("none")));
        assert_eq!(ended.reason(), "the value at n of the answer is an object. it was for N");
    }
}

#[tokio::test]
async fn headers_and_the_status_are_parts_as_well() {
    let keys = "set = { ROUTE = { header = \"X-Route\" }, CODE = { status = true } }";
    let reply = Reply::with_header(201, "X-Route:  sales \r\nX-Route: other", "no json at all");
    let ended = answered(reply.clone(), keys).await;
    assert_eq!((ended.status(), ended.get("ROUTE"), ended.get("CODE")), ("OK", Some("sales"), Some("201")));
    let given_back = answered_freeswitch(reply, keys).await;
    assert_eq!((given_back.status(), given_back.get("route")), ("OK", Some("sales")));
}

#[tokio::test]
async fn each_part_may_have_its_own_list_of_answers() {
    let keys = "variable = \"CRM\"\nset = { ROUTE = { header = \"X-Route\", answers = [\"sales\", \"support\"], \
                otherwise = \"reception\" } }";
    let good = answered(Reply::with_header(200, "X-Route: sales", "text"), keys).await;
    assert_eq!((good.status(), good.get("CRM"), good.get("ROUTE")), ("OK", Some("text"), Some("sales")));
    let bad = answered(Reply::with_header(200, "X-Route: Sales", "text"), keys).await;
    assert_eq!((bad.status(), bad.get("CRM"), bad.get("ROUTE")), ("BAD_ANSWER", Some(""), Some("reception")));
    assert_eq!(bad.reason(), "the answer is not one of the configured answers. it was for ROUTE");
    let none = answered(Reply::text("text"), keys).await;
    assert_eq!((none.status(), none.get("ROUTE")), ("OK", Some("reception")));
}

#[tokio::test]
async fn one_bad_part_makes_the_whole_answer_bad() {
    for (body, reason) in [
        (
            r#"{"a": "good", "b": "two\nlines"}"#,
            "the answer holds a line break or another control byte. it was for B",
        ),
        (
            r#"{"a": "good", "b": "\u0000"}"#,
            "the answer holds a line break or another control byte. it was for B",
        ),
        (
            r#"{"a": "good", "b": "say \"hi\""}"#,
            "the switch cannot carry the answer. a double quote in it would end the quotes of a condition. it was for B",
        ),
    ] {
        let ended = answered(
            Reply::json(body),
            "accept = \"text\"\nset = { A = \"/a\", B = \"/b\" }\notherwise = \"none\"",
        )
        .await;
        assert_eq!((ended.status(), ended.reason()), ("BAD_ANSWER", reason));
        assert_eq!((ended.get("A"), ended.get("B")), (Some("none"), Some("none")));
    }
}

#[tokio::test]
async fn every_variable_is_set_on_every_failure_and_the_status_last() {
    let keys = "variable = \"CRM\"\notherwise = \"none\"\ntimeout = 1\n\
                set = { A = \"/a\", B = { header = \"X-B\", otherwise = \"nobody\" }, C = { status = true } }";
    for (reply, status) in [
        (Reply::Close, "UNREACHABLE"),
        (Reply::Stall, "TIMEOUT"),
        (Reply::half_and(Reply::Stall), "TIMEOUT"),
        (Reply::half_and(Reply::Reset), "UNREACHABLE"),
        (Reply::status(500, "{\"a\": 1}"), "HTTP_ERROR"),
        (Reply::text("no json"), "BAD_ANSWER"),
    ] {
        let what = format!("{reply:?}");
        let ended = answered(reply.clone(), keys).await;
        assert_eq!(ended.status(), status, "{what}");
        let set: Vec<_> = ended.set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let [variables @ .., _code, _reason, last] = &*set else { panic!("{set:?}") };
        assert_eq!(variables, [("CRM", "none"), ("A", "none"), ("B", "nobody"), ("C", "none")], "{what}");
        assert_eq!(last, &("WEBHOOK_STATUS", status));
        let given_back = answered_freeswitch(reply, keys).await;
        let got = ["crm", "a", "b", "c", "webhook_status"].map(|name| given_back.get(name).unwrap());
        assert_eq!(got, ["none", "none", "nobody", "none", status], "{what}");
        assert_eq!(given_back.commands.iter().rev().nth(1).unwrap(), &format!("set webhook_status={status}"));
    }
}

#[tokio::test]
async fn a_step_with_a_fault_clears_its_variables() {
    let keys = "set = { A = \"/a\", B = { json = \"/b\", otherwise = \"nobody\" } }";
    let (_webhook, daemon) = answering(Reply::json("{}"), keys).await;
    let ended = step(&daemon, "crm?timeout=99").await;
    assert_eq!((ended.status(), ended.get("A"), ended.get("B")), ("BAD_REQUEST", Some(""), Some("nobody")));
}

#[tokio::test]
async fn the_charset_of_the_answer_is_honoured() {
    for (content_type, body, value) in [
        ("text/plain; charset=ISO-8859-1", &b"caf\xe9"[..], "café"),
        ("text/plain;charset=\"windows-1252\"", b"\x80 5", "€ 5"),
        ("text/plain; format=flowed; Charset = latin1", b"\xfc", "ü"),
        ("text/plain; charset=UTF-8", "café".as_bytes(), "café"),
        ("text/plain; charset=utf8", "\u{feff}café".as_bytes(), "café"),
        ("text/plain; charset=us-ascii", b"sales", "sales"),
        ("text/plain", "café".as_bytes(), "café"),
    ] {
        let reply = Reply::with_header(200, &format!("Content-Type: {content_type}"), body);
        let ended = answered(reply, "variable = \"CRM\"\naccept = \"text\"").await;
        assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some(value)), "{content_type}");
    }
    let reply =
        Reply::with_header(200, "Content-Type: application/json; charset=iso-8859-1", b"{\"n\": \"\xe9\"}");
    assert_eq!(answered(reply, "set = { N = \"/n\" }").await.get("N"), Some("é"));
}

#[tokio::test]
async fn another_charset_is_a_bad_answer() {
    for (charset, body) in [
        ("UTF-16", &b"\xff\xfes\0"[..]),
        ("utf-16le", b"s\0"),
        ("Shift_JIS", b"sales"),
        ("KOI8-R", b"sales"),
        ("iso-8859-15", b"\xa4"),
        ("nonsense", b"sales"),
        ("", b"sales"),
    ] {
        let line = format!("Content-Type: text/plain; charset={charset}");
        let ended =
            answered(Reply::with_header(200, &line, body), "variable = \"CRM\"\notherwise = \"none\"").await;
        assert_eq!((ended.status(), ended.get("CRM")), ("BAD_ANSWER", Some("none")), "{charset}");
        assert_eq!(ended.reason(), "the charset of the answer is not UTF 8 or ISO 8859 1 or Windows 1252");
    }
    for charset in ["; charset=utf-8", ""] {
        let line = format!("Content-Type: text/plain{charset}");
        let ended = answered(Reply::with_header(200, &line, b"caf\xe9"), "variable = \"CRM\"").await;
        assert_eq!((ended.status(), ended.reason()), ("BAD_ANSWER", "the answer is not UTF 8"));
    }
}

#[tokio::test]
async fn the_charset_of_a_body_that_is_not_read_is_ignored() {
    let keys = "set = { ROUTE = { header = \"X-Route\" }, CODE = { status = true } }";
    let reply =
        Reply::with_header(200, "X-Route: sales\r\nContent-Type: text/html; charset=utf-16", b"\xff\xfes\0");
    let ended = answered(reply, keys).await;
    assert_eq!((ended.status(), ended.get("ROUTE")), ("OK", Some("sales")), "{}", ended.reason());
}

#[tokio::test]
async fn the_whole_text_may_be_set_beside_its_parts() {
    let webhook = FakeWebhook::start(|_| Reply::json("{\"a\": 1}")).await;
    let daemon = daemon_for(&webhook, "accept = \"any\"\nset = { A = \"/a\" }").await;
    let ended = step(&daemon, "crm").await;
    assert_eq!((ended.get("CRM"), ended.get("A")), (Some("{\"a\": 1}"), Some("1")));
}
