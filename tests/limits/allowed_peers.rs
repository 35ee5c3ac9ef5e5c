//! Owner: server. The peers that `listen.allow` names.

use std::net::SocketAddr;

use crate::util::{Daemon, Ended, Environment, FakeAsterisk, connect_from};

async fn call_from(from: &str, daemon: &Daemon) -> Ended {
    let stream = connect_from(from, daemon.address()).await;
    FakeAsterisk::over(stream).run(&Environment::new("webhook")).await
}

#[tokio::test]
async fn only_peers_in_allow_are_served() {
    let listen = "[listen]\nasterisk = \"127.0.0.1:0\"\nallow = [\"127.0.0.2/32\", \"10.0.0.0/8\"]";
    let daemon = Daemon::with(listen).await;
    assert_eq!(call_from("127.0.0.2", &daemon).await.status(), "BAD_REQUEST");
    for stranger in ["127.0.0.1", "127.0.0.3"] {
        assert_eq!(call_from(stranger, &daemon).await, Ended::default(), "{stranger}");
    }
}

#[tokio::test]
async fn a_peer_of_an_ipv6_listener_is_matched_by_its_ipv4_address() {
    let listen = "[listen]\nasterisk = \"[::ffff:127.0.0.1]:0\"\nallow = [\"127.0.0.1\"]";
    let daemon = Daemon::with(listen).await;
    let address = SocketAddr::from(([127, 0, 0, 1], daemon.address().port()));
    assert_eq!(FakeAsterisk::call(address, Environment::new("webhook")).await.status(), "BAD_REQUEST");
}
