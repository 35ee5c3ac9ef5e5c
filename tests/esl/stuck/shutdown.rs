//! Owner: session. Calls of FreeSWITCH during the shutdown of the daemon.

use super::super::{call, daemon_for};
use crate::util::{
    CallState, FakeFreeSwitch, FakeWebhook, Reply, SocketMode, gated_webhook, good_webhook, nobody_listens,
};

#[tokio::test]
async fn a_call_that_waits_for_its_webhook_finishes() {
    for mode in SocketMode::ALL {
        let (gate, webhook) = gated_webhook().await;
        let daemon = daemon_for(&webhook, "timeout = 10").await;
        let address = daemon.freeswitch();
        let call = tokio::spawn(FakeFreeSwitch::call(address, call(&daemon, mode, "/crm")));
        webhook.requested().await;
        let stopping = tokio::spawn(daemon.stop());
        nobody_listens(address).await;
        gate.open();
        let given_back = call.await.unwrap();
        assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"), "{mode:?}");
        stopping.await.unwrap();
    }
}

#[tokio::test]
async fn a_call_whose_webhook_stays_silent_goes_on_after_its_timeout() {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let daemon = daemon_for(&webhook, "timeout = 1").await;
    let call = call(&daemon, SocketMode::AsyncFull, "/crm");
    let call = tokio::spawn(FakeFreeSwitch::call(daemon.freeswitch(), call));
    webhook.requested().await;
    daemon.stop().await;
    let given_back = call.await.unwrap();
    assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "TIMEOUT"));
}

#[tokio::test]
async fn a_call_that_has_connected_but_sent_no_data_yet_finishes() {
    let webhook = good_webhook().await;
    for mode in SocketMode::ALL {
        let daemon = daemon_for(&webhook, "").await;
        // the connection is at least in the kernel's queue
        let freeswitch = FakeFreeSwitch::connect(daemon.freeswitch(), call(&daemon, mode, "/crm")).await;
        let stopping = tokio::spawn(daemon.stop());
        let given_back = freeswitch.run().await;
        assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"), "{mode:?}");
        stopping.await.unwrap();
    }
}

#[tokio::test]
async fn a_call_that_waits_for_a_slot_is_served_and_finishes() {
    let webhook = good_webhook().await;
    let daemon = daemon_for(&webhook, "[limits]\ncalls = 1").await;
    let channel = call(&daemon, SocketMode::Async, "/crm");
    let mut strangers = Vec::new();
    // the last connection is reserved for the other listener
    for _ in 0..101 {
        let mut stranger = FakeFreeSwitch::connect(daemon.freeswitch(), channel.clone()).await;
        stranger.expect_connect().await;
        strangers.push(stranger);
    }
    let waiting: Vec<_> = SocketMode::ALL.iter().map(|mode| call(&daemon, *mode, "/crm")).collect();
    let mut calls = Vec::new();
    for channel in waiting {
        calls.push(FakeFreeSwitch::connect(daemon.freeswitch(), channel).await);
    }
    let stopping = tokio::spawn(daemon.stop());
    for call in calls {
        let given_back = call.run().await;
        assert_eq!((given_back.state, given_back.status()), (CallState::GoesOn, "OK"));
    }
    drop(strangers);
    stopping.await.unwrap();
}
