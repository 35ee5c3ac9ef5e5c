//! Values that may be secrets: in the configuration, in a file of their own, or in the environment. No fault
//! shows one.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use super::raw::{Entry, Position};
use crate::files;

/// The longest secret in bytes, far longer than any header.
const LONGEST_SECRET: usize = 64 * 1024;

/// The longest PEM file in bytes, four times as long as the whole trust store of a Debian machine.
pub(super) const LONGEST_PEM: usize = 1024 * 1024;

/// A value that may be a secret.
#[derive(Debug)]
pub(super) struct SecretValue<'d> {
    pub(super) text: String,
    pub(super) position: Position<'d>,
    /// True if the value comes from a file of its own or from the environment.
    pub(super) is_external: bool,
}

/// Reads a value in one of three forms:
///
/// ```toml
/// X-Api-Key = "text"
/// X-Api-Key = { file = "crm.key" }
/// X-Api-Key = { env = "CRM_KEY" }
/// ```
pub(super) fn secret_value<'d>(entry: Entry<'d>, file: &Path) -> Option<SecretValue<'d>> {
    if entry.is_table() {
        return external(entry, file);
    }
    match entry.as_text() {
        Some(text) => Some(SecretValue { text, position: entry.position(), is_external: false }),
        None => {
            entry.fault("neither a text nor a table; write a text in quotes, { file = \"NAME\" } or { env = \"NAME\" }");
            None
        }
    }
}

fn external<'d>(entry: Entry<'d>, file: &Path) -> Option<SecretValue<'d>> {
    let mut source = entry.table()?;
    let found = match (source.take("file"), source.take("env")) {
        (Some(entry), None) => from_file(&entry, file).map(|text| (text, entry.position())),
        (None, Some(entry)) => from_environment(&entry).map(|text| (text, entry.position())),
        (_, _) => {
            source.fault("file", "no source, or two; write one of file and env");
            None
        }
    };
    source.finish();
    let (text, position) = found?;
    if text.trim().is_empty() {
        position.fault("empty; write the secret into it");
        return None;
    }
    Some(SecretValue { text: text.trim_end_matches(['\r', '\n']).to_owned(), position, is_external: true })
}

fn from_file(entry: &Entry<'_>, file: &Path) -> Option<String> {
    let content = read_file(&entry.text()?, file, LONGEST_SECRET).map_err(|fault| entry.fault(fault)).ok()?;
    let no_text = |_| entry.fault("not UTF-8; write one line of printable ASCII");
    String::from_utf8(content).map_err(no_text).ok()
}

fn from_environment(entry: &Entry<'_>) -> Option<String> {
    let name = entry.text()?;
    let missing = |_| {
        entry.fault(format!(
            "the environment has no variable {name}; set it (for the service: Environment= in its unit)"
        ));
    };
    env::var(&name).map_err(missing).ok()
}

/// Reads a file that the configuration names, of at most `longest` bytes.
///
/// # Errors
/// Returns the text of a fault if the file cannot be read.
pub(super) fn read_file(name: &str, file: &Path, longest: usize) -> Result<Vec<u8>, String> {
    let path = located(Path::new(name), file);
    files::read_regular(&path, longest).map_err(|error| {
        let remedy = match files::required_file(&error, longest) {
            Some(required) => format!("name {required}"),
            None if error.kind() == io::ErrorKind::NotFound => MISSING_REMEDY.to_owned(),
            None => UNREADABLE_REMEDY.to_owned(),
        };
        format!("cannot read {}: {error}; {remedy}", path.display())
    })
}

const MISSING_REMEDY: &str =
    "put it beside the configuration, or hand it to the service (LoadCredential= of its unit)";

const UNREADABLE_REMEDY: &str = "hand it to the service (systemctl edit dialhook; [Service] LoadCredential=NAME:FILE), \
                                 or run this as a user who may read it";

/// Returns the path of a file name: absolute, among the credentials of the service (systemd.exec(5)), or in
/// the folder of the configuration.
fn located(name: &Path, file: &Path) -> PathBuf {
    let credential = env::var_os("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join(name));
    match credential.filter(|path| path.exists()) {
        Some(path) => path,
        None => file.parent().unwrap_or(Path::new(".")).join(name),
    }
}
