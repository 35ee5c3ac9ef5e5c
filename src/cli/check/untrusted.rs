//! Finds uses of untrusted values in a dialplan: the answer of a webhook in a command, the name of a caller
//! in a step.
//!
//! Such a use is a notice and not a fault, because a condition or a function of the dialplan may have tested
//! the value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::steps::parameter;
use crate::call::SwitchKind;
use crate::config::Config;
use crate::dialplan::{self, Dialplan, Injection, InjectionKind, StepTarget};
use crate::hook::{Hook, Mapping, Source};
use crate::variable::Accept;

/// The variables that hold a free text, by their names in the dialplan, each with the step that sets it.
type FreeTexts = BTreeMap<String, Origin>;

/// The webhook step whose answer a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// A hook of the configuration, by name.
    Hook(String),
    /// An ad hoc step, by its file and line.
    AdHoc(String),
}

/// Returns every notice of these dialplans, with file and line.
pub(super) fn notices(dialplans: &[(&Path, Dialplan)], config: &Config) -> Vec<String> {
    let everywhere =
        [SwitchKind::Asterisk, SwitchKind::FreeSwitch].map(|switch| free_texts(dialplans, switch, config));
    let mut all = Vec::new();
    for (path, dialplan) in dialplans {
        let switch = dialplan::switch_of(path);
        let [asterisk, freeswitch] = &everywhere;
        let mut texts = match switch {
            SwitchKind::Asterisk => asterisk.clone(),
            SwitchKind::FreeSwitch => freeswitch.clone(),
        };
        prefer_own_steps(&mut texts, path, dialplan, config);
        let mut found: BTreeSet<(usize, String)> = dialplan.notes.iter().cloned().collect();
        found.extend(use_notices(dialplan, switch, texts));
        all.extend(found.into_iter().map(|(line, notice)| format!("{}:{line}: {notice}", path.display())));
    }
    all
}

/// Returns the variables that hold a free text: those of the hooks, and those that the steps of all files
/// name.
fn free_texts(dialplans: &[(&Path, Dialplan)], switch: SwitchKind, config: &Config) -> FreeTexts {
    let of_hooks = config.policy.hooks.iter().flat_map(|(name, hook)| set_by_hook(name, hook, None, switch));
    let of_switch = dialplans.iter().filter(|(path, _)| dialplan::switch_of(path) == switch);
    let of_steps = of_switch.flat_map(|(path, dialplan)| set_by_steps(path, dialplan, config));
    of_hooks.chain(of_steps).filter_map(|(variable, origin)| Some((variable, origin?))).collect()
}

/// Replaces the origin of each variable that the steps of the same file set. A step whose hook is not known
/// may set any variable, so nothing is replaced then.
fn prefer_own_steps(texts: &mut FreeTexts, path: &Path, dialplan: &Dialplan, config: &Config) {
    if dialplan.steps.iter().any(|step| step.target == StepTarget::AnyHook) {
        return;
    }
    let own = set_by_steps(path, dialplan, config);
    for (variable, _) in &own {
        texts.remove(variable);
    }
    texts.extend(own.into_iter().filter_map(|(variable, origin)| Some((variable, origin?))));
}

/// Returns the variables that the steps of a dialplan set, each with its origin if it holds a free text.
fn set_by_steps(path: &Path, dialplan: &Dialplan, config: &Config) -> Vec<(String, Option<Origin>)> {
    let mut all = Vec::new();
    for step in &dialplan.steps {
        let StepTarget::Call(call) = &step.target else { continue };
        let (hook, chosen) = (String::from_utf8_lossy(call.path_and_query().0), parameter(call, "variable"));
        if let Some(configured) = config.policy.hooks.get(&*hook) {
            all.extend(set_by_hook(&hook, configured, chosen.as_deref(), step.switch));
        } else if let Some(variable) = chosen.filter(|_| call.is_ad_hoc()) {
            let origin = Origin::AdHoc(format!("{}:{}", path.display(), step.line));
            let free = ad_hoc_is_free_text(parameter(call, "accept").as_deref());
            all.push((dialplan_name(&variable, step.switch), free.then_some(origin)));
        }
    }
    all
}

/// Returns the variables that a hook sets. `chosen` is the variable that the call names.
fn set_by_hook(
    name: &str,
    hook: &Hook,
    chosen: Option<&str>,
    switch: SwitchKind,
) -> Vec<(String, Option<Origin>)> {
    let origin = |part| is_free_text(hook, part).then(|| Origin::Hook(name.to_owned()));
    let whole = chosen.or(hook.variable.as_ref().map(|variable| variable.as_str()));
    let whole = whole.map(|variable| (dialplan_name(variable, switch), origin(None)));
    let parts = hook.set.iter().map(|part| (dialplan_name(part.name.as_str(), switch), origin(Some(part))));
    whole.into_iter().chain(parts).collect()
}

/// Returns the name by which the dialplan reads a variable. Asterisk removes `_` and `__`, and FreeSWITCH
/// ignores case.
fn dialplan_name(variable: &str, switch: SwitchKind) -> String {
    match switch {
        SwitchKind::Asterisk => {
            let once = variable.strip_prefix('_').unwrap_or(variable);
            once.strip_prefix('_').unwrap_or(once).to_owned()
        }
        SwitchKind::FreeSwitch => variable.to_ascii_lowercase(),
    }
}

/// True if the webhook chooses the text freely: neither a list of answers nor `accept = "word"` limits it.
/// `part` is a variable of `set`; `None` is the variable of the whole answer.
fn is_free_text(hook: &Hook, part: Option<&Mapping>) -> bool {
    let listed = !hook.answers.is_empty() || part.is_some_and(|part| !part.answers.is_empty());
    let status = part.is_some_and(|part| part.source == Source::Status);
    let accept = part.and_then(|part| part.accept).unwrap_or(hook.accept);
    !listed && !status && allows_free_text(accept)
}

fn allows_free_text(accept: Accept) -> bool {
    match accept {
        Accept::Word => false,
        Accept::Text | Accept::Any => true,
    }
}

/// True if an ad hoc step with this `accept` lets the webhook choose the text freely.
fn ad_hoc_is_free_text(accept: Option<&str>) -> bool {
    accept == Some("text") || accept.is_none() && allows_free_text(Accept::default())
}

/// Returns the notices of one dialplan, each with its line.
fn use_notices(dialplan: &Dialplan, switch: SwitchKind, mut texts: FreeTexts) -> Vec<(usize, String)> {
    let from_callers = follow_copies(dialplan, &mut texts);
    let mut notices = Vec::new();
    for found in &dialplan.injections {
        let origin = texts.get(&found.variable);
        let is_untrusted = origin.is_some() || found.caller_chosen || from_callers.contains(&found.variable);
        let notice = match (found.kind, origin) {
            (InjectionKind::Command, Some(origin)) => command_notice(found, origin),
            (InjectionKind::Parameter, _) if is_untrusted => parameter_notice(found, switch),
            (InjectionKind::Command | InjectionKind::Parameter, _) => continue,
        };
        notices.push((found.line, format!("{}: {notice}", found.application)));
    }
    notices
}

/// Adds the copies of free texts to `texts`. Returns the variables that hold a copy of a value that a caller
/// chooses.
fn follow_copies(dialplan: &Dialplan, texts: &mut FreeTexts) -> BTreeSet<String> {
    let mut from_callers = BTreeSet::new();
    loop {
        let before = (texts.len(), from_callers.len());
        for copied in &dialplan.copies {
            if let Some(origin) = texts.get(&copied.from).cloned() {
                texts.entry(copied.to.clone()).or_insert(origin);
            }
            if copied.caller_chosen || from_callers.contains(&copied.from) {
                from_callers.insert(copied.to.clone());
            }
        }
        // another round finds the copies of these copies
        if before == (texts.len(), from_callers.len()) {
            return from_callers;
        }
    }
}

fn command_notice(found: &Injection, origin: &Origin) -> String {
    let (whose, remedy) = match origin {
        Origin::Hook(name) => {
            (format!("[hook.{name}]"), format!("give [hook.{name}] answers = [\"…\"], or accept = \"word\""))
        }
        Origin::AdHoc(step) => (
            format!("the ad hoc step in {step}"),
            "compare it with the expected words, or configure a hook with answers".to_owned(),
        ),
    };
    let written = &found.expression;
    format!(
        "{written} is a free text of {whose}, and could become a command or another destination here; {remedy}"
    )
}

fn parameter_notice(found: &Injection, switch: SwitchKind) -> String {
    let (encoding, harm) = match switch {
        SwitchKind::Asterisk => ("URIENCODE", "a comma, a quote or a line feed in it would change the step"),
        SwitchKind::FreeSwitch => ("url_encode", "a & or # in it would change the url"),
    };
    let written = &found.expression;
    format!("{written} comes from outside, and {harm}; write ${{{encoding}({written})}}")
}
