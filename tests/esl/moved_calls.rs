//! Owner: switch/esl. Calls that are moved while they wait, and legs without a dialplan.
//!
//! The fake FreeSWITCH does to the call what the real one was seen to do.

use super::{call, daemon_for};
use crate::util::{
    CallState, ChannelData, Daemon, FakeFreeSwitch, FakeWebhook, GivenBack, Reply, SocketMode, gated_webhook,
    good_webhook,
};

/// A call in this mode whose webhook does not answer.
async fn waiting(mode: SocketMode, resume: &str) -> ((Daemon, FakeWebhook), FakeFreeSwitch) {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let daemon = daemon_for(&webhook, "timeout = 1").await;
    let call = call(&daemon, mode, "/crm").variable("socket_resume", resume);
    let mut freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), call).await;
    freeswitch.greet().await;
    webhook.request(1).await;
    ((daemon, webhook), freeswitch)
}

#[tokio::test]
async fn a_call_that_was_moved_during_the_request_stays_there() {
    for (mode, resume, commands) in [
        (SocketMode::Async, "false", &["connect", "exit"][..]),
        (SocketMode::AsyncFull, "true", &["connect", "set socket_resume=false", "connect", "exit"]),
    ] {
        let (_they, mut freeswitch) = waiting(mode, resume).await;
        freeswitch.move_call();
        let given_back = freeswitch.run_commands().await;
        assert_eq!(
            (given_back.state, given_back.commands),
            (CallState::Moved, commands.iter().map(|&it| it.to_owned()).collect())
        );
        assert_eq!(given_back.variables.get("webhook_status"), None, "nothing is set where it is now");
    }
}

#[tokio::test]
async fn a_parked_call_that_hears_music_goes_on_with_its_answer() {
    for resume in ["false", "true"] {
        let (_they, mut freeswitch) = waiting(SocketMode::Async, resume).await;
        // the variable holds the last application on the call, and keeps it
        let channel = freeswitch.channel();
        let music = channel.clone().variable("current_application", "playback");
        *channel = music.variable("current_application_data", "local_stream://moh");
        let given_back = freeswitch.run_commands().await;
        assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "TIMEOUT"));
    }
}

#[tokio::test]
async fn a_call_that_is_moved_just_before_the_answer_stays_where_it_is() {
    for (mode, resume) in [(SocketMode::Async, "false"), (SocketMode::AsyncFull, "true")] {
        let (gate, webhook) = gated_webhook().await;
        let daemon = daemon_for(&webhook, "timeout = 10").await;
        let call = call(&daemon, mode, "/crm").variable("socket_resume", resume);
        let mut freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), call).await;
        freeswitch.greet().await;
        webhook.requested().await;
        freeswitch.move_call();
        gate.open();
        let given_back = freeswitch.run_commands().await;
        assert_eq!(given_back.state, CallState::Moved, "{mode:?}");
        assert_eq!(given_back.get("webhook_status"), None, "nothing is set where it is now");
        assert_eq!(given_back.get("crm"), None);
        assert_eq!(given_back.commands.first().map(String::as_str), Some("connect"));
    }
}

#[tokio::test]
async fn in_async_mode_the_location_is_asked_before_and_after_every_answer() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    for path in ["/crm", "/nope", "/crm?timeout=99"] {
        for mode in SocketMode::ALL {
            let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call(&daemon, mode, path)).await;
            let asked = given_back.commands.iter().filter(|command| *command == "connect").count();
            // one more for each 0.9 s of a slow machine
            assert!(if mode.is_async() { asked >= 2 } else { asked == 0 }, "{mode:?} {path}: {asked}");
            assert_eq!(given_back.commands_without_connect().last(), Some(&"exit"));
            assert!(
                !given_back.commands_without_connect().contains(&"resume"),
                "the park is known to have begun"
            );
            assert_eq!(given_back.state, CallState::GoesOn);
        }
    }
}

#[tokio::test]
async fn a_call_that_is_moved_while_its_variables_are_set_stays_where_it_is() {
    for resume in ["false", "true"] {
        let (gate, webhook) = gated_webhook().await;
        let daemon = daemon_for(&webhook, "timeout = 10").await;
        let call = call(&daemon, SocketMode::Async, "/crm").variable("socket_resume", resume);
        let mut freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), call).await;
        freeswitch.greet().await;
        webhook.requested().await;
        gate.open();
        freeswitch.expect_connect().await;
        freeswitch.locate().await;
        // the reply said that it was still there
        freeswitch.move_call();
        let given_back = freeswitch.run_commands().await;
        assert_eq!(given_back.state, CallState::Moved, "socket_resume={resume}");
    }
}

#[tokio::test]
async fn a_call_whose_thread_is_busy_goes_on_with_its_answer() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    for resume in ["false", "true"] {
        let call = call(&daemon, SocketMode::Async, "/crm").variable("socket_resume", resume);
        let mut freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), call).await;
        freeswitch.greet().await;
        freeswitch.busy = true;
        let given_back = freeswitch.run_commands().await;
        assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"));
        assert!(
            given_back.commands_without_connect().contains(&"resume"),
            "nothing showed that the park had begun"
        );
    }
}

/// The channel data of a call that was transferred so many microseconds before.
fn transferred(call: ChannelData, before: u64) -> ChannelData {
    let now = 1_795_415_981_920_077_u64;
    call.header("Caller-Profile-Index", "2")
        .header("Event-Date-Timestamp", now.to_string())
        .header("Caller-Profile-Created-Time", (now - before).to_string())
}

#[tokio::test]
async fn a_call_that_may_have_been_moved_before_the_channel_data_gets_no_resume() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    for (before, resumes) in [(0, false), (20_000, false), (400_000, true)] {
        let call = transferred(call(&daemon, SocketMode::Async, "/crm"), before);
        let mut freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), call).await;
        freeswitch.greet().await;
        // either the call was moved to this application, or somebody plays music to it
        let channel = freeswitch.channel();
        *channel = channel.clone().variable("current_application", "playback");
        let given_back = freeswitch.run_commands().await;
        assert_eq!(
            given_back.commands_without_connect().contains(&"resume"),
            resumes,
            "transferred {before} µs before"
        );
    }
}

#[tokio::test]
async fn a_call_that_was_transferred_to_its_step_goes_on() {
    let (gate, webhook) = gated_webhook().await;
    let daemon = daemon_for(&webhook, "timeout = 10").await;
    let call = transferred(call(&daemon, SocketMode::Async, "/crm"), 0);
    let mut freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), call).await;
    freeswitch.greet().await;
    webhook.requested().await;
    // the call is still in its step, so an application that begins later is music
    freeswitch.expect_connect().await;
    freeswitch.locate().await;
    let channel = freeswitch.channel();
    *channel = channel.clone().variable("current_application", "playback");
    gate.open();
    let given_back = freeswitch.run_commands().await;
    assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"));
    assert!(given_back.commands_without_connect().contains(&"resume"), "resume ends the music");
}

/// Answers some location queries of a moved call, then changes the call, and returns its state.
async fn until_released(
    mut freeswitch: FakeFreeSwitch,
    release: impl FnOnce(ChannelData) -> ChannelData,
) -> GivenBack {
    for _ in 0..3 {
        freeswitch.expect_connect().await;
        freeswitch.locate().await;
    }
    // music at its new place changes nothing
    let channel = freeswitch.channel();
    *channel = channel.clone().variable("current_application", "playback");
    for _ in 0..2 {
        freeswitch.expect_connect().await;
        freeswitch.locate().await;
    }
    let channel = freeswitch.channel();
    *channel = release(channel.clone());
    freeswitch.run_commands().await
}

#[tokio::test]
async fn a_call_that_somebody_parked_stays_in_that_park() {
    for (state, application) in [("CS_PARK", "socket"), ("CS_EXECUTE", "park")] {
        let (_they, mut freeswitch) = waiting(SocketMode::Async, "false").await;
        freeswitch.move_call();
        let channel = freeswitch.channel();
        let parked =
            channel.clone().header("Channel-State", state).variable("current_application", application);
        *channel = parked;
        let given_back = until_released(freeswitch, |parked| {
            parked.header("Channel-State", "CS_EXECUTE").header("Caller-Profile-Index", "3")
        })
        .await;
        assert_eq!(given_back.state, CallState::Moved, "{state}");
    }
}

#[tokio::test]
async fn a_step_does_not_end_the_next_step_that_its_call_was_moved_to() {
    let (_they, mut freeswitch) = waiting(SocketMode::Async, "false").await;
    let (channel, argument) = (freeswitch.channel(), "current_application_data");
    let same = channel.variables()[argument].clone();
    freeswitch.move_call();
    let channel = freeswitch.channel();
    *channel = channel.clone().variable("current_application", "socket").variable(argument, same);
    let given_back = until_released(freeswitch, |asked| asked.header("Caller-Profile-Index", "3")).await;
    assert_eq!(given_back.state, CallState::Moved);
}

#[tokio::test]
async fn a_hook_that_sets_socket_resume_itself_leaves_no_call_stuck() {
    let webhook = FakeWebhook::start(|_| Reply::text("true")).await;
    let keys = format!("[hook.crm]\nurl = \"{}\"\nvariable = \"socket_resume\"", webhook.url("/"));
    let daemon = Daemon::start(&keys).await;
    let given_back =
        FakeFreeSwitch::call(daemon.freeswitch(), call(&daemon, SocketMode::Async, "/crm")).await;
    let first = ["set socket_resume=true", "set socket_resume=false", "set webhook_code=200"];
    assert_eq!(given_back.commands_without_connect()[..3], first);
    assert_eq!(given_back.commands_without_connect().last(), Some(&"exit"));
    assert!(!given_back.commands_without_connect().contains(&"resume"));
    assert_eq!(given_back.state, CallState::GoesOn);
}

#[tokio::test]
async fn a_leg_with_an_unknown_state_gets_no_resume() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    let leg = call(&daemon, SocketMode::Async, "/crm").without("Channel-State");
    let given_back = FakeFreeSwitch::call(daemon.freeswitch(), leg).await;
    assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"));
    assert!(!given_back.commands_without_connect().contains(&"resume"));
}

/// The channel data of the legs on which `execute_on_…` and `uuid_broadcast` run a step.
const LEGS: [(&str, &str, &str); 5] = [
    ("execute_on_answer, execute_on_media", "CS_CONSUME_MEDIA", "originator"),
    ("execute_on_originate", "CS_NONE", "originator"),
    ("uuid_broadcast to a bridged leg", "CS_EXCHANGE_MEDIA", "originator"),
    ("execute_on_pre_bridge, execute_on_post_originate", "CS_EXECUTE", "originatee"),
    ("a leg of which nothing else stands there", "CS_SOFT_EXECUTE", "originator"),
];

#[tokio::test]
async fn a_leg_without_a_dialplan_gets_its_answer_and_stays_connected() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "").await;
    for (place, state, other) in LEGS {
        for (mode, resume) in [(SocketMode::Async, "false"), (SocketMode::AsyncFull, "true")] {
            let leg = call(&daemon, mode, "/crm").variable("socket_resume", resume);
            let leg = leg.header("Channel-State", state).header("Other-Type", other);
            let given_back = FakeFreeSwitch::call(daemon.freeswitch(), leg).await;
            assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"), "{place}");
            assert_eq!(given_back.get("crm"), Some("sales"), "{place}");
            assert!(!given_back.commands.iter().any(|command| command == "resume"), "{place}");
        }
    }
}

#[tokio::test]
async fn a_leg_without_a_dialplan_stays_connected_if_its_step_is_refused() {
    let daemon = Daemon::start("").await;
    for (place, state, other) in LEGS {
        for resume in ["false", "true"] {
            let leg = call(&daemon, SocketMode::Async, "/nope").variable("socket_resume", resume);
            let leg = leg.header("Channel-State", state).header("Other-Type", other);
            let given_back = FakeFreeSwitch::call(daemon.freeswitch(), leg).await;
            assert_eq!(
                (given_back.state, given_back.status()),
                (CallState::GoesOn, "BAD_REQUEST"),
                "{place}"
            );
        }
    }
}

#[tokio::test]
async fn a_leg_whose_state_changes_by_itself_is_not_taken_for_moved() {
    let (gate, webhook) = gated_webhook().await;
    let daemon = daemon_for(&webhook, "timeout = 10").await;
    let leg = call(&daemon, SocketMode::Async, "/crm").header("Channel-State", "CS_CONSUME_MEDIA");
    let mut freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), leg).await;
    freeswitch.greet().await;
    webhook.requested().await;
    let channel = freeswitch.channel();
    *channel = channel.clone().header("Channel-State", "CS_EXCHANGE_MEDIA");
    gate.open();
    let given_back = freeswitch.run_commands().await;
    assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"));
}

#[tokio::test]
async fn a_call_that_waited_long_and_is_still_there_goes_on() {
    for mode in SocketMode::ALL {
        let (_they, freeswitch) = waiting(mode, "false").await;
        let given_back = freeswitch.run_commands().await;
        assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "TIMEOUT"));
        assert_eq!(given_back.commands[0] == "connect", mode.is_async(), "a parked call is looked for");
    }
}

#[tokio::test]
async fn a_switch_that_does_not_answer_location_queries_still_gets_the_answer() {
    for reply in ["", "Content-Type: command/reply\nReply-Text: -ERR command not found\n\n"] {
        let (_they, mut freeswitch) = waiting(SocketMode::Async, "false").await;
        freeswitch.expect_connect().await;
        freeswitch.send(reply.as_bytes()).await;
        let given_back = freeswitch.run_commands().await;
        assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "TIMEOUT"), "{reply:?}");
    }
}

#[tokio::test]
async fn a_call_that_was_moved_before_the_channel_data_stays_there() {
    let (daemon, webhook) = (Daemon::start("").await, good_webhook().await);
    let url = webhook.url("/");
    for resume in ["false", "true"] {
        let call = call(&daemon, SocketMode::Async, "").variable("webhook_url", url.as_str());
        let call = call.variable("socket_resume", resume);
        let mut freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), call).await;
        freeswitch.move_call();
        freeswitch.greet().await;
        assert_eq!(freeswitch.run_commands().await.state, CallState::Moved);
    }
    assert!(webhook.received().is_empty());
}
