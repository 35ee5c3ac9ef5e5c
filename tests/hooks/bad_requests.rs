//! Owner: hook. Steps that are refused before any request: BAD_REQUEST and its reasons.

use crate::util::{
    ChannelData, Daemon, Ended, Environment, FakeAsterisk, FakeFreeSwitch, FakeWebhook, Reply, SocketMode,
};

/// Runs a step with these arguments, and checks that it is a BAD_REQUEST.
async fn refused(daemon: &Daemon, script: &str, arguments: &[&str]) -> Ended {
    let with = |call: Environment, argument: &&str| call.argument(*argument);
    let call = arguments.iter().fold(Environment::new(script), with);
    let ended = FakeAsterisk::call(daemon.address(), call).await;
    assert_eq!((ended.status(), ended.code()), ("BAD_REQUEST", ""), "{script} {arguments:?}");
    ended
}

const HASH: &str = "a hash sign in the url begins a fragment that is never sent. write it as percent 23";
const BRACES: &str =
    "placeholders in braces need a configured hook. let the dialplan put the value into the url";

#[tokio::test]
async fn a_fault_in_an_ad_hoc_step_has_a_reason_with_the_remedy() {
    let daemon = Daemon::start("").await;
    let url = "url=http://127.0.0.1:9/";
    for (arguments, reason) in [
        (&[][..], "url is missing. an ad hoc step needs one"),
        (&["url="], "url is not an http or https URL"),
        (&["url=ftp://h/"], "url is not an http or https URL"),
        (&["url=127.0.0.1/x"], "url is not an http or https URL"),
        (&["url=http://"], "url is not an http or https URL"),
        (&["url=http://127.0.0.1:9/?to=#21#&from=1"], HASH),
        (&["url=http://127.0.0.1:9/#"], HASH),
        (&["url=http://127.0.0.1:9/?number={caller_number}"], BRACES),
        (&["url=http://127.0.0.1:9/{variables.ACCOUNT}/x"], BRACES),
        (&["url=http://127.0.0.1:9/?number={caler_number}"], BRACES),
        (&[url, url], "a parameter is given more than once"),
        (
            &[url, "urls=x"],
            "unknown parameter urls. the parameters are method url variable timeout and accept",
        ),
        (
            &[url, "Timeout=2"],
            "unknown parameter Timeout. the parameters are method url variable timeout and accept",
        ),
        (&["=x", url], "unknown parameter. the parameters are method url variable timeout and accept"),
        (&["a b=x", url], "unknown parameter. the parameters are method url variable timeout and accept"),
        (&[url, "method=PUT"], "method is neither GET nor POST"),
        (&[url, "method="], "method is neither GET nor POST"),
        (&[url, "timeout=0"], "timeout is not within 1s to 10s"),
        (&[url, "timeout=11"], "timeout is not within 1s to 10s"),
        (&[url, "timeout=1e0"], "timeout is not within 1s to 10s"),
        (&[url, "timeout"], "timeout is not within 1s to 10s"),
        (&[url, "variable="], "variable is not a name of letters digits and _"),
        (&[url, "variable=CALLERID(name)"], "variable is not a name of letters digits and _"),
        (&[url, "variable=A B"], "variable is not a name of letters digits and _"),
        (
            &[url, "variable=__WEBHOOK_status"],
            "variable must not be one of WEBHOOK_STATUS WEBHOOK_CODE and WEBHOOK_REASON",
        ),
    ] {
        assert_eq!(refused(&daemon, "webhook", arguments).await.reason(), reason, "{arguments:?}");
    }
}

/// Steps whose URL was split at a comma or an ampersand.
#[tokio::test]
async fn the_reason_for_a_split_url_says_to_quote_it() {
    let daemon = Daemon::start("[hook.crm]\nurl = \"http://127.0.0.1:9/\"").await;
    let (comma, ampersand) =
        (". quote the url if a comma split it", ". an ampersand split the url. quote the url");
    let url = "url=http://127.0.0.1:9/r?a=1";
    for (script, arguments, name, remedy) in [
        ("webhook", &["method=GET", url, "2&b=3", "variable=R"][..], "unknown parameter", comma),
        ("webhook", &[url, "b=3"], "unknown parameter b", comma),
        ("webhook", &[url, "2", "timeout=3"], "unknown parameter 2", comma),
        ("webhook", &[url, "tiemout=3"], "unknown parameter tiemout", ""),
        ("webhook", &[url, "timeout=3", "b=3"], "unknown parameter b", ""),
        ("webhook", &["url=http://127.0.0.1:9/r?a=1,2", "b=3"], "unknown parameter b", ""),
        ("webhook?url=http://127.0.0.1:9/r?a=1&b=2&timeout=3", &[], "unknown parameter b", ampersand),
        ("webhook?url=http%3A%2F%2F127.0.0.1:9/r%3Fa=1&b=2", &[], "unknown parameter b", ""),
        ("webhook?url=http://127.0.0.1:9/r?a=1&variabel=2", &[], "unknown parameter variabel", ""),
    ] {
        let reason = refused(&daemon, script, arguments).await.reason().to_owned();
        assert!(reason.starts_with(&format!("{name}.")), "{script} {arguments:?}: {reason}");
        assert_eq!(reason.contains("quote the url"), !remedy.is_empty(), "{script} {arguments:?}: {reason}");
        assert!(reason.contains(remedy), "{reason}");
    }
    let reason = refused(&daemon, "crm?url=http://h/?a=1&b=2", &[]).await.reason().to_owned();
    assert!(reason.starts_with("a configured hook has its own url"), "{reason}");
}

#[tokio::test]
async fn a_fault_in_a_configured_step_has_a_reason_with_the_remedy() {
    let hook = "[hook.crm]\nurl = \"http://127.0.0.1:9/\"\nvariable = \"CRM\"\notherwise = \"reception\"";
    let daemon = Daemon::start(hook).await;
    for (script, arguments, reason) in [
        (
            "crm?url=http://evil.example/",
            &[][..],
            "a configured hook has its own url method and accept. the call may choose variable and timeout",
        ),
        (
            "crm?method=GET",
            &[],
            "a configured hook has its own url method and accept. the call may choose variable and timeout",
        ),
        (
            "crm",
            &["url=http://evil.example/"],
            "a configured hook takes variable and timeout in the query of its address and no arguments",
        ),
        (
            "crm",
            &["timeout=3"],
            "a configured hook takes variable and timeout in the query of its address and no arguments",
        ),
        ("crm?timeout=3&timeout=3", &[], "a parameter is given more than once"),
        ("crm?timeout=60", &[], "timeout is not within 1s to 10s"),
        ("crm?timeouts=3", &[], "unknown parameter timeouts. the call may choose variable and timeout"),
        (
            "crm?variable=WEBHOOK_CODE",
            &[],
            "variable must not be one of WEBHOOK_STATUS WEBHOOK_CODE and WEBHOOK_REASON",
        ),
    ] {
        assert_eq!(refused(&daemon, script, arguments).await.reason(), reason, "{script} {arguments:?}");
    }
}

#[tokio::test]
async fn a_fault_in_an_ad_hoc_url_of_freeswitch_leads_to_no_request() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let daemon = Daemon::start("").await;
    for (query, status, reason) in [
        ("?to=#21#&from=1", "BAD_REQUEST", HASH),
        ("?number={caller_number}", "BAD_REQUEST", BRACES),
        ("?to=%2321%23&json={\"a\":1}", "OK", ""),
    ] {
        let call = ChannelData::new(SocketMode::None, &daemon.freeswitch().to_string())
            .variable("webhook_url", webhook.url(&format!("/{query}")));
        let given_back = FakeFreeSwitch::call(daemon.freeswitch(), call).await;
        assert_eq!((given_back.status(), given_back.reason()), (status, reason), "{query}");
    }
    assert_eq!(webhook.received().len(), 1);
}

#[tokio::test]
async fn a_path_that_names_no_hook_leads_to_no_request() {
    let daemon = Daemon::start("[hook.crm]\nurl = \"http://127.0.0.1:9/\"").await;
    for script in
        ["crn", "CRM", "crm/", "/crm", "crm/x", "crm%20", "%63rm", "Webhook", "webhook/", "crm&timeout=3"]
    {
        let reason = refused(&daemon, script, &[]).await.reason().to_owned();
        assert_eq!(
            reason, "no hook of this name is configured. correct the address or add the hook",
            "{script}"
        );
    }
}

#[tokio::test]
async fn the_variable_of_a_refused_step_holds_no_value_of_an_earlier_step() {
    let hook = "[hook.crm]\nurl = \"http://127.0.0.1:9/\"\nvariable = \"CRM\"\notherwise = \"reception\"";
    let daemon = Daemon::start(hook).await;
    assert_eq!(refused(&daemon, "crm?timeout=99", &[]).await.get("CRM"), Some("reception"));
    assert_eq!(refused(&daemon, "crm?timeout=99&variable=R", &[]).await.get("R"), Some("reception"));
    assert_eq!(refused(&daemon, "webhook", &["variable=R", "url=x"]).await.get("R"), Some(""));
    assert_eq!(refused(&daemon, "nope?variable=R", &[]).await.get("R"), Some(""));
}

#[tokio::test]
async fn no_step_can_set_a_function_or_a_variable_of_the_report() {
    let daemon = Daemon::start("").await;
    for name in ["CALLERID(num)", "X)", "WEBHOOK_STATUS", "_WEBHOOK_CODE", "A=B", "A\"B", "${A}", ""] {
        let ended =
            refused(&daemon, "webhook", &["url=http://127.0.0.1:9/", &format!("variable={name}")]).await;
        let names: Vec<_> = ended.set.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["WEBHOOK_CODE", "WEBHOOK_REASON", "WEBHOOK_STATUS"], "{name}");
    }
}

const NOT_ALLOWED: &str = "the url is not allowed by calls.urls of the configuration";

#[tokio::test]
async fn only_urls_that_the_configuration_allows_are_requested() {
    let webhook = FakeWebhook::start(|_| Reply::text("sales")).await;
    let allowed = webhook.url("/ok/");
    let daemon = Daemon::start(&format!("[calls]\nurls = [\"{allowed}\"]")).await;
    let host = webhook.url("");
    for url in [
        format!("{host}/"),
        format!("{host}/ok"),
        format!("{host}/OK/"),
        format!("{host}/ok/../evil"),
        format!("{host}/ok/%2e%2E/evil"),
        format!("{host}/ok/\\..\\..\\evil"),
        format!("{host}0/ok/"),
        format!("{host}@evil.example/ok/"),
        format!("{host}.evil.example/ok/"),
        format!("http://user@{}/ok/", webhook.address()),
        format!("https://{}/ok/", webhook.address()),
        format!("http://evil.example/?{allowed}"),
    ] {
        let reason = refused(&daemon, "webhook", &[&format!("url={url}")]).await.reason().to_owned();
        assert!([NOT_ALLOWED, "url is not an http or https URL"].contains(&&*reason), "{url}: {reason}");
    }
    assert_eq!(webhook.connections(), 0);
    let call = Environment::new("webhook").argument(format!("url={allowed}x?y={host}/evil"));
    assert_eq!(FakeAsterisk::call(daemon.address(), call).await.status(), "OK");
}

#[tokio::test]
async fn a_listener_that_others_can_reach_allows_only_listed_urls() {
    let daemon = Daemon::with("[listen]\nasterisk = \"0.0.0.0:0\"\nallow = [\"127.0.0.0/8\"]").await;
    let address = ([127, 0, 0, 1], daemon.address().port()).into();
    let ended =
        FakeAsterisk::call(address, Environment::new("webhook").argument("url=http://127.0.0.1:9/")).await;
    assert_eq!((ended.status(), ended.reason()), ("BAD_REQUEST", NOT_ALLOWED));
}
