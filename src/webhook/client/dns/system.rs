//! Resolves names as the machine is configured: host table, search domains, name servers.

use std::net::IpAddr;
use std::{fs, io};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::parse_resolv_conf;
use tracing::warn;

use super::hosts::Hosts;
use super::{ResolveError, families};
use crate::files;

pub(super) const RESOLV_CONF: &str = "/etc/resolv.conf";
pub(super) const HOSTS: &str = "/etc/hosts";

/// The host table and the name servers at the time when the files were read.
#[derive(Debug)]
pub(super) struct SystemResolver {
    hosts: Hosts,
    resolver: TokioResolver,
    search: Search,
    /// True if the machine asks for no addresses of IPv6 (`options no-aaaa`).
    ipv4_only: bool,
}

/// The search list, which completes short names.
#[derive(Debug)]
struct Search {
    domains: Vec<Name>,
    ndots: usize,
}

impl SystemResolver {
    pub(super) fn read() -> Result<Self, NetError> {
        let text = text(RESOLV_CONF).unwrap_or_else(|error| {
            warn!(
                "cannot read {RESOLV_CONF}: {error}; the name server {DEFAULT_SERVER} is asked, as the \
                 system's resolver does"
            );
            String::new()
        });
        let (config, mut options) = servers(&text).unwrap_or_else(|error| {
            // only the machine's own name servers are ever asked
            warn!("no name servers: {RESOLV_CONF}: {error}; host names are looked up in {HOSTS} only");
            (ResolverConfig::from_parts(None, Vec::new(), Vec::new()), ResolverOpts::default())
        });
        let search = Search::of(&config, options.ndots);
        options.use_hosts_file = ResolveHosts::Never;
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let hosts = text_of_hosts();
        Ok(Self {
            hosts: Hosts::read(&hosts),
            resolver: builder.build()?,
            search,
            ipv4_only: asks_for_ipv4_only(&text),
        })
    }

    /// Returns the addresses of a host, for a connection to this port: those of the host table, or else those
    /// of the first completed name that has any.
    pub(super) async fn addresses(&self, host: &str, port: Option<u16>) -> Result<Vec<IpAddr>, ResolveError> {
        let known = self.hosts.addresses(host);
        if !known.is_empty() {
            return Ok(known);
        }
        let mut fault = ResolveError::MalformedName;
        for name in self.search.candidates(host) {
            match families::addresses(&self.resolver, name, self.ipv4_only, port).await {
                Ok(found) => return Ok(found),
                // a name server that does not answer may know an address, so that error counts more
                Err(why) if !matches!(fault, ResolveError::NoAnswer(_)) => fault = why,
                Err(_) => {}
            }
        }
        Err(fault)
    }
}

impl Search {
    /// Takes the domains of `search` or `domain`, whichever line is last, or else the domain of the machine's
    /// own name.
    fn of(config: &ResolverConfig, ndots: usize) -> Self {
        let domains = match config.search() {
            [] => config.domain().cloned().into_iter().collect(),
            some => some.to_vec(),
        };
        Self { domains, ndots }
    }

    /// Returns the complete names to look up, in order (`resolv.conf(5)`, `ndots`): the name itself first if
    /// it has enough dots, else last, and the name in each search domain. A name that ends in a dot is
    /// complete. Returns nothing if the host cannot be a DNS name.
    fn candidates(&self, host: &str) -> Vec<Name> {
        let Ok(name) = Name::from_ascii(host) else { return Vec::new() };
        if name.num_labels() == 0 {
            return Vec::new();
        }
        if name.is_fqdn() {
            return vec![name];
        }
        let within = |domain: &Name| name.clone().append_domain(domain).ok();
        let unchanged = within(&Name::root());
        let completed = self.domains.iter().filter_map(within);
        match host.matches('.').count() >= self.ndots {
            true => unchanged.into_iter().chain(completed).collect(),
            false => completed.chain(unchanged).collect(),
        }
    }
}

/// The name server of a machine that names none (`resolv.conf(5)`).
const DEFAULT_SERVER: &str = "127.0.0.1";

/// Reads the name servers and options. Ignores search domains that cannot be parsed.
fn servers(text: &str) -> Result<(ResolverConfig, ResolverOpts), NetError> {
    let named = |line: &&str| line.trim_start().starts_with("nameserver");
    if !text.lines().any(|line| named(&line)) {
        return parse_resolv_conf(format!("{text}\nnameserver {DEFAULT_SERVER}\n"));
    }
    parse_resolv_conf(text).or_else(|_fault| {
        let servers: Vec<_> = text.lines().filter(named).collect();
        parse_resolv_conf(servers.join("\n"))
    })
}

fn asks_for_ipv4_only(text: &str) -> bool {
    text.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("options") && words.any(|word| word == "no-aaaa")
    })
}

fn text_of_hosts() -> String {
    text(HOSTS).unwrap_or_else(|error| {
        warn!("cannot read {HOSTS}: {error}");
        String::new()
    })
}

/// Reads a text file. Bytes that are not UTF-8 are replaced, because a comment may be in any encoding.
fn text(file: &str) -> io::Result<String> {
    let bytes = files::without_byte_order_marks(fs::read(file)?)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_up(resolv_conf: &str, host: &str) -> Vec<String> {
        let (config, options) = servers(resolv_conf).unwrap();
        let names = Search::of(&config, options.ndots).candidates(host);
        names.iter().map(Name::to_ascii).collect()
    }

    const SEARCH: &str = "nameserver 192.0.2.53\nsearch office.example example\n";

    #[test]
    fn a_name_is_completed_as_the_system_does() {
        let single = ["crm_web.office.example.", "crm_web.example.", "crm_web."];
        assert_eq!(looked_up(SEARCH, "crm_web"), single);
        assert_eq!(looked_up(SEARCH, "crm_web."), ["crm_web."]);
        let dotted = ["door_bell.lan.", "door_bell.lan.office.example.", "door_bell.lan.example."];
        assert_eq!(looked_up(SEARCH, "door_bell.lan"), dotted);
        assert_eq!(looked_up(SEARCH, "_dns.x_.example."), ["_dns.x_.example."]);
        let cluster = format!("{SEARCH}options ndots:2\n");
        assert_eq!(
            looked_up(&cluster, "crm.svc"),
            ["crm.svc.office.example.", "crm.svc.example.", "crm.svc."]
        );
        // the last of the two counts
        assert_eq!(looked_up("nameserver ::1\nsearch a\ndomain b\n", "crm"), ["crm.b.", "crm."]);
    }

    #[test]
    fn a_search_domain_may_have_an_underscore_and_a_malformed_one_loses_no_name_server() {
        assert_eq!(looked_up("nameserver ::1\nsearch my_net\n", "crm"), ["crm.my_net.", "crm."]);
        let broken = "nameserver 192.0.2.53\nsearch a..b\n";
        assert_eq!(servers(broken).unwrap().0.name_servers().len(), 1);
    }

    #[test]
    fn a_host_that_is_no_dns_name_is_not_looked_up() {
        let long = format!("{}.example", "x".repeat(64));
        for host in ["crm..example", ".", "", "a b.example", "a~b", &long, &"x.".repeat(200)] {
            assert_eq!(looked_up(SEARCH, host), [""; 0], "{host}");
        }
    }

    #[test]
    fn without_a_configured_name_server_the_local_one_is_asked() {
        for text in ["", "# nothing\nsearch example\n"] {
            let (config, _) = servers(text).unwrap();
            assert_eq!(config.name_servers()[0].ip.to_string(), "127.0.0.1");
        }
        assert!(servers("nameserver nonsense\n").is_err());
    }

    #[test]
    fn no_aaaa_counts_only_in_a_line_of_options() {
        assert!(asks_for_ipv4_only("options edns0 no-aaaa\n"));
        for text in ["options edns0\n", "# options no-aaaa\n", "search no-aaaa\n", ""] {
            assert!(!asks_for_ipv4_only(text), "{text}");
        }
    }
}
