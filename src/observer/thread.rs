//! The thread of the observer: what is done there delays no call.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The thread of the observer, with a runtime of its own. It ends when this is dropped, and all connections
/// of the observer with it.
#[derive(Debug)]
pub struct ObserverThread {
    runtime: Handle,
    _end: DropGuard,
}

impl ObserverThread {
    /// Starts the thread, which has no task yet.
    ///
    /// # Errors
    /// Returns an error if the system allows no further thread or no further open file.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let (handle, end) = (runtime.handle().clone(), CancellationToken::new());
        let ended = end.clone();
        thread::Builder::new().name("observer".to_owned()).spawn(move || {
            runtime.block_on(ended.cancelled());
        })?;
        Ok(Self { runtime: handle, _end: end.drop_guard() })
    }

    /// The runtime of this thread.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }
}
