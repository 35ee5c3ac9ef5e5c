//! Redaction of URLs for people: hides the user name, the password and everything that looks like a secret.
//!
//! Works on text, because a URL can contain expressions of a dialplan or the marks of placeholders. The rules
//! for a secret are in `secrets`.

mod fixed;
mod secrets;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use self::fixed::{hide, literals};
pub use self::secrets::{SECRET_WORDS, is_secret_name};
use self::secrets::{is_random, is_secret_parameter, is_secret_segment_name};

/// Replaces a secret.
const HIDDEN: &str = "…";

/// Returns a URL with its secrets hidden.
#[must_use]
pub fn url(text: &str) -> String {
    url_keeping(text, None)
}

/// Returns the path and the query of a URL with its secrets hidden.
#[must_use]
pub fn reference(text: &str) -> String {
    const START: &str = "x://x";
    let shown = url(&format!("{START}{text}"));
    shown.strip_prefix(START).map_or(shown.clone(), str::to_owned)
}

/// Returns a URL with its secrets hidden. Every occurrence of `mark` stays visible.
#[must_use]
pub fn url_keeping(text: &str, mark: Option<&str>) -> String {
    url_at(text, mark, Depth::Outermost)
}

/// The nesting of a URL. A URL in the query of another URL is redacted like the other one. The URL in its
/// query in turn is hidden completely, because a peer could nest URLs without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Outermost,
    Nested,
}

fn url_at(text: &str, mark: Option<&str>, depth: Depth) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{HIDDEN}@{host}"),
        None => authority.to_owned(),
    };
    let Some((path, query)) = rest.split_once('?') else {
        return format!("{scheme}://{authority}{}", redact_path(rest, mark, depth));
    };
    let (path, query) = (redact_path(path, mark, depth), redact_query(query, mark, depth));
    format!("{scheme}://{authority}{path}?{query}")
}

/// Returns a text with the secrets of its URLs hidden.
#[must_use]
pub fn urls_in(text: &str) -> Cow<'_, str> {
    urls_in_at(text, Depth::Outermost)
}

fn urls_in_at(text: &str, depth: Depth) -> Cow<'_, str> {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("://") {
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let start = rest.get(..at).unwrap_or_default().trim_end_matches(is_scheme).len();
        let (before, from) = rest.split_at(start);
        let end = from.find([' ', '\t', '\n', '"', '\'', '<', '>']).unwrap_or(from.len());
        let (url, behind) = from.split_at(end);
        shown.push_str(before);
        shown.push_str(&url_at(url, None, depth));
        rest = behind;
    }
    if shown.is_empty() {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Hides each segment that looks random or follows a segment such as `token`, and the values of secret
/// parameters in the other segments.
fn redact_path(path: &str, mark: Option<&str>, depth: Depth) -> String {
    let mut shown = Vec::new();
    let mut previous = "";
    for segment in path.split('/') {
        let is_secret = is_secret_segment_name(previous) || literals(segment, mark).any(is_random);
        shown.push(match is_secret {
            true => hide(segment, mark),
            false => redact_pairs(segment, ';', mark, depth),
        });
        previous = segment;
    }
    shown.join("/")
}

fn redact_query(query: &str, mark: Option<&str>, depth: Depth) -> String {
    let mut shown = Vec::new();
    for parameter in query.split('&') {
        // a random name without a value, as in `?9f8a…`, is likely to be a secret
        let is_secret = !parameter.contains('=') && is_random(parameter);
        shown.push(if is_secret { hide(parameter, mark) } else { redact_pair(parameter, mark, depth) });
    }
    shown.join("&")
}

fn redact_pairs(text: &str, separator: char, mark: Option<&str>, depth: Depth) -> String {
    let shown: Vec<_> = text.split(separator).map(|pair| redact_pair(pair, mark, depth)).collect();
    shown.join(separator.to_string().as_str())
}

/// Hides the value of `name=value` if the name is that of a secret, and redacts a URL in the value.
fn redact_pair(pair: &str, mark: Option<&str>, depth: Depth) -> String {
    let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
    if is_secret_parameter(&percent_decode_str(name).decode_utf8_lossy()) {
        return format!("{name}={}", hide(value, mark));
    }
    let decoded = percent_decode_str(value).decode_utf8_lossy();
    if !decoded.contains("://") {
        return pair.to_owned();
    }
    if depth == Depth::Nested {
        return format!("{name}={HIDDEN}");
    }
    let redacted = urls_in_at(&decoded, Depth::Nested);
    if redacted == decoded { pair.to_owned() } else { format!("{name}={redacted}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeply_nested_urls_are_redacted_without_recursion() {
        for nested in ["://?=", "%3A%2F%2F%3F%3D", "http://h/?u="] {
            let text = format!("http://h/?a={}", nested.repeat(200_000));
            assert!(url(&text).len() <= text.len());
            assert!(urls_in(&text).len() <= text.len());
        }
        assert_eq!(url("http://h/?a=http://i/?token=b"), "http://h/?a=http://i/?token=…");
        assert_eq!(url("http://h/?a=http://i/?b=http://j/?c=d"), "http://h/?a=http://i/?b=…");
    }

    #[test]
    fn secret_parameters_of_a_query_are_hidden() {
        for (text, shown) in [
            ("https://h/r?token=abc&did=31", "https://h/r?token=…&did=31"),
            ("https://h/r?API_KEY=abc", "https://h/r?API_KEY=…"),
            ("https://h/r?access%5Ftoken=abc#x", "https://h/r?access%5Ftoken=…"),
            ("https://h/r?code=a&sig=b&x=1", "https://h/r?code=…&sig=…&x=1"),
            ("https://h/r?token=", "https://h/r?token="),
            ("https://h/r?token", "https://h/r?token"),
            ("https://h/r?9f8a7b6c5d4e3f2a", "https://h/r?…"),
            ("https://h/r;token=abc/x", "https://h/r;token=…/x"),
            ("https://u:p@h/r?a=b@c", "https://…@h/r?a=b@c"),
            ("https://h?token=abc", "https://h?token=…"),
            ("agi://h/webhook?url=http%3A%2F%2Fh%2F%3Ftoken%3Dabc", "agi://h/webhook?url=http://h/?token=…"),
        ] {
            assert_eq!(url(text), shown);
        }
    }

    #[test]
    fn a_segment_of_a_path_that_looks_like_a_secret_is_hidden() {
        for (text, shown) in [
            (
                "https://h/services/T00000000/B00000000/gP8aQ1xYz93kLmNoP2rS4tUv",
                "https://h/services/T00000000/B00000000/…",
            ),
            ("https://h/webhook/550e8400-e29b-41d4-a716-446655440000", "https://h/webhook/…"),
            ("https://h/bot123456:ABC-DEF1234ghIkl/send", "https://h/…/send"),
            ("https://h/token/sesame/route", "https://h/token/…/route"),
        ] {
            assert_eq!(url(text), shown);
        }
        for plain in [
            "https://crm.example.com/route",
            "https://h/customer-lookup-v2-2024/pbx1",
            "https://h/calls/1719839000123456",
            "https://h/n/%2B31612345678",
            "https://h/getCustomerRouteByNumber2/",
        ] {
            assert_eq!(url(plain), plain);
        }
    }

    #[test]
    fn marks_and_expressions_stay_visible() {
        assert_eq!(
            url_keeping("https://h/a1b2c3d4e5f6MARK?key=xMARKy&a=MARK", Some("MARK")),
            "https://h/…MARK?key=…MARK…&a=MARK"
        );
        assert_eq!(url("https://h/?key=${KEY}&token=a${X}"), "https://h/?key=${KEY}&token=…${X}");
    }

    #[test]
    fn every_url_of_a_text_is_redacted() {
        for (text, shown) in [
            ("set webhook_url=https://u:p@h/?token=abc", "set webhook_url=https://…@h/?token=…"),
            ("AGI(agi://h/x?token=a b) http://h/", "AGI(agi://h/x?token=… b) http://h/"),
            ("é://x?key=1", "é://x?key=…"),
            ("no URL", "no URL"),
        ] {
            assert_eq!(urls_in(text), shown);
        }
    }
}
