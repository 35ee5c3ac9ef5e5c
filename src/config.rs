//! The configuration: what the program means by it, and what it says of a file that means nothing.
//!
//! Every fault of a file is found in one reading. A missing file at the default place is no fault: without one
//! there are the default listeners and ad hoc steps.

mod completeness;
mod hooks;
mod limits;
mod raw;
mod secrets;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use toml::de::DeValue;

pub use self::completeness::Completeness;
pub use self::limits::Limits;
use self::raw::{Document, Entry, Table};
use crate::call::SwitchKind;
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

/// The listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where Asterisk connects to: FastAGI.
    pub asterisk: Option<SocketAddr>,
    /// Where FreeSWITCH connects to: the outbound event socket.
    pub freeswitch: Option<SocketAddr>,
    /// Where health and metrics are asked for, over HTTP.
    pub observer: Option<SocketAddr>,
    /// Which networks may connect; everybody who can reach a loopback address where nothing is said.
    pub allow: Option<Vec<IpNet>>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}; {}", file.display(), remedy(error))]
    Unreadable {
        /// Which one.
        file: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Reading does not come to its end.
    #[error(
        "{}, or a file that it names, does not answer within {after:?}; see whether its folder does, and reload again",
        file.display()
    )]
    Unanswered {
        /// The file of the configuration.
        file: PathBuf,
        /// How long it was waited for.
        after: Duration,
    },
    /// The file has faults.
    #[error("{}", FaultLines(.0))]
    Faults(Faults),
}

/// The faults of a file.
#[derive(Debug)]
pub struct Faults {
    /// Which file.
    pub file: PathBuf,
    /// All that is wrong with it, in the order of its lines.
    pub faults: Vec<Fault>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1.
    pub line: usize,
    /// The key, such as `hook.crm.timeout`; empty where there is none.
    pub key: String,
    /// What was found, and what would be right.
    pub what: String,
}

fn remedy(error: &io::Error) -> String {
    match files::required_file(error, LONGEST_FILE) {
        Some(right) => format!("write it into {right}"),
        None if error.kind() == io::ErrorKind::NotFound => {
            "make it, or give another file with --config".to_owned()
        }
        None => "give another file with --config, or make this one readable".to_owned(),
    }
}

/// One fault a line.
struct FaultLines<'a>(&'a Faults);

impl fmt::Display for FaultLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.faults.iter().enumerate() {
            let newline = if number == 0 { "" } else { "\n" };
            let key = if fault.key.is_empty() { String::new() } else { format!("{}: ", fault.key) };
            write!(f, "{newline}{}:{}: {key}{}", self.0.file.display(), fault.line, fault.what)?;
        }
        Ok(())
    }
}

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
        let listen = listen(root.table("listen"));
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

impl Listen {
    /// Every switch that is listened for, and where.
    pub fn switches(&self) -> impl Iterator<Item = (SwitchKind, SocketAddr)> {
        let switches = [(SwitchKind::Asterisk, self.asterisk), (SwitchKind::FreeSwitch, self.freeswitch)];
        switches.into_iter().filter_map(|(switch, address)| Some((switch, address?)))
    }

    /// Whether somebody at this address may connect.
    #[must_use]
    pub fn allows(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.allow.as_ref().is_none_or(|networks| networks.iter().any(|network| network.contains(&peer)))
    }

    /// Whether somebody at this address may ask the observer: on loopback, everybody who reaches it.
    #[must_use]
    pub fn observer_allows(&self, peer: IpAddr) -> bool {
        self.observer.is_some_and(|address| address.ip().is_loopback()) || self.allows(peer)
    }

    /// Whether only this machine can make a call's connection.
    #[must_use]
    pub fn only_loopback(&self) -> bool {
        [self.asterisk, self.freeswitch].iter().flatten().all(|address| address.ip().is_loopback())
    }
}

fn listen(mut table: Table<'_>) -> Listen {
    let default = Config::default().listen;
    let mut said = Vec::new();
    let mut address_of = |name, default| {
        let entry = table.take(name);
        let address = entry.as_ref().map_or(default, |entry| address(entry, default));
        said.push((name, entry, address));
        address
    };
    let (asterisk, freeswitch) =
        (address_of("asterisk", default.asterisk), address_of("freeswitch", default.freeswitch));
    let observer = address_of("observer", default.observer);
    let allow = table.take("allow");
    let listen = Listen { asterisk, freeswitch, observer, allow: allow.as_ref().and_then(networks) };
    for (_, entry, address) in &said {
        let open = address.is_some_and(|address| !address.ip().is_loopback());
        if let (Some(entry), true, None) = (entry, open, &allow) {
            entry.reject("an address that is not loopback needs listen.allow, such as [\"10.1.0.0/16\"]");
        }
    }
    if asterisk.is_none() && freeswitch.is_none() {
        table.fault("asterisk", "nothing to listen on; give listen.asterisk or listen.freeswitch an address");
    }
    for (later, (name, _, address)) in said.iter().enumerate().skip(1) {
        let taken = |(_, _, other): &&(_, _, Option<SocketAddr>)| other == address;
        let Some((other, _, _)) = said.iter().take(later).find(taken) else { continue };
        if address.is_some_and(|address| address.port() != 0) {
            table.fault(name, format!("the same address as listen.{other}; give each its own port"));
        }
    }
    for (name, _, address) in said {
        note_unreachable_listener(&table, &listen, name, address.map(|address| address.ip()));
    }
    table.finish();
    listen
}

/// A listener at this address that nobody can connect to.
fn note_unreachable_listener(table: &Table<'_>, listen: &Listen, name: &str, address: Option<IpAddr>) {
    let nobody = listen.allow.as_ref().is_some_and(Vec::is_empty);
    let what = match address {
        // a loopback observer is for this machine, whoever else may make calls
        Some(local) if local.is_loopback() && name != "observer" && !listen.allows(local) => {
            format!("does not name {local}: nobody can connect to listen.{name}; add it, or leave allow out")
        }
        Some(open) if !open.is_loopback() && nobody => {
            format!("is empty: nobody can connect to listen.{name}; name networks or addresses")
        }
        Some(_) | None => return,
    };
    table.notice("allow", &what);
}

/// An address to listen on, or none for `false`.
fn address(entry: &Entry<'_>, default: Option<SocketAddr>) -> Option<SocketAddr> {
    let read = |value: &DeValue<'_>| match value {
        DeValue::Boolean(false) => Some(None),
        value => value.as_str().and_then(|text| text.parse().ok()).map(Some),
    };
    let usual = default.map_or_else(String::new, |usual| format!(", such as \"{usual}\""));
    entry.read(read, &format!("write an address and a port{usual}, or false")).unwrap_or(default)
}

fn networks(entry: &Entry<'_>) -> Option<Vec<IpNet>> {
    let networks: Option<Vec<_>> = entry.texts()?.iter().map(|text| network(text)).collect();
    if networks.is_none() {
        entry.reject("write networks or addresses, such as [\"10.1.0.0/16\", \"127.0.0.1\"]");
    }
    networks
}

/// A network, or an address alone. One of IPv4 that is written as IPv6 (`::ffff:10.1.0.0/112`) is meant as IPv4, which is how
/// peers are compared.
fn network(text: &str) -> Option<IpNet> {
    let written = text.parse().ok().or_else(|| Some(IpNet::from(text.parse::<IpAddr>().ok()?)))?;
    let meant = match written {
        IpNet::V6(network) => {
            let mapped = network.prefix_len().checked_sub(MAPPED).zip(network.addr().to_ipv4_mapped());
            mapped.and_then(|(prefix, address)| IpNet::new(address.into(), prefix).ok())
        }
        IpNet::V4(_) => None,
    };
    // 10.1.2.3/16 means all of 10.1.0.0/16, and is shown so
    Some(meant.unwrap_or(written).trunc())
}

/// Bits of `::ffff:0:0/96`, in which IPv6 holds all of IPv4.
const MAPPED: u8 = 96;

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
