//! The page on which a person makes the request of a hook.

use askama::Template;

use super::step::StepView;
use super::text::Shown;
use super::{Section, Shell, render};
use crate::history::view::{StepDetail, Variable};

/// The data of the page.
#[derive(Debug, Clone, Copy)]
pub struct TryPage<'a> {
    /// The names of the hooks of the configuration.
    pub hooks: &'a [String],
    pub input: &'a TryInput,
    /// The faults of the input.
    pub faults: &'a [String],
    /// The recorded step whose data the request has.
    pub then: Option<&'a StepDetail>,
    /// The result of the request.
    pub now: Option<&'a StepDetail>,
}

/// The fields of the form. With a recorded step, an empty field stands for the recorded value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TryInput {
    pub hook: String,
    pub caller: String,
    pub name: String,
    pub callee: String,
    /// `asterisk` or `freeswitch`.
    pub switch: String,
    /// Lines of `NAME=VALUE`.
    pub variables: String,
    /// The id of a recorded step.
    pub step: String,
}

#[derive(Template)]
#[template(path = "try.html")]
struct Page<'a> {
    shell: Shell,
    data: TryPage<'a>,
    then: Option<StepView<'a>>,
    now: Option<StepView<'a>>,
    differences: Option<Vec<Difference>>,
}

/// A difference between a recorded step and a new request.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Difference {
    name: String,
    then: String,
    now: String,
}

/// Returns the page.
#[must_use]
pub fn try_hook(data: TryPage<'_>) -> String {
    let both = data.then.zip(data.now);
    render(&Page {
        shell: Shell { section: Section::Try, try_allowed: true },
        data,
        then: data.then.map(StepView::new),
        now: data.now.map(StepView::new),
        differences: both.map(|(then, now)| differences(then, now)),
    })
}

/// Returns what the dialplan would get now and did not get then.
fn differences(then: &StepDetail, now: &StepDetail) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut compare = |name: &str, then: String, now: String| {
        if then != now {
            differences.push(Difference { name: name.to_owned(), then, now });
        }
    };
    compare("WEBHOOK_STATUS", then.step.status.clone(), now.step.status.clone());
    for variable in &now.step.set {
        let recorded = then.step.set.iter().find(|recorded| recorded.name == variable.name);
        match recorded {
            // a value that is left out cannot be compared
            Some(recorded) if recorded.value.is_some() && variable.value.is_some() => {
                compare(&variable.name, text(recorded), text(variable));
            }
            Some(_) => {}
            None => compare(&variable.name, "(not set)".to_owned(), text(variable)),
        }
    }
    differences
}

fn text(variable: &Variable) -> String {
    match super::text::value(variable, 60) {
        text if text.is_empty() => "(empty)".to_owned(),
        text => text,
    }
}

impl Page<'_> {
    /// The number of the caller. The template engine reserves the word `caller`.
    fn calling(&self) -> &str {
        &self.data.input.caller
    }

    /// The recorded value of a field, or an example.
    fn hint(&self, field: &str) -> &str {
        let recorded = self.data.then.map(|then| match field {
            "caller" => &*then.step.caller,
            "name" => &*then.caller_name,
            _ => &*then.step.callee,
        });
        let example = match field {
            "caller" => "31612345678",
            "name" => "",
            _ => "100",
        };
        recorded.unwrap_or(example)
    }

    fn columns(&self) -> Vec<(&'static str, &StepView<'_>)> {
        let then = self.then.iter().filter(|_| self.now.is_some()).map(|view| ("Then", view));
        then.chain(self.now.iter().map(|view| ("Now", view))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_changed_result_names_the_status_and_the_variables() {
        let (then, now) = (samples::refused_answer(), samples::repeated());
        let differences = differences(&then, &now);
        let rows: Vec<_> = differences.iter().map(|row| (&*row.name, &*row.then, &*row.now)).collect();
        assert_eq!(rows, [("WEBHOOK_STATUS", "BAD_ANSWER", "OK"), ("CRM", "reception", "sales")]);
    }
}
