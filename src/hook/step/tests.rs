//! A step, from the call to its assignments.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::call::tests::known_caller;
use crate::call::{Call, Parameter, SwitchKind};
use crate::hook::{
    AllowedUrls, Answer, Headers, Hook, Identity, Mapping, Outcome, Policy, Request, RequestFault, ShownName,
    Source, Stage, Step, UrlTemplate,
};
use crate::variable::{Assignment, Value};

fn policy() -> Policy {
    let fixed = HeaderMap::from_iter([(HeaderName::from_static("x-api-key"), HeaderValue::from_static("k"))]);
    let crm = Hook {
        variable: Some("CRM".parse().unwrap()),
        otherwise: Value::from("reception"),
        headers: Headers { fixed, templates: Vec::new() },
        ..Hook::new(UrlTemplate::parse("https://crm.example/r?did={callee_number}").unwrap())
    };
    let hooks = BTreeMap::from([("crm".to_owned(), Arc::new(crm))]);
    Policy { company: "kwik".to_owned(), hooks, urls: AllowedUrls::Any, longest_answer: 2048 }
}

fn call(address: &str, arguments: &[(&str, &str)]) -> Call {
    let parameter = |&(name, value): &(&str, &str)| Parameter { name: name.into(), value: value.into() };
    Call {
        address: Value::from(address),
        parameters: arguments.iter().map(parameter).collect(),
        ..known_caller()
    }
}

fn identity() -> Identity {
    Identity { webhook_id: "msg_1".to_owned(), traceparent: "00-1-2-01".to_owned() }
}

fn request(address: &str, arguments: &[(&str, &str)]) -> Result<Request, RequestFault> {
    let call = call(address, arguments);
    policy().step(&call, |_| Ok(())).request(&call, "kwik", SystemTime::UNIX_EPOCH, &identity())
}

fn set(step: &Step, outcome: &Outcome) -> Vec<String> {
    let line = |a: &Assignment| format!("{}={}", a.name, a.value.lossy());
    step.assignments(outcome).iter().map(line).collect()
}

#[test]
fn a_configured_hook_makes_its_request() {
    let request = request("crm", &[]).unwrap();
    assert_eq!(
        (request.method, request.targets[0].url.as_str()),
        (Method::POST, "https://crm.example/r?did=31201234567")
    );
    assert_eq!(request.headers["user-agent"], concat!("dialhook/", env!("CARGO_PKG_VERSION")));
    assert_eq!(request.headers["webhook-id"], "msg_1");
    assert_eq!(request.headers["traceparent"], "00-1-2-01");
    assert_eq!(request.headers["x-api-key"], "k");
    assert_eq!(request.headers["content-type"], "application/json");
    assert!(request.body.unwrap().starts_with(b"{\"com_id\":\"acme\""));
}

#[test]
fn the_call_chooses_timeout_and_variable_in_the_query() {
    let step = policy().step(&call("crm?timeout=3&variable=OTHER", &[]), |_| Ok(()));
    assert_eq!(step.timeout().map(|t| t.get().as_secs()), Ok(3));
    assert_eq!(set(&step, &Outcome::HttpError { code: 404, redirect: None })[0], "OTHER=reception");
}

#[test]
fn an_ad_hoc_step_takes_its_parameters_from_query_or_arguments() {
    let url = ("url", "https://x.example/r?to=2,3&b={b}");
    for address in ["webhook", "", "?timeout=3", "webhook?url=http%3A%2F%2Fh%2Fa%26b%2Bc+d&method=GET"] {
        let arguments =
            if address.contains("url=") { vec![] } else { vec![url, ("", ""), (" method", "get ")] };
        let request = request(address, &arguments).unwrap();
        let expected = if arguments.is_empty() { "http://h/a&b+c+d" } else { url.1 };
        assert_eq!((request.method, request.targets[0].url.as_str()), (Method::GET, expected));
        assert_eq!(request.body, None);
    }
}

#[test]
fn an_ad_hoc_step_accepts_a_word_or_on_request_a_text() {
    let judged = |accept: &[(&str, &str)], switch| {
        let arguments = [&[("url", "http://h/"), ("variable", "R")], accept].concat();
        let step = policy().step(&Call { switch, ..call("webhook", &arguments) }, |_| Ok(()));
        let answer = Answer { code: 200, body: b"Ada Lovelace".to_vec(), ..Answer::default() };
        step.judge(&answer).status().as_str()
    };
    for switch in [SwitchKind::Asterisk, SwitchKind::FreeSwitch] {
        assert_eq!(judged(&[], switch), "BAD_ANSWER");
        assert_eq!(judged(&[("accept", "word")], switch), "BAD_ANSWER");
        assert_eq!(judged(&[("accept", "text")], switch), "OK");
    }
}

#[test]
fn a_note_says_what_to_write_and_never_quotes_the_answer() {
    let note = |address: &str, arguments: &[(&str, &str)], answer: &str| {
        let step = policy().step(&call(address, arguments), |_| Ok(()));
        let answer = Answer { code: 200, body: answer.into(), ..Answer::default() };
        step.note(&step.judge(&answer))
    };
    assert_eq!(
        note("crm", &[], "\"sales\"").unwrap(),
        "write set = { CRM = \"\" } instead of variable; the empty pointer names the whole answer"
    );
    let ad_hoc = [("url", "http://h/"), ("variable", "R")];
    assert_eq!(
        note("webhook", &ad_hoc, "{\"route\": \"sales\"}").unwrap(),
        "replace this ad hoc step by a configured hook with set = { R = \"/NAME\" }; \
         a JSON pointer names a part of the answer"
    );
    assert_eq!(note("crm", &[], "sales"), None);
    assert_eq!(note("crm", &[], "two words"), None);
}

#[test]
fn a_call_cannot_choose_a_variable_that_the_hook_sets_from_a_part() {
    let mut policy = policy();
    let part = |name: &str| Mapping {
        name: name.parse().unwrap(),
        source: Source::Status,
        accept: None,
        answers: Vec::new(),
        otherwise: None,
    };
    let hook = policy.hooks.get_mut("crm").map(Arc::make_mut).unwrap();
    hook.set.push(part("ROUTE"));
    let chosen = |name: &str, switch| {
        policy.step(&Call { switch, ..call(&format!("crm?variable={name}"), &[]) }, |_| Ok(()))
    };
    let bad = Outcome::BadRequest(RequestFault::VariableOfSet);
    for (name, switch) in [
        ("ROUTE", SwitchKind::Asterisk),
        ("__ROUTE", SwitchKind::Asterisk),
        ("ROUTE", SwitchKind::FreeSwitch),
        ("route", SwitchKind::FreeSwitch),
    ] {
        let step = chosen(name, switch);
        assert_eq!(step.timeout(), Err(RequestFault::VariableOfSet), "{name} {switch:?}");
        assert_eq!(set(&step, &bad)[..2], ["CRM=reception", "ROUTE=reception"], "each once");
    }
    assert!(chosen("route", SwitchKind::Asterisk).timeout().is_ok(), "another variable there");
    assert!(chosen("OTHER", SwitchKind::FreeSwitch).timeout().is_ok());
}

#[test]
fn a_result_variable_is_set_once_whatever_the_call_chooses() {
    let step = policy().step(&call("crm?variable=WEBHOOK_STATUS", &[]), |_| Ok(()));
    let set = step.assignments(&Outcome::BadRequest(RequestFault::ReservedVariable));
    let names: Vec<_> = set.iter().map(|assignment| assignment.name.as_str()).collect();
    assert_eq!(names, ["CRM", "WEBHOOK_CODE", "WEBHOOK_REASON", "WEBHOOK_STATUS"]);
}

#[test]
fn every_faulty_call_is_refused_with_its_fault() {
    use RequestFault as F;
    let url = ("url", "http://h/");
    let long = "V".repeat(257);
    for (address, arguments, fault) in [
        ("nope", &[][..], F::NoSuchHook),
        ("crm/", &[], F::NoSuchHook),
        ("crm?url=http://h/", &[], F::AdHocOnly),
        ("crm?method=GET", &[], F::AdHocOnly),
        ("crm?timeout=3&timeout=3", &[], F::RepeatedParameter),
        ("crm?retries=3", &[], F::UnknownHookParameter(ShownName::new(b"retries"))),
        ("crm?timeout=11", &[], F::Timeout),
        ("crm?variable=CALLERID(name)", &[], F::Variable),
        ("crm?variable=", &[], F::Variable),
        ("crm?variable=__Webhook_Status", &[], F::ReservedVariable),
        ("crm", &[("timeout", "3")], F::Arguments),
        ("webhook", &[], F::UrlMissing),
        ("webhook", &[("url", "crm.example")], F::Url),
        ("webhook", &[("url", "file:///etc/passwd")], F::Url),
        ("webhook", &[url, ("method", "PUT")], F::Method),
        ("webhook", &[url, ("timeout", "0.5")], F::Timeout),
        ("webhook", &[("url", "http://h/?to=#21#&from=1")], F::UrlFragment),
        ("webhook?url=http%3A%2F%2Fh%2F%23", &[], F::UrlFragment),
        ("webhook", &[("url", "http://h/?n={caller_number}")], F::UrlPlaceholder),
        ("webhook", &[("url", "http://h/{variables.ACCOUNT}")], F::UrlPlaceholder),
        ("webhook", &[url, ("accept", "any")], F::AcceptAny),
        ("webhook", &[url, ("accept", "safe")], F::Accept),
        ("webhook", &[url, ("accept", "Text")], F::Accept),
        ("webhook", &[url, ("accept", "")], F::Accept),
        ("webhook?accept=text", &[url, ("accept", "text")], F::RepeatedParameter),
        ("crm?accept=text", &[], F::AdHocOnly),
        ("webhook", &[url, ("variable", "a=b")], F::Variable),
        ("webhook", &[url, ("variable", &long)], F::Variable),
        ("webhook", &[url, url], F::RepeatedParameter),
        ("webhook", &[url, ("Ada", "")], F::UnquotedUrl(ShownName::new(b"Ada"))),
        ("webhook?timeout=2", &[url, ("timeout", "2")], F::RepeatedParameter),
    ] {
        assert_eq!(request(address, arguments).unwrap_err(), fault, "{address} {arguments:?}");
    }
}

#[test]
fn a_refused_step_still_clears_its_variable() {
    let refused = |address: &str| {
        let step = policy().step(&call(address, &[]), |_| Ok(()));
        let outcome = Outcome::BadRequest(step.timeout().unwrap_err());
        set(&step, &outcome)
    };
    assert_eq!(refused("crm?timeout=99")[0], "CRM=reception");
    assert_eq!(refused("nope?variable=R")[0], "R=");
    assert_eq!(refused("webhook?variable=R")[0], "R=");
    assert_eq!(refused("webhook?variable=WEBHOOK_CODE").len(), 3);
    assert_eq!(refused("nope")[2], "WEBHOOK_STATUS=BAD_REQUEST");
}

#[test]
fn the_status_is_set_last_and_the_code_only_with_an_answer() {
    let step = policy().step(&call("crm", &[]), |_| Ok(()));
    assert_eq!(
        set(&step, &step.judge(&Answer { code: 201, body: b"sales".to_vec(), ..Answer::default() })),
        ["CRM=sales", "WEBHOOK_CODE=201", "WEBHOOK_REASON=", "WEBHOOK_STATUS=OK"]
    );
    assert_eq!(
        set(&step, &Outcome::HttpError { code: 500, redirect: None }),
        [
            "CRM=reception",
            "WEBHOOK_CODE=500",
            "WEBHOOK_REASON=the webhook answered 500",
            "WEBHOOK_STATUS=HTTP_ERROR"
        ]
    );
    let waited = std::time::Duration::from_secs(2);
    let late = set(&step, &Outcome::Timeout { waited, stage: Stage::Answer });
    assert_eq!(late[1..], ["WEBHOOK_CODE=", "WEBHOOK_REASON=no answer within 2s", "WEBHOOK_STATUS=TIMEOUT"]);
}

#[test]
fn only_allowed_urls_are_asked_ad_hoc() {
    let prefixes = ["https://crm.example.com", "http://h/api/"].map(|url| Url::parse(url).unwrap());
    let policy = Policy { urls: AllowedUrls::Prefixes(prefixes.into()), ..policy() };
    let allowed = |url: &str| policy.step(&call("webhook", &[("url", url)]), |_| Ok(())).timeout().is_ok();
    for url in ["https://crm.example.com/x?y", "HTTPS://CRM.example.com:443/", "http://h/api/../api/x"] {
        assert!(allowed(url), "{url}");
    }
    for url in [
        "https://crm.example.com.evil.net/",
        "https://crm.example.com@evil.net/",
        "https://crm.example.com:8443/",
        "http://crm.example.com/",
        "http://h/api/../admin",
        "http://h/api/%2e%2e/admin",
        "http://h/api/..%2fadmin",
        "http://h/api/..;/admin",
        "http://h/api/x/%2E%2E%2F%2e.%5cadmin",
        "http://h/apix",
    ] {
        assert!(!allowed(url), "{url}");
    }
}
