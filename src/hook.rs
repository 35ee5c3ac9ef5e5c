//! The policy of a webhook step: which hook a call means, what it sends, what it accepts, what it sets.
//!
//! Pure: no socket, no clock, no switch. Its parts: [`Policy`] finds the [`Step`] that a call means,
//! [`UrlTemplate`] makes a URL of a call, [`Outcome`] has the words for how a step ended.

mod answer;
mod delivery;
mod note;
mod parameters;
mod policy;
mod request;
mod shown_name;
mod step;

use std::str::FromStr;
use std::time::Duration;

use http::Method;

pub(crate) use self::answer::LONGEST_ANSWER;
pub use self::answer::faults::{AnswerFault, Coding, RedirectFault, RequestFault, Unreachable};
pub use self::answer::outcome::{Awaited, Load, Outcome, Status};
pub use self::answer::{Answer, NotAPointer, Pointer, Receiver, Source, not_a_text};
pub use self::delivery::{Breaker, Keeping, Manner, Redirects};
pub use self::policy::{AllowedUrls, Policy, method};
pub use self::request::body::{Body, Fields, JsonTemplate};
pub use self::request::headers::{HeaderTemplate, Headers, NOT_A_VALUE};
pub use self::request::signature::{NotASigningSecret, Signer, SigningSecret};
pub use self::request::template::Placeholder;
pub use self::request::url::{NotAUrl, UrlTemplate, http_url, shown};
pub use self::shown_name::ShownName;
pub use self::step::{Identity, REPORT_NAMES, Request, Step, Target, reserved};
pub use crate::redact::{SECRET_WORDS, sounds_secret};
use crate::variable::{Accept, FetchName, Value, VariableName};

/// A webhook, and everything that was decided about it before any call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// `GET` or `POST`.
    pub method: Method,
    /// Where it is: the first that answers is taken. Never empty.
    pub urls: Vec<UrlTemplate>,
    /// How long a caller may wait for it.
    pub timeout: Timeout,
    /// Which channel variable receives the answer's text.
    pub variable: Option<VariableName>,
    /// Which channel variables receive parts of the answer. With neither the step only notifies.
    pub set: Vec<Receiver>,
    /// How much of a stranger's text may enter the channel, where a receiver does not say it itself.
    pub accept: Accept,
    /// The only values that a variable may receive; empty: any that `accept` lets in.
    pub answers: Vec<String>,
    /// Bytes of an answer, or of one of its headers, that are taken at most.
    pub longest_answer: usize,
    /// What the variables receive when there is no good answer.
    pub otherwise: Value,
    /// Which channel variables the body shows.
    pub fetch: Vec<FetchName>,
    /// What a POST tells.
    pub body: Body,
    /// Headers of every request.
    pub headers: Headers,
    /// What requests are signed with.
    pub sign: Option<Signer>,
    /// How it is asked.
    pub manner: Manner,
}

impl Hook {
    /// A hook for this URL with the defaults of the contract.
    #[must_use]
    pub fn new(url: UrlTemplate) -> Self {
        Self {
            method: Method::POST,
            urls: vec![url],
            timeout: Timeout::default(),
            variable: None,
            set: Vec::new(),
            accept: Accept::default(),
            answers: Vec::new(),
            longest_answer: LONGEST_ANSWER,
            otherwise: Value::default(),
            fetch: Vec::new(),
            body: Body::default(),
            headers: Headers::default(),
            sign: None,
            manner: Manner::default(),
        }
    }

    /// The channel variables that a request needs: those of `fetch`, then those that only placeholders name.
    #[must_use]
    pub fn wanted(&self) -> Vec<FetchName> {
        let mut wanted = self.fetch.clone();
        let in_urls = self.urls.iter().flat_map(UrlTemplate::placeholders).filter_map(Placeholder::variable);
        let in_body = if self.method == Method::POST { self.body.variables() } else { Vec::new() };
        let in_headers = self.headers.placeholders().filter_map(Placeholder::variable);
        for name in in_urls.chain(in_body).chain(in_headers) {
            if !wanted.contains(name) {
                wanted.push(name.clone());
            }
        }
        wanted
    }

    /// Whether a request shows the variables of `fetch`.
    #[must_use]
    pub fn shows_fetched(&self) -> bool {
        self.method == Method::POST && self.body.shows_fetched()
    }

    /// Whether no two calls ask the same.
    #[must_use]
    pub fn tells_calls_apart(&self) -> bool {
        let placeholders =
            self.urls.iter().flat_map(UrlTemplate::placeholders).chain(self.headers.placeholders());
        placeholders.into_iter().any(Placeholder::differs_by_call)
            || self.method == Method::POST && self.body.tells_calls_apart()
    }

    /// Whether certificates are not verified.
    #[must_use]
    pub fn is_insecure(&self) -> bool {
        self.manner.tls.as_ref().is_some_and(|tls| tls.insecure())
    }
}

/// How long a caller may wait for a webhook: 1 s to 10 s, 2 s by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(Duration);

/// Why a text is no timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a timeout is 1s to 10s, such as \"2s\", \"1500ms\" or 2.5 (a bare number is seconds)")]
pub struct NotATimeout;

impl Timeout {
    /// The time as such.
    #[must_use]
    pub fn get(self) -> Duration {
        self.0
    }
}

impl Default for Timeout {
    fn default() -> Self {
        Self(Duration::from_secs(2))
    }
}

impl FromStr for Timeout {
    type Err = NotATimeout;

    /// ```text
    /// timeout = number [ "ms" / "s" ]
    /// ```
    fn from_str(text: &str) -> Result<Self, NotATimeout> {
        let (number, seconds) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
            (Some(number), _) => (number, 0.001),
            (None, Some(number)) => (number, 1.0),
            (None, None) => (text, 1.0),
        };
        let number = number.trim_end();
        let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let seconds = number.parse::<f64>().map_err(|_| NotATimeout)? * seconds;
        match plain && (1.0..=10.0).contains(&seconds) {
            true => Ok(Self(Duration::from_millis((seconds * 1000.0).round() as u64))),
            false => Err(NotATimeout),
        }
    }
}

/// The known name that somebody probably meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // a stranger may have written it, and a comparison takes time
    if name.len() > LONGEST_SLIP {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| {
            let slip = strsim::osa_distance(name, candidate) <= 1 && name.len() > 2;
            (if slip { 1.0 } else { strsim::jaro_winkler(name, candidate) }, candidate)
        })
        .filter(|&(likeness, _)| likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// No name that is known is half so long.
const LONGEST_SLIP: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn hook() -> Hook {
        Hook::new(UrlTemplate::parse("http://h/{variables.B}{variables.A}{uuid}{variables.B}").unwrap())
    }

    #[test]
    fn a_timeout_is_one_to_ten_seconds() {
        let read = |text: &str| text.parse::<Timeout>().map(|t| t.get().as_millis());
        for (text, milliseconds) in [
            ("2", 2000),
            ("2s", 2000),
            ("2 s", 2000),
            ("1500ms", 1500),
            ("2.5", 2500),
            ("1", 1000),
            ("10s", 10_000),
        ] {
            assert_eq!(read(text), Ok(milliseconds), "{text}");
        }
        for text in
            ["", "0", "11", "10001ms", "999ms", "-2", "+2", "2m", "1e0", "nan", "inf", "2,5", "s", "."]
        {
            assert_eq!(read(text), Err(NotATimeout), "{text}");
        }
    }

    #[test]
    fn placeholders_are_wanted_once_behind_what_is_fetched() {
        let hook = Hook { fetch: vec!["A".parse().unwrap()], ..hook() };
        assert_eq!(hook.wanted().iter().map(FetchName::as_str).collect::<Vec<_>>(), ["A", "B"]);
    }
}
