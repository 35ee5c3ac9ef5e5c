//! What a dialplan does with values that strangers choose: a hook's answer in a command, a caller's name in a step.
//!
//! A notice, never a fault: what a condition or a function of the dialplan has tested is not all known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::steps::said;
use crate::call::{AD_HOC, SwitchKind};
use crate::config::Config;
use crate::dialplan::{self, Dialplan, Role, Use};
use crate::hook::{Hook, Receiver, Source};
use crate::variable::Accept;

/// Variables by the name that a dialplan has for them, and the webhook that chooses their text.
type Texts = BTreeMap<String, Origin>;

/// Whose answer a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// A configured hook's.
    Hook(String),
    /// An ad hoc step's, in this line.
    AdHoc(usize),
}

/// Returns every notice of these dialplans, with file and line.
pub(super) fn notices(dialplans: &[(&Path, Dialplan)], config: &Config) -> Vec<String> {
    let texts = [SwitchKind::Asterisk, SwitchKind::FreeSwitch].map(|switch| {
        let of_switch = dialplans.iter().filter(|(path, _)| dialplan::switch_of(path) == switch);
        (switch, texts(of_switch.map(|(_, dialplan)| dialplan), switch, config))
    });
    let mut all = Vec::new();
    for (path, dialplan) in dialplans {
        let switch = dialplan::switch_of(path);
        let texts = texts.iter().find(|(of, _)| *of == switch).map(|(_, texts)| texts.clone());
        let mut found: BTreeSet<(usize, String)> = dialplan.notices.iter().cloned().collect();
        found.extend(of_uses(dialplan, switch, texts.unwrap_or_default()));
        all.extend(found.into_iter().map(|(line, notice)| format!("{}:{line}: {notice}", path.display())));
    }
    all
}

/// The variables that hold a free text: those of the hooks, and those that the steps choose.
fn texts<'d>(dialplans: impl Iterator<Item = &'d Dialplan>, switch: SwitchKind, config: &Config) -> Texts {
    let mut texts = Texts::new();
    for (name, hook) in &config.hooks {
        let parts = hook.set.iter().filter(|part| is_free_text(hook, Some(part))).map(|part| &part.name);
        let whole = hook.variable.iter().filter(|_| is_free_text(hook, None));
        for variable in whole.chain(parts) {
            texts.insert(named(variable.bare(), switch), Origin::Hook(name.clone()));
        }
    }
    for step in dialplans.flat_map(|dialplan| &dialplan.steps) {
        let Some(Ok(call)) = &step.call else { continue };
        let Some(variable) = said(call, "variable") else { continue };
        let (path, _) = call.path_and_query();
        let name = String::from_utf8_lossy(path);
        let origin = match config.hooks.get(&*name) {
            Some(hook) => is_free_text(hook, None).then(|| Origin::Hook(name.into_owned())),
            None => (call.is_ad_hoc() && ad_hoc_is_free_text(said(call, "accept").as_deref()))
                .then_some(Origin::AdHoc(step.line)),
        };
        texts.extend(origin.map(|origin| (named(variable.trim_start_matches('_'), switch), origin)));
    }
    texts
}

/// FreeSWITCH compares names without regard to case.
fn named(variable: &str, switch: SwitchKind) -> String {
    match switch {
        SwitchKind::Asterisk => variable.to_owned(),
        SwitchKind::FreeSwitch => variable.to_ascii_lowercase(),
    }
}

/// True if the webhook chooses the text of a hook's variable, or of a part of the answer, and no list of answers or rule
/// of words bounds it.
fn is_free_text(hook: &Hook, part: Option<&Receiver>) -> bool {
    let listed = !hook.answers.is_empty() || part.is_some_and(|part| !part.answers.is_empty());
    let status = part.is_some_and(|part| part.source == Source::Status);
    let accept = part.and_then(|part| part.accept).unwrap_or(hook.accept);
    !listed && !status && lets_texts_in(accept)
}

/// True if an answer may be more than one word.
fn lets_texts_in(accept: Accept) -> bool {
    match accept {
        Accept::Word => false,
        Accept::Text | Accept::Any => true,
    }
}

/// The same of an ad hoc step that says this for `accept`.
fn ad_hoc_is_free_text(accept: Option<&str>) -> bool {
    accept == Some("text") || accept.is_none() && lets_texts_in(Accept::default())
}

/// The notices of one dialplan.
fn of_uses(dialplan: &Dialplan, switch: SwitchKind, mut texts: Texts) -> Vec<(usize, String)> {
    let mut callers = BTreeSet::new();
    // a copy of a copy is one, too
    loop {
        let before = (texts.len(), callers.len());
        for copied in &dialplan.copies {
            if let Some(origin) = texts.get(&copied.from).cloned() {
                texts.entry(copied.to.clone()).or_insert(origin);
            }
            if copied.callers || callers.contains(&copied.from) {
                callers.insert(copied.to.clone());
            }
        }
        if before == (texts.len(), callers.len()) {
            break;
        }
    }
    let told = |found: &Use| {
        let origin = texts.get(&found.name);
        let strange = found.callers || callers.contains(&found.name) || origin.is_some();
        let notice = match (found.role, origin) {
            (Role::Command, Some(origin)) => Some(command(found, origin)),
            (Role::Parameter, _) if strange => Some(parameter(found, switch)),
            (Role::Command | Role::Parameter, _) => None,
        };
        notice.map(|notice| (found.line, format!("{}: {notice}", found.place)))
    };
    dialplan.uses.iter().filter_map(told).collect()
}

fn command(found: &Use, origin: &Origin) -> String {
    let (whose, remedy) = match origin {
        Origin::Hook(name) => (
            format!("[hook.{name}]"),
            format!("give [hook.{name}] answers = [\"…\"], or accept = \"word\""),
        ),
        Origin::AdHoc(line) => (
            format!("the {AD_HOC} of line {line}"),
            "compare it with the words that you expect, or name the hook in the configuration and give it answers"
                .to_owned(),
        ),
    };
    let written = &found.written;
    format!(
        "{written} is a free text of {whose}, and can become a command or another destination here; {remedy}"
    )
}

fn parameter(found: &Use, switch: SwitchKind) -> String {
    let (encoding, harm) = match switch {
        SwitchKind::Asterisk => ("URIENCODE", "a comma, a quote or a line feed in it changes the step"),
        SwitchKind::FreeSwitch => ("url_encode", "a & or # in it changes the url"),
    };
    let written = &found.written;
    format!("a stranger chooses {written}, and {harm}; write ${{{encoding}({written})}}")
}
