//! Owner: the program. The dependencies between modules, the places of outside libraries, and the size of
//! files.

/// The source files, and the modules that they import.
pub(crate) mod sources;

use std::collections::{BTreeMap, BTreeSet};

use self::sources::{Source, parent, sources};

/// Each module from the top down, and the modules that it may import. They stand further down in this table.
///
/// A sub-module without a row belongs to its parent. A sub-module with a row may import its parent too, and
/// the parent all of its sub-modules.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("lib", &[]),
    ("main", &["cli"]),
    (
        "cli",
        &[
            "server",
            "session",
            "history",
            "webhook",
            "config",
            "curl",
            "dialplan",
            "switch",
            "switch/agi",
            "switch/esl",
            "hook",
            "log",
            "files",
            "notify",
            "duration",
            "tls",
            "call",
            "variable",
            "redact",
        ],
    ),
    (
        "server",
        &[
            "session",
            "daemon",
            "observer",
            "webhook",
            "metrics",
            "config",
            "switch",
            "switch/agi",
            "switch/esl",
            "log",
            "slots",
            "nonce",
            "call",
        ],
    ),
    (
        "observer",
        &[
            "session", "daemon", "history", "webhook", "metrics", "config", "hook", "log", "duration",
            "call", "variable", "redact",
        ],
    ),
    (
        "session",
        &[
            "daemon",
            "history",
            "webhook",
            "metrics",
            "config",
            "switch",
            "switch/agi",
            "switch/esl",
            "hook",
            "log",
            "slots",
            "nonce",
            "call",
            "variable",
            "redact",
        ],
    ),
    ("daemon", &["history", "webhook", "metrics", "config", "hook", "log", "slots"]),
    (
        "history",
        &["webhook", "config", "curl", "log", "hook", "duration", "nonce", "call", "variable", "redact"],
    ),
    ("webhook", &["metrics", "hook", "tls"]),
    ("webhook/client", &["hook", "files", "tls"]),
    ("webhook/endpoint", &["metrics", "hook", "tls"]),
    ("webhook/cache", &["hook"]),
    ("metrics", &["hook", "call"]),
    (
        "config",
        &["switch", "switch/agi", "switch/esl", "hook", "duration", "files", "tls", "call", "variable"],
    ),
    ("config/raw", &["hook"]),
    ("dialplan", &["switch/esl", "call", "variable", "redact"]),
    ("switch", &["call", "variable"]),
    ("switch/agi", &["call", "variable"]),
    ("switch/esl", &["call", "variable"]),
    ("hook", &["duration", "tls", "call", "variable", "redact"]),
    ("hook/request", &["tls", "call", "variable", "redact"]),
    ("hook/answer", &["variable"]),
    ("curl", &["log"]),
    ("log", &["call"]),
    ("duration", &[]),
    ("slots", &[]),
    ("nonce", &[]),
    ("files", &[]),
    ("notify", &[]),
    ("tls", &[]),
    ("call", &["variable"]),
    ("variable", &["redact"]),
    ("redact", &[]),
];

/// Each outside library that has places of its own, and the modules that may name it.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("askama", &["observer/pages"]),
    ("axum", &["observer"]),
    ("base64", &["config/hooks", "hook/request", "observer/walls"]),
    ("clap", &["cli"]),
    ("encoding_rs", &["hook/answer"]),
    ("getrandom", &["nonce"]),
    ("hickory_resolver", &["webhook/client"]),
    ("hyper", &["cli/demo", "observer", "webhook/client"]),
    ("icu_properties", &["hook/answer"]),
    ("ipnet", &["config"]),
    ("jiff", &["cli/calls", "history", "observer"]),
    ("listenfd", &["notify"]),
    ("moka", &["webhook/cache"]),
    ("nom", &["switch/agi/environment", "switch/agi/reply", "switch/esl/message"]),
    ("prometheus", &["metrics"]),
    ("pulldown_cmark", &["observer/docs"]),
    ("reqwest", &["cli/calls", "cli/running_daemon", "webhook"]),
    ("ring", &["hook", "tls"]),
    ("rlimit", &["cli", "server", "webhook/client"]),
    ("roxmltree", &["dialplan/freeswitch"]),
    ("rustls", &["tls", "webhook/client"]),
    ("sd_notify", &["notify"]),
    ("socket2", &["notify"]),
    ("subtle", &["config/observer"]),
    ("terminal_size", &["cli"]),
    ("tokio", &["cli", "notify", "observer", "server", "session", "slots", "switch", "webhook"]),
    ("tokio::net", &["cli", "observer", "server", "webhook/client"]),
    ("toml", &["config"]),
    ("tracing_appender", &["log"]),
    ("tracing_subscriber", &["log"]),
    ("unicode_width", &["cli"]),
];

const LONGEST_FILE: usize = 400;
const LONGEST_MEDIAN: usize = 200;

#[test]
fn every_module_imports_only_what_it_may() {
    let mut wrong = Vec::new();
    for source in sources() {
        let module = listed(&source.module);
        let module = module.unwrap_or_else(|| panic!("{}: add a row to MAY_IMPORT", source.file));
        let (_, allowed) = MAY_IMPORT.iter().find(|(name, _)| *name == module).unwrap();
        for import in source.imports() {
            let Some(imported) = listed(&import) else { continue };
            let is_family = imported == module || parent(imported) == module || parent(module) == imported;
            if !is_family && !allowed.contains(&imported) {
                wrong.push(format!("src/{}: {module} must not import {imported}", source.file));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_allowed_import_points_downwards() {
    let row = |module: &str| MAY_IMPORT.iter().position(|(name, _)| *name == module);
    for (module, allowed) in MAY_IMPORT {
        for import in *allowed {
            assert!(row(import) > row(module), "{module} may import {import}, which has no row further down");
        }
    }
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut imports = Graph::default();
    for source in sources() {
        for import in source.imports() {
            add_import(&mut imports, &source, &import);
        }
    }
    assert!(imports.len() > 10, "{imports:?}");
    for module in imports.keys() {
        if let Some(circle) = circle(&imports, module, module, &mut BTreeSet::new()) {
            panic!("modules import each other in a circle: {}", circle.join(" -> "));
        }
    }
}

#[test]
fn every_outside_library_is_named_in_its_own_places_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (library, places) in LIBRARIES {
            let is_place = places.iter().any(|place| is_below(&source.module, place));
            if !is_place && names(&source.code, library) {
                wrong.push(format!(
                    "src/{}: names {library}, which belongs to {}",
                    source.file,
                    places.join(", ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_source_file_is_longer_than_400_lines_and_half_of_them_are_at_most_200() {
    let mut lengths: Vec<_> = sources().into_iter().map(|source| (source.lines, source.file)).collect();
    lengths.sort();
    let (median, _) = lengths[lengths.len() / 2];
    assert!(median <= LONGEST_MEDIAN, "the median is {median} lines");
    let long: Vec<_> = lengths.iter().filter(|(lines, _)| *lines > LONGEST_FILE).collect();
    assert!(long.is_empty(), "find the two ideas in each of these files: {long:?}");
}

/// Each module, and the modules that it imports.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Adds an import to the graph as one between two modules with the same parent: `webhook/cache` importing
/// `hook/answer` is `webhook -> hook`, and `hook/policy` importing `hook/step` is `hook/policy -> hook/step`.
fn add_import(imports: &mut Graph, source: &Source, import: &str) {
    let importing: Vec<_> = source.module.split('/').collect();
    let imported: Vec<_> = import.split('/').collect();
    let shared = importing.iter().zip(&imported).take_while(|(one, other)| one == other).count();
    if shared < importing.len() && shared < imported.len() {
        let target = imported[..=shared].join("/");
        // a function or a constant of the parent is no module
        if shared == 0 || is_module(&target) {
            imports.entry(importing[..=shared].join("/")).or_default().insert(target);
        }
    }
}

fn is_module(path: &str) -> bool {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(format!("{path}.rs")).exists()
}

/// The modules on a way from `from` to `goal`, both included; `None` if no imports lead there.
fn circle(imports: &Graph, goal: &str, from: &str, seen: &mut BTreeSet<String>) -> Option<Vec<String>> {
    for next in imports.get(from).into_iter().flatten() {
        if next == goal {
            return Some(vec![from.to_owned(), goal.to_owned()]);
        }
        if seen.insert(next.clone())
            && let Some(mut rest) = circle(imports, goal, next, seen)
        {
            rest.insert(0, from.to_owned());
            return Some(rest);
        }
    }
    None
}

/// The module with a row in the table that this path belongs to: itself, or the nearest one above.
fn listed(path: &str) -> Option<&'static str> {
    let rows = MAY_IMPORT.iter().map(|(name, _)| *name);
    rows.filter(|name| is_below(path, name)).max_by_key(|name| name.len())
}

fn is_below(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// True if the code names a path that begins with this library.
fn names(code: &str, library: &str) -> bool {
    let path = format!("{library}::");
    code.match_indices(&path).any(|(at, _)| {
        !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
    })
}

#[test]
fn a_circle_is_found_and_named() {
    let edges = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")];
    let mut imports = Graph::default();
    for (from, to) in edges {
        imports.entry(from.to_owned()).or_default().insert(to.to_owned());
    }
    assert_eq!(circle(&imports, "a", "a", &mut BTreeSet::new()).unwrap(), ["a", "b", "c", "a"]);
    assert_eq!(circle(&imports, "d", "d", &mut BTreeSet::new()), None);
}
