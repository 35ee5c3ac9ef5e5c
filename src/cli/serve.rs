//! `dialhook serve`: starts the daemon, handles signals, and ends with the last call.

mod open_files;
mod reload;
mod signals;

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::{error, field, info, warn};

use self::open_files::raise_open_files_limit;
use self::reload::{Reloader, read};
use self::signals::Signals;
use super::{ConfigFile, DONE, FAILED, Serve, WRONG, fail};
use crate::call::SwitchKind;
use crate::config::{Config, ConfigError};
use crate::log::Format;
use crate::notify::ServiceManager;
use crate::server::{Server, StartError};
use crate::{log, notify};

/// The daemon failed. `status` is its exit status.
struct ServeError {
    status: u8,
    message: String,
}

/// Serves until a signal stops the daemon.
pub(super) async fn run(arguments: &Serve) -> ExitCode {
    // first, because it clears variables of the environment, which is safe only with one thread
    let passed = notify::passed_listeners();
    let format = arguments.log_format.map_or_else(Format::detect, Format::from);
    let log = log::start(format);
    match (serve(&arguments.config, passed).await, format) {
        (Ok(()), _) => ExitCode::from(DONE),
        (Err(error), Format::Text { .. }) => {
            // flushes the log, so that the error is the last line
            drop(log);
            fail(error.status, &error.message)
        }
        (Err(error), Format::Json | Format::Journald) => error.log(),
    }
}

async fn serve(file: &ConfigFile, passed: io::Result<Vec<(String, TcpListener)>>) -> Result<(), ServeError> {
    let passed = passed.map_err(|error| {
        ServeError::new(WRONG, format!("cannot use the sockets of the service manager: {error}"))
    })?;
    let mut signals = Signals::listen()
        .map_err(|error| ServeError::new(FAILED, format!("cannot listen for signals: {error}")))?;
    let config = tokio::select! {
        config = read(file, |_| {}) => Arc::new(config?),
        () = signals.stop.received() => {
            info!("stopped before the configuration was read");
            return Ok(());
        }
    };
    log_start(&config);
    raise_open_files_limit(&config);
    let server = Arc::new(Server::start_with(Arc::clone(&config), passed)?);
    let (asterisk, freeswitch) = addresses(&server);
    let observer = server.observer();
    // of an observer on every address nobody knows here which one a browser reaches
    let pages = observer
        .filter(|observer| !observer.ip().is_unspecified())
        .map(|observer| format!("http://{observer}/"));
    let (observer, pages) = (observer.map(field::display), pages.map(field::display));
    info!(asterisk, freeswitch, observer, pages, hooks = config.policy.hooks.len(), "listening");
    let service_manager = ServiceManager::connect();
    service_manager.ready(&status(&server, &config));
    tokio::spawn(service_manager.clone().run_watchdog());
    let stop = CancellationToken::new();
    let reloader = Reloader { file: file.clone(), server: Arc::clone(&server), service_manager };
    // a task of its own, because the future of `block_on` itself is woken through the kernel
    let serving = tokio::spawn({
        let (server, stop) = (Arc::clone(&server), stop.clone());
        async move { server.run(stop).await }
    });
    tokio::select! {
        served = serving => {
            served.map_err(|_panicked| ServeError::new(FAILED, "the listener panicked; see the log above".to_owned()))?;
            info!("stopped");
        }
        () = signals.handle(&reloader, &stop) => {
            warn!(calls = server.connections(), "stopped at once, at a second signal; calls in flight were cut off");
        }
    }
    Ok(())
}

impl ServeError {
    fn new(status: u8, message: String) -> Self {
        Self { status, message }
    }

    /// Logs each line as an error, so that `journalctl -p err` finds it.
    fn log(self) -> ExitCode {
        self.message.lines().for_each(|line| error!("{line}"));
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
            // another attempt can succeed: an address can appear later than the daemon
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

/// Logs the notices of the configuration, and each hook that verifies no certificates.
fn log_notices(config: &Config) {
    for notice in &config.notices {
        warn!("{notice}");
    }
    for (name, _) in config.policy.hooks.iter().filter(|(_, hook)| hook.is_insecure()) {
        warn!(
            hook = name,
            "insecure = true: certificates are not verified, so anybody on the network path can answer"
        );
    }
}

fn addresses(server: &Server) -> (Option<impl tracing::Value + use<>>, Option<impl tracing::Value + use<>>) {
    let address = |switch| server.address(switch).map(tracing::field::display);
    (address(SwitchKind::Asterisk), address(SwitchKind::FreeSwitch))
}

/// Returns the line for `systemctl status`.
fn status(server: &Server, config: &Config) -> String {
    let at = |switch| server.address(switch).map_or("off".to_owned(), |address| address.to_string());
    format!(
        "Asterisk: {}, FreeSWITCH: {}; hooks: {}",
        at(SwitchKind::Asterisk),
        at(SwitchKind::FreeSwitch),
        config.policy.hooks.len()
    )
}
