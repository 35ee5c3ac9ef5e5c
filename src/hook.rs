//! The policy of a webhook step: which hook a call means, what it sends, what it accepts, what it sets.
//!
//! Pure: no socket, no clock, no switch. Its parts: [`Policy`] finds the [`Step`] that a call means,
//! [`UrlTemplate`] makes a URL of a call, [`Outcome`] has the words for how a step ended.

mod outcome;
mod parameters;
mod policy;
mod step;
mod url;

use std::str::FromStr;
use std::time::Duration;

use http::{HeaderMap, Method};

pub use self::outcome::{AnswerFault, Outcome, RequestFault, Status, Unreachable};
pub use self::policy::{AllowedUrls, Policy, method};
pub use self::step::{Identity, REPORT_NAMES, Request, Step, reserved};
pub use self::url::{Placeholder, UrlTemplate, http_url, shown};
use crate::variable::{Accept, Value, VariableName};

/// A webhook, and everything that was decided about it before any call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// `GET` or `POST`.
    pub method: Method,
    /// Where it is.
    pub url: UrlTemplate,
    /// How long a caller may wait for it.
    pub timeout: Timeout,
    /// Which channel variable receives the answer; without one the step only notifies.
    pub variable: Option<VariableName>,
    /// How much of a stranger's text may enter the channel.
    pub accept: Accept,
    /// The only answers that are accepted; empty: any that `accept` lets in.
    pub answers: Vec<String>,
    /// What the variable receives when there is no good answer.
    pub otherwise: Value,
    /// Which channel variables the body shows.
    pub fetch: Vec<VariableName>,
    /// Headers of every request. Values from a file or the environment are marked as sensitive.
    pub headers: HeaderMap,
}

impl Hook {
    /// A hook for this URL with the defaults of the contract.
    #[must_use]
    pub fn new(url: UrlTemplate) -> Self {
        Self {
            method: Method::POST,
            url,
            timeout: Timeout::default(),
            variable: None,
            accept: Accept::Safe,
            answers: Vec::new(),
            otherwise: Value::default(),
            fetch: Vec::new(),
            headers: HeaderMap::new(),
        }
    }

    /// The channel variables that a request needs: those of `fetch`, then those that only placeholders name.
    #[must_use]
    pub fn wanted(&self) -> Vec<VariableName> {
        let mut wanted = self.fetch.clone();
        for placeholder in self.url.placeholders() {
            match placeholder {
                Placeholder::Variable(name) if !wanted.contains(name) => wanted.push(name.clone()),
                Placeholder::Variable(_) | Placeholder::Field(_) => {}
            }
        }
        wanted
    }

    /// Whether one question to any switch has room for what is wanted.
    #[must_use]
    pub fn wanted_fits(&self) -> bool {
        self.wanted().iter().map(|name| name.as_str().len() + COST_OF_A_NAME).sum::<usize>() <= LONGEST_WANTED
    }

    /// Judges a 2xx answer; the value is the text without white space at its ends. Where nothing receives it
    /// and no words are listed, nothing of it can do harm.
    fn judge(&self, code: u16, body: &[u8], received: bool) -> Outcome {
        // a byte order mark says that UTF-8 follows; it is not part of the text
        let text = body.trim_ascii_start().strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).trim_ascii();
        let fault = if !self.answers.is_empty() {
            let listed = self.answers.iter().any(|answer| answer.as_bytes() == text);
            (!listed).then_some(AnswerFault::NotOneOfTheAnswers)
        } else if !received {
            None
        } else {
            match self.accept {
                Accept::Safe => unsafe_text(text),
                Accept::Any => None,
            }
        };
        match fault {
            Some(fault) => Outcome::BadAnswer { code, fault },
            None => Outcome::Ok { code, answer: Value::from(text) },
        }
    }
}

/// Why a text is not safe to be compared in a dialplan, whichever the switch. (A switch adds its own rules.)
#[must_use]
pub fn unsafe_text(text: &[u8]) -> Option<AnswerFault> {
    if text.len() > LONGEST_SAFE_ANSWER {
        return Some(AnswerFault::TooLongToBeSafe);
    }
    match std::str::from_utf8(text) {
        Err(_) => Some(AnswerFault::NotUtf8),
        Ok(text) if text.bytes().any(|byte| byte.is_ascii_control()) => Some(AnswerFault::ControlByte),
        Ok(_) => None,
    }
}

/// Bytes of an answer that `accept = "safe"` lets in: far from where Asterisk cuts an expression (4,095).
const LONGEST_SAFE_ANSWER: usize = 1024;

/// Bytes that a question to Asterisk takes for a channel variable besides its name.
const COST_OF_A_NAME: usize = 42;

/// Bytes that a question to Asterisk (2,046 at most) has for channel variables in the worst case.
const LONGEST_WANTED: usize = 1650;

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
        assert_eq!(hook.wanted().iter().map(VariableName::as_str).collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn an_answer_is_trimmed_and_judged_whole() {
        let judge = |body: &[u8]| hook().judge(200, body, true);
        let fault = |fault| Outcome::BadAnswer { code: 200, fault };
        assert_eq!(judge(b" \r\n sales\t\n").answer(), Some(&Value::from("sales")));
        assert_eq!(judge(b"").answer(), Some(&Value::default()));
        assert_eq!(judge(b"\xef\xbb\xbfsales\r\n").answer(), Some(&Value::from("sales")));
        assert_eq!(judge(&[b'x'; 1024]).status(), Status::Ok);
        assert_eq!(judge(&[b'x'; 1025]), fault(AnswerFault::TooLongToBeSafe));
        assert_eq!(judge(b"a\nb"), fault(AnswerFault::ControlByte));
        assert_eq!(judge(b"a\x7fb"), fault(AnswerFault::ControlByte));
        assert_eq!(judge(b"caf\xe9"), fault(AnswerFault::NotUtf8));
        assert_eq!(judge("café ☎".as_bytes()).status(), Status::Ok);
    }

    #[test]
    fn any_leaves_the_judgement_to_the_switch() {
        let hook = Hook { accept: Accept::Any, ..hook() };
        assert_eq!(hook.judge(200, b"a\nb\xe9\0", true).answer(), Some(&Value::from(&b"a\nb\xe9\0"[..])));
    }

    #[test]
    fn only_listed_answers_are_accepted_whether_a_variable_receives_them_or_not() {
        let hook = Hook { answers: vec!["sales".to_owned(), "support".to_owned()], ..hook() };
        for received in [true, false] {
            assert_eq!(hook.judge(200, b"support\n", received).status(), Status::Ok);
            for other in [&b"Sales"[..], b"sales support", b"", b"sale"] {
                assert_eq!(hook.judge(200, other, received).status(), Status::BadAnswer);
            }
        }
    }

    #[test]
    fn what_nothing_receives_is_not_judged() {
        assert_eq!(hook().judge(204, b"<html>\n\xff</html>", false).status(), Status::Ok);
    }
}
