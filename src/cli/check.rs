//! `dialhook check`: what a configuration means, in lines for a person.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{ConfigFile, DONE, FAILED, failed};
use crate::config::Config;
use crate::dialplan::{self, WrittenStep};
use crate::hook::{AllowedUrls, Hook, Policy};
use crate::variable::Accept;

/// Says what was understood, or every fault.
#[expect(clippy::print_stdout, reason = "what was understood is what was asked for")]
pub(super) fn run(file: &ConfigFile, dialplans: &[PathBuf]) -> ExitCode {
    let config = match file.load() {
        Ok(config) => config,
        Err(error) => return failed(FAILED, &error.to_string()),
    };
    let (mut lines, mut faults) = (understood(&config, file), Vec::new());
    for dialplan in dialplans {
        match steps(dialplan, &config.policy()) {
            Ok(good) => {
                lines.push(format!("dialplan   {}: no fault, {good} webhook steps", dialplan.display()))
            }
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() {
        lines.iter().for_each(|line| println!("{line}"));
        ExitCode::from(DONE)
    } else {
        failed(FAILED, &faults.join("\n"))
    }
}

/// How many steps a dialplan holds, or what is wrong with them.
fn steps(file: &Path, policy: &Policy) -> Result<usize, Vec<String>> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| vec![format!("cannot read {name}: {error}")])?;
    let steps =
        dialplan::steps(file, &text).map_err(|(line, fault)| vec![format!("{name}:{line}: {fault}")])?;
    let fault = |step: &WrittenStep| match step.call.as_ref()? {
        Ok(call) => policy.step(call).timeout().err().map(|fault| fault.to_string()),
        Err(fault) => Some((*fault).to_owned()),
    };
    let told = |step: &WrittenStep| Some(format!("{name}:{}: {}: {}", step.line, step.step, fault(step)?));
    match steps.iter().filter_map(told).collect::<Vec<_>>() {
        faults if faults.is_empty() => Ok(steps.len()),
        faults => Err(faults),
    }
}

fn understood(config: &Config, file: &ConfigFile) -> Vec<String> {
    let path = file.path().display();
    let mut lines = vec![match &config.file {
        Some(_) => format!("{path}: no fault, {} hooks", config.hooks.len()),
        None => format!("{path}: there is no such file; without one, this holds"),
    }];
    lines.push(match config.listen.asterisk {
        Some(address) => format!("asterisk   AGI(agi://{address}/NAME), from {}", peers(config)),
        None => "asterisk   not at all".to_owned(),
    });
    lines.push(match config.listen.freeswitch {
        Some(address) => format!("freeswitch socket {address}/NAME, from {}", peers(config)),
        None => "freeswitch not at all".to_owned(),
    });
    lines.push(match &config.urls {
        AllowedUrls::Any => "ad hoc     any URL (every listener is on loopback)".to_owned(),
        AllowedUrls::Prefixes(none) if none.is_empty() => {
            "ad hoc     no URL; calls.urls would allow some".to_owned()
        }
        AllowedUrls::Prefixes(some) => {
            let some: Vec<_> = some.iter().map(crate::hook::shown).collect();
            format!("ad hoc     URLs that begin with {}", some.join(" or "))
        }
    });
    lines.push(format!("limits     {} calls at once", config.calls));
    lines.extend(config.hooks.iter().map(|(name, hook)| format!("hook       {name}: {}", of_hook(hook))));
    lines.extend(config.notices.iter().map(|notice| format!("note       {notice}")));
    lines
}

fn peers(config: &Config) -> String {
    match &config.listen.allow {
        Some(networks) => networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        None => "this machine".to_owned(),
    }
}

fn of_hook(hook: &Hook) -> String {
    let mut parts =
        vec![format!("{} {}", hook.method, hook.url), format!("at most {:?}", hook.timeout.get())];
    parts.push(match &hook.variable {
        Some(name) => format!("the answer into {name}"),
        None => "no variable (notify only, unless the call names one)".to_owned(),
    });
    parts.push(match (hook.answers.is_empty(), hook.accept) {
        (false, _) => format!("accepted: {}", hook.answers.join(", ")),
        (true, Accept::Safe) => "accepted: safe text".to_owned(),
        (true, Accept::Any) => "accepted: anything that the switch can carry".to_owned(),
    });
    if !hook.otherwise.is_empty() {
        parts.push(format!("otherwise {}", hook.otherwise.lossy()));
    }
    if !hook.fetch.is_empty() {
        let names: Vec<_> = hook.fetch.iter().map(ToString::to_string).collect();
        parts.push(format!("fetches {}", names.join(", ")));
    }
    if !hook.headers.is_empty() {
        let names: Vec<_> = hook.headers.keys().map(ToString::to_string).collect();
        parts.push(format!("headers {}", names.join(", ")));
    }
    parts.join("; ")
}
