//! Owner: hook/answer. `accept`: a word, a text or any answer; by hook, by variable and by ad hoc step, on
//! both switches.

use super::{step, step_of_freeswitch};
use crate::util::{
    CallState, ChannelData, Daemon, Ended, Environment, FakeAsterisk, FakeFreeSwitch, FakeWebhook, GivenBack,
    Reply, SocketMode, daemon_for,
};

/// The hook `crm` with these keys, and a webhook that sends this reply.
async fn answering(reply: Reply, keys: &str) -> (FakeWebhook, Daemon) {
    let webhook = FakeWebhook::start(move |_| reply.clone()).await;
    let daemon = daemon_for(&webhook, keys).await;
    (webhook, daemon)
}

/// A call of each switch to it.
async fn answered(reply: Reply, keys: &str) -> (Ended, GivenBack) {
    let (_webhook, daemon) = answering(reply, keys).await;
    (step(&daemon, "crm").await, step_of_freeswitch(&daemon, "crm").await)
}

const NOT_A_WORD: &str =
    "the answer is not a word. a word has letters digits . _ plus minus hash star and no spaces";

#[tokio::test]
async fn the_default_of_accept_is_a_word() {
    for word in
        ["sales", "+31201234567", "*21*100#", "a.b_c-d", "größe", "日本", "Jose\u{301}", &"x".repeat(128)]
    {
        let (asterisk, freeswitch) = answered(Reply::text(word), "").await;
        assert_eq!((asterisk.status(), asterisk.get("CRM")), ("OK", Some(word)));
        assert_eq!((freeswitch.status(), freeswitch.get("crm")), ("OK", Some(word)));
    }
    let (asterisk, freeswitch) = answered(Reply::text("\n"), "otherwise = \"reception\"").await;
    assert_eq!((asterisk.status(), asterisk.get("CRM")), ("OK", Some("")));
    assert_eq!((freeswitch.status(), freeswitch.get("crm")), ("OK", None));
}

#[tokio::test]
async fn an_answer_that_is_no_word_is_refused_on_both_switches_with_the_same_reason() {
    let long = "x".repeat(129);
    for (answer, reason) in [
        ("Ada Lovelace", NOT_A_WORD),
        ("sales,1", NOT_A_WORD),
        ("100&200", NOT_A_WORD),
        ("100@trunk", NOT_A_WORD),
        ("PJSIP/100", NOT_A_WORD),
        ("{a=b}x", NOT_A_WORD),
        ("x\"", NOT_A_WORD),
        ("${system(reboot)}", NOT_A_WORD),
        ("a\u{202e}b", NOT_A_WORD),
        ("a\u{85}b", "the answer holds a line break or another control byte"),
        (&long, "the answer is longer than the 128 bytes of a word"),
    ] {
        let (asterisk, freeswitch) = answered(Reply::text(answer), "otherwise = \"reception\"").await;
        assert_eq!((asterisk.status(), asterisk.get("CRM")), ("BAD_ANSWER", Some("reception")), "{answer}");
        assert_eq!(
            (freeswitch.status(), freeswitch.get("crm")),
            ("BAD_ANSWER", Some("reception")),
            "{answer}"
        );
        assert_eq!([asterisk.reason(), freeswitch.reason()], [reason; 2]);
    }
}

#[tokio::test]
async fn a_text_with_control_characters_is_refused() {
    let layout = "the answer holds a line separator or a control of the text direction";
    let control = "the answer holds a line break or another control byte";
    for (answer, reason) in [
        ("a\u{85}b", control),
        ("a\u{9b}31mb", control),
        ("a\u{2028}b", layout),
        ("a\u{2029}b", layout),
        ("a\u{202e}b", layout),
        ("a\u{2066}b\u{2069}", layout),
        ("\u{200f}a", layout),
        ("a\u{61c}", layout),
    ] {
        let (asterisk, freeswitch) = answered(Reply::text(answer), "accept = \"text\"").await;
        assert_eq!([asterisk.status(), freeswitch.status()], ["BAD_ANSWER"; 2], "{answer:?}");
        assert_eq!([asterisk.reason(), freeswitch.reason()], [reason; 2], "{answer:?}");
    }
    let (asterisk, freeswitch) = answered(Reply::text("O'Brien, שלום (100 %)"), "accept = \"text\"").await;
    assert_eq!([asterisk.get("CRM"), freeswitch.get("crm")], [Some("O'Brien, שלום (100 %)"); 2]);
}

#[tokio::test]
async fn each_variable_of_set_has_its_own_accept() {
    let keys = "accept = \"any\"\notherwise = \"none\"\n\
                set = { NAME = { json = \"/name\", accept = \"text\" }, ROUTE = { json = \"/route\", accept = \"word\" } }";
    let json = |name: &str, route: &str| format!("{{\"name\": \"{name}\", \"route\": \"{route}\"}}");
    let good = json("Ada Lovelace, Countess", "sales");
    let (asterisk, freeswitch) = answered(Reply::json(&good), keys).await;
    assert_eq!((asterisk.get("CRM"), asterisk.get("NAME")), (Some(&*good), Some("Ada Lovelace, Countess")));
    assert_eq!([asterisk.get("ROUTE"), freeswitch.get("route")], [Some("sales"); 2]);
    assert_eq!(freeswitch.get("name"), Some("Ada Lovelace, Countess"));

    let (asterisk, freeswitch) = answered(Reply::json(json("Ada", "user/1")), keys).await;
    let reason = format!("{NOT_A_WORD}. it was for ROUTE");
    assert_eq!([asterisk.reason(), freeswitch.reason()], [&*reason; 2]);
    assert_eq!([asterisk.get("NAME"), freeswitch.get("name")], [Some("none"); 2]);

    // values that one of the switches cannot carry in a text
    let (asterisk, freeswitch) = answered(Reply::json(json("say \\\"hi\\\"", "sales")), keys).await;
    let reason = "the switch cannot carry the answer. a double quote in it would end the quotes of a condition. it was for NAME";
    assert_eq!((asterisk.reason(), asterisk.get("CRM")), (reason, Some("none")));
    assert_eq!((freeswitch.status(), freeswitch.get("name")), ("OK", Some("say \"hi\"")));
    let (asterisk, freeswitch) = answered(Reply::json(json("%[a=b]x", "sales")), keys).await;
    assert_eq!((asterisk.status(), asterisk.get("NAME")), ("OK", Some("%[a=b]x")));
    assert_eq!(
        freeswitch.reason(),
        "the switch cannot carry the answer. a percent sign and a bracket at its beginning would set scoped variables of FreeSWITCH. it was for NAME"
    );
}

#[tokio::test]
async fn otherwise_may_hold_a_value_that_no_answer_may_hold() {
    let keys = "answers = [\"user/1000\", \"PJSIP/100&PJSIP/200\"]\notherwise = \"Local/s@night, please\"";
    let (asterisk, freeswitch) = answered(Reply::text("user/1000\n"), keys).await;
    assert_eq!([asterisk.get("CRM"), freeswitch.get("crm")], [Some("user/1000"); 2]);
    let (asterisk, freeswitch) = answered(Reply::text("user/1001"), keys).await;
    assert_eq!([asterisk.status(), freeswitch.status()], ["BAD_ANSWER"; 2]);
    assert_eq!([asterisk.get("CRM"), freeswitch.get("crm")], [Some("Local/s@night, please"); 2]);
}

#[tokio::test]
async fn a_json_answer_in_the_place_of_a_text_is_noted_without_advice_for_less_safety() {
    let string = "the answer is a JSON string. use set to read JSON. an empty pointer reads the whole answer";
    let document =
        "the answer is a JSON document. use set to read JSON. a pointer reads a part of the answer";
    for (body, reason) in
        [("\"sales\"", string), ("{\"route\": \"sales\"}", document), ("[\"sales\"]\n", document)]
    {
        for keys in ["", "answers = [\"sales\"]"] {
            let (asterisk, freeswitch) = answered(Reply::json(body), keys).await;
            assert_eq!([asterisk.status(), freeswitch.status()], ["BAD_ANSWER"; 2], "{body} {keys}");
            assert_eq!([asterisk.reason(), freeswitch.reason()], [reason; 2], "{body} {keys}");
        }
        // on FreeSWITCH a text may hold quotes
        let (asterisk, freeswitch) = answered(Reply::json(body), "accept = \"text\"").await;
        assert_eq!((asterisk.reason(), freeswitch.get("crm")), (reason, Some(body.trim())));
    }
}

/// An ad hoc step of Asterisk with these arguments.
async fn ad_hoc(daemon: &Daemon, arguments: &[&str]) -> Ended {
    let with = |call: Environment, argument: &&str| call.argument(*argument);
    let call = arguments.iter().fold(Environment::new("webhook"), with);
    FakeAsterisk::call(daemon.address(), call).await
}

/// The same of FreeSWITCH.
async fn ad_hoc_of_freeswitch(daemon: &Daemon, variables: &[(&str, &str)]) -> GivenBack {
    let channel = ChannelData::new(SocketMode::None, &daemon.freeswitch().to_string());
    let channel = variables.iter().fold(channel, |channel, (name, value)| channel.variable(name, *value));
    let given_back = FakeFreeSwitch::call(daemon.freeswitch(), channel).await;
    assert_eq!(given_back.state, CallState::GoesOn);
    given_back
}

#[tokio::test]
async fn an_ad_hoc_step_may_accept_a_text_but_never_any_answer() {
    let webhook = FakeWebhook::start(|_| Reply::text("Ada Lovelace")).await;
    let daemon = Daemon::start("").await;
    let (url, argument) = (webhook.url("/"), format!("url={}", webhook.url("/")));
    for (accept, status, reason) in [
        (None, "BAD_ANSWER", NOT_A_WORD),
        (Some("word"), "BAD_ANSWER", NOT_A_WORD),
        (Some("text"), "OK", ""),
        (
            Some("any"),
            "BAD_REQUEST",
            "an ad hoc step accepts a word or a text. for JSON configure a hook with set",
        ),
        (Some("safe"), "BAD_REQUEST", "accept is neither word nor text. the former safe is now text"),
        (Some("TEXT"), "BAD_REQUEST", "accept is neither word nor text. the former safe is now text"),
    ] {
        let asked = accept.map(|accept| format!("accept={accept}"));
        let arguments = [Some(argument.as_str()), Some("variable=NAME"), asked.as_deref()];
        let ended = ad_hoc(&daemon, &arguments.into_iter().flatten().collect::<Vec<_>>()).await;
        assert_eq!((ended.status(), ended.reason()), (status, reason), "{accept:?}");
        let expected = if status == "OK" { "Ada Lovelace" } else { "" };
        assert_eq!(ended.get("NAME"), Some(expected));

        let asked = accept.map(|accept| ("webhook_accept", accept));
        let variables = [Some(("webhook_url", &*url)), Some(("webhook_variable", "name")), asked];
        let given_back =
            ad_hoc_of_freeswitch(&daemon, &variables.into_iter().flatten().collect::<Vec<_>>()).await;
        assert_eq!((given_back.status(), given_back.reason()), (status, reason), "{accept:?}");
        assert_eq!(given_back.get("name"), Some(expected).filter(|name| !name.is_empty()));
    }
}

#[tokio::test]
async fn a_step_cannot_change_accept_of_a_configured_hook() {
    let (webhook, daemon) = answering(Reply::text("sales"), "").await;
    let ended = step(&daemon, "crm?accept=text").await;
    let reason =
        "a configured hook has its own url method and accept. the call may choose variable and timeout";
    assert_eq!((ended.status(), ended.reason()), ("BAD_REQUEST", reason));
    // a variable of an earlier step does not count for this one
    let channel = ChannelData::new(SocketMode::None, &format!("{}/crm", daemon.freeswitch()));
    let channel = channel.variable("webhook_accept", "any");
    assert_eq!(FakeFreeSwitch::call(daemon.freeswitch(), channel).await.status(), "OK");
    assert_eq!(webhook.received().len(), 1);
}
