//! Owner: switch/esl. FreeSWITCH's outbound socket on the wire.

/// The address of a `socket` step.
mod addresses;
/// The commands that the daemon sends, and the values that they can carry.
mod commands;
/// Many calls of FreeSWITCH at once.
mod concurrent_calls;
/// Values that FreeSWITCH must store as they are and never expand.
mod expansion;
/// An answer of `accept = "word"` means only itself wherever a dialplan of FreeSWITCH uses it.
mod injections;
/// Calls that are moved while they wait, and legs without a dialplan.
mod moved_calls;
/// Recorded sessions of a real FreeSWITCH, played whole and cut at every place.
mod recorded;
/// The request that a webhook receives for a call of FreeSWITCH.
mod requests;
/// Every call of FreeSWITCH goes on, whatever happens to its step.
mod stuck;
/// Callers of FreeSWITCH who withhold their number or their name.
mod withheld;

use crate::util::{CallState, ChannelData, Daemon, FakeFreeSwitch, FakeWebhook, GivenBack, SocketMode};

/// A daemon with the hook `crm` for this webhook, and with these further keys and tables.
async fn daemon_for(webhook: &FakeWebhook, more: &str) -> Daemon {
    Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nvariable = \"crm\"\n{more}", webhook.url("/"))).await
}

/// A call at `socket HOST:PORT/PATH MODE`, with the daemon's own host and port.
fn call(daemon: &Daemon, mode: SocketMode, path: &str) -> ChannelData {
    ChannelData::new(mode, &format!("{}{path}", daemon.freeswitch()))
}

/// One whole call at a static socket without `full`.
async fn step(daemon: &Daemon, path: &str, call_with: impl FnOnce(ChannelData) -> ChannelData) -> GivenBack {
    let given_back =
        FakeFreeSwitch::call(daemon.freeswitch(), call_with(call(daemon, SocketMode::None, path))).await;
    assert_eq!(given_back.state, CallState::GoesOn);
    given_back
}
