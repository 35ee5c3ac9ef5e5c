//! What a person may see of a URL: user name, password, and whatever else looks like a secret, is hidden.
//!
//! Works on text, so that a URL with a dialplan's expressions, or with marks for placeholders, can be shown too.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Stands for what is hidden.
const HIDDEN: &str = "…";

/// Returns a URL as it may be shown.
#[must_use]
pub fn url(text: &str) -> String {
    url_keeping(text, None)
}

/// Returns a URL as it may be shown; this mark in it stays, wherever it stands.
#[must_use]
pub fn url_keeping(text: &str, mark: Option<&str>) -> String {
    url_at(text, mark, Depth::Outermost)
}

/// A URL in the query of another one is shown as the other is. What stands in a third one is hidden, because a stranger could nest
/// them without end.
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
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    let query = query.map(|query| format!("?{}", self::query(query, mark, depth))).unwrap_or_default();
    format!("{scheme}://{authority}{}{query}", self::path(path, mark, depth))
}

/// Returns a text in which every URL is as it may be shown.
#[must_use]
pub fn urls_in(text: &str) -> Cow<'_, str> {
    text_at(text, Depth::Outermost)
}

fn text_at(text: &str, depth: Depth) -> Cow<'_, str> {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("://") {
        let begins =
            |character: char| character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.');
        let before_scheme = rest.get(..at).unwrap_or_default().trim_end_matches(begins).len();
        let (before, found) = rest.split_at(before_scheme);
        let end = found.find([' ', '\t', '\n', '"', '\'', '<', '>']).unwrap_or(found.len());
        let (found, behind) = found.split_at(end);
        shown.push_str(before);
        shown.push_str(&url_at(found, None, depth));
        rest = behind;
    }
    if shown.is_empty() {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// The segments of a path. A segment is hidden where it looks random, or where the one before says that it is a secret.
fn path(path: &str, mark: Option<&str>, depth: Depth) -> String {
    let mut after_announcement = false;
    let segments = path.split('/').map(|segment| {
        let secret = after_announcement
            || pieces(segment, mark).iter().any(|piece| piece.fixed.is_none() && is_random(piece.text));
        after_announcement = BEFORE_SECRETS.contains(&segment.to_ascii_lowercase().as_str());
        match secret {
            true => hidden(segment, mark),
            false => segment.split(';').map(|part| pair(part, mark, depth)).collect::<Vec<_>>().join(";"),
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Segments behind which a secret follows.
const BEFORE_SECRETS: [&str; 13] = [
    "token",
    "tokens",
    "key",
    "keys",
    "apikey",
    "api-key",
    "api_key",
    "secret",
    "secrets",
    "password",
    "pwd",
    "signature",
    "sig",
];

fn query(query: &str, mark: Option<&str>, depth: Depth) -> String {
    let parameter = |text: &str| match text.contains('=') {
        true => pair(text, mark, depth),
        // `?9f8a…` alone is a secret as often as a name
        false if is_random(text) => hidden(text, mark),
        false => text.to_owned(),
    };
    query.split('&').map(parameter).collect::<Vec<_>>().join("&")
}

/// `name=value`, the value hidden where the name says that it is a secret.
fn pair(text: &str, mark: Option<&str>, depth: Depth) -> String {
    let Some((name, value)) = text.split_once('=') else { return text.to_owned() };
    if is_secret_parameter(&percent_decode_str(name).decode_utf8_lossy()) {
        return format!("{name}={}", hidden(value, mark));
    }
    // a URL in the query of another one
    let decoded = percent_decode_str(value).decode_utf8_lossy();
    if !decoded.contains("://") {
        return text.to_owned();
    }
    if depth == Depth::Nested {
        return format!("{name}={HIDDEN}");
    }
    match text_at(&decoded, Depth::Nested) {
        shown if shown != decoded => format!("{name}={shown}"),
        _ => text.to_owned(),
    }
}

/// True if the value of a parameter of this name had better not be shown.
fn is_secret_parameter(name: &str) -> bool {
    is_secret_name(name) || SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str())
}

/// Names of secrets in queries that no header has: Azure's `sig` and `code`, and what others call the same.
const SECRET_PARAMETERS: [&str; 5] = ["sig", "code", "hmac", "hash", "pin"];

/// True if the value of a header or a parameter of this name had better not be shown, nor sent on by a redirect.
///
/// A false alarm (`X-Monkey`) costs a look into the file, a secret that is missed costs the secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Words that the names of secrets contain.
pub const SECRET_WORDS: [&str; 12] = [
    "auth",
    "bearer",
    "cookie",
    "credential",
    "jwt",
    "key",
    "pass",
    "pwd",
    "secret",
    "session",
    "sign",
    "token",
];

/// True if a text looks as if a machine had made it up: a UUID, or a long run of letters and digits in turn.
fn is_random(text: &str) -> bool {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    if is_uuid(&decoded) {
        return true;
    }
    decoded.split(|character: char| !character.is_ascii_alphanumeric()).any(|run| {
        let digits = run.bytes().map(|byte| byte.is_ascii_digit());
        let alternations = digits.clone().zip(digits.skip(1)).filter(|(one, next)| one != next).count();
        run.len() >= MIN_RANDOM_LENGTH && alternations >= MIN_ALTERNATIONS
    })
}

fn is_uuid(text: &str) -> bool {
    let groups =
        text.split('-').map(|group| (group.len(), group.bytes().all(|byte| byte.is_ascii_hexdigit())));
    groups.eq([8, 4, 4, 4, 12].map(|length| (length, true)))
}

/// Names that people choose have shorter ones.
const MIN_RANDOM_LENGTH: usize = 12;

/// How often letters and digits take turns in it at least; `customer2024` has one turn.
const MIN_ALTERNATIONS: usize = 2;

/// The text with one sign for everything in it but marks and a dialplan's expressions, which are no secrets.
fn hidden(text: &str, mark: Option<&str>) -> String {
    pieces(text, mark)
        .iter()
        .map(|piece| piece.fixed.unwrap_or(if piece.text.is_empty() { "" } else { HIDDEN }))
        .collect()
}

/// A part of a text: literal, or one that stays as it is.
struct Piece<'t> {
    text: &'t str,
    fixed: Option<&'t str>,
}

fn pieces<'t>(text: &'t str, mark: Option<&str>) -> Vec<Piece<'t>> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((at, length)) = next_fixed(rest, mark) {
        let (literal, behind) = rest.split_at(at);
        let (kept, behind) = behind.split_at(length);
        pieces.push(Piece { text: literal, fixed: None });
        pieces.push(Piece { text: kept, fixed: Some(kept) });
        rest = behind;
    }
    pieces.push(Piece { text: rest, fixed: None });
    pieces
}

/// Where the next mark or `${…}` is, and how long.
fn next_fixed(text: &str, mark: Option<&str>) -> Option<(usize, usize)> {
    let marked = mark.and_then(|mark| Some((text.find(mark)?, mark.len())));
    let expression = text.find("${").and_then(|at| Some((at, expression(text.get(at..)?)?)));
    marked.into_iter().chain(expression).min()
}

/// How long the expression is that a text begins with.
fn expression(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(at + 1),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_are_nested_without_end_cost_no_stack() {
        for nested in ["://?=", "%3A%2F%2F%3F%3D", "http://h/?u="] {
            let text = format!("http://h/?a={}", nested.repeat(200_000));
            assert!(url(&text).len() <= text.len());
            assert!(urls_in(&text).len() <= text.len());
        }
        assert_eq!(url("http://h/?a=http://i/?token=b"), "http://h/?a=http://i/?token=…");
        assert_eq!(url("http://h/?a=http://i/?b=http://j/?c=d"), "http://h/?a=http://i/?b=…");
    }

    #[test]
    fn secrets_in_a_query_are_hidden_by_their_names() {
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
    fn a_segment_of_a_path_is_hidden_where_it_looks_like_a_secret() {
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
    fn marks_and_expressions_stay() {
        assert_eq!(
            url_keeping("https://h/a1b2c3d4e5f6MARK?key=xMARKy&a=MARK", Some("MARK")),
            "https://h/…MARK?key=…MARK…&a=MARK"
        );
        assert_eq!(url("https://h/?key=${KEY}&token=a${X}"), "https://h/?key=${KEY}&token=…${X}");
    }

    #[test]
    fn every_url_of_a_text_is_shown_without_its_secrets() {
        for (text, shown) in [
            ("set webhook_url=https://u:p@h/?token=abc", "set webhook_url=https://…@h/?token=…"),
            ("AGI(agi://h/x?token=a b) http://h/", "AGI(agi://h/x?token=… b) http://h/"),
            ("é://x?key=1", "é://x?key=…"),
            ("no URL", "no URL"),
        ] {
            assert_eq!(urls_in(text), shown);
        }
    }

    #[test]
    fn a_header_that_sounds_like_a_secret_is_taken_for_one() {
        for name in
            ["Authorization", "X-Api-Key", "X-SESSION-ID", "x-pwd", "X-JWT-Assertion", "X-User-Credentials"]
        {
            assert!(is_secret_name(name), "{name}");
        }
        for name in
            ["X-Site", "X-Tenant", "X-Call-Id", "X-Caller", "X-Queue", "X-Direction", "Accept", "X-Account"]
        {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
