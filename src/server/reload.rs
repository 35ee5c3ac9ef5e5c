//! Another configuration for a daemon that serves: all of it for the calls that come now, or nothing.

use std::io;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::SystemTime;

use tracing::warn;

use super::listener::{Entrance, Keeper, Open};
use super::{Current, Server, StartError, observer_listener};
use crate::config::{Completeness, Config, ConfigError, Listen};

/// Why everything is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The configuration is not right.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file is gone with which the daemon was running; without one there would be no hooks.
    #[error(
        "{} is gone; put it back, or restart dialhook if it shall go on without a configuration", .0.display()
    )]
    Gone(PathBuf),
    /// The file is empty, as it is when somebody has just begun to write it.
    #[error(
        "{} is empty, as a file is that is being written; write the configuration into it and reload again, or restart dialhook if it shall go on without one", .0.display()
    )]
    Empty(PathBuf),
    /// The file may be half-written.
    #[error(
        "the last line of {} does not end with a line feed, as in a file that is half-written; end the last line with one and reload again", .0.display()
    )]
    NoLineFeed(PathBuf),
    /// There were hooks, and there is none any more: the file may be half-written.
    #[error(
        "{} has no hook, and there were {before}; put one back and reload again, or restart dialhook if it shall go on without hooks", file.display()
    )]
    NoHooks {
        /// Which file.
        file: PathBuf,
        /// How many hooks there were.
        before: usize,
    },
    /// A listener cannot be had.
    #[error("{0}{remedy}", remedy = in_the_way(.0))]
    Listener(#[from] StartError),
    /// It is too late.
    #[error("dialhook is stopping")]
    Stopping,
}

/// Two listeners of one daemon can be in each other's way: one address, and all addresses with the same port.
fn in_the_way(error: &StartError) -> &'static str {
    match error {
        StartError::Listen { error, .. } if error.kind() == io::ErrorKind::AddrInUse => {
            "; where dialhook itself listens there, restart it instead"
        }
        StartError::Listen { .. }
        | StartError::NoListener
        | StartError::NotWanted { .. }
        | StartError::Unusable { .. }
        | StartError::Client(_) => "",
    }
}

impl Server {
    /// Makes what takes long, on a thread that serves no calls. What cannot be made is told by [`Server::reload`].
    pub fn prepare(&self, config: &Config) {
        let _told_by_reload = self.shared.webhook.make_clients(config.every_hook());
    }

    /// Takes this configuration for every connection from now on; calls in flight keep the one that they began with.
    /// Listeners whose address did not change are not touched.
    ///
    /// # Errors
    /// When the configuration is not right, or not all of its listeners can be had: nothing has changed then.
    pub fn reload(&self, config: Result<Config, ConfigError>) -> Result<Config, ReloadError> {
        let done = config.map_err(ReloadError::from).and_then(|config| self.take(&config).map(|()| config));
        self.shared.metrics.config_read(done.is_ok(), SystemTime::now());
        done
    }

    fn take(&self, config: &Config) -> Result<(), ReloadError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = open.as_mut() else { return Err(ReloadError::Stopping) };
        let before = self.shared.current();
        complete(&before, config)?;
        let new = missing(open, &config.listen)?;
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        let stays = observed.as_ref().map(|observed| observed.wanted) == config.listen.observer;
        let observer =
            config.listen.observer.filter(|_| !stays).map(observer_listener::listen).transpose()?;
        self.shared.webhook.prepare(config.every_hook()).map_err(StartError::from)?;
        self.shared.renew(config);
        open.retain(|open| open.is_wanted(&config.listen));
        if !stays {
            *observed = observer.map(|listening| listening.open(&self.shared));
        }
        open.extend(new.into_iter().map(|entrance| entrance.open(&self.shared)));
        let lost: Vec<_> = before.hooks.iter().filter(|hook| !config.hooks.contains_key(*hook)).collect();
        if !lost.is_empty() {
            let hooks = lost.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            warn!(hooks, "the configuration does not have these hooks any more; their steps are BAD_REQUEST");
        }
        Ok(())
    }
}

/// Refuses a file that may be half-written. A file whose end is missing from the beginning of some line on, and that still has
/// a hook, cannot be told from one that somebody has shortened.
fn complete(before: &Current, config: &Config) -> Result<(), ReloadError> {
    let Some(file) = config.file.clone() else {
        return before.file.clone().map_or(Ok(()), |file| Err(ReloadError::Gone(file)));
    };
    match config.completeness {
        Completeness::Empty => Err(ReloadError::Empty(file)),
        Completeness::NoLineFeed => Err(ReloadError::NoLineFeed(file)),
        Completeness::Complete if config.hooks.is_empty() && !before.hooks.is_empty() => {
            Err(ReloadError::NoHooks { file, before: before.hooks.len() })
        }
        Completeness::Complete => Ok(()),
    }
}

/// The listeners that are wanted and not open yet, all of them listening.
fn missing(open: &[Open], listen: &Listen) -> Result<Vec<Entrance>, StartError> {
    let kept = open.iter().filter(|open| open.sign.keeper == Keeper::ServiceManager);
    if let Some(stranded) = kept.into_iter().find(|open| !open.is_wanted(listen)) {
        return Err(StartError::not_wanted(stranded.sign.address));
    }
    let is_open =
        |switch, wanted| open.iter().any(|open| (open.sign.switch, open.sign.wanted) == (switch, wanted));
    let missing = listen.switches().filter(|(switch, wanted)| !is_open(*switch, *wanted));
    missing.map(|(switch, wanted)| Entrance::listen(switch, wanted)).collect()
}

impl Open {
    fn is_wanted(&self, listen: &Listen) -> bool {
        listen.switches().any(|wanted| wanted == (self.sign.switch, self.sign.wanted))
    }
}
