//! Owner: webhook. The request that a webhook receives, and the outcome of each kind of answer, through real
//! listeners.

/// `accept`: a word, a text or any answer; by hook, by variable and by ad hoc step, on both switches.
mod accept;
/// Each kind of answer, and the status and reason that the dialplan receives.
mod answers;
/// The log of the attempts of a step.
mod attempts;
/// Steps that are refused before any request.
mod bad_requests;
/// The body of a POST.
mod bodies;
/// The circuit breaker.
mod breaker;
/// Byte order marks in configurations, secrets and PEM files.
mod byte_order_marks;
/// The answer cache and single flight.
mod cache;
/// The connection pool.
mod connections;
/// Detached requests.
mod detached;
/// The DNS resolver.
mod dns;
/// Webhooks that fail in each way.
mod failures;
/// Several URLs of one hook.
mod fallback;
/// Header lines.
mod header_lines;
/// The certificates of webhooks, and the client certificate of a hook.
mod https;
/// The variables of `set`.
mod json_answers;
/// Answers that lack a part that `set` names.
mod missing_parts;
/// Redirects: which are followed, and what is sent along.
mod redirects;
/// The method, URL, headers and body of a request.
mod requests;
/// Retries and the retry budget.
mod retries;
/// Secrets: their sources, and the places that never show them.
mod secrets;
/// Signatures of requests, and the ids of a request.
mod signatures;
/// The stage that the reason of a TIMEOUT names.
mod timeouts;
/// Certificates that `ca` trusts for themselves, and a reason for each way in which TLS fails.
mod trust;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dialhook::call::{Call, SwitchKind};
use dialhook::config::Config;
use dialhook::hook::Outcome;
use dialhook::session::identity;
use dialhook::variable::{CanCarry, Value};
use dialhook::webhook::{Ask, AttemptLog, ErrorPage, StepResult, Webhook};
use tokio::time::Instant;

use crate::util::{
    CallState, ChannelData, Daemon, Ended, Environment, FakeAsterisk, FakeFreeSwitch, FakeWebhook, GivenBack,
    SocketMode, within_time_limit,
};

/// One call at this hook, from Asterisk.
async fn step(daemon: &Daemon, script: &str) -> Ended {
    FakeAsterisk::call(daemon.address(), Environment::new(script)).await
}

/// One call at this hook, from FreeSWITCH.
async fn step_of_freeswitch(daemon: &Daemon, hook: &str) -> GivenBack {
    let channel = ChannelData::new(SocketMode::None, &format!("{}/{hook}", daemon.freeswitch()));
    let given_back = FakeFreeSwitch::call(daemon.freeswitch(), channel).await;
    assert_eq!(given_back.state, CallState::GoesOn);
    given_back
}

/// So many calls at once at this hook.
async fn steps(daemon: &Daemon, script: &str, count: usize) -> Vec<Ended> {
    let call = |_| FakeAsterisk::call(daemon.address(), Environment::new(script));
    let calls: tokio::task::JoinSet<Ended> = (0..count).map(call).collect();
    within_time_limit("every call", calls.join_all()).await
}

/// The key `urls` for these webhooks.
fn urls(webhooks: &[&FakeWebhook]) -> String {
    let urls: Vec<_> = webhooks.iter().map(|webhook| format!("\"{}\"", webhook.url("/"))).collect();
    format!("urls = [{}]\n", urls.join(", "))
}

/// A call at the hook `crm`, without a switch and without a daemon.
struct Asking {
    config: Config,
    call: Call,
    webhook: Webhook,
}

impl Asking {
    /// A call under this configuration.
    fn of(configuration: &str) -> Self {
        let config = Config::parse(configuration, Path::new("dialhook.toml")).expect("no faults");
        let call = Call::unknown(SwitchKind::Asterisk, Value::from("crm"), Vec::new());
        let webhook = Webhook::new(config.every_hook(), Arc::default()).expect("a client");
        Self { config, call, webhook }
    }

    /// The outcome at the deadline at the latest, for a switch that carries every value.
    async fn until(&self, deadline: Instant) -> Outcome {
        self.until_by(deadline, |_| Ok(())).await
    }

    /// The outcome for a switch with this rule.
    async fn until_by(&self, deadline: Instant, can_carry: CanCarry) -> Outcome {
        self.ask_until(deadline, can_carry, &AttemptLog::new(Instant::now())).await.outcome
    }

    /// The result of a call with two seconds, and its log.
    async fn ask(&self, attempts: &AttemptLog) -> StepResult {
        self.ask_until(Instant::now() + Duration::from_secs(2), |_| Ok(()), attempts).await
    }

    async fn ask_until(&self, deadline: Instant, can_carry: CanCarry, attempts: &AttemptLog) -> StepResult {
        let step = self.config.policy.step(&self.call, can_carry);
        let request = step.request(&self.call, "", SystemTime::now(), &identity()).expect("a request");
        let (timeout, page) = (Duration::from_secs(2), ErrorPage::Skip);
        let ask = Ask { step: &step, request: &request, deadline, timeout, page, attempts };
        self.webhook.ask(ask).await
    }
}
