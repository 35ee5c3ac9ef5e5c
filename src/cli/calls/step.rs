//! One step, whole: the reason first, then the timeline, the request, the answer and its judgement.

mod exchange;

use self::exchange::{write_attempts, write_judgement, write_request, write_response};
use super::clock::Clock;
use super::drawing::bars;
use super::values::{answer, number, origin, value};
use crate::cli::screen::{Screen, Style, wrapped};
use crate::cli::titled::{INDENT, write_line};
use crate::history::view::{EventKind, Explanation, StepDetail};
use crate::hook::Status;
use crate::log::escape;

/// A text with titles that grows.
struct Sheet {
    text: String,
    screen: Screen,
}

impl Sheet {
    /// Adds a line that is safe and painted already.
    fn line(&mut self, title: &str, line: &str) {
        let padded = format!("{title:<9}");
        let title = if title.is_empty() { padded } else { self.screen.paint(Style::Bold, &padded) };
        write_line(&mut self.text, &title, line);
    }

    /// Adds a text of a peer, wrapped between words.
    fn prose(&mut self, title: &str, text: &str) {
        let mut title = title;
        for line in wrapped(&escape(text), self.columns()) {
            self.line(title, &line);
            title = "";
        }
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }

    /// Returns the columns beside the titles.
    fn columns(&self) -> Option<usize> {
        self.screen.width.map(|width| width.saturating_sub(INDENT))
    }
}

/// Returns the step as text. `observer` is the address of the daemon, for the pages of the documentation.
pub(super) fn as_text(detail: &StepDetail, screen: Screen, clock: &Clock, observer: &str) -> String {
    let mut sheet = Sheet { text: String::new(), screen };
    write_head(&mut sheet, detail, clock);
    write_variables(&mut sheet, detail);
    write_explanation(&mut sheet, &detail.explanation, observer);
    write_timeline(&mut sheet, detail);
    write_attempts(&mut sheet, &detail.step.attempts);
    write_request(&mut sheet, detail.request.as_ref());
    write_response(&mut sheet, detail.response.as_ref());
    write_judgement(&mut sheet, detail.judgement.as_ref());
    write_again(&mut sheet, detail);
    sheet.text
}

fn write_head(sheet: &mut Sheet, detail: &StepDetail, clock: &Clock) {
    let step = &detail.step;
    sheet.line("step", &format!("{}  {}", escape(&step.id), escape(&clock.long(&step.time))));
    let name = if detail.caller_name.is_empty() {
        String::new()
    } else {
        format!(" \"{}\"", escape(&detail.caller_name))
    };
    sheet.line("call", &format!("{}{name} → {}", number(&step.caller), number(&step.callee)));
    let peer = detail.peer.as_deref().map(|peer| format!(" at {}", escape(peer))).unwrap_or_default();
    sheet.line("", &format!("{}{peer}, channel {}", escape(&step.switch), escape(&step.channel)));
    let linked = if step.linked_id.is_empty() || step.linked_id == step.call_id {
        String::new()
    } else {
        format!(", linked id {}", escape(&step.linked_id))
    };
    sheet.line("", &format!("call id {}{linked}", escape(&step.call_id)));
    let timeout = detail.timeout_ms.map(|time| format!(", timeout {time} ms")).unwrap_or_default();
    let trace = detail.trace.as_deref().map(|trace| format!(", trace {}", escape(trace))).unwrap_or_default();
    sheet.line("hook", &format!("{}{timeout}{trace}", escape(&step.hook)));
    let style = if step.status == Status::Ok.as_str() { Style::Green } else { Style::Red };
    let status = sheet.screen.paint(style, &escape(&step.status));
    let code = step.code.map(|code| format!(", the webhook answered {code}")).unwrap_or_default();
    let answer = step.answer.map(|origin| format!(", answer {}", answer(Some(origin), step.age_ms)));
    sheet.line("status", &format!("{status} after {} ms{code}{}", step.ms, answer.unwrap_or_default()));
    if !step.reason.is_empty() {
        sheet.prose("reason", &step.reason);
    }
    if let Some(note) = &step.note {
        sheet.prose("note", note);
    }
}

fn write_variables(sheet: &mut Sheet, detail: &StepDetail) {
    for (number, variable) in detail.step.set.iter().enumerate() {
        let from = origin(variable).unwrap_or_else(|| "the whole answer".to_owned());
        let from = sheet.screen.paint(Style::Dim, &format!("({from})"));
        let line = format!("{} = {}  {from}", escape(&variable.name), value(variable));
        sheet.line(if number == 0 { "set" } else { "" }, &line);
    }
    for (number, fetched) in detail.fetched.iter().enumerate() {
        let line = format!("{} = \"{}\"", escape(&fetched.name), escape(&fetched.value));
        sheet.line(if number == 0 { "fetched" } else { "" }, &line);
    }
    if let Some(detached) = &detail.detached {
        let code = detached.code.map(|code| format!(" {code}")).unwrap_or_default();
        let reason =
            if detached.reason.is_empty() { String::new() } else { format!(": {}", detached.reason) };
        let text = format!(
            "the request went on without the call: {}{code} after {} ms{reason}",
            detached.status, detached.ms
        );
        sheet.prose("detached", &text);
    }
}

fn write_explanation(sheet: &mut Sheet, explanation: &Explanation, observer: &str) {
    sheet.gap();
    if !explanation.meaning.is_empty() {
        sheet.prose("meaning", &explanation.meaning);
    }
    if !explanation.remedy.is_empty() {
        sheet.prose("to do", &explanation.remedy);
    }
    if !explanation.page.is_empty() {
        sheet.line("more", &format!("{observer}{}", escape(&explanation.page)));
    }
}

fn write_timeline(sheet: &mut Sheet, detail: &StepDetail) {
    if detail.timeline.is_empty() {
        return;
    }
    sheet.gap();
    let bars = bars(&detail.timeline, sheet.screen.drawing_width().saturating_sub(INDENT));
    let mut title = "timeline";
    for (event, bar) in detail.timeline.iter().zip(bars) {
        let style = match event.kind {
            EventKind::Switch | EventKind::Cache | EventKind::End => Style::Dim,
            EventKind::Attempt => Style::Yellow,
            EventKind::Result => Style::Bold,
        };
        let lasts = event.until_ms.map(|until| format!(" ({} ms)", milliseconds(until - event.at_ms)));
        let bar = sheet.screen.paint(style, &bar);
        let text = format!("{}{}", escape(&event.text), lasts.unwrap_or_default());
        sheet.line(title, &format!("{:>8}  {bar}  {text}", milliseconds(event.at_ms)));
        title = "";
    }
}

fn write_again(sheet: &mut Sheet, detail: &StepDetail) {
    if detail.try_command.is_none() && detail.curl.is_none() {
        return;
    }
    sheet.gap();
    if let Some(command) = &detail.try_command {
        sheet.line("again", &escape(command));
    }
    if let Some(command) = &detail.curl {
        let title = if detail.try_command.is_some() { "" } else { "again" };
        let mut title = title;
        for line in command.split('\n') {
            sheet.line(title, &escape(line));
            title = "";
        }
    }
}

/// Returns milliseconds with one decimal.
fn milliseconds(time: f64) -> String {
    format!("{time:.1}")
}

#[cfg(test)]
mod tests;
