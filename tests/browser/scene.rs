//! Owner: observer. A small PBX with calls of every kind, for tests that look at every page, and for
//! pictures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::spawn;
use tokio::time::sleep;

use super::{page, path_of, place, recorded, steps};
use crate::util::{Daemon, Environment, FakeAsterisk, FakeWebhook, Gate, Received, Reply, refusing};

/// A daemon with four hooks, and the calls that it has had.
pub(super) struct Scene {
    daemon: Daemon,
    _webhook: FakeWebhook,
}

/// One call: hook, number and name of the caller, called number, channel.
type Placed = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// Calls of a morning, oldest first.
const BEFORE: [Placed; 8] = [
    ("opening-hours", "31201234567", "Reception", "200", "PJSIP/trunk-000000a1"),
    ("crm", "31612345678", "A. de Vries", "200", "PJSIP/trunk-000000a2"),
    ("customer", "31612345678", "A. de Vries", "200", "PJSIP/trunk-000000a2"),
    ("opening-hours", "31201234567", "Reception", "200", "PJSIP/trunk-000000a3"),
    ("customer", "34911234445", "Ibáñez y Cía.", "210", "PJSIP/trunk-000000a4"),
    ("crm", "493012345911", "Jörg Müller", "200", "PJSIP/trunk-000000a5"),
    ("crm", "", "", "201", "PJSIP/trunk-000000a6"),
    ("billing", "31612340012", "Bakkerij Jansen", "220", "PJSIP/trunk-000000a7"),
];

/// Calls after the webhook of the opening hours has died.
const AFTER: [Placed; 6] = [
    ("opening-hours", "31201234567", "Reception", "200", "PJSIP/trunk-000000a8"),
    ("crm", "31698765432", "Café 't Hoekje", "200", "PJSIP/trunk-000000a9"),
    ("customer", "31698765432", "Café 't Hoekje", "200", "PJSIP/trunk-000000a9"),
    ("slow", "31201230087", "Taxi Centrale", "230", "PJSIP/trunk-000000aa"),
    ("crm", "31612345678", "A. de Vries", "200", "PJSIP/trunk-000000ab"),
    ("customer", "4940123450", "Praxis Dr. Ahlers", "210", "PJSIP/trunk-000000ac"),
];

impl Scene {
    /// The calls, and at last some with hostile and very long texts.
    pub(super) async fn busy() -> Self {
        let scene = Self::believable().await;
        let long = "Wolfeschlegelsteinhausenbergerdorff".repeat(8);
        for (hook, text) in [("crm", "<script>hacked=1</script>\u{202e}cba"), ("customer", long.as_str())] {
            let call = Environment::new(hook).caller(text).name(text).line("agi_dnid", text);
            place(&scene.daemon, call.line("agi_channel", text).line("agi_uniqueid", text)).await;
        }
        place(&scene.daemon, Environment::new(long)).await;
        scene
    }

    /// Calls as a PBX has them.
    pub(super) async fn believable() -> Self {
        let is_dead = Arc::new(AtomicBool::new(false));
        let dead = Arc::clone(&is_dead);
        let webhook = FakeWebhook::start(move |request| answer(request, dead.load(Ordering::Relaxed))).await;
        let (nobody, _held) = refusing();
        let daemon = Daemon::start(&configuration(&webhook, &format!("http://{nobody}"))).await;
        for call in BEFORE {
            place(&daemon, environment(call)).await;
        }
        hang_up(&daemon, &webhook).await;
        is_dead.store(true, Ordering::Relaxed);
        while place(&daemon, environment(AFTER[0])).await["answer"] == "cached" {
            // a picture of many cached answers would show nothing
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        for call in &AFTER[1..] {
            place(&daemon, environment(*call)).await;
        }
        Self { daemon, _webhook: webhook }
    }

    pub(super) fn url(&self, path: &str) -> String {
        page(&self.daemon, path)
    }

    /// The path of every page: lists, all steps, and those without steps.
    pub(super) async fn paths(&self) -> Vec<String> {
        let mut paths: Vec<_> = [
            "/",
            "/?failed=true",
            "/?q=678&hook=crm&since=1h",
            "/?q=nobody",
            "/?since=yesterday",
            "/hooks",
            "/configuration",
            "/try",
            "/docs/reading-the-log",
            "/steps/9c41f2-118",
            "/nothing",
        ]
        .map(str::to_owned)
        .into();
        let mut kinds = Vec::new();
        for step in steps(&self.daemon).await {
            let kind = ["status", "answer", "note"].map(|field| step[field].clone());
            if !kinds.contains(&kind) {
                kinds.push(kind);
                paths.push(path_of(&step));
            }
        }
        paths.push(self.repeat().await.replace("/steps/", "/try?step="));
        paths
    }

    /// The path of the newest step whose answer was refused.
    pub(super) async fn repeat(&self) -> String {
        let steps = steps(&self.daemon).await;
        let refused = steps.iter().find(|step| step["status"] == "BAD_ANSWER" && step["hook"] == "crm");
        path_of(refused.expect("a refused answer"))
    }
}

fn configuration(webhook: &FakeWebhook, nobody: &str) -> String {
    format!(
        r#"
        [observer]
        try = true
        [hook.crm]
        url = "{crm}?from={{caller_number}}"
        variable = "CRM"
        answers = ["sales", "support", "vip"]
        otherwise = "reception"
        timeout = 2
        [hook.customer]
        url = "{customer}"
        accept = "any"
        [hook.customer.set]
        CUSTOMER = "/customer/name"
        QUEUE = {{ json = "/customer/queue", answers = ["gold", "silver"], otherwise = "silver" }}
        [hook.opening-hours]
        url = "{hours}"
        method = "GET"
        variable = "OPEN"
        answers = ["open", "closed"]
        otherwise = "open"
        cache = "1s"
        stale_if_error = "1h"
        [hook.billing]
        urls = ["{nobody}/billing", "{billing}"]
        method = "GET"
        variable = "BILLING"
        timeout = 2
        [hook.slow]
        url = "{slow}"
        variable = "WAITING"
        timeout = 1
        "#,
        crm = webhook.url("/crm/route"),
        customer = webhook.url("/crm/customer"),
        hours = webhook.url("/opening-hours"),
        billing = webhook.url("/billing"),
        slow = webhook.url("/queue/waiting"),
    )
}

/// The answer of the webhook to a call.
fn answer(request: &Received, is_dead: bool) -> Reply {
    let body = String::from_utf8_lossy(&request.body);
    let path = request.target.split('?').next().unwrap_or_default();
    match path {
        "/opening-hours" if is_dead => Reply::status(503, "the database is down").after(&after(31)),
        "/opening-hours" => Reply::text("open").after(&after(18)),
        "/crm/route" if body.contains("493012345911") => Reply::text("marketing").after(&after(64)),
        "/crm/route" if body.contains("31698765432") => Reply::text("support").after(&after(41)),
        "/crm/route" => Reply::text("sales").after(&after(37)),
        "/crm/customer" if body.contains("4940123450") => {
            Reply::json(r#"{"error":"unknown"}"#).after(&after(22))
        }
        "/crm/customer" => Reply::json(
            r#"{"customer":{"name":"De Vries & Zn.","queue":"gold","since":2019},"agent":"Fatima"}"#,
        )
        .after(&after(58)),
        "/billing" => Reply::text("paid").after(&after(26)),
        _ => Reply::Stall,
    }
}

/// A webhook that takes as long as a real one.
fn after(ms: u64) -> Gate {
    let gate = Gate::default();
    let opens = gate.clone();
    spawn(async move {
        sleep(Duration::from_millis(ms)).await;
        opens.open();
    });
    gate
}

/// The calls of one channel have one linked id.
fn environment((hook, caller, name, callee, channel): Placed) -> Environment {
    let number = channel.rsplit('-').next().unwrap_or_default().trim_start_matches('0');
    let id = format!("1795416038.{}", u32::from_str_radix(number, 16).unwrap());
    let call = Environment::new(hook)
        .line("agi_channel", channel)
        .line("agi_uniqueid", id.clone())
        .line("agi_dnid", callee)
        .line("agi_extension", callee)
        .variable("CHANNEL(linkedid)", id);
    if caller.is_empty() { call } else { call.caller(caller).name(name) }
}

/// A caller who hangs up before the webhook answers.
async fn hang_up(daemon: &Daemon, webhook: &FakeWebhook) {
    let (before, received) = (steps(daemon).await.len(), webhook.received().len());
    let mut call = FakeAsterisk::connect(daemon.address()).await;
    let placed = ("slow", "31201230087", "Taxi Centrale", "230", "PJSIP/trunk-000000b0");
    call.greet(&environment(placed)).await.expect("a challenge");
    webhook.requests(received + 1).await;
    call.send(b"HANGUP\n").await;
    recorded(daemon, before + 1).await;
}
