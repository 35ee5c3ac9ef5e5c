//! The end of a certificate's validity.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};

/// The beginning of the year 10000. No certificate is valid then (RFC 5280, 4.1.2.5).
const AFTER_ALL: Duration = Duration::from_secs(253_402_300_800);

/// Returns the end of the validity of a certificate in DER. None if it cannot be read.
///
/// rustls reads it already, and says it in the fault of a certificate that has expired; so no other library
/// needs to read certificates.
#[must_use]
pub fn expiry(certificate: &[u8]) -> Option<SystemTime> {
    let certificate = CertificateDer::from(certificate);
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).ok()?;
    let provider = Arc::new(default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()?;
    let name = ServerName::try_from("h.invalid").ok()?;
    let late = UnixTime::since_unix_epoch(AFTER_ALL);
    match verifier.verify_server_cert(&certificate, &[], &name, &[], late) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(not_after.as_secs()))
        }
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn the_expiry_of_a_server_and_of_an_authority_is_read() {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_073_600);
        for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
            let mut params = CertificateParams::new(vec!["h".to_owned()]).unwrap();
            (params.not_after, params.is_ca) = (date_time_ymd(2033, 5, 19), is_ca);
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            assert_eq!(expiry(certificate.der()), Some(end));
        }
        assert_eq!(expiry(b"geheim"), None);
    }
}
