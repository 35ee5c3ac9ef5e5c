//! Owner: switch/agi. The arguments of an ad hoc step.

use super::super::on_each_release;
use super::{AD_HOC, Requests, Sets};

#[tokio::test]
async fn long_arguments_are_accepted_up_to_the_length_that_asterisk_shows() {
    on_each_release(async |release| {
        for (length, status) in
            [(900, "OK"), (1900, "OK"), (3800, "OK"), (4000, "BAD_REQUEST"), (7000, "BAD_REQUEST")]
        {
            let url = format!("http://webhook/r?x={}", "a,".repeat(length / 2));
            let requests =
                Requests::start(release, &AD_HOC.replace("http://webhook/route", &url), &[&[]]).await;
            let ended = requests.call(0).await;
            assert_eq!(
                ended.last("WEBHOOK_STATUS"),
                Some(status),
                "{length}: {:?}",
                ended.last("WEBHOOK_REASON")
            );
            assert_eq!(requests.webhook.received().len(), usize::from(status == "OK"));
        }
    })
    .await;
}

#[tokio::test]
async fn an_ad_hoc_step_sends_the_request_that_its_arguments_describe() {
    on_each_release(async |release| {
        let agi = "AGI(agi://dialhook/webhook,method=GET,\"url=http://webhook/r?a=1,2&to=${URIENCODE(${CALLERID(name)})}\",\
                   timeout=3,variable=ROUTE)";
        let sets: Sets<'_> = &[("CALLERID(name)", b"x,url=http://evil/")];
        let requests = Requests::start(release, agi, &[sets]).await;
        let ended = requests.call(0).await;
        assert_eq!(ended.last("ROUTE"), Some("sales"));
        let received = requests.webhook.requested().await;
        assert_eq!((&*received.method, &*received.target), ("GET", "/r?a=1,2&to=x%2Curl%3Dhttp%3A%2F%2Fevil%2F"));
        for without_path in ["agi://dialhook/,", "agi://dialhook/?timeout=3,"] {
            let agi = AD_HOC.replace("agi://dialhook/webhook,", without_path);
            let requests = Requests::start(release, &agi, &[&[]]).await;
            assert_eq!(requests.request_body(0).await["dp_in_number"], "0");
        }
    })
    .await;
}
