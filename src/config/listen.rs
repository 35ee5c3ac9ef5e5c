//! The table `[listen]`.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use toml::de::DeValue;

use super::Config;
use super::raw::{Entry, Table};
use crate::call::SwitchKind;

/// The listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where Asterisk connects to: FastAGI.
    pub asterisk: Option<SocketAddr>,
    /// Where FreeSWITCH connects to: the outbound event socket.
    pub freeswitch: Option<SocketAddr>,
    /// Where health and metrics are asked for, over HTTP.
    pub observer: Option<SocketAddr>,
    /// Which networks may connect; everybody who can reach a loopback address where nothing is said.
    pub allow: Option<Vec<IpNet>>,
}

impl Listen {
    /// Every switch that is listened for, and where.
    pub fn switches(&self) -> impl Iterator<Item = (SwitchKind, SocketAddr)> {
        let switches = [(SwitchKind::Asterisk, self.asterisk), (SwitchKind::FreeSwitch, self.freeswitch)];
        switches.into_iter().filter_map(|(switch, address)| Some((switch, address?)))
    }

    /// Whether somebody at this address may connect.
    #[must_use]
    pub fn allows(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.allow.as_ref().is_none_or(|networks| networks.iter().any(|network| network.contains(&peer)))
    }

    /// Whether somebody at this address may ask the observer: on loopback, everybody who reaches it.
    #[must_use]
    pub fn observer_allows(&self, peer: IpAddr) -> bool {
        self.observer.is_some_and(|address| address.ip().is_loopback()) || self.allows(peer)
    }

    /// Whether only this machine can make a call's connection.
    #[must_use]
    pub fn only_loopback(&self) -> bool {
        [self.asterisk, self.freeswitch].iter().flatten().all(|address| address.ip().is_loopback())
    }
}

pub(super) fn read(mut table: Table<'_>) -> Listen {
    let default = Config::default().listen;
    let mut said = Vec::new();
    let mut address_of = |name, default| {
        let entry = table.take(name);
        let address = entry.as_ref().map_or(default, |entry| address(entry, default));
        said.push((name, entry, address));
        address
    };
    let (asterisk, freeswitch) =
        (address_of("asterisk", default.asterisk), address_of("freeswitch", default.freeswitch));
    let observer = address_of("observer", default.observer);
    let allow = table.take("allow");
    let listen = Listen { asterisk, freeswitch, observer, allow: allow.as_ref().and_then(networks) };
    for (_, entry, address) in &said {
        let open = address.is_some_and(|address| !address.ip().is_loopback());
        if let (Some(entry), true, None) = (entry, open, &allow) {
            entry.reject("an address that is not loopback needs listen.allow, such as [\"10.1.0.0/16\"]");
        }
    }
    if asterisk.is_none() && freeswitch.is_none() {
        table.fault("asterisk", "nothing to listen on; give listen.asterisk or listen.freeswitch an address");
    }
    for (later, (name, _, address)) in said.iter().enumerate().skip(1) {
        let taken = |(_, _, other): &&(_, _, Option<SocketAddr>)| other == address;
        let Some((other, _, _)) = said.iter().take(later).find(taken) else { continue };
        if address.is_some_and(|address| address.port() != 0) {
            table.fault(name, format!("the same address as listen.{other}; give each its own port"));
        }
    }
    for (name, _, address) in said {
        note_unreachable_listener(&table, &listen, name, address.map(|address| address.ip()));
    }
    table.finish();
    listen
}

/// A listener at this address that nobody can connect to.
fn note_unreachable_listener(table: &Table<'_>, listen: &Listen, name: &str, address: Option<IpAddr>) {
    let nobody = listen.allow.as_ref().is_some_and(Vec::is_empty);
    let what = match address {
        // a loopback observer is for this machine, whoever else may make calls
        Some(local) if local.is_loopback() && name != "observer" && !listen.allows(local) => {
            format!("does not name {local}: nobody can connect to listen.{name}; add it, or leave allow out")
        }
        Some(open) if !open.is_loopback() && nobody => {
            format!("is empty: nobody can connect to listen.{name}; name networks or addresses")
        }
        Some(_) | None => return,
    };
    table.notice("allow", &what);
}

/// An address to listen on, or none for `false`.
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
        entry.reject("write networks or addresses, such as [\"10.1.0.0/16\", \"127.0.0.1\"]");
    }
    networks
}

/// A network, or an address alone. One of IPv4 that is written as IPv6 (`::ffff:10.1.0.0/112`) is meant as IPv4, which is how
/// peers are compared.
fn network(text: &str) -> Option<IpNet> {
    let written = text.parse().ok().or_else(|| Some(IpNet::from(text.parse::<IpAddr>().ok()?)))?;
    let meant = match written {
        IpNet::V6(network) => {
            let mapped = network.prefix_len().checked_sub(MAPPED).zip(network.addr().to_ipv4_mapped());
            mapped.and_then(|(prefix, address)| IpNet::new(address.into(), prefix).ok())
        }
        IpNet::V4(_) => None,
    };
    // 10.1.2.3/16 means all of 10.1.0.0/16, and is shown so
    Some(meant.unwrap_or(written).trunc())
}

/// Bits of `::ffff:0:0/96`, in which IPv6 holds all of IPv4.
const MAPPED: u8 = 96;
