//! What is no TOML, and what is read of it even so.

use crate::config::tests::parse;

#[test]
fn what_is_no_toml_is_told_with_its_line_and_hides_no_other_fault() {
    let faults = parse("[hook.crm]\nurl = \"http://h/\ntimeout = 99\n").unwrap_err();
    assert!(faults.iter().any(|fault| fault.starts_with("2: not TOML: ")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.starts_with("3: hook.crm.timeout: found 99; ")), "{faults:?}");
}

#[test]
fn a_key_or_a_table_that_stands_there_twice_is_named() {
    let faults = parse(
        "[hook.a]\nurl = \"http://h/\"\ntimeout = 2\n timeout = 3\nset = { A = \"/a\", A = \"/b\" }\n[ hook . \"a\" ]\n",
    );
    assert_eq!(
        faults.unwrap_err(),
        [
            "4: not TOML: `timeout` stands there twice; leave one of them out",
            "5: not TOML: `A` stands there twice; leave one of them out",
            "6: not TOML: [ hook . \"a\"] stands there twice; put all of its keys below one of them",
        ]
    );
}

#[test]
fn a_table_without_its_last_bracket_is_read_even_so() {
    let faults =
        parse("[listen # here\nasterisk = 5\n[hook.a\nurl = \"http://h/{uid}\"\n[limits\r\ncalls = 0\n[log");
    let told = [
        "1: not TOML: the name of a table ends with `]`; write [NAME]",
        "2: listen.asterisk: found 5; ",
        "3: not TOML: the name of a table ends with `]`; write [NAME]",
        "4: hook.a.url: unknown placeholder `{uid}`",
        "5: not TOML: the name of a table ends with `]`; write [NAME]",
        "6: limits.calls: found 0; ",
        "7: not TOML: the name of a table ends with `]`; write [NAME]",
    ];
    let faults = faults.unwrap_err();
    assert!(faults.iter().zip(told).all(|(fault, told)| fault.starts_with(told)), "{faults:#?}");
    assert_eq!(faults.len(), told.len(), "{faults:#?}");
}

#[test]
fn a_key_without_a_value_hides_nothing_behind_it() {
    let faults = parse(
        "compnay = \"a\"\n[limits]\n  calls\npatience 5\n[hook.a\nurl\nmethod = 5 # \n[log]\nnumbers = 1\n",
    );
    let told = [
        "1: compnay: unknown key",
        "3: not TOML: a key has a value; write KEY = VALUE",
        "4: not TOML: a key has a value; write KEY = VALUE",
        "5: not TOML: the name of a table ends with `]`",
        "5: hook.a.url: missing",
        "6: not TOML: a key has a value; write KEY = VALUE",
        "7: hook.a.method: found 5;",
        "9: log.numbers: found 1;",
    ];
    let faults = faults.unwrap_err();
    assert!(faults.iter().zip(told).all(|(fault, told)| fault.starts_with(told)), "{faults:#?}");
    assert_eq!(faults.len(), told.len(), "{faults:#?}");
}
