//! The command line: its arguments, its subcommands and the exit status.

mod calls;
mod check;
mod demo;
mod output;
mod running_daemon;
mod screen;
mod serve;
mod titled;
mod try_hook;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use self::calls::Calls;
pub(crate) use self::output::{exit_status, print};
use self::try_hook::Try;
use crate::config::{Config, ConfigError, DEFAULT_PATH};
use crate::log::Format;

/// A webhook step for the dialplans of Asterisk and FreeSWITCH.
///
/// AGI(agi://127.0.0.1/crm), or the application socket with 127.0.0.1:8084/crm, asks the webhook of the hook
/// `crm` and stores the answer in a channel variable. The dialplan routes the call by this variable.
#[derive(Debug, Parser)]
#[command(name = "dialhook", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Start with `dialhook demo`: it needs no PBX and no configuration.

Exit status: 0 success; 1 the command did not succeed (check: there are faults); 2 the command line or the configuration \
is wrong. The log goes to standard error. DIALHOOK_LOG=debug logs why a connection failed; DIALHOOK_LOG=trace also logs \
call data and answers.

The manual: `man dialhook`, and `man dialhook.toml` for the keys of the configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Listen for Asterisk and FreeSWITCH, and ask webhooks.
    ///
    /// Without a configuration file it listens on 127.0.0.1:4573 (Asterisk) and 127.0.0.1:8084 (FreeSWITCH),
    /// and serves ad hoc steps. The page http://127.0.0.1:9573/ shows the last steps; /metrics and
    /// /health/ready are there too. SIGHUP reloads the configuration. SIGTERM stops the daemon as soon as the
    /// calls in flight have ended; a second SIGTERM stops it at once.
    Serve(Serve),
    /// Check a configuration, and show its meaning or all of its faults.
    ///
    /// Also checks dialplans (extensions.conf, FreeSWITCH's XML): every AGI(agi://...) and every socket must
    /// name an existing hook and use valid parameters. Notes warn if a dialplan puts a free text of a webhook
    /// into a command, or a value that a caller chooses into a step. Notes do not change the exit status.
    Check(Check),
    /// Ask the webhook of a hook without a PBX, and show the result that a call would get.
    Try(Try),
    /// Show the last webhook steps of the running daemon, and why each call went where it went.
    ///
    /// The records live in the memory of the daemon: a reload keeps them, a restart loses them, and new
    /// steps replace the oldest. Times are in the zone of this machine. Numbers are masked unless log.numbers
    /// is true.
    Calls(Box<Calls>),
    /// Show example calls in a few seconds, without a PBX, a configuration or any other machine.
    Demo,
}

/// The option for the configuration file.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigFile {
    /// The configuration file [default: /etc/dialhook/dialhook.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    config: ConfigFile,
    /// The format of the log [default: journald if systemd connected standard error to it, else text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

/// The formats of the log, by their names on the command line.
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

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    config: ConfigFile,
    /// Dialplans whose steps are checked too
    #[arg(value_name = "DIALPLAN")]
    dialplans: Vec<PathBuf>,
}

impl ConfigFile {
    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        Config::load(self.config.as_deref())
    }

    /// Loads the configuration, which may be a pipe.
    pub(crate) fn load_once(&self) -> Result<Config, ConfigError> {
        Config::load_once(self.config.as_deref())
    }

    /// Loads the configuration for its listeners. Faults in other tables do not matter, such as a secret that
    /// only the daemon can read.
    pub(crate) fn load_listen(&self) -> Result<Config, ConfigError> {
        Config::load_listen(self.config.as_deref())
    }

    /// Returns the path of the configuration file, which may be missing.
    pub(crate) fn path(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_PATH))
    }
}

/// Returns the description of the command line, for the manual page and the completions of shells.
#[must_use]
pub fn description() -> clap::Command {
    Arguments::command()
}

/// Exit status: success.
pub(crate) const DONE: u8 = 0;
/// Exit status: the command did not succeed.
pub(crate) const FAILED: u8 = 1;
/// Exit status: the command line or the configuration is wrong.
pub(crate) const WRONG: u8 = 2;

/// Runs the program on one thread. A call takes about 60 µs of it; with several threads it takes a third
/// more, because they wake each other (`cargo bench --bench cpu_per_call`, compared with `new_multi_thread`
/// here).
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
        Command::Serve(arguments) => runtime.block_on(serve::run(&arguments)),
        Command::Check(arguments) => check::run(&arguments.config, &arguments.dialplans),
        Command::Try(arguments) => runtime.block_on(try_hook::run(&arguments)),
        Command::Calls(arguments) => runtime.block_on(calls::run(&arguments)),
        Command::Demo => runtime.block_on(demo::run()),
    };
    // a drop would wait for a reload whose folder does not answer
    runtime.shutdown_background();
    status
}

/// Prints the help, the version, or an error of the command line.
fn print_clap_message(message: &clap::Error) -> ExitCode {
    let printed = message.print().and_then(|()| io::stdout().flush());
    if message.use_stderr() { ExitCode::from(WRONG) } else { exit_status(printed, DONE) }
}

/// Prints an error and returns this exit status.
pub(crate) fn fail(status: u8, message: &str) -> ExitCode {
    print_error(message);
    ExitCode::from(status)
}

/// Prints an error to standard error, which may be closed.
pub(crate) fn print_error(message: &str) {
    for line in message.lines() {
        let _closed = writeln!(std::io::stderr(), "dialhook: {line}");
    }
}
