//! Owner: packaging. The configuration that the package installs, key by key.

use std::collections::BTreeMap;
use std::fs;

use dialhook::config::{Completeness, Config, ConfigError};
use tempfile::TempDir;

use crate::manual::{known_keys, root, with_files};

/// A key that is commented out.
struct Commented {
    /// Its table: empty, `listen` … `hook`.
    section: String,
    name: String,
    value: String,
}

/// Keys that need others: keys of the file, or further lines.
const TOGETHER: [(&str, &[&str]); 5] = [
    ("certificate", &["key"]),
    ("key", &["certificate"]),
    ("cache", &["fields"]),
    ("stale_if_error", &["cache", "fields"]),
    ("redirect_hosts", &["redirects = 1"]),
];

#[test]
fn the_installed_configuration_is_the_same_as_none() {
    let folder = with_files();
    assert_eq!(meaning(&shipped(), &folder).unwrap(), format!("{:?}", Config::default()));
}

#[test]
fn the_installed_configuration_has_every_key_and_no_other() {
    let shipped = shipped();
    let mut there: Vec<_> =
        commented(&shipped).iter().map(|key| format!("{}.{}", key.section, key.name)).collect();
    // `company` is the only key outside of a table; the tables within a hook are shown as values
    let mut known: Vec<_> = known_keys()
        .into_iter()
        .filter(|(table, _)| !table.is_empty() && !table.contains("hook.NAME.") && table != "observer.token")
        .flat_map(|(table, keys)| {
            let table = table.replace("hook.NAME", "hook");
            keys.into_iter().map(move |key| format!("{table}.{key}"))
        })
        .collect();
    known.push(".company".to_owned());
    there.sort();
    known.sort();
    assert_eq!(there, known);
}

#[test]
fn each_commented_key_is_valid_and_shows_its_default() {
    let folder = with_files();
    let (text, defaults) = (shipped(), documented_defaults());
    let keys = commented(&text);
    for key in &keys {
        let name = (key.section.clone(), key.name.clone());
        let without = meaning(&with(&keys, key, false), &folder).unwrap();
        let with = meaning(&with(&keys, key, true), &folder).unwrap_or_else(|error| panic!("{error}"));
        match defaults.get(&name) {
            Some(default) => {
                assert_eq!(&key.value, default, "{name:?}: not the default of docs/configuration.md");
                assert_eq!(with, without, "{name:?}: not the default of the program");
            }
            None => {
                assert_ne!(with, without, "{name:?}: the default, which docs/configuration.md does not say")
            }
        }
    }
    assert!(defaults.len() > 15, "{defaults:?}");
}

fn shipped() -> String {
    fs::read_to_string(root().join("packaging/dialhook.toml")).unwrap()
}

/// Returns the keys of the file. A `#` without a space stands before each.
fn commented(text: &str) -> Vec<Commented> {
    let (mut section, mut keys) = (String::new(), Vec::new());
    for line in text.lines() {
        let setting =
            line.strip_prefix('#').filter(|setting| setting.starts_with(|c: char| c.is_alphabetic()));
        if let Some(table) = line.trim_start_matches('#').strip_prefix('[') {
            section = table.trim_end_matches(']').replace("hook.crm", "hook");
        } else if let Some((name, value)) = setting.and_then(|setting| setting.split_once(" = ")) {
            keys.push(Commented { section: section.clone(), name: name.to_owned(), value: value.to_owned() });
        }
    }
    keys
}

/// Returns a file with one key and the keys that it needs, or the same file without that key.
fn with(keys: &[Commented], key: &Commented, itself: bool) -> String {
    let line = |name: &str| match keys.iter().find(|other| other.section == key.section && other.name == name)
    {
        Some(found) => format!("{} = {}\n", found.name, found.value),
        None => format!("{name}\n"),
    };
    let is_where = key.section == "hook" && ["url", "urls"].contains(&key.name.as_str());
    if is_where && !itself {
        return String::new();
    }
    let mut text = match key.section.as_str() {
        "" => String::new(),
        "hook" if is_where => "[hook.crm]\n".to_owned(),
        "hook" => format!("[hook.crm]\n{}", line("url")),
        section => format!("[{section}]\n"),
    };
    if itself {
        let companions = TOGETHER.iter().find(|(name, _)| *name == key.name);
        text.extend(companions.iter().flat_map(|(_, others)| *others).map(|name| line(name)));
        text += &line(&key.name);
    }
    text
}

/// The configuration in the program's own words, without the name of the file and without the marks of
/// defaults.
fn meaning(text: &str, folder: &TempDir) -> Result<String, ConfigError> {
    let mut config = Config::parse(text, &folder.path().join("dialhook.toml"))?;
    config.file = None;
    config.sets_limits = false;
    // the text does not come from a file
    config.completeness = Completeness::default();
    Ok(format!("{config:?}"))
}

/// The defaults that docs/configuration.md shows as values, by table and key: of a row with several keys, the
/// first's.
fn documented_defaults() -> BTreeMap<(String, String), String> {
    let page = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let (outside, hooks) = page.split_once("\n## A hook\n").unwrap();
    let mut defaults = BTreeMap::new();
    for (part, first) in [(outside, ""), (hooks, "hook")] {
        let mut section = first.to_owned();
        for row in part.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<_> = row.split(" | ").collect();
            let words: Vec<_> = cells[0].split('`').skip(1).step_by(2).collect();
            if let Some(table) = words[0].strip_prefix('[') {
                section = table.trim_end_matches(']').to_owned();
            }
            let key = words.iter().find(|word| !word.starts_with('[')).unwrap();
            if let Some(value) = cells[1].strip_prefix('`').and_then(|value| value.strip_suffix('`')) {
                defaults.insert((section.clone(), (*key).to_owned()), value.to_owned());
            }
        }
    }
    defaults
}
