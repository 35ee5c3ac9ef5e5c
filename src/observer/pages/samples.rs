//! View data for tests and for pictures of the pages.

use crate::history::view::{
    AnswerOrigin, Attempt, Body, EndpointReport, Event, EventKind, Explanation, HookReport, Judgement, Mark,
    MarkKind, Minute, Named, Piece, Refused, Request, Response, Step, StepDetail, Text, Variable,
};

pub(super) fn variable(name: &str, value: &str, from: &str) -> Variable {
    let source = match from {
        "json" => Some("/customer/route".to_owned()),
        _ => None,
    };
    Variable {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        bytes: value.len(),
        from: from.to_owned(),
        source,
        missing: false,
    }
}

/// A step that went well.
pub(super) fn ok() -> Step {
    Step {
        id: "01k9x2".to_owned(),
        time: "2026-11-30T14:05:07.123Z".to_owned(),
        switch: "asterisk".to_owned(),
        call_id: "1795416038.2".to_owned(),
        linked_id: "1795416038.2".to_owned(),
        channel: "PJSIP/trunk-0000001a".to_owned(),
        caller: "…678".to_owned(),
        callee: "200".to_owned(),
        hook: "crm".to_owned(),
        status: "OK".to_owned(),
        code: Some(200),
        reason: String::new(),
        ms: 24,
        answer: Some(AnswerOrigin::Fresh),
        age_ms: None,
        attempts: 1,
        set: vec![variable("CRM", "sales", "answer")],
        note: None,
    }
}

/// An attempt on a new connection.
pub(super) fn new_connection() -> Attempt {
    Attempt {
        url: "https://crm.example/route".to_owned(),
        kind: "first".to_owned(),
        began_ms: 1.4,
        connection: "new".to_owned(),
        dns_ms: Some(3.1),
        connect_ms: Some(8.2),
        tls_ms: Some(19.0),
        first_byte_ms: Some(180.5),
        total_ms: 192.0,
        outcome: "OK".to_owned(),
        reason: String::new(),
        code: Some(200),
        quarantine: false,
        redirects: Vec::new(),
    }
}

fn event(at_ms: f64, until_ms: Option<f64>, kind: EventKind, text: &str) -> Event {
    Event { at_ms, until_ms, kind, text: text.to_owned() }
}

fn named(name: &str, value: &str) -> Named {
    Named { name: name.to_owned(), value: value.to_owned() }
}

fn plain(text: &str) -> Body {
    Body::Kept(Text { pieces: vec![piece(text, None)], cut: false, json: false })
}

fn piece(text: &str, mark: Option<(MarkKind, &str)>) -> Piece {
    let mark = mark.map(|(kind, label)| Mark { kind, label: label.to_owned() });
    Piece { text: text.to_owned(), mark }
}

fn request() -> Request {
    Request {
        method: "POST".to_owned(),
        url: "https://crm.example/route?from=…678".to_owned(),
        headers: vec![
            named("content-type", "application/json"),
            named("authorization", "…"),
            named("traceparent", "00-b77c7c5fb44b55129efc07552e1c48fe-5f1d3a5be0b1c2d3-01"),
        ],
        body: Body::Kept(Text {
            pieces: vec![piece(
                "{\n  \"caller\": \"…678\",\n  \"called\": \"200\",\n  \"name\": \"A. de Vries\"\n}",
                None,
            )],
            cut: false,
            json: true,
        }),
    }
}

fn response(body: Body) -> Response {
    Response {
        code: 200,
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        length: 10,
        headers: vec![named("content-type", "text/plain; charset=utf-8"), named("server", "nginx")],
        body,
    }
}

fn detail(step: Step, attempts: Vec<Attempt>) -> StepDetail {
    let end = attempts.iter().map(|attempt| attempt.began_ms + attempt.total_ms).fold(1.4, f64::max);
    let mut timeline = vec![event(
        0.0,
        Some(1.1),
        EventKind::Switch,
        "Asterisk sent its environment; the call is authenticated",
    )];
    timeline.extend(attempts.iter().map(|attempt| {
        event(
            attempt.began_ms,
            Some(attempt.began_ms + attempt.total_ms),
            EventKind::Attempt,
            "asks the webhook",
        )
    }));
    timeline.push(event(end + 0.1, None, EventKind::Result, &format!("status {}", step.status)));
    timeline.push(event(
        end + 0.2,
        Some(end + 1.2),
        EventKind::Switch,
        "CRM and WEBHOOK_STATUS set, confirmed; the dialplan goes on",
    ));
    StepDetail {
        caller_name: "A. de Vries".to_owned(),
        peer: Some("127.0.0.1:57246".to_owned()),
        trace: Some("b77c7c5fb44b55129efc07552e1c48fe".to_owned()),
        timeout_ms: Some(1_000),
        fetched: vec![named("CUSTOMER", "4711"), named("QUEUE", "")],
        request: Some(request()),
        response: None,
        judgement: None,
        timeline,
        explanation: Explanation {
            meaning: String::new(),
            remedy: String::new(),
            page: "/docs/reading-the-log".to_owned(),
        },
        detached: None,
        repeatable: true,
        curl: Some("curl -X POST 'https://crm.example/route?from=31612345678' \\\n  -H 'content-type: application/json' \\\n  -d '{\"caller\":\"31612345678\"}'".to_owned()),
        try_command: Some("dialhook try crm --caller 31612345678 --callee 200 --name 'A. de Vries'".to_owned()),
        step: step.with_attempts(attempts),
    }
}

/// A step as it stands in the list.
pub(super) fn summary(detail: &StepDetail) -> Step {
    let attempts = detail.step.attempts.len();
    detail.step.clone().with_attempts(attempts)
}

/// An answer that is none of the configured ones.
pub(super) fn refused_answer() -> StepDetail {
    let step = Step {
        id: "01k9x3".to_owned(),
        status: "BAD_ANSWER".to_owned(),
        reason: "the answer is not one of the configured answers".to_owned(),
        ms: 195,
        set: vec![variable("CRM", "reception", "otherwise")],
        ..ok()
    };
    let text = Text {
        pieces: vec![piece("sales team", Some((MarkKind::Fault, "answers")))],
        cut: false,
        json: false,
    };
    StepDetail {
        response: Some(response(Body::Kept(text.clone()))),
        judgement: Some(Judgement {
            accept: "word".to_owned(),
            answers: vec!["sales".to_owned(), "support".to_owned(), "reception".to_owned()],
            refused: Some(Refused {
                variable: None,
                rule: "answers".to_owned(),
                fault: "the answer is not one of the configured answers".to_owned(),
                text: Some(text),
            }),
            missing: Vec::new(),
        }),
        explanation: Explanation {
            meaning: "The webhook answered in time, but its text is not in the list of the hook.".to_owned(),
            remedy: "Let the webhook answer one of the configured answers, or add this one to answers of the hook."
                .to_owned(),
            page: "/docs/reading-the-log#3-the-status-and-its-reason".to_owned(),
        },
        ..detail(step, vec![new_connection()])
    }
}

/// The refused answer, repeated after the webhook was repaired.
pub(super) fn repeated() -> StepDetail {
    let mut detail = detail(Step { id: "01k9x9".to_owned(), ..ok() }, vec![new_connection()]);
    detail.response = Some(response(Body::Kept(Text {
        pieces: vec![piece("sales", Some((MarkKind::Used, "CRM")))],
        cut: false,
        json: false,
    })));
    detail
}

/// A stale answer while the webhook is dead.
pub(super) fn stale() -> StepDetail {
    let refused = |began_ms, kind: &str| Attempt {
        url: "http://127.0.0.1:28090/route".to_owned(),
        kind: kind.to_owned(),
        began_ms,
        dns_ms: None,
        connect_ms: Some(0.3),
        tls_ms: None,
        first_byte_ms: None,
        total_ms: 0.3,
        outcome: "UNREACHABLE".to_owned(),
        reason: "the webhook refused the connection".to_owned(),
        code: None,
        ..new_connection()
    };
    let step = Step {
        id: "01k9x4".to_owned(),
        answer: Some(AnswerOrigin::Stale),
        age_ms: Some(240_000),
        ms: 3,
        ..ok()
    };
    let mut detail = detail(step, vec![refused(1.2, "first"), refused(1.6, "retry")]);
    detail
        .timeline
        .insert(1, event(1.1, None, EventKind::Cache, "the cache has a stale answer of 4 min ago"));
    detail.response = Some(response(plain("sales")));
    detail
}

/// A webhook that is too slow.
pub(super) fn timeout() -> StepDetail {
    let step = Step {
        id: "01k9x5".to_owned(),
        status: "TIMEOUT".to_owned(),
        code: None,
        reason: "no answer within 1s".to_owned(),
        ms: 1_002,
        answer: None,
        set: vec![variable("CRM", "", "empty")],
        ..ok()
    };
    let attempt = Attempt {
        connection: "pool".to_owned(),
        dns_ms: None,
        connect_ms: None,
        tls_ms: None,
        first_byte_ms: None,
        total_ms: 998.6,
        outcome: "TIMEOUT".to_owned(),
        reason: "no answer within 1s".to_owned(),
        code: None,
        ..new_connection()
    };
    let mut detail = detail(step, vec![attempt]);
    detail.explanation.meaning = "The webhook has the request and took too long to answer.".to_owned();
    detail.explanation.remedy = "Look for the trace id in the webhook's own log.".to_owned();
    detail
}

/// A pointer that found nothing, which is OK to the dialplan.
pub(super) fn missing_pointer() -> StepDetail {
    let route =
        Variable { source: Some("/Route".to_owned()), missing: true, ..variable("ROUTE", "", "empty") };
    let step = Step {
        id: "01k9x6".to_owned(),
        set: vec![route],
        note: Some("the answer has none of the parts that set names".to_owned()),
        ..ok()
    };
    let mut detail = detail(step, vec![new_connection()]);
    detail.judgement = Some(Judgement {
        accept: "word".to_owned(),
        answers: Vec::new(),
        refused: None,
        missing: vec!["/Route".to_owned()],
    });
    let pieces = vec![
        piece("{\n  \"route\": ", None),
        piece("\"sales\"", Some((MarkKind::Used, "OTHER"))),
        piece(",\n  \"name\": \"a\u{202e}b\"\n}", None),
    ];
    detail.response = Some(response(Body::Kept(Text { pieces, cut: true, json: true })));
    detail
}

/// A caller who hung up.
pub(super) fn cancelled() -> StepDetail {
    let step = Step {
        id: "01k9x7".to_owned(),
        status: "CANCELLED".to_owned(),
        code: None,
        reason: "the caller hung up".to_owned(),
        answer: None,
        set: Vec::new(),
        ..ok()
    };
    let attempt = Attempt { outcome: "UNFINISHED".to_owned(), code: None, ..new_connection() };
    let mut detail = detail(step, vec![attempt]);
    detail.timeline.push(event(193.5, None, EventKind::End, "the caller hung up"));
    detail
}

/// All details, one of each kind.
pub(super) fn details() -> Vec<StepDetail> {
    vec![refused_answer(), repeated(), stale(), timeout(), missing_pointer(), cancelled()]
}

/// The last hour of a hook, with an outage in it.
pub(super) fn hook() -> HookReport {
    let minute = |place: u32| {
        let wave = f64::from(place * 7 % 11);
        let outage = (40..44).contains(&place);
        Minute {
            calls: u64::from(18 + place * 5 % 9),
            failed: if outage { 12 } else { u64::from(place == 12) },
            p50_ms: Some(if outage { 420.0 } else { 18.0 + wave }),
            p95_ms: Some(if outage { 1_000.0 } else { 60.0 + 12.0 * wave }),
        }
    };
    let endpoint = EndpointReport {
        url: "https://crm.example/route".to_owned(),
        breaker: "closed".to_owned(),
        failures: 0,
        next_probe_ms: None,
        quarantine: false,
        certificate_until: Some("2027-03-01T12:00:00Z".to_owned()),
    };
    let fallback = EndpointReport {
        url: "https://crm-2.example/route".to_owned(),
        breaker: "open".to_owned(),
        failures: 5,
        next_probe_ms: Some(7_000),
        quarantine: true,
        certificate_until: Some("2026-12-09T12:00:00Z".to_owned()),
    };
    HookReport {
        name: "crm".to_owned(),
        method: "POST".to_owned(),
        urls: vec![endpoint.url.clone(), fallback.url.clone()],
        calls: 1_312,
        ok: Some(0.9627),
        p50_ms: Some(21.4),
        p95_ms: Some(188.0),
        p99_ms: Some(1_000.0),
        minutes: (0..60).map(minute).collect(),
        in_flight: 3,
        endpoints: vec![endpoint, fallback],
        cache: Some(0.412),
        last_failure: Some(summary(&timeout())),
    }
}
