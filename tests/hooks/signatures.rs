//! Owner: hook/request. Signatures of requests, and the ids of a request.

use std::collections::HashSet;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{step, step_of_freeswitch, urls};
use crate::util::{Daemon, Environment, FakeAsterisk, FakeWebhook, Received, Reply, daemon_for};

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazfgRxNTgfM=";
const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// True if the reference library accepts the signature of a request with this secret.
fn verifies(request: &Received, secret: &str) -> bool {
    let header = |(name, value): &(String, String)| {
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
    };
    let headers: HeaderMap = request.headers.iter().filter_map(header).collect();
    standardwebhooks::Webhook::new(secret).unwrap().verify(&request.body, &headers).is_ok()
}

/// The same request with another value of this header.
fn forged(request: &Received, name: &str) -> Received {
    let mut request = request.clone();
    let value = &mut request.headers.iter_mut().find(|(known, _)| known == name).unwrap().1;
    let last = value.pop().unwrap();
    value.push(if last == '1' { '2' } else { '1' });
    request
}

/// A request that is signed with two secrets.
async fn signed(more: &str) -> Received {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = daemon_for(&webhook, &format!("sign = [\"{NEW}\", \"{OLD}\"]\n{more}")).await;
    assert_eq!(step(&daemon, "crm").await.status(), "OK");
    webhook.requested().await
}

#[tokio::test]
async fn the_reference_library_verifies_a_post_with_either_secret() {
    for more in ["", "body = \"form\"", "body = '{\"n\": \"{caller_number}\"}'"] {
        let request = signed(more).await;
        assert!(!request.body.is_empty());
        assert!(verifies(&request, NEW) && verifies(&request, OLD), "{more}");
        assert!(!verifies(&request, OTHER), "{more}");
    }
}

#[tokio::test]
async fn the_reference_library_verifies_a_get_by_its_empty_body() {
    let request = signed("method = \"GET\"").await;
    assert!(request.body.is_empty());
    assert!(verifies(&request, NEW) && verifies(&request, OLD) && !verifies(&request, OTHER));
}

#[tokio::test]
async fn a_changed_byte_breaks_the_signature() {
    let request = signed("").await;
    for at in [0, request.body.len() / 2, request.body.len() - 1] {
        let mut other = request.clone();
        other.body[at] ^= 1;
        assert!(!verifies(&other, NEW) && !verifies(&other, OLD), "byte {at}");
    }
    for name in ["webhook-id", "webhook-timestamp"] {
        assert!(!verifies(&forged(&request, name), NEW), "{name}");
    }
    let mut get = signed("method = \"GET\"").await;
    get.body.push(b'x');
    assert!(!verifies(&get, NEW));
}

#[tokio::test]
async fn one_secret_makes_one_signature() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = daemon_for(&webhook, &format!("sign = \"{OLD}\"")).await;
    step(&daemon, "crm").await;
    let request = webhook.requested().await;
    assert!(!request.header("webhook-signature").unwrap().contains(' '));
    assert!(verifies(&request, OLD) && !verifies(&request, NEW));
}

#[tokio::test]
async fn a_hook_without_secrets_signs_nothing() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = daemon_for(&webhook, "").await;
    step(&daemon, "crm").await;
    let request = webhook.requested().await;
    assert_eq!((request.header("webhook-signature"), request.header("webhook-timestamp")), (None, None));
}

#[tokio::test]
async fn a_call_of_freeswitch_is_signed_as_well() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = daemon_for(&webhook, &format!("sign = \"{OLD}\"")).await;
    step_of_freeswitch(&daemon, "crm").await;
    assert!(verifies(&webhook.requested().await, OLD));
}

#[tokio::test]
async fn a_retry_has_the_same_id_and_signature() {
    let webhook = FakeWebhook::answering([Reply::Reset, Reply::text("sales")]).await;
    let daemon = daemon_for(&webhook, &format!("sign = \"{OLD}\"\nidempotent = true")).await;
    assert_eq!(step(&daemon, "crm").await.status(), "OK");
    let [first, second] = &*webhook.requests(2).await else { panic!("two requests") };
    assert!(verifies(first, OLD) && verifies(second, OLD));
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(first.header("traceparent"), second.header("traceparent"));
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn the_second_url_gets_the_same_id_and_signature() {
    let broken = FakeWebhook::start(|_| Reply::status(503, "")).await;
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let hook = format!("[hook.crm]\n{}sign = \"{OLD}\"\n", urls(&[&broken, &webhook]));
    let daemon = Daemon::start(&hook).await;
    assert_eq!(step(&daemon, "crm").await.status(), "OK");
    let (first, second) = (broken.requested().await, webhook.requested().await);
    assert!(verifies(&first, OLD) && verifies(&second, OLD));
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
}

#[tokio::test]
async fn every_request_has_its_own_trace() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let url = format!("url = \"{}\"", webhook.url("/"));
    let hooks =
        format!("[hook.post]\n{url}\n[hook.get]\nmethod = \"GET\"\n{url}\n[hook.told]\n{url}\ndetach = true");
    let daemon = Daemon::start(&hooks).await;
    for hook in ["post", "get", "told"] {
        step(&daemon, hook).await;
        step_of_freeswitch(&daemon, hook).await;
    }
    let ad_hoc = Environment::new("webhook").argument(format!("url={}", webhook.url("/")));
    FakeAsterisk::call(daemon.address(), ad_hoc).await;
    let requests = webhook.requests(7).await;
    let traces: HashSet<_> = requests.iter().map(|request| request.header("traceparent").unwrap()).collect();
    assert_eq!(traces.len(), 7);
    for trace in traces {
        // version "-" trace-id "-" parent-id "-" trace-flags, and neither id all zeros (W3C Trace Context,
        // 3.2.2)
        let parts: Vec<_> = trace.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2], "{trace}");
        assert!(trace.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-')), "{trace}");
        assert!(parts[0] == "00" && parts[1..3].iter().all(|id| id.bytes().any(|digit| digit != b'0')));
    }
}
