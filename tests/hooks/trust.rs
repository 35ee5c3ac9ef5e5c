//! Owner: tls. Certificates that `ca` trusts for themselves, and a reason for each way in which TLS fails.

use std::fs;
use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_util::task::AbortOnDropHandle;

use crate::util::{Authority, Daemon, Ended, FakeWebhook, Reply, daemon_for, server};

/// A self-signed certificate and its key.
fn self_signed(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (Certificate, KeyPair) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = CertificateParams::new(names).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, "crm.example.com");
    change(&mut parameters);
    let key = KeyPair::generate().unwrap();
    (parameters.self_signed(&key).unwrap(), key)
}

/// As `openssl req -x509` makes one: of an authority, with a common name alone.
fn of_openssl(parameters: &mut CertificateParams) {
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

/// One call at a hook that names these certificates in `ca`.
async fn call(webhook: &FakeWebhook, ca: &[&Certificate]) -> Ended {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), ca.iter().map(|one| one.pem()).collect::<String>()).unwrap();
    let keys = format!("timeout = 10\nca = \"{}\"\n", file.path().display());
    super::step(&daemon_for(webhook, &keys).await, "crm").await
}

async fn webhook(tls: TlsAcceptor) -> FakeWebhook {
    FakeWebhook::start_tls(tls, |_| Reply::text("sales")).await
}

/// The reason of the UNREACHABLE of this webhook.
fn unreachable(ended: &Ended, webhook: &FakeWebhook) -> String {
    assert_eq!((ended.status(), ended.code(), ended.get("CRM")), ("UNREACHABLE", "", Some("")));
    assert_eq!(webhook.received(), []);
    ended.reason().to_owned()
}

#[tokio::test]
async fn a_certificate_named_in_ca_is_trusted_for_itself() {
    for (names, of_an_authority) in [
        (&["127.0.0.1"][..], false),
        (&["127.0.0.1"], true),
        // openssl's default
        (&[], true),
        (&[], false),
        (&["device.local"], false),
    ] {
        let change = |parameters: &mut CertificateParams| {
            if of_an_authority {
                of_openssl(parameters);
            }
        };
        let (certificate, key) = self_signed(names, change);
        let webhook = webhook(server(&certificate, &key, &[], None)).await;
        let (other, _) = self_signed(names, change);
        for ca in [&[&certificate][..], &[&other, &certificate]] {
            let ended = call(&webhook, ca).await;
            assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("sales")), "{}", ended.reason());
        }
    }
}

#[tokio::test]
async fn a_server_certificate_in_ca_is_trusted_without_its_authority() {
    let authority = Authority::new("nobody knows it");
    let (certificate, key) = authority.issue("device.local", |_| {});
    let webhook = webhook(server(&certificate, &key, &[], None)).await;
    assert_eq!(call(&webhook, &[&certificate]).await.status(), "OK");
}

#[tokio::test]
async fn a_certificate_that_only_looks_like_the_one_in_ca_is_refused() {
    let (ours, _) = self_signed(&["127.0.0.1"], of_openssl);
    let (theirs, key) = self_signed(&["127.0.0.1"], of_openssl);
    let stranger = webhook(server(&theirs, &key, &[], None)).await;
    let ended = call(&stranger, &[&ours]).await;
    assert_eq!(
        unreachable(&ended, &stranger),
        "the certificate of the webhook is a CA certificate. it is trusted only if ca has this same certificate"
    );
    let (ours, _) = self_signed(&["127.0.0.1"], |_| {});
    let (theirs, key) = self_signed(&["127.0.0.1"], |_| {});
    let stranger = webhook(server(&theirs, &key, &[], None)).await;
    let ended = call(&stranger, &[&ours]).await;
    assert_eq!(unreachable(&ended, &stranger), "the certificate of the webhook is from an unknown authority");
}

#[tokio::test]
async fn a_certificate_in_ca_is_refused_without_its_key() {
    let (certificate, _) = self_signed(&["127.0.0.1"], of_openssl);
    let other = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(KeyPair::generate().unwrap().serialize_der()));
    let other = ring::sign::any_supported_type(&other).unwrap();
    let certified = CertifiedKey::new(vec![certificate.der().clone()], other);
    for version in [&tokio_rustls::rustls::version::TLS12, &tokio_rustls::rustls::version::TLS13] {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified.clone())));
        let thief = webhook(TlsAcceptor::from(Arc::new(config))).await;
        let ended = call(&thief, &[&certificate]).await;
        assert_eq!(unreachable(&ended, &thief), "the certificate of the webhook is not valid");
    }
}

#[tokio::test]
async fn a_certificate_in_ca_is_refused_outside_its_dates() {
    let expired = |parameters: &mut CertificateParams| {
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    };
    let to_come = |parameters: &mut CertificateParams| parameters.not_before = date_time_ymd(4000, 1, 1);
    for change in [&expired as &dyn Fn(&mut CertificateParams), &to_come] {
        for names in [&["127.0.0.1"][..], &[]] {
            let (certificate, key) = self_signed(names, |parameters| {
                of_openssl(parameters);
                change(parameters);
            });
            let webhook = webhook(server(&certificate, &key, &[], None)).await;
            let ended = call(&webhook, &[&certificate]).await;
            assert_eq!(
                unreachable(&ended, &webhook),
                "the certificate of the webhook is expired or not valid yet"
            );
        }
    }
}

#[tokio::test]
async fn the_client_certificate_is_shown_to_a_webhook_whose_certificate_is_in_ca() {
    let clients = Authority::new("clients");
    let (certificate, key) = self_signed(&[], of_openssl);
    let webhook = webhook(server(&certificate, &key, &[], Some(&clients))).await;
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), certificate.pem()).unwrap();
    let ca = format!("timeout = 10\nca = \"{}\"\n", file.path().display());
    let shown = clients.credentials();
    for (keys, status) in [(format!("{ca}{}", shown.keys()), "OK"), (ca, "UNREACHABLE")] {
        let ended = super::step(&daemon_for(&webhook, &keys).await, "crm").await;
        assert_eq!(ended.status(), status, "{}", ended.reason());
    }
}

#[tokio::test]
async fn a_certificate_without_subject_alt_name_has_its_own_reason() {
    let authority = Authority::new("ours");
    for host in ["127.0.0.1", "localhost"] {
        let nameless = |parameters: &mut CertificateParams| {
            parameters.subject_alt_names.clear();
            parameters.distinguished_name.push(DnType::CommonName, host);
        };
        let webhook = webhook(authority.certify(host, nameless, &[])).await;
        let url = webhook.url("/").replace("127.0.0.1", host);
        let hook =
            format!("[hook.crm]\nurl = \"{url}\"\nvariable = \"CRM\"\nca = \"{}\"\n", authority.file());
        let ended = super::step(&Daemon::start(&hook).await, "crm").await;
        assert_eq!(
            unreachable(&ended, &webhook),
            "the certificate of the webhook has no subjectAltName. its common name is not used"
        );
    }
}

/// The reason of the UNREACHABLE of a server that replies this to a `ClientHello` and then closes.
async fn reason_after(sent: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let _serving = AbortOnDropHandle::new(tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 5];
            stream.read_exact(&mut head).await.unwrap();
            let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
            stream.read_exact(&mut hello).await.unwrap();
            stream.write_all(sent).await.unwrap();
        }
    }));
    let daemon = Daemon::start(&format!("[hook.crm]\nurl = \"https://{address}/\"")).await;
    let ended = super::step(&daemon, "crm").await;
    assert_eq!(ended.status(), "UNREACHABLE");
    ended.reason().to_owned()
}

#[tokio::test]
async fn a_webhook_with_old_tls_versions_only_has_its_own_reason() {
    // the alert protocol_version, as from OpenSSL
    let alert = b"\x15\x03\x01\0\x02\x02\x46";
    // ServerHello of TLS 1.1 and of TLS 1.0: TLS_RSA_WITH_AES_128_CBC_SHA, no session
    let hello = |version: u8| {
        let mut hello = vec![0x16, 3, version, 0, 42, 2, 0, 0, 38, 3, version];
        hello.extend([7; 32]);
        hello.extend([0, 0, 0x2f, 0]);
        Vec::leak(hello)
    };
    for sent in [&alert[..], hello(2), hello(1)] {
        assert_eq!(reason_after(sent).await, "the webhook offers neither TLS 1.2 nor TLS 1.3");
    }
}

#[tokio::test]
async fn https_at_a_port_without_tls_has_its_own_reason() {
    let no_tls = "the port of the webhook does not speak TLS. use its https port";
    for sent in [
        &b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..],
        b"<!DOCTYPE HTML>\n<html>",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example ESMTP\r\n",
    ] {
        assert_eq!(reason_after(sent).await, no_tls);
    }
    let closed = "the webhook closed the connection in the TLS handshake. check that its port speaks TLS";
    assert_eq!(reason_after(b"").await, closed);
    let failed = "the TLS handshake with the webhook failed";
    assert_eq!(reason_after(b"\x15\x03\x03\0\x02\x02\x28").await, failed);
}
