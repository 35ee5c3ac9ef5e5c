//! The host table, `/etc/hosts`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of each name, of both families, in the order of the lines.
#[derive(Debug, Default)]
pub(super) struct Hosts(HashMap<String, Vec<IpAddr>>);

impl Hosts {
    /// ```text
    /// line = address 1*(SP name) [ "#" comment ]
    /// ```
    ///
    /// Other lines are ignored, as the system's resolver does.
    pub(super) fn read(text: &str) -> Self {
        let mut hosts = Self::default();
        for line in text.lines() {
            let (line, _comment) = line.split_once('#').unwrap_or((line, ""));
            let mut words = line.split_whitespace();
            let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else { continue };
            for name in words {
                let known = hosts.0.entry(key(name)).or_default();
                let address = address.to_canonical();
                if !known.contains(&address) {
                    known.push(address);
                }
            }
        }
        hosts
    }

    /// Returns the addresses of a name. If there are any, no name server is asked.
    ///
    /// `localhost` and names that end in `.localhost` have both loopback addresses (RFC 6761, section 6.3),
    /// because containers often list only one. A table that gives such a name another address is obeyed.
    pub(super) fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let key = key(name);
        let mut found = self.0.get(&key).cloned().unwrap_or_default();
        let is_localhost = key == "localhost" || key.ends_with(".localhost");
        if is_localhost && found.iter().all(IpAddr::is_loopback) {
            let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            let missing = |address: &IpAddr| !found.contains(address);
            let missing: Vec<_> = loopback.into_iter().filter(missing).collect();
            found.extend(missing);
        }
        found
    }
}

/// Returns a name in the form that is compared: in lower case, without the dot of the root.
fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(table: &str, name: &str) -> Vec<String> {
        Hosts::read(table).addresses(name).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_has_the_addresses_of_all_its_lines_and_of_both_families() {
        let table = "# caf\u{fffd}\n2001:db8::5\tcrm.example CRM # the new one\r\n\n192.0.2.5 crm.example crm_web\n\
                     192.0.2.5 crm.example\n::ffff:192.0.2.6 mapped\nfe80::1%eth0 scoped\nno.address crm\n192.0.2.7";
        assert_eq!(found(table, "crm.example"), ["2001:db8::5", "192.0.2.5"]);
        assert_eq!(found(table, "CRM."), ["2001:db8::5"]);
        assert_eq!(found(table, "crm_web"), ["192.0.2.5"]);
        assert_eq!(found(table, "mapped"), ["192.0.2.6"]);
        for unknown in ["scoped", "example", "new", ""] {
            assert_eq!(found(table, unknown), [""; 0], "{unknown}");
        }
    }

    #[test]
    fn localhost_has_both_loopback_addresses_unless_the_table_gives_it_another() {
        assert_eq!(found("", "localhost"), ["127.0.0.1", "::1"]);
        assert_eq!(found("", "crm.localhost."), ["127.0.0.1", "::1"]);
        assert_eq!(found("127.0.0.1 localhost\n127.0.1.1 pbx", "localhost"), ["127.0.0.1", "::1"]);
        assert_eq!(found("::1 localhost", "localhost"), ["::1", "127.0.0.1"]);
        assert_eq!(found("192.0.2.5 localhost", "localhost"), ["192.0.2.5"]);
        assert_eq!(found("", "mylocalhost"), [""; 0]);
    }
}
