//! What a webhook gets, and what each kind of answer leads to: through the real listener.

/// Words, texts and anything.
mod accept;
/// What comes back, and what the dialplan hears of it.
mod answers;
/// What leads to no request at all.
mod bad_requests;
/// What a POST tells: fields, forms, templates.
mod bodies;
/// A webhook that does not answer is left alone for a while.
mod breaker;
/// Byte order marks in files.
mod byte_order_marks;
/// Answers that serve more than one call.
mod cache;
/// Which connections serve more than one request.
mod connections;
/// Requests that no call waits for.
mod detached;
/// Where a host name leads, with both address families.
mod dns;
/// Servers that fail in each way, and calls that go on.
mod failures;
/// Several URLs, of which one answers.
mod fallback;
/// How header lines are written, and which are read.
mod header_lines;
/// Whom TLS lets in, and who we are.
mod https;
/// Variables from places in an answer.
mod json_answers;
/// Answers that lack what `set` names.
mod missing_parts;
/// Which redirects are followed, and what goes along.
mod redirects;
/// What the webhook gets.
mod requests;
/// What is sent twice, and what never.
mod retries;
/// Where secrets come from, and where they never show.
mod secrets;
/// How a webhook knows who sent a request.
mod signatures;
/// The stage that a TIMEOUT names.
mod timeouts;
/// Certificates that are trusted for themselves, and a reason for each way in which TLS fails.
mod trust;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dialhook::call::{Call, SwitchKind};
use dialhook::config::Config;
use dialhook::hook::{Outcome, Request, Step};
use dialhook::session::identity;
use dialhook::variable::Value;
use dialhook::webhook::{Ask, ErrorPage, Telling, Webhook};
use tokio::time::Instant;

use crate::util::{
    CallState, ChannelData, Daemon, Ended, Environment, FakeFreeSwitch, FakeSwitch, FakeWebhook, GivenBack,
    SocketMode, within_patience,
};

/// A daemon with the hook `crm` for this webhook, and what else the hook says.
async fn daemon_for(webhook: &FakeWebhook, more: &str) -> Daemon {
    Daemon::start(&format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\n{more}", webhook.url("/"))).await
}

/// One call at this hook, from Asterisk.
async fn step(daemon: &Daemon, script: &str) -> Ended {
    FakeSwitch::call(daemon.address(), Environment::new(script)).await
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
    let call = |_| FakeSwitch::call(daemon.address(), Environment::new(script));
    let calls: tokio::task::JoinSet<Ended> = (0..count).map(call).collect();
    within_patience("every call", calls.join_all()).await
}

/// The key `urls` for these webhooks.
fn urls(webhooks: &[&FakeWebhook]) -> String {
    let urls: Vec<_> = webhooks.iter().map(|webhook| format!("\"{}\"", webhook.url("/"))).collect();
    format!("urls = [{}]\n", urls.join(", "))
}

/// A step at the hook `crm`, asked without a switch and without a daemon.
struct Asking {
    webhook: Webhook,
    step: Step,
    request: Request,
}

impl Asking {
    /// Of the hook in this configuration.
    fn of(configuration: &str) -> Self {
        let config = Config::parse(configuration, Path::new("dialhook.toml")).expect("no faults");
        let call = Call::unknown(SwitchKind::Asterisk, Value::from("crm"), Vec::new());
        let step = config.policy.step(&call);
        let request = step.request(&call, "", SystemTime::now(), &identity()).expect("a request");
        let webhook = Webhook::new(config.every_hook(), Arc::default()).expect("a client");
        Self { webhook, step, request }
    }

    /// What comes of it, until then.
    async fn until(&self, deadline: Instant, telling: Telling<'_>) -> Outcome {
        let (step, request, page) = (&self.step, &self.request, ErrorPage::Skip);
        let ask = Ask { step, request, deadline, timeout: Duration::from_secs(2), page, telling };
        self.webhook.ask(ask).await.outcome
    }
}
