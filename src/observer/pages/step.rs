//! The page of one step.

use askama::Template;

use super::calls::{Row, status_class, telling_code};
use super::headline::{Word, headline};
use super::text::{Shown, short, value};
use super::timeline::{Timeline, timeline};
use super::{Section, Shell, filters, render, units};
use crate::history::view::{AnswerOrigin, Body, Judgement, Request, Response, Step, StepDetail, Variable};

/// The data of the page of a step.
#[derive(Debug, Clone, Copy)]
pub struct StepPage<'a> {
    pub try_allowed: bool,
    pub detail: &'a StepDetail,
    /// The other steps of the same call, newest first.
    pub related: &'a [Step],
}

#[derive(Template)]
#[template(path = "step.html")]
struct Page<'a> {
    shell: Shell,
    view: StepView<'a>,
    related: Vec<Row<'a>>,
    timeline: Timeline<'a>,
}

/// A step as a page shows it.
pub(super) struct StepView<'a> {
    pub(super) detail: &'a StepDetail,
    pub(super) headline: Vec<Word>,
}

impl Page<'_> {
    fn outcome_class(&self, outcome: &str) -> &'static str {
        status_class(outcome)
    }
}

/// Returns the page of a step.
#[must_use]
pub fn step(data: StepPage<'_>) -> String {
    render(&Page {
        shell: Shell { section: Section::Calls, try_allowed: data.try_allowed },
        view: StepView::new(data.detail),
        related: data.related.iter().map(|step| Row { step }).collect(),
        timeline: timeline(data.detail),
    })
}

/// Longest text of a value in the table of variables, in characters. The body has all of it.
const LONGEST_VALUE: usize = 2_000;

impl<'a> StepView<'a> {
    pub(super) fn new(detail: &'a StepDetail) -> Self {
        Self { detail, headline: headline(detail) }
    }

    pub(super) fn title(&self) -> String {
        let step = &self.detail.step;
        format!("{}: {}, {}", short(&step.status, 40), short(&step.hook, 40), short(&step.caller, 40))
    }

    pub(super) fn time(&self) -> String {
        units::utc(&self.detail.step.time)
    }

    pub(super) fn ms(&self) -> String {
        units::whole_ms(self.detail.step.ms)
    }

    /// The number of the caller. The template engine reserves the word `caller`.
    pub(super) fn calling(&self) -> &'a str {
        &self.detail.step.caller
    }

    pub(super) fn class(&self) -> &'static str {
        status_class(&self.detail.step.status)
    }

    /// The class of the headline: a good status may hide a dead webhook, or a variable without a value.
    pub(super) fn tone(&self) -> &'static str {
        let step = &self.detail.step;
        let is_stale = step.answer == Some(AnswerOrigin::Stale);
        match self.class() {
            "ok" if is_stale || step.set.iter().any(|variable| variable.missing) => "warn",
            class => class,
        }
    }

    /// The note, if the headline does not say the same.
    pub(super) fn note(&self) -> Option<&'a str> {
        self.detail.step.note.as_deref().filter(|_| self.tone() != "warn")
    }

    /// True if a command lacks digits of a telephone number.
    pub(super) fn is_masked(&self) -> bool {
        let commands = [&self.detail.try_command, &self.detail.curl];
        commands.into_iter().flatten().any(|command| command.contains("***"))
    }

    pub(super) fn code(&self) -> Option<u16> {
        telling_code(self.detail.step.code)
    }

    pub(super) fn timeout(&self) -> Option<String> {
        self.detail.timeout_ms.map(units::whole_ms)
    }

    pub(super) fn call_href(&self) -> String {
        filters::search(&self.detail.step.linked_id)
    }

    pub(super) fn value(&self, variable: &Variable) -> String {
        value(variable, LONGEST_VALUE)
    }

    pub(super) fn origin(&self, variable: &Variable) -> String {
        origin(variable)
    }

    pub(super) fn request_body<'r>(&self, request: &'r Request) -> Shown<'r> {
        Shown::from(&request.body)
    }

    pub(super) fn response_body<'r>(&self, response: &'r Response) -> Shown<'r> {
        Shown::from(&response.body)
    }

    /// The pointers and headers that found nothing, and that no variable of the table names.
    pub(super) fn missing<'r>(&self, judgement: &'r Judgement) -> Vec<&'r String> {
        let set = &self.detail.step.set;
        let is_named =
            |missing: &&String| set.iter().any(|variable| variable.source.as_ref() == Some(missing));
        judgement.missing.iter().filter(|missing| !is_named(missing)).collect()
    }

    /// The refused part of an answer. A whole answer that was refused stands in the body, with its mark.
    pub(super) fn refused_part<'r>(&self, judgement: &'r Judgement) -> Option<Shown<'r>> {
        let refused = judgement.refused.as_ref()?;
        let body = self.detail.response.as_ref().map(|response| &response.body);
        if refused.variable.is_none() && matches!(body, Some(Body::Kept(_))) {
            return None;
        }
        refused.text.as_ref().map(Shown::from)
    }
}

/// The origin of a variable, in words.
fn origin(variable: &Variable) -> String {
    let source = variable.source.as_deref().unwrap_or_default();
    match &*variable.from {
        "answer" => "the answer".to_owned(),
        "json" => format!("JSON pointer {source}"),
        "header" => format!("header {source}"),
        "status" => "the HTTP status".to_owned(),
        "otherwise" => "otherwise, of the hook".to_owned(),
        "empty" if variable.missing => format!("empty: the answer has no {source}"),
        "empty" => "empty".to_owned(),
        other => other.to_owned(),
    }
}
