//! Owner: the tests. The source files below `src`, and the modules that each of them imports.
//!
//! Reads the sources as text. Knows paths that begin with `crate`, `super` or `dialhook`; does not resolve
//! re-exports: `crate::hook::Outcome` is an import of `hook`, wherever `Outcome` is defined.

use std::fs;
use std::path::Path;

/// One file below `src`.
#[derive(Debug)]
pub(super) struct Source {
    /// Its path below `src`.
    pub(super) file: String,
    /// Its module, such as `hook/answer/json`; `lib` and `main` for the two roots.
    pub(super) module: String,
    /// The number of its lines: code, comments and tests.
    pub(super) lines: usize,
    /// Its code without comments and strings, up to its tests. Empty if the whole file is tests.
    pub(super) code: String,
}

impl Source {
    /// The modules that this file imports, as paths below `src`.
    pub(super) fn imports(&self) -> Vec<String> {
        let mut imports = Vec::new();
        for root in ["crate", "super", "dialhook"] {
            for (at, _) in self.code.match_indices(root) {
                let before = self.code[..at].chars().next_back();
                let begins = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
                let rest = self.code[at + root.len()..].strip_prefix("::");
                if let (true, Some(rest)) = (begins, rest) {
                    let base = if root == "super" { parent(&self.module) } else { "" };
                    expand(base, rest, &mut imports);
                }
            }
        }
        imports.retain(|import| !import.is_empty());
        imports
    }
}

/// Every source file, sorted by path.
pub(super) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    for path in rust_files(&root) {
        let text = fs::read_to_string(&path).unwrap();
        let file = path.strip_prefix(&root).unwrap().display().to_string();
        let module = file.strip_suffix(".rs").unwrap().to_owned();
        let is_test = module.ends_with("/tests");
        let code = if is_test { String::new() } else { without_comments_and_strings(before_tests(&text)) };
        sources.push(Source { file, module, lines: text.lines().count(), code });
    }
    assert!(sources.len() > 50, "the sources were not found");
    sources
}

/// Every `.rs` file in a folder and its sub-folders, sorted.
pub(crate) fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The module that holds this module; empty for a top-level module.
pub(super) fn parent(module: &str) -> &str {
    module.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Adds the modules that the tree of paths at the beginning of `rest` names: `a::{b::c, d}` names `a/b/c` and
/// `a/d`.
fn expand(base: &str, rest: &str, into: &mut Vec<String>) {
    if let Some(rest) = rest.strip_prefix("super::") {
        return expand(parent(base), rest, into);
    }
    if let Some(list) = rest.strip_prefix('{') {
        for item in items(list) {
            expand(base, item.trim_start(), into);
        }
        return;
    }
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if !name.starts_with(|c: char| c.is_lowercase()) {
        // a type or a constant: it belongs to the module so far
        into.push(base.to_owned());
        return;
    }
    let path = match (base, name.as_str()) {
        (_, "self") => base.to_owned(),
        ("", _) => name.clone(),
        (_, _) => format!("{base}/{name}"),
    };
    match rest[name.len()..].strip_prefix("::") {
        Some(rest) => expand(&path, rest, into),
        None => into.push(path),
    }
}

/// The items of a list up to its closing brace.
fn items(list: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut items) = (0, 0, Vec::new());
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&list[begin..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&list[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    items
}

fn before_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]").map_or(text, |end| &text[..end])
}

/// The code alone. A string is left as `""`; a character literal of a quotation mark is no string.
fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find('\'').map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if character == '"' {
            code.push_str("\"\"");
            string_length(rest)
        } else {
            code.push(character);
            character.len_utf8()
        };
        rest = &rest[skipped..];
    }
    code
}

/// The length of the string literal at the beginning, with its quotation marks.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[test]
fn a_tree_of_paths_is_expanded() {
    let mut imports = Vec::new();
    expand("", "{log, hook::{self, Outcome, answer::json}, call}", &mut imports);
    assert_eq!(imports, ["log", "hook", "hook", "hook/answer/json", "call"]);
    let source = |module: &str, code: &str| Source {
        file: format!("{module}.rs"),
        module: module.to_owned(),
        lines: 0,
        code: without_comments_and_strings(code),
    };
    assert_eq!(source("config/hooks/answers", "use super::super::raw::Entry;").imports(), ["config/raw"]);
    assert_eq!(source("hook", "// crate::a\nlet x = \"crate::b\"; crate::c::d();").imports(), ["c/d"]);
}
