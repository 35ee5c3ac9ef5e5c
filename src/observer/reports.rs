//! The reports that the JSON and the pages show, made from the state of the daemon.

use std::sync::Arc;

use super::ObserverState;
use super::pages::Kept;
use super::query::Query;
use crate::config::{self, DEFAULT_PATH};
use crate::history::view::{
    ConfigurationReport, EndpointReport, HookReport, Minute, RefusedReload, Step, StepDetail,
};
use crate::history::{HourOfHook, Record, timestamp};
use crate::hook::{Hook, Outcome, Unreachable};
use crate::log::TelephoneNumbers;
use crate::redact;
use crate::webhook::{BreakerState, EndpointState};

/// The most steps of the same call that the page of a step names.
const MOST_RELATED: usize = 20;

impl ObserverState {
    /// Returns the steps that a query finds, the newest first.
    pub(super) fn steps(&self, query: &Query) -> Vec<Step> {
        let numbers = self.numbers();
        let records = self.daemon.history.records();
        let found = records.iter().filter(|record| query.search.finds(record, numbers));
        found.take(query.limit).map(|record| record.step(numbers)).collect()
    }

    /// Returns the numbers of steps in memory; `None` if the history is off.
    pub(super) fn kept(&self) -> Option<Kept> {
        if !self.daemon.history.is_on() {
            return None;
        }
        let records = self.daemon.history.records();
        let failures = records.iter().filter(|record| record.failed()).count();
        Some(Kept { steps: records.len(), failures })
    }

    /// Returns the other steps of the same call, the newest first.
    pub(super) fn related(&self, detail: &StepDetail) -> Vec<Step> {
        let (id, linked_id) = (&detail.step.id, &detail.step.linked_id);
        if linked_id.is_empty() {
            return Vec::new();
        }
        let numbers = self.numbers();
        let records = self.daemon.history.records();
        let steps = records.iter().map(|record| record.step(numbers));
        steps.filter(|step| step.linked_id == *linked_id && step.id != *id).take(MOST_RELATED).collect()
    }

    /// Returns the names of the hooks, in the order of the configuration.
    pub(super) fn hook_names(&self) -> Vec<String> {
        self.config().policy.hooks.keys().cloned().collect()
    }

    /// Returns one step, whole.
    pub(super) fn step(&self, id: &str) -> Option<StepDetail> {
        let record = self.daemon.history.find(id)?;
        Some(record.detail(self.numbers(), &self.config().policy))
    }

    /// Returns a report of every hook of the configuration.
    pub(super) fn hooks(&self) -> Vec<HookReport> {
        let records = self.daemon.history.records();
        let config = self.config();
        let report = |(name, hook): (&String, &Arc<Hook>)| {
            let mut failures = records.iter().filter(|record| record.hook == *name && record.failed());
            // an open circuit breaker is the consequence of the failures before it
            let failure = failures.clone().find(|record| !is_consequence(record)).or_else(|| failures.next());
            self.hook(name, hook, failure.map(|record| record.step(self.numbers())))
        };
        config.policy.hooks.iter().map(report).collect()
    }

    fn hook(&self, name: &str, hook: &Hook, last_failure: Option<Step>) -> HookReport {
        let HourOfHook { steps, ok, from_cache, quantiles, minutes } = self.daemon.history.last_hour(name);
        let [p50_ms, p95_ms, p99_ms] = quantiles.map_or([None; 3], |quantiles| quantiles.map(Some));
        let minutes = minutes.iter().map(|minute| Minute {
            calls: minute.steps,
            failed: minute.failed,
            p50_ms: minute.median_ms,
            p95_ms: minute.p95_ms,
        });
        HookReport {
            name: name.to_owned(),
            method: hook.method.to_string(),
            urls: hook.urls.iter().map(ToString::to_string).collect(),
            calls: steps,
            ok,
            p50_ms,
            p95_ms,
            p99_ms,
            minutes: minutes.collect(),
            in_flight: self.daemon.metrics.in_flight(name),
            endpoints: self.daemon.webhook.endpoints(hook).iter().map(endpoint).collect(),
            cache: from_cache.filter(|_| hook.delivery.cache.is_some()),
            last_failure,
        }
    }

    /// Returns the configuration in force.
    pub(super) fn configuration(&self) -> ConfigurationReport {
        let (config, reloads) = (self.config(), &self.daemon.reloads);
        let file = config.file.as_deref();
        let mut summary = config::summary(&config, file.unwrap_or(DEFAULT_PATH.as_ref()));
        // the notices are its last lines, and have a place of their own
        summary.truncate(summary.len().saturating_sub(config.notices.len()));
        let refused = reloads.last_refused();
        ConfigurationReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            file: file.map(|file| file.display().to_string()),
            since: timestamp(reloads.in_force_since()),
            started: timestamp(reloads.started()),
            summary: summary.join("\n"),
            notices: config.notices.clone(),
            refused: refused
                .map(|refused| RefusedReload { time: timestamp(refused.time), faults: refused.faults }),
        }
    }

    /// Returns the rule for telephone numbers, which is that of the log.
    pub(super) fn numbers(&self) -> TelephoneNumbers {
        TelephoneNumbers::shown_if(self.config().log_numbers)
    }
}

/// True if no request was made, because the circuit breaker is open.
fn is_consequence(record: &Record) -> bool {
    matches!(record.outcome(), Some(Outcome::Unreachable(Unreachable::BreakerOpen { .. })))
}

fn endpoint(state: &EndpointState) -> EndpointReport {
    let (breaker, failures, next_probe) = match state.breaker {
        BreakerState::Off => ("none", 0, None),
        BreakerState::Closed { failures } => ("closed", failures, None),
        BreakerState::Open { failures, next_probe } => ("open", failures, Some(next_probe)),
        BreakerState::HalfOpen { failures } => ("half-open", failures, None),
    };
    EndpointReport {
        url: redact::url(&state.endpoint),
        breaker: breaker.to_owned(),
        failures,
        next_probe_ms: next_probe.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        quarantine: state.in_quarantine,
        certificate_until: state.certificate_expires.map(timestamp),
    }
}
