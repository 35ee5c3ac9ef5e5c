//! The command line: `serve`, `check`, `try`, `demo`.

mod check;
mod demo;
mod output;
mod serve;
mod try_hook;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

pub(crate) use self::output::{exit_status, print};
use self::try_hook::Try;
use crate::config::{Config, ConfigError, DEFAULT_PATH};
use crate::log::Format;

/// A webhook step for the dialplans of Asterisk and FreeSWITCH.
///
/// AGI(agi://127.0.0.1/crm), or the application socket with 127.0.0.1:8084/crm, asks the webhook of the hook `crm` and
/// leaves its answer in a channel variable. The dialplan routes the call by it.
#[derive(Debug, Parser)]
#[command(name = "dialhook", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Start with `dialhook demo`: it needs no PBX and no configuration.

Exit status: 0 done, 1 what was asked did not succeed (check: there are faults), 2 the command line or the configuration \
is wrong. The log goes to standard error; DIALHOOK_LOG=debug tells why a connection failed, DIALHOOK_LOG=trace shows \
call data and answers too.

The manual: `man dialhook`, and `man dialhook.toml` for the keys of the configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Listen for Asterisk and FreeSWITCH, and ask webhooks.
    ///
    /// Without a configuration file it listens on 127.0.0.1:4573 (Asterisk) and 127.0.0.1:8084 (FreeSWITCH), serves
    /// ad hoc steps, and answers http://127.0.0.1:9573/metrics and /health/ready. SIGHUP reads the configuration again;
    /// SIGTERM ends it once the calls in flight are finished, a second one at once.
    Serve(Serve),
    /// Say what a configuration means, or everything that is wrong with it.
    ///
    /// With files of dialplan (extensions.conf, FreeSWITCH's XML): also whether every AGI(agi://...) and every socket
    /// in them names a hook that there is, with parameters that there are. Notes say where a dialplan puts a free text of a
    /// webhook into a command, or what a caller chooses into a step; they do not change the exit status.
    Check(Check),
    /// Ask a hook's webhook without a PBX, and show what a call would hear of it.
    Try(Try),
    /// See it work in a few seconds: no PBX, no configuration, nothing outside this machine.
    Demo,
}

/// Which configuration.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigFile {
    /// The configuration file [default: /etc/dialhook/dialhook.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How to serve.
#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    config: ConfigFile,
    /// How to log [default: journald if systemd connected standard error to it, else text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

/// The names of the formats on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
    Journald,
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::text(),
            LogFormat::Json => Self::Json,
            LogFormat::Journald => Self::Journald,
        }
    }
}

/// What to check.
#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    config: ConfigFile,
    /// Files of dialplan whose steps are checked too
    #[arg(value_name = "DIALPLAN")]
    dialplans: Vec<PathBuf>,
}

impl ConfigFile {
    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        Config::load(self.config.as_deref())
    }

    pub(crate) fn load_once(&self) -> Result<Config, ConfigError> {
        Config::load_once(self.config.as_deref())
    }

    /// The file that is read, whether it is there or not.
    pub(crate) fn path(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_PATH))
    }
}

/// The command line, for those who describe it: the manual page and the completions of the shells.
#[must_use]
pub fn description() -> clap::Command {
    Arguments::command()
}

/// Done.
pub(crate) const DONE: u8 = 0;
/// What was asked did not succeed.
pub(crate) const FAILED: u8 = 1;
/// The command line or the configuration is wrong.
pub(crate) const WRONG: u8 = 2;

/// Runs the program, on one thread: a call needs some 60 µs of it, and two that wake each other took a third more
/// (`cargo bench --bench cpu_per_call`, in turn with `new_multi_thread` here).
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(message) => return print_clap_message(&message),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(FAILED, &format!("cannot start: {error}")),
    };
    let status = match arguments.command {
        Command::Serve(how) => runtime.block_on(serve::run(&how)),
        Command::Check(what) => check::run(&what.config, &what.dialplans),
        Command::Try(arguments) => runtime.block_on(try_hook::run(&arguments)),
        Command::Demo => runtime.block_on(demo::run()),
    };
    // dropping it would wait for a reload that waits for its folder
    runtime.shutdown_background();
    status
}

/// Prints the help, the version, or what is wrong with the command line.
fn print_clap_message(message: &clap::Error) -> ExitCode {
    let printed = message.print().and_then(|()| io::stdout().flush());
    if message.use_stderr() { ExitCode::from(WRONG) } else { exit_status(printed, DONE) }
}

/// Says on standard error what is wrong, and ends with this status.
pub(crate) fn fail(status: u8, message: &str) -> ExitCode {
    print_error(message);
    ExitCode::from(status)
}

/// Says on standard error what is wrong, if anybody is there to hear it.
pub(crate) fn print_error(message: &str) {
    for line in message.lines() {
        let _nobody_reads = writeln!(std::io::stderr(), "dialhook: {line}");
    }
}
