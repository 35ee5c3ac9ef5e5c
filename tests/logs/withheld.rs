//! Owner: log. A withheld number is in no line, even if `log.numbers` shows numbers whole.

use super::{TEXT, logged};
use crate::util::{ChannelData, Environment, FakeAsterisk, FakeFreeSwitch, SocketMode};

#[tokio::test]
async fn a_withheld_number_is_in_no_line() {
    let lines = logged(TEXT, "trace", "[log]\nnumbers = true", async |daemon| {
        let call = ChannelData::new(SocketMode::None, &format!("{}/nobody", daemon.freeswitch()))
            .header("Caller-Privacy-Hide-Number", "true")
            .header("Caller-Caller-ID-Number", "31612345678")
            .header("Caller-Caller-ID-Name", "31612345678")
            .header("Channel-Name", "sofia/rig/31612345678%40192.0.2.7");
        FakeFreeSwitch::call(daemon.freeswitch(), call).await;
        let environment = Environment::new("nobody")
            .caller("31612345678")
            .line("agi_channel", "DAHDI/i1/0612345678-2")
            .line("agi_callingpres", "35")
            .variable("CALLERID(num-pres)", "prohib");
        FakeAsterisk::call(daemon.address(), environment).await;
    })
    .await;
    assert!(lines.iter().any(|line| line.contains("sofia/rig/@192.0.2.7")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("DAHDI/i1/-2")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("12345678")), "{lines:#?}");
}
