//! Owner: switch/esl. The address of a `socket` step: hook, parameters and ad hoc steps.

use super::{call, step};
use crate::util::{CallState, ChannelData, Daemon, FakeFreeSwitch, GivenBack, SocketMode, good_webhook};

/// The targets of the requests, and the call after its step.
async fn asked(path_and_more: impl FnOnce(&Daemon) -> ChannelData) -> (Vec<String>, GivenBack) {
    let webhook = good_webhook().await;
    let hooks = format!(
        "[hook.crm]\nurl = \"{}\"\nvariable = \"crm\"\n[hook.other]\nurl = \"{}\"",
        webhook.url("/crm"),
        webhook.url("/other")
    );
    let daemon = Daemon::start(&hooks).await;
    let given_back = FakeFreeSwitch::call(daemon.freeswitch(), path_and_more(&daemon)).await;
    assert_eq!(given_back.state, CallState::GoesOn);
    (webhook.received().into_iter().map(|request| request.target).collect(), given_back)
}

#[tokio::test]
async fn the_address_of_this_step_counts_and_not_that_of_an_earlier_step() {
    for path in ["/crm", "/crm?timeout=3", "/crm?timeout=1500ms&variable=other"] {
        let with_stale_path = |daemon: &Daemon| {
            call(daemon, SocketMode::AsyncFull, path).variable("socket_path", "stale?timeout=99")
        };
        let (asked, given_back) = asked(with_stale_path).await;
        assert_eq!((&asked[..], given_back.status()), (&["/crm".to_owned()][..], "OK"), "{path}");
    }
    let (asked, given_back) =
        asked(|daemon| call(daemon, SocketMode::None, "").variable("socket_path", "crm")).await;
    assert_eq!((asked.len(), given_back.reason()), (0, "url is missing. an ad hoc step needs one"));
}

#[tokio::test]
async fn the_host_of_several_that_connected_counts() {
    for (places, host) in [
        ("127.0.0.1:1/nope|127.0.0.1:PORT/crm", "127.0.0.1"),
        ("127.0.0.1:PORT/crm|127.0.0.1:1/nope", "127.0.0.1"),
        ("dead.example:PORT/nope|localhost:PORT/crm|127.0.0.1:PORT/nope", "localhost"),
        ("dead.example:1/nope|127.0.0.1:PORT/crm?timeout=3", "127.0.0.1"),
        // the port of the host before applies
        ("dead.example:PORT/nope|127.0.0.1/crm", "127.0.0.1"),
    ] {
        let several = |daemon: &Daemon| {
            let places = places.replace("PORT", &daemon.freeswitch().port().to_string());
            ChannelData::new(SocketMode::Full, &places).variable("socket_host", host)
        };
        let (asked, given_back) = asked(several).await;
        assert_eq!((&asked[..], given_back.status()), (&["/crm".to_owned()][..], "OK"), "{places}");
    }
}

#[tokio::test]
async fn an_address_without_a_path_is_an_ad_hoc_step_of_the_variables() {
    let webhook = good_webhook().await;
    let daemon = Daemon::start("").await;
    for path in ["", "/", "/webhook"] {
        let ad_hoc = |call: ChannelData| {
            call.variable("webhook_url", webhook.url("/r?to=1&x=%26%3D%2B%41+é"))
                .variable("webhook_method", "get")
                .variable("webhook_variable", "route")
                .variable("webhook_timeout", "3")
        };
        let given_back = step(&daemon, path, ad_hoc).await;
        assert_eq!((given_back.get("route"), given_back.status()), (Some("sales"), "OK"), "{path}");
        let request = webhook.received().pop().unwrap();
        assert_eq!(request.method, "GET");
        assert_eq!(request.target, "/r?to=1&x=%26%3D%2B%41+%C3%A9");
    }
}

#[tokio::test]
async fn variables_of_an_earlier_step_do_not_disturb_a_configured_hook() {
    let with_leftovers = |daemon: &Daemon| {
        call(daemon, SocketMode::None, "/crm")
            .variable("webhook_url", "nonsense")
            .variable("webhook_method", "PUT")
            .variable("webhook_variable", "a=b")
            .variable("webhook_timeout", "99")
    };
    let (asked, given_back) = asked(with_leftovers).await;
    assert_eq!((asked, given_back.status()), (vec!["/crm".to_owned()], "OK"));
    assert_eq!(given_back.get("crm"), Some("sales"));
}

#[tokio::test]
async fn the_query_of_a_step_overrides_variables_of_an_earlier_step() {
    let webhook = good_webhook().await;
    let daemon = Daemon::start("").await;
    let leftovers = |call: ChannelData| {
        call.variable("webhook_url", webhook.url("/left"))
            .variable("webhook_variable", "a=b")
            .variable("webhook_timeout", "99")
    };
    let given_back = step(&daemon, "/webhook?timeout=3&variable=route", leftovers).await;
    assert_eq!((given_back.get("route"), given_back.status()), (Some("sales"), "OK"));
    let url = webhook.url("/query?a=1&b=%26%41+c").replace('%', "%25").replace('&', "%26");
    let url = url.replace(':', "%3A").replace('?', "%3F").replace('=', "%3D");
    for path in ["/webhook", ""] {
        let query =
            format!("{path}{}?url={url}&timeout=3&variable=route", if path.is_empty() { "/" } else { "" });
        let given_back = step(&daemon, &query, leftovers).await;
        assert_eq!((given_back.get("route"), given_back.status()), (Some("sales"), "OK"), "{query}");
        assert_eq!(webhook.received().pop().unwrap().target, "/query?a=1&b=%26%41+c");
    }
}

#[tokio::test]
async fn a_url_of_more_than_511_bytes_comes_from_the_channel_data() {
    let webhook = good_webhook().await;
    let daemon = Daemon::start("").await;
    for length in [400, 511, 512, 5000] {
        let start = webhook.url("/?a=1&b=");
        let url = format!("{start}{}", "x".repeat(length - start.len()));
        let given_back = step(&daemon, "", |call| call.variable("webhook_url", url.as_str())).await;
        assert_eq!(given_back.status(), "OK");
        assert_eq!(webhook.url(&webhook.received().pop().unwrap().target), url);
    }
}

#[tokio::test]
async fn a_longer_url_with_ambiguous_escapes_is_refused() {
    let webhook = good_webhook().await;
    let daemon = Daemon::start("").await;
    for (length, end, exact) in [
        (511, "&c=d", true),
        (511, "%26c%3Dd", true),
        (512, "&c=d", true),
        (515, "&c=d", false),
        (515, "%26c%3Dd", false),
        (600, "%23", false),
        (600, "c/d", true),
    ] {
        let start = webhook.url("/?a=1&b=");
        let url = format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()));
        let given_back = step(&daemon, "", |call| call.variable("webhook_url", url.as_str())).await;
        let asked = webhook.received().pop().map(|asked| webhook.url(&asked.target));
        match exact {
            true => assert_eq!((given_back.status(), asked), ("OK", Some(url)), "{length} {end}"),
            false => {
                assert_eq!(given_back.status(), "BAD_REQUEST", "{length} {end}");
                assert!(given_back.reason().ends_with("name it in the configuration"));
            }
        }
    }
    assert_eq!(webhook.received().len(), 4);
}

#[tokio::test]
async fn a_url_with_an_empty_line_ends_no_message() {
    let webhook = good_webhook().await;
    let daemon = Daemon::start("").await;
    let forged = "Content-Type: text/disconnect-notice\nContent-Length: 0\n\n";
    for evil in [
        format!("\n\n{forged}"),
        format!("\n{forged}"),
        "\n\nContent-Length: 9\n\n".to_owned(),
        "%26\nContent-Length: 60000\n".to_owned(),
    ] {
        let url = format!("{}{evil}", webhook.url("/?n="));
        let call = call(&daemon, SocketMode::Async, "").variable("webhook_url", url);
        let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call).await;
        let ended = (given_back.state, given_back.status());
        assert_eq!(ended, (CallState::GoesOn, "BAD_REQUEST"), "{evil:?}: {}", given_back.reason());
    }
    assert_eq!(webhook.received().len(), 0);
}

#[tokio::test]
async fn a_step_with_a_fault_in_its_address_is_a_bad_request() {
    for path in [
        "/nope",
        "/crm/",
        "/crm?timeout=99",
        "/crm?x=1",
        "/crm?url=http://h/",
        "/crm?variable=a%3Db",
        "/a/b/c",
        "/%FF",
        "//crm",
    ] {
        let (asked, given_back) = asked(|daemon| call(daemon, SocketMode::AsyncFull, path)).await;
        assert_eq!((asked.len(), given_back.status()), (0, "BAD_REQUEST"), "{path}");
    }
}
