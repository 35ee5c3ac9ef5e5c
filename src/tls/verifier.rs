//! The verification of servers against the certificates of one file (`ca`).

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Verifies servers against these certificates only.
///
/// A server with a certificate that is in the file, byte for byte, is trusted: the handshake proves that it
/// has the private key, and the administrator named this server by its certificate. Its names, issuer and
/// purpose are not checked (as with DANE-EE, RFC 7671, 5.1), but its dates are. Any other certificate must be
/// issued by one of the file, and is verified in the usual way.
#[derive(Debug)]
pub(super) struct CaFileVerifier {
    certificates: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
}

impl CaFileVerifier {
    /// Returns a verifier for these certificates. None if one of them cannot be used.
    pub(super) fn new(certificates: Vec<CertificateDer<'static>>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).ok()?;
        }
        let provider = Arc::new(default_provider());
        let authorities =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()?;
        Some(Self { certificates, authorities })
    }
}

impl ServerCertVerifier for CaFileVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |intermediates| {
            self.authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        if !self.certificates.contains(end_entity) {
            return verify(intermediates).map_err(as_unknown_issuer);
        }
        // webpki checks the dates first; without intermediates, a fault of dates is one of this certificate
        match verify(&[]) {
            Err(Error::InvalidCertificate(fault)) if is_date_fault(&fault) => {
                Err(Error::InvalidCertificate(fault))
            }
            Ok(_) | Err(_) => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Reports a bad signature as an unknown issuer: another authority or device has the same name as one of the
/// file.
fn as_unknown_issuer(error: Error) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::BadSignature) => CertificateError::UnknownIssuer.into(),
        other => other,
    }
}

/// True if the certificate is expired or not valid yet, or its dates cannot be read.
fn is_date_fault(fault: &CertificateError) -> bool {
    matches!(
        fault,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
            | CertificateError::BadEncoding
    )
}
