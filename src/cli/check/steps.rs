//! What is wrong with a step of a dialplan, and what would be right.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use percent_encoding::percent_decode;

use crate::call::{Call, Field, SwitchKind};
use crate::cli::ConfigFile;
use crate::config::Config;
use crate::dialplan::WrittenStep;
use crate::hook::{RequestFault, nearest};

/// Returns what is wrong with a step. What no server could be meant by is wrong wherever the step goes.
pub(super) fn fault(step: &WrittenStep, config: &Config, file: &ConfigFile) -> Option<String> {
    match &step.call {
        Some(Err(fault)) => Some(fault.clone()),
        _ if wrong_port(step, config).is_some() => wrong_port(step, config),
        Some(Ok(call)) if is_for_this_daemon(step, config) => call_fault(call, config, file),
        Some(Ok(_)) | None => None,
    }
}

/// True if a step can be meant for this daemon: one for another port, or another machine's address, is not.
pub(super) fn is_for_this_daemon(step: &WrittenStep, config: &Config) -> bool {
    let [ours, _] = listeners(step.switch, config);
    ours.is_none_or(|listener| step.port.is_none_or(|port| port == listener.port()))
        && is_for_this_machine(step, config)
}

fn is_for_this_machine(step: &WrittenStep, config: &Config) -> bool {
    let elsewhere = step.host.parse::<IpAddr>().is_ok_and(|host| !host.is_loopback());
    !(elsewhere && config.listen.only_loopback())
}

/// A step at the port of the other switch: each would wait for the other's first word.
fn wrong_port(step: &WrittenStep, config: &Config) -> Option<String> {
    let [ours, theirs] = listeners(step.switch, config).map(|listener| listener.map(|it| it.port()));
    let port = step.port.filter(|port| Some(*port) != ours && Some(*port) == theirs)?;
    let (switch, other) = match step.switch {
        SwitchKind::Asterisk => ("Asterisk", "FreeSWITCH"),
        SwitchKind::FreeSwitch => ("FreeSWITCH", "Asterisk"),
    };
    let right = ours.map_or_else(String::new, |ours| format!("; write {ours}"));
    is_for_this_machine(step, config).then(|| format!("{other} connects to port {port}, not {switch}{right}"))
}

/// Where this switch connects to, and where the other one does.
fn listeners(switch: SwitchKind, config: &Config) -> [Option<SocketAddr>; 2] {
    match switch {
        SwitchKind::Asterisk => [config.listen.asterisk, config.listen.freeswitch],
        SwitchKind::FreeSwitch => [config.listen.freeswitch, config.listen.asterisk],
    }
}

/// What is wrong with a step for us, with what would be right among the hooks that there are.
fn call_fault(call: &Call, config: &Config, file: &ConfigFile) -> Option<String> {
    let url = parameter(call, "url").filter(|_| call.is_ad_hoc());
    if let Some(fault) = url.and_then(|url| ad_hoc_url_fault(&url)) {
        return Some(fault);
    }
    let fault = config.policy().step(call).timeout().err()?;
    let names: Vec<_> = config.hooks.keys().map(String::as_str).collect();
    let (path, _) = call.path_and_query();
    let near = nearest(&String::from_utf8_lossy(path), names.iter().copied());
    Some(match (fault, near) {
        (RequestFault::NoSuchHook, _) if config.file.is_none() => format!(
            "there is no such hook, because there is no file {}; make it, or name another with --config",
            file.path().display()
        ),
        (RequestFault::NoSuchHook, _) if names.is_empty() => {
            "there is no such hook, nor any other; add a table [hook.NAME], or name the file with --config"
                .to_owned()
        }
        (RequestFault::NoSuchHook, Some(near)) => format!("there is no such hook; did you mean {near}?"),
        (RequestFault::NoSuchHook, None) => format!("there is no such hook; there are: {}", names.join(", ")),
        (fault, _) => fault.to_string(),
    })
}

/// What cannot be meant by the URL of an ad hoc step.
fn ad_hoc_url_fault(url: &str) -> Option<String> {
    if url.contains('#') {
        return Some("a # ends the url, and what stands behind it is never sent; write %23".to_owned());
    }
    let names = url.split('{').skip(1).filter_map(|behind| Some(behind.split_once('}')?.0));
    let placeholder = names.into_iter().find(|name| {
        name.starts_with("variables.") || Field::ALL.iter().any(|field| field.name() == *name)
    })?;
    Some(format!(
        "{{{placeholder}}} would be sent as it stands; only the url of a configured hook has placeholders: \
         write [hook.NAME], or an expression of the dialplan"
    ))
}

/// Returns what a call says for this parameter, in the query of its address or beside it.
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
    fn a_url_that_cannot_be_meant_is_told_with_the_remedy() {
        let told = |url: &str| ad_hoc_url_fault(url).unwrap_or_default();
        assert!(told("http://h/?to=#21#&from=1").ends_with("write %23"));
        assert!(
            told("http://h/?n={caller_number}").starts_with("{caller_number} would be sent as it stands; ")
        );
        assert!(told("http://h/?n={variables.ACCOUNT}").contains("write [hook.NAME]"));
        for url in ["http://h/?to=%2321%23", "http://h/?a={\"b\":1}", "http://h/{x}"] {
            assert_eq!(ad_hoc_url_fault(url), None, "{url}");
        }
    }
}
