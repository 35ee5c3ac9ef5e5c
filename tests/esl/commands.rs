//! Owner: switch/esl. The commands that the daemon sends, and the values that they can carry.

use super::{call, daemon_for, step};
use crate::util::{
    CallState, ChannelData, Daemon, FakeFreeSwitch, FakeWebhook, Reply, SocketMode, good_webhook,
};

#[tokio::test]
async fn the_final_commands_set_the_answer_first_and_the_status_last() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    for mode in SocketMode::ALL {
        let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call(&daemon, mode, "/crm")).await;
        let sets = ["set crm=sales", "set webhook_code=200", "set webhook_reason=", "set webhook_status=OK"];
        assert_eq!(given_back.commands_without_connect(), [&sets[..], &["exit"]].concat(), "{mode:?}");
        let first = given_back.commands.first().map(String::as_str);
        assert_eq!(first == Some("connect"), mode.is_async(), "{mode:?}");
        assert_eq!(given_back.state, CallState::GoesOn, "{mode:?}");
        assert_eq!((given_back.get("crm"), given_back.get("webhook_reason")), (Some("sales"), None));
    }
}

#[tokio::test]
async fn a_socket_resume_of_the_dialplan_is_cleared_first_if_it_would_end_the_call() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    for value in ["true", "TRUE", "yes", "on", "t", "enabled", "active", "allow", "1", "-1", "2.5", "+1"] {
        let resuming = |mode| call(&daemon, mode, "/crm").variable("socket_resume", value);
        let given_back = FakeFreeSwitch::call(daemon.freeswitch(), resuming(SocketMode::Full)).await;
        assert_eq!(given_back.commands[0], "set socket_resume=false", "{value}");
        assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"), "{value}");
        let given_back = FakeFreeSwitch::call(daemon.freeswitch(), resuming(SocketMode::Async)).await;
        assert_eq!(
            given_back.commands_without_connect()[..2],
            ["set socket_resume=false", "set crm=sales"],
            "{value}"
        );
        assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"), "{value}");
    }
    for value in ["false", "0", "no", "", "truely", "0.5"] {
        let given_back = step(&daemon, "/crm", |call| call.variable("socket_resume", value)).await;
        assert_eq!(given_back.commands[0], "set crm=sales", "{value}");
    }
}

#[tokio::test]
async fn an_answer_for_socket_resume_itself_does_no_harm() {
    let webhook = FakeWebhook::start(|_| Reply::text("true")).await;
    let daemon = daemon_for(&webhook, "").await;
    for mode in SocketMode::ALL {
        for name in ["socket_resume", "Socket_Resume"] {
            let call = call(&daemon, mode, &format!("/crm?variable={name}"));
            let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call).await;
            assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"), "{mode:?}");
        }
    }
}

#[tokio::test]
async fn an_empty_value_removes_the_variable() {
    let webhook = FakeWebhook::start(|_| Reply::text("")).await;
    let daemon = daemon_for(&webhook, "").await;
    let old = |call: ChannelData| call.variable("CRM", "of an earlier step").variable("webhook_reason", "x");
    let given_back = step(&daemon, "/crm", old).await;
    assert_eq!((given_back.get("crm"), given_back.get("webhook_reason")), (None, None));
    assert_eq!(given_back.status(), "OK");
    let given_back = step(&daemon, "/nope", |call| call.variable("webhook_code", "200")).await;
    assert_eq!((given_back.get("webhook_code"), given_back.status()), (None, "BAD_REQUEST"));
    assert!(given_back.reason().starts_with("no hook of this name"), "{}", given_back.reason());
}

#[tokio::test]
async fn values_of_64_kib_are_carried_and_longer_ones_refused() {
    let webhook = FakeWebhook::start(|request| match request.target.as_str() {
        "/longer" => Reply::text(vec![b'x'; 64 * 1024 + 1]),
        _ => Reply::text("\\$'".repeat(64 * 1024 / 3) + "x"),
    })
    .await;
    let daemon = Daemon::start(&format!(
        "[hook.crm]\nurl = \"{}\"\nvariable = \"crm\"\naccept = \"any\"\n\
         [hook.longer]\nurl = \"{}\"\nvariable = \"crm\"\naccept = \"any\"",
        webhook.url("/"),
        webhook.url("/longer")
    ))
    .await;
    let given_back = step(&daemon, "/crm", |call| call).await;
    assert_eq!(given_back.get("crm").unwrap(), "\\$'".repeat(64 * 1024 / 3) + "x");
    let given_back = step(&daemon, "/longer", |call| call).await;
    assert_eq!((given_back.get("crm"), given_back.status()), (None, "BAD_ANSWER"));
}

#[tokio::test]
async fn a_safe_text_is_stored_exactly_with_one_expansion_pass_or_two() {
    for answer in [
        "$5",
        "C:\\new\\table\\'s",
        "a$b",
        "\\\\server\\share",
        "50%41",
        "a\n\nexit\n\nb",
        "it's \"x\"",
        "_undef_",
        "x=y",
        "%[a=b]",
        "a\\$b$c\\",
        "ARRAY",
        "[ARRAY::a|:b",
        "\u{1f600} é",
        "{x}",
        "\\{x}",
    ] {
        let webhook = FakeWebhook::start(move |_| Reply::text(answer)).await;
        let daemon = daemon_for(&webhook, "accept = \"any\"").await;
        for disabled in ["true", "false"] {
            let passes = |call: ChannelData| call.variable("app_disable_expand_variables", disabled);
            let given_back = step(&daemon, "/crm", passes).await;
            assert_eq!((given_back.get("crm"), given_back.status()), (Some(answer), "OK"), "{disabled}");
        }
    }
}

#[tokio::test]
async fn a_value_that_could_expand_or_be_split_is_refused_whole() {
    for (answer, reason) in [
        ("${system(touch /tmp/x)}", "a dollar sign in it could open an expansion"),
        ("$${x}", "a dollar sign in it could open an expansion"),
        ("a $\\'\\{x}", "a dollar sign in it could open an expansion"),
        ("100$", "a dollar sign in it could open an expansion"),
        ("100$\\'", "a dollar sign in it could open an expansion"),
        ("ARRAY::a|:b", "ARRAY and two colons at its beginning would make it a list"),
        ("a\0b", "a NUL byte in it would end the value"),
    ] {
        let webhook = FakeWebhook::start(move |_| Reply::text(answer)).await;
        let daemon = daemon_for(&webhook, "accept = \"any\"\notherwise = \"reception\"").await;
        for mode in SocketMode::ALL {
            let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call(&daemon, mode, "/crm")).await;
            assert_eq!(given_back.status(), "BAD_ANSWER", "{answer}");
            assert_eq!(
                given_back.reason(),
                format!("the switch cannot carry the answer. {reason}"),
                "{answer}"
            );
            assert_eq!(given_back.get("crm"), Some("reception"));
            assert_eq!(given_back.state, CallState::GoesOn);
        }
    }
}
