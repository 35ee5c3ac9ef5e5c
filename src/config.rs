//! The configuration: a text becomes a [`Config`], or a list of faults.
//!
//! Knows every key, its default and its bounds. One reading finds every fault of a file. If the file at the
//! default path is missing, the defaults hold: the default listeners, and ad hoc steps only.

mod completeness;
mod error;
mod history;
mod hooks;
mod limits;
mod listen;
mod observer;
mod raw;
mod secrets;
mod size;
mod summary;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

pub use self::completeness::Completeness;
pub use self::error::{ConfigError, Fault, Faults};
pub use self::history::{HistorySettings, KeptBodies};
pub use self::limits::Limits;
pub use self::listen::Listen;
pub use self::observer::{ObserverSettings, Token};
use self::raw::{Document, Entry, Table};
pub use self::summary::{counted, summary};
use crate::files;
pub(crate) use crate::files::size_text;
use crate::hook::{AllowedUrls, Hook, Policy, http_url};

/// The path of the configuration unless the command line names another one.
pub const DEFAULT_PATH: &str = "/etc/dialhook/dialhook.toml";

/// A configuration without faults.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that was read; `None` if the default file is missing.
    pub file: Option<PathBuf>,
    /// The hooks, and the bounds of an ad hoc step.
    pub policy: Policy,
    pub listen: Listen,
    pub limits: Limits,
    /// True if the file sets the number of calls or of detached requests.
    pub sets_limits: bool,
    /// True if the log shows telephone numbers whole.
    pub log_numbers: bool,
    pub observer: ObserverSettings,
    pub history: HistorySettings,
    /// Settings that are valid, but have no effect, or an unexpected one.
    pub notices: Vec<String>,
    /// An estimate from the text whether the file was written to its end.
    pub completeness: Completeness,
}

/// The longest configuration that is read, in bytes. Some thousand hooks fit into it.
const LONGEST_FILE: usize = 1024 * 1024;

impl Default for Config {
    fn default() -> Self {
        let loopback = |port| Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        Self {
            file: None,
            policy: Policy {
                company: String::new(),
                hooks: BTreeMap::new(),
                urls: AllowedUrls::Any,
                longest_answer: Limits::default().answer,
            },
            listen: Listen {
                asterisk: loopback(4573),
                freeswitch: loopback(8084),
                observer: loopback(9573),
                allow: None,
            },
            limits: Limits::default(),
            sets_limits: false,
            log_numbers: false,
            observer: ObserverSettings::default(),
            history: HistorySettings::default(),
            notices: Vec::new(),
            completeness: Completeness::default(),
        }
    }
}

impl Config {
    /// Reads this file, or the one at the default path if it exists. The file must be a regular file, because
    /// a daemon reads it again and cannot wait for a writer.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or has faults.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_PATH));
        match files::read_regular(path, LONGEST_FILE) {
            Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            read => Self::from_read(read, path),
        }
    }

    /// Reads the configuration once. The file may also be a pipe, such as the `<(…)` of a shell.
    ///
    /// # Errors
    /// Returns the errors of [`Config::load`].
    pub fn load_once(file: Option<&Path>) -> Result<Self, ConfigError> {
        match file {
            Some(path) => Self::from_read(files::read_any(path, LONGEST_FILE), path),
            None => Self::load(None),
        }
    }

    /// Reads the configuration once, for its listeners. Faults in other tables do not matter: only the daemon
    /// can read its secrets.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or if its listeners have faults.
    pub fn load_listen(file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_PATH));
        let bytes = match files::read_any(path, LONGEST_FILE) {
            Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            read => read.map_err(|error| ConfigError::Unreadable { file: path.to_owned(), error })?,
        };
        let text = decode(bytes, path)?;
        let document = Document::new(&text);
        let config = Self::read(&document, path);
        let mut faults = document.faults();
        faults.retain(|fault| fault.key.split('.').next() == Some("listen"));
        match faults.is_empty() {
            true => Ok(config),
            false => Err(ConfigError::Faults(Faults { file: path.to_owned(), faults })),
        }
    }

    fn from_read(read: io::Result<Vec<u8>>, file: &Path) -> Result<Self, ConfigError> {
        let bytes = read.map_err(|error| ConfigError::Unreadable { file: file.to_owned(), error })?;
        let text = decode(bytes, file)?;
        let mut config = Self::parse(&text, file)?;
        config.notices.extend(config.completeness.notice());
        Ok(config)
    }

    /// Parses the text of a configuration. File names in it are relative to the folder of `file`.
    ///
    /// # Errors
    /// Returns every fault of the text.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let document = Document::new(text);
        let mut config = Self::read(&document, file);
        config.completeness = Completeness::of(text);
        let faults = document.faults();
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Faults(Faults { file: file.to_owned(), faults }))
        }
    }

    fn read(document: &Document<'_>, file: &Path) -> Self {
        let mut root = document.root();
        let company = root.take("company").and_then(|entry| entry.text());
        let listen = listen::read(root.table("listen"));
        let urls = read_calls(root.table("calls"), &listen);
        let limits_table = root.table("limits");
        let sets_limits = limits_table.contains_any(&["calls", "detached"]);
        let limits = limits::read(limits_table, &listen);
        let log_numbers = read_log(root.table("log"));
        let observer = observer::read(root.table("observer"), file, &listen);
        let history = history::read(root.table("history"));
        let hooks = hooks::read(root.table("hook"), file, limits.answer);
        root.finish();
        let policy =
            Policy { company: company.unwrap_or_default(), hooks, urls, longest_answer: limits.answer };
        Self {
            file: Some(file.to_owned()),
            policy,
            listen,
            limits,
            sets_limits,
            log_numbers,
            observer,
            history,
            notices: document.notices(),
            completeness: Completeness::default(),
        }
    }

    /// The hooks without their names.
    pub fn every_hook(&self) -> impl Iterator<Item = &Hook> {
        self.policy.hooks.values().map(|hook| &**hook)
    }
}

/// Decodes the bytes of a file as UTF-8, the encoding of TOML.
fn decode(bytes: Vec<u8>, file: &Path) -> Result<String, ConfigError> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        let text = "not UTF-8; save the file in UTF-8".to_owned();
        let fault = Fault { line, key: String::new(), text };
        ConfigError::Faults(Faults { file: file.to_owned(), faults: vec![fault] })
    })
}

/// Reads the table `[calls]`. Without `urls`, an ad hoc step may ask any URL if only this machine can make
/// calls.
fn read_calls(mut table: Table<'_>, listen: &Listen) -> AllowedUrls {
    let default = if listen.only_loopback() { AllowedUrls::Any } else { AllowedUrls::Prefixes(Vec::new()) };
    let urls = table.take("urls").and_then(prefixes);
    table.finish();
    urls.unwrap_or(default)
}

fn prefixes(entry: Entry<'_>) -> Option<AllowedUrls> {
    let url = |item: Entry<'_>| http_url(&item.text()?).map_err(|fault| item.fault(fault.to_string())).ok();
    // all are read before one is refused, so that every fault is found
    let urls: Vec<_> = entry.list()?.into_iter().map(url).collect();
    urls.into_iter().collect::<Option<_>>().map(AllowedUrls::Prefixes)
}

/// Reads the table `[log]`.
fn read_log(mut table: Table<'_>) -> bool {
    let numbers = table.take("numbers").and_then(|entry| entry.boolean());
    table.finish();
    numbers.unwrap_or_default()
}

#[cfg(test)]
mod tests;
