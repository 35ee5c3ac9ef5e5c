//! The keys of a hook for the delivery of its requests: TLS, retries, circuit breaker, cache and redirects.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeValue;
use url::Host;

use super::super::raw::{Entry, Table};
use super::super::secrets;
use crate::duration::Bounds;
use crate::hook::{Breaker, CacheTimes, Delivery, Redirects, UrlTemplate};
use crate::tls::Tls;

/// Reads the settings. `urls` are the URLs of the hook; `None` if one of them is wrong.
pub(super) fn read(table: &mut Table<'_>, urls: Option<Vec<&UrlTemplate>>, file: &Path) -> Delivery {
    let detach = table.take("detach").and_then(|entry| entry.boolean()).unwrap_or_default();
    if detach {
        check_answer_keys(table);
    }
    let default = Delivery::default();
    let breaker = table.take("breaker");
    Delivery {
        tls: tls(table, urls, file).map(Arc::new),
        idempotent: table.take("idempotent").and_then(|entry| entry.boolean()).unwrap_or_default(),
        keep_alive: table.take("keep_alive").and_then(|entry| entry.boolean()).unwrap_or(default.keep_alive),
        breaker: breaker.map_or(default.breaker, self::breaker),
        cache: cache(table),
        redirects: redirects(table),
        detach,
    }
}

/// Finds keys for the answer, which have no effect because the dialplan does not wait for the answer to a
/// detached request.
fn check_answer_keys(table: &mut Table<'_>) {
    if table.contains_any(&["variable", "set", "answers", "otherwise", "accept", "cache"]) {
        table.fault(
            "detach",
            "the dialplan does not wait for the answer; leave out variable, set, answers, otherwise, accept and cache",
        );
    }
}

fn tls(table: &mut Table<'_>, urls: Option<Vec<&UrlTemplate>>, file: &Path) -> Option<Tls> {
    let [ca, certificate, key] = ["ca", "certificate", "key"].map(|name| table.take(name));
    let insecure = table.take("insecure");
    let entries = [&ca, &certificate, &key, &insecure];
    let no_https = urls.is_some_and(|urls| !urls.is_empty() && !urls.iter().any(|url| url.is_https()));
    for entry in entries.into_iter().flatten().filter(|_| no_https) {
        entry.fault(
            "no URL of this hook is https, so this key has no effect; write https://, or leave the key out",
        );
    }
    let insecure_wanted = insecure.as_ref().and_then(Entry::boolean).unwrap_or_default();
    if let (Some(entry), true) = (&ca, insecure_wanted) {
        entry.fault("insecure = true trusts any certificate, so ca has no effect; leave insecure out");
    }
    let trusting = match ca {
        Some(entry) => pem(&entry, file).and_then(|pem| {
            Tls::default()
                .with_authorities(&pem)
                .map_err(|fault| entry.fault(format!("the file {fault}")))
                .ok()
        }),
        None => Some(Tls::default()),
    };
    let tls = with_client_certificate(trusting.unwrap_or_default(), certificate, key, file)?;
    let tls = if insecure_wanted { tls.without_verification() } else { tls };
    (tls != Tls::default()).then_some(tls)
}

fn with_client_certificate(
    tls: Tls,
    certificate: Option<Entry<'_>>,
    key: Option<Entry<'_>>,
    file: &Path,
) -> Option<Tls> {
    match (certificate, key) {
        (None, None) => Some(tls),
        (Some(certificate), Some(key)) => {
            let (chain, private) = (pem(&certificate, file), pem(&key, file));
            let fault = |fault: crate::tls::PemFault| match fault {
                crate::tls::PemFault::NoCertificate => certificate.fault(format!("the file {fault}")),
                _ => key.fault(format!("the file {fault}")),
            };
            tls.with_client_certificate(&chain?, &private?).map_err(fault).ok()
        }
        (Some(entry), None) => {
            entry.fault("a certificate needs its key; write key = \"FILE\"");
            pem(&entry, file).and(None)
        }
        (None, Some(entry)) => {
            entry.fault("a key needs its certificate; write certificate = \"FILE\"");
            pem(&entry, file).and(None)
        }
    }
}

fn pem(entry: &Entry<'_>, file: &Path) -> Option<Vec<u8>> {
    let name = entry.as_text();
    if name.is_none() {
        entry.fault("not a file name; write the name of a file in PEM");
    }
    secrets::read_file(&name?, file, secrets::LONGEST_PEM).map_err(|fault| entry.fault(fault)).ok()
}

/// Reads the circuit breaker; `false` turns it off.
///
/// ```toml
/// breaker = { failures = 5, probe = "10s" }
/// breaker = false
/// ```
fn breaker(entry: Entry<'_>) -> Option<Breaker> {
    if !entry.is_table() {
        let off = |value: &DeValue<'_>| value.as_bool().filter(|on| !on);
        entry.read(off, "write { failures = 5, probe = \"10s\" }, or false for no breaker");
        return None;
    }
    let mut table = entry.table()?;
    let Breaker { failures, probe } = Breaker::default();
    let breaker = Breaker {
        failures: table
            .take("failures")
            .and_then(|entry| entry.integer(1..=1000, "write a number from 1 to 1000"))
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(failures),
        probe: table
            .take("probe")
            .and_then(|entry| entry.duration(|text| PROBE.parse(text)))
            .unwrap_or(probe),
    };
    table.finish();
    Some(breaker)
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

const PROBE: Bounds = Bounds::new(SECOND, HOUR, "10s");
const FRESH: Bounds = Bounds::new(SECOND, DAY, "60s");
const STALE: Bounds = Bounds::new(SECOND, DAY, "10m");

fn cache(table: &mut Table<'_>) -> Option<CacheTimes> {
    let (cache, stale) = (table.take("cache"), table.take("stale_if_error"));
    if let (None, Some(entry)) = (&cache, &stale) {
        entry.fault("no effect without cache; write cache = \"60s\" too");
    }
    let fresh = cache.and_then(|entry| entry.duration(|text| FRESH.parse(text)));
    let stale = stale.and_then(|entry| entry.duration(|text| STALE.parse(text))).unwrap_or_default();
    Some(CacheTimes { fresh: fresh?, stale })
}

fn redirects(table: &mut Table<'_>) -> Redirects {
    let (most, hosts) = (table.take("redirects"), table.take("redirect_hosts"));
    let most = most.map_or(Some(0), |entry| entry.integer(0..=3, "write a number from 0 to 3"));
    if let (Some(entry), Some(0)) = (&hosts, most) {
        entry.fault("no effect without redirects; write redirects = 1 too, or leave the key out");
    }
    let host = |item: Entry<'_>| item.read(|value| parse_host(value.as_str()?), HOST_REMEDY);
    let hosts = hosts.and_then(Entry::list).unwrap_or_default();
    Redirects {
        most: most.and_then(|number| u8::try_from(number).ok()).unwrap_or_default(),
        hosts: hosts.into_iter().filter_map(host).collect(),
    }
}

/// Returns a host in the notation of a parsed URL, because another notation would never match. The port is
/// optional.
///
/// ```text
/// host = ( name / IPv4 / "[" IPv6 "]" ) [ ":" port ]
/// ```
fn parse_host(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !text.ends_with(']') => (name, Some(port)),
        Some(_) | None => (text, None),
    };
    let name = match Host::parse(name).ok()? {
        Host::Domain(name) => name.chars().all(plain).then_some(name)?,
        address => address.to_string(),
    };
    let Some(port) = port else { return Some(name) };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|port| digits && *port > 0)?;
    Some(format!("{name}:{port}"))
}

const HOST_REMEDY: &str = "write a whole host name such as \"api.example.com\", or an address such as \"192.0.2.7\" or \"[2001:db8::7]\", \
     without scheme and path; a port such as \":8443\" may follow";
