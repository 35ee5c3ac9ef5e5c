//! `dialhook serve`: from the start to the last call, and what signals mean in between.

use std::fmt::Display;
use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{ConfigFile, DONE, FAILED, Serve, WRONG, fail};
use crate::call::SwitchKind;
use crate::config::Limits;
use crate::config::{Config, ConfigError};
use crate::log::Format;
use crate::notify::Notices;
use crate::server::{ReloadError, Server, StartError};
use crate::{log, notify, server};

/// What the daemon listens to besides calls.
struct Signals {
    stop: StopSignals,
    hangup: Signal,
}

/// The signals that end it.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

/// What signals act on.
struct Reloader {
    file: ConfigFile,
    server: Arc<Server>,
    notices: Notices,
}

/// Why the daemon ended otherwise than it was told to.
struct ServeError {
    status: u8,
    what: String,
}

/// Serves until it is told to stop.
pub(super) async fn run(how: &Serve) -> ExitCode {
    // first of all: as long as there is one thread
    let passed = notify::listeners();
    let format = how.log_format.map_or_else(Format::fitting, Format::from);
    let log = log::start(format);
    match (serve(&how.config, passed).await, format) {
        (Ok(()), _) => ExitCode::from(DONE),
        (Err(error), Format::Text { .. }) => {
            // what was logged before it stands before it
            drop(log);
            fail(error.status, &error.what)
        }
        (Err(error), Format::Json | Format::Journald) => error.log(),
    }
}

/// From the start to the end.
async fn serve(file: &ConfigFile, passed: io::Result<Vec<(String, TcpListener)>>) -> Result<(), ServeError> {
    let passed = passed.map_err(|error| {
        ServeError::new(WRONG, format!("cannot use what the service manager passed on: {error}"))
    })?;
    let mut signals = Signals::listen()
        .map_err(|error| ServeError::new(FAILED, format!("cannot listen for signals: {error}")))?;
    let config = tokio::select! {
        config = read(file, |_| {}) => config?,
        () = signals.stop.received() => {
            info!("stopped before the configuration was read");
            return Ok(());
        }
    };
    log_start(&config);
    raise_open_files_limit(&config);
    let server = Arc::new(Server::start_with(&config, passed)?);
    let (asterisk, freeswitch) = addresses(&server);
    let observer = server.observer().map(tracing::field::display);
    info!(asterisk, freeswitch, observer, hooks = config.hooks.len(), "listening");
    let notices = Notices::begin();
    notices.ready(&status(&server, &config));
    tokio::spawn(notices.clone().keep_awake());
    let stop = CancellationToken::new();
    let reloader = Reloader { file: file.clone(), server: Arc::clone(&server), notices };
    // in a task of its own: what `block_on` waits for directly is woken through the kernel
    let serving = tokio::spawn({
        let (server, stop) = (Arc::clone(&server), stop.clone());
        async move { server.run(stop).await }
    });
    tokio::select! {
        served = serving => {
            served.map_err(|_panicked| ServeError::new(FAILED, "the listener panicked; see above".to_owned()))?;
            info!("stopped");
        }
        () = signals.handle(&reloader, &stop) => {
            warn!(calls = server.calls(), "stopped at once, at a second signal; calls in flight are cut off");
        }
    }
    Ok(())
}

impl ServeError {
    fn new(status: u8, what: String) -> Self {
        Self { status, what }
    }

    /// An error of the log for each line: where a program reads it, `journalctl -p err` must find it.
    fn log(self) -> ExitCode {
        self.what.lines().for_each(|line| error!("{line}"));
        ExitCode::from(self.status)
    }
}

impl From<ConfigError> for ServeError {
    fn from(error: ConfigError) -> Self {
        Self::new(WRONG, error.to_string())
    }
}

impl From<StartError> for ServeError {
    fn from(error: StartError) -> Self {
        let status = match error {
            StartError::NoListener | StartError::NotWanted { .. } | StartError::Unusable { .. } => WRONG,
            // these may pass: an address can come later than the daemon
            StartError::Listen { .. } | StartError::Client(_) => FAILED,
        };
        Self::new(status, error.to_string())
    }
}

fn log_start(config: &Config) {
    match &config.file {
        Some(file) => {
            info!(version = env!("CARGO_PKG_VERSION"), configuration = %file.display(), "dialhook starts")
        }
        None => info!(
            version = env!("CARGO_PKG_VERSION"),
            "dialhook starts without a configuration: ad hoc steps only"
        ),
    }
    log_notices(config);
}

/// What is right, and still to be known.
fn log_notices(config: &Config) {
    for notice in &config.notices {
        warn!("{notice}");
    }
    for (name, _) in config.hooks.iter().filter(|(_, hook)| hook.is_insecure()) {
        warn!(hook = name, "insecure = true: certificates are not verified, anybody in between can answer");
    }
}

/// Raises the limit of file descriptors as far as it goes: the usual 1,024 is not for us.
fn raise_open_files_limit(config: &Config) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => log_open_files_limit(config, limit),
        Err(error) => warn!("cannot raise the limit of file descriptors: {error}"),
    }
}

/// Says how many calls fit, where that is fewer than `limits.calls`. A person who wrote that number must know; the default is
/// more than a first try in a shell ever needs.
fn log_open_files_limit(config: &Config, limit: u64) {
    let budget = OpenFilesBudget::of(config, limit);
    let (needed, fit) = (budget.needed, budget.calls);
    match budget.severity(config) {
        Some(Severity::Warning) => warn!(
            limit,
            needed,
            "{fit} calls at once fit into the file descriptors of this process, fewer than [limits] wants; raise \
             LimitNOFILE= (in a shell: ulimit -n), or lower limits.calls or limits.detached"
        ),
        Some(Severity::Information) => info!(
            limit,
            "{fit} calls at once fit into the file descriptors of this process; for more, raise LimitNOFILE= (in a \
             shell: ulimit -n)"
        ),
        None => {}
    }
}

/// How much a limit of file descriptors has room for.
#[derive(Debug, PartialEq, Eq)]
struct OpenFilesBudget {
    limit: u64,
    /// How many descriptors this configuration may need.
    needed: u64,
    /// How many calls fit while no detached request is under way.
    calls: u64,
}

/// How it is said that there is too little budget.
#[derive(Debug, PartialEq, Eq)]
enum Severity {
    Warning,
    Information,
}

impl OpenFilesBudget {
    fn of(config: &Config, limit: u64) -> Self {
        let detaches = config.every_hook().any(|hook| hook.manner.detach);
        let with = |calls, detached| {
            let limits = Limits { calls, detached, ..config.limits.clone() };
            u64::try_from(server::descriptors(&Config { limits, ..config.clone() })).unwrap_or(u64::MAX)
        };
        let Limits { calls, detached, .. } = config.limits;
        let (none, one) = (with(0, 0), with(1, 0));
        let fit = limit.saturating_sub(none) / one.saturating_sub(none).max(1);
        let calls_wanted = u64::try_from(calls).unwrap_or(u64::MAX);
        Self { limit, needed: with(calls, if detaches { detached } else { 0 }), calls: fit.min(calls_wanted) }
    }

    fn severity(&self, config: &Config) -> Option<Severity> {
        match self.limit >= self.needed {
            true => None,
            false if config.sets_limits || self.calls == 0 => Some(Severity::Warning),
            false => Some(Severity::Information),
        }
    }
}

fn addresses(server: &Server) -> (Option<impl tracing::Value + use<>>, Option<impl tracing::Value + use<>>) {
    let address = |switch| server.address(switch).map(tracing::field::display);
    (address(SwitchKind::Asterisk), address(SwitchKind::FreeSwitch))
}

/// What `systemctl status` says.
fn status(server: &Server, config: &Config) -> String {
    let at = |switch| server.address(switch).map_or("nowhere".to_owned(), |address| address.to_string());
    format!(
        "Asterisk at {}, FreeSWITCH at {}; hooks: {}",
        at(SwitchKind::Asterisk),
        at(SwitchKind::FreeSwitch),
        config.hooks.len()
    )
}

impl StopSignals {
    /// Waits until somebody wants it. Cancel safe.
    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let stop = StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        Ok(Self { stop, hangup: signal(SignalKind::hangup())? })
    }

    /// SIGHUP reloads; SIGTERM and SIGINT end the daemon once the calls in flight are finished. Returns at a second one:
    /// whoever sends that does not want to wait, and systemd sends none.
    async fn handle(&mut self, reloader: &Reloader, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = self.stop.received() => break,
                _ = self.hangup.recv() => tokio::select! {
                    () = reloader.reload() => {}
                    // a folder that does not answer must not keep it alive
                    () = self.stop.received() => break,
                },
            }
        }
        reloader.notices.stopping();
        stop.cancel();
        loop {
            tokio::select! {
                () = self.stop.received() => return,
                _ = self.hangup.recv() => drop(log_refusal(&ReloadError::Stopping)),
            }
        }
    }
}

impl Reloader {
    /// Reads the configuration again; calls go on meanwhile, also where its folder does not answer.
    async fn reload(&self) {
        self.notices.reloading();
        let preparing = Arc::clone(&self.server);
        let reading = read(&self.file, move |config| preparing.prepare(config));
        match self.server.reload(read_in_time(reading, &self.file).await) {
            Ok(config) => {
                log_notices(&config);
                raise_open_files_limit(&config);
                let (asterisk, freeswitch) = addresses(&self.server);
                info!(
                    asterisk,
                    freeswitch,
                    hooks = config.hooks.len(),
                    "reloaded; calls in flight keep what they began with"
                );
                self.notices.ready(&status(&self.server, &config));
            }
            Err(refused) => self.notices.ready(&log_refusal(&refused)),
        }
    }
}

/// Reads the configuration on a thread of its own, for its folder may not answer. There it is prepared for, too.
async fn read(
    file: &ConfigFile,
    prepare: impl FnOnce(&Config) + Send + 'static,
) -> Result<Config, ConfigError> {
    let name = file.clone();
    let unread =
        |error| ConfigError::Unreadable { file: file.path().to_owned(), error: io::Error::other(error) };
    let reading = spawn_blocking(move || name.load().inspect(prepare));
    reading.await.unwrap_or_else(|panicked| Err(unread(panicked)))
}

/// A reload comes to its end, so that it is told and the next one can begin. A start need not: the service manager has a
/// limit for it, and the next try would wait for the same folder.
async fn read_in_time(
    reading: impl Future<Output = Result<Config, ConfigError>>,
    file: &ConfigFile,
) -> Result<Config, ConfigError> {
    let unanswered = ConfigError::Unanswered { file: file.path().to_owned(), after: LONGEST_RELOAD };
    timeout(LONGEST_RELOAD, reading).await.unwrap_or(Err(unanswered))
}

/// A thousand hooks are read within a second.
const LONGEST_RELOAD: Duration = Duration::from_secs(10);

/// Logs why nothing has changed, and says it in a line.
fn log_refusal(refused: &impl Display) -> String {
    let refused = refused.to_string();
    for line in refused.lines() {
        error!("reload refused, the configuration before holds: {line}");
    }
    format!("reload refused: {}", refused.lines().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::path::Path;

    use super::*;

    /// The room in this limit for a configuration, and how it is said.
    fn budget(tables: &str, limit: u64) -> (u64, u64, Option<Severity>) {
        let listen = "[listen]\nobserver = false\n";
        let config = Config::parse(&format!("{listen}{tables}"), Path::new("dialhook.toml")).unwrap();
        let budget = OpenFilesBudget::of(&config, limit);
        (budget.needed, budget.calls, budget.severity(&config))
    }

    #[test]
    fn too_few_descriptors_are_a_warning_only_where_the_file_wants_more() {
        assert_eq!(budget("", 1024), (30_150, 291, Some(Severity::Information)));
        assert_eq!(budget("", 30_150), (30_150, 10_000, None));
        assert_eq!(budget("[limits]\ncalls = 10000\n", 1024), (30_150, 291, Some(Severity::Warning)));
        assert_eq!(budget("[limits]\ncalls = 200\n", 1024), (750, 200, None));
        assert_eq!(budget("", 100), (30_150, 0, Some(Severity::Warning)));
    }

    #[test]
    fn detached_requests_need_descriptors_only_where_a_hook_makes_some() {
        let limits = "[limits]\ncalls = 100\ndetached = 300\n";
        let detaching = format!("{limits}[hook.tell]\nurl = \"http://h/\"\ndetach = true\n");
        assert_eq!(budget(limits, 450), (450, 100, None));
        assert_eq!(budget(&detaching, 450), (750, 100, Some(Severity::Warning)));
        assert_eq!(budget(&detaching, 750), (750, 100, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reload_that_nobody_answers_comes_to_its_end() {
        let file = ConfigFile { config: Some("/share/dialhook.toml".into()) };
        let told = read_in_time(pending(), &file).await.unwrap_err().to_string();
        let remedy = "see whether its folder does, and reload again";
        assert_eq!(
            told,
            format!("/share/dialhook.toml, or a file that it names, does not answer within 10s; {remedy}")
        );
    }
}
