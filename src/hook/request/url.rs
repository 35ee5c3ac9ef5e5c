//! A configured URL with placeholders, and the URL that a call makes of it.
//!
//! Placeholders stand in the path and the query only, and what they hold is encoded byte by byte: it can never
//! become a further path segment, a further parameter or another host.

use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use url::Url;

use super::template::{Braces, Place, Placeholder, Template};
use crate::call::RequestContext;
use crate::hook::RequestFault;
use crate::redact;

/// A URL with placeholders. Its `Display` is for a person: as written, but without the secrets in it.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    template: Template,
    /// See [`dots`].
    dots: usize,
    shown: String,
    place: Arc<str>,
    origin: String,
}

impl UrlTemplate {
    /// Reads a URL of the configuration.
    ///
    /// # Errors
    /// Says everything that is wrong with the text, and what would be right.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        match Template::parse(text, Braces::Encoded) {
            Ok(template) => Self::with(template).map_err(|fault| vec![fault]),
            Err(mut faults) => {
                faults.extend(begins_as_http(text).err().map(|fault| fault.to_string()));
                Err(faults)
            }
        }
    }

    fn with(Template { literals, placeholders }: Template) -> Result<Self, String> {
        if literals.iter().any(|literal| literal.contains(MARK)) {
            return Err(format!("`{MARK}` cannot stand in a URL here"));
        }
        let marked = literals.join(MARK);
        let url = http_url(&marked).map_err(|fault| match placeholders.is_empty() {
            true => fault.to_string(),
            false => format!("{fault} (placeholders stand in the path and the query only)"),
        })?;
        match (marks(url.as_str()), marks(url.path()) + marks(url.query().unwrap_or_default())) {
            (_, inside) if inside == placeholders.len() => Ok(Self::of_url(&url, placeholders)),
            (all, inside) if all == inside => {
                Err("a `..` behind a placeholder takes it away; write the path that is meant".to_owned())
            }
            (_, _) => Err("placeholders stand in the path and the query only".to_owned()),
        }
    }

    /// The URL of an ad hoc step, in which braces mean nothing. Its place is the whole host: the path may hold what tells
    /// one call from another, and a host that is down would be a new one for each of them.
    #[must_use]
    pub fn literal(url: &Url) -> Self {
        let template = Template { literals: vec![url.as_str().to_owned()], placeholders: Vec::new() };
        let place = format!("{}/", url.origin().ascii_serialization()).into();
        Self { template, place, ..Self::of_url(url, Vec::new()) }
    }

    fn of_url(url: &Url, placeholders: Vec<Placeholder>) -> Self {
        let literals = url.as_str().split(MARK).map(str::to_owned).collect();
        let origin = url.origin().ascii_serialization();
        let shown = with_placeholders(&redact::url_but(url.as_str(), Some(MARK)), &placeholders);
        let place = with_placeholders(&format!("{origin}{}", url.path()), &placeholders).into();
        let template = Template { literals, placeholders };
        Self { template, dots: dots(url.as_str()), shown, place, origin }
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether a user name or a password stands in it.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.shown.contains("://…@")
    }

    /// Whether it is an `https` URL.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }

    /// By what it is remembered how it does: the URL as it is written, without its query and without credentials. Its path may
    /// hold a secret, so it is not for a person.
    #[must_use]
    pub fn place(&self) -> &Arc<str> {
        &self.place
    }

    /// What the URL asks of the call.
    #[must_use]
    pub fn placeholders(&self) -> &[Placeholder] {
        &self.template.placeholders
    }

    /// The URL for one call.
    ///
    /// # Errors
    /// When what a placeholder holds makes a `.` or `..` of a path segment, and the path thus another one; or when no
    /// request can hold the URL.
    pub fn render(&self, report: &RequestContext<'_>) -> Result<Url, RequestFault> {
        let text = self.template.render(report, Place::Url);
        if dots(&text) != self.dots {
            return Err(RequestFault::PathDots);
        }
        let url = Url::parse(&text).map_err(|_| RequestFault::Url)?;
        if url.as_str().len() > LONGEST_URL {
            return Err(RequestFault::UrlTooLong);
        }
        Ok(url)
    }
}

impl fmt::Display for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown, f)
    }
}

/// Why a text is no URL of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAUrl {
    /// Another scheme, or none.
    #[error("not an http or https URL; begin with https:// or http://")]
    Scheme,
    /// Not a URL at all.
    #[error("not a URL ({0}); write https://HOST/PATH")]
    Unreadable(url::ParseError),
    /// No server ever hears of a fragment: whoever writes one, or lets a `#` in with a value, means something else.
    #[error("a `#` begins a fragment, which is never sent; write %23 for a `#`, or leave the fragment out")]
    Fragment,
}

/// Reads an `http` or `https` URL.
///
/// # Errors
/// Says what is wrong with the text and what would be right.
pub fn http_url(text: &str) -> Result<Url, NotAUrl> {
    begins_as_http(text)?;
    let url = Url::parse(text).map_err(NotAUrl::Unreadable)?;
    if url.fragment().is_some() { Err(NotAUrl::Fragment) } else { Ok(url) }
}

fn begins_as_http(text: &str) -> Result<(), NotAUrl> {
    let begins = text.trim_start().to_ascii_lowercase();
    match begins.starts_with("http://") || begins.starts_with("https://") {
        true => Ok(()),
        false => Err(NotAUrl::Scheme),
    }
}

/// True if a text holds `{caller_number}` or another placeholder, or a slip of one. In an ad hoc URL it would be sent as it
/// stands there.
pub(in crate::hook) fn names_a_placeholder(text: &str) -> bool {
    let inside = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    inside.map(|(name, _)| name).any(Placeholder::is_meant)
}

/// Returns a URL for a person, without the secrets in it.
#[must_use]
pub fn shown(url: &Url) -> String {
    redact::url(url.as_str())
}

/// The text with placeholders in the place of its marks.
fn with_placeholders(text: &str, placeholders: &[Placeholder]) -> String {
    let mut literals = text.split(MARK);
    let mut named = literals.next().unwrap_or_default().to_owned();
    for (placeholder, literal) in placeholders.iter().zip(literals) {
        named.push_str(&format!("{{{placeholder}}}{literal}"));
    }
    named
}

/// The longest URL of which a request can be made (`http::Uri`). The client would refuse a longer one, as if the webhook
/// had failed, and whoever chooses a caller's name would decide whether it counts as dead.
const LONGEST_URL: usize = 65_534;

/// Stands for a placeholder while the URL is parsed: letters that no part of a URL changes.
const MARK: &str = "xdialhookplaceholderx";

fn marks(text: &str) -> usize {
    text.matches(MARK).count()
}

/// How many segments of the path are `.` or `..`. A slash of a placeholder is `%2F`, and no end of a segment.
fn dots(url: &str) -> usize {
    let (_, behind_scheme) = url.split_once("://").unwrap_or_default();
    let path = behind_scheme.split('?').next().unwrap_or_default();
    let segments = path.split('/').map(|segment| percent_decode_str(segment).collect::<Vec<u8>>());
    segments.filter(|segment| matches!(&**segment, b"." | b"..")).count()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::call::Call;
    use crate::call::tests::known_caller;
    use crate::variable::Value;

    fn rendered(template: &str, call: &Call) -> Result<String, RequestFault> {
        let report = RequestContext { call, company: "", now: SystemTime::UNIX_EPOCH, fetched: &[] };
        UrlTemplate::parse(template).unwrap().render(&report).map(String::from)
    }

    fn named(name: &[u8]) -> Call {
        Call { caller_name: Value::from(name.to_vec()), ..known_caller() }
    }

    #[test]
    fn a_placeholder_is_encoded_for_its_place() {
        let call = named(b"a/b?c&d=e#f %41 \xe9+");
        assert_eq!(
            rendered("https://h/{phonebook_caller_name}/x?n={phonebook_caller_name}&a={variables.ACCOUNT}", &call),
            Ok("https://h/a%2Fb%3Fc%26d%3De%23f%20%2541%20%E9%2B/x?n=a%2Fb%3Fc%26d%3De%23f%20%2541%20%E9%2B&a=42"
                .to_owned())
        );
    }

    #[test]
    fn a_placeholder_never_leaves_its_path_segment() {
        for dots in [&b"."[..], b".."] {
            assert_eq!(
                rendered("http://h/a/{phonebook_caller_name}/b", &named(dots)),
                Err(RequestFault::PathDots)
            );
            assert!(rendered("http://h/a?n={phonebook_caller_name}", &named(dots)).is_ok());
            assert_eq!(
                rendered("http://h/a/{phonebook_caller_name}", &named(dots)),
                Err(RequestFault::PathDots)
            );
        }
        assert_eq!(rendered("http://h/a/{phonebook_caller_name}", &named(b"")), Ok("http://h/a/".to_owned()));
        assert_eq!(
            rendered("http://h/v{phonebook_caller_name}", &named(b"..")),
            Ok("http://h/v..".to_owned())
        );
    }

    #[test]
    fn what_becomes_dots_beside_what_the_administrator_wrote_is_refused_too() {
        let made = |template: &str, name: &str| rendered(template, &named(name.as_bytes()));
        for template in ["http://h/.{phonebook_caller_name}", "http://h/%2E{phonebook_caller_name}/x"] {
            assert_eq!(made(template, "."), Err(RequestFault::PathDots), "{template}");
        }
        for name in ["...", "..x", "../x", "a/../b", "..;x"] {
            assert!(made("http://h/{phonebook_caller_name}", name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_url_that_no_request_can_hold_is_refused() {
        let of_length =
            |length: usize| rendered("http://h/?n={phonebook_caller_name}", &named(&vec![b'x'; length]));
        let before = "http://h/?n=".len();
        assert!(of_length(LONGEST_URL - before).unwrap().parse::<http::Uri>().is_ok());
        assert_eq!(of_length(LONGEST_URL - before + 1), Err(RequestFault::UrlTooLong));
    }

    #[test]
    fn what_is_no_template_is_said_with_what_would_be_right() {
        let fault = |text: &str| UrlTemplate::parse(text).unwrap_err().join("\n");
        assert!(fault("https://h/?x={caler_number}").contains("did you mean `{caller_number}`?"));
        assert!(fault("https://h/?x={zzz}").contains("known are com_id, "));
        assert!(fault("https://h/{variables.A B}").contains("letters, digits, `_`, `-` and `.`"));
        assert!(fault("https://h/{sip_h_X-Customer}").contains("`{variables.sip_h_X-Customer}`"));
        assert!(fault("https://h/{uuid").contains("%7B"));
        assert!(fault("https://h/uuid}").contains("%7D"));
        for place in [
            "https://{uuid}/",
            "https://h{uuid}/",
            "{switch}://h/",
            "https://h:{uuid}/",
            "https://{uuid}@h/",
            "https://h/#{uuid}",
        ] {
            assert!(fault(place).contains("path and the query only"), "{place}: {}", fault(place));
        }
        for path in ["http://h/../{uuid}/../x", "http://h/a/{uuid}/%2e%2E?n={uuid}"] {
            assert!(fault(path).contains("`..` behind a placeholder"), "{path}: {}", fault(path));
        }
        assert!(fault("ftp://h/").contains("http or https"));
        let both = fault("ftp://h/{uid}");
        assert!(both.contains("http or https") && both.contains("`{uuid}`?"), "{both}");
        assert!(fault("crm.example.com/x").contains("begin with https://"));
        assert!(fault("http://crm example/x").contains("not a URL"));
        assert!(fault("https://h/{ACCOUNT}").contains("`{variables.ACCOUNT}`"));
    }

    #[test]
    fn credentials_are_never_shown() {
        let template = UrlTemplate::parse("https://user:geheim@h/{uuid}?a=1").unwrap();
        assert_eq!(template.to_string(), "https://…@h/{uuid}?a=1");
        assert!(!format!("{template:?}").contains("geheim"));
    }

    #[test]
    fn a_secret_in_the_path_or_the_query_is_not_shown_and_placeholders_are() {
        let template =
            UrlTemplate::parse("https://h/a1b2c3d4e5f6/{uuid}?token=geheim{uuid}&key={caller_number}")
                .unwrap();
        assert_eq!(template.to_string(), "https://h/…/{uuid}?token=…{uuid}&key={caller_number}");
        let other = UrlTemplate::parse("https://h/f6e5d4c3b2a1/{uuid}").unwrap();
        assert_ne!(template.place(), other.place());
    }

    #[test]
    fn a_literal_url_keeps_its_braces() {
        let url = http_url("http://h/x?a={\"uuid\"}").unwrap();
        let report =
            RequestContext { call: &known_caller(), company: "", now: SystemTime::UNIX_EPOCH, fetched: &[] };
        assert_eq!(
            UrlTemplate::literal(&url).render(&report).map(String::from),
            Ok("http://h/x?a={%22uuid%22}".to_owned())
        );
    }

    #[test]
    fn a_fragment_is_a_fault_and_a_hash_sign_that_is_encoded_is_none() {
        for text in ["http://h/#", "http://h/x?to=#21#&from=1", "https://h/a#b", "http://h/x?to=*21#"] {
            assert_eq!(http_url(text), Err(NotAUrl::Fragment), "{text}");
            assert!(UrlTemplate::parse(text).unwrap_err()[0].contains("write %23"), "{text}");
        }
        assert_eq!(http_url("http://h/x?to=%2321%23").unwrap().query(), Some("to=%2321%23"));
    }

    #[test]
    fn a_placeholder_or_a_slip_of_one_is_seen_and_other_braces_are_not() {
        for text in
            ["h/?a={caller_number}", "h/{uuid}/x", "h/?{variables.ACCOUNT}", "h/{caler_number}", "{{uuid}}"]
        {
            assert!(names_a_placeholder(text), "{text}");
        }
        for text in ["h/?a={}", "h/{", "h/?f={\"a\":1}", "h/%7Bcaller_number%7D", "h/{0b6c-11}", "h/}uuid{"] {
            assert!(!names_a_placeholder(text), "{text}");
        }
    }
}
