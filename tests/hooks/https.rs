//! Owner: tls. The certificates of webhooks, and the client certificate of a hook.

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;

use crate::util::{
    Authority, Daemon, Ended, Environment, FakeAsterisk, FakeWebhook, Program, Reply, configured, run, server,
};

/// One call at this URL, of a daemon whose system trusts this authority only.
async fn call(authority: &Authority, url: &str) -> Ended {
    let hook = format!("[hook.crm]\nurl = \"{url}\"\nvariable = \"CRM\"\ntimeout = 10");
    let program = Program::serve(&hook, &[("SSL_CERT_FILE", authority.file())]).await;
    FakeAsterisk::call(program.address(), Environment::new("crm")).await
}

async fn webhook(tls: TlsAcceptor) -> FakeWebhook {
    FakeWebhook::start_tls(tls, |_| Reply::text("sales")).await
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_accepted() {
    let authority = Authority::new("ours");
    let by_address = webhook(authority.certify("127.0.0.1", |_| {}, &[])).await;
    assert_eq!(call(&authority, &by_address.url("/")).await.get("CRM"), Some("sales"));
    let by_name = webhook(authority.certify("localhost", |_| {}, &[])).await;
    let url = by_name.url("/").replace("127.0.0.1", "localhost");
    assert_eq!(call(&authority, &url).await.get("CRM"), Some("sales"));
}

/// The reason of the UNREACHABLE of this webhook.
fn unreachable(ended: &Ended, webhook: &FakeWebhook) -> String {
    assert_eq!((ended.status(), ended.code(), ended.get("CRM")), ("UNREACHABLE", "", Some("")));
    assert_eq!(webhook.received(), []);
    ended.reason().to_owned()
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let (authority, other) = (Authority::new("ours"), Authority::new("another"));
    let webhook = webhook(other.certify("127.0.0.1", |_| {}, &[])).await;
    let ended = call(&authority, &webhook.url("/")).await;
    assert_eq!(unreachable(&ended, &webhook), "the certificate of the webhook is from an unknown authority");
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused() {
    let unknown = "the certificate of the webhook is from an unknown authority";
    let invalid = "the certificate of the webhook is a CA certificate. it is trusted only if ca has this same certificate";
    for (is_ca, reason) in [(IsCa::NoCa, unknown), (IsCa::Ca(BasicConstraints::Unconstrained), invalid)] {
        let mut parameters = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        parameters.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let webhook = webhook(server(&certificate, &key, &[], None)).await;
        let ended = call(&Authority::new("ours"), &webhook.url("/")).await;
        assert_eq!(unreachable(&ended, &webhook), reason);
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new("ours");
    let expired = |parameters: &mut CertificateParams| {
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    };
    let webhook = webhook(authority.certify("127.0.0.1", expired, &[])).await;
    let ended = call(&authority, &webhook.url("/")).await;
    assert_eq!(unreachable(&ended, &webhook), "the certificate of the webhook is expired or not valid yet");
}

#[tokio::test]
async fn a_certificate_of_the_future_is_refused() {
    let authority = Authority::new("ours");
    let to_come = |parameters: &mut CertificateParams| parameters.not_before = date_time_ymd(4000, 1, 1);
    let webhook = webhook(authority.certify("127.0.0.1", to_come, &[])).await;
    let ended = call(&authority, &webhook.url("/")).await;
    assert_eq!(unreachable(&ended, &webhook), "the certificate of the webhook is expired or not valid yet");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new("ours");
    let webhook = webhook(authority.certify("crm.example.com", |_| {}, &[])).await;
    let ended = call(&authority, &webhook.url("/")).await;
    assert_eq!(unreachable(&ended, &webhook), "the certificate of the webhook is for another host name");
}

#[tokio::test]
async fn http_1_is_used_whatever_the_server_offers() {
    let authority = Authority::new("ours");
    for offered in [&["h2", "http/1.1"][..], &["http/1.1"], &[]] {
        let webhook = webhook(authority.certify("127.0.0.1", |_| {}, offered)).await;
        assert_eq!(call(&authority, &webhook.url("/")).await.status(), "OK", "{offered:?}");
    }
}

/// A daemon whose hook has these keys for this webhook.
async fn daemon_for(webhook: &FakeWebhook, keys: &str) -> Daemon {
    crate::util::daemon_for(webhook, &format!("timeout = 10\n{keys}")).await
}

/// The key `ca` for this authority.
fn ca(authority: &Authority) -> String {
    format!("ca = \"{}\"\n", authority.file())
}

#[tokio::test]
async fn only_the_authority_in_ca_of_the_hook_is_trusted() {
    let (ours, other) = (Authority::new("ours"), Authority::new("another"));
    let webhook = webhook(ours.certify("127.0.0.1", |_| {}, &[])).await;
    let ended = super::step(&daemon_for(&webhook, &ca(&other)).await, "crm").await;
    assert_eq!(unreachable(&ended, &webhook), "the certificate of the webhook is from an unknown authority");
    let ended = super::step(&daemon_for(&webhook, "").await, "crm").await;
    assert_eq!(unreachable(&ended, &webhook), "the certificate of the webhook is from an unknown authority");
    let ended = super::step(&daemon_for(&webhook, &ca(&ours)).await, "crm").await;
    assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("sales")), "{}", ended.reason());
}

#[tokio::test]
async fn an_authority_of_the_system_is_not_trusted_if_the_hook_has_ca() {
    let (ours, machine) = (Authority::new("ours"), Authority::new("of the machine"));
    let webhook = webhook(machine.certify("127.0.0.1", |_| {}, &[])).await;
    let hook = |keys: &str| format!("[hook.crm]\nurl = \"{}\"\n{keys}", webhook.url("/"));
    let trust = [("SSL_CERT_FILE", machine.file())];
    for (keys, status) in [(ca(&ours), "UNREACHABLE"), (String::new(), "OK")] {
        let program = Program::serve(&hook(&keys), &trust).await;
        let ended = FakeAsterisk::call(program.address(), Environment::new("crm")).await;
        assert_eq!(ended.status(), status, "{}", ended.reason());
    }
}

#[tokio::test]
async fn hooks_of_one_webhook_each_have_their_own_trust() {
    let (ours, other) = (Authority::new("ours"), Authority::new("another"));
    let webhook = webhook(ours.certify("127.0.0.1", |_| {}, &[])).await;
    let hook = |name: &str, keys: &str| format!("[hook.{name}]\nurl = \"{}\"\n{keys}\n", webhook.url("/"));
    let daemon = Daemon::start(
        &[hook("good", &ca(&ours)), hook("bad", &ca(&other)), hook("any", "insecure = true")].concat(),
    )
    .await;
    for (name, status) in
        [("good", "OK"), ("bad", "UNREACHABLE"), ("any", "OK"), ("bad", "UNREACHABLE"), ("good", "OK")]
    {
        assert_eq!(super::step(&daemon, name).await.status(), status, "{name}");
    }
}

#[tokio::test]
async fn expired_and_misnamed_certificates_are_refused_with_ca_too() {
    let ours = Authority::new("ours");
    let expired = |parameters: &mut CertificateParams| {
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    };
    let expired = webhook(ours.certify("127.0.0.1", expired, &[])).await;
    let ended = super::step(&daemon_for(&expired, &ca(&ours)).await, "crm").await;
    assert_eq!(unreachable(&ended, &expired), "the certificate of the webhook is expired or not valid yet");
    let misnamed = webhook(ours.certify("crm.example.com", |_| {}, &[])).await;
    let ended = super::step(&daemon_for(&misnamed, &ca(&ours)).await, "crm").await;
    assert_eq!(unreachable(&ended, &misnamed), "the certificate of the webhook is for another host name");
}

#[tokio::test]
async fn the_client_certificate_is_shown_if_the_webhook_demands_it() {
    let (ours, clients) = (Authority::new("ours"), Authority::new("clients"));
    let webhook = webhook(ours.certify_for_clients("127.0.0.1", &clients)).await;
    let shown = clients.credentials();
    let daemon = daemon_for(&webhook, &format!("{}{}", ca(&ours), shown.keys())).await;
    for _ in 0..2 {
        let ended = super::step(&daemon, "crm").await;
        assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("sales")), "{}", ended.reason());
    }
}

#[tokio::test]
async fn a_webhook_that_demands_another_certificate_is_unreachable() {
    let (ours, clients) = (Authority::new("ours"), Authority::new("clients"));
    let webhook = webhook(ours.certify_for_clients("127.0.0.1", &clients)).await;
    let strange = Authority::new("strangers").credentials();
    for keys in [String::new(), strange.keys()] {
        let ended = super::step(&daemon_for(&webhook, &format!("{}{keys}", ca(&ours))).await, "crm").await;
        let reason = unreachable(&ended, &webhook);
        // the alert and the end of the connection can arrive in either order
        let handshake = "the TLS handshake with the webhook failed";
        let closed = "the webhook closed the connection before its answer was complete";
        assert!([handshake, closed].contains(&&*reason), "{reason}");
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_for_its_own_hook_only() {
    let (ours, clients) = (Authority::new("ours"), Authority::new("clients"));
    let webhook = webhook(ours.certify_for_clients("127.0.0.1", &clients)).await;
    let hook = |name: &str, keys: &str| {
        format!("[hook.{name}]\nurl = \"{}\"\n{}{keys}\n", webhook.url("/"), ca(&ours))
    };
    let daemon =
        Daemon::start(&(hook("known", &clients.credentials().keys()) + hook("stranger", "").as_str())).await;
    // an idle connection with the client certificate exists
    for (name, status) in [("known", "OK"), ("stranger", "UNREACHABLE"), ("known", "OK")] {
        assert_eq!(super::step(&daemon, name).await.status(), status, "{name}");
    }
}

#[tokio::test]
async fn a_key_of_another_certificate_is_a_fault_of_the_configuration() {
    let clients = Authority::new("clients");
    let (one, other) = (clients.credentials(), clients.credentials());
    let (_folder, file) =
        configured(&format!("[hook.crm]\nurl = \"https://h/\"\n{}", one.keys_mixed(&other)));
    let (status, _, err) = run(&["check", "--config", file.to_str().unwrap()]).await;
    assert!(
        status == 1 && err.contains("hook.crm.key: the file is not the key of that certificate"),
        "{err}"
    );
    assert!(!err.contains("BEGIN"));
}

#[tokio::test]
async fn insecure_accepts_any_certificate_and_warns_everywhere() {
    let other = Authority::new("another");
    let wrong = |parameters: &mut CertificateParams| {
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    };
    let webhook = webhook(other.certify("crm.example.com", wrong, &[])).await;
    let hook = format!("[hook.crm]\nurl = \"{}\"\nvariable = \"CRM\"\ninsecure = true\n", webhook.url("/"));
    let program = Program::serve(&hook, &[]).await;
    let ended = FakeAsterisk::call(program.address(), Environment::new("crm")).await;
    assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("sales")), "{}", ended.reason());
    let log = program.stop().await;
    let line = log.lines().find(|line| line.contains("insecure = true")).expect("a warning");
    assert!(line.contains("WARN") && line.contains("crm"), "{line}");
    let (_folder, file) = configured(&hook);
    let file = file.to_str().unwrap();
    let (status, out, _) = run(&["check", "--config", file]).await;
    assert!(status == 0 && out.contains("INSECURE: certificates are not verified"), "{out}");
    for more in [&[][..], &["--json"]] {
        let (status, _, err) = run(&[&["try", "crm", "--config", file][..], more].concat()).await;
        assert_eq!(
            (status, err.as_str()),
            (0, "dialhook: hook crm: insecure = true: certificates are not verified\n")
        );
    }
}

#[tokio::test]
async fn insecure_still_shows_the_client_certificate() {
    let (ours, clients) = (Authority::new("ours"), Authority::new("clients"));
    let webhook = webhook(ours.certify_for_clients("crm.example.com", &clients)).await;
    let shown = clients.credentials();
    let daemon = daemon_for(&webhook, &format!("insecure = true\n{}", shown.keys())).await;
    assert_eq!(super::step(&daemon, "crm").await.status(), "OK");
}
