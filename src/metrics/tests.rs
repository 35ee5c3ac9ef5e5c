//! Events appear in the text that Prometheus reads.

use super::*;

fn lines(metrics: &Metrics, beginning: &str) -> Vec<String> {
    let rendered = metrics.render();
    rendered.lines().filter(|line| line.starts_with(beginning)).map(ToOwned::to_owned).collect()
}

/// Returns the only line with this beginning.
fn line(metrics: &Metrics, beginning: &str) -> String {
    let lines = lines(metrics, beginning);
    assert_eq!(lines.len(), 1, "{beginning}: {lines:?}");
    lines[0].clone()
}

#[test]
fn calls_are_counted_by_switch_hook_and_status() {
    let metrics = Metrics::default();
    let ended = |status, took| {
        metrics.call_ended(SwitchKind::Asterisk, "crm", status, Duration::from_millis(took));
    };
    ended(Status::Ok, 4);
    ended(Status::Ok, 2001);
    ended(Status::Timeout, 10_050);
    metrics.call_cancelled(SwitchKind::FreeSwitch, UNKNOWN);
    assert_eq!(
        lines(&metrics, "dialhook_calls_total"),
        [
            r#"dialhook_calls_total{hook="crm",status="OK",switch="asterisk"} 2"#,
            r#"dialhook_calls_total{hook="crm",status="TIMEOUT",switch="asterisk"} 1"#,
            r#"dialhook_calls_total{hook="unknown",status="CANCELLED",switch="freeswitch"} 1"#,
        ]
    );
    let step = |rest: &str| line(&metrics, &format!("dialhook_step_duration_seconds{rest}"));
    assert!(step(r#"_bucket{switch="asterisk",le="0.005"}"#).ends_with(" 1"));
    assert!(step(r#"_bucket{switch="asterisk",le="2"}"#).ends_with(" 1"));
    assert!(step(r#"_bucket{switch="asterisk",le="3"}"#).ends_with(" 2"));
    assert!(step(r#"_bucket{switch="asterisk",le="10"}"#).ends_with(" 2"));
    assert!(step(r#"_bucket{switch="asterisk",le="11"}"#).ends_with(" 3"), "the longest timeout");
    assert!(step(r#"_count{switch="asterisk"}"#).ends_with(" 3"));
    assert!(
        lines(&metrics, "dialhook_step_duration_seconds_count").len() == 1,
        "a cancelled step has no duration"
    );
}

#[test]
fn every_counter_of_calls_begins_at_zero() {
    let metrics = Metrics::default();
    let both = [SwitchKind::Asterisk, SwitchKind::FreeSwitch];
    metrics.init_calls(both, ["crm"]);
    metrics.call_ended(SwitchKind::Asterisk, "crm", Status::Ok, Duration::ZERO);
    metrics.init_calls([SwitchKind::Asterisk], ["crm", "new"]);
    let calls = lines(&metrics, "dialhook_calls_total");
    let of = |hook: &str| calls.iter().filter(|line| line.contains(&format!("hook=\"{hook}\""))).count();
    assert_eq!(["crm", "webhook", "unknown", "new"].map(of), [16, 16, 16, 8]);
    let counted: Vec<_> = calls.iter().filter(|line| !line.ends_with(" 0")).collect();
    assert_eq!(counted, [r#"dialhook_calls_total{hook="crm",status="OK",switch="asterisk"} 1"#]);
}

#[test]
fn calls_and_detached_requests_are_in_flight_until_they_end() {
    let metrics = Metrics::default();
    let in_flight = || line(&metrics, "dialhook_calls_in_flight");
    let (first, second) = (metrics.call_started(), metrics.call_started());
    let detached = metrics.detached_started();
    assert_eq!(in_flight(), "dialhook_calls_in_flight 2");
    assert_eq!(line(&metrics, "dialhook_detached_in_flight"), "dialhook_detached_in_flight 1");
    drop((first, second, detached));
    assert_eq!(in_flight(), "dialhook_calls_in_flight 0");
    assert_eq!(line(&metrics, "dialhook_detached_in_flight"), "dialhook_detached_in_flight 0");
}

#[test]
fn requests_and_connections_are_counted() {
    let metrics = Metrics::default();
    assert_eq!(lines(&metrics, "dialhook_connections_total").len(), 2, "both series exist from the start");
    metrics.connection_made();
    metrics.connection_reused();
    metrics.connection_reused();
    metrics.request_ended("crm", Duration::from_millis(30));
    metrics.request_retried("crm");
    metrics.fallback_used("crm");
    let told = [
        r#"dialhook_connections_total{kind="made"} 1"#,
        r#"dialhook_connections_total{kind="reused"} 2"#,
        r#"dialhook_request_duration_seconds_count{hook="crm"} 1"#,
        r#"dialhook_request_duration_seconds_bucket{hook="crm",le="0.05"} 1"#,
        r#"dialhook_request_duration_seconds_bucket{hook="crm",le="0.025"} 0"#,
        r#"dialhook_retries_total{hook="crm"} 1"#,
        r#"dialhook_fallbacks_total{hook="crm"} 1"#,
    ];
    for wanted in told {
        assert_eq!(line(&metrics, wanted.rsplit_once(' ').unwrap().0), wanted);
    }
}

#[test]
fn breakers_are_counted_by_host_and_only_for_configured_urls() {
    let metrics = Metrics::default();
    let told = |name: &str| lines(&metrics, &format!("dialhook_{name}{{"));
    metrics.set_open_breakers([("https://a.example", 0), ("https://b.example", 0)]);
    assert_eq!(
        told("breaker_open"),
        [
            r#"dialhook_breaker_open{to="https://a.example"} 0"#,
            r#"dialhook_breaker_open{to="https://b.example"} 0"#
        ]
    );
    metrics.breaker_opened("https://a.example");
    metrics.set_open_breakers([("https://a.example", 2)]);
    assert_eq!(told("breaker_open"), [r#"dialhook_breaker_open{to="https://a.example"} 2"#]);
    assert_eq!(
        told("breaker_opened_total"),
        [
            r#"dialhook_breaker_opened_total{to="https://a.example"} 1"#,
            r#"dialhook_breaker_opened_total{to="https://b.example"} 0"#
        ]
    );
}

#[test]
fn lookups_in_the_cache_are_counted_by_result() {
    let metrics = Metrics::default();
    for result in [CacheResult::Hit, CacheResult::Hit, CacheResult::Miss, CacheResult::Stale] {
        metrics.cache_lookup("crm", result);
    }
    metrics.set_cache_entries(7);
    assert_eq!(
        lines(&metrics, "dialhook_cache_"),
        [
            "dialhook_cache_entries 7",
            r#"dialhook_cache_total{hook="crm",result="hit"} 2"#,
            r#"dialhook_cache_total{hook="crm",result="miss"} 1"#,
            r#"dialhook_cache_total{hook="crm",result="stale"} 1"#,
        ]
    );
}

#[test]
fn every_reason_of_a_refusal_has_a_counter_from_the_start() {
    let metrics = Metrics::default();
    metrics.refused(Refusal::Forged);
    let told = lines(&metrics, "dialhook_refused_total");
    assert_eq!(told.len(), Refusal::ALL.len());
    assert_eq!(told[0], r#"dialhook_refused_total{reason="forged"} 1"#);
    assert!(told[1..].iter().all(|line| line.ends_with(" 0")), "{told:?}");
}

#[test]
fn a_configuration_with_faults_does_not_change_the_time_of_the_last_good_one() {
    let metrics = Metrics::default();
    let told = || lines(&metrics, "dialhook_config_last_reload");
    metrics.config_read(true, UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    metrics.config_read(false, UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    assert_eq!(
        told(),
        [
            "dialhook_config_last_reload_success_timestamp_seconds 1700000000",
            "dialhook_config_last_reload_successful 0",
        ]
    );
    metrics.config_read(true, UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    assert_eq!(
        told(),
        [
            "dialhook_config_last_reload_success_timestamp_seconds 1800000000",
            "dialhook_config_last_reload_successful 1",
        ]
    );
}

#[test]
fn gauges_and_totals_have_the_value_that_was_set_last() {
    let metrics = Metrics::default();
    metrics.set_insecure_hooks(2);
    metrics.set_draining(true);
    metrics.accept_failed();
    for total in [3, 3, 5] {
        metrics.set_log_lines_lost(total);
    }
    assert_eq!(line(&metrics, "dialhook_accept_failures_total"), "dialhook_accept_failures_total 1");
    assert_eq!(line(&metrics, "dialhook_log_lines_lost_total"), "dialhook_log_lines_lost_total 5");
    assert_eq!(line(&metrics, "dialhook_insecure_hooks"), "dialhook_insecure_hooks 2");
    assert_eq!(line(&metrics, "dialhook_draining"), "dialhook_draining 1");
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("dialhook_build_info{{version=\"{version}\"}} 1");
    assert_eq!(line(&metrics, "dialhook_build_info"), build);
}
