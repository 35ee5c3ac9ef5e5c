//! The dialplan examples for FreeSWITCH, read as text: well formed, and everything that they name exists.
//!
//! Steps are judged by our own policy with the examples' own configuration. Whether FreeSWITCH does with them what
//! they say is not seen here.

/// What they show in the log.
mod logged;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dialhook::call::{Call, Parameter, SwitchKind};
use dialhook::config::Config;
use dialhook::hook::{Outcome, Overload, Policy, Status, Step};
use roxmltree::{Document, Node};

#[test]
fn every_example_names_only_what_exists() {
    let policy = policy();
    let mut wrong = Vec::new();
    for (name, text) in examples() {
        let all = [faults(&text, &policy), faults(&with_variants(&text), &policy)].concat();
        wrong.extend(all.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_has_contexts_of_its_own_and_a_line_in_the_readme() {
    let readme = fs::read_to_string(folder().join("freeswitch/README.md")).unwrap();
    let mut taken = BTreeSet::new();
    for (name, text) in examples() {
        let document = Document::parse(&text).unwrap();
        for context in elements(document.root(), "context") {
            let context = attribute(context, "name").to_owned();
            // FreeSWITCH silently ignores a second context of the same name
            assert!(taken.insert(context.clone()), "{name}: another example has the context {context}");
        }
        let idea = name.strip_suffix(".xml").unwrap();
        assert!(taken.contains(idea), "{name} has no context {idea}");
        assert!(text.contains(&format!("/{idea} &park")), "{name} proposes no call to its context");
        assert!(readme.contains(&format!("| [{name}]({name}) |")), "{name} is not in the table of README.md");
    }
}

#[test]
fn an_example_with_a_fault_would_be_noticed() {
    let policy = policy();
    assert_eq!(faults(SOUND, &policy), [""; 0]);
    for (was, is, expected) in BROKEN {
        let broken = SOUND.replacen(was, is, 1);
        assert_ne!(broken, SOUND, "{was} is not there");
        let faults = faults(&broken, &policy).join("\n");
        assert!(faults.contains(expected), "{is} in place of {was}: {faults:?}");
    }
}

/// An example without a fault.
const SOUND: &str = r#"
<include>
  <context name="ask">
    <extension name="ask">
      <condition field="destination_number" expression="^\d$">
        <action application="set" data="webhook_status=UNREACHABLE"/>
        <action application="set" data="webhook_url=http://127.0.0.1:8090/r?to=${url_encode(${destination_number})}"/>
        <action application="set" data="webhook_variable=Answer"/>
        <action application="set" data="socket_resume=true"/>
        <action application="socket" data="127.0.0.1:8084/webhook?timeout=3&amp;method=GET async"/>
        <action application="unset" data="socket_resume"/>
        <action application="transfer" data="1 XML answered"/>
      </condition>
    </extension>
  </context>
  <context name="answered">
    <extension name="all">
      <condition field="${webhook_status}" expression="^OK$"/>
      <condition field="${answer}" expression="^sales$">
        <action application="log" data="NOTICE ${ANSWER} ${webhook_code}"/>
      </condition>
    </extension>
  </context>
</include>
"#;

/// What to replace in it, by what, and what is said of it then.
const BROKEN: [(&str, &str, &str); 31] = [
    ("&amp;method", "&method", "not well formed"),
    ("<context name=\"ask\">", "<context name=\"ask\"><!-- a -- b -->", "not well formed"),
    ("name=\"ask\">", "name=\"ask\" name=\"ask\">", "not well formed"),
    ("</context>\n  <context", "\n  <context", "not well formed"),
    ("<include>\n", "<include> ", "stands alone on its line"),
    ("<action application=\"log\"", "<action", "no attribute application"),
    ("8084/webhook?timeout=3", "8084/crm?timeout=3", "no hook of this name"),
    ("timeout=3", "timeout=30", "not within 1s to 10s"),
    ("timeout=3", "tiemout=3", "unknown parameter"),
    ("8084/webhook?timeout=3&amp;method=GET async", "8084/route?url=http async", "has its own url"),
    ("http://127.0.0.1:8090/r", "http://192.0.2.1/r", "the url is not allowed"),
    ("webhook_url=", "webhook_uri=", "webhook_uri is no name"),
    ("webhook_variable=Answer", "webhook_variable=my answer", "variable is not a name"),
    ("webhook_variable=Answer", "webhook_variable=other", "nobody sets ${answer}"),
    ("=UNREACHABLE", "=DOWN", "DOWN is no status"),
    (
        "<action application=\"set\" data=\"webhook_status=UNREACHABLE\"/>",
        "",
        "webhook_status is not set before",
    ),
    ("^OK$", "^ok$", "ok is no status"),
    ("${webhook_code}", "${webhook_url}", "nobody sets ${webhook_url}"),
    (
        "${url_encode(${destination_number})}",
        "${url_encode(${destination_nummer})}",
        "nobody sets ${destination_nummer}",
    ),
    ("url_encode(", "urlencode(", "nobody knows ${urlencode()}"),
    ("127.0.0.1:8084/", "127.0.0.1:8084|localhost:8084/", "no host:port/path: 127.0.0.1:8084"),
    ("127.0.0.1:8084/", "http://127.0.0.1:8084/", "no host:port/path"),
    (" async\"", " asynch\"", "asynch is no mode"),
    (" async\"", " async full\"", "full is not needed"),
    (" async\"", "\"", "socket_resume for a static socket"),
    ("<action application=\"set\" data=\"socket_resume=true\"/>", "", "async without socket_resume"),
    ("<action application=\"unset\" data=\"socket_resume\"/>", "", "socket_resume stays"),
    ("<action application=\"transfer\" data=\"1 XML answered\"/>", "", "nothing begins anew"),
    ("XML answered", "XML asked", "no context asked"),
    ("field=\"destination_number\"", "field=\"${webhook_status}\"", "evaluated before the step"),
    ("application=\"socket\"", "application=\"socket\" inline=\"true\"", "inline"),
];

/// All that is wrong with an example.
fn faults(text: &str, policy: &Policy) -> Vec<String> {
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

/// What is known of an example so far.
struct Example<'a> {
    policy: &'a Policy,
    contexts: BTreeSet<String>,
    /// The variables that its steps set, in small letters.
    set: BTreeSet<String>,
    faults: Vec<String>,
}

/// What FreeSWITCH itself sets, of all that it sets.
const FREESWITCH_SETS: [&str; 4] =
    ["destination_number", "caller_id_number", "effective_caller_id_name", "last_sched_id"];

/// The functions that the examples call, of all there are.
const FUNCTIONS: [&str; 2] = ["url_encode", "sched_del"];

/// What follows `webhook_` in the parameters of an ad hoc step.
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

    /// A name that begins like ours is one of ours.
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
        if !says(before, "set", "webhook_status=UNREACHABLE") {
            self.fault(socket, "webhook_status is not set before");
        }
        if !behind
            .iter()
            .any(|action| ["transfer", "execute_extension"].contains(&attribute(*action, "application")))
        {
            self.fault(socket, "nothing begins anew behind the step: conditions would not see what it set");
        }
        let resumes = says(before, "set", "socket_resume=true");
        match (modes.contains(&"async"), resumes) {
            (true, false) => self.fault(socket, "async without socket_resume"),
            (false, true) => self.fault(socket, "socket_resume for a static socket: the call would be stuck"),
            (_, _) if resumes && !says(behind, "unset", "socket_resume") => {
                self.fault(socket, "socket_resume stays on the channel");
            }
            (_, _) => {}
        }
    }

    fn step(&mut self, socket: Node<'_, '_>, address: &str, parameters: &[Parameter]) {
        let step = self.policy.step(&call(address, parameters));
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

    /// What the attributes of an element name.
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

/// What a `${…}` names.
enum Used<'a> {
    Variable(&'a str),
    Function(&'a str),
}

fn policy() -> Policy {
    Config::load(Some(&folder().join("dialhook.toml"))).unwrap().policy()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplan-examples")
}

/// Each example's file name and text.
fn examples() -> Vec<(String, String)> {
    let files = fs::read_dir(folder().join("freeswitch")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|end| end == "xml"));
    let name = |file: &Path| file.file_name().unwrap().to_str().unwrap().to_owned();
    let mut all: Vec<_> = files.map(|file| (name(&file), fs::read_to_string(&file).unwrap())).collect();
    all.sort();
    assert!(all.len() >= 9, "the examples were not found");
    all
}

/// The example with the extensions that stand in comments.
fn with_variants(text: &str) -> String {
    let document = Document::parse(text).unwrap();
    let mut whole = text.to_owned();
    let comments: Vec<_> = document.descendants().filter(Node::is_comment).collect();
    for comment in comments.into_iter().rev() {
        let inside = &text[comment.range()];
        if let (Some(from), Some(to)) = (inside.find("<extension"), inside.rfind("</extension>")) {
            whole.replace_range(comment.range(), &inside[from..to + "</extension>".len()]);
        }
    }
    whole
}

fn elements<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.descendants().filter(move |node| node.has_tag_name(name))
}

fn is_action(node: Node<'_, '_>) -> bool {
    node.has_tag_name("action") || node.has_tag_name("anti-action")
}

fn attribute<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or_default()
}

fn says(actions: &[Node<'_, '_>], application: &str, data: &str) -> bool {
    actions
        .iter()
        .any(|node| attribute(*node, "application") == application && attribute(*node, "data") == data)
}

/// What stands behind `host:port/`, where the address is one as FreeSWITCH reads it: the last colon is the port's
/// (`mod_event_socket.c`, `socket_function`).
fn address(host: &str) -> Option<&str> {
    let (name, rest) = host.rsplit_once(':')?;
    let (port, path) = rest.split_once('/')?;
    let plain = !name.is_empty() && !name.contains(['/', ':']);
    (plain && port.parse::<u16>().is_ok()).then_some(path)
}

fn call(address: &str, parameters: &[Parameter]) -> Call {
    Call::unknown(SwitchKind::FreeSwitch, address.into(), parameters.to_vec())
}

/// The variables that a step sets whatever happens, in small letters.
fn variables(step: &Step) -> impl Iterator<Item = String> + use<> {
    let set = step.assignments(&Outcome::Overloaded(Overload::Calls(1)));
    set.into_iter().map(|assignment| assignment.name.as_str().to_ascii_lowercase())
}

/// What every `${…}` names, nested ones too.
fn expansions(text: &str) -> impl Iterator<Item = Used<'_>> {
    let behind = text.match_indices("${").map(|(at, opening)| &text[at + opening.len()..]);
    behind.map(|inside| {
        let (name, rest) = inside.split_at(inside.find(['}', '(']).unwrap_or(inside.len()));
        if rest.starts_with('(') { Used::Function(name) } else { Used::Variable(name) }
    })
}

/// The text with something harmless for every `${…}`.
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
