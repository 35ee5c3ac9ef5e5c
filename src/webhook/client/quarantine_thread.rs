//! The thread for connections to endpoints in quarantine.
//!
//! A webhook can send interim answers (1xx) without end. hyper reads them in one go, for a second and more,
//! and blocks its thread. On the quarantine thread only other endpoints in quarantine wait for that, and no
//! call.
//!
//! A connection on this thread costs half as much CPU again (measured: 100 µs a call instead of 69).
//! Connections to trusted endpoints are therefore on the thread that serves the calls. They have a pool of
//! their own, because a connection stays on the thread on which it was made.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The quarantine thread. It ends when this is dropped.
#[derive(Debug)]
pub(in crate::webhook) struct QuarantineThread {
    runtime: Handle,
    _end: DropGuard,
}

impl QuarantineThread {
    pub(in crate::webhook) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, end) = (runtime.handle().clone(), CancellationToken::new());
        let ended = end.clone();
        thread::Builder::new().name("quarantine".to_owned()).spawn(move || {
            runtime.block_on(ended.cancelled());
        })?;
        Ok(Self { runtime: handle, _end: end.drop_guard() })
    }

    /// Runs a future on the caller's own task. If `is_quarantined`, the sockets and tasks that it makes
    /// belong to the quarantine thread.
    pub(in crate::webhook) async fn enter_if<T>(
        &self,
        is_quarantined: bool,
        future: impl Future<Output = T>,
    ) -> T {
        let mut future = pin!(future);
        poll_fn(|context| {
            let _entered = is_quarantined.then(|| self.runtime.enter());
            future.as_mut().poll(context)
        })
        .await
    }
}
