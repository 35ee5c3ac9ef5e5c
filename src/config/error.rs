//! The errors of a configuration, each with what was found and what would be right.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::LONGEST_FILE;
use crate::files;

/// A configuration could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {}: {error}; {}", file.display(), remedy(error))]
    Unreadable { file: PathBuf, error: io::Error },
    /// The file, or one that it names, was not read within a time limit.
    #[error(
        "{}, or a file that it names, was not read within {after:?}; check that its folder answers, and reload again",
        file.display()
    )]
    Unanswered { file: PathBuf, after: Duration },
    #[error("{0}")]
    Faults(Faults),
}

/// Every fault of one file, in the order of its lines.
#[derive(Debug)]
pub struct Faults {
    pub file: PathBuf,
    pub faults: Vec<Fault>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1.
    pub line: usize,
    /// The key with its tables, such as `hook.crm.timeout`; empty if the fault belongs to no key.
    pub key: String,
    /// The value that was found, and what would be right.
    pub text: String,
}

fn remedy(error: &io::Error) -> String {
    match files::required_file(error, LONGEST_FILE) {
        Some(required) => format!("write it into {required}"),
        None if error.kind() == io::ErrorKind::NotFound => {
            "create it, or name another file with --config".to_owned()
        }
        None if error.kind() == io::ErrorKind::IsADirectory => "name a file in it with --config".to_owned(),
        None => "make it readable, or name another file with --config".to_owned(),
    }
}

/// One fault a line: `path:line: key: text`.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.faults.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:{}: ", self.file.display(), fault.line)?;
            if !fault.key.is_empty() {
                write!(f, "{}: ", fault.key)?;
            }
            write!(f, "{}", fault.text)?;
        }
        Ok(())
    }
}
