//! Owner: the tests. Certificates of each kind, and TLS servers that show them.

use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// An authority, and the file that trusts it.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    trust: NamedTempFile,
}

/// A client's certificate and its key, in files.
#[derive(Debug)]
pub struct Credentials {
    certificate: NamedTempFile,
    key: NamedTempFile,
}

impl Authority {
    /// An authority of this name.
    pub fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::new([]).expect("no names");
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        let trust = written(&certificate.pem());
        Self { issuer: Issuer::new(parameters, key), certificate: certificate.der().clone(), trust }
    }

    /// The file that trusts it.
    pub fn file(&self) -> &str {
        path(&self.trust)
    }

    /// A server with a certificate of this authority.
    pub fn certify(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
        alpn: &[&str],
    ) -> TlsAcceptor {
        let (certificate, key) = self.issue(name, change);
        server(&certificate, &key, alpn, None)
    }

    /// A server with a certificate of this authority, for clients with one of the other.
    pub fn certify_for_clients(&self, name: &str, clients: &Self) -> TlsAcceptor {
        let (certificate, key) = self.issue(name, |_| {});
        server(&certificate, &key, &[], Some(clients))
    }

    /// A client's certificate.
    pub fn credentials(&self) -> Credentials {
        let (certificate, key) = self.issue("pbx.example.com", |_| {});
        Credentials { certificate: written(&certificate.pem()), key: written(&key.serialize_pem()) }
    }

    /// A certificate of this authority, and its key.
    pub fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (Certificate, KeyPair) {
        let mut parameters = CertificateParams::new([name.to_owned()]).expect("a name");
        change(&mut parameters);
        let key = KeyPair::generate().expect("a key");
        (parameters.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }
}

impl Credentials {
    /// The keys of a hook that uses them.
    pub fn keys(&self) -> String {
        format!("certificate = \"{}\"\nkey = \"{}\"\n", path(&self.certificate), path(&self.key))
    }

    /// The certificate and the key, in PEM.
    pub fn texts(&self) -> (String, String) {
        let text = |file: &NamedTempFile| std::fs::read_to_string(file.path()).expect("a file in UTF-8");
        (text(&self.certificate), text(&self.key))
    }

    /// The same with the key of other credentials.
    pub fn keys_mixed(&self, other: &Self) -> String {
        format!("certificate = \"{}\"\nkey = \"{}\"\n", path(&self.certificate), path(&other.key))
    }
}

/// A server with this certificate. If an authority is given, clients need a certificate of that authority.
pub fn server(
    certificate: &Certificate,
    key: &KeyPair,
    alpn: &[&str],
    clients: Option<&Authority>,
) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key in DER");
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions that ring knows");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate.clone()).expect("an authority");
            let provider = Arc::new(ring::default_provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    let mut config = builder.with_single_cert(vec![certificate.der().clone()], key).expect("a pair");
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

fn written(pem: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), pem).expect("a file");
    file
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().expect("a path in UTF-8")
}
