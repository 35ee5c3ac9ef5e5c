//! Reads an `http` or `https` URL.

use url::Url;

use crate::redact;

/// The fault of a text that is not the URL of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAUrl {
    /// The text has another scheme, or none.
    #[error("not an http or https URL; begin with https:// or http://")]
    Scheme,
    /// The text is not a URL.
    #[error("not a URL ({0}); write https://HOST/PATH")]
    Unreadable(url::ParseError),
    /// The URL has a fragment. No request contains one, so its author means something else.
    #[error("a `#` begins a fragment, which is never sent; write %23 for a `#`, or leave the fragment out")]
    Fragment,
}

/// Reads an `http` or `https` URL.
///
/// # Errors
/// Returns the fault, with the remedy.
pub fn http_url(text: &str) -> Result<Url, NotAUrl> {
    check_scheme(text)?;
    let url = Url::parse(text).map_err(NotAUrl::Unreadable)?;
    if url.fragment().is_some() { Err(NotAUrl::Fragment) } else { Ok(url) }
}

pub(super) fn check_scheme(text: &str) -> Result<(), NotAUrl> {
    let lower = text.trim_start().to_ascii_lowercase();
    match lower.starts_with("http://") || lower.starts_with("https://") {
        true => Ok(()),
        false => Err(NotAUrl::Scheme),
    }
}

/// Returns a URL without the secrets in it, for the log and for people.
#[must_use]
pub fn redacted(url: &Url) -> String {
    redact::url(url.as_str())
}
