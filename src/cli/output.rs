//! Writes to standard output. Every command prints through this module, because `println!` panics if the
//! reader is gone or the disk is full.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use super::{FAILED, fail};

/// Prints a text and flushes it.
///
/// # Errors
/// Returns an error if standard output does not accept the whole text.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// Returns the exit status of a command: `status`, unless its output failed.
pub(crate) fn exit_status(printed: io::Result<()>, status: u8) -> ExitCode {
    match printed {
        Ok(()) => ExitCode::from(status),
        // `head` and `grep -q` close the pipe early, which is not an error of the command
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(status),
        Err(error) => fail(FAILED, &format!("cannot write to standard output: {error}")),
    }
}
