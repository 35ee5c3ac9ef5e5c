//! Owner: log. Telephone numbers are masked; answers and variables are logged at `trace` only.

use dialhook::log::Format;

use super::{EVERY_FORMAT, call, logged, tables, webhook};
use crate::util::{ChannelData, FakeAsterisk, FakeFreeSwitch, SocketMode};

/// All that is logged of a good call, a failed one, an unknown hook that is named after its caller, and one
/// on FreeSWITCH.
async fn everything(format: Format, filter: &str, more: &str) -> String {
    let webhook = webhook().await;
    let lines = logged(format, filter, &format!("{}{more}", tables(&webhook)), async |daemon| {
        assert_eq!(FakeAsterisk::call(daemon.address(), call("crm")).await.status(), "OK");
        FakeAsterisk::call(daemon.address(), call("broken")).await;
        FakeAsterisk::call(daemon.address(), call("31612345678")).await;
        let channel = ChannelData::new(SocketMode::Full, "127.0.0.1:8084/crm")
            .header("Caller-Caller-ID-Number", "31612345678")
            .header("Channel-Name", "sofia/internal/31612345678@1.2.3.4")
            .header("Caller-Channel-Name", "sofia/internal/31612345678@1.2.3.4")
            .variable("ACCOUNT", "geheime-variable");
        assert_eq!(FakeFreeSwitch::call(daemon.freeswitch(), channel).await.status(), "OK");
    })
    .await;
    assert!(lines.iter().filter(|line| line.contains("webhook step")).count() == 4, "{lines:?}");
    lines.concat()
}

/// The digits that a mask hides of the numbers in [`call`] and in the answer.
const NUMBERS: [&str; 3] = ["1612345", "1207654", "1698765"];

#[tokio::test]
async fn numbers_are_masked_at_every_level() {
    for format in EVERY_FORMAT {
        for filter in ["info", "debug", "dialhook=trace"] {
            let all = everything(format, filter, "").await;
            for number in NUMBERS {
                assert!(!all.contains(number), "{format:?} {filter} {number}: {all}");
            }
            assert!(
                all.contains("********678") && all.contains("sofia/internal/********678@1.2.3.4"),
                "{all}"
            );
        }
    }
}

#[tokio::test]
async fn numbers_are_shown_if_log_numbers_is_true() {
    for format in EVERY_FORMAT {
        let all = everything(format, "info", "[log]\nnumbers = true\n").await;
        assert!(all.contains("PJSIP/31612345678-0000001a") && !all.contains("***"), "{format:?}: {all}");
    }
}

#[tokio::test]
async fn answers_and_variables_are_logged_at_trace_only() {
    for format in EVERY_FORMAT {
        let debug = everything(format, "debug", "[log]\nnumbers = true\n").await;
        assert!(!debug.contains("geheim"), "{format:?}: {debug}");
        let trace = everything(format, "dialhook=trace", "[log]\nnumbers = true\n").await;
        assert!(trace.contains("geheime-antwort-31698765432"), "{format:?}: {trace}");
        assert!(trace.contains("geheime-variable"), "{format:?}: {trace}");
    }
}
