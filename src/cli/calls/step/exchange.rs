//! The attempts, the request and the answer of a step.

use super::{Sheet, milliseconds};
use crate::cli::calls::marked_text;
use crate::cli::screen::Style;
use crate::history::view::{Attempt, Body, Judgement, Named, Refused, Request, Response};
use crate::log::escape;

pub(super) fn write_attempts(sheet: &mut Sheet, attempts: &[Attempt]) {
    if attempts.is_empty() {
        return;
    }
    sheet.gap();
    let mut title = "attempts";
    for (number, attempt) in attempts.iter().enumerate() {
        let style = if attempt.outcome == "OK" { Style::Green } else { Style::Red };
        let outcome = sheet.screen.paint(style, &escape(&attempt.outcome));
        let code = attempt.code.map(|code| format!(" {code}")).unwrap_or_default();
        let head =
            format!("{}. {}  {}  {outcome}{code}", number + 1, escape(&attempt.kind), escape(&attempt.url));
        sheet.line(title, &head);
        title = "";
        let times = sheet.screen.paint(Style::Dim, &times(attempt));
        sheet.line("", &format!("   {times}"));
        if !attempt.reason.is_empty() {
            sheet.prose("", &format!("   {}", attempt.reason));
        }
        for redirect in &attempt.redirects {
            sheet.line("", &format!("   redirect {} to {}", redirect.code, escape(&redirect.url)));
        }
    }
}

/// Returns the connection and the times of an attempt.
fn times(attempt: &Attempt) -> String {
    let connection = match attempt.connection.as_str() {
        "new" => "new connection".to_owned(),
        "pool" => "connection of an earlier request".to_owned(),
        "none" => "no connection".to_owned(),
        other => escape(other).into_owned(),
    };
    let stages = [
        ("DNS", attempt.dns_ms),
        ("connect", attempt.connect_ms),
        ("TLS", attempt.tls_ms),
        ("first byte after", attempt.first_byte_ms),
        ("all", Some(attempt.total_ms)),
    ];
    let mut parts = vec![connection];
    if attempt.quarantine {
        parts.push("in quarantine".to_owned());
    }
    for (stage, time) in stages {
        parts.extend(time.map(|time| format!("{stage} {} ms", milliseconds(time))));
    }
    parts.join(", ")
}

pub(super) fn write_request(sheet: &mut Sheet, request: Option<&Request>) {
    let Some(request) = request else { return };
    sheet.gap();
    sheet.line("request", &format!("{} {}", escape(&request.method), escape(&request.url)));
    write_headers(sheet, &request.headers);
    write_body(sheet, &request.body);
}

pub(super) fn write_response(sheet: &mut Sheet, response: Option<&Response>) {
    let Some(response) = response else { return };
    sheet.gap();
    let content_type = response.content_type.as_deref().map(|kind| format!(", {}", escape(kind)));
    let (code, length) = (response.code, response.length);
    sheet.line("answer", &format!("{code}{}, {length} bytes", content_type.unwrap_or_default()));
    write_headers(sheet, &response.headers);
    write_body(sheet, &response.body);
}

fn write_headers(sheet: &mut Sheet, headers: &[Named]) {
    for header in headers {
        sheet.line("", &format!("{}: {}", escape(&header.name), escape(&header.value)));
    }
}

fn write_body(sheet: &mut Sheet, body: &Body) {
    match body {
        Body::Empty => {}
        Body::Omitted => {
            let note = sheet.screen.paint(Style::Dim, "(history.bodies leaves the text out)");
            sheet.line("", &note);
        }
        Body::Kept(text) => {
            sheet.gap();
            for line in marked_text::lines(text, sheet.screen, sheet.columns()) {
                sheet.line("", &line);
            }
        }
    }
}

pub(super) fn write_judgement(sheet: &mut Sheet, judgement: Option<&Judgement>) {
    let Some(judgement) = judgement else { return };
    sheet.gap();
    let answers = match judgement.answers.as_slice() {
        [] => String::new(),
        answers => format!(", answers = {answers:?}"),
    };
    sheet.prose("rules", &format!("accept = \"{}\"{answers}", judgement.accept));
    if let Some(refused) = &judgement.refused {
        write_refused(sheet, refused);
    }
    for (number, missing) in judgement.missing.iter().enumerate() {
        let title = if number == 0 { "missing" } else { "" };
        let part =
            if missing.is_empty() { "the whole JSON".to_owned() } else { escape(missing).into_owned() };
        sheet.line(title, &format!("{part} is not in the answer"));
    }
}

fn write_refused(sheet: &mut Sheet, refused: &Refused) {
    let what = match &refused.variable {
        Some(variable) => format!("the part for {variable}"),
        None => "the answer".to_owned(),
    };
    sheet.prose("refused", &format!("{what}, by {}: {}", refused.rule, refused.fault));
    if let Some(text) = &refused.text {
        for line in marked_text::lines(text, sheet.screen, sheet.columns()) {
            sheet.line("", &line);
        }
    }
}
