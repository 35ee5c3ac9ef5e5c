//! The registry of endpoints: what one endpoint's failures mean for others, and the limit of records.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::permit::EndpointResult;
use super::*;

const ONE_FAILURE: Breaker = Breaker { failures: 1, probe: Duration::from_secs(10) };

fn fail(endpoints: &Endpoints, endpoint: &Arc<str>, breaker: &Breaker, now: Instant) {
    endpoints.failed(endpoint, "crm", Some(breaker), now);
}

/// True if the breaker of this endpoint is closed.
fn admits(endpoints: &Endpoints, endpoint: &Arc<str>, breaker: &Breaker, now: Instant) -> bool {
    endpoints.admit(endpoint, "crm", Some(breaker), now).is_ok()
}

fn is_quarantined(endpoints: &Endpoints, endpoint: &Arc<str>, now: Instant) -> bool {
    endpoints.connection_rules(endpoint, now).is_quarantined
}

/// As many ad hoc endpoints as have a record fail once.
fn fill(endpoints: &Endpoints, breaker: &Breaker, now: Instant) {
    for number in 0..MOST_AD_HOC {
        fail(endpoints, &format!("http://{number}/").into(), breaker, now);
    }
}

#[test]
fn an_endpoint_that_does_not_answer_changes_nothing_for_others() {
    let (endpoints, now) = (Endpoints::default(), Instant::now());
    let (dead, well): (Arc<str>, Arc<str>) = ("http://dead/".into(), "http://well/".into());
    let breaker = Breaker::default();
    for _ in 0..5 {
        let permit = endpoints.admit(&dead, "crm", Some(&breaker), now).unwrap();
        permit.finish(EndpointResult::Failed, now);
    }
    let refused = endpoints.admit(&dead, "crm", Some(&breaker), now).err();
    assert!(matches!(refused, Some(Unreachable::BreakerOpen { failures: 5, .. })));
    assert!(endpoints.admit(&dead, "crm", None, now).is_ok() && admits(&endpoints, &well, &breaker, now));
    assert!(is_quarantined(&endpoints, &dead, now) && is_quarantined(&endpoints, &well, now));
    for endpoint in [&dead, &well] {
        endpoints.admit(endpoint, "crm", None, now).unwrap().finish(EndpointResult::Answered, now);
    }
    assert!(!is_quarantined(&endpoints, &well, now) && is_quarantined(&endpoints, &dead, now));
    assert!(!is_quarantined(&endpoints, &dead, now + Duration::from_secs(3600)));
    assert!(admits(&endpoints, &dead, &breaker, now));
}

#[test]
fn a_permit_without_a_result_gives_its_probe_to_the_next_caller() {
    let (endpoints, now) = (Endpoints::default(), Instant::now());
    let (dead, breaker) = ("http://dead/".into(), ONE_FAILURE);
    fail(&endpoints, &dead, &breaker, now);
    let then = now + breaker.probe;
    let probe = || endpoints.admit(&dead, "crm", Some(&breaker), then);
    let first = probe().unwrap();
    assert!(probe().is_err());
    drop(first);
    probe().unwrap().finish(EndpointResult::Unknown, then);
    probe().unwrap().finish(EndpointResult::SilentUncounted, then);
    probe().unwrap().finish(EndpointResult::Failed, then);
    assert!(probe().is_err());
}

#[test]
fn configured_endpoints_have_a_record_however_many_ad_hoc_endpoints_fail() {
    let (endpoints, now) = (Endpoints::default(), Instant::now());
    fill(&endpoints, &ONE_FAILURE, now);
    let (own, other): (Arc<str>, Arc<str>) = ("http://own/".into(), "http://other/".into());
    endpoints.configure([Arc::clone(&own)].into_iter());
    for endpoint in [&own, &other] {
        fail(&endpoints, endpoint, &ONE_FAILURE, now);
    }
    assert!(!admits(&endpoints, &own, &ONE_FAILURE, now));
    assert!(admits(&endpoints, &other, &ONE_FAILURE, now), "all records are of open breakers");
    let permit = endpoints.admit(&other, "crm", None, now).unwrap();
    assert!(!permit.withdraw_retry(), "without a record there is no retry budget");
}

#[test]
fn ad_hoc_endpoints_with_a_closed_breaker_make_room() {
    let (endpoints, now) = (Endpoints::default(), Instant::now());
    fill(&endpoints, &Breaker::default(), now);
    let other: Arc<str> = "http://other/".into();
    for _ in 0..5 {
        fail(&endpoints, &other, &Breaker::default(), now);
    }
    assert!(!admits(&endpoints, &other, &Breaker::default(), now));
}

#[test]
fn the_number_of_records_has_a_limit() {
    let (endpoints, now) = (Endpoints::default(), Instant::now());
    for number in 0..2 * MOST_AD_HOC {
        fail(&endpoints, &format!("http://{number}/").into(), &Breaker::default(), now);
        endpoints.trust(&format!("http://trusted-{number}/").into());
    }
    assert_eq!(endpoints.lock().by_url.len(), MOST_AD_HOC);
}

#[test]
fn an_ad_hoc_endpoint_without_room_for_a_record_stays_in_quarantine() {
    let (endpoints, now) = (Endpoints::default(), Instant::now());
    fill(&endpoints, &Breaker::default(), now);
    let (own, other): (Arc<str>, Arc<str>) = ("http://own/".into(), "http://other/".into());
    endpoints.configure([Arc::clone(&own)].into_iter());
    for endpoint in [&own, &other] {
        endpoints.trust(endpoint);
    }
    assert!(!is_quarantined(&endpoints, &own, now) && is_quarantined(&endpoints, &other, now));
}

#[test]
fn an_endpoint_that_leaves_the_configuration_must_answer_again_before_it_is_trusted() {
    let (endpoints, now) = (Endpoints::default(), Instant::now());
    let own: Arc<str> = "http://own/".into();
    endpoints.configure([Arc::clone(&own)].into_iter());
    endpoints.trust(&own);
    endpoints.configure([Arc::clone(&own)].into_iter());
    assert!(!is_quarantined(&endpoints, &own, now));
    endpoints.configure(std::iter::empty());
    assert!(is_quarantined(&endpoints, &own, now) && endpoints.lock().by_url.is_empty());
}
