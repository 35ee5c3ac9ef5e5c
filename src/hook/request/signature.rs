//! Signs requests as Standard Webhooks 1.0 does: the webhook can check the sender, and that nobody changed
//! the request.
//!
//! ```text
//! signed            = webhook-id "." webhook-timestamp "." body
//! webhook-signature = "v1," base64(HMAC-SHA256(secret, signed)) *( SP … )
//! ```

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// The secrets of a hook: one, or two while a new one replaces the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer(pub Vec<SigningSecret>);

/// A shared secret, written as `whsec_` and Base64. Its `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

/// The fault of a text that is not a signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a signing secret; write whsec_ and 24 to 64 random bytes in Base64 (echo whsec_$(openssl rand -base64 32))"
)]
pub struct NotASigningSecret;

impl FromStr for SigningSecret {
    type Err = NotASigningSecret;

    fn from_str(text: &str) -> Result<Self, NotASigningSecret> {
        let encoded = text.trim().strip_prefix("whsec_").ok_or(NotASigningSecret)?;
        let secret = STANDARD.decode(encoded).map_err(|_| NotASigningSecret)?;
        if (24..=64).contains(&secret.len()) { Ok(Self(secret)) } else { Err(NotASigningSecret) }
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

impl Signer {
    /// Returns the value of `webhook-signature`: one signature for each secret.
    ///
    /// The timestamp is in seconds since the epoch.
    #[must_use]
    pub fn sign(&self, webhook_id: &str, timestamp: u64, body: &[u8]) -> String {
        let signed = [format!("{webhook_id}.{timestamp}.").as_bytes(), body].concat();
        let signature = |SigningSecret(secret): &SigningSecret| {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &signed);
            format!("v1,{}", STANDARD.encode(tag))
        };
        self.0.iter().map(signature).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_signature_of_the_specifications_example_is_reproduced() {
        let signer = Signer(vec![SECRET.parse().unwrap()]);
        assert_eq!(
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn two_secrets_make_two_signatures() {
        let other = format!("whsec_{}", STANDARD.encode([7; 32]));
        let signer = Signer(vec![SECRET.parse().unwrap(), other.parse().unwrap()]);
        let signature = signer.sign("a", 1, b"");
        assert_eq!(signature.split(' ').filter(|one| one.starts_with("v1,")).count(), 2);
    }

    #[test]
    fn a_secret_that_is_too_short_or_not_base64_is_refused() {
        for text in ["", "geheim", "whsec_", "whsec_geheim", "whsec_AAAA", &SECRET[6..]] {
            assert_eq!(text.parse::<SigningSecret>(), Err(NotASigningSecret), "{text}");
        }
        assert!(format!("{SECRET}\n").parse::<SigningSecret>().is_ok());
        assert_eq!(format!("{:?}", SECRET.parse::<SigningSecret>()), "Ok(SigningSecret(…))");
    }
}
