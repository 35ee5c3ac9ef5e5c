//! An XML dialplan of FreeSWITCH: the application `socket`, the `webhook_*` variables set before it, and what its
//! applications do with values.

mod condition;
mod socket;

use roxmltree::{Document, Node};

use self::condition::{captured, guarded};
use self::socket::{address_fault, broadcast, of_events};
use super::expansion::references;
use super::{Copied, Dialplan, Role, Use, WrittenStep, address, parameter, shown};
use crate::call::{Call, Parameter, SwitchKind};
use crate::switch::esl;
use crate::variable::Value;

/// What a text holds. An address with several hosts makes a step for each path in it.
pub(super) fn read(text: &str) -> Result<Dialplan, (usize, String)> {
    let document = Document::parse(text).map_err(|fault| {
        let line = usize::try_from(fault.pos().row).unwrap_or(1);
        (line, format!("not well-formed XML: {fault}"))
    })?;
    let mut dialplan = Dialplan::default();
    for node in document.descendants().filter(Node::is_element) {
        let mut reader = Reader { node, line: line_of(&document, node), dialplan: &mut dialplan };
        match node.tag_name().name() {
            "action" | "anti-action" => reader.action(),
            name => {
                reader.dialplan.includes |=
                    name == "X-PRE-PROCESS" && node.attribute("cmd") == Some("include");
                let values = node.attributes().map(|attribute| attribute.value());
                values.for_each(|value| reader.text(value, value));
            }
        }
    }
    Ok(dialplan)
}

fn line_of(document: &Document<'_>, node: Node<'_, '_>) -> usize {
    usize::try_from(document.text_pos_at(node.range().start).row).unwrap_or(1)
}

fn is_action(node: Node<'_, '_>, application: &str) -> bool {
    matches!(node.tag_name().name(), "action" | "anti-action")
        && node.attribute("application") == Some(application)
}

/// The argument of an action: its text, else its attribute (`mod_dialplan_xml.c`, `parse_exten`).
fn data_of<'a>(action: Node<'a, '_>) -> &'a str {
    let text = action.text().map(str::trim).filter(|text| !text.is_empty());
    text.or(action.attribute("data")).unwrap_or_default()
}

/// One element, and where to tell of it.
struct Reader<'r, 'a, 'input> {
    node: Node<'a, 'input>,
    line: usize,
    dialplan: &'r mut Dialplan,
}

impl Reader<'_, '_, '_> {
    fn action(&mut self) {
        let (application, data) =
            (self.node.attribute("application").unwrap_or_default(), data_of(self.node));
        let place = format!("{application} {data}");
        match application {
            "socket" => self.socket(data),
            "set" | "export" => self.assignment(&place, data),
            command if COMMANDS.contains(&command) => self.uses(&place, data, Role::Command),
            _ => {}
        }
        self.text(&place, data);
    }

    fn socket(&mut self, data: &str) {
        let inline = self.node.attribute("inline").is_some_and(is_true);
        let fault = match inline {
            true => {
                Some("FreeSWITCH cannot run socket inline and leaves it out; take inline away".to_owned())
            }
            false => deadly(data, &set_before(self.node)).map(str::to_owned),
        };
        self.steps(data, &format!("socket {data}"), fault.or_else(|| address_fault(data)));
        self.uses(&format!("socket {data}"), data, Role::Parameter);
    }

    /// The steps that this argument of `socket` makes.
    fn steps(&mut self, data: &str, written: &str, fault: Option<String>) {
        let parameters = parameters(&set_before(self.node));
        for (host, port, path) in esl::socket_targets(data) {
            let (hook, address) = address(&path);
            let call = match &fault {
                Some(fault) => Some(Err(fault.clone())),
                None => (!hook.contains('$')).then(|| {
                    Ok(Call::unknown(SwitchKind::FreeSwitch, Value::from(address), parameters.clone()))
                }),
            };
            let (switch, line, step) = (SwitchKind::FreeSwitch, self.line, shown(written));
            self.dialplan.steps.push(WrittenStep { switch, line, host, port: Some(port), call, step });
        }
    }

    /// Reads the argument of `set`.
    fn assignment(&mut self, place: &str, data: &str) {
        let Some((name, value)) = data.split_once('=') else { return };
        let name =
            name.trim().trim_start_matches("nolocal:").trim_start_matches("_nolocal_").to_ascii_lowercase();
        if RUN_LATER.iter().any(|beginning| name.starts_with(beginning)) {
            self.uses(place, value, Role::Command);
        } else if name == "webhook_url" {
            self.uses(place, value, Role::Parameter);
        }
        for Use { name: from, callers, .. } in self.found(place, value, Role::Command) {
            self.dialplan.copies.push(Copied { to: name.clone(), from, callers });
        }
    }

    /// What holds for any text: functions that run what they are given, and sockets that run on something else's behalf.
    fn text(&mut self, place: &str, text: &str) {
        for reference in references(text) {
            let running = reference.arguments.filter(|_| !HARMLESS.contains(&reference.name));
            if let Some(arguments) = running {
                self.uses(place, arguments, Role::Command);
            }
        }
        let mut notices = Vec::from_iter(broadcast(text).then(|| {
            "an async socket on a call that somebody else controls may end it when the webhook answers; leave async out"
                .to_owned()
        }));
        for (event, argument) in of_events(text) {
            self.steps(argument, &format!("{event}=socket {argument}"), address_fault(argument));
            if is_async(argument) {
                notices.push(format!(
                    "{event} runs on a leg that may have no dialplan to go on with, and an async socket may end the call \
                     there; leave async out"
                ));
            }
        }
        let notices = notices.into_iter().map(|notice| (self.line, format!("{}: {notice}", shown(place))));
        self.dialplan.notices.extend(notices);
    }

    fn uses(&mut self, place: &str, text: &str, role: Role) {
        let found = self.found(place, text, role);
        self.dialplan.uses.extend(found);
    }

    /// The values of a text that no condition before it has tested.
    fn found(&self, place: &str, text: &str, role: Role) -> Vec<Use> {
        let found = references(text).into_iter().filter_map(|reference| {
            let encoded = reference.within.iter().any(|name| ENCODING.contains(name));
            let name = reference.name.to_ascii_lowercase();
            let written = format!("${{{}}}", reference.inside);
            (reference.arguments.is_none() && !encoded).then_some((written, name))
        });
        let captured = captured(self.node, &unencoded(text)).into_iter();
        let all = found.chain(captured).filter(|(_, name)| !guarded(self.node, name));
        let (line, place) = (self.line, shown(place));
        all.map(|(written, name)| {
            let callers = is_callers(&name);
            Use { line, place: place.clone(), written, name, callers, role }
        })
        .collect()
    }
}

/// The text without what functions encode.
fn unencoded(text: &str) -> String {
    let encoding = references(text).into_iter().filter(|reference| ENCODING.contains(&reference.name));
    encoding.fold(text.to_owned(), |text, reference| text.replace(reference.inside, ""))
}

/// The words that FreeSWITCH takes for yes (`switch_utils.h`, `switch_true`).
fn is_true(word: &str) -> bool {
    ["yes", "on", "true", "t", "enabled", "active", "allow", "1"]
        .iter()
        .any(|yes| word.eq_ignore_ascii_case(yes))
}

/// True if the argument of `socket` asks for async.
fn is_async(data: &str) -> bool {
    data.split_whitespace().skip(1).any(|word| word.eq_ignore_ascii_case("async"))
}

/// What the same condition sets before a socket, the last value of each name.
fn set_before<'a>(socket: Node<'a, '_>) -> Vec<(&'a str, &'a str)> {
    let before = socket.prev_siblings().filter(|node| is_action(*node, "set") || is_action(*node, "export"));
    before.filter(|node| *node != socket).filter_map(|node| data_of(node).split_once('=')).collect()
}

/// `resume` in a static socket leaves the call in `CS_RESET` for ever (`mod_event_socket.c`, `listener_run`).
fn deadly(data: &str, set: &[(&str, &str)]) -> Option<&'static str> {
    let resumes =
        set.iter().find(|(name, _)| *name == "socket_resume").is_some_and(|(_, value)| *value == "true");
    (resumes && !is_async(data))
        .then_some("socket_resume is for async sockets only. a static one would leave the call stuck")
}

/// The parameters of an ad hoc step.
fn parameters(set: &[(&str, &str)]) -> Vec<Parameter> {
    let named = |name: &str| {
        let (_, value) = set.iter().find(|(set, _)| set.strip_prefix("webhook_") == Some(name))?;
        Some(parameter(&format!("{name}={value}")))
    };
    ["method", "url", "variable", "timeout", "accept"].into_iter().filter_map(named).collect()
}

/// Applications in whose argument a text can become more than a text: a destination, an application, a command.
const COMMANDS: [&str; 25] = [
    "att_xfer",
    "bgapi",
    "bgsystem",
    "bind_digit_action",
    "bind_meta_app",
    "bridge",
    "conference",
    "conference_set_auto_outcall",
    "deflect",
    "enterprise_originate",
    "eval",
    "execute_extension",
    "javascript",
    "lua",
    "multiset",
    "originate",
    "perl",
    "python",
    "redirect",
    "sched_broadcast",
    "sched_transfer",
    "spawn",
    "system",
    "transfer",
    "v8",
];

/// How the names of variables begin whose value FreeSWITCH runs, or dials, later.
const RUN_LATER: [&str; 6] =
    ["api_", "execute_on_", "exec_after_", "bridge_pre_execute_", "transfer_", "bridge_terminate_key"];

/// Functions of whose arguments no text gets out, or only harmless letters.
const ENCODING: [&str; 4] = ["url_encode", "strlen", "md5", "sha1"];

/// Functions that run nothing.
const HARMLESS: [&str; 13] = [
    "cond",
    "echo",
    "escape",
    "expr",
    "md5",
    "regex",
    "replace",
    "sha1",
    "strlen",
    "tolower",
    "toupper",
    "url_decode",
    "url_encode",
];

/// True if a caller, or a stranger on the way, chooses what a variable of this name holds.
fn is_callers(name: &str) -> bool {
    let beginnings = ["caller_id_", "effective_caller_id_", "callee_id_", "sip_"];
    beginnings.iter().any(|beginning| name.starts_with(beginning))
        || ["ani", "aniii", "destination_number", "rdnis", "username"].contains(&name)
}

#[cfg(test)]
mod tests;
