//! Trust in the certificates of one file: in each as an authority, and in each for itself.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Verifies servers against these certificates and nothing else.
///
/// A server that shows one of them byte for byte is trusted for it: the handshake proves that it has the private key, and
/// whoever wrote the certificate into the file has said which server that is. So neither its names are compared nor its
/// issuer or purpose looked at (as with DANE-EE, RFC 7671, 5.1); it must be within its dates. Any other certificate must
/// be issued by one of them, and is verified as everywhere.
#[derive(Debug)]
pub(super) struct CaFileVerifier {
    certificates: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
}

impl CaFileVerifier {
    /// In these certificates; none where one of them cannot be used.
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
        // its dates are looked at before anything else; without intermediates they are nobody else's
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

/// A signature by another key than the certificate in the file has: an authority, or a device, of the same name.
fn as_unknown_issuer(error: Error) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::BadSignature) => CertificateError::UnknownIssuer.into(),
        other => other,
    }
}

/// True if the certificate is out of its dates, or they cannot be read.
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
