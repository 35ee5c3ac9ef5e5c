//! Owner: session. Many calls of FreeSWITCH at once.

use tokio::task::JoinSet;

use super::{call, daemon_for};
use crate::util::{CallState, FakeFreeSwitch, SocketMode, gated_webhook};

#[tokio::test]
async fn a_hundred_concurrent_calls_in_all_modes_go_on() {
    let (gate, webhook) = gated_webhook().await;
    let daemon = daemon_for(&webhook, "timeout = 10").await;
    let address = daemon.freeswitch();
    let modes = SocketMode::ALL.iter().cycle().take(100);
    let mut calls: JoinSet<_> =
        modes.map(|mode| FakeFreeSwitch::call(address, call(&daemon, *mode, "/crm"))).collect();
    webhook.request(100).await;
    gate.open();
    while let Some(given_back) = calls.join_next().await {
        let given_back = given_back.unwrap();
        assert_eq!((given_back.state, given_back.get("crm")), (CallState::GoesOn, Some("sales")));
    }
    daemon.stop().await;
}
