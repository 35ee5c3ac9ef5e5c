//! The faults of a configuration, in words for the administrator.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::LONGEST_FILE;
use crate::files;

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
