//! The reload: a daemon replaces its configuration as a whole, or keeps the one that it has.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use tracing::warn;

use super::listener::{Listener, OpenListener, Owner};
use super::{Server, StartError, observer_listener};
use crate::config::{Completeness, Config, ConfigError, Listen};

/// A reload failed. The daemon keeps the configuration that it has.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file of the running configuration is gone. Without a file there would be no hooks.
    #[error(
        "{} is gone; put it back, or restart dialhook if it is to run without a configuration", .0.display()
    )]
    Gone(PathBuf),
    /// The file is empty: a program may just have begun to write it.
    #[error(
        "{} is empty and may be half-written; write the configuration into it and reload again, or restart dialhook if it is to run without one", .0.display()
    )]
    Empty(PathBuf),
    /// The file may be half-written.
    #[error(
        "the last line of {} does not end with a line feed, as in a file that is half-written; end the last line with one and reload again", .0.display()
    )]
    NoLineFeed(PathBuf),
    /// There were hooks, and now there are none: the file may be half-written.
    #[error(
        "{} has no hook, and there were {before}; put one back and reload again, or restart dialhook if it is to run without hooks", file.display()
    )]
    NoHooks {
        file: PathBuf,
        /// The number of hooks before.
        before: usize,
    },
    #[error("{0}{remedy}", remedy = own_conflict(.0))]
    Listener(#[from] StartError),
    #[error("dialhook is stopping")]
    Stopping,
}

/// Returns a further remedy if the address is in use: the daemon itself may listen there, on one address or
/// on all addresses of the same port.
fn own_conflict(error: &StartError) -> &'static str {
    match error {
        StartError::Listen { error, .. } if error.kind() == io::ErrorKind::AddrInUse => {
            "; if dialhook itself listens there, restart it instead"
        }
        StartError::Listen { .. }
        | StartError::NoListener
        | StartError::NotWanted { .. }
        | StartError::Unusable { .. }
        | StartError::Client(_) => "",
    }
}

impl Server {
    /// Makes the HTTP clients that this configuration needs. It takes milliseconds: call it on a thread that
    /// serves no calls. [`Server::reload`] returns the error if a client cannot be made.
    pub fn prepare(&self, config: &Config) {
        let _returned_by_reload = self.acceptor.daemon.webhook.make_clients(config.every_hook());
    }

    /// Uses this configuration for every connection from now on. Calls in flight keep the one with which they
    /// began. A listener whose address did not change stays open.
    ///
    /// # Errors
    /// Returns an error, and changes nothing, if the configuration has faults or one of its listeners cannot
    /// be opened.
    pub fn reload(&self, config: Result<Config, ConfigError>) -> Result<Arc<Config>, ReloadError> {
        let taken = config.map_err(ReloadError::from).and_then(|config| self.take(Arc::new(config)));
        let daemon = &self.acceptor.daemon;
        daemon.metrics.config_read(taken.is_ok(), SystemTime::now());
        match &taken {
            Ok(_) => daemon.reloads.taken(),
            Err(error) => daemon.reloads.refused(&error.to_string()),
        }
        taken
    }

    fn take(&self, config: Arc<Config>) -> Result<Arc<Config>, ReloadError> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(listeners) = listeners.as_mut() else { return Err(ReloadError::Stopping) };
        let before = self.acceptor.config();
        is_complete(&before, &config)?;
        let new = missing(listeners, &config.listen)?;
        let mut observer = self.observer.lock().unwrap_or_else(PoisonError::into_inner);
        let observer_stays = observer.as_ref().map(|open| open.configured) == config.listen.observer;
        let new_observer = match config.listen.observer {
            Some(address) if !observer_stays => Some(observer_listener::listen(address)?),
            Some(_) | None => None,
        };
        self.acceptor.daemon.webhook.prepare(config.every_hook()).map_err(StartError::from)?;
        // nothing can fail from here on
        self.acceptor.set_config(Arc::clone(&config));
        listeners.retain(|listener| listener.is_configured(&config.listen));
        if !observer_stays {
            *observer = new_observer.map(|listener| listener.open(&self.acceptor));
        }
        listeners.extend(new.into_iter().map(|listener| listener.open(&self.acceptor)));
        warn_of_lost_hooks(&before, &config);
        Ok(config)
    }
}

fn warn_of_lost_hooks(before: &Config, config: &Config) {
    let lost: Vec<_> =
        before.policy.hooks.keys().filter(|hook| !config.policy.hooks.contains_key(*hook)).collect();
    if !lost.is_empty() {
        let hooks = lost.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        warn!(hooks, "the configuration does not have these hooks any more; their steps are BAD_REQUEST");
    }
}

/// Refuses a file that may be half-written. A file that lacks its last lines and still has a hook is
/// accepted, because somebody may have shortened it.
fn is_complete(before: &Config, config: &Config) -> Result<(), ReloadError> {
    let Some(file) = config.file.clone() else {
        return before.file.clone().map_or(Ok(()), |file| Err(ReloadError::Gone(file)));
    };
    let hooks_before = before.policy.hooks.len();
    match config.completeness {
        Completeness::Empty => Err(ReloadError::Empty(file)),
        Completeness::NoLineFeed => Err(ReloadError::NoLineFeed(file)),
        Completeness::Complete if config.policy.hooks.is_empty() && hooks_before > 0 => {
            Err(ReloadError::NoHooks { file, before: hooks_before })
        }
        Completeness::Complete => Ok(()),
    }
}

/// Returns the listeners of the configuration that are not open yet, all of them listening.
fn missing(open: &[OpenListener], listen: &Listen) -> Result<Vec<Listener>, StartError> {
    for listener in open {
        if listener.address.owner == Owner::ServiceManager && !listener.is_configured(listen) {
            return Err(StartError::not_wanted(listener.address.local));
        }
    }
    let mut missing = Vec::new();
    for (switch, configured) in listen.switches() {
        let is_open =
            |open: &OpenListener| (open.address.switch, open.address.configured) == (switch, configured);
        if !open.iter().any(is_open) {
            missing.push(Listener::listen(switch, configured)?);
        }
    }
    Ok(missing)
}
