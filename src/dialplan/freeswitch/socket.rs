//! Reads the argument of `socket`, and finds sockets that are not the application of an action.

use std::net::Ipv6Addr;

/// Returns the fault of the first unusable IPv6 address. FreeSWITCH takes the text after the last colon as
/// the port, and does not know brackets (`mod_event_socket.c`, `socket_function`).
pub(super) fn address_fault(data: &str) -> Option<String> {
    let targets = data.split_whitespace().next()?;
    targets.split('|').find_map(target_fault)
}

fn target_fault(target: &str) -> Option<String> {
    let (authority, path) = target.split_at(target.find('/').unwrap_or(target.len()));
    let (address, port) = match authority.strip_prefix('[') {
        Some(inside) => {
            let (address, behind) = inside.split_once(']')?;
            (address, behind.trim_start_matches(':'))
        }
        None => (authority, ""),
    };
    let has_port = authority.rsplit_once(':').is_some_and(|(address, _)| is_ipv6(address));
    if has_port || !is_ipv6(address) {
        return None;
    }
    let port = if port.is_empty() { DEFAULT_PORT } else { port };
    Some(format!(
        "FreeSWITCH needs an IPv6 address without brackets and with a port; write {address}:{port}{path}"
    ))
}

/// The port of `socket` without a port.
const DEFAULT_PORT: &str = "8084";

fn is_ipv6(text: &str) -> bool {
    text.split('%').next().unwrap_or_default().parse::<Ipv6Addr>().is_ok()
}

/// True if the argument of `socket` has the option `async`.
pub(super) fn is_async(data: &str) -> bool {
    data.split_whitespace().skip(1).any(|word| word.eq_ignore_ascii_case("async"))
}

/// Returns every `execute_on_…=socket …` of a text: the variable, and the argument of the socket.
pub(super) fn event_sockets(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("execute_on_") {
        let Some((event, value)) = text.get(at..).and_then(|rest| rest.split_once('=')) else { continue };
        let is_name = event.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let value = value.trim_start_matches(['\'', '"', ' ']);
        if let Some(argument) = socket_argument(value)
            && is_name
        {
            found.push((event, argument));
        }
    }
    found
}

/// True if a text runs an async socket on another channel with `uuid_broadcast` or `sched_broadcast`.
pub(super) fn broadcasts_async_socket(text: &str) -> bool {
    let Some((_, behind)) = text.split_once("broadcast") else { return false };
    for (at, _) in behind.match_indices("socket") {
        let Some(argument) = behind.get(at..).and_then(socket_argument) else { continue };
        // a space can be written as `\s`, or after a backslash
        let argument = argument.replace("\\s", " ").replace('\\', " ");
        if argument.split_whitespace().any(|word| word.eq_ignore_ascii_case("async")) {
            return true;
        }
    }
    false
}

/// Returns the argument of the `socket` that a text begins with: `socket host:port async`, or
/// `socket::host:port async`.
fn socket_argument(text: &str) -> Option<&str> {
    let behind = text.strip_prefix("socket")?;
    let argument = behind.trim_start_matches(['\'', '"', ' ', ':']);
    let has_separator = argument.len() < behind.len();
    let end = argument.find(['\'', '"', ',', '}', ']', '>']).unwrap_or(argument.len());
    let argument = argument.get(..end)?;
    (has_separator && !argument.is_empty()).then_some(argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_needs_no_brackets_but_a_port() {
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
    fn the_socket_of_an_event_is_found_with_its_argument() {
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
