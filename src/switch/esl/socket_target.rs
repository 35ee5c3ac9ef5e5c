//! The targets in the argument of the application `socket`: `host:port/path|host:port/path async full`.
//!
//! Takes the argument apart as FreeSWITCH does (`mod_event_socket.c`, `socket_function`).

use crate::variable::Value;

/// One place to which FreeSWITCH may connect.
pub(super) struct SocketTarget<'a> {
    pub(super) host: &'a [u8],
    pub(super) port: u16,
    pub(super) path: &'a [u8],
}

/// Returns the address of the step, which is the path of the target that FreeSWITCH connected to.
///
/// The variable `socket_path` may be wrong: it keeps the path of an earlier step if this one has none.
/// `connected` is the host that FreeSWITCH connected to. `port` is ours; it distinguishes targets with the
/// same host.
pub(super) fn address(argument: &Value, connected: &Value, port: u16) -> Value {
    let targets = read(argument.as_bytes());
    let of_host = |target: &&SocketTarget<'_>| target.host == connected.as_bytes();
    let exact = targets.iter().filter(of_host).find(|target| target.port == port);
    let found = exact.or_else(|| targets.iter().find(of_host)).or(targets.first());
    found.map(|target| Value::from(target.path)).unwrap_or_default()
}

/// Returns the targets in the first word of an argument. A target without a port has the port of the target
/// before it.
pub(super) fn read(argument: &[u8]) -> Vec<SocketTarget<'_>> {
    let mut words = argument.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let first_word = words.next().unwrap_or_default();
    let mut port = DEFAULT_PORT;
    let mut targets = Vec::new();
    for text in first_word.split(|byte| *byte == b'|') {
        let target = target(text, port);
        port = target.port;
        targets.push(target);
    }
    targets
}

/// Reads one target. FreeSWITCH takes the last colon, before anything was encoded. Since it has reached us, a
/// port stands after that colon. So the first colon with a port after it is the same one, whatever a URL in
/// the query looks like by now.
fn target(text: &[u8], port_before: u16) -> SocketTarget<'_> {
    let behind = |at: usize| text.get(at + 1..).unwrap_or_default();
    let mut colons = text.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
    let (host, port, behind) = match colons.find_map(|at| Some((at, port(behind(at))?))) {
        Some((at, port)) => (text.get(..at), port, behind(at)),
        None => (text.split(|byte| *byte == b'/').next(), port_before, text),
    };
    let slash = behind.iter().position(|byte| *byte == b'/');
    let path = slash.and_then(|at| behind.get(at + 1..)).unwrap_or_default();
    SocketTarget { host: host.unwrap_or_default(), port, path }
}

/// Reads the number at the beginning, up to a slash or the end.
fn port(text: &[u8]) -> Option<u16> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match text.get(digits) {
        None | Some(b'/') => std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok(),
        Some(_) => None,
    }
}

/// The port to which FreeSWITCH connects if the dialplan names none.
const DEFAULT_PORT: u16 = 8084;
