//! Reading an http or https URL.

use url::Url;

use crate::redact;

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

pub(super) fn begins_as_http(text: &str) -> Result<(), NotAUrl> {
    let begins = text.trim_start().to_ascii_lowercase();
    match begins.starts_with("http://") || begins.starts_with("https://") {
        true => Ok(()),
        false => Err(NotAUrl::Scheme),
    }
}

/// Returns a URL for a person, without the secrets in it.
#[must_use]
pub fn redacted(url: &Url) -> String {
    redact::url(url.as_str())
}
