//! Owner: the tests. The channel data that FreeSWITCH replies to `connect`: a recorded block, with the
//! changes of a test.

use std::collections::BTreeMap;
use std::path::Path;

/// The words behind the address in `<action application="socket" …/>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketMode {
    None,
    Full,
    Async,
    AsyncFull,
}

/// The reply of FreeSWITCH to `connect`: a recorded block, with the changes of a test.
#[derive(Debug, Clone)]
pub struct ChannelData {
    /// In their order, encoded as they are sent.
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The true values of the variables, by their names in small letters.
    pub(super) variables: BTreeMap<String, Vec<u8>>,
}

impl SocketMode {
    pub const ALL: [Self; 4] = [Self::None, Self::Full, Self::Async, Self::AsyncFull];

    /// The mode in the names of the recordings.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Full => "full",
            Self::Async => "async",
            Self::AsyncFull => "async-full",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Full => "full",
            Self::Async => "async",
            Self::AsyncFull => "async full",
        }
    }

    /// True if the call is parked during its step.
    pub fn is_async(self) -> bool {
        matches!(self, Self::Async | Self::AsyncFull)
    }
}

/// Reads a file below `tests/data/esl`.
pub fn recording(name: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/esl").join(name);
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

impl ChannelData {
    /// A call at `socket ADDRESS` with the words of this mode.
    pub fn new(mode: SocketMode, address: &str) -> Self {
        Self::recorded(&format!("{}.connect.txt", mode.name())).socket(mode, address)
    }

    /// A call as it was recorded.
    pub fn recorded(file: &str) -> Self {
        let block = recording(file);
        let lines = block.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let header = |line: &[u8]| {
            let end = line.windows(2).position(|pair| pair == b": ").expect("a header");
            (line[..end].to_vec(), line[end + 2..].to_vec())
        };
        let headers: Vec<_> = lines.map(header).collect();
        let variable = |(name, value): &(Vec<u8>, Vec<u8>)| {
            let name = String::from_utf8_lossy(name.strip_prefix(b"variable_")?).to_ascii_lowercase();
            Some((name, percent_encoding::percent_decode(value).collect()))
        };
        let variables = headers.iter().filter_map(variable).collect();
        Self { headers, variables }
    }

    /// The same call at another `socket`.
    #[must_use]
    pub fn socket(self, mode: SocketMode, address: &str) -> Self {
        let host = address.split(['|', ':']).next().unwrap_or_default();
        self.variable("current_application_data", format!("{address} {}", mode.words()))
            .variable("socket_host", host)
    }

    /// Sets a variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        let encoded = url_encoded(&value);
        self.variables.insert(name.to_ascii_lowercase(), value);
        self.header(&format!("variable_{name}"), encoded)
    }

    /// Sets a header to these encoded bytes. A new variable comes before all other variables.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let (name, value) = (name.as_bytes(), value.into());
        match self.headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => *known = value,
            None => {
                let first = self.headers.iter().position(|(known, _)| known.starts_with(b"variable_"));
                self.headers.insert(first.expect("variables"), (name.to_vec(), value));
            }
        }
        self
    }

    /// The true values of the variables, by their names in small letters.
    pub fn variables(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.variables
    }

    /// Removes this header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name.as_bytes());
        self
    }

    /// The block with its empty line.
    pub fn bytes(&self) -> Vec<u8> {
        let line = |(name, value): &(Vec<u8>, Vec<u8>)| [name, &b": "[..], value, b"\n"].concat();
        let mut block: Vec<u8> = self.headers.iter().flat_map(line).collect();
        block.push(b'\n');
        block
    }

    pub(super) fn value_of(&self, name: &[u8]) -> &[u8] {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_slice()).unwrap_or_default()
    }

    pub(super) fn is_async(&self) -> bool {
        self.value_of(b"Socket-Mode") == b"async"
    }

    /// True if `CF_CONTROLLED` is set, which the end of any listener clears.
    pub(super) fn is_parked(&self) -> bool {
        let state = self.value_of(b"Channel-State");
        state == b"CS_PARK" || state == b"CS_EXECUTE" && self.runs(&["park", "socket"])
    }

    /// True if one of these applications is the last that began on the call.
    pub(super) fn runs(&self, applications: &[&str]) -> bool {
        let application = self.variables.get("current_application").map(Vec::as_slice).unwrap_or_default();
        applications.iter().any(|one| one.as_bytes() == application)
    }

    /// True if the leg has a dialplan: a leg that was called has none.
    pub(super) fn has_dialplan(&self) -> bool {
        self.value_of(b"Channel-State") == b"CS_EXECUTE" && self.value_of(b"Other-Type") != b"originatee"
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        // `switch_true`
        let text = self.variables.get(name).map(|value| String::from_utf8_lossy(value).to_ascii_lowercase());
        let text = text.unwrap_or_default();
        let words = ["yes", "on", "true", "t", "enabled", "active", "allow"];
        let number = text.trim_start_matches(['+', '-']);
        words.contains(&text.as_str())
            || number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
                && number.bytes().take_while(u8::is_ascii_digit).any(|digit| digit != b'0')
    }
}

/// `switch_url_encode` (`src/switch_utils.c`): a `%` before two digits stays as it is.
pub fn url_encoded(value: &[u8]) -> Vec<u8> {
    let is_digit = |at: usize| value.get(at).is_some_and(|byte| b"0123456789ABCDEF".contains(byte));
    let mut encoded = Vec::with_capacity(value.len());
    for (at, &byte) in value.iter().enumerate() {
        let spared = byte == b'%' && is_digit(at + 1) && is_digit(at + 2);
        let plain = (b' '..=b'~').contains(&byte) && !b"\r\n \"#%&+:;<=>?@[\\]^`{|}".contains(&byte);
        match spared || plain {
            true => encoded.push(byte),
            false => encoded.extend(format!("%{byte:02X}").bytes()),
        }
    }
    if encoded.is_empty() { b"_undef_".to_vec() } else { encoded }
}
