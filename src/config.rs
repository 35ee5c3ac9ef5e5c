//! The configuration: what the program means by it, and what it says of a file that means nothing.
//!
//! Every fault of a file is found in one reading. A missing file at the default place is no fault: without one
//! there are the default listeners and ad hoc steps.

mod completeness;
mod error;
mod hooks;
mod limits;
mod listen;
mod raw;
mod secrets;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::completeness::Completeness;
pub use self::error::{ConfigError, Fault, Faults};
pub use self::limits::Limits;
pub use self::listen::Listen;
use self::raw::{Document, Entry, Table};
use crate::files;
pub(crate) use crate::files::size_text;
use crate::hook::{AllowedUrls, Hook, Policy, http_url};

/// Where the configuration is when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/dialhook/dialhook.toml";

/// A configuration without faults.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it comes from; none where there was no file.
    pub file: Option<PathBuf>,
    /// `com_id` where a call has no account code.
    pub company: String,
    /// Who may connect, and where to.
    pub listen: Listen,
    /// Which URLs an ad hoc step may ask.
    pub urls: AllowedUrls,
    /// How much at once, and how long a switch may take.
    pub limits: Limits,
    /// True if the file itself says how many calls or detached requests there may be.
    pub sets_limits: bool,
    /// The hooks by name.
    pub hooks: BTreeMap<String, Arc<Hook>>,
    /// Whether the log shows telephone numbers whole.
    pub numbers: bool,
    /// What is right, but does nothing, or not what one may think.
    pub notices: Vec<String>,
    /// How far the file was written, as far as its text tells.
    pub completeness: Completeness,
}

/// The longest configuration that is read: some thousand hooks. It is more than anybody writes, and less than is felt.
const LONGEST_FILE: usize = 1024 * 1024;

impl Default for Config {
    fn default() -> Self {
        let loopback = |port| Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        Self {
            file: None,
            company: String::new(),
            listen: Listen {
                asterisk: loopback(4573),
                freeswitch: loopback(8084),
                observer: loopback(9573),
                allow: None,
            },
            urls: AllowedUrls::Any,
            limits: Limits::default(),
            sets_limits: false,
            hooks: BTreeMap::new(),
            numbers: false,
            notices: Vec::new(),
            completeness: Completeness::default(),
        }
    }
}

impl Config {
    /// Reads this file, or the one at the default place if there is one. It is a regular file: a daemon reads it again, and
    /// waits for nobody to write it.
    ///
    /// # Errors
    /// When the file cannot be read, or is not right.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_PATH));
        match files::read_regular(path, LONGEST_FILE) {
            Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            read => Self::of(read, path),
        }
    }

    /// The same of what need not be there twice: also a pipe, such as the `<(…)` of a shell.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_once(file: Option<&Path>) -> Result<Self, ConfigError> {
        match file {
            Some(path) => Self::of(files::read_any(path, LONGEST_FILE), path),
            None => Self::load(None),
        }
    }

    fn of(read: io::Result<Vec<u8>>, file: &Path) -> Result<Self, ConfigError> {
        let bytes = read.map_err(|error| ConfigError::Unreadable { file: file.to_owned(), error })?;
        let mut config = Self::parse(&decoded(&bytes, file)?, file)?;
        config.notices.extend(config.completeness.notice());
        Ok(config)
    }

    /// Reads the text of a file; what the text says of other files is relative to `file`.
    ///
    /// # Errors
    /// Every fault of the text.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let document = Document::new(text);
        let config = Self { completeness: Completeness::of(text), ..Self::read(&document, file) };
        match document.faults() {
            faults if faults.is_empty() => Ok(config),
            faults => Err(ConfigError::Faults(Faults { file: file.to_owned(), faults })),
        }
    }

    fn read(document: &Document<'_>, file: &Path) -> Self {
        let mut root = document.root();
        let company = root.take("company").and_then(|entry| entry.text()).unwrap_or_default();
        let listen = listen::read(root.table("listen"));
        let urls = calls(root.table("calls"), &listen);
        let table = root.table("limits");
        let sets_limits = table.contains_any(&["calls", "detached"]);
        let limits = limits::read(table, &listen);
        let numbers = log(root.table("log"));
        let hooks = hooks::read(root.table("hook"), file, limits.answer);
        root.finish();
        let notices = document.notices();
        let (file, completeness) = (Some(file.to_owned()), Completeness::default());
        Self { file, company, listen, urls, limits, sets_limits, hooks, numbers, notices, completeness }
    }

    /// The hooks without their names.
    pub fn every_hook(&self) -> impl Iterator<Item = &Hook> {
        self.hooks.values().map(|hook| &**hook)
    }

    /// What calls are judged by.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            company: self.company.clone(),
            hooks: self.hooks.clone(),
            urls: self.urls.clone(),
            longest_answer: self.limits.answer,
        }
    }
}

/// The text of a file, which TOML wants in UTF-8.
fn decoded(bytes: &[u8], file: &Path) -> Result<String, ConfigError> {
    String::from_utf8(bytes.to_vec()).map_err(|fault| {
        let before = bytes.get(..fault.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let what = "not UTF-8; save the file in UTF-8".to_owned();
        let fault = Fault { line, key: String::new(), what };
        ConfigError::Faults(Faults { file: file.to_owned(), faults: vec![fault] })
    })
}

fn calls(mut table: Table<'_>, listen: &Listen) -> AllowedUrls {
    let default = if listen.only_loopback() { AllowedUrls::Any } else { AllowedUrls::Prefixes(Vec::new()) };
    let urls = table.take("urls").and_then(|entry| {
        let url =
            |item: Entry<'_>| http_url(&item.text()?).map_err(|fault| item.fault(fault.to_string())).ok();
        // every one, so that every fault is told
        let urls: Vec<_> = entry.list()?.into_iter().map(url).collect();
        urls.into_iter().collect::<Option<_>>().map(AllowedUrls::Prefixes)
    });
    table.finish();
    urls.unwrap_or(default)
}

fn log(mut table: Table<'_>) -> bool {
    let numbers = table.take("numbers").and_then(|entry| entry.boolean());
    table.finish();
    numbers.unwrap_or_default()
}

#[cfg(test)]
mod tests;
