//! The methods that are answered. POST is for the forms that ask a webhook, and only if the configuration
//! allows that.

use axum::response::Response;
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};

use crate::config::ObserverSettings;
use crate::observer::plain::plain;

/// Admits GET and HEAD.
pub(super) fn admit_reading(method: &Method) -> Result<(), Box<Response>> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "this method is not allowed; use GET or HEAD\n");
    refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    Err(Box::new(refusal))
}

/// Admits GET and HEAD, and POST where it makes a request to a webhook.
pub(super) fn admit(method: &Method, path: &str, settings: &ObserverSettings) -> Result<(), Box<Response>> {
    match *method == Method::POST && asks_a_webhook(path) {
        true if settings.allows_try => Ok(()),
        true => Err(Box::new(plain(StatusCode::FORBIDDEN, FORBIDDEN))),
        false => admit_reading(method),
    }
}

const FORBIDDEN: &str = "refused: the configuration allows no requests from here; set try = true in [observer] of \
                         dialhook.toml if all readers of these pages may ask the hooks\n";

/// True for `/try` and `/steps/ID/repeat`, as a page and as JSON.
fn asks_a_webhook(path: &str) -> bool {
    let path = path.strip_prefix("/api").unwrap_or(path);
    let id = path.strip_prefix("/steps/").and_then(|rest| rest.strip_suffix("/repeat"));
    path == "/try" || id.is_some_and(|id| !id.is_empty() && !id.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &Method, path: &str, allows_try: bool) -> u16 {
        let settings = ObserverSettings { allows_try, ..ObserverSettings::default() };
        admit(method, path, &settings).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn every_path_may_be_read() {
        for path in ["/", "/try", "/api/steps/7", "/nothing"] {
            assert_eq!([&Method::GET, &Method::HEAD].map(|method| status(method, path, false)), [200, 200]);
        }
    }

    #[test]
    fn a_post_that_asks_a_webhook_needs_the_permission_of_the_configuration() {
        for path in ["/try", "/api/try", "/steps/7/repeat", "/api/steps/7/repeat"] {
            assert_eq!(
                [false, true].map(|allows_try| status(&Method::POST, path, allows_try)),
                [403, 200],
                "{path}"
            );
        }
    }

    #[test]
    fn every_other_method_and_every_other_post_is_405() {
        for path in [
            "/",
            "/try/",
            "/api",
            "/apitry",
            "/steps/repeat",
            "/steps//repeat",
            "/steps/7/8/repeat",
            "/%74ry",
        ] {
            assert_eq!(status(&Method::POST, path, true), 405, "{path}");
        }
        for method in [Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE, Method::CONNECT] {
            assert_eq!(status(&method, "/try", true), 405, "{method}");
        }
    }
}
