//! What a hook's table may say, and what is said of it.

use std::path::Path;

use crate::config::Config;

/// Every fault of these lines below `[hook.a]`, which is line 1, without `hook.a.`.
fn faults(lines: &str) -> Vec<String> {
    match Config::parse(&format!("[hook.a]\n{lines}"), Path::new("dialhook.toml")) {
        Ok(_) => Vec::new(),
        Err(error) => {
            let told = error.to_string();
            told.lines().map(|line| line.replace("dialhook.toml:", "").replace("hook.a.", "")).collect()
        }
    }
}

/// Fails unless the faults of these lines begin as they should.
#[track_caller]
fn tells(lines: &str, expected: &[&str]) {
    let told = faults(lines);
    let as_expected = told.iter().zip(expected).all(|(told, start)| told.starts_with(start));
    assert!(as_expected && told.len() == expected.len(), "of\n{lines}\nis told {told:#?}");
}

#[test]
fn a_wrong_url_hides_no_fault_of_the_whole_hook() {
    let names: Vec<_> = (10..50).map(|number| format!("\"A{number}\"")).collect();
    tells(
        &format!("url = \"nowhere\"\ncache = \"60s\"\nfetch = [{}]\n", names.join(", ")),
        &["2: url: not an http", "3: cache: no two calls ask the same", "4: fetch: more channel variables"],
    );
}

#[test]
fn a_wrong_body_says_nothing_of_the_cache() {
    let body = "body = '{\"a\": \"{caler_number}\"}'\n";
    tells(&format!("url = \"http://h/\"\n{body}cache = \"60s\"\n"), &["3: body: unknown placeholder"]);
    tells(
        "url = \"http://h/\"\nfields = [\"uid\"]\ncache = \"60s\"\n",
        &["3: fields: unknown field `{uid}`"],
    );
}

#[test]
fn every_wrong_placeholder_is_told() {
    tells(
        "url = \"http://h/{uid}/{caler_number}\"\n\
         body = '{\"a\": \"{uid}\", \"b\": [\"{caler_number} }\"], \"{c}\": 1}'\n\
         headers = { X = \"{uid} {caler_number}\\n\" }\n",
        &[
            "2: url: unknown placeholder `{uid}`",
            "2: url: unknown placeholder `{caler_number}`",
            "3: body: unknown placeholder `{uid}`",
            "3: body: unknown placeholder `{caler_number}`",
            "3: body: a `}` without its `{`",
            "3: body: the name \"{c}\" cannot hold placeholders",
            "4: headers.X: unknown placeholder `{uid}`",
            "4: headers.X: unknown placeholder `{caler_number}`",
            "4: headers.X: not a header's value",
        ],
    );
    tells(
        "url = \"http://h/\"\nfields = { a = \"uid\", b = 5, c = \"caler_number\" }\n",
        &["3: fields.b: found a value of the type integer; write a text"],
    );
    tells(
        "url = \"http://h/\"\nfields = { a = \"uid\", c = \"caler_number\" }\n",
        &["3: fields: unknown field `{uid}`", "3: fields: unknown field `{caler_number}`"],
    );
}

#[test]
fn what_had_better_be_left_out_is_looked_at_even_so() {
    tells(
        "url = \"http://h/\"\nurls = [\n\"http://h/{uid}\",\n5]\n",
        &[
            "3: urls: there is url already",
            "4: urls: unknown placeholder `{uid}`",
            "5: urls: found a value of the type integer; write a text",
        ],
    );
    tells(
        "url = \"http://h/\"\nbody = \"{}\"\nfields = [\"uid\"]\n",
        &["4: fields: unknown field `{uid}`", "4: fields: the body says which fields there are"],
    );
    tells(
        "url = \"http://h/\"\nstale_if_error = true\n",
        &["3: stale_if_error: nothing is kept without cache", "3: stale_if_error: found true; write a value"],
    );
    tells(
        "url = \"https://h/\"\nkey = \"nowhere.pem\"\n",
        &["3: key: a key needs its certificate", "3: key: cannot read nowhere.pem"],
    );
}

#[test]
fn each_of_several_secrets_is_looked_at() {
    tells(
        "url = \"http://h/\"\nsign = [\"geheim\",\n\"x\",\n{ file = \"nowhere.key\", fil = 1 }]\n",
        &[
            "3: sign: write one secret, or two",
            "3: sign: not a signing secret",
            "4: sign: not a signing secret",
            "5: sign.file: cannot read nowhere.key",
            "5: sign.fil: unknown key; did you mean `file`?",
        ],
    );
    tells(
        "url = \"http://h/\"\nbasic = { user = \"a:b\", password = { file = \"nowhere.key\" } }\n",
        &[
            "3: basic.user: a user name cannot hold a colon",
            "3: basic.password.file: cannot read nowhere.key",
        ],
    );
}

#[test]
fn what_stands_there_twice_is_told_also_where_it_is_wrong() {
    tells(
        "url = \"http://h/\"\nheaders = { X-A = \"{uid}\", x-a = \"{uid}\" }\n\
         set = { ROUTE = \"route\", _route = { status = false } }\n",
        &[
            "3: headers.X-A: unknown placeholder",
            "3: headers.x-a: this header stands there twice",
            "3: headers.x-a: unknown placeholder",
            "4: set.ROUTE: found \"route\"; write a JSON pointer",
            "4: set._route: this variable is set already",
            "4: set._route.status: found false; write true",
        ],
    );
}

#[test]
fn a_host_that_no_redirect_can_name_is_told() {
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
        tells(
            &hosts(&format!("\"{host}\"")),
            &[&format!("4: redirect_hosts: found \"{host}\"; write the whole")],
        );
    }
    tells(
        &hosts("\n\"a.example\",\n\"*\",\n5"),
        &["6: redirect_hosts: found \"*\";", "7: redirect_hosts: found 5;"],
    );
    tells(&hosts("\"[::1]\", \"192.0.2.7\", \"EU.example.com\", \"bücher.example\""), &[]);
    tells(&hosts("\"[::1]:8443\", \"192.0.2.7:80\", \"EU.example.com:08443\""), &[]);
}

#[test]
fn hosts_of_redirects_that_nobody_follows_are_told() {
    for redirects in ["", "redirects = 0\n"] {
        let lines = format!("redirect_hosts = [\"a\"]\nurl = \"http://h/\"\n{redirects}");
        tells(&lines, &["2: redirect_hosts: no redirect is followed; write redirects = 1 too"]);
    }
}

#[test]
fn the_same_secret_twice_is_told() {
    let secret = "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
    let other = "\"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";
    tells(
        &format!("url = \"http://h/\"\nsign = [{secret}, {secret}]\n"),
        &["3: sign: the same secret stands there twice"],
    );
    tells(&format!("url = \"http://h/\"\nsign = [{secret}, {other}]\n"), &[]);
}

#[test]
fn words_that_no_status_can_be_are_told() {
    let set = |answers: &str, part: &str| {
        format!("url = \"http://h/\"\n{answers}\n[hook.a.set]\nR = \"/r\"\nC = {{ status = true{part} }}\n")
    };
    let told = ["6: set.C: the status of a good answer is 200 to 299"];
    tells(&set("answers = [\"sales\"]", ""), &told);
    tells(&set("", ", answers = [\"404\", \"2000\"]"), &told);
    tells(&set("answers = [\"sales\"]", ", answers = [\"201\"]"), &[]);
    tells(&set("answers = [\"sales\", \"200\"]", ""), &[]);
    tells(&set("", ""), &[]);
}

#[test]
fn a_way_to_accept_is_a_word_a_text_or_anything_and_safe_is_told_its_new_name() {
    let set = |accept: &str| {
        format!("url = \"http://h/\"\nset = {{ R = {{ json = \"/r\", accept = {accept} }} }}\n")
    };
    for accept in ["\"word\"", "\"text\"", "\"any\""] {
        tells(&set(accept), &[]);
        tells(&format!("url = \"http://h/\"\naccept = {accept}\n"), &[]);
    }
    for (accept, told) in [
        ("\"safe\"", "\"safe\" is called \"text\" now; write \"text\", or leave the key out"),
        ("\"Word\"", "found \"Word\"; write \"word\" or \"text\""),
        ("true", "found true; write \"word\" or \"text\""),
    ] {
        tells(&set(accept), &[&format!("3: set.R.accept: {told}")]);
        tells(&format!("url = \"http://h/\"\naccept = {accept}\n"), &[&format!("3: accept: {told}")]);
    }
}

#[test]
fn what_a_variable_holds_otherwise_is_what_every_switch_can_carry() {
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
fn a_fragment_in_a_url_is_told() {
    let right = "a `#` begins a fragment, which is never sent; write %23 for a `#`";
    tells("url = \"http://h/?to=#21#&from=1\"\n", &[&format!("2: url: {right}")]);
    tells("urls = [\"http://h/a\", \"http://h/b#\"]\n", &[&format!("2: urls: {right}")]);
    tells("url = \"http://h/?to=%2321%23\"\n", &[]);
}

fn notices(lines: &str) -> Vec<String> {
    Config::parse(&format!("[hook.a]\nurl = \"http://h/\"\n{lines}"), Path::new("dialhook.toml"))
        .unwrap()
        .notices
}

#[test]
fn variables_that_are_fetched_and_not_shown_are_noticed() {
    for lines in
        ["method = \"GET\"", "body = \"{}\"", "fields = [\"uuid\"]", "body = \"form\"\nfields = [\"uuid\"]"]
    {
        let notices = notices(&format!("fetch = [\"A\"]\n{lines}\n"));
        assert_eq!(notices.len(), 1, "{lines}: {notices:?}");
        assert!(
            notices[0].starts_with("hook.a.fetch names channel variables that no request shows"),
            "{notices:?}"
        );
    }
    for lines in ["", "body = \"form\"", "fields = { v = \"variables\" }"] {
        assert!(notices(&format!("fetch = [\"A\"]\n{lines}\n")).is_empty(), "{lines}");
    }
}

#[test]
fn an_otherwise_without_a_variable_is_noticed() {
    assert!(notices("otherwise = \"sales\"\n")[0].starts_with("hook.a.otherwise is for no variable"));
    for variable in ["variable = \"CRM\"", "set = { CRM = \"/a\" }"] {
        assert!(notices(&format!("otherwise = \"sales\"\n{variable}\n")).is_empty());
    }
}

#[test]
fn every_key_of_a_hook_is_known_for_one_where_the_hook_has_no_name() {
    let faults = faults("url = \"http://h/\"\nqqqq = 1\n");
    let (_, known) = faults[0].split_once(" knows ").unwrap();
    for key in known.split(", ") {
        assert!(super::KEYS.contains(&key), "{key}");
    }
}
