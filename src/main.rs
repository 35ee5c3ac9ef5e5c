//! `dialhook`: see the library for how it works.

use std::process::ExitCode;

fn main() -> ExitCode {
    dialhook::cli::run()
}
