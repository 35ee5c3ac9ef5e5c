//! The secrets of one request, and their removal from what is recorded: a webhook may send them back, and a
//! template may put them where nobody expects them.

use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde_json::Value;

use crate::call::Call;
use crate::redact::{self, is_secret_name};

/// The texts that must not enter a record, in every way in which they are written.
#[derive(Debug, Default)]
pub struct Secrets(Vec<Vec<u8>>);

/// Bytes of the shortest text that counts as a secret. A shorter one may stand anywhere by chance.
const SHORTEST: usize = 6;

/// The characters that a URL template leaves as they are.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Stands for a secret.
const HIDDEN: &str = "…";

impl Secrets {
    /// Returns the secrets among the channel variables of a call: those whose name says so.
    #[must_use]
    pub fn of_variables(call: &Call) -> Self {
        let mut secrets = Self::default();
        for (name, value) in &call.variables {
            if is_secret_name(name.as_str()) {
                secrets.add(value.as_bytes());
            }
        }
        secrets
    }

    /// Adds the values of the headers that are marked as secret, with and without the word before them:
    /// `Bearer`, `Basic`.
    pub fn add_headers(&mut self, headers: &HeaderMap) {
        for value in headers.values() {
            if value.is_sensitive() {
                let value = value.as_bytes();
                self.add(value);
                if let Some(space) = value.iter().position(|byte| *byte == b' ') {
                    self.add(value.get(space + 1..).unwrap_or_default());
                }
            }
        }
    }

    fn add(&mut self, secret: &[u8]) {
        if secret.len() < SHORTEST {
            return;
        }
        let json = Value::from(String::from_utf8_lossy(secret)).to_string();
        let json = json.trim_matches('"').as_bytes().to_vec();
        let encoded = percent_encode(secret, UNRESERVED).to_string().into_bytes();
        for written in [secret.to_vec(), json, encoded, url_encoded(secret)] {
            if !self.0.contains(&written) {
                self.0.push(written);
            }
        }
        // of two that overlap the longer one goes first
        self.0.sort_by_key(|written| std::cmp::Reverse(written.len()));
    }

    /// True if there is nothing to hide.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns a text with `…` for each secret.
    #[must_use]
    pub fn hidden_in(&self, text: &[u8]) -> Vec<u8> {
        let mut shown = text.to_vec();
        for secret in &self.0 {
            shown = replaced(&shown, secret);
        }
        shown
    }
}

/// Returns the bytes as a query or a form writes them.
fn url_encoded(bytes: &[u8]) -> Vec<u8> {
    url::form_urlencoded::byte_serialize(bytes).collect::<String>().into_bytes()
}

fn replaced(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let (mut shown, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = rest.windows(secret.len()).position(|window| window == secret) {
        shown.extend_from_slice(rest.get(..at).unwrap_or_default());
        shown.extend_from_slice(HIDDEN.as_bytes());
        rest = rest.get(at + secret.len()..).unwrap_or_default();
    }
    shown.extend_from_slice(rest);
    shown
}

/// Returns the body of a request with `…` for the values whose names say that they are secrets.
#[must_use]
pub fn without_secret_members(body: &[u8]) -> Vec<u8> {
    if let Ok(mut json) = serde_json::from_slice::<Value>(body) {
        if hide_members(&mut json) { json.to_string().into_bytes() } else { body.to_vec() }
    } else if let Some(form) = std::str::from_utf8(body).ok().filter(|text| text.contains('=')) {
        let shown = redact::reference(&format!("?{form}"));
        shown.strip_prefix('?').unwrap_or(form).as_bytes().to_vec()
    } else {
        body.to_vec()
    }
}

/// Hides the members with secret names. Returns true if there were some. The depth is that of the JSON
/// reader.
fn hide_members(json: &mut Value) -> bool {
    match json {
        Value::Object(members) => {
            let mut changed = false;
            for (name, value) in members {
                changed |= match is_secret_name(name) && (value.is_string() || value.is_number()) {
                    true => {
                        *value = Value::from(HIDDEN);
                        true
                    }
                    false => hide_members(value),
                };
            }
            changed
        }
        Value::Array(elements) => {
            elements.iter_mut().fold(false, |changed, element| hide_members(element) | changed)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn secrets(texts: &[&str]) -> Secrets {
        let mut secrets = Secrets::default();
        for text in texts {
            secrets.add(text.as_bytes());
        }
        secrets
    }

    fn hidden(secrets: &Secrets, text: &str) -> String {
        String::from_utf8(secrets.hidden_in(text.as_bytes())).unwrap()
    }

    #[test]
    fn a_secret_is_hidden_in_every_way_in_which_it_is_written() {
        let secrets = secrets(&["ge/he\"im 1"]);
        for (text, shown) in [
            ("x ge/he\"im 1 y", "x … y"),
            (r#"{"a":"ge/he\"im 1"}"#, r#"{"a":"…"}"#),
            ("http://h/?x=ge%2Fhe%22im%201&y=1", "http://h/?x=…&y=1"),
            ("x=ge%2Fhe%22im+1", "x=…"),
            ("ge/he", "ge/he"),
        ] {
            assert_eq!(hidden(&secrets, text), shown);
        }
    }

    #[test]
    fn the_value_of_a_secret_header_is_hidden_with_and_without_its_scheme() {
        let mut key = HeaderValue::from_static("Bearer abc123def");
        key.set_sensitive(true);
        let mut secrets = Secrets::default();
        secrets.add_headers(&HeaderMap::from_iter([(http::header::AUTHORIZATION, key)]));
        assert_eq!(hidden(&secrets, "sent Bearer abc123def, abc123def"), "sent …, …");
    }

    #[test]
    fn a_short_text_is_no_secret() {
        assert!(secrets(&["", "abc"]).is_empty());
    }

    #[test]
    fn members_of_a_body_with_secret_names_are_hidden() {
        for (body, shown) in [
            (
                r#"{"api_key":"s3cret","n":[{"token":1,"a":"b"}]}"#,
                r#"{"api_key":"…","n":[{"token":"…","a":"b"}]}"#,
            ),
            (r#"{ "a": "b" }"#, r#"{ "a": "b" }"#),
            ("a=b&token=s3cret", "a=b&token=…"),
            ("plain text", "plain text"),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(without_secret_members(body.as_bytes())).unwrap(), shown);
        }
    }
}
