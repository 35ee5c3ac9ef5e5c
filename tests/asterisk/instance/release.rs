//! Owner: the tests. The releases of Asterisk that the tests use.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A release of Asterisk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The newest that Debian builds.
    V22,
    /// The oldest in use; it reads commands of 2,046 bytes only.
    V16,
}

impl Release {
    /// Both releases.
    pub const ALL: [Release; 2] = [Release::V22, Release::V16];

    /// The number of the release, also for `tests/asterisk/fetch`.
    pub fn number(self) -> &'static str {
        match self {
            Release::V22 => "22",
            Release::V16 => "16",
        }
    }

    /// The folder made by `tests/asterisk/fetch`, which downloads it the first time; asked once in a test
    /// run.
    ///
    /// # Errors
    /// Returns in one line the reason why this release cannot run here.
    pub fn unpacked(self) -> Result<&'static Path, &'static str> {
        static ROOTS: [OnceLock<Result<PathBuf, String>>; 2] = [const { OnceLock::new() }; 2];
        let root = match self {
            Release::V22 => &ROOTS[0],
            Release::V16 => &ROOTS[1],
        };
        root.get_or_init(|| fetched(self.number())).as_deref().map_err(String::as_str)
    }
}

fn fetched(number: &str) -> Result<PathBuf, String> {
    let fetch = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/asterisk/fetch");
    let output = Command::new(fetch).arg(number).output().expect("tests/asterisk/fetch can be run");
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())),
        Some(3) => {
            let subject = format!("no Asterisk {number} for the tests: ");
            Err(stderr.strip_prefix(&subject).unwrap_or(&stderr).to_owned())
        }
        _ => panic!("tests/asterisk/fetch {number}: {}: {stderr}", output.status),
    }
}
