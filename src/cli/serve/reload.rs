//! Reading the configuration, at the start and again at SIGHUP.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::{error, info};

use super::open_files::raise_open_files_limit;
use super::{addresses, log_notices, status};
use crate::cli::ConfigFile;
use crate::config::{Config, ConfigError};
use crate::notify::ServiceManager;
use crate::server::Server;

/// Reloads the configuration of a running daemon.
pub(super) struct Reloader {
    pub(super) file: ConfigFile,
    pub(super) server: Arc<Server>,
    pub(super) service_manager: ServiceManager,
}

impl Reloader {
    /// Reads the configuration again. Calls continue meanwhile, even if the folder of the file does not
    /// answer.
    pub(super) async fn reload(&self) {
        self.service_manager.reloading();
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
                    hooks = config.policy.hooks.len(),
                    "reloaded; calls in flight keep the old configuration"
                );
                self.service_manager.ready(&status(&self.server, &config));
            }
            Err(refused) => self.service_manager.ready(&log_refusal(&refused)),
        }
    }
}

/// Reads the configuration on a thread of its own, because its folder may not answer. `prepare` runs on the
/// same thread.
pub(super) async fn read(
    file: &ConfigFile,
    prepare: impl FnOnce(&Config) + Send + 'static,
) -> Result<Config, ConfigError> {
    let name = file.clone();
    let unread =
        |error| ConfigError::Unreadable { file: file.path().to_owned(), error: io::Error::other(error) };
    let reading = spawn_blocking(move || name.load().inspect(prepare));
    reading.await.unwrap_or_else(|panicked| Err(unread(panicked)))
}

/// Limits the time of a reload, so that its failure is logged and the next reload can begin. A start has no
/// such limit: the service manager has one, and another attempt would wait for the same folder.
async fn read_in_time(
    reading: impl Future<Output = Result<Config, ConfigError>>,
    file: &ConfigFile,
) -> Result<Config, ConfigError> {
    let unanswered = ConfigError::Unanswered { file: file.path().to_owned(), after: LONGEST_RELOAD };
    timeout(LONGEST_RELOAD, reading).await.unwrap_or(Err(unanswered))
}

/// The time limit of a reload. A thousand hooks are read within a second.
const LONGEST_RELOAD: Duration = Duration::from_secs(10);

/// Logs why a reload was refused, and returns a line for the service manager.
pub(super) fn log_refusal(refused: &impl Display) -> String {
    let refused = refused.to_string();
    for line in refused.lines() {
        error!("reload refused, the old configuration stays in use: {line}");
    }
    format!("reload refused: {}", refused.lines().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reload_whose_folder_does_not_answer_ends_after_its_time_limit() {
        let file = ConfigFile { config: Some("/share/dialhook.toml".into()) };
        let told = read_in_time(pending(), &file).await.unwrap_err().to_string();
        let remedy = "check that its folder answers, and reload again";
        assert_eq!(
            told,
            format!("/share/dialhook.toml, or a file that it names, was not read within 10s; {remedy}")
        );
    }
}
