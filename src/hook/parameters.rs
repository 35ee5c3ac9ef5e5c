//! The parameters of a step: the query of its address, then its arguments.
//!
//! ```text
//! address   = path [ "?" query ]
//! query     = pair *( "&" pair )
//! pair      = name "=" value          ; percent-encoded, "+" means itself
//! ```
//!
//! Knows names and repetition; does not know what a hook does with a value.

use std::borrow::Cow;
use std::str::{FromStr, Utf8Error};

use percent_encoding::percent_decode;

use super::{RequestFault, ShownName, Timeout, nearest};
use crate::call::Call;
use crate::variable::{Accept, VariableName};

/// The parameters of a call, each at most once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CallParameters {
    pub(super) method: Option<String>,
    pub(super) url: Option<String>,
    pub(super) variable: Option<VariableName>,
    pub(super) timeout: Option<Timeout>,
    pub(super) accept: Option<Accept>,
    /// The first fault. The other parameters are read even so, because a refused step still clears its
    /// variable.
    pub(super) fault: Option<RequestFault>,
    /// The separator that may have split the `url` before the pair that is read next.
    url_split_at: Option<Separator>,
}

/// A character that splits a `url` which is not quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// In a query, if the URL is not percent-encoded.
    Ampersand,
    /// In the arguments of `AGI()`, if the URL is not in quotes.
    Comma,
}

impl CallParameters {
    /// Reads the query of the address, then the arguments.
    ///
    /// Arguments that linger on the channel count for an ad hoc step only, and only if the query does not
    /// have them.
    pub(super) fn read(call: &Call) -> Self {
        let mut parameters = Self::default();
        let (_, query) = call.path_and_query();
        for pair in query.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |&byte| byte == b'=').map(|half| percent_decode(half).into());
            let name: Cow<'_, [u8]> = halves.next().unwrap_or_default();
            let value: Cow<'_, [u8]> = halves.next().unwrap_or_default();
            parameters.read_pair(&name, &value);
            parameters.remember_split(&name, pair.contains(&b'?').then_some(Separator::Ampersand));
        }
        parameters.url_split_at = None;
        for parameter in &call.parameters {
            let (name, value) = (parameter.name.as_bytes().trim_ascii(), parameter.value.as_bytes());
            let is_left_over = call.parameters_persist && (!call.is_ad_hoc() || parameters.has(name));
            // an empty argument, as in `AGI(…,method=GET,,timeout=3)`, is no parameter
            if is_left_over || name.is_empty() && value.is_empty() {
                continue;
            }
            parameters.read_pair(name, value.trim_ascii());
            // a value that holds a comma was quoted
            parameters.remember_split(name, (!value.contains(&b',')).then_some(Separator::Comma));
        }
        parameters
    }

    fn has(&self, name: &[u8]) -> bool {
        match name {
            b"method" => self.method.is_some(),
            b"url" => self.url.is_some(),
            b"variable" => self.variable.is_some(),
            b"timeout" => self.timeout.is_some(),
            b"accept" => self.accept.is_some(),
            _ => false,
        }
    }

    /// Remembers that a `url` was read, until the next known parameter is read. The rest of a split URL is
    /// none.
    fn remember_split(&mut self, name: &[u8], separator: Option<Separator>) {
        if name == b"url" {
            self.url_split_at = separator;
        } else if NAMES.iter().any(|known| known.as_bytes() == name) {
            self.url_split_at = None;
        }
    }

    /// Returns the fault of an unknown name: a mistyped parameter, or the rest of a split URL.
    fn unknown(&self, name: &[u8]) -> RequestFault {
        let shown = ShownName::new(name);
        let is_mistyped = nearest(&String::from_utf8_lossy(name).to_ascii_lowercase(), NAMES).is_some();
        match self.url_split_at {
            Some(Separator::Comma) if !is_mistyped => RequestFault::UnquotedUrl(shown),
            Some(Separator::Ampersand) if !is_mistyped => RequestFault::UnencodedUrl(shown),
            Some(_) | None => RequestFault::UnknownParameter(shown),
        }
    }

    fn read_pair(&mut self, name: &[u8], value: &[u8]) {
        let text = std::str::from_utf8(value);
        let result = match name {
            b"method" => set_once(&mut self.method, parsed(text).ok_or(RequestFault::Method)),
            b"url" => set_once(&mut self.url, parsed(text).ok_or(RequestFault::Url)),
            b"variable" => set_once(&mut self.variable, parsed(text).ok_or(RequestFault::Variable)),
            b"timeout" => set_once(&mut self.timeout, parsed(text).ok_or(RequestFault::Timeout)),
            b"accept" => set_once(&mut self.accept, accept(text)),
            _ => Err(self.unknown(name)),
        };
        if let Err(fault) = result {
            self.fault.get_or_insert(fault);
        }
    }
}

/// Reads an `accept` that a call may choose.
fn accept(text: Result<&str, Utf8Error>) -> Result<Accept, RequestFault> {
    match parsed(text) {
        Some(accept @ (Accept::Word | Accept::Text)) => Ok(accept),
        Some(Accept::Any) => Err(RequestFault::AcceptAny),
        None => Err(RequestFault::Accept),
    }
}

/// The names of all parameters.
const NAMES: [&str; 5] = ["method", "url", "variable", "timeout", "accept"];

fn set_once<T>(parameter: &mut Option<T>, value: Result<T, RequestFault>) -> Result<(), RequestFault> {
    let value = value?;
    if parameter.is_some() {
        return Err(RequestFault::RepeatedParameter);
    }
    *parameter = Some(value);
    Ok(())
}

fn parsed<T: FromStr>(text: Result<&str, Utf8Error>) -> Option<T> {
    text.ok()?.parse().ok()
}
