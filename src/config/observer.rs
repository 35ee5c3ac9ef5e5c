//! The table `[observer]`.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::Path;

use http::HeaderValue;
use subtle::ConstantTimeEq;

use super::Listen;
use super::raw::{Entry, Table};
use super::secrets::secret_value;

/// The settings of the pages and of the JSON that the observer answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObserverSettings {
    /// Further names and addresses of the observer, in lower case, each with a port or without one.
    pub hosts: Vec<String>,
    /// The secret that readers must send; `None` if there is none.
    pub token: Option<Token>,
    /// True if a reader may ask a hook, and repeat a request.
    pub allows_try: bool,
}

/// The secret that a reader of the pages sends. `Debug` does not print it.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// True if this is the token. The time does not tell which byte differs.
    #[must_use]
    pub fn is(&self, candidate: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(candidate).into()
    }

    /// Returns the value of `Authorization` with which a program of this machine asks its own daemon.
    #[must_use]
    pub fn bearer(&self) -> HeaderValue {
        let value = [b"Bearer ", self.0.as_bytes()].concat();
        // the token is printable ASCII
        let mut value = HeaderValue::from_bytes(&value).unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }

    fn parse(text: &str) -> Option<Self> {
        let is_long_enough = (SHORTEST_TOKEN..=LONGEST_TOKEN).contains(&text.len());
        let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        (is_long_enough && is_printable).then(|| HeaderValue::from_str(text).ok().map(Self))?
    }
}

/// A shorter token can be guessed.
const SHORTEST_TOKEN: usize = 16;

const LONGEST_TOKEN: usize = 256;

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.0.as_bytes())
    }
}

impl Eq for Token {}

/// Reads the table. File names in it are relative to the folder of `file`.
pub(super) fn read(mut table: Table<'_>, file: &Path, listen: &Listen) -> ObserverSettings {
    let settings = ObserverSettings {
        hosts: table.take("hosts").and_then(hosts).unwrap_or_default(),
        token: table.take("token").and_then(|entry| token(entry, file)),
        allows_try: table.take("try").and_then(|entry| entry.boolean()).unwrap_or_default(),
    };
    let is_reachable = listen.observer.is_some_and(|address| !address.ip().is_loopback());
    if is_reachable && !table.contains_any(&["token"]) {
        table.notice("token", MISSING_TOKEN);
    }
    table.finish();
    settings
}

const MISSING_TOKEN: &str = "is missing, and listen.observer is not on loopback: only /metrics and /health/* are answered \
                             there; write a secret into a file, and name it: token = { file = \"observer.token\" }";

fn hosts(entry: Entry<'_>) -> Option<Vec<String>> {
    let one = |item: Entry<'_>| {
        let text = item.text()?.to_ascii_lowercase();
        if !is_host(&text) {
            item.fault_with_value("write a name or an address as it stands in the browser, without https:// and without a path, such as \"pbx.example:9573\"");
            return None;
        }
        Some(text)
    };
    // all are read before one is refused, so that every fault is found
    let hosts: Vec<_> = entry.list()?.into_iter().map(one).collect();
    hosts.into_iter().collect()
}

/// ```text
/// host = ( name / IPv4 / "[" IPv6 "]" ) [ ":" port ]
/// ```
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (text, None),
    };
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let is_name = || {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        host.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
    };
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    port.is_none_or(is_port) && address.map_or_else(is_name, |text| text.parse::<Ipv6Addr>().is_ok())
}

fn token(entry: Entry<'_>, file: &Path) -> Option<Token> {
    if !entry.is_table() {
        entry.fault("no file; every user of this machine may read the configuration, so write the token into a file of its own: { file = \"observer.token\" }");
        return None;
    }
    let secret = secret_value(entry, file)?;
    let token = Token::parse(&secret.text);
    if token.is_none() {
        secret.position.fault(format!(
            "write one line of {SHORTEST_TOKEN} to {LONGEST_TOKEN} printable characters without spaces into it, such as the output of `openssl rand -hex 16`"
        ));
    }
    token
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Config;
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn no_further_host_no_token_and_no_try_is_the_default() {
        assert_eq!(parse("").unwrap().observer, ObserverSettings::default());
    }

    #[test]
    fn hosts_are_names_or_addresses_with_or_without_a_port() {
        let hosts =
            |text: &str| parse(&format!("observer.hosts = [\"{text}\"]\n")).map(|read| read.observer.hosts);
        for (text, read) in [
            ("pbx.example:9573", "pbx.example:9573"),
            ("PBX.Example", "pbx.example"),
            ("pbx_1", "pbx_1"),
            ("10.1.0.1:80", "10.1.0.1:80"),
            ("[::1]:9573", "[::1]:9573"),
            ("[2001:db8::1]", "[2001:db8::1]"),
        ] {
            assert_eq!(hosts(text).unwrap(), [read]);
        }
        for text in [
            "",
            "*",
            "*.example",
            "http://pbx.example",
            "pbx.example/",
            "pbx.example.",
            "u@pbx",
            "pbx:",
            "pbx:0",
            "pbx:x",
            "pbx:70000",
            "pbx:+80",
            "::1",
            "[::1",
            "[pbx]",
            "a b",
            "é",
        ] {
            let fault = hosts(text).unwrap_err();
            assert!(
                fault[0].starts_with(&format!("1: observer.hosts: found \"{text}\"; write a name")),
                "{fault:?}"
            );
        }
    }

    #[test]
    fn a_token_is_a_file_with_one_long_line() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            fs::write(folder.path().join("observer.token"), text).unwrap();
            let config = "[observer]\n\ntoken = { file = \"observer.token\" }\n";
            Config::parse(config, &folder.path().join("dialhook.toml"))
                .map(|config| config.observer.token.unwrap())
                .map_err(|error| error.to_string())
        };
        let token = read("0123456789abcdef\n").unwrap();
        assert!(token.is(b"0123456789abcdef") && !token.is(b"0123456789abcdeX") && !token.is(b""));
        assert_eq!(
            (token.bearer(), format!("{token:?}")),
            ("Bearer 0123456789abcdef".parse().unwrap(), "Token(…)".to_owned())
        );
        for text in
            ["short", "0123456789 abcdef", "0123456789abcdeé", &"x".repeat(257), "0123456789abcdef\nx"]
        {
            let fault = read(text).unwrap_err();
            assert!(
                fault.contains(":3: observer.token.file: write one line of 16 to 256 printable"),
                "{fault}"
            );
            assert!(!fault.contains(text), "{fault}");
        }
    }

    #[test]
    fn a_token_in_the_configuration_itself_is_refused_and_not_shown() {
        let fault = parse("[observer]\ntoken = \"0123456789abcdef\"\n").unwrap_err().join("\n");
        assert!(
            fault.starts_with("2: observer.token: no file; every user") && !fault.contains("0123"),
            "{fault}"
        );
    }

    #[test]
    fn an_observer_that_others_reach_without_a_token_is_noted() {
        let notices = |listen: &str| {
            parse(&format!("[listen]\nallow = [\"10.0.0.0/8\", \"127.0.0.1\"]\n{listen}")).unwrap().notices
        };
        assert_eq!(notices("observer = \"127.0.0.1:1\""), [""; 0]);
        assert_eq!(notices("observer = \"[::1]:1\""), [""; 0]);
        assert_eq!(notices("observer = false"), [""; 0]);
        for open in ["10.1.0.1:1", "0.0.0.0:1", "[::]:1"] {
            let notices = notices(&format!("observer = \"{open}\""));
            assert!(notices[0].starts_with("observer.token is missing, and listen.observer"), "{notices:?}");
        }
    }
}
