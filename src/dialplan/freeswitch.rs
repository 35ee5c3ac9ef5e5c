//! Reads an XML dialplan of FreeSWITCH: the application `socket`, the variables that are set before it, and
//! the applications that use values.
//!
//! Knows the elements and their order; does not follow transfers between extensions.

mod applications;
mod condition;
mod socket;
mod variables;

use roxmltree::{Document, Node};

use self::applications::{
    DEFERRED_VARIABLES, ENCODING_FUNCTIONS, HARMLESS_FUNCTIONS, INTERPRETING_APPLICATIONS, is_caller_chosen,
};
use self::condition::{capture_sources, is_validated};
use self::socket::{address_fault, broadcasts_async_socket, event_sockets, is_async};
use self::variables::{parameters, resumes, variables_set_before};
use super::expansion::references;
use super::{Dialplan, DialplanStep, Injection, InjectionKind, StepTarget, VariableCopy, address, shown};
use crate::call::{Call, SwitchKind};
use crate::switch::esl;
use crate::variable::Value;

/// Reads the text of an XML dialplan. An address with several hosts is one step for each host.
pub(super) fn read(text: &str) -> Result<Dialplan, (usize, String)> {
    let document = Document::parse(text).map_err(|fault| {
        let line = usize::try_from(fault.pos().row).unwrap_or(1);
        (line, format!("not well-formed XML: {fault}"))
    })?;
    let mut dialplan = Dialplan::default();
    for node in document.descendants().filter(Node::is_element) {
        let line = usize::try_from(document.text_pos_at(node.range().start).row).unwrap_or(1);
        Reader { node, line, dialplan: &mut dialplan }.read_element();
    }
    Ok(dialplan)
}

fn is_action(node: Node<'_, '_>) -> bool {
    matches!(node.tag_name().name(), "action" | "anti-action")
}

fn application_of<'a>(action: Node<'a, '_>) -> &'a str {
    action.attribute("application").unwrap_or_default()
}

/// Returns the argument of an action: its text, or else its attribute `data` (`mod_dialplan_xml.c`,
/// `parse_exten`).
fn data_of<'a>(action: Node<'a, '_>) -> &'a str {
    let text = action.text().map(str::trim).filter(|text| !text.is_empty());
    text.or(action.attribute("data")).unwrap_or_default()
}

/// The reader of one element.
struct Reader<'r, 'a, 'input> {
    node: Node<'a, 'input>,
    line: usize,
    dialplan: &'r mut Dialplan,
}

/// A value of a text, and the variable from which it comes.
struct Source {
    expression: String,
    variable: String,
}

impl Reader<'_, '_, '_> {
    fn read_element(&mut self) {
        if is_action(self.node) {
            return self.read_action();
        }
        self.dialplan.includes |=
            self.node.has_tag_name("X-PRE-PROCESS") && self.node.attribute("cmd") == Some("include");
        for attribute in self.node.attributes() {
            self.read_text(attribute.value(), attribute.value());
        }
    }

    fn read_action(&mut self) {
        let (application, data) = (application_of(self.node), data_of(self.node));
        let written = format!("{application} {data}");
        match application {
            "socket" => self.read_socket(data),
            "set" | "export" => self.read_assignment(&written, data),
            name if INTERPRETING_APPLICATIONS.contains(&name) => {
                self.add_injections(&written, data, InjectionKind::Command);
            }
            _ => {}
        }
        self.read_text(&written, data);
    }

    fn read_socket(&mut self, data: &str) {
        let written = format!("socket {data}");
        let fault = self.socket_fault(data);
        self.add_steps(data, &written, fault);
        self.add_injections(&written, data, InjectionKind::Parameter);
    }

    /// Returns the reason for which this socket cannot work with any configuration.
    fn socket_fault(&self, data: &str) -> Option<String> {
        if self.node.attribute("inline").is_some_and(is_true) {
            return Some("FreeSWITCH cannot run socket inline and skips it; remove inline".to_owned());
        }
        if !is_async(data) && resumes(&variables_set_before(self.node)) {
            return Some(
                "socket_resume leaves the call stuck if the socket is not async; add async, or remove socket_resume"
                    .to_owned(),
            );
        }
        address_fault(data)
    }

    /// Adds a step for each host in the argument of a `socket`.
    fn add_steps(&mut self, data: &str, written: &str, fault: Option<String>) {
        let parameters = parameters(&variables_set_before(self.node));
        for (host, port, path) in esl::socket_targets(data) {
            let (hook, address) = address(&path);
            let target = match &fault {
                Some(fault) => StepTarget::Fault(fault.clone()),
                None if hook.contains('$') => StepTarget::AnyHook,
                None => StepTarget::Call(Box::new(Call::unknown(
                    SwitchKind::FreeSwitch,
                    Value::from(address),
                    parameters.clone(),
                ))),
            };
            let (switch, line, step) = (SwitchKind::FreeSwitch, self.line, shown(written));
            self.dialplan.steps.push(DialplanStep { switch, line, host, port: Some(port), step, target });
        }
    }

    /// Reads the argument of `set` or `export`.
    fn read_assignment(&mut self, written: &str, data: &str) {
        let Some((name, value)) = data.split_once('=') else { return };
        let name =
            name.trim().trim_start_matches("nolocal:").trim_start_matches("_nolocal_").to_ascii_lowercase();
        if DEFERRED_VARIABLES.iter().any(|beginning| name.starts_with(beginning)) {
            self.add_injections(written, value, InjectionKind::Command);
        } else if name == "webhook_url" {
            self.add_injections(written, value, InjectionKind::Parameter);
        }
        for Source { variable, .. } in self.sources(value) {
            let caller_chosen = is_caller_chosen(&variable);
            self.dialplan.copies.push(VariableCopy { to: name.clone(), from: variable, caller_chosen });
        }
    }

    /// Reads a text in any place: FreeSWITCH runs the functions in it, and some variables run a socket later.
    fn read_text(&mut self, written: &str, text: &str) {
        for reference in references(text) {
            if let Some(arguments) = reference.arguments
                && !HARMLESS_FUNCTIONS.contains(&reference.name)
            {
                self.add_injections(written, arguments, InjectionKind::Command);
            }
        }
        if broadcasts_async_socket(text) {
            self.add_note(
                written,
                "an async socket can end a call that another application controls, as soon as the webhook answers; \
                 leave async out",
            );
        }
        for (event, argument) in event_sockets(text) {
            self.add_steps(argument, &format!("{event}=socket {argument}"), address_fault(argument));
            if is_async(argument) {
                let note = format!(
                    "{event} can run on a leg that has no dialplan, and an async socket can end the call there; leave \
                     async out"
                );
                self.add_note(written, &note);
            }
        }
    }

    fn add_note(&mut self, written: &str, note: &str) {
        self.dialplan.notes.push((self.line, format!("{}: {note}", shown(written))));
    }

    fn add_injections(&mut self, written: &str, text: &str, kind: InjectionKind) {
        for Source { expression, variable } in self.sources(text) {
            self.dialplan.injections.push(Injection {
                line: self.line,
                application: shown(written),
                expression,
                caller_chosen: is_caller_chosen(&variable),
                variable,
                kind,
            });
        }
    }

    /// Returns the values in a text that are not encoded and that no condition before the text validates.
    fn sources(&self, text: &str) -> Vec<Source> {
        let mut sources = Vec::new();
        for reference in references(text) {
            if reference.arguments.is_none() && !reference.is_within(&ENCODING_FUNCTIONS) {
                let expression = format!("${{{}}}", reference.inside);
                sources.push(Source { expression, variable: reference.name.to_ascii_lowercase() });
            }
        }
        for (expression, variable) in capture_sources(self.node, &without_encoded(text)) {
            sources.push(Source { expression, variable });
        }
        sources.retain(|source| !is_validated(self.node, &source.variable));
        sources
    }
}

/// Returns a text without the arguments of encoding functions.
fn without_encoded(text: &str) -> String {
    let mut rest = text.to_owned();
    for reference in references(text) {
        if ENCODING_FUNCTIONS.contains(&reference.name) {
            rest = rest.replace(reference.inside, "");
        }
    }
    rest
}

/// True for the words that FreeSWITCH reads as yes (`switch_utils.h`, `switch_true`).
fn is_true(word: &str) -> bool {
    ["yes", "on", "true", "t", "enabled", "active", "allow", "1"]
        .iter()
        .any(|yes| word.eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests;
