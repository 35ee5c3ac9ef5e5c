//! Owner: the tests. A fake observer of a daemon, which serves prepared steps as JSON and as events.

use std::sync::{Arc, Mutex};

use dialhook::history::view::{AnswerOrigin, Step, Variable};
use serde_json::{Value, json};

use super::{FakeWebhook, Gate, Received, Reply};

/// An HTTP server on a port of its own that answers as the observer of a daemon does.
#[derive(Debug)]
pub struct FakeObserver {
    server: FakeWebhook,
    streams: Arc<Mutex<Vec<Stream>>>,
}

/// The events on one connection: each is sent as soon as its gate is open.
pub type Stream = Vec<(Gate, Value)>;

impl FakeObserver {
    /// Starts an observer with these steps, newest first, and these streams of events, one for each
    /// connection. After its last event a stream ends.
    pub async fn start(steps: Vec<Value>, streams: Vec<Stream>) -> Self {
        let streams = Arc::new(Mutex::new(streams));
        let left = Arc::clone(&streams);
        let server = FakeWebhook::start(move |received| match path(received) {
            "/api/steps" => Reply::json(json!({ "steps": found(&steps, received) }).to_string()),
            "/api/events" => events(&left),
            "/api/hooks" => Reply::json(json!({ "hooks": [] }).to_string()),
            path => {
                let id = path.strip_prefix("/api/steps/");
                match steps.iter().find(|step| step["id"].as_str() == id) {
                    Some(step) => Reply::json(step.to_string()),
                    None => Reply::with_header(
                        404,
                        "Content-Type: application/json",
                        json!({ "error": "no such step" }).to_string(),
                    ),
                }
            }
        })
        .await;
        Self { server, streams }
    }

    /// Starts an observer that gives this answer to every request.
    pub async fn answering(reply: Reply) -> Self {
        Self { server: FakeWebhook::start(move |_| reply.clone()).await, streams: Arc::default() }
    }

    /// The address for `--url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// A configuration whose daemon is here.
    pub fn config(&self) -> String {
        format!("[listen]\nobserver = \"{}\"\n", self.server.address())
    }

    /// Every request so far.
    pub fn received(&self) -> Vec<Received> {
        self.server.received()
    }

    /// The number of streams that nobody has opened yet.
    pub fn streams_left(&self) -> usize {
        self.streams.lock().expect("never poisoned").len()
    }
}

/// An answer of text, as those of an observer that refuses.
pub fn plain(code: u16, text: &str) -> Reply {
    Reply::with_header(code, "Content-Type: text/plain; charset=utf-8", text)
}

fn path(received: &Received) -> &str {
    received.target.split('?').next().unwrap_or_default()
}

/// The steps that end with the digits of `q`. The daemon has more rules; they are not tested here.
fn found(steps: &[Value], received: &Received) -> Vec<Value> {
    let wanted = received.target.split_once("q=").map(|(_, rest)| rest.split('&').next().unwrap_or_default());
    let is_found =
        |step: &Value| wanted.is_none_or(|wanted| step["caller"].as_str().unwrap().ends_with(wanted));
    steps.iter().filter(|step| is_found(step)).cloned().collect()
}

/// The next stream of events; one without events if there is none left.
fn events(left: &Mutex<Vec<Stream>>) -> Reply {
    let mut left = left.lock().expect("never poisoned");
    let mut reply = Reply::Stall;
    if !left.is_empty() {
        reply = Reply::Close;
        for (gate, step) in left.remove(0).into_iter().rev() {
            let event = format!("event: step\ndata: {step}\n\n").into_bytes();
            reply = Reply::Then(event, Box::new(reply)).after(&gate);
        }
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: open\n\n";
    Reply::Then(head.as_bytes().to_vec(), Box::new(reply))
}

/// A good step with this id, as the list of a daemon has it.
pub fn good_step(id: &str) -> Step {
    Step {
        id: id.into(),
        time: "2026-06-30T11:05:03.123Z".into(),
        switch: "asterisk".into(),
        call_id: "1795416038.2".into(),
        linked_id: "1795416038.1".into(),
        channel: "PJSIP/trunk-0000001a".into(),
        caller: "********678".into(),
        callee: "100".into(),
        hook: "crm".into(),
        status: "OK".into(),
        code: Some(200),
        reason: String::new(),
        ms: 14,
        answer: Some(AnswerOrigin::Fresh),
        age_ms: None,
        attempts: 1,
        set: vec![Variable {
            name: "CRM".into(),
            value: Some("sales".into()),
            bytes: 5,
            from: "answer".into(),
            source: None,
            missing: false,
        }],
        note: None,
    }
}

/// A step that was not `OK`.
pub fn failed_step(id: &str) -> Step {
    Step {
        status: "TIMEOUT".into(),
        code: None,
        reason: "no answer within 2s".into(),
        ms: 2001,
        answer: None,
        set: Vec::new(),
        caller: "********123".into(),
        ..good_step(id)
    }
}

/// The JSON of a step.
pub fn as_json(step: &Step) -> Value {
    serde_json::to_value(step).expect("only what JSON has")
}
