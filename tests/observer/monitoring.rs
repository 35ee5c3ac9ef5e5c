//! Owner: docs. `docs/monitoring` against the metrics that exist; with promtool, if it is installed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, UNIX_EPOCH};

use dialhook::call::SwitchKind;
use dialhook::hook::Status;
use dialhook::metrics::{CacheResult, Metrics, Refusal};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::util::{skipped, within_time_limit};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

/// Runs promtool in the folder. It must succeed.
async fn promtool(arguments: &[&str], input: &str) {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(folder()).kill_on_drop(true);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = match piped.spawn() {
        Ok(promtool) => promtool,
        Err(error) => {
            let required = std::env::var_os("DIALHOOK_REQUIRE_PROMTOOL").is_some();
            assert!(!required, "DIALHOOK_REQUIRE_PROMTOOL forbids to skip promtool: {error}");
            return skipped(&format!("what promtool would say of the metrics, rules and queries: {error}"));
        }
    };
    let mut standard_input = promtool.stdin.take().unwrap();
    standard_input.write_all(input.as_bytes()).await.unwrap();
    drop(standard_input);
    let output = within_time_limit("promtool", promtool.wait_with_output()).await.unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(output.status.success(), "promtool {}: {text}", arguments.join(" "));
    assert!(arguments != ["check", "metrics"] || text.is_empty(), "{text}");
}

/// Panics if promtool finds a fault in this text.
pub(super) async fn check_metrics(metrics: &str) {
    promtool(&["check", "metrics"], metrics).await;
}

/// Metrics in which every series exists.
fn all() -> Metrics {
    let metrics = Metrics::default();
    metrics.init_calls([SwitchKind::Asterisk, SwitchKind::FreeSwitch], ["crm"]);
    metrics.call_ended(SwitchKind::Asterisk, "crm", Status::Ok, Duration::ZERO);
    metrics.call_cancelled(SwitchKind::FreeSwitch, "crm");
    metrics.request_ended("crm", Duration::ZERO);
    metrics.connection_made();
    metrics.request_retried("crm");
    metrics.fallback_used("crm");
    metrics.set_open_breakers([("https://crm.example:8443", 1)]);
    metrics.breaker_opened("https://crm.example:8443");
    metrics.cache_lookup("crm", CacheResult::Hit);
    metrics.set_cache_entries(1);
    metrics.refused(Refusal::Forged);
    metrics.accept_failed();
    metrics.set_log_lines_lost(1);
    metrics.config_read(true, UNIX_EPOCH);
    metrics
}

/// The existing families, and the series that Prometheus makes of them.
fn families() -> (BTreeSet<String>, BTreeSet<String>) {
    let rendered = all().render();
    let mut families = BTreeSet::new();
    let mut series = BTreeSet::new();
    for line in rendered.lines() {
        match line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            Some((family, _)) => drop(families.insert(family.to_owned())),
            None if line.starts_with('#') => {}
            None => drop(series.insert(line.split(['{', ' ']).next().unwrap().to_owned())),
        }
    }
    (families, series)
}

/// Every word of a text that could be one of the metrics.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("dialhook_")).map(ToOwned::to_owned).collect()
}

/// Every expression below a key of this name.
fn expressions<'j>(json: &'j serde_json::Value, keys: &[&str], found: &mut Vec<&'j str>) {
    match json {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                match value.as_str() {
                    Some(text) if keys.contains(&key.as_str()) => found.push(text),
                    _ => expressions(value, keys, found),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| expressions(value, keys, found)),
        _ => {}
    }
}

#[tokio::test]
async fn promtool_accepts_every_metric() {
    check_metrics(&all().render()).await;
}

#[tokio::test]
async fn the_alert_rules_pass_their_tests_in_promtool() {
    promtool(&["check", "rules", "alerts.yml"], "").await;
    promtool(&["test", "rules", "alerts.test.yml"], "").await;
}

/// An alert that can never fire is useless.
#[test]
fn every_alert_has_a_test_in_which_it_fires() {
    let tests = text("alerts.test.yml");
    let fires = |alert: &str| {
        let cases =
            tests.split("- alertname: ").filter_map(|case| case.strip_prefix(alert)?.strip_prefix('\n'));
        cases.into_iter().any(|case| case.contains("exp_labels:"))
    };
    let rules = text("alerts.yml");
    let alerts: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    let silent: Vec<_> = alerts.into_iter().filter(|alert| !fires(alert)).collect();
    assert_eq!(silent, [""; 0]);
}

#[test]
fn the_alert_rules_name_only_existing_series() {
    let (_, series) = families();
    for file in ["alerts.yml", "alerts.test.yml"] {
        let named = named(&text(file));
        assert!(named.len() > 4, "{file}: {named:?}");
        assert!(named.is_subset(&series), "{file}: {:?}", named.difference(&series));
    }
}

#[test]
fn the_series_of_the_rule_tests_exist_from_the_start() {
    let metrics = Metrics::default();
    metrics.init_calls([SwitchKind::Asterisk, SwitchKind::FreeSwitch], ["crm", "fine"]);
    let rendered = metrics.render();
    let there: Vec<_> = rendered.lines().filter_map(|line| labels(line, "dialhook_calls_total")).collect();
    let rules = text("alerts.test.yml");
    let tested = rules.lines().filter_map(|line| labels(line, "- series: dialhook_calls_total"));
    // the other test shows the effect of missing series
    let tested: Vec<_> = tested.filter(|labels| labels.contains(INSTANCE)).collect();
    assert!(tested.len() > 6, "{tested:?}");
    for mut labels in tested {
        labels.remove(INSTANCE);
        assert!(there.contains(&labels), "{labels:?}");
    }
}

const INSTANCE: &str = "instance=\"pbx\"";

/// The labels of a series, where the line begins so.
fn labels<'l>(line: &'l str, beginning: &str) -> Option<BTreeSet<&'l str>> {
    let (labels, _) = line.trim_start().strip_prefix(beginning)?.strip_prefix('{')?.split_once('}')?;
    Some(labels.split(',').map(str::trim).collect())
}

#[tokio::test]
async fn the_dashboard_queries_only_existing_series() {
    let dashboard: serde_json::Value = serde_json::from_str(&text("dashboard.json")).unwrap();
    let (mut queries, (_, series)) = (Vec::new(), families());
    expressions(&dashboard, &["expr", "definition"], &mut queries);
    let named = named(&queries.join(" "));
    assert!(named.is_subset(&series), "{:?}", named.difference(&series));

    // promtool reads the queries as rules; the variables of Grafana are filled in
    let mut expressions_only = Vec::new();
    expressions(&dashboard, &["expr"], &mut expressions_only);
    let rule = |(number, query): (usize, &&str)| {
        let query = query.replace("$__rate_interval", "5m");
        format!("  - record: q:{number}\n    expr: {}\n", serde_json::Value::from(query))
    };
    let rules: String = expressions_only.iter().enumerate().map(rule).collect();
    let file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    fs::write(&file, format!("groups:\n- name: dashboard\n  rules:\n{rules}")).unwrap();
    promtool(&["check", "rules", file.path().to_str().unwrap()], "").await;
}

#[test]
fn the_dashboard_and_its_guide_name_every_metric() {
    let (families, _) = families();
    let guide = named(&text("README.md"));
    assert_eq!(guide.symmetric_difference(&families).collect::<Vec<_>>(), [""; 0]);
    let dashboard = text("dashboard.json");
    let missing: Vec<_> = families.iter().filter(|family| !dashboard.contains(family.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
