//! The names of the observer. A page of another site that reaches this machine by a name of its own (DNS
//! rebinding) sends that name.

use std::net::SocketAddr;

use axum::response::Response;
use http::header::HOST;
use http::{Request, StatusCode};

use crate::config::ObserverSettings;
use crate::observer::plain::plain;

/// Returns the name under which the observer was asked, if it is one of its own. `local` is the address to
/// which the peer connected.
pub(super) fn admit<'r, B>(
    request: &'r Request<B>,
    local: SocketAddr,
    settings: &ObserverSettings,
) -> Result<&'r str, Box<Response>> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(refusal("this request has no Host header, or several"));
    };
    let Some(host) = host.to_str().ok().filter(|host| is_own(host, local, settings)) else {
        return Err(refusal("this is none of the observer's own names"));
    };
    // `GET http://name/ HTTP/1.1`
    match request.uri().authority() {
        Some(target) if target.as_str() != host => Err(refusal("the Host header is not that of the target")),
        Some(_) | None => Ok(host),
    }
}

/// The text does not repeat the name, which the asker chose.
fn refusal(found: &str) -> Box<Response> {
    let text = format!(
        "misdirected: {found}. Open the address of listen.observer, or write the name in your address bar, with its \
         port, into hosts of [observer] in dialhook.toml\n"
    );
    Box::new(plain(StatusCode::MISDIRECTED_REQUEST, text))
}

/// True for the local address, `localhost` and the configured names, byte for byte. One that has no port also
/// stands for the local port.
fn is_own(host: &str, local: SocketAddr, settings: &ObserverSettings) -> bool {
    let address = match SocketAddr::new(local.ip().to_canonical(), 0) {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    let is = |name: &str| {
        let has_port = name.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        let with_port = host.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
        host == name || !has_port && with_port.is_some_and(|port| port == local.port().to_string())
    };
    is(&address) || is("localhost") || settings.hosts.iter().any(|name| is(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(local: &str, hosts: &[&str], request: http::request::Builder) -> Result<String, StatusCode> {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let settings = ObserverSettings { hosts, ..ObserverSettings::default() };
        match admit(&request.body(()).unwrap(), local.parse().unwrap(), &settings) {
            Ok(host) => Ok(host.to_owned()),
            Err(refusal) => Err(refusal.status()),
        }
    }

    fn is_admitted(local: &str, hosts: &[&str], host: &str) -> bool {
        admitted(local, hosts, Request::builder().header(HOST, host)).is_ok()
    }

    #[test]
    fn the_local_address_and_localhost_are_own_names_with_and_without_the_port() {
        for (local, host) in [
            ("127.0.0.1:9573", "127.0.0.1:9573"),
            ("127.0.0.1:9573", "127.0.0.1"),
            ("127.0.0.1:9573", "localhost:9573"),
            ("127.0.0.1:9573", "localhost"),
            ("10.1.0.1:80", "10.1.0.1:80"),
            ("[::ffff:10.1.0.1]:9573", "10.1.0.1:9573"),
            ("[2001:db8::1]:9573", "[2001:db8::1]:9573"),
            ("[2001:db8::1]:9573", "[2001:db8::1]"),
        ] {
            assert!(is_admitted(local, &[], host), "{local} {host}");
        }
    }

    #[test]
    fn every_other_name_is_refused() {
        let local = "127.0.0.1:9573";
        for host in [
            "",
            "observer",
            "evil.example",
            "evil.example:9573",
            "127.0.0.1:80",
            "127.0.0.1:",
            "127.0.0.1:09573",
            "127.0.0.1.",
            "127.0.0.2:9573",
            "localhost.",
            "localhost.:9573",
            "LOCALHOST",
            "Localhost:9573",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1:9573.evil.example",
            "localhost:9573 ",
            "u@127.0.0.1:9573",
            "127.0.0.1:9573/",
            "2130706433",
            "0.0.0.0:9573",
            "[::ffff:127.0.0.1]:9573",
        ] {
            assert!(!is_admitted(local, &["pbx"], host), "{host}");
        }
        assert!(!is_admitted("10.1.0.1:9573", &[], "127.0.0.1:9573"));
    }

    #[test]
    fn a_configured_name_without_a_port_stands_for_the_local_port_too() {
        let own = |host: &str| {
            is_admitted("10.1.0.1:9573", &["pbx.example", "proxy.example:8443", "[fd00::1]"], host)
        };
        for host in ["pbx.example", "pbx.example:9573", "proxy.example:8443", "[fd00::1]", "[fd00::1]:9573"] {
            assert!(own(host), "{host}");
        }
        for host in
            ["pbx.example:80", "proxy.example", "proxy.example:9573", "proxy.example:8443:9573", "fd00::1"]
        {
            assert!(!own(host), "{host}");
        }
    }

    #[test]
    fn a_request_without_a_host_or_with_several_is_refused() {
        let refused =
            |request| admitted("127.0.0.1:9573", &[], request) == Err(StatusCode::MISDIRECTED_REQUEST);
        assert!(refused(Request::builder()));
        assert!(refused(Request::builder().header(HOST, "localhost").header(HOST, "evil.example")));
        assert!(refused(Request::builder().header(HOST, "localhost").header(HOST, "localhost")));
        assert!(refused(
            Request::builder().header(HOST, http::HeaderValue::from_bytes(b"localhost\xff").unwrap())
        ));
    }

    #[test]
    fn a_target_with_another_name_than_the_host_is_refused() {
        let request = |uri: &str| Request::builder().uri(uri).header(HOST, "localhost:9573");
        let admitted = |uri| admitted("127.0.0.1:9573", &[], request(uri)).is_ok();
        assert!(admitted("http://localhost:9573/"));
        for uri in
            ["http://evil.example/", "http://evil@localhost:9573/", "http://localhost/", "evil.example:80"]
        {
            assert!(!admitted(uri), "{uri}");
        }
    }

    #[test]
    fn the_refusal_names_the_key_and_does_not_repeat_the_name() {
        let text = refusal("this is none of the observer's own names");
        assert_eq!(text.status(), 421);
        assert!(!format!("{text:?}").contains("evil"));
    }
}
