//! The policy of webhook steps: it finds the hook of a call, makes the request, and judges the answer.
//!
//! Pure: knows no socket, no clock and no switch. [`Policy`] finds the [`Step`] that a call means. The step
//! makes its [`Request`], and turns an [`Answer`] into an [`Outcome`] and the assignments of variables.

mod answer;
mod delivery;
mod note;
mod parameters;
mod policy;
mod request;
mod shown_name;
mod step;

use http::Method;

pub(crate) use self::answer::LONGEST_ANSWER;
pub use self::answer::faults::{AnswerFault, Coding, RedirectFault, RequestFault, Unreachable};
pub use self::answer::outcome::{Outcome, Overload, Stage};
pub use self::answer::status::Status;
pub use self::answer::{
    Answer, Mapping, NotAPointer, Place, Pointer, Region, Source, json_place, text_fault,
};
pub use self::delivery::{Breaker, CacheTimes, Delivery, Redirects};
pub use self::policy::{AllowedUrls, Policy, method};
pub use self::request::body::Body;
pub use self::request::fields::Fields;
pub use self::request::headers::{HeaderTemplate, Headers, NOT_A_VALUE};
pub use self::request::http_url::{NotAUrl, http_url, redacted};
pub use self::request::json_template::JsonTemplate;
pub use self::request::signature::{NotASigningSecret, Signer, SigningSecret};
pub use self::request::template::Placeholder;
pub use self::request::url_template::UrlTemplate;
pub use self::request::{Identity, Request, Target};
pub use self::shown_name::ShownName;
pub use self::step::{Positions, RESULT_VARIABLES, Rules, Step, is_reserved};
pub use crate::duration::Timeout;
pub use crate::redact::{SECRET_WORDS, is_secret_name};
use crate::variable::{Accept, FetchName, Value, VariableName};

/// A webhook with all its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// `GET` or `POST`.
    pub method: Method,
    /// The URLs in the order in which they are tried. Never empty.
    pub urls: Vec<UrlTemplate>,
    /// The longest time that a caller waits.
    pub timeout: Timeout,
    /// The channel variable that receives the whole text of the answer.
    pub variable: Option<VariableName>,
    /// The channel variables that receive parts of the answer.
    pub set: Vec<Mapping>,
    /// The texts that may enter the channel, if a mapping does not have its own `accept`.
    pub accept: Accept,
    /// The only texts that may enter the channel. If empty, all that `accept` allows.
    pub answers: Vec<String>,
    /// The largest answer, and the longest header that `set` reads, in bytes.
    pub longest_answer: usize,
    /// The value of the variables if no good answer comes.
    pub otherwise: Value,
    /// The channel variables that the body shows.
    pub fetch: Vec<FetchName>,
    pub body: Body,
    /// The headers that are added to every request.
    pub headers: Headers,
    /// The secrets that sign the requests.
    pub sign: Option<Signer>,
    pub delivery: Delivery,
}

impl Hook {
    /// Makes a hook for this URL with the default settings.
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
            delivery: Delivery::default(),
        }
    }

    /// Returns the channel variables that a request needs: those of `fetch`, then those that only
    /// placeholders name.
    #[must_use]
    pub fn needed_variables(&self) -> Vec<FetchName> {
        let mut needed = self.fetch.clone();
        let in_urls = self.urls.iter().flat_map(UrlTemplate::placeholders).filter_map(Placeholder::variable);
        let in_body = if self.method == Method::POST { self.body.variables() } else { Vec::new() };
        let in_headers = self.headers.placeholders().filter_map(Placeholder::variable);
        for name in in_urls.chain(in_body).chain(in_headers) {
            if !needed.contains(name) {
                needed.push(name.clone());
            }
        }
        needed
    }

    /// True if a request includes the variables of `fetch`.
    #[must_use]
    pub fn includes_fetched(&self) -> bool {
        self.method == Method::POST && self.body.includes_fetched()
    }

    /// True if the request is another one in every call.
    #[must_use]
    pub fn is_unique_per_call(&self) -> bool {
        let in_urls = self.urls.iter().flat_map(UrlTemplate::placeholders);
        in_urls.chain(self.headers.placeholders()).any(Placeholder::is_unique_per_call)
            || self.method == Method::POST && self.body.is_unique_per_call()
    }

    /// True if certificates are not verified.
    #[must_use]
    pub fn is_insecure(&self) -> bool {
        self.delivery.tls.as_ref().is_some_and(|tls| tls.is_insecure())
    }
}

/// Returns the known name that is most similar to a mistyped one.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // a stranger may have sent the name, and a comparison takes time
    if name.len() > LONGEST_TYPO {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| {
            let is_one_typo = strsim::osa_distance(name, candidate) <= 1 && name.len() > 2;
            (if is_one_typo { 1.0 } else { strsim::jaro_winkler(name, candidate) }, candidate)
        })
        .filter(|&(similarity, _)| similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// The longest name that is compared, in bytes. No known name has half of it.
const LONGEST_TYPO: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn hook() -> Hook {
        Hook::new(UrlTemplate::parse("http://h/{variables.B}{variables.A}{uuid}{variables.B}").unwrap())
    }

    #[test]
    fn each_placeholder_variable_is_needed_once_after_those_of_fetch() {
        let hook = Hook { fetch: vec!["A".parse().unwrap()], ..hook() };
        assert_eq!(hook.needed_variables().iter().map(FetchName::as_str).collect::<Vec<_>>(), ["A", "B"]);
    }
}
