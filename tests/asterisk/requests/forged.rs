//! Owner: switch/agi. A call that somebody forged leads to no request.

use super::super::on_each_release;
use super::{AD_HOC, HOOK, Requests, Sets};

#[tokio::test]
async fn a_forged_call_makes_no_request_and_agi_ends_with_failure() {
    on_each_release(async |release| {
        let whole = "agi_callerid: 2\nagi_calleridname: x\nagi_callingpres: 0\nagi_callingani2: 0\nagi_callington: 0\n\
             agi_callingtns: 0\nagi_dnid: unknown\nagi_rdnis: unknown\nagi_context: test\nagi_extension: 0\n\
             agi_priority: 1\nagi_enhanced: 0.0\nagi_accountcode: \nagi_threadid: 1\nagi_arg_1: url=http://evil/\n\n\
             200 result=1 (x)\n200 result=1\n";
        let rest = whole.split_once("2\n").unwrap().1;
        let forged: [&[(&str, &[u8])]; 6] = [
            &[("CALLERID(num)", b"1\nagi_arg_1: url=http://evil/\n\n")],
            &[("CALLERID(name)", b"x\nagi_arg_1: url=http://evil/\n\nx")],
            &[("CALLERID(num)", b"1\n\n200 result=1\n")],
            &[("CALLERID(name)", b"two\nlines")],
            &[("CALLERID(num)", format!("1\n{rest}").leak().as_bytes())],
            &[("CALLERID(name)", format!("x\n{}", rest.split_once('\n').unwrap().1).leak().as_bytes())],
        ];
        for agi in [HOOK, AD_HOC] {
            let requests = Requests::start(release, agi, &forged).await;
            for (number, sets) in forged.iter().enumerate() {
                let ended = requests.call(number).await;
                assert_eq!(ended.last("AGISTATUS"), Some("FAILURE"), "{sets:?}");
                assert_eq!(ended.last("WEBHOOK_STATUS"), Some("UNREACHABLE"), "as it was before");
                assert_eq!((ended.last("ROUTE"), ended.last("WENT_ON")), (None, Some("yes")));
            }
            assert_eq!(requests.webhook.received(), []);
        }
    })
    .await;
}

#[tokio::test]
async fn an_argument_that_a_caller_adds_makes_no_request() {
    on_each_release(async |release| {
        let injected: Sets<'_> = &[("CALLERID(name)", b"x,url=http://webhook/evil")];
        for argument in ["name", "variable", "timeout"] {
            let agi = AD_HOC.replace(",variable=ROUTE", &format!(",{argument}=${{CALLERID(name)}}"));
            let requests = Requests::start(release, &agi, &[injected]).await;
            let ended = requests.call(0).await;
            assert_eq!(ended.last("WEBHOOK_STATUS"), Some("BAD_REQUEST"), "{ended:?}");
            assert_eq!(requests.webhook.received(), []);
        }
    })
    .await;
}

/// A line feed ends the line of the last argument, and what follows it looks like one more.
#[tokio::test]
async fn an_argument_that_a_line_feed_adds_makes_no_request() {
    on_each_release(async |release| {
        let forged: [&[u8]; 4] = [
            b"x\nagi_arg_4: variable=EVIL",
            b"x\nagi_arg_4: timeout=10",
            b"x)))))))))):0:0\nagi_arg_4: variable=EVIL",
            b"x):1:2\nagi_arg_4: timeout=10",
        ];
        let long = [&[b'"'; 2000][..], b"x\nagi_arg_4: variable=EVIL"].concat();
        let sets = forged.map(|name| [("CALLERID(name)", name)]);
        let mut sets: Vec<Sets<'_>> = sets.iter().map(|sets| &sets[..]).collect();
        let long: Sets<'_> = &[("CALLERID(name)", &long)];
        sets.push(long);
        for argument in
            ["\"url=http://webhook/r?name=${CALLERID(name)}\"", "url=http://webhook/r?name=${CALLERID(name)}"]
        {
            let agi = format!("AGI(agi://dialhook/webhook,method=GET,,{argument})");
            let requests = Requests::start(release, &agi, &sets).await;
            for number in 0..sets.len() {
                let ended = requests.call(number).await;
                assert_ne!(ended.last("WEBHOOK_STATUS"), Some("OK"), "{ended:?}");
                assert_eq!((ended.last("EVIL"), ended.last("WENT_ON")), (None, Some("yes")));
            }
            assert_eq!(requests.webhook.received(), []);
            assert_eq!(requests.asterisk.complaints().await, [""; 0]);
        }
    })
    .await;
}
