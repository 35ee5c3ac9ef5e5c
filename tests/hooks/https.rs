use std::sync::Arc;

use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::util::{Daemon, Ended, Environment, FakeSwitch, FakeWebhook, Program, Reply};

/// An authority, and the file that trusts it.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    trust: NamedTempFile,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::new([]).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let trust = NamedTempFile::new().unwrap();
        std::fs::write(trust.path(), certificate.pem()).unwrap();
        Self { issuer: Issuer::new(parameters, key), trust }
    }

    /// A server with a certificate of this authority.
    fn certify(&self, name: &str, change: impl FnOnce(&mut CertificateParams), alpn: &[&str]) -> TlsAcceptor {
        let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        server(&certificate, &key, alpn)
    }

    /// One call to this URL of a daemon that trusts this authority alone.
    async fn call(&self, url: &str) -> Ended {
        let hook = format!("[hook.crm]\nurl = \"{url}\"\nvariable = \"CRM\"\ntimeout = 10");
        let trust = self.trust.path().to_str().unwrap();
        let program = Program::serve(&hook, &[("SSL_CERT_FILE", trust)]).await;
        FakeSwitch::call(program.address(), Environment::new("crm")).await
    }
}

fn server(certificate: &Certificate, key: &KeyPair, alpn: &[&str]) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

async fn webhook(tls: TlsAcceptor) -> FakeWebhook {
    FakeWebhook::start_tls(tls, |_| Reply::text("sales")).await
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_accepted() {
    let authority = Authority::new("ours");
    let by_address = webhook(authority.certify("127.0.0.1", |_| {}, &[])).await;
    assert_eq!(authority.call(&by_address.url("/")).await.get("CRM"), Some("sales"));
    let by_name = webhook(authority.certify("localhost", |_| {}, &[])).await;
    let url = by_name.url("/").replace("127.0.0.1", "localhost");
    assert_eq!(authority.call(&url).await.get("CRM"), Some("sales"));
}

/// The reason for which this webhook is not asked.
fn unreachable(ended: &Ended, webhook: &FakeWebhook) -> String {
    assert_eq!((ended.status(), ended.code(), ended.get("CRM")), ("UNREACHABLE", "", Some("")));
    assert_eq!(webhook.received(), []);
    ended.reason().to_owned()
}

#[tokio::test]
async fn an_unknown_authority_is_not() {
    let (authority, other) = (Authority::new("ours"), Authority::new("another"));
    let webhook = webhook(other.certify("127.0.0.1", |_| {}, &[])).await;
    let ended = authority.call(&webhook.url("/")).await;
    assert_eq!(unreachable(&ended, &webhook), "the certificate of the webhook is from an unknown authority");
}

#[tokio::test]
async fn a_certificate_that_signed_itself_is_not() {
    let unknown = "the certificate of the webhook is from an unknown authority";
    // to trust an authority's own certificate would not help: rustls lets no authority be a server
    let invalid = "the certificate of the webhook is one of an authority and not of a server";
    for (is_ca, reason) in [(IsCa::NoCa, unknown), (IsCa::Ca(BasicConstraints::Unconstrained), invalid)] {
        let mut parameters = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        parameters.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let webhook = webhook(server(&certificate, &key, &[])).await;
        let ended = Authority::new("ours").call(&webhook.url("/")).await;
        assert_eq!(unreachable(&ended, &webhook), reason);
    }
}

#[tokio::test]
async fn an_expired_certificate_is_not() {
    let authority = Authority::new("ours");
    let expired = |parameters: &mut CertificateParams| {
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    };
    let webhook = webhook(authority.certify("127.0.0.1", expired, &[])).await;
    let ended = authority.call(&webhook.url("/")).await;
    assert_eq!(unreachable(&ended, &webhook), "the certificate of the webhook is expired or not valid yet");
}

#[tokio::test]
async fn a_certificate_of_the_future_is_not() {
    let authority = Authority::new("ours");
    let to_come = |parameters: &mut CertificateParams| parameters.not_before = date_time_ymd(4000, 1, 1);
    let webhook = webhook(authority.certify("127.0.0.1", to_come, &[])).await;
    let ended = authority.call(&webhook.url("/")).await;
    assert_eq!(unreachable(&ended, &webhook), "the certificate of the webhook is expired or not valid yet");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not() {
    let authority = Authority::new("ours");
    let webhook = webhook(authority.certify("crm.example.com", |_| {}, &[])).await;
    let ended = authority.call(&webhook.url("/")).await;
    assert_eq!(unreachable(&ended, &webhook), "the certificate of the webhook is for another host name");
}

#[tokio::test]
async fn a_webhook_that_speaks_no_tls_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await
    });
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"https://{address}/\"")).await;
    let ended = FakeSwitch::call(daemon.address(), Environment::new("crm")).await;
    assert_eq!(
        (ended.status(), ended.reason()),
        ("UNREACHABLE", "the TLS handshake with the webhook failed")
    );
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_offered() {
    let authority = Authority::new("ours");
    let tls = authority.certify("127.0.0.1", |_| {}, &["h2", "http/1.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let stream = tls.accept(listener.accept().await.unwrap().0).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let answer = async |request: hyper::Request<hyper::body::Incoming>| {
            let told = format!("{:?} {} {:?}", request.method(), request.uri().path(), request.version());
            Ok::<_, std::convert::Infallible>(hyper::Response::new(Full::new(bytes::Bytes::from(told))))
        };
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        connection.serve_connection(TokioIo::new(stream), service_fn(answer)).await
    });
    let ended = authority.call(&format!("https://{address}/route")).await;
    assert_eq!(
        (ended.status(), ended.get("CRM")),
        ("OK", Some("POST /route HTTP/2.0")),
        "{}",
        ended.reason()
    );
}

#[tokio::test]
async fn http_1_is_spoken_where_2_is_not_offered() {
    let authority = Authority::new("ours");
    let webhook = webhook(authority.certify("127.0.0.1", |_| {}, &["http/1.1"])).await;
    assert_eq!(authority.call(&webhook.url("/")).await.status(), "OK");
}
