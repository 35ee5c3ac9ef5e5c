//! A configured URL with placeholders, and the URL that a call makes of it.
//!
//! Placeholders are allowed in the path and the query only. Their values are percent-encoded: a value can
//! never become a further path segment, a further parameter or another host.

use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use url::Url;

use super::http_url::{check_scheme, http_url};
use super::template::{Braces, Encoding, Placeholder, Template};
use crate::call::RequestContext;
use crate::hook::RequestFault;
use crate::redact;

/// A URL with placeholders. Its `Display` shows it as it is written, without the secrets in it.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    template: Template,
    /// The number of dot segments in the URL as it is written.
    dot_segments: usize,
    redacted: String,
    has_secret: bool,
    endpoint: Arc<str>,
    origin: String,
}

impl UrlTemplate {
    /// Reads a URL of the configuration.
    ///
    /// # Errors
    /// Returns every fault of the text, with the remedy.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        match Template::parse(text, Braces::Encoded) {
            Ok(template) => Self::from_template(template).map_err(|fault| vec![fault]),
            Err(mut faults) => {
                faults.extend(check_scheme(text).err().map(|fault| fault.to_string()));
                Err(faults)
            }
        }
    }

    fn from_template(Template { literals, placeholders }: Template) -> Result<Self, String> {
        if literals.iter().any(|literal| literal.contains(MARK)) {
            return Err(format!("`{MARK}` cannot be used in a URL"));
        }
        let marked = literals.join(MARK);
        let url = http_url(&marked).map_err(|fault| match placeholders.is_empty() {
            true => fault.to_string(),
            false => format!("{fault} (placeholders are allowed in the path and the query only)"),
        })?;
        let inside = marks(url.path()) + marks(url.query().unwrap_or_default());
        if inside == placeholders.len() {
            Ok(Self::from_url(&url, placeholders))
        } else if inside == marks(url.as_str()) {
            Err("a `..` behind a placeholder removes it; write the path that is meant".to_owned())
        } else {
            Err("placeholders are allowed in the path and the query only".to_owned())
        }
    }

    /// Makes a template of the URL of an ad hoc step, in which braces have no meaning.
    ///
    /// Its endpoint is scheme, host and port only. The path may differ from call to call, and the breaker of
    /// a dead host would never open if each path were an endpoint.
    #[must_use]
    pub fn literal(url: &Url) -> Self {
        let template = Template { literals: vec![url.as_str().to_owned()], placeholders: Vec::new() };
        let endpoint = format!("{}/", url.origin().ascii_serialization()).into();
        Self { template, endpoint, ..Self::from_url(url, Vec::new()) }
    }

    fn from_url(url: &Url, placeholders: Vec<Placeholder>) -> Self {
        let literals = url.as_str().split(MARK).map(str::to_owned).collect();
        let origin = url.origin().ascii_serialization();
        let redacted = with_placeholders(&redact::url_keeping(url.as_str(), Some(MARK)), &placeholders);
        let has_secret = match placeholders.is_empty() {
            true => redacted != url.as_str(),
            false => redacted_when_filled(url.as_str()),
        };
        let endpoint = with_placeholders(&format!("{origin}{}", url.path()), &placeholders).into();
        let template = Template { literals, placeholders };
        Self { template, dot_segments: dot_segments(url.as_str()), redacted, has_secret, endpoint, origin }
    }

    /// Returns scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// True if the URL has a user name or a password.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.redacted.contains("://…@")
    }

    /// True if a part of the URL looks like a secret, or a placeholder stands where a secret does.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        self.has_secret
    }

    #[must_use]
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }

    /// Returns the endpoint: the URL as it is written, without query and credentials.
    ///
    /// Each endpoint has its own circuit breaker, retry budget and quarantine. Its path may hold a secret, so
    /// it must be redacted in the log.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<str> {
        &self.endpoint
    }

    #[must_use]
    pub fn placeholders(&self) -> &[Placeholder] {
        &self.template.placeholders
    }

    /// Returns the URL for one call.
    ///
    /// # Errors
    /// Returns a fault if a value turns a path segment into `.` or `..`, which would lead to another path, or
    /// if the URL is too long for a request.
    pub fn render(&self, context: &RequestContext<'_>) -> Result<Url, RequestFault> {
        let text = self.template.render(context, Encoding::Url);
        if dot_segments(&text) != self.dot_segments {
            return Err(RequestFault::DotSegment);
        }
        let url = Url::parse(&text).map_err(|_| RequestFault::Url)?;
        if url.as_str().len() > LONGEST_URL {
            return Err(RequestFault::UrlTooLong);
        }
        Ok(url)
    }
}

/// True if redaction changes this URL with values in the place of its marks.
fn redacted_when_filled(url: &str) -> bool {
    let filled = url.replace(MARK, "x");
    redact::url(&filled) != filled
}

impl fmt::Display for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted)
    }
}

impl fmt::Debug for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.redacted, f)
    }
}

/// True if a text holds `{caller_number}` or another placeholder, or a mistyped one. An ad hoc URL has no
/// placeholders.
pub(in crate::hook) fn names_a_placeholder(text: &str) -> bool {
    let inside = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    inside.map(|(name, _)| name).any(Placeholder::is_meant)
}

/// Returns the text with its marks replaced by the placeholders.
fn with_placeholders(text: &str, placeholders: &[Placeholder]) -> String {
    let mut literals = text.split(MARK);
    let mut named = literals.next().unwrap_or_default().to_owned();
    for (placeholder, literal) in placeholders.iter().zip(literals) {
        named.push_str(&format!("{{{placeholder}}}{literal}"));
    }
    named
}

/// The longest URL that a request can have (`http::Uri`), in bytes.
///
/// The HTTP client refuses a longer one as if the webhook had failed. A caller with a long name could thus
/// open the breaker.
const LONGEST_URL: usize = 65_534;

/// Replaces a placeholder while the URL is parsed. The parser changes these letters in no part of a URL.
const MARK: &str = "xdialhookplaceholderx";

fn marks(text: &str) -> usize {
    text.matches(MARK).count()
}

/// Returns the number of path segments that are `.` or `..` (RFC 3986, section 3.3).
///
/// A slash in a value is `%2F` and does not end a segment.
fn dot_segments(url: &str) -> usize {
    let (_, behind_scheme) = url.split_once("://").unwrap_or_default();
    let path = behind_scheme.split('?').next().unwrap_or_default();
    let segments = path.split('/').map(|segment| percent_decode_str(segment).collect::<Vec<u8>>());
    segments.filter(|segment| matches!(&**segment, b"." | b"..")).count()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::http_url::NotAUrl;
    use super::*;
    use crate::call::Call;
    use crate::call::tests::known_caller;
    use crate::variable::Value;

    fn rendered(template: &str, call: &Call) -> Result<String, RequestFault> {
        let context = RequestContext { call, company: "", now: SystemTime::UNIX_EPOCH, fetched: &[] };
        UrlTemplate::parse(template).unwrap().render(&context).map(String::from)
    }

    fn named(name: &[u8]) -> Call {
        Call { caller_name: Value::from(name.to_vec()), ..known_caller() }
    }

    #[test]
    fn a_value_is_encoded_in_path_and_query() {
        let call = named(b"a/b?c&d=e#f %41 \xe9+");
        assert_eq!(
            rendered("https://h/{phonebook_caller_name}/x?n={phonebook_caller_name}&a={variables.ACCOUNT}", &call),
            Ok("https://h/a%2Fb%3Fc%26d%3De%23f%20%2541%20%E9%2B/x?n=a%2Fb%3Fc%26d%3De%23f%20%2541%20%E9%2B&a=42"
                .to_owned())
        );
    }

    #[test]
    fn a_value_never_leaves_its_path_segment() {
        for dots in [&b"."[..], b".."] {
            assert_eq!(
                rendered("http://h/a/{phonebook_caller_name}/b", &named(dots)),
                Err(RequestFault::DotSegment)
            );
            assert!(rendered("http://h/a?n={phonebook_caller_name}", &named(dots)).is_ok());
            assert_eq!(
                rendered("http://h/a/{phonebook_caller_name}", &named(dots)),
                Err(RequestFault::DotSegment)
            );
        }
        assert_eq!(rendered("http://h/a/{phonebook_caller_name}", &named(b"")), Ok("http://h/a/".to_owned()));
        assert_eq!(
            rendered("http://h/v{phonebook_caller_name}", &named(b"..")),
            Ok("http://h/v..".to_owned())
        );
    }

    #[test]
    fn a_value_that_completes_a_dot_segment_is_refused() {
        let made = |template: &str, name: &str| rendered(template, &named(name.as_bytes()));
        for template in ["http://h/.{phonebook_caller_name}", "http://h/%2E{phonebook_caller_name}/x"] {
            assert_eq!(made(template, "."), Err(RequestFault::DotSegment), "{template}");
        }
        for name in ["...", "..x", "../x", "a/../b", "..;x"] {
            assert!(made("http://h/{phonebook_caller_name}", name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_url_that_is_too_long_for_a_request_is_refused() {
        let of_length =
            |length: usize| rendered("http://h/?n={phonebook_caller_name}", &named(&vec![b'x'; length]));
        let before = "http://h/?n=".len();
        assert!(of_length(LONGEST_URL - before).unwrap().parse::<http::Uri>().is_ok());
        assert_eq!(of_length(LONGEST_URL - before + 1), Err(RequestFault::UrlTooLong));
    }

    #[test]
    fn the_fault_of_a_wrong_template_names_the_remedy() {
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
    fn secrets_are_redacted_and_placeholders_are_shown() {
        let template =
            UrlTemplate::parse("https://h/a1b2c3d4e5f6/{uuid}?token=geheim{uuid}&key={caller_number}")
                .unwrap();
        assert_eq!(template.to_string(), "https://h/…/{uuid}?token=…{uuid}&key={caller_number}");
        let other = UrlTemplate::parse("https://h/f6e5d4c3b2a1/{uuid}").unwrap();
        assert_ne!(template.endpoint(), other.endpoint());
    }

    #[test]
    fn an_ad_hoc_url_keeps_its_braces() {
        let url = http_url("http://h/x?a={\"uuid\"}").unwrap();
        let context =
            RequestContext { call: &known_caller(), company: "", now: SystemTime::UNIX_EPOCH, fetched: &[] };
        assert_eq!(
            UrlTemplate::literal(&url).render(&context).map(String::from),
            Ok("http://h/x?a={%22uuid%22}".to_owned())
        );
    }

    #[test]
    fn a_fragment_is_a_fault_and_an_encoded_hash_sign_is_not() {
        for text in ["http://h/#", "http://h/x?to=#21#&from=1", "https://h/a#b", "http://h/x?to=*21#"] {
            assert_eq!(http_url(text), Err(NotAUrl::Fragment), "{text}");
            assert!(UrlTemplate::parse(text).unwrap_err()[0].contains("write %23"), "{text}");
        }
        assert_eq!(http_url("http://h/x?to=%2321%23").unwrap().query(), Some("to=%2321%23"));
    }

    #[test]
    fn placeholders_and_mistyped_ones_are_found_and_other_braces_are_not() {
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
