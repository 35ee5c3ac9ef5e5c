//! Owner: session. Every limit of time, size and number, and what follows when it is reached.

/// The peers that `listen.allow` names.
mod allowed_peers;
/// Many calls at once.
mod concurrent_calls;
/// Callers who hang up while the webhook is asked.
mod hangups;
/// Challenges that ask for as many variables as a configuration may fetch.
mod long_challenges;
/// Environments and replies that are longer than the limits.
mod long_messages;
/// A reload that lowers `limits.calls`.
mod lower_limit;
/// Few file descriptors.
mod open_files;
/// The shutdown of the daemon while connections are open.
mod shutdown;
/// Connections on which nothing is sent.
mod silent_peers;
/// Connections of an Asterisk that is slow or silent.
mod slow_switches;
/// Webhooks that stop at some point of their answer.
mod slow_webhooks;

use std::net::SocketAddr;
use std::time::Duration;

use dialhook::switch::Switch;
use dialhook::switch::agi::Agi;
use tokio::io::{DuplexStream, duplex};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::util::{FakeAsterisk, Sessions};

/// A conversation without a listener, for time that is not real: the switch's side, and the end of the
/// daemon's.
fn conversation() -> (FakeAsterisk<DuplexStream>, tokio::task::JoinHandle<()>) {
    let (here, there) = duplex(64 * 1024);
    let switch = Switch::new(there, Agi::new("0123456789abcdef".to_owned()));
    (FakeAsterisk::over(here), Sessions::under("").start(switch))
}

/// A listener with a full queue, so that no connection to it is made, and the connections that fill it.
async fn full_backlog() -> (SocketAddr, (TcpListener, Vec<TcpStream>)) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    while let Ok(connected) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        filling.push(connected.unwrap());
    }
    (address, (listener, filling))
}
