//! The config module owns these rules: the keys of a hook, and their faults and notices.

use std::path::Path;

use crate::config::Config;

/// Returns the faults of these lines below `[hook.a]`, which is line 1. `hook.a.` is left out.
fn faults(lines: &str) -> Vec<String> {
    match Config::parse(&format!("[hook.a]\n{lines}"), Path::new("dialhook.toml")) {
        Ok(_) => Vec::new(),
        Err(error) => {
            let told = error.to_string();
            told.lines().map(|line| line.replace("dialhook.toml:", "").replace("hook.a.", "")).collect()
        }
    }
}

/// Asserts that the faults of these lines begin with these texts.
#[track_caller]
fn assert_faults(lines: &str, expected: &[&str]) {
    let told = faults(lines);
    let as_expected = told.iter().zip(expected).all(|(told, start)| told.starts_with(start));
    assert!(as_expected && told.len() == expected.len(), "the faults of\n{lines}\nare {told:#?}");
}

#[test]
fn a_wrong_url_hides_no_fault_of_the_whole_hook() {
    let names: Vec<_> = (10..50).map(|number| format!("\"A{number}\"")).collect();
    assert_faults(
        &format!("url = \"nowhere\"\ncache = \"60s\"\nfetch = [{}]\n", names.join(", ")),
        &[
            "2: url: not an http",
            "3: cache: no two calls make the same request",
            "4: fetch: more channel variables",
        ],
    );
}

#[test]
fn a_wrong_body_causes_no_fault_of_the_cache() {
    let body = "body = '{\"a\": \"{caler_number}\"}'\n";
    assert_faults(
        &format!("url = \"http://h/\"\n{body}cache = \"60s\"\n"),
        &["3: body: unknown placeholder"],
    );
    assert_faults(
        "url = \"http://h/\"\nfields = [\"uid\"]\ncache = \"60s\"\n",
        &["3: fields: unknown field `{uid}`"],
    );
}

#[test]
fn every_wrong_placeholder_is_a_fault() {
    assert_faults(
        "url = \"http://h/{uid}/{caler_number}\"\n\
         body = '{\"a\": \"{uid}\", \"b\": [\"{caler_number} }\"], \"{c}\": 1}'\n\
         headers = { X = \"{uid} {caler_number}\\n\" }\n",
        &[
            "2: url: unknown placeholder `{uid}`",
            "2: url: unknown placeholder `{caler_number}`",
            "3: body: unknown placeholder `{uid}`",
            "3: body: unknown placeholder `{caler_number}`",
            "3: body: a `}` without its `{`",
            "3: body: the name \"{c}\" cannot have placeholders",
            "4: headers.X: unknown placeholder `{uid}`",
            "4: headers.X: unknown placeholder `{caler_number}`",
            "4: headers.X: not a header's value",
        ],
    );
    assert_faults(
        "url = \"http://h/\"\nfields = { a = \"uid\", b = 5, c = \"caler_number\" }\n",
        &["3: fields.b: found a value of the type integer; write a text"],
    );
    assert_faults(
        "url = \"http://h/\"\nfields = { a = \"uid\", c = \"caler_number\" }\n",
        &["3: fields: unknown field `{uid}`", "3: fields: unknown field `{caler_number}`"],
    );
}

#[test]
fn a_key_that_should_be_left_out_is_still_checked() {
    assert_faults(
        "url = \"http://h/\"\nurls = [\n\"http://h/{uid}\",\n5]\n",
        &[
            "3: urls: url is set too",
            "4: urls: unknown placeholder `{uid}`",
            "5: urls: found a value of the type integer; write a text",
        ],
    );
    assert_faults(
        "url = \"http://h/\"\nbody = \"{}\"\nfields = [\"uid\"]\n",
        &["4: fields: unknown field `{uid}`", "4: fields: a JSON body has fields of its own"],
    );
    assert_faults(
        "url = \"http://h/\"\nstale_if_error = true\n",
        &["3: stale_if_error: no effect without cache", "3: stale_if_error: found true; write a value"],
    );
    assert_faults(
        "url = \"https://h/\"\nkey = \"nowhere.pem\"\n",
        &["3: key: a key needs its certificate", "3: key: cannot read nowhere.pem"],
    );
}

#[test]
fn each_of_several_secrets_is_checked() {
    assert_faults(
        "url = \"http://h/\"\nsign = [\"geheim\",\n\"x\",\n{ file = \"nowhere.key\", fil = 1 }]\n",
        &[
            "3: sign: 3 secrets; write one, or two",
            "3: sign: not a signing secret",
            "4: sign: not a signing secret",
            "5: sign.file: cannot read nowhere.key",
            "5: sign.fil: unknown key; did you mean `file`?",
        ],
    );
    assert_faults(
        "url = \"http://h/\"\nbasic = { user = \"a:b\", password = { file = \"nowhere.key\" } }\n",
        &[
            "3: basic.user: a user name cannot hold a colon",
            "3: basic.password.file: cannot read nowhere.key",
        ],
    );
}

#[test]
fn a_repeated_header_or_variable_is_a_fault_even_if_its_value_is_wrong() {
    assert_faults(
        "url = \"http://h/\"\nheaders = { X-A = \"{uid}\", x-a = \"{uid}\" }\n\
         set = { ROUTE = \"route\", _route = { status = false } }\n",
        &[
            "3: headers.X-A: unknown placeholder",
            "3: headers.x-a: this header is set twice",
            "3: headers.x-a: unknown placeholder",
            "4: set.ROUTE: found \"route\"; write a JSON pointer",
            "4: set._route: this variable is already set",
            "4: set._route.status: found false; write true",
        ],
    );
}

#[test]
fn a_host_that_no_redirect_can_name_is_a_fault() {
    let hosts = |hosts: &str| format!("url = \"http://h/\"\nredirects = 1\nredirect_hosts = [{hosts}]\n");
    for host in [
        "*.example.com",
        "https://a/",
        "a:0",
        "a:",
        "a:+80",
        "a:65536",
        ":80",
        "a/b",
        "a:80/",
        "u@a",
        "",
        "::1",
        "[::1]:",
        "{uuid}.a",
        "a b",
    ] {
        assert_faults(
            &hosts(&format!("\"{host}\"")),
            &[&format!("4: redirect_hosts: found \"{host}\"; write a whole")],
        );
    }
    assert_faults(
        &hosts("\n\"a.example\",\n\"*\",\n5"),
        &["6: redirect_hosts: found \"*\";", "7: redirect_hosts: found 5;"],
    );
    assert_faults(&hosts("\"[::1]\", \"192.0.2.7\", \"EU.example.com\", \"bücher.example\""), &[]);
    assert_faults(&hosts("\"[::1]:8443\", \"192.0.2.7:80\", \"EU.example.com:08443\""), &[]);
}

#[test]
fn redirect_hosts_without_redirects_is_a_fault() {
    for redirects in ["", "redirects = 0\n"] {
        let lines = format!("redirect_hosts = [\"a\"]\nurl = \"http://h/\"\n{redirects}");
        assert_faults(&lines, &["2: redirect_hosts: no effect without redirects; write redirects = 1 too"]);
    }
}

#[test]
fn the_same_secret_twice_is_a_fault() {
    let secret = "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
    let other = "\"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";
    assert_faults(
        &format!("url = \"http://h/\"\nsign = [{secret}, {secret}]\n"),
        &["3: sign: the same secret twice"],
    );
    assert_faults(&format!("url = \"http://h/\"\nsign = [{secret}, {other}]\n"), &[]);
}

#[test]
fn answers_that_no_good_status_can_be_are_a_fault() {
    let set = |answers: &str, part: &str| {
        format!("url = \"http://h/\"\n{answers}\n[hook.a.set]\nR = \"/r\"\nC = {{ status = true{part} }}\n")
    };
    let told = ["6: set.C: a good answer has a status from 200 to 299"];
    assert_faults(&set("answers = [\"sales\"]", ""), &told);
    assert_faults(&set("", ", answers = [\"404\", \"2000\"]"), &told);
    assert_faults(&set("answers = [\"sales\"]", ", answers = [\"201\"]"), &[]);
    assert_faults(&set("answers = [\"sales\", \"200\"]", ""), &[]);
    assert_faults(&set("", ""), &[]);
}

#[test]
fn accept_is_word_text_or_any_and_the_fault_of_safe_names_its_new_name() {
    let set = |accept: &str| {
        format!("url = \"http://h/\"\nset = {{ R = {{ json = \"/r\", accept = {accept} }} }}\n")
    };
    for accept in ["\"word\"", "\"text\"", "\"any\""] {
        assert_faults(&set(accept), &[]);
        assert_faults(&format!("url = \"http://h/\"\naccept = {accept}\n"), &[]);
    }
    for (accept, told) in [
        ("\"safe\"", "\"safe\" is called \"text\" now; write \"text\", or leave the key out"),
        ("\"Word\"", "found \"Word\"; write \"word\" or \"text\""),
        ("true", "found true; write \"word\" or \"text\""),
    ] {
        assert_faults(&set(accept), &[&format!("3: set.R.accept: {told}")]);
        assert_faults(&format!("url = \"http://h/\"\naccept = {accept}\n"), &[&format!("3: accept: {told}")]);
    }
}

#[test]
fn otherwise_and_answers_hold_only_texts_that_every_switch_can_carry() {
    for key in [
        "otherwise = \"{}\"",
        "answers = [\"{}\"]",
        "set = {{ R = {{ json = \"/r\", otherwise = \"{}\" }} }}",
    ] {
        let key = key.replace("{{", "{").replace("}}", "}");
        let told = |text: &str| {
            faults(&format!("url = \"http://h/\"\nvariable = \"V\"\n{}\n", key.replace("{}", text)))
        };
        for good in ["", "user/1000@example.com", "Ada Lovelace, Countess", "{a=b}x", "it's", "100%"] {
            assert_eq!(told(good), [""; 0], "{key}: {good}");
        }
        for bad in
            ["a\\nb", "a\\u0085b", "a\\u2028b", "a\\u202Eb", "a\\\"b", "$x", "a\\\\b", "ARRAY::a", "%[a=b]x"]
        {
            let told = told(bad);
            assert!(told.len() == 1 && told[0].contains("; "), "{key}: {bad}: {told:?}");
        }
    }
}

#[test]
fn a_fragment_in_a_url_is_a_fault() {
    let right = "a `#` begins a fragment, which is never sent; write %23 for a `#`";
    assert_faults("url = \"http://h/?to=#21#&from=1\"\n", &[&format!("2: url: {right}")]);
    assert_faults("urls = [\"http://h/a\", \"http://h/b#\"]\n", &[&format!("2: urls: {right}")]);
    assert_faults("url = \"http://h/?to=%2321%23\"\n", &[]);
}

fn notices(lines: &str) -> Vec<String> {
    Config::parse(&format!("[hook.a]\nurl = \"http://h/\"\n{lines}"), Path::new("dialhook.toml"))
        .unwrap()
        .notices
}

#[test]
fn a_fetch_whose_variables_no_request_sends_is_noticed() {
    for lines in
        ["method = \"GET\"", "body = \"{}\"", "fields = [\"uuid\"]", "body = \"form\"\nfields = [\"uuid\"]"]
    {
        let notices = notices(&format!("fetch = [\"A\"]\n{lines}\n"));
        assert_eq!(notices.len(), 1, "{lines}: {notices:?}");
        assert!(
            notices[0].starts_with("hook.a.fetch names channel variables that no request sends"),
            "{notices:?}"
        );
    }
    for lines in ["", "body = \"form\"", "fields = { v = \"variables\" }"] {
        assert!(notices(&format!("fetch = [\"A\"]\n{lines}\n")).is_empty(), "{lines}");
    }
}

#[test]
fn an_otherwise_without_a_variable_is_noticed() {
    assert!(notices("otherwise = \"sales\"\n")[0].starts_with("hook.a.otherwise has no effect"));
    for variable in ["variable = \"CRM\"", "set = { CRM = \"/a\" }"] {
        assert!(notices(&format!("otherwise = \"sales\"\n{variable}\n")).is_empty());
    }
}

#[test]
fn every_key_of_a_hook_is_recognised_in_a_hook_without_a_name() {
    let faults = faults("url = \"http://h/\"\nqqqq = 1\n");
    let (_, known) = faults[0].split_once(" has the keys ").unwrap();
    for key in known.split(", ") {
        assert!(super::KEYS.contains(&key), "{key}");
    }
}
