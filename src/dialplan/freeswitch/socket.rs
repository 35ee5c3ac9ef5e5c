//! The arguments of `socket`: addresses that FreeSWITCH cannot use, and sockets that do not stand in an action.

use std::net::Ipv6Addr;

/// What is wrong with an IPv6 address: FreeSWITCH takes the last colon for the port's, and knows no brackets
/// (`mod_event_socket.c`, `socket_function`).
pub(super) fn address_fault(data: &str) -> Option<String> {
    data.split_whitespace().next().unwrap_or_default().split('|').find_map(|place| {
        let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
        let (address, port) = match authority.strip_prefix('[') {
            Some(inside) => {
                let (address, behind) = inside.split_once(']')?;
                (address, behind.trim_start_matches(':'))
            }
            None if authority.rsplit_once(':').is_some_and(|(address, _)| is_address(address)) => return None,
            None => (authority, ""),
        };
        let port = if port.is_empty() { DEFAULT_PORT } else { port };
        is_address(address).then(|| {
            format!("FreeSWITCH takes an IPv6 address without brackets and with its port; write {address}:{port}{path}")
        })
    })
}

/// Where FreeSWITCH connects when the dialplan names no port.
const DEFAULT_PORT: &str = "8084";

fn is_address(text: &str) -> bool {
    text.split('%').next().unwrap_or_default().parse::<Ipv6Addr>().is_ok()
}

/// Every `execute_on_…=socket …` of a text: the variable, and the argument of the socket.
pub(super) fn event_sockets(text: &str) -> Vec<(&str, &str)> {
    let found = text.match_indices("execute_on_").filter_map(|(at, _)| {
        let (event, value) = text.get(at..)?.split_once('=')?;
        let is_name = event.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let argument = argument_of_socket(value.trim_start_matches(['\'', '"', ' ']))?;
        is_name.then_some((event, argument))
    });
    found.collect()
}

/// True if a text has an async socket run on another channel by `uuid_broadcast` or `sched_broadcast`.
pub(super) fn broadcasts_async_socket(text: &str) -> bool {
    let Some((_, behind)) = text.split_once("broadcast") else { return false };
    let sockets = behind.match_indices("socket").filter_map(|(at, _)| argument_of_socket(behind.get(at..)?));
    // a space in it may be written `\s`, or behind a backslash
    let words = |argument: &str| argument.replace("\\s", " ").replace('\\', " ").to_ascii_lowercase();
    sockets.into_iter().any(|argument| words(argument).split_whitespace().any(|word| word == "async"))
}

/// The argument of a `socket` that a text begins with: `socket host:port async`, or `socket::host:port async`.
fn argument_of_socket(text: &str) -> Option<&str> {
    let behind = text.strip_prefix("socket")?;
    let argument = behind.trim_start_matches(['\'', '"', ' ', ':']);
    let ends = ['\'', '"', ',', '}', ']', '>'];
    let argument = argument.get(..argument.find(ends).unwrap_or(argument.len()))?;
    (argument.len() < behind.len() && !argument.is_empty()).then_some(argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_stands_without_brackets_and_with_its_port() {
        for (data, right) in [
            ("[::1]:8084/crm", "::1:8084/crm"),
            ("[::1]/crm async", "::1:8084/crm"),
            ("127.0.0.1:8084/crm|[fd00::1]:8085/crm full", "fd00::1:8085/crm"),
            ("2001:db8::5/crm", "2001:db8::5:8084/crm"),
            ("::1/crm", "::1:8084/crm"),
        ] {
            let fault = address_fault(data).unwrap_or_else(|| panic!("{data}"));
            assert!(fault.ends_with(&format!("; write {right}")), "{fault}");
        }
        for data in [
            "::1:8084/crm",
            "fe80::1%eth0:8084/crm",
            "127.0.0.1:8084/crm",
            "pbx/crm?url=http://[::1]/",
            "$${ip}:8084/x",
        ] {
            assert_eq!(address_fault(data), None, "{data}");
        }
    }

    #[test]
    fn a_socket_that_an_event_runs_is_found_with_its_argument() {
        for text in [
            "execute_on_answer=socket 127.0.0.1:8084/crm async",
            "nolocal:execute_on_answer=socket::127.0.0.1:8084/crm async",
            "{x=1,execute_on_answer='socket 127.0.0.1:8084/crm async',y=2}user/1",
        ] {
            assert_eq!(event_sockets(text), [("execute_on_answer", "127.0.0.1:8084/crm async")], "{text}");
        }
        assert_eq!(event_sockets("execute_on_answer=sched_hangup +5"), []);
    }

    #[test]
    fn an_async_socket_of_a_broadcast_is_found() {
        assert!(broadcasts_async_socket(
            "api_on_answer=uuid_broadcast ${uuid} socket::127.0.0.1:8084/crm\\ async both"
        ));
        assert!(broadcasts_async_socket("+5 ${uuid} broadcast 'socket::127.0.0.1:8084/crm async' both"));
        assert!(!broadcasts_async_socket("uuid_broadcast ${uuid} socket::127.0.0.1:8084/crm both"));
        assert!(!broadcasts_async_socket("uuid_broadcast ${uuid} playback::/tmp/async.wav"));
    }
}
