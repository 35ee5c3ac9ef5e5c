//! Owner: webhook. The DNS resolver: host names with addresses of both families.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::util::name_server::{NameServer, NameServerReply};
use crate::util::network_namespace::isolated_with_files;
use crate::util::{Daemon, Ended, FakeWebhook, Reply};

/// Runs this test in a network namespace with this `/etc/resolv.conf` and this `/etc/hosts`.
macro_rules! isolated {
    ($test:literal, $resolv:expr, $hosts:expr) => {
        if !isolated_with_files(
            concat!(module_path!(), "::", $test),
            &[("/etc/resolv.conf", $resolv), ("/etc/hosts", $hosts)],
            Vec::new,
        ) {
            return;
        }
    };
    ($test:literal) => {
        isolated!($test, RESOLV_CONF, "127.0.0.1 localhost\n")
    };
}

const RESOLV_CONF: &str = "nameserver 127.0.0.1\n";

/// A webhook on `::1`.
struct Ipv6Webhook {
    webhook: FakeWebhook,
    port: u16,
    _relay: AbortOnDropHandle<()>,
}

impl Ipv6Webhook {
    /// Starts it on 127.0.0.1 too, at the same port. Other addresses of 127/8 refuse the connection.
    async fn start() -> Self {
        let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port_of(&webhook)));
        let (port, relay) = relay(to.port(), to).await;
        Self { webhook, port, _relay: relay }
    }

    /// Starts it on `::1` only.
    async fn start_alone() -> Self {
        let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
        let (port, relay) = relay(0, SocketAddr::from((Ipv4Addr::LOCALHOST, port_of(&webhook)))).await;
        Self { webhook, port, _relay: relay }
    }
}

fn port_of(webhook: &FakeWebhook) -> u16 {
    webhook.address().port()
}

/// Forwards connections to this port of `::1`.
async fn relay(port: u16, to: SocketAddr) -> (u16, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await.expect("IPv6 on loopback");
    let port = listener.local_addr().unwrap().port();
    let relaying = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut onward = TcpStream::connect(to).await.unwrap();
                let _ends = copy_bidirectional(&mut stream, &mut onward).await;
            });
        }
    });
    (port, AbortOnDropHandle::new(relaying))
}

/// An address that answers no connection, as behind a firewall: its queue is full.
struct Silent {
    address: IpAddr,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl Silent {
    async fn start(address: &str, port: u16) -> Self {
        let address: IpAddr = address.parse().unwrap();
        let socket = match address {
            IpAddr::V4(_) => TcpSocket::new_v4().unwrap(),
            IpAddr::V6(_) => TcpSocket::new_v6().unwrap(),
        };
        socket.bind(SocketAddr::new(address, port)).unwrap();
        let listener = socket.listen(0).unwrap();
        let queued = vec![TcpStream::connect((address, port)).await.unwrap()];
        Self { address, _listener: listener, _queued: queued }
    }
}

/// One call at a hook for this host, with a timeout that is shorter than hickory-resolver's wait for
/// an answer.
async fn call(host: &str, port: u16) -> Ended {
    let url = format!("http://{host}:{port}/");
    let daemon =
        Daemon::start(&format!("[hook.crm]\nurl = \"{url}\"\nvariable = \"CRM\"\ntimeout = 4\n")).await;
    super::step(&daemon, "crm").await
}

fn is_answered(ended: &Ended) {
    assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("sales")), "{}", ended.reason());
}

/// A name server with these two answers for every name.
async fn names(ipv4: NameServerReply, ipv6: NameServerReply) -> NameServer {
    let names = NameServer::start().await;
    names.answer_addresses(ipv4, ipv6);
    names
}

#[tokio::test]
async fn an_address_without_a_route_leads_to_the_other_family() {
    isolated!("an_address_without_a_route_leads_to_the_other_family");
    let webhook = Ipv6Webhook::start_alone().await;
    let _names = names(NameServerReply::address("192.0.2.1"), NameServerReply::address("::1")).await;
    is_answered(&call("crm.example", webhook.port).await);
}

#[tokio::test]
async fn an_ipv6_address_without_a_route_leads_to_ipv4() {
    isolated!("an_ipv6_address_without_a_route_leads_to_ipv4");
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let _names = names(NameServerReply::address("127.0.0.1"), NameServerReply::address("2001:db8::1")).await;
    is_answered(&call("crm.example", port_of(&webhook)).await);
}

#[tokio::test]
async fn localhost_reaches_a_server_on_ipv6_only() {
    isolated!("localhost_reaches_a_server_on_ipv6_only");
    let webhook = Ipv6Webhook::start_alone().await;
    is_answered(&call("localhost", webhook.port).await);
    is_answered(&call("crm.localhost", webhook.port).await);
}

#[tokio::test]
async fn a_name_in_etc_hosts_waits_for_no_name_server() {
    isolated!(
        "a_name_in_etc_hosts_waits_for_no_name_server",
        RESOLV_CONF,
        "\u{feff}::1 six.example\n127.0.0.1 four.example\n127.0.0.2 both.example\n::1 both.example crm_web\n"
    );
    let webhook = Ipv6Webhook::start().await;
    let names = names(NameServerReply::Nothing, NameServerReply::Nothing).await;
    for host in ["six.example", "four.example", "both.example", "crm_web", "six.example."] {
        is_answered(&call(host, webhook.port).await);
    }
    assert_eq!(names.asked(), [""; 0]);
    assert_eq!(webhook.webhook.received().len(), 5);
}

#[tokio::test]
async fn a_name_server_that_is_silent_about_one_family_does_not_delay_the_other() {
    isolated!("a_name_server_that_is_silent_about_one_family_does_not_delay_the_other");
    let webhook = Ipv6Webhook::start().await;
    let names = NameServer::start().await;
    for (host, ipv4, ipv6) in [
        ("four.example", NameServerReply::address("127.0.0.1"), NameServerReply::Nothing),
        ("six.example", NameServerReply::Nothing, NameServerReply::address("::1")),
    ] {
        names.answer_addresses(ipv4, ipv6);
        is_answered(&call(host, webhook.port).await);
        assert_eq!(names.types(host), ["A", "AAAA"]);
    }
}

#[tokio::test]
async fn a_lookup_that_fails_for_one_family_does_not_harm_the_other() {
    isolated!("a_lookup_that_fails_for_one_family_does_not_harm_the_other");
    let webhook = Ipv6Webhook::start().await;
    let names = NameServer::start().await;
    for fault in [NameServerReply::Fails, NameServerReply::NoSuchName, NameServerReply::NoRecords] {
        names.answer_addresses(NameServerReply::address("127.0.0.1"), fault);
        is_answered(&call("crm.example", webhook.port).await);
    }
    for fault in [NameServerReply::Fails, NameServerReply::NoRecords] {
        names.answer_addresses(fault, NameServerReply::address("::1"));
        is_answered(&call("crm.example", webhook.port).await);
    }
}

/// Answers both types, but one of them only at the second query: the first query was lost.
fn late(names: &NameServer, kind: &'static str, ipv4: &'static str, ipv6: &'static str) {
    names.answer_with(move |_, asked, before| match (asked, before) {
        (asked, 0) if asked == kind => NameServerReply::Nothing,
        ("A", _) => NameServerReply::address(ipv4),
        (_, _) => NameServerReply::address(ipv6),
    });
}

#[tokio::test]
async fn a_late_lookup_counts_if_the_other_family_is_dead() {
    isolated!("a_late_lookup_counts_if_the_other_family_is_dead");
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let (port, names) = (port_of(&webhook), NameServer::start().await);
    for dead in ["2001:db8::1", "::1"] {
        late(&names, "A", "127.0.0.1", dead);
        is_answered(&call("crm.example", port).await);
    }
    let _silent = Silent::start("::1", port).await;
    late(&names, "A", "127.0.0.1", "::1");
    is_answered(&call("crm.example", port).await);
    let webhook = Ipv6Webhook::start_alone().await;
    for dead in ["192.0.2.1", "127.0.0.2"] {
        late(&names, "AAAA", dead, "::1");
        is_answered(&call("crm.example", webhook.port).await);
    }
}

#[tokio::test]
async fn a_silent_address_leaves_time_for_the_other_family() {
    isolated!("a_silent_address_leaves_time_for_the_other_family");
    let webhook = Ipv6Webhook::start_alone().await;
    let silent = Silent::start("127.0.0.2", webhook.port).await;
    let _names =
        names(NameServerReply::Addresses(vec![silent.address]), NameServerReply::address("::1")).await;
    is_answered(&call("crm.example", webhook.port).await);
}

#[tokio::test]
async fn a_dead_address_of_several_does_not_harm() {
    isolated!("a_dead_address_of_several_does_not_harm");
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let silent = Silent::start("127.0.0.2", port_of(&webhook)).await;
    let refusing: IpAddr = "127.0.0.3".parse().unwrap();
    let names = NameServer::start().await;
    for dead in [silent.address, refusing] {
        for addresses in [[dead, Ipv4Addr::LOCALHOST.into()], [Ipv4Addr::LOCALHOST.into(), dead]] {
            names
                .answer_addresses(NameServerReply::Addresses(addresses.to_vec()), NameServerReply::NoRecords);
            is_answered(&call("crm.example", port_of(&webhook)).await);
        }
    }
}

#[tokio::test]
async fn a_name_with_an_underscore_is_looked_up_with_search_domains() {
    isolated!(
        "a_name_with_an_underscore_is_looked_up_with_search_domains",
        "nameserver 127.0.0.1\nsearch office.example example\n",
        "127.0.0.1 localhost\n"
    );
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let names = NameServer::start().await;
    for (host, known, asked) in [
        ("crm_web", "crm_web.example", &["crm_web.office.example", "crm_web.example"][..]),
        ("crm_web", "crm_web", &["crm_web.office.example", "crm_web.example", "crm_web"]),
        ("door_bell.lan", "door_bell.lan", &["door_bell.lan"]),
        ("door_bell.lan", "door_bell.lan.office.example", &["door_bell.lan", "door_bell.lan.office.example"]),
        ("crm_web.", "crm_web", &["crm_web"]),
        ("crm", "crm.office.example", &["crm.office.example"]),
    ] {
        names.answer_with(move |name, kind, _| match (name == known, kind) {
            (true, "A") => NameServerReply::address("127.0.0.1"),
            (true, _) => NameServerReply::NoRecords,
            // a broken server is silent to a query for AAAA, even if the name does not exist
            (false, "A") => NameServerReply::NoSuchName,
            (false, _) => NameServerReply::Nothing,
        });
        is_answered(&call(host, port_of(&webhook)).await);
        assert_eq!(names.asked(), asked, "{host}");
    }
}

#[tokio::test]
async fn the_reason_for_a_name_says_what_was_tried() {
    isolated!("the_reason_for_a_name_says_what_was_tried");
    let failed =
        "the host name of the webhook could not be looked up. the name servers failed or did not answer";
    let unknown = "the host name of the webhook has no address";
    let names = NameServer::start().await;
    for (ipv4, ipv6, reason) in [
        (NameServerReply::NoSuchName, NameServerReply::NoSuchName, unknown),
        (NameServerReply::NoRecords, NameServerReply::NoRecords, unknown),
        (NameServerReply::NoSuchName, NameServerReply::Nothing, unknown),
        (NameServerReply::NoRecords, NameServerReply::Fails, failed),
        (NameServerReply::Fails, NameServerReply::Fails, failed),
    ] {
        names.answer_addresses(ipv4, ipv6);
        let ended = call("crm_web.example", 80).await;
        assert_eq!((ended.status(), ended.reason()), ("UNREACHABLE", reason));
        assert_eq!(names.types("crm_web.example"), ["A", "AAAA"]);
    }
    names.answer_addresses(NameServerReply::address("127.0.0.1"), NameServerReply::NoRecords);
    let ended = call("crm..example", 80).await;
    assert_eq!(ended.reason(), "the host name of the url is not valid. no name server was asked");
    assert_eq!(names.asked(), [""; 0]);
}

#[tokio::test]
async fn without_a_nameserver_line_the_local_name_server_is_asked() {
    isolated!("without_a_nameserver_line_the_local_name_server_is_asked", "search example\n", "");
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let names = names(NameServerReply::address("127.0.0.1"), NameServerReply::NoRecords).await;
    is_answered(&call("crm", port_of(&webhook)).await);
    assert_eq!(names.asked(), ["crm.example"]);
}
