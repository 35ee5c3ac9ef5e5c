//! The table of steps: one row each, aligned, with the reason in a second line on a terminal.

use super::clock::Clock;
use super::values::{answer, number, variable};
use crate::cli::screen::{Screen, Style, cut, width, wrapped};
use crate::history::view::{AnswerOrigin, Step};
use crate::hook::Status;
use crate::log::escape;

/// A table that grows. The widths of its columns are those of the first rows, or more.
#[derive(Debug)]
pub(super) struct Table {
    screen: Screen,
    clock: fn() -> Clock,
    widths: [usize; COLUMNS],
    begun: bool,
}

const COLUMNS: usize = 7;
const TITLES: [&str; COLUMNS] = ["TIME", "ID", "CALLER → CALLEE", "HOOK", "STATUS", "MS", "ANSWER"];

/// The columns with numbers, which end at the same place.
const RIGHT: [bool; COLUMNS] = [false, false, false, false, false, true, false];

/// The column of the status.
const STATUS: usize = 4;

/// The widest column. A wider text moves the rest of its row.
const WIDEST: usize = 32;

/// The columns of the space for variables, if they stand in the same line.
const FEWEST_FOR_VARIABLES: usize = 24;

/// The space before a second line.
const INDENT: usize = 4;

impl Default for Table {
    fn default() -> Self {
        Self {
            screen: Screen::of_standard_output(),
            clock: Clock::now,
            widths: TITLES.map(width),
            begun: false,
        }
    }
}

impl Table {
    /// Returns the lines for the next steps, with the titles before the first ones.
    pub(super) fn lines<'s>(&mut self, steps: impl IntoIterator<Item = &'s Step>) -> String {
        let clock = (self.clock)();
        let rows: Vec<_> = steps.into_iter().map(|step| (step, cells(step, &clock))).collect();
        for (_, cells) in &rows {
            for (widest, cell) in self.widths.iter_mut().zip(cells) {
                *widest = (*widest).max(width(cell).min(WIDEST));
            }
        }
        let mut lines = String::new();
        if !std::mem::replace(&mut self.begun, true) {
            lines = self.titles();
        }
        for (step, cells) in rows {
            self.add_row(&mut lines, step, cells);
        }
        lines
    }

    fn titles(&self) -> String {
        let mut titles = self.aligned(TITLES.map(str::to_owned)).join("  ");
        if self.room().is_some() {
            titles.push_str("  VARIABLES");
        }
        let titles = self.screen.paint(Style::Dim, titles.trim_end());
        format!("{titles}\n")
    }

    fn add_row(&self, lines: &mut String, step: &Step, cells: [String; COLUMNS]) {
        let mut cells = self.aligned(cells);
        if let Some(status) = cells.get_mut(STATUS) {
            *status = self.screen.paint(style(step), status);
        }
        let mut row = cells.join("  ");
        let variables = step.set.iter().map(variable).collect::<Vec<_>>().join(" ");
        let mut below = Vec::new();
        match self.room() {
            Some(room) => row = format!("{row}  {}", cut(&variables, room)),
            None => below.push(variables),
        }
        let hints =
            [Some(escape(&step.reason).into_owned()), step.note.as_deref().map(|note| escape(note).into())];
        below.extend(hints.into_iter().flatten());
        below.retain(|text| !text.is_empty());
        if self.screen.width.is_none() && !below.is_empty() {
            row = format!("{row}  {}", below.join("; "));
            below.clear();
        }
        lines.push_str(row.trim_end());
        lines.push('\n');
        for text in below {
            for line in wrapped(&text, self.screen.width.map(|width| width.saturating_sub(INDENT))) {
                lines.push_str(&" ".repeat(INDENT));
                lines.push_str(&self.screen.paint(Style::Dim, &line));
                lines.push('\n');
            }
        }
    }

    /// Returns the cells with spaces.
    fn aligned(&self, cells: [String; COLUMNS]) -> [String; COLUMNS] {
        let mut columns = self.widths.iter().zip(RIGHT);
        cells.map(|cell| {
            let (columns, right) = columns.next().unwrap_or((&0, false));
            let cell = if self.screen.width.is_some() { cut(&cell, WIDEST) } else { cell };
            let space = " ".repeat(columns.saturating_sub(width(&cell)));
            if right { format!("{space}{cell}") } else { format!("{cell}{space}") }
        })
    }

    /// Returns the columns for the variables, if they fit into the line of their step.
    fn room(&self) -> Option<usize> {
        let Some(width) = self.screen.width else { return Some(usize::MAX) };
        let used = self.widths.iter().map(|width| width + 2).sum();
        width.checked_sub(used).filter(|room| *room >= FEWEST_FOR_VARIABLES)
    }
}

fn cells(step: &Step, clock: &Clock) -> [String; COLUMNS] {
    [
        escape(&clock.short(&step.time)).into_owned(),
        escape(&step.id).into_owned(),
        format!("{} → {}", number(&step.caller), number(&step.callee)),
        escape(&step.hook).into_owned(),
        escape(&step.status).into_owned(),
        step.ms.to_string(),
        answer_and_attempts(step),
    ]
}

/// Returns the origin of the answer, and the number of attempts if there were several.
fn answer_and_attempts(step: &Step) -> String {
    let answer = answer(step.answer, step.age_ms);
    if step.attempts > 1 { format!("{answer} ×{}", step.attempts) } else { answer }
}

/// Returns the colour of a status. A stale answer is `OK`, but the webhook is not.
fn style(step: &Step) -> Style {
    match step.status.as_str() {
        ok if ok == Status::Ok.as_str() && step.answer == Some(AnswerOrigin::Stale) => Style::Yellow,
        ok if ok == Status::Ok.as_str() => Style::Green,
        "CANCELLED" => Style::Dim,
        _ => Style::Red,
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::tests::clock;
    use super::super::values::tests::{named, step};
    use super::*;

    fn good() -> Step {
        let set = vec![named("CRM", "sales", "answer")];
        let (status, reason) = ("OK".into(), String::new());
        let (answer, age_ms, attempts) = (Some(AnswerOrigin::Cached), Some(3000), 0);
        Step { id: "4f1c09ac".into(), status, reason, ms: 1, set, answer, age_ms, attempts, ..step() }
    }

    fn table(width: Option<usize>, steps: &[Step]) -> String {
        let screen = Screen { width, coloured: false };
        let mut table = Table {
            screen,
            clock: || clock("2026-06-30T12:00:00Z"),
            widths: TITLES.map(width_of),
            begun: false,
        };
        table.lines(steps)
    }

    fn width_of(text: &str) -> usize {
        width(text)
    }

    #[test]
    fn a_wide_terminal_has_the_variables_in_the_row_and_the_reason_below() {
        assert_eq!(
            table(Some(120), &[good(), step()]),
            "\
TIME      ID        CALLER → CALLEE  HOOK  STATUS       MS  ANSWER     VARIABLES
13:05:03  4f1c09ac  …678 → 100       crm   OK            1  cached 3s  CRM=\"sales\"
13:05:03  4f1c09ab  …678 → 100       crm   BAD_ANSWER  120  fresh ×2   CRM=\"reception\" (otherwise)
    the answer is not a word
"
        );
    }

    #[test]
    fn a_narrow_terminal_has_the_variables_below() {
        assert_eq!(
            table(Some(80), &[step()]),
            "\
TIME      ID        CALLER → CALLEE  HOOK  STATUS       MS  ANSWER
13:05:03  4f1c09ab  …678 → 100       crm   BAD_ANSWER  120  fresh ×2
    CRM=\"reception\" (otherwise)
    the answer is not a word
"
        );
    }

    #[test]
    fn without_a_terminal_each_step_is_one_line_with_its_full_values() {
        let long = "a".repeat(500);
        let set = vec![named("CRM", &long, "answer")];
        let lines = table(None, &[Step { set, note: Some("a note\nof two lines".into()), ..step() }]);
        assert_eq!(lines.lines().count(), 2, "{lines}");
        let end = format!("  CRM=\"{long}\"  the answer is not a word; a note\\u{{a}}of two lines\n");
        assert!(lines.ends_with(&end), "{lines}");
    }

    #[test]
    fn no_text_of_a_peer_reaches_the_terminal_as_it_is() {
        let hostile = "\u{1b}[2J\r\n\u{202e}";
        let text = || hostile.to_owned();
        let set = vec![named(hostile, hostile, hostile)];
        let step = Step {
            id: text(),
            time: text(),
            caller: text(),
            callee: text(),
            hook: text(),
            status: text(),
            reason: text(),
            note: Some(text()),
            set,
            ..step()
        };
        for width in [None, Some(100)] {
            let lines = table(width, std::slice::from_ref(&step));
            assert!(!lines.contains(|c| c != '\n' && crate::log::is_unsafe(c)), "{lines:?}");
        }
    }
}
