//! The observer's listener. It goes on while the daemon ends: to say that it does is a part of its work.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::{Shared, StartError, listener};
use crate::observer::{Observer, Readiness};

/// A listener at which nobody is answered yet.
#[derive(Debug)]
pub(super) struct Listening {
    listener: TcpListener,
    wanted: SocketAddr,
    address: SocketAddr,
}

/// An observer that answers until this is dropped.
#[derive(Debug)]
pub(super) struct Observed {
    /// Where the configuration wants it.
    pub(super) wanted: SocketAddr,
    /// Where it is: the port too where the configuration left it open.
    pub(super) address: SocketAddr,
    _answering: AbortOnDropHandle<()>,
}

/// Listens for those who ask for health and metrics.
pub(super) fn listen(wanted: SocketAddr) -> Result<Listening, StartError> {
    let listening = listener::listen(wanted).and_then(|listener| Ok((listener.local_addr()?, listener)));
    match listening {
        Ok((address, listener)) => Ok(Listening { listener, wanted, address }),
        Err(error) => Err(StartError::Listen { listener: "observer", address: wanted, error }),
    }
}

impl Listening {
    /// Answers from now on.
    pub(super) fn open(self, shared: &Shared) -> Observed {
        let Self { listener, wanted, address } = self;
        let readiness = Readiness::new(shared.draining.clone());
        let observer =
            Observer::new(listener, shared.listen.subscribe(), Arc::clone(&shared.metrics), readiness)
                .with_max_connections(shared.current().shares.observer);
        Observed { wanted, address, _answering: AbortOnDropHandle::new(tokio::spawn(observer.serve())) }
    }
}
