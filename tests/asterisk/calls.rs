//! Owner: session. Many calls at once, hangups and the shutdown of the daemon.

use super::{asterisk, on_each_release};
use crate::util::{Daemon, FakeWebhook, Gate, Reply};

fn route(webhook: &FakeWebhook) -> String {
    format!("[hook.route]\nurl = \"{}\"\nvariable = \"ROUTE\"\ntimeout = \"10s\"\n", webhook.url("/route"))
}

const DIALPLAN: &str = "[test]
exten => _X!,1,Set(WEBHOOK_STATUS=UNREACHABLE)
 same => n,AGI(agi://dialhook/route)
 same => n,Set(WENT_ON=yes)
";

#[tokio::test]
async fn a_hangup_cancels_the_request_and_frees_the_channel() {
    on_each_release(async |release| {
        let webhook = FakeWebhook::start(|_| Reply::Stall).await;
        let daemon = Daemon::start(&route(&webhook)).await;
        let asterisk = asterisk(release, &daemon, DIALPLAN).await;
        let call = asterisk.begin("100@test").await;
        webhook.requested().await;
        call.hangup().await;
        webhook.closed().await;
        let ended = call.ended().await;
        // Asterisk sets AGISTATUS itself: it was SUCCESS once, when the hangup came at another moment
        let left = (ended.last("WEBHOOK_STATUS"), ended.last("WENT_ON"));
        assert_eq!(left, (Some("UNREACHABLE"), None), "{ended:?}\n{}", asterisk.log_tail());
        let agi = ended.last("AGISTATUS");
        assert!(matches!(agi, Some("HANGUP" | "SUCCESS")), "{ended:?}\n{}", asterisk.log_tail());
        asterisk.idle().await;
    })
    .await;
}

#[tokio::test]
async fn after_a_hangup_a_step_can_still_report_the_end_of_the_call() {
    on_each_release(async |release| {
        let webhook = FakeWebhook::start(|request| match &*request.target {
            "/route" => Reply::Stall,
            _ => Reply::text("noted"),
        })
        .await;
        let ended = format!("[hook.ended]\nurl = \"{}\"\nvariable = \"NOTED\"\n", webhook.url("/ended"));
        let daemon = Daemon::start(&format!("{}{ended}", route(&webhook))).await;
        let dialplan = format!("{DIALPLAN}exten => h,1,AGI(agi://dialhook/ended)\n");
        let asterisk = asterisk(release, &daemon, &dialplan).await;
        let call = asterisk.begin("100@test").await;
        webhook.requested().await;
        call.hangup().await;
        let ended = call.ended().await;
        assert_eq!((ended.last("NOTED"), ended.last("WEBHOOK_STATUS")), (Some("noted"), Some("OK")));
        assert_eq!(webhook.requests(2).await[1].json()["dp_in_number"], "h");
        asterisk.idle().await;
    })
    .await;
}

#[tokio::test]
async fn a_hundred_calls_at_once_each_get_their_own_answer() {
    on_each_release(async |release| {
        let gate = Gate::default();
        let opened = gate.clone();
        let webhook = FakeWebhook::start(move |request| {
            Reply::text(format!("answer-to-{}", request.json()["uuid"].as_str().unwrap())).after(&gate)
        })
        .await;
        let daemon = Daemon::start(&route(&webhook)).await;
        let asterisk = asterisk(
            release,
            &daemon,
            &DIALPLAN.replace("1,Set(", "1,Set(UNIQUE=${UNIQUEID})\n same => n,Set("),
        )
        .await;
        let mut calls = Vec::new();
        for number in 100..200 {
            calls.push(asterisk.begin(&format!("{number}@test")).await);
        }
        webhook.requests(100).await;
        opened.open();
        for call in calls {
            let ended = call.ended().await;
            assert_eq!(ended.last("ROUTE").unwrap(), format!("answer-to-{}", ended.last("UNIQUE").unwrap()));
            assert_eq!((ended.last("WEBHOOK_STATUS"), ended.last("WENT_ON")), (Some("OK"), Some("yes")));
        }
        asterisk.idle().await;
    })
    .await;
}

#[tokio::test]
async fn calls_in_flight_finish_when_the_daemon_stops_and_later_calls_go_on_without_it() {
    on_each_release(async |release| {
        let gate = Gate::default();
        let opened = gate.clone();
        let webhook = FakeWebhook::start(move |_| Reply::text("sales").after(&gate)).await;
        let daemon = Daemon::start(&route(&webhook)).await;
        let asterisk = asterisk(release, &daemon, DIALPLAN).await;
        let calls =
            [asterisk.begin("1@test").await, asterisk.begin("2@test").await, asterisk.begin("3@test").await];
        webhook.requests(3).await;
        let open = async { opened.open() };
        tokio::join!(daemon.stop(), open);
        for call in calls {
            let ended = call.ended().await;
            assert_eq!((ended.last("ROUTE"), ended.last("WEBHOOK_STATUS")), (Some("sales"), Some("OK")));
        }
        let ended = asterisk.call("4@test").await;
        assert_eq!(
            (ended.last("AGISTATUS"), ended.last("WEBHOOK_STATUS")),
            (Some("FAILURE"), Some("UNREACHABLE"))
        );
        assert_eq!((ended.last("ROUTE"), ended.last("WENT_ON")), (None, Some("yes")));
    })
    .await;
}

#[tokio::test]
async fn a_variable_with_underscores_is_inherited_by_the_channels_of_the_call() {
    on_each_release(async |release| {
        let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
        let daemon = Daemon::start(&route(&webhook)).await;
        let dialplan = "[test]\n".to_owned()
            + "exten => plain,1,AGI(agi://dialhook/route?variable=ROUTE)\n same => n,Goto(dials,1)\n\
               exten => once,1,AGI(agi://dialhook/route?variable=_ROUTE)\n same => n,Goto(dials,1)\n\
               exten => on,1,AGI(agi://dialhook/route?variable=__ROUTE)\n same => n,Goto(dials,1)\n\
               exten => dials,1,Set(SEEN=${ROUTE})\n same => n,Dial(Local/child@test/n)\n\
               same => n,Set(CHILD=${DB(seen/child)})\n same => n,Set(GRANDCHILD=${DB(seen/grandchild)})\n\
               exten => child,1,Set(DB(seen/child)=${ROUTE})\n same => n,Dial(Local/grandchild@test/n)\n\
               exten => grandchild,1,Set(DB(seen/grandchild)=${ROUTE})\n";
        let asterisk = asterisk(release, &daemon, &dialplan).await;
        for (extension, seen) in [
            ("plain", ["sales", "", ""]),
            ("once", ["sales", "sales", ""]),
            ("on", ["sales", "sales", "sales"]),
        ] {
            let ended = asterisk.call(&format!("{extension}@test")).await;
            assert_eq!(
                ["SEEN", "CHILD", "GRANDCHILD"].map(|name| ended.last(name).unwrap()),
                seen,
                "{extension}"
            );
        }
    })
    .await;
}
