//! Standard output: the one way in which every command prints.
//!
//! `println!` panics if nobody reads any more, or if a disk is full.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use super::{FAILED, fail};

/// Prints a text, all of it before this returns.
///
/// # Errors
/// When standard output does not take it.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// Returns the exit status of a command that came to `status` and whose output ended so.
pub(crate) fn exit_status(printed: io::Result<()>, status: u8) -> ExitCode {
    match printed {
        Ok(()) => ExitCode::from(status),
        // `head` and `grep -q` close the pipe once they have enough; the command's own result stands
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(status),
        Err(error) => fail(FAILED, &format!("cannot write to standard output: {error}")),
    }
}
