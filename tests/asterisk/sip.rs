//! Owner: switch/agi. A call that comes by SIP.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::UdpSocket;

use super::instance::{Asterisk, Release};
use super::on_each_release;
use crate::util::network_namespace::isolated;
use crate::util::{Daemon, FakeWebhook, Reply, within_time_limit};

/// The SIP response shows the end of the step: 486 if the dialplan went on, 404 after AGISTATUS=FAILURE.
const DIALPLAN: &str = "[test]
exten => 100,1,AGI(agi://dialhook/route)
 same => n,ExecIf($[\"${AGISTATUS}\" = \"FAILURE\"]?Hangup(1))
 same => n,Hangup(17)
";

/// One address for each release, as both run at the same time.
fn address(release: Release) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, release.number().parse().unwrap())
}

async fn asterisk(release: Release, daemon: &Daemon) -> Asterisk {
    trusting(release, daemon, "no").await
}

/// The same with this `trust_id_inbound`: `yes` trusts the headers with the caller's identity.
async fn trusting(release: Release, daemon: &Daemon, trust: &str) -> Asterisk {
    let extensions = DIALPLAN.replace("//dialhook/", &format!("//{}/", daemon.address()));
    let pjsip = format!(
        "[udp]\ntype = transport\nprotocol = udp\nbind = {}\n\
         [anonymous]\ntype = endpoint\ncontext = test\nallow = !all,ulaw\ntrust_id_inbound = {trust}\n",
        address(release)
    );
    Asterisk::start_with(release, &[("extensions.conf", &extensions), ("pjsip.conf", &pjsip)]).await
}

/// Calls extension 100, and returns the status of the final response.
async fn invite(release: Release, from: &str, call_id: &str) -> u16 {
    invite_with(release, from, call_id, "").await
}

/// The same with more headers.
async fn invite_with(release: Release, from: &str, call_id: &str, more: &str) -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (own, switch) = (socket.local_addr().unwrap(), address(release));
    // PJSIP takes two requests with the same branch for one request.
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let number = CALLS.fetch_add(1, Ordering::Relaxed);
    let session =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let request = format!(
        "INVITE sip:100@{switch} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{number};rport\r\nMax-Forwards: 70\r\n\
         From: {from};tag=1\r\nTo: <sip:100@{switch}>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n\
         {more}Contact: <sip:caller@{own}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{session}",
        session.len()
    );
    socket.send_to(request.as_bytes(), (switch, 5060)).await.unwrap();
    let mut datagram = [0; 65_536];
    loop {
        let length = within_time_limit("a SIP response", socket.recv(&mut datagram)).await.unwrap();
        let response = String::from_utf8_lossy(&datagram[..length]);
        let status = response.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok());
        match status {
            Some(100..=199) => {}
            Some(status) => return status,
            None => panic!("no SIP response: {response}"),
        }
    }
}

fn hook(webhook: &FakeWebhook) -> String {
    format!("[hook.route]\nurl = \"{}\"\nvariable = \"ROUTE\"\n", webhook.url("/route"))
}

#[tokio::test]
async fn the_request_for_a_sip_call_has_its_call_id() {
    if !isolated(concat!(module_path!(), "::the_request_for_a_sip_call_has_its_call_id")) {
        return;
    }
    on_each_release(async |release| {
        let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
        let daemon = Daemon::start(&hook(&webhook)).await;
        let _asterisk = asterisk(release, &daemon).await;
        let calls = ["abc-123@host.example", "x)y:1:2(\"z%0a", "):1"];
        for (number, call_id) in calls.into_iter().enumerate() {
            // Asterisk's time() is that of the kernel's last tick, which can be in the second before
            let tick = Duration::from_millis(10);
            let before = (SystemTime::now() - tick).duration_since(UNIX_EPOCH).unwrap().as_secs();
            assert_eq!(invite(release, "\"Al Ice\" <sip:4711@host.example>", call_id).await, 486);
            let json = webhook.requests(number + 1).await[number].json();
            assert_eq!(json["sip_call_id"], call_id);
            assert_eq!([&json["caller_number"], &json["phonebook_caller_name"]], ["4711", "Al Ice"]);
            assert_eq!(json["rta_call_id"], json["uuid"]);
            let began: u64 = json["call_start_time"].as_str().unwrap().parse().unwrap();
            assert!((before * 1000..=before * 1000 + 30_000).contains(&began), "{began}");
        }
    })
    .await;
}

/// The headers for callers who withhold their number, with and without `Privacy: id`, from a trusted
/// endpoint and from another one.
#[tokio::test]
async fn a_withheld_number_of_sip_is_in_no_part_of_the_request() {
    if !isolated(concat!(module_path!(), "::a_withheld_number_of_sip_is_in_no_part_of_the_request")) {
        return;
    }
    on_each_release(async |release| {
        let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
        let daemon = Daemon::start(&hook(&webhook)).await;
        let anonymous = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
        let asserted = "P-Asserted-Identity: \"Ada\" <sip:31612345678@trunk.example>\r\n";
        let (private, both) = ("Privacy: id\r\n", format!("{asserted}Privacy: id\r\n"));
        for (trust, from, headers) in [
            ("no", anonymous, ""),
            ("no", anonymous, private),
            ("no", "<sip:Restricted@trunk.example>", private),
            ("no", "<sip:unavailable@trunk.example>", ""),
            ("no", anonymous, both.as_str()),
            ("yes", anonymous, private),
            ("yes", anonymous, both.as_str()),
            ("yes", "\"Ada\" <sip:31612345678@trunk.example>", both.as_str()),
        ] {
            let _asterisk = trusting(release, &daemon, trust).await;
            assert_eq!(invite_with(release, from, "withheld@trunk.example", headers).await, 486);
            let json = webhook.received().pop().unwrap().json();
            let caller = [&json["caller_number"], &json["phonebook_caller_name"]];
            assert_eq!(caller, ["", ""], "trust {trust}, {from}, {headers}");
            assert!(!json.to_string().contains("12345678"), "{json}");
        }
        // the number of another caller is sent
        let _asterisk = trusting(release, &daemon, "yes").await;
        let none = format!("{asserted}Privacy: none\r\n");
        assert_eq!(invite_with(release, anonymous, "shown@trunk.example", &none).await, 486);
        let json = webhook.received().pop().unwrap().json();
        assert_eq!([&json["caller_number"], &json["phonebook_caller_name"]], ["31612345678", "Ada"]);
    })
    .await;
}

/// docs/recipes.md, Kamailio in front.
#[tokio::test]
async fn the_recipe_behind_a_proxy_sends_the_asserted_caller_and_a_header() {
    if !isolated(concat!(
        module_path!(),
        "::the_recipe_behind_a_proxy_sends_the_asserted_caller_and_a_header"
    )) {
        return;
    }
    on_each_release(async |release| {
        let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
        let daemon = Daemon::start(&super::recipes::hook(&webhook)).await;
        let extensions = super::recipes::recipe("[from-kamailio]", &daemon);
        let headers = "P-Asserted-Identity: <sip:31612345678@proxy.example>\r\nX-Customer: 12a3\r\n";
        for (trust, caller) in [("no", "4711"), ("yes", "31612345678")] {
            let pjsip = format!(
                "[udp]\ntype = transport\nprotocol = udp\nbind = {}\n\
                 [anonymous]\ntype = endpoint\ncontext = from-kamailio\nallow = !all,ulaw\ntrust_id_inbound = {trust}\n",
                address(release)
            );
            let files = [("extensions.conf", extensions.as_str()), ("pjsip.conf", &pjsip)];
            let _asterisk = Asterisk::start_with(release, &files).await;
            let call_id = format!("kamailio-{trust}@proxy.example");
            // 600 Busy Everywhere or another status by release, but not the 486 of the reception
            let status = invite_with(release, "<sip:4711@host.example>", &call_id, headers).await;
            let json = webhook.received().pop().unwrap().json();
            assert_eq!([&json["sip_call_id"], &json["caller_number"]], [call_id.as_str(), caller]);
            assert_eq!([&json["callee_number"], &json["variables"]["CUSTOMER"]], ["100", "123"]);
            assert_ne!(status, 486, "the call went to the reception");
        }
    })
    .await;
}

#[tokio::test]
async fn a_sip_caller_who_forges_an_environment_makes_no_request() {
    if !isolated(concat!(module_path!(), "::a_sip_caller_who_forges_an_environment_makes_no_request")) {
        return;
    }
    on_each_release(async |release| {
        let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
        let daemon = Daemon::start(&hook(&webhook)).await;
        let _asterisk = asterisk(release, &daemon).await;
        for user in [
            "1%0aagi_arg_1%3a%20url=http%3a%2f%2fevil%0a%0a",
            "1%0a%0a200%20result=1%0a",
            "1%0a",
            "1%0aagi_calleridname%3a%20x%0aagi_callingpres%3a%200",
        ] {
            assert_eq!(invite(release, &format!("<sip:{user}@host.example>"), "forged").await, 404, "{user}");
        }
        assert_eq!(webhook.received(), []);
    })
    .await;
}
