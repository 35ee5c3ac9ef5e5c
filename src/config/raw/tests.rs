//! The config module owns these rules: text that is not TOML is a fault, and hides no other fault.

use crate::config::tests::parse;

#[test]
fn text_that_is_not_toml_is_a_fault_and_hides_no_other_fault() {
    let faults = parse("[hook.crm]\nurl = \"http://h/\ntimeout = 99\n").unwrap_err();
    assert!(faults.iter().any(|fault| fault.starts_with("2: not TOML: ")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.starts_with("3: hook.crm.timeout: found 99; ")), "{faults:?}");
}

#[test]
fn a_key_or_a_table_that_is_written_twice_is_named() {
    let faults = parse(
        "[hook.a]\nurl = \"http://h/\"\ntimeout = 2\n timeout = 3\nset = { A = \"/a\", A = \"/b\" }\n[ hook . \"a\" ]\n",
    );
    assert_eq!(
        faults.unwrap_err(),
        [
            "4: not TOML: `timeout` is set twice; leave one of them out",
            "5: not TOML: `A` is set twice; leave one of them out",
            "6: not TOML: [ hook . \"a\"] is written twice; write all of its keys below one of them",
        ]
    );
}

#[test]
fn a_table_whose_name_lacks_its_bracket_is_still_read() {
    let faults =
        parse("[listen # here\nasterisk = 5\n[hook.a\nurl = \"http://h/{uid}\"\n[limits\r\ncalls = 0\n[log");
    let told = [
        "1: not TOML: a `]` is missing after the name of a table; write [NAME]",
        "2: listen.asterisk: found 5; ",
        "3: not TOML: a `]` is missing after the name of a table; write [NAME]",
        "4: hook.a.url: unknown placeholder `{uid}`",
        "5: not TOML: a `]` is missing after the name of a table; write [NAME]",
        "6: limits.calls: found 0; ",
        "7: not TOML: a `]` is missing after the name of a table; write [NAME]",
    ];
    let faults = faults.unwrap_err();
    assert!(faults.iter().zip(told).all(|(fault, told)| fault.starts_with(told)), "{faults:#?}");
    assert_eq!(faults.len(), told.len(), "{faults:#?}");
}

#[test]
fn a_key_without_a_value_hides_no_fault_behind_it() {
    let faults = parse(
        "compnay = \"a\"\n[limits]\n  calls\npatience 5\n[hook.a\nurl\nmethod = 5 # \n[log]\nnumbers = 1\n",
    );
    let told = [
        "1: compnay: unknown key",
        "3: not TOML: a key without a value; write KEY = VALUE",
        "4: not TOML: a key without a value; write KEY = VALUE",
        "5: not TOML: a `]` is missing after the name of a table",
        "5: hook.a.url: missing",
        "6: not TOML: a key without a value; write KEY = VALUE",
        "7: hook.a.method: found 5;",
        "9: log.numbers: found 1;",
    ];
    let faults = faults.unwrap_err();
    assert!(faults.iter().zip(told).all(|(fault, told)| fault.starts_with(told)), "{faults:#?}");
    assert_eq!(faults.len(), told.len(), "{faults:#?}");
}

/// Asserts that the faults of a text begin with these texts.
fn assert_faults(text: &str, told: &[&str]) {
    let faults = parse(text).unwrap_err();
    assert!(faults.iter().zip(told).all(|(fault, told)| fault.starts_with(told)), "{text}: {faults:#?}");
    assert_eq!(faults.len(), told.len(), "{text}: {faults:#?}");
}

#[test]
fn a_comment_with_a_semicolon_or_slashes_is_a_fault_that_names_the_right_character() {
    const COMMENT: &str = "not TOML: a comment begins with `#`; write `#` instead of `;` or `//`";
    for comment in ["; c", "  ;c = 5", "// c", "; it's \"5", "\t; a = \"b"] {
        assert_faults(
            &format!("{comment}\n[limits]\ncalls = 0\n"),
            &[&format!("1: {COMMENT}"), "3: limits.calls: found 0; "],
        );
    }
    for line in ["calls = 3 ; c", "calls = 3 // c", "patience = \"5s\" ; c", "patience = \"5s\" // c"] {
        assert_faults(
            &format!("[limits]\n{line}\nqqq = 1\n"),
            &[&format!("2: {COMMENT}"), "3: limits.qqq: unknown key"],
        );
    }
    assert_faults(
        "[hook.a] ; c\nmethod = 5\nurl = \"http://h/\"\n",
        &[&format!("1: {COMMENT}"), "2: hook.a.method: found 5"],
    );
    assert_faults(
        "[calls]\nurls = [\"http://h/\", ; c\n]\n[limits]\ncalls = 0\n",
        &[&format!("2: {COMMENT}"), "5: limits.calls"],
    );
    assert!(parse("company = \"\"\"\n; c\n\"\"\"\n").is_ok());
}

#[test]
fn a_table_whose_name_lacks_its_dot_is_still_read() {
    for header in ["[hook crm]", "[hook \"crm\"]"] {
        assert_faults(
            &format!("{header}\nurl = 1\n"),
            &[
                "1: not TOML: a dot is missing in the name of a table; write [hook.NAME]",
                "2: hook.crm.url: found",
            ],
        );
    }
}

#[test]
fn a_hook_without_a_name_is_one_fault() {
    let nameless = "1: hook: a hook without a name; write [hook.NAME], with the name that the dialplan uses";
    assert_faults("[hook]\nurl = \"http://h/\"\nheaders = { X-A = \"b\" }\n", &[nameless]);
    assert_faults("[hook]\nvariable = \"V\"\n[hook.a]\n", &[nameless, "3: hook.a.url: missing"]);
    assert_faults(
        "[[hook]]\nurl = \"http://h/\"\n",
        &["1: hook: found a value of the type array; write a table for each hook, [hook.NAME]"],
    );
    assert!(parse("[hook.cache]\nurl = \"http://h/\"\n").is_ok());
}

#[test]
fn a_table_that_probably_means_a_hook_gets_the_right_name() {
    for (header, meant) in [
        ("crm", "crm"),
        ("hooks.crm", "crm"),
        ("Hook.crm", "crm"),
        ("webhook.crm", "crm"),
        ("hook_crm", "crm"),
        ("hook-crm", "crm"),
        ("hooks", "NAME"),
        ("hookah", "hookah"),
    ] {
        let faults = parse(&format!("[{header}]\nurl = \"http://h/\"\n")).unwrap_err();
        assert!(faults[0].ends_with(&format!("unknown key; did you mean [hook.{meant}]?")), "{faults:?}");
    }
}
