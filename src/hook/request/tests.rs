//! The fingerprint of a request, and its form in the log.

use std::time::SystemTime;

use super::*;
use crate::call::tests::known_caller;
use crate::hook::{Delivery, Redirects, UrlTemplate};

fn hook() -> Hook {
    Hook::new(UrlTemplate::parse("https://crm.example/r?did={callee_number}").unwrap())
}

fn delivered(delivery: Delivery) -> Request {
    let identity = Identity { webhook_id: "msg_1".to_owned(), traceparent: "00-1-2-01".to_owned() };
    let call = known_caller();
    let context = RequestContext { call: &call, company: "kwik", now: SystemTime::UNIX_EPOCH, fetched: &[] };
    Request::new(&Arc::new(Hook { delivery, ..hook() }), &context, &identity).unwrap()
}

#[test]
fn a_hook_that_verifies_certificates_does_not_share_answers_with_one_that_does_not() {
    let insecure =
        Delivery { tls: Some(Arc::new(Tls::default().without_verification())), ..Delivery::default() };
    let verifying = delivered(Delivery::default()).fingerprint("crm");
    assert_ne!(delivered(insecure).fingerprint("crm"), verifying);
}

#[test]
fn hooks_that_follow_other_redirects_do_not_share_answers() {
    let following = |most, hosts: &[&str]| {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let redirects = Redirects { most, hosts };
        delivered(Delivery { redirects, ..Delivery::default() }).fingerprint("crm")
    };
    let fingerprints =
        [following(0, &[]), following(1, &[]), following(1, &["a", "b"]), following(1, &["ab"])];
    for (number, fingerprint) in fingerprints.iter().enumerate() {
        assert!(!fingerprints[number + 1..].contains(fingerprint), "{number}");
    }
}

#[test]
fn a_target_prints_no_password() {
    let url = Url::parse("http://pbx:geheim@h/").unwrap();
    let target = Target { url, endpoint: "http://…@h/".into(), has_secret: true };
    assert_eq!(format!("{target:?}"), "Target(\"http://…@h/\")");
}
