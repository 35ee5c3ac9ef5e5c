//! Owner: docs. Two daemons behind one SRV name: if the first one is gone, Asterisk takes the second one.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

use super::instance::Asterisk;
use super::releases;
use crate::util::network_namespace::isolated;
use crate::util::{Daemon, FakeWebhook, Reply};

#[tokio::test]
async fn the_second_daemon_takes_the_calls_of_the_first() {
    if !isolated(concat!(module_path!(), "::the_second_daemon_takes_the_calls_of_the_first")) {
        return;
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplan-examples/asterisk/srv-failover.conf");
    let extensions = fs::read_to_string(example).unwrap();
    let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).await.unwrap());
    for release in releases() {
        let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
        let hook = |name| format!("[hook.route]\nurl = \"{}\"\nvariable = \"ROUTE\"\n", webhook.url(name));
        let first = Daemon::start(&hook("/first")).await;
        let second = Daemon::start(&hook("/second")).await;
        let _names = name_server(&socket, [first.address(), second.address()]);
        let asterisk = Asterisk::start(release, &extensions).await;

        let ended = asterisk.call("101@srv-failover").await;
        assert_eq!(ended.places.last().unwrap(), "sales@srv-failover-queues", "{}", asterisk.log_tail());
        first.stop().await;
        let ended = asterisk.call("101@srv-failover").await;
        assert_eq!(ended.places.last().unwrap(), "sales@srv-failover-queues", "{}", asterisk.log_tail());
        let asked: Vec<_> = webhook.received().into_iter().map(|request| request.target).collect();
        assert_eq!(asked, ["/first", "/second"]);

        second.stop().await;
        let ended = asterisk.call("101@srv-failover").await;
        assert_eq!(ended.places.last().unwrap(), "reception@srv-failover-queues", "{ended:?}");
        assert_eq!(ended.last("AGISTATUS"), Some("FAILURE"));
    }
}

/// Answers every SRV query with these targets; the first one has the higher priority.
fn name_server(socket: &Arc<UdpSocket>, targets: [SocketAddr; 2]) -> AbortOnDropHandle<()> {
    let socket = Arc::clone(socket);
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, asker)) = socket.recv_from(&mut query).await {
            let _unheard = socket.send_to(&answer(&query[..length], targets), asker).await;
        }
    }))
}

/// An answer of RFC 1035, section 4.1, with records of RFC 2782.
fn answer(query: &[u8], targets: [SocketAddr; 2]) -> Vec<u8> {
    let name_end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let question = &query[12..name_end + 4];
    let service = question[question.len() - 4..] == [0, 33, 0, 1];
    let records = if service { &targets[..] } else { &[] };
    let mut answer =
        [&query[..2], &[0x81, 0x80, 0, 1, 0, records.len() as u8, 0, 0, 0, 0], question].concat();
    for (target, priority) in records.iter().zip([10, 20]) {
        let (name, [high, low]) = (b"\x03127\x010\x010\x011\0", target.port().to_be_bytes());
        let length = (6 + name.len()) as u8;
        answer.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 0, 0, length, 0, priority, 0, 0, high, low]);
        answer.extend(name);
    }
    answer
}
