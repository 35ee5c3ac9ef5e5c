//! The token of readers, for an observer that others than this machine reach, or that has one anyway.

use axum::response::Response;
use base64::prelude::{BASE64_STANDARD, Engine};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tracing::warn;

use crate::observer::ObserverState;
use crate::observer::connection::Connection;
use crate::observer::plain::plain;

/// Admits a request with the token, or any request if none is needed.
pub(super) fn admit(
    headers: &HeaderMap,
    state: &ObserverState,
    connection: &Connection,
) -> Result<(), Box<Response>> {
    let Some(token) = &state.config().observer.token else {
        return match state.address.ip().to_canonical().is_loopback() {
            true => Ok(()),
            false => Err(Box::new(plain(StatusCode::FORBIDDEN, NO_TOKEN))),
        };
    };
    match candidate(headers) {
        Some(candidate) if token.is(&candidate) => Ok(()),
        Some(_) => {
            state.wrong_tokens.warn(|unlogged| {
                warn!(peer = %connection.peer, unlogged, "observer: request refused: its token is not that of observer.token");
            });
            Err(ask("wrong"))
        }
        None => Err(ask("no")),
    }
}

const NO_TOKEN: &str = "refused: the observer is not on loopback, so its pages need a token. Set token = { file = \"observer.token\" } \
                        in [observer] of dialhook.toml; /metrics and /health/* need none\n";

/// Makes a browser ask for the token.
fn ask(found: &str) -> Box<Response> {
    let text = format!(
        "{found} token: send the token of observer.token as a password (any user name) or as Authorization: Bearer\n"
    );
    let mut refusal = plain(StatusCode::UNAUTHORIZED, text);
    let challenge = HeaderValue::from_static("Basic realm=\"dialhook\", charset=\"UTF-8\"");
    refusal.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    Box::new(refusal)
}

/// Returns the token of `Authorization: Bearer TOKEN`, or the password of `Authorization: Basic`. A header in
/// another form counts as a wrong token.
fn candidate(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.as_bytes();
    let (Some((scheme, credentials)), None) = (split_at_space(value), values.next()) else {
        return Some(Vec::new());
    };
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(credentials.to_vec());
    }
    let is_basic = scheme.eq_ignore_ascii_case(b"basic");
    let decoded = BASE64_STANDARD.decode(credentials).ok().filter(|_| is_basic);
    let password = decoded.and_then(|pair| {
        let colon = pair.iter().position(|byte| *byte == b':')?;
        pair.get(colon + 1..).map(<[u8]>::to_vec)
    });
    Some(password.unwrap_or_default())
}

fn split_at_space(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    Some((value.get(..space)?, value.get(space + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        candidate(&headers).map(|candidate| String::from_utf8(candidate).unwrap())
    }

    #[test]
    fn the_token_is_read_from_both_schemes() {
        let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
        assert_eq!(read(&[]), None);
        for (value, token) in [
            ("Bearer abc", "abc"),
            ("bearer abc", "abc"),
            (&basic("admin:abc"), "abc"),
            (&basic(":a:c"), "a:c"),
            // anything else is a wrong token
            (&basic("abc"), ""),
            ("Basic a", ""),
            ("Digest abc", ""),
            ("Bearer", ""),
            ("abc", ""),
        ] {
            assert_eq!(read(&[value]).as_deref(), Some(token), "{value}");
        }
        assert_eq!(read(&["Bearer abc", "Bearer abc"]).as_deref(), Some(""));
    }
}
