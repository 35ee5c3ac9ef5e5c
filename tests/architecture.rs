//! The doors between the rooms: who may import whom, and where each outside library has its one address.
//!
//! Reads the sources as text. Tests within a file may import what they like.

use std::fs;
use std::path::{Path, PathBuf};

/// A room and the rooms that it may import. A room's parts (`switch/…`) belong to it unless they are listed.
const DOORS: [(&str, &[&str]); 25] = [
    ("redact", &[]),
    ("variable", &["redact"]),
    ("daemon", &["config", "hook", "log", "metrics", "slots", "webhook"]),
    ("nonce", &[]),
    ("slots", &[]),
    ("files", &[]),
    ("duration", &[]),
    ("call", &["variable"]),
    ("tls", &[]),
    ("hook", &["call", "duration", "redact", "tls", "variable"]),
    ("switch", &["call", "variable"]),
    ("switch/agi", &["switch", "call", "variable"]),
    ("switch/esl", &["switch", "call", "variable"]),
    ("webhook", &["call", "files", "hook", "metrics", "tls"]),
    ("config", &["call", "duration", "files", "hook", "switch", "tls", "variable"]),
    ("dialplan", &["call", "redact", "switch", "variable"]),
    ("log", &["call"]),
    ("notify", &[]),
    ("metrics", &["call", "hook"]),
    ("observer", &["config", "log", "metrics"]),
    (
        "session",
        &[
            "call", "config", "daemon", "hook", "slots", "log", "metrics", "switch", "variable", "webhook",
            "nonce",
        ],
    ),
    (
        "server",
        &[
            "call", "config", "daemon", "session", "slots", "log", "metrics", "observer", "switch",
            "webhook", "nonce",
        ],
    ),
    (
        "cli",
        &[
            "call", "config", "dialplan", "files", "hook", "log", "notify", "redact", "server", "session",
            "switch", "variable", "webhook",
        ],
    ),
    ("lib", &[]),
    ("main", &["cli"]),
];

/// Outside libraries, and the only rooms that may name them.
const ADDRESSES: [(&str, &[&str]); 23] = [
    ("nom", &["switch/agi", "switch/esl"]),
    ("reqwest", &["webhook"]),
    ("rustls", &["tls", "webhook"]),
    ("ring", &["hook", "tls"]),
    ("base64", &["config", "hook"]),
    ("encoding_rs", &["hook"]),
    ("icu_properties", &["hook"]),
    ("moka", &["webhook"]),
    ("hickory_resolver", &["webhook"]),
    ("hyper", &["webhook", "observer", "cli"]),
    ("toml", &["config"]),
    ("tokio::net", &["server", "observer", "cli", "webhook"]),
    ("tokio", &["switch", "webhook", "session", "slots", "server", "observer", "cli", "notify"]),
    ("prometheus", &["metrics"]),
    ("clap", &["cli"]),
    ("getrandom", &["nonce"]),
    ("roxmltree", &["dialplan"]),
    ("listenfd", &["notify"]),
    ("rlimit", &["cli", "server", "webhook"]),
    ("sd_notify", &["notify"]),
    ("socket2", &["notify"]),
    ("tracing_subscriber", &["log"]),
    ("tracing_appender", &["log"]),
];

#[test]
fn every_room_imports_only_through_its_doors() {
    let mut wrong = Vec::new();
    for (room, file, line) in lines() {
        let doors = DOORS.iter().find(|(name, _)| *name == room).map(|(_, doors)| *doors);
        let doors =
            doors.unwrap_or_else(|| panic!("{file}: the room {room} is not in the plan; add it to DOORS"));
        for other in DOORS.iter().map(|(name, _)| name.rsplit('/').next().unwrap()) {
            let named =
                line.contains(&format!("crate::{other}::")) || line.contains(&format!("crate::{other};"));
            let inside = room == other
                || room.starts_with(&format!("{other}/"))
                || room.ends_with(&format!("/{other}"));
            if named && !inside && !doors.contains(&other) {
                wrong.push(format!("{file}: {room} has no door to {other}: {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_library_has_its_address() {
    let mut wrong = Vec::new();
    for (room, file, line) in lines() {
        for (library, rooms) in ADDRESSES {
            let path = format!("{library}::");
            let starts =
                |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            let named = line.match_indices(&path).any(|(at, _)| starts(&line[..at]));
            if named && !rooms.contains(&room.as_str()) {
                wrong.push(format!("{file}: {library} does not live in {room}: {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_room_outgrows_its_walls() {
    for (path, text) in sources() {
        let lines = before_tests(&text).count();
        assert!(
            lines <= 400,
            "{} has {lines} lines without its tests: look for two ideas in it",
            path.display()
        );
    }
}

/// Every line of code with its room and file; comments and tests left out.
fn lines() -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    for (path, text) in sources() {
        let name = path.with_extension("").to_string_lossy().into_owned();
        let room = match ["switch/agi", "switch/esl"].iter().find(|room| name.starts_with(*room)) {
            Some(dialect) => (*dialect).to_owned(),
            None => name.split('/').next().unwrap().to_owned(),
        };
        let code = before_tests(&text).map(str::trim).filter(|line| !line.starts_with("//"));
        all.extend(code.map(|line| (room.clone(), path.display().to_string(), line.to_owned())));
    }
    assert!(all.len() > 1000, "the sources were not found");
    all
}

fn before_tests(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take_while(|line| *line != "#[cfg(test)]")
}

/// Every source file with its path below `src`; files that hold only tests left out.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs")
                && path.file_name().is_some_and(|n| n != "tests.rs")
            {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    files
}
