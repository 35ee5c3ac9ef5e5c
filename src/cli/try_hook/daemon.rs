//! The state of the hook in the running daemon, if one runs: its circuit breakers and its cache. `try` itself
//! has neither.

use std::time::Duration;

use serde_json::Value;

use crate::cli::running_daemon::RunningDaemon;
use crate::cli::titled::write_titled;
use crate::config::{Config, counted};
use crate::history::view::{EndpointReport, HookReport};

/// The time for the daemon's answer. The person who waits did not ask for it.
const TIMEOUT: Duration = Duration::from_millis(300);

/// Returns the report of the daemon at `listen.observer`. None if no daemon answers there, or if it does not
/// have this hook.
pub(super) async fn hook_report(config: &Config, hook: &str) -> Option<HookReport> {
    let daemon = RunningDaemon::of(config, None, TIMEOUT).ok()?;
    let answer = tokio::time::timeout(TIMEOUT, daemon.json("/api/hooks", &[])).await.ok()?.ok()?;
    let Some(Value::Array(hooks)) = answer.get("hooks") else { return None };
    let report = hooks.iter().find(|known| known.get("name").and_then(Value::as_str) == Some(hook))?;
    serde_json::from_value(report.clone()).ok()
}

/// Writes the state of the hook in the daemon.
pub(super) fn write_daemon(text: &mut String, report: &HookReport) {
    let share = |share: f64| format!("{:.0} %", share * 100.0);
    let noun = if report.calls == 1 { "step" } else { "steps" };
    let ok = report.ok.map(|ok| format!(", {} of them OK", share(ok))).unwrap_or_default();
    write_titled(text, "daemon", &format!("{} {noun} in the last hour{ok}", report.calls));
    for endpoint in &report.endpoints {
        write_titled(text, "", &endpoint_state(endpoint));
    }
    if let Some(cache) = report.cache {
        write_titled(text, "", &format!("the cache answered {} of the steps of the last hour", share(cache)));
    }
}

fn endpoint_state(endpoint: &EndpointReport) -> String {
    let breaker = match endpoint.breaker.as_str() {
        "none" => "no circuit breaker".to_owned(),
        state => format!("the circuit breaker is {state}"),
    };
    let mut state = format!("{}: {breaker}", endpoint.url);
    if endpoint.failures > 0 {
        let failures = usize::try_from(endpoint.failures).unwrap_or(usize::MAX);
        state.push_str(&format!(", {} in a row without an answer", counted(failures, "request")));
    }
    if let Some(wait) = endpoint.next_probe_ms {
        state.push_str(&format!(", the next probe in {:.1}s", Duration::from_millis(wait).as_secs_f64()));
    }
    if endpoint.quarantine {
        state.push_str(", in quarantine");
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_breaker_says_when_it_is_tried_again() {
        let endpoint = EndpointReport {
            url: "https://crm.example.com/route".into(),
            breaker: "open".into(),
            failures: 5,
            next_probe_ms: Some(4200),
            quarantine: true,
            certificate_until: None,
        };
        assert_eq!(
            endpoint_state(&endpoint),
            "https://crm.example.com/route: the circuit breaker is open, 5 requests in a row without an answer, \
             the next probe in 4.2s, in quarantine"
        );
    }
}
