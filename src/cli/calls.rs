//! `dialhook calls`: the steps of the running daemon, as a table, as they end, or one with its timeline.

mod clock;
mod drawing;
mod events;
mod follow;
mod marked_text;
mod search;
mod step;
mod table;
mod values;

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use self::clock::Clock;
use self::search::Search;
use self::table::Table;
use super::running_daemon::{DaemonAddress, DaemonError, NotFound, RunningDaemon};
use super::screen::Screen;
use super::{DONE, FAILED, WRONG, exit_status, fail, print};
use crate::history::view::{Step, StepDetail};
use crate::log::{escape, escape_json};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Calls {
    #[command(flatten)]
    search: Search,
    /// Show each step as it ends, until Ctrl-C
    #[arg(long, short, conflicts_with = "id")]
    follow: bool,
    /// Show one step with its timeline, the reason, and what to do about it
    #[arg(long, value_name = "STEP", conflicts_with = "search")]
    id: Option<String>,
    /// Print JSON as the daemon has it: one object a line; with --id the whole step
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: DaemonAddress,
}

const EXAMPLES: &str = "\
Examples:
  dialhook calls 678                      calls from or to a number that ends with 678
  dialhook calls --failures --since 14:00
  dialhook calls --slower 500ms --hook crm
  dialhook calls --follow --failures
  dialhook calls --id 9c41f2-118          the whole story of one step

In the column ANSWER, ×2 means that two requests were made. A hook may have several URLs, and a request that nobody can
have received is made again.

Exit status: 0 success; 1 nothing found, or the daemon does not answer; 2 the command line or the configuration is wrong.";

/// Prints steps of the running daemon.
pub(crate) async fn run(arguments: &Calls) -> ExitCode {
    let daemon = match arguments.daemon.find() {
        Ok(daemon) => daemon,
        Err(NotFound::Config(error)) => return fail(WRONG, &error.to_string()),
        Err(NotFound::Daemon(error)) => return fail_with(&error),
    };
    if let Some(id) = &arguments.id {
        return show_step(&daemon, id, arguments.json).await;
    }
    let format = match arguments.json {
        true => Format::Json,
        false => Format::Table(Box::default()),
    };
    match arguments.follow {
        true => follow::run(&daemon, &arguments.search, format).await,
        false => show_steps(&daemon, &arguments.search, format).await,
    }
}

fn fail_with(error: &DaemonError) -> ExitCode {
    fail(if error.is_own_fault() { WRONG } else { FAILED }, &error.to_string())
}

/// A step as the daemon sent it, and as this program reads it.
#[derive(Debug)]
struct Listed {
    json: Value,
    step: Step,
}

/// The format of a list.
#[derive(Debug)]
enum Format {
    Table(Box<Table>),
    Json,
}

impl Format {
    /// Returns the lines for these steps, oldest first.
    fn lines(&mut self, steps: &[Listed]) -> String {
        match self {
            Self::Table(table) => table.lines(steps.iter().map(|listed| &listed.step)),
            Self::Json => {
                steps.iter().map(|listed| format!("{}\n", escape_json(&listed.json.to_string()))).collect()
            }
        }
    }
}

async fn show_steps(daemon: &RunningDaemon, search: &Search, mut format: Format) -> ExitCode {
    match steps(daemon, &search.query()).await {
        Ok(steps) if steps.is_empty() => nothing_found(daemon, search).await,
        Ok(steps) => exit_status(print(&format.lines(&steps)), DONE),
        Err(error) => fail_with(&error),
    }
}

/// Returns the steps that the daemon finds, oldest first.
async fn steps(daemon: &RunningDaemon, query: &[(&str, String)]) -> Result<Vec<Listed>, DaemonError> {
    let unreadable = || DaemonError::NotDialhook { url: daemon.shown().to_owned() };
    let mut answer = daemon.json("/api/steps", query).await?;
    let Some(Value::Array(found)) = answer.get_mut("steps").map(Value::take) else {
        return Err(unreadable());
    };
    let listed = found.into_iter().rev().map(|json| Listed::read(json).ok_or_else(unreadable));
    listed.collect()
}

impl Listed {
    fn read(json: Value) -> Option<Self> {
        let step = serde_json::from_value(json.clone()).ok()?;
        Some(Self { json, step })
    }
}

/// Says what was searched, and among how many steps.
async fn nothing_found(daemon: &RunningDaemon, search: &Search) -> ExitCode {
    let all = match steps(daemon, &[("limit", search::MOST.to_string())]).await {
        Ok(all) => all,
        Err(error) => return fail_with(&error),
    };
    let Some(oldest) = all.first() else {
        return fail(
            FAILED,
            &format!(
                "{} has no steps yet. Records live in the memory of the daemon: a restart loses them, and \
                 `[history] steps = 0` keeps none",
                daemon.shown()
            ),
        );
    };
    let (steps, noun) = (all.len(), if all.len() == 1 { "step" } else { "steps" });
    let since = Clock::now().day_and_time(&oldest.step.time);
    fail(FAILED, &format!("no step{search} among the {steps} {noun} of the daemon since {}", escape(&since)))
}

async fn show_step(daemon: &RunningDaemon, id: &str, json: bool) -> ExitCode {
    let answer = match daemon.json(&format!("/api/steps/{}", in_path(id)), &[]).await {
        Ok(answer) => answer,
        Err(error) if error.is_missing() => {
            return fail(
                FAILED,
                &format!(
                    "no step {}. Records live in the memory of the daemon: a restart loses them, and new steps \
                     replace the oldest. `dialhook calls` shows the ids of the steps that are there",
                    escape(id)
                ),
            );
        }
        Err(error) => return fail_with(&error),
    };
    if json {
        return exit_status(print(&format!("{}\n", escape_json(&answer.to_string()))), DONE);
    }
    match serde_json::from_value::<StepDetail>(answer) {
        Ok(detail) => {
            let screen = Screen::of_standard_output();
            exit_status(print(&step::as_text(&detail, screen, &Clock::now(), daemon.shown())), DONE)
        }
        Err(_other_version) => fail_with(&DaemonError::NotDialhook { url: daemon.shown().to_owned() }),
    }
}

/// Returns an id as one segment of a path.
fn in_path(id: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    match id.bytes().all(|byte| is_plain(&byte)) {
        true => id.to_owned(),
        false => percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string(),
    }
}
