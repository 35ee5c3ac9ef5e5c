//! A thread for connections to webhooks that have not answered yet, or did not a while ago, apart from the one that serves
//! the calls.
//!
//! A webhook may send interim answers (1xx) without end, and hyper reads them in one go, for a second and more. Here only
//! other suspects wait for that. Every connection would cost half as much CPU again here (measured: 100 µs a call
//! instead of 69), so that a webhook that answers has its own beside the calls: in a connection pool of its own, because
//! a connection stays on the thread on which it was made.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(in crate::webhook) struct QuarantineThread {
    there: Handle,
    _end: DropGuard,
}

impl QuarantineThread {
    pub(in crate::webhook) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (there, end) = (runtime.handle().clone(), CancellationToken::new());
        let ended = end.clone();
        thread::Builder::new().name("suspects".to_owned()).spawn(move || {
            runtime.block_on(ended.cancelled());
        })?;
        Ok(Self { there, _end: end.drop_guard() })
    }

    /// Polls a future; apart: the sockets and tasks that it makes belong to the thread.
    pub(in crate::webhook) async fn enter_if<T>(
        &self,
        is_quarantined: bool,
        future: impl Future<Output = T>,
    ) -> T {
        let mut future = pin!(future);
        poll_fn(|context| {
            let _there = is_quarantined.then(|| self.there.enter());
            future.as_mut().poll(context)
        })
        .await
    }
}
