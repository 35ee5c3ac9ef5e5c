//! The command line: `serve`, `check`, `try`, `demo`.

mod check;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::call::SwitchKind;
use crate::config::{Config, ConfigError, DEFAULT_PATH};
use crate::log::Format;
use crate::server::Server;

use crate::trial::Trial;
use crate::{demo, log, trial};

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

Exit status: 0 done, 1 what was asked did not succeed (check: there are faults), 2 the command line or the configuration
is wrong. The log goes to standard error; DIALHOOK_LOG=debug tells why a connection failed, DIALHOOK_LOG=trace shows
call data and answers too.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Listen for Asterisk and FreeSWITCH, and ask webhooks.
    ///
    /// Without a configuration file it listens on 127.0.0.1:4573 (Asterisk) and 127.0.0.1:8084 (FreeSWITCH), serves
    /// ad hoc steps, and answers http://127.0.0.1:9573/metrics and /health/ready.
    Serve(Serve),
    /// Say what a configuration means, or everything that is wrong with it.
    ///
    /// With files of dialplan (extensions.conf, FreeSWITCH's XML): also whether every AGI(agi://...) and every socket
    /// in them names a hook that there is, with parameters that there are.
    Check(Check),
    /// Ask a hook's webhook without a PBX, and show what a call would hear of it.
    Try(Trial),
    /// See it work in a few seconds: no PBX, no configuration, nothing outside this machine.
    Demo,
}

/// Which configuration.
#[derive(Debug, Args)]
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

    /// The file that is read, whether it is there or not.
    pub(crate) fn path(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_PATH))
    }
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
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(FAILED, &format!("cannot start: {error}")),
    };
    match arguments.command {
        Command::Serve(how) => runtime.block_on(serve(&how)),
        Command::Check(what) => check::run(&what.config, &what.dialplans),
        Command::Try(trial) => runtime.block_on(trial::run(&trial)),
        Command::Demo => runtime.block_on(demo::run()),
    }
}

/// Says on standard error what is wrong, and ends with this status.
pub(crate) fn failed(status: u8, what: &str) -> ExitCode {
    warned(what);
    ExitCode::from(status)
}

/// Says on standard error what is wrong, if anybody is there to hear it.
pub(crate) fn warned(what: &str) {
    for line in what.lines() {
        let _nobody_reads = writeln!(std::io::stderr(), "dialhook: {line}");
    }
}

async fn serve(how: &Serve) -> ExitCode {
    let config = match how.config.load() {
        Ok(config) => config,
        Err(error) => return failed(WRONG, &error.to_string()),
    };
    let _log = log::start(how.log_format.map_or_else(Format::fitting, Format::from));
    announce(&config);
    raise_descriptors(&config);
    let server = match Server::start(&config) {
        Ok(server) => server,
        Err(error) => return failed(FAILED, &error.to_string()),
    };
    let [asterisk, freeswitch] = [SwitchKind::Asterisk, SwitchKind::FreeSwitch]
        .map(|switch| server.address(switch).map(tracing::field::display));
    let observer = server.observer().map(tracing::field::display);
    let stop = CancellationToken::new();
    if let Err(error) = stop_on_signal(&stop) {
        return failed(FAILED, &format!("cannot listen for signals: {error}"));
    }
    info!(asterisk, freeswitch, observer, hooks = config.hooks.len(), "listening");
    // in a task of its own: what `block_on` waits for directly is woken through the kernel
    if tokio::spawn(server.run(stop)).await.is_err() {
        return failed(FAILED, "the listener panicked; see above");
    }
    info!("stopped");
    ExitCode::from(DONE)
}

fn announce(config: &Config) {
    match &config.file {
        Some(file) => {
            info!(version = env!("CARGO_PKG_VERSION"), configuration = %file.display(), "dialhook starts")
        }
        None => info!(
            version = env!("CARGO_PKG_VERSION"),
            "dialhook starts without a configuration: ad hoc steps only"
        ),
    }
    for notice in &config.notices {
        warn!("{notice}");
    }
}

/// A call needs a descriptor for its switch and one for its webhook; the usual soft limit of 1,024 is not for us.
fn raise_descriptors(config: &Config) {
    let needed = u64::try_from(config.calls).unwrap_or(u64::MAX).saturating_mul(3);
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < needed => {
            warn!(
                limit,
                needed, "too few file descriptors for limits.calls; raise LimitNOFILE, or lower limits.calls"
            );
        }
        Ok(_) => {}
        Err(error) => warn!("cannot raise the limit of file descriptors: {error}"),
    }
}

/// SIGTERM and SIGINT end the daemon once the calls in flight are finished. SIGHUP must not end it.
fn stop_on_signal(stop: &CancellationToken) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hangup = signal(SignalKind::hangup())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => warn!("SIGHUP: this version does not reload; restart it for a new configuration"),
            }
        }
        stop.cancel();
    });
    Ok(())
}
