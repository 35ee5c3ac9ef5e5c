//! Owner: the tests. The first line and the length of every file below tests/, and the modules that include
//! them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::architecture::sources::rust_files;

/// The owners besides the modules in src/.
const OTHER_OWNERS: [&str; 6] =
    ["the program", "the tests", "dialplan-examples", "docs", "packaging", "systemd"];

const LONGEST_FILE: usize = 400;

/// Every file with its path below tests/.
fn files() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let below = |path: &Path| path.strip_prefix(&root).unwrap().to_owned();
    rust_files(&root).iter().map(|path| (below(path), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_test_file_names_its_owner_in_the_first_line() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (path, text) in files() {
        let owner = text.strip_prefix("//! Owner: ").and_then(|rest| rest.split_once(". "));
        let is_known =
            |owner: &str| OTHER_OWNERS.contains(&owner) || src.join(format!("{owner}.rs")).exists();
        match owner {
            Some((owner, _)) if is_known(owner) => {}
            Some((owner, _)) => {
                wrong.push(format!("{}: src has no module {owner}; name one that exists", path.display()));
            }
            None => wrong.push(format!(
                "{}: no owner; begin with `//! Owner: MODULE. One sentence about the file.`",
                path.display()
            )),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_test_file_is_longer_than_400_lines() {
    for (path, text) in files() {
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines; find the two ideas in it", path.display());
    }
}

/// A file that no other file declares as a module is not compiled, and its tests never run.
#[test]
fn every_test_file_is_a_module_of_the_test_binary() {
    let files = files();
    let mut declared = BTreeSet::from([PathBuf::from("tests.rs")]);
    for (path, text) in &files {
        let folder = if path == Path::new("tests.rs") { PathBuf::new() } else { path.with_extension("") };
        let modules = text.lines().filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';'));
        declared.extend(modules.map(|module| folder.join(format!("{module}.rs"))));
    }
    for (path, _) in &files {
        assert!(declared.contains(path), "{} is no module; add `mod` to its parent", path.display());
    }
}

#[test]
fn no_file_is_named_mod_rs() {
    for (path, _) in files() {
        assert_ne!(path.file_name().unwrap(), "mod.rs", "name {} after its module", path.display());
    }
}
