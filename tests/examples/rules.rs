//! Owner: dialplan-examples. The rules that an example for FreeSWITCH must keep.

use std::collections::BTreeSet;

use dialhook::call::{Call, Parameter, SwitchKind};
use dialhook::hook::{Outcome, Overload, Policy, Status, Step};
use dialhook::switch::can_carry;
use roxmltree::{Document, Node};

use super::xml::{Used, attribute, elements, expansions, is_action};

/// All faults of an example.
pub(super) fn faults(text: &str, policy: &Policy) -> Vec<String> {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => return vec![format!("not well formed: {error}")],
    };
    let mut example = Example { policy, contexts: BTreeSet::new(), set: BTreeSet::new(), faults: Vec::new() };
    example.lines(text);
    example.contexts =
        elements(document.root(), "context").map(|context| attribute(context, "name").to_owned()).collect();
    for extension in elements(document.root(), "extension") {
        example.extension(extension);
    }
    for node in document.descendants().filter(Node::is_element) {
        example.uses(node);
    }
    example.faults
}

/// The contexts, variables and faults of an example so far.
struct Example<'a> {
    policy: &'a Policy,
    contexts: BTreeSet<String>,
    /// The variables that its steps set, in small letters.
    set: BTreeSet<String>,
    faults: Vec<String>,
}

/// The variables that FreeSWITCH sets itself and that the examples use.
const FREESWITCH_SETS: [&str; 4] =
    ["destination_number", "caller_id_number", "effective_caller_id_name", "last_sched_id"];

/// The functions of FreeSWITCH that the examples call.
const FUNCTIONS: [&str; 2] = ["url_encode", "sched_del"];

/// The parameters of an ad hoc step; their variables begin with `webhook_`.
const PARAMETERS: [&str; 5] = ["method", "url", "variable", "timeout", "accept"];

impl Example<'_> {
    fn fault(&mut self, node: Node<'_, '_>, what: impl Into<String>) {
        let line = node.document().text_pos_at(node.range().start).row;
        self.faults.push(format!("line {line}: {}", what.into()));
    }

    /// FreeSWITCH drops every line with `<include>` on it whole (`src/switch_xml.c`, `preprocess`).
    fn lines(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| line.contains("include>")) {
            if line != "<include>" && line != "</include>" {
                self.faults.push(format!("<include> stands alone on its line, not: {line}"));
            }
        }
    }

    /// One extension's actions, in their order.
    fn extension(&mut self, extension: Node<'_, '_>) {
        let actions: Vec<_> = extension.descendants().filter(|node| is_action(*node)).collect();
        let mut parameters = Vec::new();
        for (at, &action) in actions.iter().enumerate() {
            let (before, behind) = (&actions[..at], &actions[at + 1..]);
            let data = attribute(action, "data");
            match attribute(action, "application") {
                "" => self.fault(action, "no attribute application"),
                "set" => self.assignment(action, &mut parameters),
                "unset" | "multiunset" => {
                    for name in data.split(' ') {
                        self.own_name(action, name);
                        parameters.retain(|own: &Parameter| format!("webhook_{}", own.name.lossy()) != name);
                    }
                }
                "socket" => self.socket(action, &parameters, before, behind),
                "transfer" | "execute_extension" | "sched_transfer" => {
                    let context = data.rsplit(' ').next().unwrap();
                    if !self.contexts.contains(context) {
                        self.fault(action, format!("there is no context {context}"));
                    }
                }
                _ => {}
            }
        }
    }

    fn assignment(&mut self, action: Node<'_, '_>, parameters: &mut Vec<Parameter>) {
        let (name, value) = attribute(action, "data").split_once('=').unwrap_or_default();
        self.own_name(action, name);
        if name == "webhook_status" {
            self.status(action, value);
        }
        if let Some(parameter) = name.strip_prefix("webhook_").filter(|name| PARAMETERS.contains(name)) {
            parameters.push(Parameter { name: parameter.into(), value: unexpanded(value).into() });
        }
    }

    /// Checks that a name with the prefix of dialhook is one of its variables.
    fn own_name(&mut self, node: Node<'_, '_>, name: &str) {
        let report = ["status", "code", "reason"];
        if name
            .strip_prefix("webhook_")
            .is_some_and(|own| !PARAMETERS.contains(&own) && !report.contains(&own))
        {
            self.fault(node, format!("{name} is no name of ours"));
        }
    }

    fn status(&mut self, node: Node<'_, '_>, word: &str) {
        if !Status::ALL.iter().any(|status| status.as_str() == word) {
            self.fault(node, format!("{word} is no status"));
        }
    }

    fn socket(
        &mut self,
        socket: Node<'_, '_>,
        parameters: &[Parameter],
        before: &[Node<'_, '_>],
        behind: &[Node<'_, '_>],
    ) {
        let mut words = attribute(socket, "data").split(' ');
        for host in words.next().unwrap_or_default().split('|') {
            match address(host) {
                Some(address) => self.step(socket, address, parameters),
                None => self.fault(socket, format!("no host:port/path: {host}")),
            }
        }
        let modes: Vec<_> = words.collect();
        for mode in &modes {
            match *mode {
                "async" => {}
                "full" => self.fault(socket, "full is not needed"),
                other => self.fault(socket, format!("{other} is no mode of socket")),
            }
        }
        if socket.attribute("inline").is_some() {
            self.fault(socket, "socket cannot run inline");
        }
        if !has_action(before, "set", "webhook_status=UNREACHABLE") {
            self.fault(socket, "webhook_status is not set before");
        }
        if !behind
            .iter()
            .any(|action| ["transfer", "execute_extension"].contains(&attribute(*action, "application")))
        {
            self.fault(socket, "nothing begins anew behind the step: conditions would not see what it set");
        }
        let resumes = has_action(before, "set", "socket_resume=true");
        match (modes.contains(&"async"), resumes) {
            (true, false) => self.fault(socket, "async without socket_resume"),
            (false, true) => self.fault(socket, "socket_resume for a static socket: the call would be stuck"),
            (_, _) if resumes && !has_action(behind, "unset", "socket_resume") => {
                self.fault(socket, "socket_resume stays on the channel");
            }
            (_, _) => {}
        }
    }

    fn step(&mut self, socket: Node<'_, '_>, address: &str, parameters: &[Parameter]) {
        let step = self.policy.step(&call(address, parameters), can_carry(SwitchKind::FreeSwitch));
        if let Err(fault) = step.timeout() {
            self.fault(socket, format!("{address}: {fault}"));
        }
        self.set.extend(variables(&step));
        for context in socket.ancestors().filter(|node| node.has_tag_name("context")) {
            for condition in elements(context, "condition") {
                let field = attribute(condition, "field").to_ascii_lowercase();
                if variables(&step).any(|name| field.contains(&format!("${{{name}}}"))) {
                    self.fault(
                        condition,
                        format!("{field} is evaluated before the step in this context has run"),
                    );
                }
            }
        }
    }

    fn sets(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.set.contains(&name) || FREESWITCH_SETS.contains(&name.as_str())
    }

    /// Checks the names in the attributes of an element.
    fn uses(&mut self, node: Node<'_, '_>) {
        for used in node.attributes().flat_map(|attribute| expansions(attribute.value())) {
            match used {
                Used::Function(name) if !FUNCTIONS.contains(&name) => {
                    self.fault(node, format!("nobody knows ${{{name}()}}"));
                }
                Used::Variable(name) if !self.sets(name) => {
                    self.fault(node, format!("nobody sets ${{{name}}}"));
                }
                Used::Function(_) | Used::Variable(_) => {}
            }
        }
        if attribute(node, "field") == "${webhook_status}" {
            let word = attribute(node, "expression").trim_start_matches('^').trim_end_matches('$');
            self.status(node, word);
        }
    }
}

fn has_action(actions: &[Node<'_, '_>], application: &str, data: &str) -> bool {
    actions
        .iter()
        .any(|node| attribute(*node, "application") == application && attribute(*node, "data") == data)
}

/// The path behind `host:port/`; `None` if FreeSWITCH reads no address there. The last colon belongs to the
/// port (`mod_event_socket.c`, `socket_function`).
fn address(host: &str) -> Option<&str> {
    let (name, rest) = host.rsplit_once(':')?;
    let (port, path) = rest.split_once('/')?;
    let plain = !name.is_empty() && !name.contains(['/', ':']);
    (plain && port.parse::<u16>().is_ok()).then_some(path)
}

fn call(address: &str, parameters: &[Parameter]) -> Call {
    Call::unknown(SwitchKind::FreeSwitch, address.into(), parameters.to_vec())
}

/// The variables that a step always sets, in small letters.
fn variables(step: &Step) -> impl Iterator<Item = String> + use<> {
    let set = step.assignments(&Outcome::Overloaded(Overload::Calls(1)));
    set.into_iter().map(|assignment| assignment.name.as_str().to_ascii_lowercase())
}

/// The text with an `x` in the place of every `${…}`.
fn unexpanded(text: &str) -> String {
    let (mut kept, mut depth, mut before) = (String::new(), 0_usize, ' ');
    for character in text.chars() {
        match character {
            '{' if before == '$' => {
                if depth == 0 {
                    kept.pop();
                    kept.push('x');
                }
                depth += 1;
            }
            '}' if depth > 0 => depth -= 1,
            other if depth == 0 => kept.push(other),
            _ => {}
        }
        before = character;
    }
    kept
}
