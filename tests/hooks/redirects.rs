//! Owner: webhook. Redirects: which are followed, and what is sent along.

use super::step;
use crate::util::{Authority, Daemon, Ended, FakeWebhook, Received, Reply, daemon_for};

/// A webhook that redirects from `/` to this location, and answers at every other path.
async fn redirecting(code: u16, location: &'static str) -> FakeWebhook {
    FakeWebhook::start(move |request| match request.target.as_str() {
        "/" => Reply::redirect(code, location),
        _ => Reply::text("sales"),
    })
    .await
}

/// A call at a webhook that redirects with this status, and the requests that it received.
async fn followed(code: u16, location: &'static str, keys: &str) -> (Ended, Vec<Received>) {
    let webhook = redirecting(code, location).await;
    let daemon = daemon_for(&webhook, keys).await;
    (step(&daemon, "crm").await, webhook.received())
}

#[tokio::test]
async fn a_redirect_to_the_same_host_and_port_is_followed_if_the_hook_allows_it() {
    for (location, target) in
        [("/there?a=b", "/there?a=b"), ("there", "/there"), ("?q", "/?q"), ("/there#part", "/there")]
    {
        let (ended, received) = followed(302, location, "redirects = 1").await;
        assert_eq!(
            (ended.status(), ended.code(), ended.get("CRM")),
            ("OK", "200", Some("sales")),
            "{location}"
        );
        assert_eq!((received.len(), received[1].target.as_str()), (2, target));
    }
}

#[tokio::test]
async fn no_redirect_is_followed_by_default() {
    for keys in ["", "redirects = 0"] {
        let (ended, received) = followed(302, "/there", keys).await;
        assert_eq!((ended.status(), ended.code(), received.len()), ("HTTP_ERROR", "302", 1));
        assert_eq!(ended.reason(), "the webhook answered 302");
    }
}

#[tokio::test]
async fn redirects_301_302_303_turn_a_post_into_a_get_and_others_keep_its_body() {
    for (code, method) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
        let (ended, received) = followed(code, "/there", "redirects = 1").await;
        assert_eq!(ended.status(), "OK", "{code}");
        let (first, second) = (&received[0], &received[1]);
        assert_eq!(second.method, method, "{code}");
        match method {
            "POST" => {
                assert_eq!(
                    (&first.body, second.header("content-type")),
                    (&second.body, Some("application/json"))
                );
            }
            _ => {
                assert_eq!((&*second.body, second.header("content-type")), (&b""[..], None), "{code}");
                assert_eq!(second.header("content-length"), None, "{code}");
            }
        }
    }
}

#[tokio::test]
async fn a_get_stays_a_get() {
    for code in [301, 302, 303, 307, 308] {
        let (ended, received) = followed(code, "/there", "method = \"GET\"\nredirects = 1").await;
        assert_eq!((ended.status(), received[1].method.as_str()), ("OK", "GET"), "{code}");
    }
}

#[tokio::test]
async fn at_most_as_many_redirects_as_the_hook_allows_are_followed() {
    for most in 1..=3 {
        let webhook = FakeWebhook::start(move |request| {
            match request.target.trim_start_matches('/').parse::<usize>().unwrap_or(0) {
                at if at < 3 => Reply::redirect(307, &format!("/{}", at + 1)),
                _ => Reply::text("sales"),
            }
        })
        .await;
        let daemon = daemon_for(&webhook, &format!("redirects = {most}")).await;
        let ended = step(&daemon, "crm").await;
        assert_eq!(webhook.received().len(), most + 1);
        match most {
            3 => assert_eq!(ended.get("CRM"), Some("sales")),
            _ => {
                assert_eq!((ended.status(), ended.code()), ("HTTP_ERROR", "307"));
                assert_eq!(
                    ended.reason(),
                    "the webhook answered 307 and redirects more often than the hook allows"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_loop_of_redirects_ends() {
    let webhook = FakeWebhook::start(|_| Reply::redirect(302, "/")).await;
    let daemon = daemon_for(&webhook, "redirects = 3").await;
    let ended = step(&daemon, "crm").await;
    assert_eq!((ended.status(), ended.code(), webhook.received().len()), ("HTTP_ERROR", "302", 4));
}

#[tokio::test]
async fn a_redirect_without_an_http_url_is_an_http_error() {
    for (reply, code) in [
        (Reply::with_header(302, "X-Location: /there", ""), "302"),
        (Reply::redirect(301, "http://"), "301"),
        (Reply::redirect(307, "ftp://127.0.0.1/"), "307"),
        (Reply::redirect(308, "http://[::1/"), "308"),
    ] {
        let webhook = FakeWebhook::start(move |_| reply.clone()).await;
        let daemon = daemon_for(&webhook, "redirects = 1").await;
        let ended = step(&daemon, "crm").await;
        assert_eq!((ended.status(), ended.code()), ("HTTP_ERROR", code));
        assert_eq!(
            ended.reason(),
            format!("the webhook answered {code} and names no http or https URL to redirect to")
        );
        assert_eq!(webhook.received().len(), 1);
    }
}

#[tokio::test]
async fn other_3xx_statuses_are_no_redirects() {
    for code in [300, 304, 305, 306, 399] {
        let (ended, received) = followed(code, "/there", "redirects = 3").await;
        assert_eq!((ended.status(), ended.code(), received.len()), ("HTTP_ERROR", &*code.to_string(), 1));
    }
}

#[tokio::test]
async fn another_host_is_asked_only_if_it_is_listed() {
    let there = FakeWebhook::start(|_| Reply::text("there")).await;
    let location = there.url("/x").replace("127.0.0.1", "localhost");
    let webhook = FakeWebhook::start(move |_| Reply::redirect(307, &location)).await;
    let ended = step(&daemon_for(&webhook, "redirects = 1").await, "crm").await;
    assert_eq!((ended.status(), ended.code()), ("HTTP_ERROR", "307"));
    assert_eq!(
        ended.reason(),
        "the webhook answered 307 and redirects to a host that redirect_hosts does not list"
    );
    assert_eq!(there.connections(), 0);
    let keys = "redirects = 1\nredirect_hosts = [\"api.example\", \"LocalHost\"]";
    let ended = step(&daemon_for(&webhook, keys).await, "crm").await;
    assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("there")), "{}", ended.reason());
}

#[tokio::test]
async fn another_port_of_the_same_host_is_asked_only_if_it_is_listed() {
    let there = FakeWebhook::start(|_| Reply::text("there")).await;
    let location = there.url("/x");
    let port = there.address().port();
    let webhook = FakeWebhook::start(move |_| Reply::redirect(307, &location)).await;
    let other = webhook.address().port();
    for keys in
        ["redirects = 1".to_owned(), format!("redirects = 1\nredirect_hosts = [\"127.0.0.1:{other}\"]")]
    {
        let ended = step(&daemon_for(&webhook, &keys).await, "crm").await;
        assert_eq!((ended.status(), ended.code()), ("HTTP_ERROR", "307"), "{keys}");
        assert_eq!(
            ended.reason(),
            "the webhook answered 307 and redirects to another port or scheme of its host that redirect_hosts does not list"
        );
    }
    assert_eq!(there.connections(), 0);
    let keys = format!("redirects = 1\nredirect_hosts = [\"127.0.0.1:{port}\"]");
    let ended = step(&daemon_for(&webhook, &keys).await, "crm").await;
    assert_eq!((ended.status(), ended.get("CRM")), ("OK", Some("there")), "{}", ended.reason());
}

#[tokio::test]
async fn a_listed_host_may_redirect_back_only_to_a_listed_host() {
    let home = FakeWebhook::start(|_| Reply::text("home")).await;
    let back = home.url("/x");
    let there = FakeWebhook::start(move |_| Reply::redirect(307, &back)).await;
    let location = there.url("/x").replace("127.0.0.1", "localhost");
    let webhook = FakeWebhook::start(move |_| Reply::redirect(307, &location)).await;
    let keys = "redirects = 3\nredirect_hosts = [\"localhost\"]";
    let ended = step(&daemon_for(&webhook, keys).await, "crm").await;
    assert_eq!((ended.status(), home.connections()), ("HTTP_ERROR", 0));
    let keys = "redirects = 3\nredirect_hosts = [\"localhost\", \"127.0.0.1\"]";
    let ended = step(&daemon_for(&webhook, keys).await, "crm").await;
    assert_eq!(ended.get("CRM"), Some("home"), "{}", ended.reason());
}

#[tokio::test]
async fn credentials_are_sent_to_the_original_host_only() {
    let webhook = FakeWebhook::start(|request| match request.target.as_str() {
        "/" => Reply::redirect(307, "/there"),
        _ => Reply::text("sales"),
    })
    .await;
    let (folder, _) = crate::util::configured("");
    std::fs::write(folder.path().join("plain"), "from-a-file").unwrap();
    let with_user = webhook.url("/").replace("http://", "http://pbx:geheim@");
    let hook = |name: &str, keys: &str| format!("[hook.{name}]\nredirects = 1\n{keys}\n");
    let url = format!("url = \"{}\"", webhook.url("/"));
    let sign = "sign = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
    let headers = "headers = { Cookie = \"s=1\", Proxy-Authorization = \"Basic x\", X-Api-Key = \"k\", \
                   X-Plain = { file = \"plain\" }, X-Token-Of = \"{caller_number}\", X-Kept = \"kept\", \
                   X-Made = \"{callee_number}\" }";
    let configuration = [
        "[listen]\nasterisk = \"127.0.0.1:0\"\n".to_owned(),
        hook("bearer", &format!("{url}\n{sign}\nbearer = \"geheim\"\n{headers}")),
        hook("basic", &format!("{url}\nbasic = {{ user = \"pbx\", password = \"geheim\" }}")),
        hook("url", &format!("url = \"{with_user}\"")),
    ]
    .concat();
    let daemon = Daemon::with_file(&configuration, &folder.path().join("dialhook.toml")).await;
    for name in ["bearer", "basic", "url"] {
        assert_eq!(step(&daemon, name).await.get("WEBHOOK_STATUS"), Some("OK"), "{name}");
    }
    let received = webhook.requests(6).await;
    let secrets = ["authorization", "cookie", "proxy-authorization", "x-api-key", "x-plain", "x-token-of"];
    for (number, pair) in received.chunks(2).enumerate() {
        assert!(pair[0].header("authorization").is_some(), "{number}");
        for name in secrets.iter().chain(&["webhook-signature"]) {
            assert_eq!(pair[1].header(name), None, "{number}");
            assert!(number > 0 || pair[0].header(name).is_some(), "{name}");
        }
        for name in ["webhook-id", "traceparent", "user-agent"] {
            assert_eq!(pair[0].header(name), pair[1].header(name));
        }
    }
    assert_eq!((received[1].header("x-kept"), received[1].header("x-made")), (Some("kept"), Some("200")));
}

#[tokio::test]
async fn a_redirect_cannot_bring_its_own_credentials() {
    let there = FakeWebhook::start(|_| Reply::text("sales")).await;
    let location = there.url("/x").replace("http://", "http://evil:word@");
    let webhook = FakeWebhook::start(move |_| Reply::redirect(307, &location)).await;
    let daemon = daemon_for(&webhook, "redirects = 1\nredirect_hosts = [\"127.0.0.1\"]").await;
    assert_eq!(step(&daemon, "crm").await.status(), "OK");
    assert_eq!(there.requested().await.header("authorization"), None);
}

/// Every port of this machine is listed.
const LISTED: &str = "\nredirect_hosts = [\"127.0.0.1\"]\n";

/// A daemon with an https hook that trusts this authority.
async fn daemon_over_tls(webhook: &FakeWebhook, authority: &Authority, keys: &str) -> Daemon {
    daemon_for(webhook, &format!("ca = \"{}\"\nredirects = 2\n{keys}", authority.file())).await
}

#[tokio::test]
async fn https_is_not_redirected_to_http() {
    let authority = Authority::new("ours");
    let plain = FakeWebhook::start(|_| Reply::text("sales")).await;
    let location = plain.url("/x");
    let tls = authority.certify("127.0.0.1", |_| {}, &[]);
    let webhook = FakeWebhook::start_tls(tls, move |_| Reply::redirect(307, &location)).await;
    let daemon = daemon_over_tls(&webhook, &authority, LISTED).await;
    let ended = step(&daemon, "crm").await;
    assert_eq!((ended.status(), ended.code()), ("HTTP_ERROR", "307"));
    assert_eq!(ended.reason(), "the webhook answered 307 and redirects from https to http");
    assert_eq!(plain.connections(), 0);
}

#[tokio::test]
async fn the_key_ca_of_a_hook_applies_after_a_redirect() {
    let (ours, other) = (Authority::new("ours"), Authority::new("another"));
    for (authority, status) in [(&ours, "OK"), (&other, "UNREACHABLE")] {
        let there =
            FakeWebhook::start_tls(authority.certify("127.0.0.1", |_| {}, &[]), |_| Reply::text("sales"))
                .await;
        let location = there.url("/x");
        let tls = ours.certify("127.0.0.1", |_| {}, &[]);
        let webhook = FakeWebhook::start_tls(tls, move |_| Reply::redirect(307, &location)).await;
        let ended = step(&daemon_over_tls(&webhook, &ours, LISTED).await, "crm").await;
        assert_eq!(ended.status(), status, "{}", ended.reason());
    }
}

#[tokio::test]
async fn the_client_certificate_is_shown_to_the_original_host_only() {
    let (ours, clients) = (Authority::new("ours"), Authority::new("clients"));
    // a server behind the redirect that demands a certificate gets none
    let there =
        FakeWebhook::start_tls(ours.certify_for_clients("127.0.0.1", &clients), |_| Reply::text("sales"))
            .await;
    let location = there.url("/x");
    let tls = ours.certify_for_clients("127.0.0.1", &clients);
    let webhook = FakeWebhook::start_tls(tls, move |_| Reply::redirect(307, &location)).await;
    let credentials = clients.credentials();
    let keys = credentials.keys() + LISTED;
    let daemon = daemon_over_tls(&webhook, &ours, &keys).await;
    let ended = step(&daemon, "crm").await;
    assert_eq!((ended.status(), there.received().len()), ("UNREACHABLE", 0), "{}", ended.reason());
    assert_eq!(webhook.received().len(), 1);
}

#[tokio::test]
async fn redirects_share_the_timeout_of_the_call() {
    let webhook = FakeWebhook::start(|request| match request.target.as_str() {
        "/" => Reply::redirect(302, "/there"),
        _ => Reply::Stall,
    })
    .await;
    let daemon = daemon_for(&webhook, "redirects = 3\ntimeout = 1").await;
    let ended = step(&daemon, "crm").await;
    assert_eq!((ended.status(), ended.reason()), ("TIMEOUT", "no answer within 1s"));
}

#[tokio::test]
async fn a_post_that_was_received_before_a_redirect_is_not_retried() {
    let webhook = FakeWebhook::start(|request| match request.target.as_str() {
        "/" => Reply::redirect(307, "/there"),
        _ => Reply::Reset,
    })
    .await;
    let daemon = daemon_for(&webhook, "redirects = 1").await;
    assert_eq!(step(&daemon, "crm").await.status(), "UNREACHABLE");
    assert_eq!(webhook.received().len(), 2);
}

#[tokio::test]
async fn a_long_page_that_comes_with_a_redirect_does_no_harm() {
    let webhook = FakeWebhook::start(|request| match request.target.as_str() {
        "/" => Reply::with_header(302, "Location: /there", vec![b'x'; 1_000_000]),
        _ => Reply::text("sales"),
    })
    .await;
    let daemon = daemon_for(&webhook, "redirects = 1").await;
    assert_eq!(step(&daemon, "crm").await.get("CRM"), Some("sales"));
}
