//! Whether and where a redirect is followed.

use http::{HeaderMap, HeaderName, Method, header};
use url::Url;

use crate::hook::{RedirectFault, Redirects};

impl Redirects {
    /// Where an answer with this status redirects to; nothing where it is no redirect, or none is to be followed.
    ///
    /// # Errors
    /// Why it is not followed.
    pub(super) fn target(
        &self,
        code: u16,
        headers: &HeaderMap,
        from: &Url,
        followed: u8,
    ) -> Result<Option<Url>, RedirectFault> {
        if self.most == 0 || !matches!(code, 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        if followed >= self.most {
            return Err(RedirectFault::TooMany);
        }
        let location =
            headers.get(header::LOCATION).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        let mut target = location.and_then(|text| from.join(text).ok()).ok_or(RedirectFault::NoTarget)?;
        if !matches!(target.scheme(), "http" | "https") {
            return Err(RedirectFault::NoTarget);
        }
        if from.scheme() == "https" && target.scheme() == "http" {
            return Err(RedirectFault::Downgrade);
        }
        if target.origin() != from.origin() && !self.lists(&target) {
            let same_host = target.host() == from.host();
            return Err(if same_host { RedirectFault::Port } else { RedirectFault::Host });
        }
        // who redirects does not choose credentials either; a URL with a host takes both
        let _taken = (target.set_username(""), target.set_password(None));
        target.set_fragment(None);
        Ok(Some(target))
    }

    /// True if the host of this URL is listed, with its port or without any.
    fn lists(&self, target: &Url) -> bool {
        let (host, port) = (target.host_str().unwrap_or_default(), target.port_or_known_default());
        self.hosts.iter().filter_map(|listed| listed.strip_prefix(host)).any(|rest| {
            rest.is_empty()
                || port.is_some_and(|port| rest.strip_prefix(':') == Some(port.to_string().as_str()))
        })
    }
}

/// The method behind a redirect with this status (Fetch standard, HTTP-redirect fetch, 12).
#[must_use]
pub(super) fn redirected_method(code: u16, method: &Method) -> Method {
    match code {
        301..=303 => Method::GET,
        _ => method.clone(),
    }
}

/// The headers behind a redirect: without anything that says who we are to the one that was meant.
#[must_use]
pub(super) fn redirected_headers(headers: &HeaderMap, with_body: bool) -> HeaderMap {
    let kept = |name: &HeaderName| with_body || *name != header::CONTENT_TYPE;
    let credentials = |name: &HeaderName| {
        [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE].contains(name)
            || *name == "webhook-signature"
    };
    let entries =
        headers.iter().filter(|(name, value)| kept(name) && !value.is_sensitive() && !credentials(name));
    entries.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn target(from: &str, to: &str, followed: u8) -> Result<Option<String>, RedirectFault> {
        let listed = ["other.example", "[::1]", "port.example:8080", "secure.example:443", "[::2]:81"];
        let redirects = Redirects { most: 2, hosts: listed.map(str::to_owned).to_vec() };
        let headers = HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_str(to).unwrap())]);
        Ok(redirects.target(302, &headers, &from.parse().unwrap(), followed)?.map(String::from))
    }

    #[test]
    fn a_redirect_stays_at_its_scheme_host_and_port_or_goes_to_a_listed_host() {
        let good = |from, to| target(from, to, 0).unwrap().unwrap();
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
            assert_eq!(target(from, to, 0), Err(fault), "{to}");
        }
    }

    #[test]
    fn a_host_that_is_listed_with_a_port_is_listed_for_that_port_alone() {
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
            assert_eq!(target(from, to, 0).err(), expected, "{to}");
        }
    }

    #[test]
    fn a_loop_ends() {
        assert!(target("http://h/", "/", 1).is_ok());
        assert_eq!(target("http://h/", "/", 2), Err(RedirectFault::TooMany));
    }

    #[test]
    fn only_a_redirect_is_followed_and_only_where_it_is_wanted() {
        let headers = HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_static("/b"))]);
        let from = "http://h/".parse().unwrap();
        let two = Redirects { most: 2, hosts: Vec::new() };
        for code in [200, 201, 300, 304, 404] {
            assert_eq!(two.target(code, &headers, &from, 0), Ok(None));
        }
        assert_eq!(two.target(302, &HeaderMap::new(), &from, 0), Err(RedirectFault::NoTarget));
        assert_eq!(Redirects::default().target(302, &headers, &from, 0), Ok(None));
    }

    #[test]
    fn credentials_are_not_sent_on() {
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
