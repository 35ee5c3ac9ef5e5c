//! `dialhook check`: what a configuration means, in lines for a person.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use http::Method;

use super::{ConfigFile, DONE, FAILED, failed};
use crate::call::{Call, SwitchKind};
use crate::config::{Config, in_kib_or_mib};
use crate::dialplan::{self, WrittenStep};
use crate::hook::{
    AllowedUrls, Body, Breaker, Hook, Keeping, Manner, Receiver, RequestFault, Source, nearest,
};
use crate::limits::Limits;
use crate::variable::Accept;

/// Says what was understood, or every fault.
#[expect(clippy::print_stdout, reason = "what was understood is what was asked for")]
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
        lines.iter().for_each(|line| println!("{line}"));
        ExitCode::from(DONE)
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

fn understood(config: &Config, file: &ConfigFile) -> Vec<String> {
    let path = file.path().display();
    let mut lines = vec![match &config.file {
        Some(_) => format!("{path}: no fault, {}", counted(config.hooks.len(), "hook")),
        None => format!("{path}: there is no such file; without one, this holds"),
    }];
    lines.push(match config.listen.asterisk {
        Some(address) => format!("asterisk   AGI(agi://{}/NAME), from {}", reached(address), peers(config)),
        None => "asterisk   not at all".to_owned(),
    });
    lines.push(match config.listen.freeswitch {
        Some(address) => format!("freeswitch socket {}/NAME, from {}", reached(address), peers(config)),
        None => "freeswitch not at all".to_owned(),
    });
    lines.push(match config.listen.observer {
        Some(address) => {
            format!("observer   http://{}/metrics, /health/live, /health/ready", reached(address))
        }
        None => "observer   not at all".to_owned(),
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
    lines.extend(of_limits(&config.limits));
    if config.numbers {
        lines.push("log        telephone numbers whole".to_owned());
    }
    lines.extend(config.hooks.iter().map(|(name, hook)| format!("hook       {name}: {}", of_hook(hook))));
    lines.extend(config.notices.iter().map(|notice| format!("note       {notice}")));
    lines
}

fn of_limits(limits: &Limits) -> Vec<String> {
    let of_a_peer = limits.calls_per_peer.map(|most| format!(", {most} of one address"));
    let mut lines = vec![format!(
        "limits     {} calls at once{}, {} detached requests; {:?} for a word of the switch",
        limits.calls,
        of_a_peer.unwrap_or_default(),
        limits.detached,
        limits.patience
    )];
    let [environment, channel_data, answer] =
        [limits.environment, limits.channel_data, limits.answer].map(in_kib_or_mib);
    lines.push(format!(
        "sizes      an environment of {environment}, channel data of {channel_data}, an answer of {answer} at most"
    ));
    if !limits.drain_notice.is_zero() {
        let notice = limits.drain_notice;
        lines.push(format!("stop       calls are taken for {notice:?} more, while /health/ready says no"));
    }
    lines
}

/// An address as a dialplan writes it.
fn reached(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("THIS-MACHINE:{}", address.port()),
        false => address.to_string(),
    }
}

fn peers(config: &Config) -> String {
    match &config.listen.allow {
        Some(networks) => networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        None => "this machine".to_owned(),
    }
}

fn of_hook(hook: &Hook) -> String {
    let mut parts = vec![asked_at(hook), format!("at most {:?}", hook.timeout.get())];
    parts.push(match (&hook.variable, hook.set.is_empty(), hook.manner.detach) {
        (_, _, true) => "detached: the dialplan does not wait".to_owned(),
        (Some(name), _, false) => format!("the answer into {name}"),
        (None, false, false) => "parts of the answer into variables".to_owned(),
        (None, true, false) => "no variable (notify only, unless the call names one)".to_owned(),
    });
    parts.extend(hook.set.iter().map(of_part));
    parts.extend(
        match (hook.answers.is_empty(), hook.accept, hook.variable.is_some() || !hook.set.is_empty()) {
            (false, _, _) => Some(format!("accepted: {}", hook.answers.join(", "))),
            (true, _, false) => None,
            (true, Accept::Word, true) => Some("accepted: a word".to_owned()),
            (true, Accept::Text, true) => Some("accepted: a text".to_owned()),
            (true, Accept::Any, true) => Some("accepted: anything that the switch can carry".to_owned()),
        },
    );
    if !hook.otherwise.is_empty() {
        parts.push(format!("otherwise {}", hook.otherwise.lossy()));
    }
    if !hook.fetch.is_empty() {
        let names: Vec<_> = hook.fetch.iter().map(ToString::to_string).collect();
        parts.push(format!("fetches {}", names.join(", ")));
    }
    if hook.method == Method::POST {
        parts.extend(
            match hook.body {
                Body::Kwebbl(None) => None,
                Body::Kwebbl(Some(_)) => Some("chosen fields as JSON"),
                Body::Form(None) => Some("a form"),
                Body::Form(Some(_)) => Some("chosen fields as a form"),
                Body::Json(_) => Some("a JSON body of its own"),
            }
            .map(str::to_owned),
        );
    }
    let names: Vec<_> = hook.headers.names().map(ToString::to_string).collect();
    if !names.is_empty() {
        parts.push(format!("headers {}", names.join(", ")));
    }
    parts.extend(
        hook.sign.as_ref().map(|signer| format!("signed with {}", counted(signer.0.len(), "secret"))),
    );
    parts.extend(of_manner(&hook.manner));
    parts.join("; ")
}

fn asked_at(hook: &Hook) -> String {
    let urls: Vec<_> = hook.urls.iter().map(ToString::to_string).collect();
    format!("{} {}", hook.method, urls.join(", then "))
}

fn of_part(part: &Receiver) -> String {
    let source = match &part.source {
        Source::Json(pointer) if pointer.as_str().is_empty() => "the whole JSON".to_owned(),
        Source::Json(pointer) => pointer.as_str().to_owned(),
        Source::Header(name) => format!("the header {name}"),
        Source::Status => "the HTTP status".to_owned(),
    };
    let answers = match part.answers.is_empty() {
        true => String::new(),
        false => format!(" ({})", part.answers.join(", ")),
    };
    let otherwise = part.otherwise.as_ref().map(|text| format!(", otherwise {}", text.lossy()));
    format!("{} from {source}{answers}{}", part.name, otherwise.unwrap_or_default())
}

/// What is not as it is everywhere.
fn of_manner(manner: &Manner) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(tls) = &manner.tls {
        parts.extend(tls.insecure().then(|| "INSECURE: certificates are not verified".to_owned()));
        parts.extend(tls.authorities().map(|_| "trusts the authorities of ca alone".to_owned()));
        parts.extend(tls.identity().map(|_| "shows a certificate of its own".to_owned()));
    }
    if manner.idempotent {
        parts.push("may be sent twice".to_owned());
    }
    match manner.breaker {
        None => parts.push("asked in any case (no breaker)".to_owned()),
        Some(breaker) if breaker == Breaker::default() => {}
        Some(Breaker { failures, probe }) => {
            parts.push(format!("left alone after {failures} failures, tried again every {probe:?}"));
        }
    }
    if let Some(Keeping { fresh, stale }) = manner.cache {
        let stale = if stale.is_zero() { String::new() } else { format!(", {stale:?} longer on failure") };
        parts.push(format!("answers kept {fresh:?}{stale}"));
    }
    match (manner.redirects.most, manner.redirects.hosts.join(", ")) {
        (0, _) => {}
        (most, none) if none.is_empty() => parts.push(format!("follows {most} redirects on the same host")),
        (most, hosts) => parts.push(format!("follows {most} redirects, also to {hosts}")),
    }
    parts
}
