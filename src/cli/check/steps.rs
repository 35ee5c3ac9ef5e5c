//! Finds the faults of a step of a dialplan, with what would be right.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use percent_encoding::percent_decode;

use crate::call::{Call, Field, SwitchKind};
use crate::cli::ConfigFile;
use crate::config::Config;
use crate::dialplan::{DialplanStep, StepTarget};
use crate::hook::{RequestFault, nearest};
use crate::switch;

/// Returns the fault of a step, if it has one. A step that no server can serve is a fault even if it is for
/// another server.
pub(super) fn fault(step: &DialplanStep, config: &Config, file: &ConfigFile) -> Option<String> {
    if let StepTarget::Fault(fault) = &step.target {
        return Some(fault.clone());
    }
    if let Some(fault) = wrong_port(step, config) {
        return Some(fault);
    }
    match &step.target {
        StepTarget::Call(call) if is_for_this_daemon(step, config) => call_fault(call, config, file),
        StepTarget::Call(_) | StepTarget::Fault(_) | StepTarget::AnyHook => None,
    }
}

/// True if a step can be for this daemon. A step for another port, or for the address of another machine, is
/// not.
pub(super) fn is_for_this_daemon(step: &DialplanStep, config: &Config) -> bool {
    let [ours, _] = listeners(step.switch, config);
    ours.is_none_or(|listener| step.port.is_none_or(|port| port == listener.port()))
        && is_for_this_machine(step, config)
}

fn is_for_this_machine(step: &DialplanStep, config: &Config) -> bool {
    let elsewhere = step.host.parse::<IpAddr>().is_ok_and(|host| !host.is_loopback());
    !(elsewhere && config.listen.only_loopback())
}

/// Returns a fault if the step goes to the port of the other switch. Both sides would wait for the other to
/// speak first.
fn wrong_port(step: &DialplanStep, config: &Config) -> Option<String> {
    let [ours, theirs] = listeners(step.switch, config).map(|listener| listener.map(|it| it.port()));
    let port = step.port.filter(|port| Some(*port) != ours && Some(*port) == theirs)?;
    let (switch, other) = match step.switch {
        SwitchKind::Asterisk => ("Asterisk", "FreeSWITCH"),
        SwitchKind::FreeSwitch => ("FreeSWITCH", "Asterisk"),
    };
    let right = ours.map_or_else(String::new, |ours| format!("; write {ours}"));
    is_for_this_machine(step, config).then(|| format!("{other} connects to port {port}, not {switch}{right}"))
}

/// Returns the listener of this switch, and that of the other one.
fn listeners(switch: SwitchKind, config: &Config) -> [Option<SocketAddr>; 2] {
    match switch {
        SwitchKind::Asterisk => [config.listen.asterisk, config.listen.freeswitch],
        SwitchKind::FreeSwitch => [config.listen.freeswitch, config.listen.asterisk],
    }
}

/// Returns the fault of a step that is for this daemon, with the nearest name of a hook.
fn call_fault(call: &Call, config: &Config, file: &ConfigFile) -> Option<String> {
    let url = parameter(call, "url").filter(|_| call.is_ad_hoc());
    if let Some(fault) = url.and_then(|url| ad_hoc_url_fault(&url)) {
        return Some(fault);
    }
    let fault = config.policy.step(call, switch::can_carry(call.switch)).timeout().err()?;
    let names: Vec<_> = config.policy.hooks.keys().map(String::as_str).collect();
    let (path, _) = call.path_and_query();
    let near = nearest(&String::from_utf8_lossy(path), names.iter().copied());
    Some(match (fault, near) {
        (RequestFault::NoSuchHook, _) if config.file.is_none() => format!(
            "no such hook, because the file {} does not exist; create it, or name another file with --config",
            file.path().display()
        ),
        (RequestFault::NoSuchHook, _) if names.is_empty() => {
            "no such hook, and the configuration has no hooks; add a table [hook.NAME], or name another file with --config"
                .to_owned()
        }
        (RequestFault::NoSuchHook, Some(near)) => format!("no such hook; did you mean {near}?"),
        (RequestFault::NoSuchHook, None) => format!("no such hook; write one of {}", names.join(", ")),
        (fault, _) => fault.to_string(),
    })
}

/// Returns the fault of the URL of an ad hoc step, if it has one.
fn ad_hoc_url_fault(url: &str) -> Option<String> {
    if url.contains('#') {
        return Some("a # ends the url, and the text after it is never sent; write %23".to_owned());
    }
    let names = url.split('{').skip(1).filter_map(|behind| Some(behind.split_once('}')?.0));
    let placeholder = names.into_iter().find(|name| {
        name.starts_with("variables.") || Field::ALL.iter().any(|field| field.name() == *name)
    })?;
    Some(format!(
        "{{{placeholder}}} would be sent literally, because an ad hoc url has no placeholders; \
         write [hook.NAME], or an expression of the dialplan"
    ))
}

/// Returns the value of a parameter of a step, from the query of its address or from its arguments.
pub(super) fn parameter(call: &Call, name: &str) -> Option<String> {
    let (_, query) = call.path_and_query();
    let in_query = query.split(|byte| *byte == b'&').filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let decoded = |bytes| String::from_utf8_lossy(&Cow::from(percent_decode(bytes))).into_owned();
        Some((decoded(pair.get(..at)?), decoded(pair.get(at + 1..)?)))
    });
    let beside = call.parameters.iter().map(|p| (p.name.lossy().into_owned(), p.value.lossy().into_owned()));
    in_query.chain(beside).find(|(said, _)| said.trim() == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ad_hoc_url_with_a_fragment_or_a_placeholder_is_a_fault() {
        let told = |url: &str| ad_hoc_url_fault(url).unwrap_or_default();
        assert!(told("http://h/?to=#21#&from=1").ends_with("write %23"));
        assert!(told("http://h/?n={caller_number}").starts_with("{caller_number} would be sent literally"));
        assert!(told("http://h/?n={variables.ACCOUNT}").contains("write [hook.NAME]"));
        for url in ["http://h/?to=%2321%23", "http://h/?a={\"b\":1}", "http://h/{x}"] {
            assert_eq!(ad_hoc_url_fault(url), None, "{url}");
        }
    }
}
