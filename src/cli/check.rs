//! `dialhook check`: shows the meaning of a configuration, or every fault of it and of the steps of
//! dialplans.

mod steps;
mod untrusted;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::steps::{fault, is_for_this_daemon};
use self::untrusted::notices;
use super::{ConfigFile, DONE, FAILED, exit_status, fail, print};
use crate::config::{self, Config, counted};
use crate::dialplan::{self, Dialplan};
use crate::files;

/// Prints the meaning and the notes, or the faults. A note does not change the exit status.
pub(super) fn run(file: &ConfigFile, paths: &[PathBuf]) -> ExitCode {
    let config = match file.load_once() {
        Ok(config) => config,
        Err(error) => return fail(FAILED, &error.to_string()),
    };
    let (mut dialplans, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        match read_dialplan(path) {
            Ok(dialplan) => dialplans.push((path.as_path(), dialplan)),
            Err(fault) => faults.push(fault),
        }
    }
    for (path, dialplan) in &dialplans {
        faults.extend(step_faults(path, dialplan, &config, file));
    }
    let mut lines = Vec::new();
    if faults.is_empty() {
        lines = config::summary(&config, file.path());
        lines.extend(dialplans.iter().map(|(path, dialplan)| dialplan_line(path, dialplan, &config)));
    }
    let notices = notices(&dialplans, &config);
    lines.extend(notices.iter().map(|notice| format!("note       {notice}")));
    let printed = print(&lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    if faults.is_empty() {
        return exit_status(printed, DONE);
    }
    fail(FAILED, &faults.join("\n"));
    exit_status(printed, FAILED)
}

/// Reads a dialplan. Bytes that are not UTF-8 are allowed, because old dialplans have comments in Latin-1.
///
/// # Errors
/// Returns the text of a fault if the file cannot be read or is not a dialplan.
fn read_dialplan(file: &Path) -> Result<Dialplan, String> {
    let name = file.display();
    if file.extension().is_some_and(|ending| ending == "toml") {
        return Err(format!("{name}: a configuration, not a dialplan; write --config {name}"));
    }
    let bytes = files::read_any(file, LONGEST).map_err(|error| match error.kind() {
        ErrorKind::IsADirectory => format!("{name}: a folder; name the files in it"),
        ErrorKind::InvalidData => format!("{name}: {error}; save it in UTF-8"),
        ErrorKind::NotFound => format!("cannot read {name}: {error}; correct its name"),
        _ => format!("cannot read {name}: {error}"),
    })?;
    let read = dialplan::read(file, &String::from_utf8_lossy(&bytes));
    read.map_err(|(line, fault)| format!("{name}:{line}: {fault}"))
}

/// The longest dialplan that is read, in bytes. A large generated one has some MiB.
const LONGEST: usize = 64 * 1024 * 1024;

/// Returns the faults of the steps of a dialplan.
fn step_faults(path: &Path, dialplan: &Dialplan, config: &Config, file: &ConfigFile) -> Vec<String> {
    let mut faults = Vec::new();
    for step in &dialplan.steps {
        if let Some(fault) = fault(step, config, file) {
            faults.push(format!("{}:{}: {}: {fault}", path.display(), step.line, step.step));
        }
    }
    // the hosts of one address can have the same fault
    faults.dedup();
    faults
}

/// Returns the line about a dialplan: the number of its steps, and of those that were not checked.
fn dialplan_line(path: &Path, dialplan: &Dialplan, config: &Config) -> String {
    let good = dialplan.steps.iter().filter(|step| is_for_this_daemon(step, config)).count();
    let others = match dialplan.steps.len() - good {
        0 => String::new(),
        others => format!(" ({} for other servers or ports not checked)", counted(others, "step")),
    };
    let included = match dialplan.includes {
        false => "",
        true => "; included files were not checked: name them too",
    };
    format!("dialplan   {}: no fault, {}{others}{included}", path.display(), counted(good, "webhook step"))
}
