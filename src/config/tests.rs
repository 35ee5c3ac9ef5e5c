//! The config module owns these rules: the keys of the file, their defaults, and their faults.

use std::fs;
use std::time::Duration;

use super::*;
use crate::hook::Timeout;
use crate::variable::{Accept, Value};

/// Every key that holds a duration.
mod durations;

pub(super) fn parse(text: &str) -> Result<Config, Vec<String>> {
    Config::parse(text, Path::new("/etc/dialhook/dialhook.toml")).map_err(|error| {
        error.to_string().lines().map(|line| line.replace("/etc/dialhook/dialhook.toml:", "")).collect()
    })
}

#[test]
fn an_empty_file_is_the_default() {
    let config = parse("").unwrap();
    assert_eq!(config.listen.asterisk.unwrap().to_string(), "127.0.0.1:4573");
    assert_eq!(config.listen.freeswitch.unwrap().to_string(), "127.0.0.1:8084");
    assert_eq!((config.limits.clone(), &config.policy.urls), (Limits::default(), &AllowedUrls::Any));
    assert!(config.policy.hooks.is_empty() && config.notices.is_empty());
}

#[test]
fn every_key_means_what_the_contract_says() {
    let config = parse(
        r#"
        company = "acme"
        [listen]
        asterisk = "0.0.0.0:4573"
        freeswitch = false
        observer = false
        allow = ["10.1.0.0/16", "127.0.0.1", "::1"]
        [calls]
        urls = ["https://crm.example.com/"]
        [limits]
        calls = 50
        calls_per_peer = 20
        patience = "7.5s"
        drain_notice = "3s"
        [hook.crm]
        method = "GET"
        url = "https://crm.example.com/route?did={callee_number}"
        timeout = "3s"
        variable = "CRM"
        accept = "any"
        answers = ["sales", "support"]
        otherwise = "reception"
        fetch = ["ACCOUNT"]
        headers = { X-Literal = "one" }
        "#,
    )
    .unwrap();
    assert_eq!(config.listen.freeswitch, None);
    assert_eq!(config.listen.allow.as_ref().unwrap().len(), 3);
    assert_eq!(config.policy.urls, AllowedUrls::Prefixes(vec!["https://crm.example.com/".parse().unwrap()]));
    assert_eq!(config.policy.company, "acme");
    let patience = Duration::from_millis(7500);
    let drain_notice = Duration::from_secs(3);
    let limits = Limits { calls: 50, calls_per_peer: Some(20), patience, drain_notice, ..Limits::default() };
    assert_eq!(config.limits, limits);
    let hook = &config.policy.hooks["crm"];
    assert_eq!((hook.method.as_str(), hook.accept), ("GET", Accept::Any));
    assert_eq!(hook.timeout, "3".parse::<Timeout>().unwrap());
    assert_eq!(hook.answers, ["sales", "support"]);
    assert_eq!(hook.otherwise, Value::from("reception"));
    assert_eq!(hook.headers.fixed["x-literal"], "one");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a file with every fault, and the list of them")]
fn one_reading_finds_every_fault_with_its_line_its_key_and_a_remedy() {
    let faults = parse(
        "compnay = \"acme\"\n\
         [listen]\n\
         asterisk = \"localhost\"\n\
         allow = [\"10.1.0.0/33\"]\n\
         [calls]\n\
         urls = [\"ftp://x/\"]\n\
         [limits]\n\
         calls = 0\n\
         [hook.webhook]\n\
         url = \"http://h/\"\n\
         [hook.\"a b\"]\n\
         method = \"PUT\"\n\
         [hook.crm]\n\
         url = \"https://h/{caler_number}\"\n\
         timeout = \"20s\"\n\
         variable = \"CALLERID(name)\"\n\
         accept = \"all\"\n\
         answers = [\" sales\"]\n\
         otherwise = \"a\\\"b\"\n\
         fetch = [\"A\", \"A\", \"B C\"]\n\
         headers = { Host = \"x\", \"b d\" = \"y\", X-Key = { file = \"/nonexistent\" }, Y = \"{uid}\", Z = 5 }\n\
         timout = 3\n\
         [hook.later]\n\
         url = \"http://h/\"\n\
         variable = \"webhook_status\"\n\
         answers = []\n",
    )
    .unwrap_err();
    let expected = [
        "1: compnay: unknown key; did you mean `company`?",
        "3: listen.asterisk: found \"localhost\"; write an address and a port, such as \"127.0.0.1:4573\", or false",
        "4: listen.allow: found [\"10.1.0.0/33\"]; write networks or addresses, such as",
        "6: calls.urls: not an http or https URL; begin with https://",
        "8: limits.calls: found 0; write a number from 1 to 1000000",
        "9: hook.webhook: this name is reserved for ad hoc steps; choose another one",
        "11: hook.a b: the name of a hook is part of an address; write letters, digits, `_`, `-` and `.` only",
        "11: hook.a b.url: missing; write the URL of the webhook",
        "12: hook.a b.method: found \"PUT\"; write \"GET\" or \"POST\"",
        "14: hook.crm.url: unknown placeholder `{caler_number}`; did you mean `{caller_number}`?",
        "15: hook.crm.timeout: found \"20s\"; write a value from 1s to 10s, such as \"2s\"",
        "16: hook.crm.variable: found \"CALLERID(name)\"; write a name of letters, digits and `_`",
        "17: hook.crm.accept: found \"all\"; write \"word\" or \"text\"",
        "18: hook.crm.answers: found [\" sales\"]; write it without white space at its ends",
        "19: hook.crm.otherwise: found \"a\\\"b\"; leave out `\"`, `$` and `\\`, which a channel variable cannot hold safely",
        "20: hook.crm.fetch: found [\"A\", \"A\", \"B C\"]; write A only once",
        "20: hook.crm.fetch: found \"B C\"; the name of a variable that is read has 1 to 256 letters, digits, `_`, `-` and `.`",
        "21: hook.crm.headers.Host: dialhook sets this header for each connection; leave it out",
        "21: hook.crm.headers.b d: not a header name; write letters, digits and hyphens",
        "21: hook.crm.headers.X-Key.file: cannot read /nonexistent: No such file",
        "21: hook.crm.headers.Y: unknown placeholder `{uid}`; did you mean `{uuid}`?",
        "21: hook.crm.headers.Z: neither a text nor a table; write a text in quotes, { file = \"NAME\" } or { env = \"NAME\" }",
        "22: hook.crm.timout: unknown key; did you mean `timeout`?",
        "25: hook.later.variable: found \"webhook_status\"; dialhook sets WEBHOOK_CODE, WEBHOOK_REASON, WEBHOOK_STATUS itself",
        "26: hook.later.answers: found []; write the accepted values, or leave the key out",
    ];
    for (fault, start) in faults.iter().zip(expected) {
        assert!(fault.starts_with(start), "found    {fault}\nexpected {start}");
    }
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
}

#[test]
fn a_listener_that_other_machines_reach_needs_allow() {
    let open = "[listen]\nasterisk = \"0.0.0.0:4573\"\n";
    assert!(
        parse(open).unwrap_err()[0]
            .contains("set listen.allow for an address that is not loopback, such as [\"10.1.0.0/16\"]")
    );
    let config = parse(&format!("{open}allow = [\"10.1.0.0/16\"]\n")).unwrap();
    assert_eq!(config.policy.urls, AllowedUrls::Prefixes(Vec::new()), "no ad hoc URL is allowed by default");
}

#[test]
fn an_allow_without_loopback_is_noticed() {
    let notices =
        |allow: &str| parse(&format!("[listen]\nfreeswitch = false\nallow = [{allow}]\n")).unwrap().notices;
    assert!(
        notices("\"10.1.0.0/16\"")[0].starts_with("listen.allow does not name 127.0.0.1: nobody can connect")
    );
    assert!(notices("\"10.1.0.0/16\", \"127.0.0.1\"").is_empty());
}

#[test]
fn a_network_of_ipv4_may_be_written_as_ipv6() {
    let listen = |network: &str| {
        parse(&format!("[listen]\nasterisk = \"[::]:4573\"\nallow = [\"{network}\"]\n")).unwrap().listen
    };
    for (network, within, without) in [
        ("::ffff:127.0.0.1", "127.0.0.1", "127.0.0.2"),
        ("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.1"),
        ("::FFFF:a01:0/112", "10.1.2.3", "10.2.0.0"),
        ("::ffff:0:0/96", "192.0.2.1", "2001:db8::1"),
        ("2001:db8::/32", "2001:db8::1", "192.0.2.1"),
    ] {
        let listen = listen(network);
        let allows = |peer: &str| listen.allows(peer.parse().unwrap());
        assert!(allows(within) && !allows(without), "{network}");
    }
    assert!(listen("::ffff:10.0.0.0/104").allows("::ffff:10.9.9.9".parse().unwrap()));
}

#[test]
fn an_empty_allow_is_noticed() {
    let open = "[listen]\nasterisk = \"0.0.0.0:4573\"\nfreeswitch = false\nallow = []\n";
    let notices = |observer: &str| parse(&format!("{open}{observer}")).unwrap().notices;
    let told = |name| {
        format!("listen.allow is empty: nobody can connect to listen.{name}; name networks or addresses")
    };
    assert_eq!(notices(""), [told("asterisk")]);
    let token = "observer.token is missing, and listen.observer is not on loopback: only /metrics and /health/* are \
                 answered there; write a secret into a file, and name it: token = { file = \"observer.token\" }";
    let token = token.to_owned();
    assert_eq!(notices("observer = \"0.0.0.0:9573\"\n"), [told("asterisk"), told("observer"), token]);
}

#[test]
fn a_network_is_shown_without_its_host_bits() {
    let config = parse("[listen]\nallow = [\"10.1.2.3/16\", \"127.0.0.1\", \"fd00::1/8\"]\n").unwrap();
    let shown: Vec<_> = config.listen.allow.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["10.1.0.0/16", "127.0.0.1/32", "fd00::/8"]);
}

#[test]
fn a_file_that_is_not_utf_8_is_a_fault_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dialhook.toml");
    fs::write(&file, b"# a\n# caf\xe9\n").unwrap();
    let fault = Config::load(Some(&file)).unwrap_err().to_string();
    assert!(fault.ends_with("dialhook.toml:2: not UTF-8; save the file in UTF-8"), "{fault}");
    fs::write(&file, "\u{feff}company = \"a\"\n").unwrap();
    assert_eq!(Config::load(Some(&file)).unwrap().policy.company, "a");
}

#[test]
fn a_hook_without_its_prefix_is_recognised() {
    let faults = parse("[crm]\nurl = \"http://h/\"\n[hook.a]\nulr = \"http://h/\"\nurl = \"http://h/\"\n")
        .unwrap_err();
    assert_eq!(
        faults,
        ["1: crm: unknown key; did you mean [hook.crm]?", "4: hook.a.ulr: unknown key; did you mean `url`?"]
    );
}

#[test]
fn the_observer_is_on_loopback_by_default() {
    let observer = |listen: &str| parse(&format!("[listen]\n{listen}")).map(|config| config.listen.observer);
    assert_eq!(observer(""), Ok(Some("127.0.0.1:9573".parse().unwrap())));
    assert_eq!(observer("observer = false\n"), Ok(None));
    assert!(observer("observer = \"0.0.0.0:9573\"\n").unwrap_err()[0].contains("set listen.allow"));
    assert!(observer("observer = \"0.0.0.0:9573\"\nallow = [\"10.1.0.0/16\"]\n").is_ok());
    let faults = observer("observer = \"127.0.0.1:8084\"\n").unwrap_err();
    assert_eq!(faults, ["2: listen.observer: the same address as listen.freeswitch; write another port"]);
}

#[test]
fn allow_limits_an_observer_only_if_it_is_not_on_loopback() {
    let allows = |listen: &str, peer: &str| {
        let text = format!("[listen]\nallow = [\"10.1.0.0/16\", \"127.0.0.1\"]\n{listen}");
        parse(&text).unwrap().listen.observer_allows(peer.parse().unwrap())
    };
    let open = "observer = \"0.0.0.0:9573\"\n";
    assert!(allows(open, "10.1.2.3") && !allows(open, "10.2.2.3"));
    let only_switches = parse("[listen]\nallow = [\"10.1.0.0/16\"]\n").unwrap();
    assert!(only_switches.listen.observer_allows("127.0.0.1".parse().unwrap()));
    assert!(!only_switches.notices.iter().any(|notice| notice.contains("observer")));
}

#[test]
fn telephone_numbers_are_masked_by_default() {
    assert!(!parse("").unwrap().log_numbers);
    assert!(parse("[log]\nnumbers = true\n").unwrap().log_numbers);
    let faults = parse("[log]\nnumbers = \"yes\"\nnumber = true\n").unwrap_err();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with("2: log.numbers: found") && faults[0].ends_with("write true or false"));
}

#[test]
fn a_secret_comes_from_a_file_or_the_environment_and_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("crm.key"), "geheim\n").unwrap();
    let file = folder.path().join("dialhook.toml");
    let hook = |headers: &str| format!("[hook.crm]\nurl = \"http://u:geheim@h/\"\nheaders = {headers}\n");
    let config =
        Config::parse(&hook("{ X-Key = { file = \"crm.key\" }, X-Path = { env = \"PATH\" } }"), &file)
            .unwrap();
    let headers = &config.policy.hooks["crm"].headers.fixed;
    assert_eq!(headers["x-key"], "geheim");
    fs::write(folder.path().join("empty.key"), "\n").unwrap();
    let empty = Config::parse(&hook("{ X-Key = { file = \"empty.key\" } }"), &file).unwrap_err().to_string();
    assert!(empty.contains("empty; write the secret into it"), "{empty}");
    assert!(headers.values().all(http::HeaderValue::is_sensitive));
    assert!(!format!("{config:?}").contains("geheim"));

    fs::write(folder.path().join("crm.key"), "geheim\nzeile\n").unwrap();
    for headers in
        ["{ X-Key = { file = \"crm.key\" } }", "{ X-Key = \"geheim\\n\" }", "{ X = { env = \"NO_SUCH_1\" } }"]
    {
        let faults = Config::parse(&hook(headers), &file).unwrap_err().to_string();
        assert!(!faults.contains("geheim") && faults.contains(":3: hook.crm.headers."), "{faults}");
    }
}

#[test]
fn a_text_that_a_switch_cannot_carry_is_a_fault() {
    for text in ["ARRAY::a", "a$b", "a\\\\b", "a\\\"b", "a\\nb", &"x".repeat(1025)] {
        for key in [format!("otherwise = \"{text}\""), format!("answers = [\"{text}\"]")] {
            let faults = parse(&format!("[hook.a]\nurl = \"http://h/\"\n{key}\n")).unwrap_err();
            assert_eq!(faults.len(), 1, "{key}");
        }
    }
}

#[test]
fn no_fault_shows_a_value_that_may_be_a_secret() {
    for text in [
        "[hook.a]\nurl = [\"http://u:geheim@h/\"]\n",
        "[hook.a]\nurl = \"ftp://u:geheim@h/\"\n",
        "[hook.a]\nurl = \"http://h/\"\nheaders = \"Bearer geheim\"\n",
        "[hook.a]\nurl = \"http://h/\"\nheaders = [\"A: geheim\"]\n",
        "[hook.a]\nurl = \"http://h/\"\nheaders = { A = { file = [\"geheim\"] } }\n",
        "[hook]\na = \"geheim\"\n",
        "hook = \"geheim\"\n",
        "[calls]\nurls = [\"ftp://u:geheim@h/\"]\n",
        "[hook.a]\nurl = \"http://h/\"\nredirects = 1\nredirect_hosts = [\"http://u:geheim@h/\"]\n",
    ] {
        let faults = parse(text).unwrap_err().join("\n");
        assert!(!faults.contains("geheim"), "{faults}");
    }
}

#[test]
fn the_same_header_in_other_letters_is_a_fault() {
    let faults =
        parse("[hook.a]\nurl = \"http://h/\"\nheaders = { X-A = \"1\", x-a = \"2\" }\n").unwrap_err();
    assert_eq!(
        faults,
        [
            "3: hook.a.headers.x-a: this header is set twice (the case of its letters does not matter); leave one of them out"
        ]
    );
}

#[test]
fn a_header_that_no_hook_may_set_is_a_fault() {
    for header in [
        "User-Agent = \"x\"",
        "webhook-id = \"x\"",
        "A = {}",
        "A = { file = \"x\", env = \"y\" }",
        "A = { fil = \"x\" }",
    ] {
        let faults =
            parse(&format!("[hook.a]\nurl = \"http://h/\"\nheaders = {{ {header} }}\n")).unwrap_err();
        assert!(!faults.is_empty() && faults[0].starts_with("3: hook.a.headers."), "{faults:?}");
    }
}

#[test]
fn a_configuration_without_a_usable_listener_is_a_fault() {
    let listen = |lines: &str| parse(&format!("[listen]\n{lines}"));
    assert!(
        listen("asterisk = false\nfreeswitch = false\n").unwrap_err()[0].contains("no listener for a switch")
    );
    assert!(listen("freeswitch = \"127.0.0.1:4573\"\n").unwrap_err()[0].contains("the same address"));
    assert!(listen("asterisk = \"127.0.0.1:0\"\nfreeswitch = \"127.0.0.1:0\"\n").is_ok());
}

#[test]
fn a_number_may_have_every_notation_of_toml() {
    let calls =
        |number: &str| parse(&format!("[limits]\ncalls = {number}\n")).map(|config| config.limits.calls);
    assert_eq!([calls("0x10"), calls("0o17"), calls("1_000")].map(Result::unwrap), [16, 15, 1000]);
    assert!(calls("-1").is_err() && calls("1e3").is_err());
}

#[test]
fn a_missing_file_that_was_named_is_an_error() {
    let missing = Path::new("/nonexistent/dialhook.toml");
    let error = Config::load(Some(missing)).unwrap_err().to_string();
    assert!(error.starts_with("cannot read /nonexistent/dialhook.toml: No such file"), "{error}");
}

#[test]
fn a_hook_cannot_be_named_unknown() {
    let faults = parse("[hook.unknown]\nurl = \"http://h/\"\n").unwrap_err();
    assert_eq!(
        faults,
        [
            "1: hook.unknown: this name is reserved: metrics use it for every hook that does not exist; choose another one"
        ]
    );
}
