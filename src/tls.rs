//! The TLS settings of a hook: the authorities that it trusts, and its client certificate. Certificates and
//! key are PEM texts that are verified at the start.
//!
//! Knows PEM; does not know the files, and makes no connection.

mod expiry;
mod verifier;

use std::fmt;
use std::sync::Arc;

use ring::digest;
use rustls::ClientConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

pub use self::expiry::expiry;
use self::verifier::CaFileVerifier;

/// Installs the cryptography of this process, unless it has one.
pub fn install_cryptography() {
    let _installed_before = default_provider().install_default();
}

/// The TLS settings that differ from the defaults of the machine. `Debug` prints neither keys nor
/// certificates.
#[derive(Clone, Default)]
pub struct Tls {
    authorities: Option<Vec<u8>>,
    verifier: Option<Arc<CaFileVerifier>>,
    client_certificate: Option<Vec<u8>>,
    certified: Option<Arc<SingleCertAndKey>>,
    insecure: bool,
    fingerprint: Vec<u8>,
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Tls {}

/// A fault in a PEM text. Its message continues the words "the file".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemFault {
    /// The text has no certificate, or one that cannot be read.
    #[error("holds no valid certificate in PEM; a certificate begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// The text has no private key, or one that cannot be used.
    #[error("holds no valid private key in PEM; write a PKCS#8, RSA or EC key without a password")]
    NoKey,
    /// The key does not match the certificate.
    #[error("is not the key of that certificate")]
    KeyMismatch,
}

impl Tls {
    /// Trusts these certificates instead of the machine's authorities: each as an authority, and as the
    /// certificate of a server.
    ///
    /// # Errors
    /// Returns a fault if the text has no certificate.
    pub fn with_authorities(self, authorities: &[u8]) -> Result<Self, PemFault> {
        let verifier = CaFileVerifier::new(certificates(authorities)?).ok_or(PemFault::NoCertificate)?;
        let (verifier, authorities) = (Some(Arc::new(verifier)), Some(authorities.to_vec()));
        Ok(Self { authorities, verifier, ..self }.with_fingerprint())
    }

    /// Sets the client certificate. The certificates that lead to its authority follow it in the text.
    ///
    /// # Errors
    /// Returns a fault if certificate or key cannot be read, or if they do not match.
    pub fn with_client_certificate(self, certificate: &[u8], key: &[u8]) -> Result<Self, PemFault> {
        let chain = certificates(certificate)?;
        let private = PrivateKeyDer::from_pem_slice(key).map_err(|_| PemFault::NoKey)?;
        let certified = match CertifiedKey::from_der(chain, private, &default_provider()) {
            Ok(certified) => SingleCertAndKey::from(certified),
            Err(rustls::Error::InconsistentKeys(_)) => return Err(PemFault::KeyMismatch),
            Err(_) => return Err(PemFault::NoKey),
        };
        let pem = [certificate, b"\n", key].concat();
        let (client_certificate, certified) = (Some(pem), Some(Arc::new(certified)));
        Ok(Self { client_certificate, certified, ..self }.with_fingerprint())
    }

    /// Accepts any certificate.
    #[must_use]
    pub fn without_verification(self) -> Self {
        Self { insecure: true, ..self }.with_fingerprint()
    }

    /// Returns the same settings without the client certificate.
    #[must_use]
    pub fn without_client_certificate(&self) -> Self {
        Self { client_certificate: None, certified: None, ..self.clone() }.with_fingerprint()
    }

    /// Returns the settings of a client that trusts the given authorities. None if it trusts the machine's
    /// authorities or accepts any certificate.
    #[must_use]
    pub fn client_config(&self) -> Option<ClientConfig> {
        let verifier = self.verifier.clone().filter(|_| !self.insecure)?;
        let config = ClientConfig::builder().dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match self.certified.clone() {
            Some(certified) => config.with_client_cert_resolver(certified),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Some(config)
    }

    /// Returns the PEM text of the certificates that are trusted instead of the machine's authorities.
    #[must_use]
    pub fn authorities(&self) -> Option<&[u8]> {
        self.authorities.as_deref()
    }

    /// Returns the PEM text of the client certificate and its key.
    #[must_use]
    pub fn client_certificate(&self) -> Option<&[u8]> {
        self.client_certificate.as_deref()
    }

    /// True if any certificate is accepted.
    #[must_use]
    pub fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// Returns a hash of all settings, which is equal for equal settings only.
    #[must_use]
    pub fn fingerprint(&self) -> &[u8] {
        &self.fingerprint
    }

    fn with_fingerprint(self) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [&self.authorities, &self.client_certificate] {
            let length = part.as_ref().map_or(0, |part| part.len() + 1);
            context.update(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part.as_deref().unwrap_or_default());
        }
        context.update(&[u8::from(self.insecure)]);
        Self { fingerprint: context.finish().as_ref().to_vec(), ..self }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("insecure", &self.insecure).finish_non_exhaustive()
    }
}

/// Parses the certificates of a PEM text. There must be one at least, and all must be readable.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemFault> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.map_err(|_| PemFault::NoCertificate)?;
    let readable = certificates.iter().all(|one| ParsedCertificate::try_from(one).is_ok());
    if certificates.is_empty() || !readable { Err(PemFault::NoCertificate) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn pair() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["h".to_owned()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let ((certificate, key), (_, other)) = (pair(), pair());
        let identified =
            |key: &str| Tls::default().with_client_certificate(certificate.as_bytes(), key.as_bytes());
        assert!(identified(&key).is_ok());
        assert_eq!(identified(&other), Err(PemFault::KeyMismatch));
        assert_eq!(identified("geheim"), Err(PemFault::NoKey));
        assert_eq!(Tls::default().with_client_certificate(b"", key.as_bytes()), Err(PemFault::NoCertificate));
    }

    #[test]
    fn a_text_without_a_valid_certificate_is_refused() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "geheim", broken] {
            assert_eq!(
                Tls::default().with_authorities(text.as_bytes()),
                Err(PemFault::NoCertificate),
                "{text}"
            );
        }
        assert!(Tls::default().with_authorities(pair().0.as_bytes()).is_ok());
    }

    #[test]
    fn equal_settings_have_the_same_fingerprint() {
        let (certificate, key) = pair();
        let trusting = Tls::default().with_authorities(certificate.as_bytes()).unwrap();
        let identified =
            trusting.clone().with_client_certificate(certificate.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(identified.without_client_certificate(), trusting);
        assert_ne!(identified.fingerprint(), trusting.fingerprint());
        assert_ne!(trusting.clone().without_verification().fingerprint(), trusting.fingerprint());
        assert!(!format!("{identified:?}").contains("PRIVATE"));
    }
}
