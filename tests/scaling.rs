//! Owner: docs. Two daemons behind a real HAProxy: the calls that are lost when one of them is stopped or
//! killed.

/// A real HAProxy with `dialplan-examples/haproxy.cfg`, and two daemons behind it, on free ports.
mod haproxy;
/// The dialplans and configurations in docs/ pass `dialhook check`.
pub mod pages;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dialhook::call::SwitchKind;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::task::{JoinSet, spawn};
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::haproxy::{Checks, Deployment};
use crate::util::{
    CallState, ChannelData, Daemon, Environment, FakeAsterisk, FakeFreeSwitch, FakeWebhook, Gate,
    ObserverResponse, Reply, SocketMode, crm_hook, gated_webhook, within_time_limit,
};

/// The number of calls that are started at once, for each switch.
const BURST: usize = 20;

const BETWEEN_CALLS: Duration = Duration::from_millis(5);

/// The time until the webhook answers under load, so that there are always calls in flight.
const THINKS: Duration = Duration::from_millis(20);

/// The end of one call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum CallEnd {
    Status(String),
    /// The connection closed without a status, or a call of FreeSWITCH is stuck.
    Lost,
}

fn ok() -> CallEnd {
    CallEnd::Status("OK".to_owned())
}

#[tokio::test]
async fn a_daemon_that_is_stopped_under_load_loses_no_call() {
    let webhook = thinking().await;
    let Some(deployment) = Deployment::start(&webhook, Checks::AsWritten).await else { return };
    let load = Load::start(deployment.switches);
    webhook.requests(100).await;
    deployment.first.signal("TERM").await;
    let (status, log) = deployment.first.end().await;
    assert_eq!(status.code(), Some(0), "{log}");
    let so_far = webhook.received().len();
    webhook.requests(so_far + 100).await;
    let ends = load.stop().await;

    let lost: Vec<_> = ends.iter().filter(|(_, end)| *end != ok()).collect();
    assert!(lost.is_empty(), "{lost:?} of {}: {log}", ends.len());
    let by_daemon = asked(&webhook, 0);
    assert!(by_daemon["/first"] > 0 && by_daemon["/second"] > 0, "{by_daemon:?}");
    let later = asked(&webhook, so_far);
    assert_eq!(later.keys().collect::<Vec<_>>(), ["/second"], "the other has all of them");
    println!("stopped under load: {} calls, {by_daemon:?}, none lost", ends.len());
}

#[tokio::test]
async fn a_daemon_that_is_killed_under_load_loses_no_call_that_begins_later() {
    let webhook = thinking().await;
    let Some(mut deployment) = Deployment::start(&webhook, Checks::AsWritten).await else { return };
    let load = Load::start(deployment.switches);
    webhook.requests(100).await;
    deployment.first.signal("KILL").await;
    deployment.first.end().await;
    let ended = Instant::now();
    let so_far = webhook.received().len();
    // until HAProxy has noticed, and a little longer
    deployment.haproxy.wait_for_line("dialhook-asterisk/first is DOWN").await;
    webhook.requests(so_far + 100).await;
    let ends = load.stop().await;

    let (later, before): (Vec<_>, Vec<_>) = ends.iter().partition(|(began, _)| *began > ended);
    assert!(later.len() >= 100 && later.iter().all(|(_, end)| *end == ok()), "{later:?}");
    let lost = before.iter().filter(|(_, end)| *end == CallEnd::Lost).count();
    assert_eq!(before.iter().filter(|(_, end)| *end == ok()).count(), before.len() - lost, "{before:?}");
    println!("killed under load: {lost} of {} calls lost, none of {} later ones", before.len(), later.len());
}

#[tokio::test]
async fn a_daemon_that_is_marked_down_finishes_its_calls_and_gets_no_new_calls() {
    let (gate, webhook) = gated_webhook().await;
    let Some(mut deployment) = Deployment::start(&webhook, Checks::AsWritten).await else { return };
    let had = burst(deployment.switches);
    webhook.requests(2 * BURST).await;
    deployment.first.signal("TERM").await;
    for list in ["asterisk", "freeswitch"] {
        deployment.haproxy.wait_for_line(&format!("dialhook-{list}/first is DOWN")).await;
    }
    let new = burst(deployment.switches);
    webhook.requests(4 * BURST).await;
    assert_eq!(asked(&webhook, 2 * BURST), BTreeMap::from([("/second".to_owned(), 2 * BURST)]));
    gate.open();
    for calls in [had, new] {
        assert_eq!(counted(calls.join_all().await), BTreeMap::from([(ok(), 2 * BURST)]));
    }
    let (status, log) = deployment.first.end().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test]
async fn a_hangup_cancels_the_request_through_haproxy_too() {
    for switch in [SwitchKind::Asterisk, SwitchKind::FreeSwitch] {
        let webhook = FakeWebhook::start(|_| Reply::Stall).await;
        let Some(deployment) = Deployment::start(&webhook, Checks::Hourly).await else { return };
        match switch {
            SwitchKind::Asterisk => {
                let mut call = FakeAsterisk::connect(deployment.switches[0]).await;
                call.greet(&Environment::new("crm")).await.expect("a challenge");
                webhook.requested().await;
                // the stream stays open
                call.send(b"HANGUP\n").await;
                webhook.closed().await;
            }
            SwitchKind::FreeSwitch => {
                let channel = ChannelData::new(SocketMode::None, "127.0.0.1:8084/crm");
                let mut call = FakeFreeSwitch::connect(deployment.switches[1], channel).await;
                call.greet().await;
                webhook.requested().await;
                drop(call);
                webhook.closed().await;
            }
        }
    }
}

#[tokio::test]
async fn haproxy_finds_no_fault_in_the_example() {
    if !haproxy::is_there().await {
        return;
    }
    let output = Command::new("haproxy").arg("-c").arg("-f").arg(haproxy::example()).output().await.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    // the file that it is appended to says where logs go
    let warnings: Vec<_> = stderr.lines().filter(|line| line.contains("[WARNING]")).collect();
    assert!(warnings.iter().all(|line| line.contains("no log address")), "{stderr}");
}

/// HAProxy's checks rest here: that nobody is lost while they have not noticed yet is the work of `option
/// redispatch`.
#[tokio::test]
async fn a_daemon_that_is_killed_loses_only_its_calls_in_flight() {
    let (gate, webhook) = gated_webhook().await;
    let Some(deployment) = Deployment::start(&webhook, Checks::Hourly).await else { return };
    let had = burst(deployment.switches);
    webhook.requests(2 * BURST).await;
    let in_flight = asked(&webhook, 0);
    assert!(in_flight["/first"] > 0 && in_flight["/second"] > 0, "{in_flight:?}");
    deployment.first.signal("KILL").await;
    deployment.first.end().await;

    let began = Instant::now();
    let new = burst(deployment.switches);
    webhook.requests(4 * BURST).await;
    let waited = began.elapsed();
    assert_eq!(asked(&webhook, 2 * BURST), BTreeMap::from([("/second".to_owned(), 2 * BURST)]));
    gate.open();
    let (had, new) = (counted(had.join_all().await), counted(new.join_all().await));
    let expected = [(ok(), in_flight["/second"]), (CallEnd::Lost, in_flight["/first"])];
    assert_eq!(had, BTreeMap::from(expected), "those that the killed one had, and no other");
    assert_eq!(new, BTreeMap::from([(ok(), 2 * BURST)]), "all later ones");
    println!("killed with {in_flight:?} in flight: {had:?}; then {new:?}, asked within {waited:?}");
}

#[tokio::test]
async fn a_daemon_in_its_drain_notice_is_not_ready_and_takes_calls() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let tables = format!("[limits]\ndrain_notice = \"30s\"\n{}", crm_hook(&webhook, "/", "CRM"));
    let daemon = Daemon::start(&tables).await;
    let (address, observer) = (daemon.address(), daemon.observer());
    let freeswitch = daemon.freeswitch();
    // nobody waits for its end, which is that of this test
    let _stopping = AbortOnDropHandle::new(spawn(daemon.stop()));
    within_time_limit("the notice", async {
        while ObserverResponse::get(observer, "/health/ready").await.code != 503 {}
    })
    .await;
    assert_eq!(FakeAsterisk::call(address, Environment::new("crm")).await.status(), "OK");
    let channel = ChannelData::new(SocketMode::Async, &format!("{freeswitch}/crm"));
    assert_eq!(FakeFreeSwitch::call(freeswitch, channel).await.state, CallState::GoesOn);
}

/// A webhook that takes some time, so that there are always calls in flight.
async fn thinking() -> FakeWebhook {
    FakeWebhook::start(|_| {
        let gate = Gate::default();
        let thought = gate.clone();
        spawn(async move {
            sleep(THINKS).await;
            thought.open();
        });
        Reply::text("sales").after(&gate)
    })
    .await
}

/// The number of requests of each daemon, counted from this request on.
fn asked(webhook: &FakeWebhook, from: usize) -> BTreeMap<String, usize> {
    counted(webhook.received().split_off(from).into_iter().map(|request| request.target))
}

fn counted<T: Ord>(things: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    things.into_iter().for_each(|thing| *counts.entry(thing).or_default() += 1);
    counts
}

/// Calls at an even pace, of both switches, whatever becomes of those before.
struct Load {
    stop: CancellationToken,
    play: AbortOnDropHandle<Vec<(Instant, CallEnd)>>,
}

impl Load {
    fn start(switches: [SocketAddr; 2]) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let play = spawn(async move {
            let (mut calls, mut pace, mut number) = (JoinSet::new(), interval(BETWEEN_CALLS), 0);
            while stopped.run_until_cancelled(pace.tick()).await.is_some() {
                calls.spawn(timed(switches, number));
                number += 1;
            }
            calls.join_all().await
        });
        Self { stop, play: AbortOnDropHandle::new(play) }
    }

    /// Stops, and returns the beginning and the end of each call.
    async fn stop(self) -> Vec<(Instant, CallEnd)> {
        self.stop.cancel();
        within_time_limit("the end of the calls", self.play).await.unwrap()
    }
}

/// Some calls of both switches at once.
fn burst(switches: [SocketAddr; 2]) -> JoinSet<CallEnd> {
    (0..2 * BURST).map(|number| call(switches, number)).collect()
}

async fn timed(switches: [SocketAddr; 2], number: usize) -> (Instant, CallEnd) {
    let began = Instant::now();
    // a FreeSWITCH panics if it does not receive the right commands
    (began, spawn(call(switches, number)).await.unwrap_or(CallEnd::Lost))
}

/// One call: of Asterisk, or of FreeSWITCH in one of its modes.
async fn call([asterisk, freeswitch]: [SocketAddr; 2], number: usize) -> CallEnd {
    let mode = SocketMode::ALL[number / 2 % SocketMode::ALL.len()];
    match number % 2 {
        0 => {
            let Ok(stream) = TcpStream::connect(asterisk).await else { return CallEnd::Lost };
            let ended = FakeAsterisk::over(stream).run(&Environment::new("crm")).await;
            end(ended.status())
        }
        _ => {
            let Ok(stream) = TcpStream::connect(freeswitch).await else { return CallEnd::Lost };
            let channel = ChannelData::new(mode, &format!("{freeswitch}/crm"));
            let ended = FakeFreeSwitch::over(stream, channel).run().await;
            let status = ended.variables.get("webhook_status").map(|status| String::from_utf8_lossy(status));
            match ended.state {
                CallState::GoesOn => end(&status.unwrap_or_default()),
                CallState::Parked
                | CallState::StuckInReset
                | CallState::Moved
                | CallState::Unparked
                | CallState::HungUp => CallEnd::Lost,
            }
        }
    }
}

fn end(status: &str) -> CallEnd {
    if status.is_empty() { CallEnd::Lost } else { CallEnd::Status(status.to_owned()) }
}
