//! Owner: dialplan-examples. The dialplan examples for FreeSWITCH, read as text: well formed, and all names
//! in them exist.
//!
//! The policy of the daemon judges their steps, with the configuration of the examples. No FreeSWITCH runs
//! here.

/// The names that an example writes into FreeSWITCH's log.
mod logged;
/// The rules that an example for FreeSWITCH must keep.
mod rules;
/// Elements, attributes and expansions in a dialplan of FreeSWITCH.
mod xml;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dialhook::config::Config;
use dialhook::hook::Policy;
use roxmltree::{Document, Node};

use self::rules::faults;
use self::xml::{Used, attribute, elements, expansions};

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
fn each_kind_of_fault_in_an_example_is_found() {
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

/// A text in it, its replacement, and the fault that must be found then.
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

fn policy() -> Policy {
    Config::load(Some(&folder().join("dialhook.toml"))).unwrap().policy
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

/// The example with the extensions in its comments.
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
