//! Requests that a page of another site makes a browser send.

use axum::response::Response;
use http::header::ORIGIN;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::observer::plain::plain;

/// Refuses a request of another site. A browser says by `Sec-Fetch-Site` who caused a request (Fetch
/// Metadata). It leaves the header out for a plain http address of another machine; then `Origin`, which it
/// sends with each POST, must be that of the observer.
pub(super) fn admit(headers: &HeaderMap, host: &str) -> Result<(), Box<Response>> {
    let sites: Vec<_> = headers.get_all(SEC_FETCH_SITE).iter().map(HeaderValue::as_bytes).collect();
    let origins: Vec<_> = headers.get_all(ORIGIN).iter().map(HeaderValue::as_bytes).collect();
    let is_own = match (sites.as_slice(), origins.as_slice()) {
        ([site], _) => matches!(*site, b"same-origin" | b"none"),
        ([], []) => true,
        ([], [origin]) => is_origin_of(origin, host),
        (_, _) => false,
    };
    if is_own { Ok(()) } else { Err(Box::new(plain(StatusCode::FORBIDDEN, REFUSAL))) }
}

const SEC_FETCH_SITE: &str = "sec-fetch-site";

const REFUSAL: &str = "refused: a page of another site made this request. If you followed a link, type this address into \
                       the address bar instead\n";

fn is_origin_of(origin: &[u8], host: &str) -> bool {
    // a proxy may speak https
    let authority = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
    authority == Some(host.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_admitted(headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        admit(&map, "pbx.example:9573").is_ok()
    }

    #[test]
    fn a_program_an_address_bar_and_the_own_pages_are_admitted() {
        for headers in [
            &[][..],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("origin", "http://pbx.example:9573")],
            &[("origin", "https://pbx.example:9573")],
        ] {
            assert!(is_admitted(headers), "{headers:?}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        for headers in [
            &[("sec-fetch-site", "cross-site")][..],
            // another port of the same machine is another program
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "")],
            &[("sec-fetch-site", "Same-Origin")],
            &[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "cross-site"), ("origin", "http://pbx.example:9573")],
            &[("origin", "null")],
            &[("origin", "http://evil.example")],
            &[("origin", "http://pbx.example")],
            &[("origin", "pbx.example:9573")],
            &[("origin", "ftp://pbx.example:9573")],
            &[("origin", "http://pbx.example:9573"), ("origin", "http://evil.example")],
        ] {
            assert!(!is_admitted(headers), "{headers:?}");
        }
    }
}
