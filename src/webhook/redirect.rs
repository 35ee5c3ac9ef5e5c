//! Decides if a redirect is followed, and makes the request that follows it.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

use crate::hook::{RedirectFault, Redirects};

/// Returns the URL that an answer redirects to, or none if the answer is no redirect or the hook follows
/// none. `followed` is the number of redirects that were followed before.
///
/// # Errors
/// Returns the reason if the redirect is not followed.
pub(super) fn target(
    redirects: &Redirects,
    code: u16,
    headers: &HeaderMap,
    from: &Url,
    followed: u8,
) -> Result<Option<Url>, RedirectFault> {
    if redirects.most == 0 || !matches!(code, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    if followed >= redirects.most {
        return Err(RedirectFault::TooMany);
    }
    let location = headers.get(header::LOCATION).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    let mut target = location.and_then(|text| from.join(text).ok()).ok_or(RedirectFault::NoTarget)?;
    if !matches!(target.scheme(), "http" | "https") {
        return Err(RedirectFault::NoTarget);
    }
    if from.scheme() == "https" && target.scheme() == "http" {
        return Err(RedirectFault::Downgrade);
    }
    if target.origin() != from.origin() && !is_listed(&redirects.hosts, &target) {
        let same_host = target.host() == from.host();
        return Err(if same_host { RedirectFault::Port } else { RedirectFault::Host });
    }
    // the webhook does not choose credentials by a redirect; neither call fails for a URL with a host
    let _removed = (target.set_username(""), target.set_password(None));
    target.set_fragment(None);
    Ok(Some(target))
}

/// True if the host of this URL is in the list, without a port or with the URL's port.
fn is_listed(hosts: &[String], target: &Url) -> bool {
    let (host, port) = (target.host_str().unwrap_or_default(), target.port_or_known_default());
    hosts.iter().filter_map(|listed| listed.strip_prefix(host)).any(|rest| {
        rest.is_empty() || port.is_some_and(|port| rest.strip_prefix(':') == Some(port.to_string().as_str()))
    })
}

/// Returns the method of the request that follows a redirect with this status (Fetch standard, HTTP-redirect
/// fetch, step 12).
pub(super) fn redirected_method(code: u16, method: &Method) -> Method {
    match code {
        301..=303 => Method::GET,
        _ => method.clone(),
    }
}

/// Returns the headers of the request that follows a redirect. Credentials are left out: they are for the
/// configured endpoint only.
pub(super) fn redirected_headers(headers: &HeaderMap, with_body: bool) -> HeaderMap {
    let mut redirected = HeaderMap::new();
    for (name, value) in headers {
        let is_of_body = *name == header::CONTENT_TYPE;
        if !is_credential(name, value) && (with_body || !is_of_body) {
            redirected.append(name.clone(), value.clone());
        }
    }
    redirected
}

fn is_credential(name: &HeaderName, value: &HeaderValue) -> bool {
    value.is_sensitive()
        || [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE].contains(name)
        || *name == "webhook-signature"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirected(from: &str, to: &str, followed: u8) -> Result<Option<String>, RedirectFault> {
        let listed = ["other.example", "[::1]", "port.example:8080", "secure.example:443", "[::2]:81"];
        let redirects = Redirects { most: 2, hosts: listed.map(str::to_owned).to_vec() };
        let headers = HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_str(to).unwrap())]);
        Ok(target(&redirects, 302, &headers, &from.parse().unwrap(), followed)?.map(String::from))
    }

    #[test]
    fn a_redirect_leads_to_the_same_origin_or_to_a_listed_host() {
        let good = |from, to| redirected(from, to, 0).unwrap().unwrap();
        assert_eq!(good("http://h/a", "/b?c#d"), "http://h/b?c");
        assert_eq!(good("http://h/a", "//h:80/"), "http://h/");
        assert_eq!(good("https://h/a", "https://u:p@other.example/"), "https://other.example/");
        assert_eq!(good("https://h/a", "https://other.example:9/"), "https://other.example:9/");
        assert_eq!(good("http://h/a", "http://[0:0::1]:8080/"), "http://[::1]:8080/");
        assert_eq!(good("http://other.example/a", "https://other.example/a"), "https://other.example/a");
        for (from, to, fault) in [
            ("http://h/a", "https://h/a", RedirectFault::Port),
            ("http://h/a", "//h:8080/", RedirectFault::Port),
            ("https://h/a", "http://h/a", RedirectFault::Downgrade),
            ("https://h/a", "https://h.evil/a", RedirectFault::Host),
            ("https://h/a", "https://h@evil/a", RedirectFault::Host),
            ("https://h/a", "https://x.other.example/", RedirectFault::Host),
            ("https://h/a", "https://other.example.evil/", RedirectFault::Host),
            ("https://h/a", "https://other/", RedirectFault::Host),
            ("https://h/a", "file:///etc/passwd", RedirectFault::NoTarget),
            ("https://h/a", "https://", RedirectFault::NoTarget),
        ] {
            assert_eq!(redirected(from, to, 0), Err(fault), "{to}");
        }
    }

    #[test]
    fn a_host_listed_with_a_port_is_listed_for_that_port_only() {
        for (from, to, expected) in [
            ("http://h/a", "http://port.example:8080/", None),
            ("http://h/a", "https://port.example:8080/", None),
            ("http://h/a", "https://secure.example/", None),
            ("http://h/a", "http://[::2]:81/", None),
            ("http://h/a", "http://port.example/", Some(RedirectFault::Host)),
            ("http://h/a", "http://port.example:80801/", Some(RedirectFault::NoTarget)),
            ("http://h/a", "http://port.example:808/", Some(RedirectFault::Host)),
            ("http://h/a", "http://secure.example/", Some(RedirectFault::Host)),
            ("http://port.example/", "http://port.example:8081/", Some(RedirectFault::Port)),
        ] {
            assert_eq!(redirected(from, to, 0).err(), expected, "{to}");
        }
    }

    #[test]
    fn a_redirect_loop_ends_at_the_limit() {
        assert!(redirected("http://h/", "/", 1).is_ok());
        assert_eq!(redirected("http://h/", "/", 2), Err(RedirectFault::TooMany));
    }

    #[test]
    fn only_a_redirect_status_is_followed_and_only_if_the_hook_follows_redirects() {
        let headers = HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_static("/b"))]);
        let from = "http://h/".parse().unwrap();
        let two = Redirects { most: 2, hosts: Vec::new() };
        for code in [200, 201, 300, 304, 404] {
            assert_eq!(target(&two, code, &headers, &from, 0), Ok(None));
        }
        assert_eq!(target(&two, 302, &HeaderMap::new(), &from, 0), Err(RedirectFault::NoTarget));
        assert_eq!(target(&Redirects::default(), 302, &headers, &from, 0), Ok(None));
    }

    #[test]
    fn credentials_are_not_sent_to_the_target_of_a_redirect() {
        let mut key = HeaderValue::from_static("geheim");
        key.set_sensitive(true);
        let mut headers = HeaderMap::from_iter([(HeaderName::from_static("x-api"), key)]);
        for name in ["authorization", "cookie", "webhook-signature", "webhook-id", "content-type", "x-plain"]
        {
            headers.insert(name, HeaderValue::from_static("x"));
        }
        let names = |with_body| {
            let headers = redirected_headers(&headers, with_body);
            let mut names: Vec<_> = headers.keys().map(ToString::to_string).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names(true), ["content-type", "webhook-id", "x-plain"]);
        assert_eq!(names(false), ["webhook-id", "x-plain"]);
    }
}
