//! What a call says of its webhook step: the query of the address, and the parameters of an ad hoc step.
//!
//! ```text
//! address   = path [ "?" query ]
//! query     = pair *( "&" pair )
//! pair      = name "=" value          ; percent-encoded, "+" means itself
//! ```
//!
//! Knows names and repetition; does not know what a hook does with a value.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::{RequestFault, ShownName, Timeout, nearest};
use crate::call::Call;
use crate::variable::{Accept, VariableName};

/// What the call asked for, each at most once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) method: Option<String>,
    pub(super) url: Option<String>,
    pub(super) variable: Option<VariableName>,
    pub(super) timeout: Option<Timeout>,
    pub(super) accept: Option<Accept>,
    /// The way in which the url before may be cut here, if one was read last.
    url_before: Option<Cut>,
    /// The first fault, if there is one. What could be read stands beside it, so that the variable can be
    /// cleared even so.
    pub(super) fault: Option<RequestFault>,
}

/// How a url can be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// At an `&` of a query that is not percent-encoded.
    Ampersand,
    /// At a comma outside of quotes.
    Comma,
}

impl Asked {
    /// Reads the address's query, then the call's parameters. Where those linger on the channel, they count for an
    /// ad hoc step only, and only for what the query does not say.
    pub(super) fn of(call: &Call) -> Self {
        let mut asked = Self::default();
        let (_, query) = call.path_and_query();
        for pair in query.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |&byte| byte == b'=').map(|half| percent_decode(half).into());
            let (name, value): (Cow<'_, [u8]>, Option<Cow<'_, [u8]>>) =
                (halves.next().unwrap_or_default(), halves.next());
            asked.take(&name, &value.unwrap_or_default());
            asked.behind(&name, pair.contains(&b'?').then_some(Cut::Ampersand));
        }
        asked.url_before = None;
        for parameter in &call.parameters {
            let (name, value) = (parameter.name.as_bytes().trim_ascii(), parameter.value.as_bytes());
            let left_over = call.parameters_persist && (!call.is_ad_hoc() || asked.says(name));
            // `AGI(…,method=GET,,timeout=3)`: an empty argument says nothing
            if !(left_over || name.is_empty() && value.is_empty()) {
                asked.take(name, value.trim_ascii());
                // a comma that stands in it was quoted
                asked.behind(name, (!value.contains(&b',')).then_some(Cut::Comma));
            }
        }
        asked
    }

    fn says(&self, name: &[u8]) -> bool {
        match name {
            b"method" => self.method.is_some(),
            b"url" => self.url.is_some(),
            b"variable" => self.variable.is_some(),
            b"timeout" => self.timeout.is_some(),
            b"accept" => self.accept.is_some(),
            _ => false,
        }
    }

    /// Keeps in mind that a url was read, until another parameter is; the pieces of a url are none.
    fn behind(&mut self, name: &[u8], cut: Option<Cut>) {
        match name {
            b"url" => self.url_before = cut,
            _ if KNOWN.iter().any(|known| known.as_bytes() == name) => self.url_before = None,
            _ => {}
        }
    }

    /// The fault of a name that no parameter has. One that is nearly a parameter's is no piece of a url.
    fn unknown(&self, name: &[u8]) -> RequestFault {
        let shown = ShownName::of(name);
        let mistyped = nearest(&String::from_utf8_lossy(name).to_ascii_lowercase(), KNOWN).is_some();
        match self.url_before.filter(|_| !mistyped) {
            Some(Cut::Comma) => RequestFault::UnquotedUrl(shown),
            Some(Cut::Ampersand) => RequestFault::UnencodedUrl(shown),
            None => RequestFault::UnknownParameter(shown),
        }
    }

    fn take(&mut self, name: &[u8], value: &[u8]) {
        let taken = match (name, std::str::from_utf8(value)) {
            (b"method", Ok(text)) => put(&mut self.method, text.to_owned()),
            (b"method", Err(_)) => Err(RequestFault::Method),
            (b"url", Ok(text)) => put(&mut self.url, text.to_owned()),
            (b"url", Err(_)) => Err(RequestFault::Url),
            (b"variable", text) => {
                parsed(text).map_or(Err(RequestFault::Variable), |v| put(&mut self.variable, v))
            }
            (b"timeout", text) => {
                parsed(text).map_or(Err(RequestFault::Timeout), |t| put(&mut self.timeout, t))
            }
            (b"accept", text) => accept(parsed(text)).and_then(|accept| put(&mut self.accept, accept)),
            _ => Err(self.unknown(name)),
        };
        if let Err(fault) = taken {
            self.fault.get_or_insert(fault);
        }
    }
}

/// The way to accept that a call may choose.
fn accept(asked: Option<Accept>) -> Result<Accept, RequestFault> {
    match asked {
        Some(accept @ (Accept::Word | Accept::Text)) => Ok(accept),
        Some(Accept::Any) => Err(RequestFault::AcceptAny),
        None => Err(RequestFault::Accept),
    }
}

/// The names of all parameters.
const KNOWN: [&str; 5] = ["method", "url", "variable", "timeout", "accept"];

fn put<T>(place: &mut Option<T>, value: T) -> Result<(), RequestFault> {
    match place {
        Some(_) => Err(RequestFault::RepeatedParameter),
        None => {
            *place = Some(value);
            Ok(())
        }
    }
}

fn parsed<T: std::str::FromStr>(text: Result<&str, std::str::Utf8Error>) -> Option<T> {
    text.ok()?.parse().ok()
}
