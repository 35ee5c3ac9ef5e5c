//! `dialhook check`: what a configuration means, or every fault of it and of the steps of a dialplan.

mod understood;

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::understood::understood;
use super::{ConfigFile, DONE, FAILED, ended, failed, print};
use crate::call::{Call, SwitchKind};
use crate::config::Config;
use crate::dialplan::{self, WrittenStep};
use crate::hook::{RequestFault, nearest};

/// Says what was understood, or every fault.
pub(super) fn run(file: &ConfigFile, dialplans: &[PathBuf]) -> ExitCode {
    let config = match file.load_once() {
        Ok(config) => config,
        Err(error) => return failed(FAILED, &error.to_string()),
    };
    let (mut lines, mut faults) = (understood(&config, file), Vec::new());
    for dialplan in dialplans {
        match steps(dialplan, &config) {
            Ok(Found { good, others, included }) => {
                let good = counted(good, "webhook step");
                let others = match others {
                    0 => String::new(),
                    others => {
                        format!(" ({} for other servers or ports not looked at)", counted(others, "step"))
                    }
                };
                let included = match included {
                    0 => String::new(),
                    _ => "; what it includes was not looked at: name those files too".to_owned(),
                };
                lines.push(format!("dialplan   {}: no fault, {good}{others}{included}", dialplan.display()));
            }
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() {
        ended(print(&(lines.join("\n") + "\n")), DONE)
    } else {
        failed(FAILED, &faults.join("\n"))
    }
}

/// What a dialplan holds: steps for us and for others, and lines that include other files.
struct Found {
    good: usize,
    others: usize,
    included: usize,
}

/// What a dialplan holds, or what is wrong with our steps.
fn steps(file: &Path, config: &Config) -> Result<Found, Vec<String>> {
    let name = file.display();
    if file.extension().is_some_and(|ending| ending == "toml") {
        return Err(vec![format!("{name}: a configuration, not a dialplan; write --config {name}")]);
    }
    let text = fs::read_to_string(file).map_err(|error| vec![format!("cannot read {name}: {error}")])?;
    let steps =
        dialplan::steps(file, &text).map_err(|(line, fault)| vec![format!("{name}:{line}: {fault}")])?;
    let ours: Vec<_> = steps.iter().filter(|step| is_ours(step, config)).collect();
    let wrong = |step: &WrittenStep| match crossed(step, config) {
        Some(fault) => Some(fault),
        None => ours.contains(&step).then(|| fault(step.call.as_ref()?, config))?,
    };
    let told = |step: &WrittenStep| Some(format!("{name}:{}: {}: {}", step.line, step.step, wrong(step)?));
    match steps.iter().filter_map(told).collect::<Vec<_>>() {
        faults if faults.is_empty() => {
            let includes =
                |line: &&str| ["#include", "#tryinclude"].iter().any(|word| line.starts_with(word));
            let included = text.lines().filter(includes).count();
            Ok(Found { good: ours.len(), others: steps.len() - ours.len(), included })
        }
        faults => Err(faults),
    }
}

/// Whether a step can be meant for this daemon: one for another port, or another machine's address, is not.
fn is_ours(step: &WrittenStep, config: &Config) -> bool {
    let [ours, _] = listeners(step.switch, config);
    ours.is_none_or(|listener| step.port.is_none_or(|port| port == listener.port())) && is_here(step, config)
}

fn is_here(step: &WrittenStep, config: &Config) -> bool {
    let elsewhere = step.host.parse::<IpAddr>().is_ok_and(|host| !host.is_loopback());
    !(elsewhere && config.listen.only_loopback())
}

/// A step at the port of the other switch: each would wait for the other's first word.
fn crossed(step: &WrittenStep, config: &Config) -> Option<String> {
    let [ours, theirs] = listeners(step.switch, config).map(|listener| listener.map(|it| it.port()));
    let port = step.port.filter(|port| Some(*port) != ours && Some(*port) == theirs)?;
    let (switch, other) = match step.switch {
        SwitchKind::Asterisk => ("Asterisk", "FreeSWITCH"),
        SwitchKind::FreeSwitch => ("FreeSWITCH", "Asterisk"),
    };
    let right = ours.map_or_else(String::new, |ours| format!("; write {ours}"));
    is_here(step, config).then(|| format!("{other} connects to port {port}, not {switch}{right}"))
}

/// Where this switch connects to, and where the other one does.
fn listeners(switch: SwitchKind, config: &Config) -> [Option<SocketAddr>; 2] {
    match switch {
        SwitchKind::Asterisk => [config.listen.asterisk, config.listen.freeswitch],
        SwitchKind::FreeSwitch => [config.listen.freeswitch, config.listen.asterisk],
    }
}

/// What is wrong with a step, with what would be right among the hooks that there are.
fn fault(call: &Result<Call, &'static str>, config: &Config) -> Option<String> {
    let call = match call {
        Ok(call) => call,
        Err(fault) => return Some((*fault).to_owned()),
    };
    let fault = config.policy().step(call).timeout().err()?;
    let names: Vec<_> = config.hooks.keys().map(String::as_str).collect();
    let (path, _) = call.path_and_query();
    let near = nearest(&String::from_utf8_lossy(path), names.iter().copied());
    Some(match (fault, near) {
        (RequestFault::NoSuchHook, _) if names.is_empty() => {
            "there is no such hook, nor any other; add a table [hook.NAME], or name the file with --config"
                .to_owned()
        }
        (RequestFault::NoSuchHook, Some(near)) => format!("there is no such hook; did you mean {near}?"),
        (RequestFault::NoSuchHook, None) => format!("there is no such hook; there are: {}", names.join(", ")),
        (fault, _) => fault.to_string(),
    })
}

fn counted(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
