//! The table `[listen]`.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use toml::de::DeValue;

use super::Config;
use super::raw::{Entry, Table};
use crate::call::SwitchKind;

/// The addresses of the listeners, and who may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The FastAGI listener; `None` if it is off.
    pub asterisk: Option<SocketAddr>,
    /// The listener for FreeSWITCH's outbound event socket; `None` if it is off.
    pub freeswitch: Option<SocketAddr>,
    /// The HTTP listener for health and metrics; `None` if it is off.
    pub observer: Option<SocketAddr>,
    /// The networks that may connect. `None` allows everybody; all listeners are on loopback then.
    pub allow: Option<Vec<IpNet>>,
}

impl Listen {
    /// Returns each switch whose listener is on, with its address.
    pub fn switches(&self) -> impl Iterator<Item = (SwitchKind, SocketAddr)> {
        let switches = [(SwitchKind::Asterisk, self.asterisk), (SwitchKind::FreeSwitch, self.freeswitch)];
        switches.into_iter().filter_map(|(switch, address)| Some((switch, address?)))
    }

    /// True if a peer with this address may connect.
    #[must_use]
    pub fn allows(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.allow.as_ref().is_none_or(|networks| networks.iter().any(|network| network.contains(&peer)))
    }

    /// True if a peer with this address may ask the observer. Every peer may if the observer is on loopback.
    #[must_use]
    pub fn observer_allows(&self, peer: IpAddr) -> bool {
        self.observer.is_some_and(|address| address.ip().is_loopback()) || self.allows(peer)
    }

    /// True if only this machine can connect as a switch.
    #[must_use]
    pub fn only_loopback(&self) -> bool {
        [self.asterisk, self.freeswitch].iter().flatten().all(|address| address.ip().is_loopback())
    }
}

/// One key of the table that holds an address.
struct Listener<'d> {
    name: &'static str,
    /// The entry, unless the default holds.
    entry: Option<Entry<'d>>,
    address: Option<SocketAddr>,
}

pub(super) fn read(mut table: Table<'_>) -> Listen {
    let default = Config::default().listen;
    let listeners = [
        listener(&mut table, "asterisk", default.asterisk),
        listener(&mut table, "freeswitch", default.freeswitch),
        listener(&mut table, "observer", default.observer),
    ];
    let allow = table.take("allow");
    let [asterisk, freeswitch, observer] = listeners.each_ref().map(|listener| listener.address);
    let listen = Listen { asterisk, freeswitch, observer, allow: allow.as_ref().and_then(networks) };
    if allow.is_none() {
        require_allow(&listeners);
    }
    if asterisk.is_none() && freeswitch.is_none() {
        let fault = "no listener for a switch; write an address for listen.asterisk or listen.freeswitch";
        table.fault("asterisk", fault);
    }
    check_shared_addresses(&table, &listeners);
    for listener in &listeners {
        note_unreachable_listener(&table, &listen, listener);
    }
    table.finish();
    listen
}

fn listener<'d>(table: &mut Table<'d>, name: &'static str, default: Option<SocketAddr>) -> Listener<'d> {
    let entry = table.take(name);
    let address = entry.as_ref().map_or(default, |entry| address(entry, default));
    Listener { name, entry, address }
}

fn require_allow(listeners: &[Listener<'_>]) {
    for listener in listeners {
        let is_open = listener.address.is_some_and(|address| !address.ip().is_loopback());
        if let (Some(entry), true) = (&listener.entry, is_open) {
            entry.fault_with_value(
                "set listen.allow for an address that is not loopback, such as [\"10.1.0.0/16\"]",
            );
        }
    }
}

fn check_shared_addresses(table: &Table<'_>, listeners: &[Listener<'_>]) {
    for (number, later) in listeners.iter().enumerate() {
        let Some(address) = later.address.filter(|address| address.port() != 0) else { continue };
        if let Some(earlier) = listeners.iter().take(number).find(|other| other.address == Some(address)) {
            let fault = format!("the same address as listen.{}; write another port", earlier.name);
            table.fault(later.name, fault);
        }
    }
}

/// Adds a notice if nobody can connect to a listener.
fn note_unreachable_listener(table: &Table<'_>, listen: &Listen, listener: &Listener<'_>) {
    let Some(ip) = listener.address.map(|address| address.ip()) else { return };
    let name = listener.name;
    let allows_nobody = listen.allow.as_ref().is_some_and(Vec::is_empty);
    // an observer on loopback does not ask `allow`
    let notice = if ip.is_loopback() && name != "observer" && !listen.allows(ip) {
        format!("does not name {ip}: nobody can connect to listen.{name}; add it, or leave allow out")
    } else if !ip.is_loopback() && allows_nobody {
        format!("is empty: nobody can connect to listen.{name}; name networks or addresses")
    } else {
        return;
    };
    table.notice("allow", &notice);
}

/// Reads the address of a listener; `false` turns it off.
fn address(entry: &Entry<'_>, default: Option<SocketAddr>) -> Option<SocketAddr> {
    let read = |value: &DeValue<'_>| match value {
        DeValue::Boolean(false) => Some(None),
        value => value.as_str().and_then(|text| text.parse().ok()).map(Some),
    };
    let usual = default.map_or_else(String::new, |usual| format!(", such as \"{usual}\""));
    entry.read(read, &format!("write an address and a port{usual}, or false")).unwrap_or(default)
}

fn networks(entry: &Entry<'_>) -> Option<Vec<IpNet>> {
    let networks: Option<Vec<_>> = entry.texts()?.iter().map(|text| network(text)).collect();
    if networks.is_none() {
        entry.fault_with_value("write networks or addresses, such as [\"10.1.0.0/16\", \"127.0.0.1\"]");
    }
    networks
}

/// Parses a network or a single address. An IPv4 network that is written as IPv6 (`::ffff:10.1.0.0/112`)
/// becomes IPv4, because the addresses of peers are compared as IPv4.
fn network(text: &str) -> Option<IpNet> {
    let network = match text.parse() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    // 10.1.2.3/16 is shown as 10.1.0.0/16
    Some(as_ipv4(network).unwrap_or(network).trunc())
}

fn as_ipv4(network: IpNet) -> Option<IpNet> {
    let IpNet::V6(network) = network else { return None };
    let prefix = network.prefix_len().checked_sub(MAPPED)?;
    IpNet::new(network.addr().to_ipv4_mapped()?.into(), prefix).ok()
}

/// The prefix length of `::ffff:0:0/96`, the IPv4-mapped addresses of IPv6 (RFC 4291, 2.5.5.2).
const MAPPED: u8 = 96;
