//! The list of calls.

use askama::Template;

use super::filters::{Active, search};
use super::text::{short, value};
use super::{Filters, Section, Shell, render, units};
use crate::history::view::{AnswerOrigin, Step, Variable};

/// The data of the list of calls.
#[derive(Debug, Clone, Copy)]
pub struct Calls<'a> {
    pub try_allowed: bool,
    pub filters: &'a Filters,
    /// The names of the hooks of the configuration.
    pub hooks: &'a [String],
    /// The steps that pass the filters, newest first.
    pub steps: &'a [Step],
    /// The steps in memory; none if `[history] steps` is 0.
    pub kept: Option<Kept>,
    /// A fault of the filters.
    pub fault: Option<&'a str>,
}

/// The numbers of steps in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub steps: usize,
    pub failures: usize,
}

/// The reason why a list is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Emptiness {
    /// `[history] steps` is 0.
    Off,
    NoneYet,
    NoFailure,
    /// No step passes the filters.
    NoMatch,
}

/// The limits of the form. The empty one is the default.
const LIMITS: [&str; 4] = ["", "20", "500", "2000"];

/// The statuses of the form.
const STATUSES: [&str; 9] = [
    "OK",
    "HTTP_ERROR",
    "TIMEOUT",
    "UNREACHABLE",
    "BAD_ANSWER",
    "BAD_REQUEST",
    "OVERLOADED",
    "CANCELLED",
    "REFUSED",
];

#[derive(Template)]
#[template(path = "calls.html")]
struct Page<'a> {
    shell: Shell,
    data: Calls<'a>,
    active: Vec<Active>,
    groups: Vec<Group<'a>>,
}

/// The steps of one call, newest first.
struct Group<'a> {
    linked_id: &'a str,
    rows: Vec<Row<'a>>,
}

/// A step in a list.
pub(super) struct Row<'a> {
    pub(super) step: &'a Step,
}

/// Longest text of a value in the list, in characters.
const LONGEST_VALUE: usize = 60;

/// Longest reason or note in the list, in characters.
const LONGEST_REMARK: usize = 160;

/// Variables of a step that the list shows.
const MOST_VARIABLES: usize = 4;

/// Returns the page of the list.
#[must_use]
pub fn calls(data: Calls<'_>) -> String {
    render(&Page {
        shell: Shell { section: Section::Calls, try_allowed: data.try_allowed },
        data,
        active: data.filters.active(),
        groups: groups(data.steps),
    })
}

/// Puts the steps of one call together, at the place of its newest one.
fn groups(steps: &[Step]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::with_capacity(steps.len());
    let mut places = std::collections::HashMap::with_capacity(steps.len());
    for step in steps {
        let row = Row { step };
        let place = *places.entry(&*step.linked_id).or_insert(groups.len());
        match groups.get_mut(place).filter(|_| !step.linked_id.is_empty()) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { linked_id: &step.linked_id, rows: vec![row] }),
        }
    }
    groups
}

impl<'a> Group<'a> {
    /// The path of all steps of this call.
    fn href(&self) -> String {
        search(self.linked_id)
    }

    /// The id of the group, by which the script finds it again.
    fn id(&self) -> &'a str {
        match (self.linked_id, self.rows.first()) {
            ("", Some(row)) => &row.step.id,
            (linked_id, _) => linked_id,
        }
    }
}

impl Page<'_> {
    /// True if the URL names a hook that the configuration does not have.
    fn is_other_hook(&self) -> bool {
        let hook = &self.data.filters.hook;
        !hook.is_empty() && !self.data.hooks.contains(hook)
    }

    fn search(&self) -> String {
        short(&self.data.filters.q, LONGEST_VALUE)
    }

    fn is_limit(&self, limit: &str) -> bool {
        self.data.filters.limit == limit
    }

    fn emptiness(&self) -> Emptiness {
        match self.data.kept {
            None => Emptiness::Off,
            Some(Kept { steps: 0, .. }) => Emptiness::NoneYet,
            Some(Kept { failures: 0, .. }) if self.data.filters.failed => Emptiness::NoFailure,
            Some(_) => Emptiness::NoMatch,
        }
    }
}

impl<'a> Row<'a> {
    pub(super) fn class(&self) -> &'static str {
        status_class(&self.step.status)
    }

    /// The number of the caller. The template engine reserves the word `caller`.
    pub(super) fn calling(&self) -> &'a str {
        &self.step.caller
    }

    pub(super) fn code(&self) -> Option<u16> {
        telling_code(self.step.code)
    }

    /// True if the dialplan got an empty value.
    pub(super) fn is_empty(&self, variable: &Variable) -> bool {
        variable.value.as_ref().is_some_and(String::is_empty)
    }

    pub(super) fn value(&self, variable: &Variable) -> String {
        value(variable, LONGEST_VALUE)
    }

    pub(super) fn time(&self) -> String {
        units::utc(&self.step.time)
    }

    pub(super) fn ms(&self) -> String {
        units::whole_ms(self.step.ms)
    }

    /// The class, the word and the age of the answer.
    pub(super) fn origin(&self) -> Option<(&'static str, String)> {
        let (class, word) = match self.step.answer? {
            AnswerOrigin::Fresh => ("fresh", "fresh"),
            AnswerOrigin::Cached => ("cached", "cached"),
            AnswerOrigin::Shared => ("shared", "shared"),
            AnswerOrigin::Stale => ("stale", "stale"),
        };
        match self.step.age_ms {
            Some(age) => Some((class, format!("{word}, {}", units::age(age)))),
            None => Some((class, word.to_owned())),
        }
    }

    /// The first variables; the page of the step has all.
    pub(super) fn variables(&self) -> impl Iterator<Item = &'a Variable> {
        self.step.set.iter().take(MOST_VARIABLES)
    }

    /// The number of variables that are left out.
    pub(super) fn more(&self) -> Option<usize> {
        self.step.set.len().checked_sub(MOST_VARIABLES).filter(|more| *more > 0)
    }

    pub(super) fn name(&self, variable: &Variable) -> String {
        short(&variable.name, LONGEST_VALUE)
    }

    /// The second line: the reason, else the note.
    pub(super) fn remark(&self) -> Option<String> {
        let reason = Some(&self.step.reason).filter(|reason| !reason.is_empty());
        reason.or(self.step.note.as_ref()).map(|remark| short(remark, LONGEST_REMARK))
    }
}

/// Returns the HTTP status, if it says more than the status of the step.
pub(super) fn telling_code(code: Option<u16>) -> Option<u16> {
    code.filter(|code| *code != 200)
}

/// The class of a status.
pub(super) fn status_class(status: &str) -> &'static str {
    match status {
        "OK" => "ok",
        "CANCELLED" | "UNFINISHED" => "quiet",
        _ => "bad",
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn the_steps_of_one_call_stand_together_at_the_place_of_the_newest() {
        let named =
            |id: &str, linked: &str| Step { id: id.into(), linked_id: linked.into(), ..samples::ok() };
        let steps = [named("5", "b"), named("4", "a"), named("3", "b"), named("2", ""), named("1", "")];
        let ids = |group: &Group<'_>| group.rows.iter().map(|row| row.step.id.clone()).collect::<String>();
        assert_eq!(groups(&steps).iter().map(ids).collect::<Vec<_>>(), ["53", "4", "2", "1"]);
    }
}
