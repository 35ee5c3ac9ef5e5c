//! Tests of all pages together: hostile text, size, and what the Content-Security-Policy allows.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::assets::ASSETS;
use super::*;
use crate::history::view::{ConfigurationReport, HookReport, RefusedReload, Step, StepDetail};

const NOW: &str = "2026-11-30T14:05:09Z";

fn list(steps: &[Step], filters: &str) -> String {
    let filters = Filters::parse(filters);
    let hooks = ["crm".to_owned(), "night".to_owned()];
    let kept = Some(Kept { steps: steps.len(), failures: 4 });
    calls(Calls { try_allowed: true, filters: &filters, hooks: &hooks, steps, kept, fault: None })
}

fn detail_page(detail: &StepDetail) -> String {
    step(StepPage { try_allowed: true, detail, related: &[samples::ok()] })
}

fn hooks_page(hook: &HookReport) -> String {
    hooks(Hooks { try_allowed: true, hooks: std::slice::from_ref(hook), now: NOW })
}

fn configuration_page(report: &ConfigurationReport) -> String {
    configuration(Configuration { try_allowed: true, report })
}

fn try_page(then: Option<&StepDetail>, now: Option<&StepDetail>, input: &TryInput) -> String {
    try_hook(TryPage { hooks: &["crm".to_owned()], input, faults: &[], then, now })
}

fn report() -> ConfigurationReport {
    ConfigurationReport {
        version: "0.1.0".to_owned(),
        file: Some("/etc/dialhook/dialhook.toml".to_owned()),
        since: "2026-11-30T08:00:00Z".to_owned(),
        started: "2026-11-28T08:00:00Z".to_owned(),
        summary: "Asterisk   127.0.0.1:4573\nFreeSWITCH 127.0.0.1:8084\nobserver   127.0.0.1:9573\n\nhook crm\n  POST \
                  https://crm.example/route\n  timeout 1s, variable CRM, otherwise reception\n"
            .to_owned(),
        notices: vec!["hook crm: timeout is longer than the switch waits for a person".to_owned()],
        refused: Some(RefusedReload {
            time: "2026-11-30T13:50:00Z".to_owned(),
            faults: vec!["dialhook.toml:14: hook.crm.timeout: found 30; write a value from 1s to 10s".to_owned()],
        }),
    }
}

/// A list of an ordinary hour: most steps are OK, some calls have several.
fn busy(count: usize) -> Vec<Step> {
    let details = samples::details();
    let mut steps = Vec::new();
    for place in 0..count {
        let seconds = 3_599 - place * 7;
        let mut step = match place {
            2 | 5 | 9 | 23 | 24 | 61 => samples::summary(&details[place % details.len()]),
            _ => samples::ok(),
        };
        step.id = format!("01k9x{place:03}");
        step.time = format!("2026-11-30T14:{:02}:{:02}.{place:03}Z", seconds / 60, seconds % 60);
        step.caller = format!("…{:03}", (place * 377 + 678) % 1000);
        step.linked_id =
            format!("1795416{:03}.{}", 900 - place / 2 * 2 * usize::from(place % 9 < 2), place / 2);
        if place % 9 > 1 {
            step.linked_id = format!("{}x{place}", step.linked_id);
        }
        if place % 7 == 3 {
            step.answer = Some(crate::history::view::AnswerOrigin::Cached);
            step.age_ms = Some(12_000 + 900 * place as u64);
            step.ms = 1;
            step.attempts = 0;
        }
        steps.push(step);
    }
    steps
}

/// Every page with ordinary data.
fn pages() -> Vec<(&'static str, String)> {
    let (then, now) = (samples::refused_answer(), samples::repeated());
    let input = TryInput { hook: "crm".to_owned(), step: "01k9x3".to_owned(), ..TryInput::default() };
    let documents = [("/docs/reading-the-log".to_owned(), "A call went wrong".to_owned())];
    let html = "<h1>A call went wrong</h1><p>This page is for administrators.</p>";
    let document_page = Document {
        try_allowed: true,
        title: "A call went wrong",
        html,
        pages: &documents,
        path: "/docs/reading-the-log",
    };
    vec![
        ("calls", list(&busy(100), "")),
        ("filtered", list(&busy(14), "q=678&hook=crm&since=10m&failed=true")),
        ("no-match", list(&[], "q=678")),
        ("refused", detail_page(&then)),
        ("stale", detail_page(&samples::stale())),
        ("timeout", detail_page(&samples::timeout())),
        ("missing", detail_page(&samples::missing_pointer())),
        ("cancelled", detail_page(&samples::cancelled())),
        ("hooks", hooks_page(&samples::hook())),
        ("no-hooks", hooks(Hooks { try_allowed: true, hooks: &[], now: NOW })),
        ("configuration", configuration_page(&report())),
        ("try", try_page(None, None, &TryInput::default())),
        ("try-step", try_page(Some(&then), None, &input)),
        ("try-result", try_page(Some(&then), Some(&now), &input)),
        ("document", document(document_page)),
        ("not-found", message(Message::NotFound, true)),
        ("gone", message(Message::StepGone { id: "01k9x3" }, true)),
        ("try-off", message(Message::TryIsOff, false)),
        ("no-document", message(Message::NoSuchDocument, true)),
        ("not-repeatable", message(Message::NotRepeatable { reason: "The hook is gone." }, true)),
    ]
}

/// Returns the data with a text in place of each of its strings, one at a time.
fn with_each_string<T: Serialize + DeserializeOwned>(data: &T, text: &str) -> Vec<T> {
    let value = serde_json::to_value(data).unwrap();
    let mut paths = Vec::new();
    strings(&value, String::new(), &mut paths);
    let replaced = |path: &String| {
        let mut value = value.clone();
        *value.pointer_mut(path).unwrap() = Value::from(text);
        // a word of an enum cannot be another text
        serde_json::from_value(value).ok()
    };
    paths.iter().filter_map(replaced).collect()
}

fn strings(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(path),
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                strings(item, format!("{path}/{place}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                strings(field, format!("{path}/{name}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

const HOSTILE: &str = "<script>\"'&\u{1b}[2J\u{202e}";

fn assert_harmless(page: &str) {
    for raw in ["<script>\"", "\"'&", "'&", "\u{1b}", "\u{202e}"] {
        assert!(!page.contains(raw), "{raw:?} in {page}");
    }
}

#[test]
fn a_hostile_text_in_any_field_of_any_page_stays_text() {
    let mut rendered = 0;
    let mut check = |page: String| {
        assert_harmless(&page);
        rendered += 1;
    };
    for detail in samples::details() {
        for hostile in with_each_string(&detail, HOSTILE) {
            check(detail_page(&hostile));
            check(try_page(Some(&hostile), Some(&hostile), &TryInput::default()));
        }
        for hostile in with_each_string(&samples::summary(&detail), HOSTILE) {
            check(list(&[hostile.clone(), hostile], ""));
        }
    }
    for hostile in with_each_string(&samples::hook(), HOSTILE) {
        check(hooks_page(&hostile));
    }
    for hostile in with_each_string(&report(), HOSTILE) {
        check(configuration_page(&hostile));
    }
    assert!(rendered > 500, "{rendered}");
}

#[test]
fn a_hostile_text_in_a_form_stays_text() {
    let hostile = || HOSTILE.to_owned();
    let filters = Filters {
        q: hostile(),
        hook: hostile(),
        status: hostile(),
        slower_ms: hostile(),
        since: hostile(),
        limit: hostile(),
        failed: true,
    };
    let input = TryInput {
        hook: hostile(),
        caller: hostile(),
        name: hostile(),
        callee: hostile(),
        switch: hostile(),
        variables: hostile(),
        step: hostile(),
    };
    let fault = Some(HOSTILE);
    let names = [hostile()];
    let page =
        calls(Calls { try_allowed: false, filters: &filters, hooks: &names, steps: &[], kept: None, fault });
    assert_harmless(&page);
    assert_harmless(&try_hook(TryPage {
        hooks: &names,
        input: &input,
        faults: &names,
        then: None,
        now: None,
    }));
    assert_harmless(&message(Message::StepGone { id: HOSTILE }, false));
    assert_harmless(&message(Message::NotRepeatable { reason: HOSTILE }, false));
}

#[test]
fn no_page_has_an_inline_style_or_script_or_a_file_from_elsewhere() {
    for (name, page) in pages() {
        for forbidden in
            [" style=", "<style", " onclick=", "javascript:", "src=\"http", "href=\"http", "src=\"//"]
        {
            assert!(!page.contains(forbidden), "{name}: {forbidden}");
        }
        let scripts: Vec<_> = page.match_indices("<script").collect();
        assert_eq!(scripts.len(), 1, "{name}");
        assert!(page.contains("<script src=\"/assets/page.js\" defer></script>"), "{name}");
    }
    for asset in ASSETS {
        for forbidden in ["@import", "url(", "innerHTML", "eval("] {
            assert!(!asset.body.contains(forbidden), "{}: {forbidden}", asset.path);
        }
    }
}

#[test]
fn every_page_has_a_language_a_title_one_heading_and_landmarks() {
    for (name, page) in pages() {
        for part in
            ["<html lang=\"en\">", "<main id=\"main\"", "<nav aria-label=\"Pages\">", "class=\"skip\""]
        {
            assert!(page.contains(part), "{name}: {part}");
        }
        assert_eq!(page.matches("<h1").count(), 1, "{name}");
        assert!(!page.contains("<title> –"), "{name}");
    }
}

#[test]
fn every_field_has_a_label_and_every_id_is_there_once() {
    for (name, page) in pages() {
        let ids: Vec<_> = attributes(&page, " id=\"").collect();
        for (place, id) in ids.iter().enumerate() {
            assert!(!ids[..place].contains(id), "{name}: {id} is there twice");
        }
        for tag in ["<input", "<select", "<textarea"] {
            for field in page.split(tag).skip(1).map(|rest| rest.split('>').next().unwrap()) {
                let id = attributes(field, " id=\"").next();
                let has_label = id.is_some_and(|id| page.contains(&format!("for=\"{id}\"")));
                assert!(
                    has_label || field.contains("hidden") || field.contains("checkbox"),
                    "{name}: {field}"
                );
            }
        }
    }
}

fn attributes<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    page.split(name).skip(1).filter_map(|rest| rest.split('"').next())
}

#[test]
fn only_try_and_repeat_are_sent_by_post() {
    for (name, page) in pages() {
        for form in page.split("<form").skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let is_request = form.contains("action=\"/try\"") || form.contains("/repeat\"");
            assert_eq!(form.contains("method=\"post\""), is_request, "{name}: {form}");
        }
    }
}

#[test]
fn a_page_that_may_not_try_has_no_form_for_it() {
    let page = step(StepPage { try_allowed: false, detail: &samples::refused_answer(), related: &[] });
    assert!(!page.contains("method=\"post\""), "{page}");
    assert!(page.contains("<code>try = true</code>"), "{page}");
}

#[test]
fn a_list_of_a_hundred_steps_with_its_style_and_script_has_less_than_100_kib() {
    let assets: usize = ASSETS.iter().map(|asset| asset.body.len()).sum();
    let page = list(&busy(100), "").len();
    assert!(assets + page < 100 * 1024, "assets {assets}, page {page}");
}

/// Writes each page into the directory of `DIALHOOK_PAGES`, to look at.
#[test]
#[ignore = "writes files for a person to look at"]
fn write_the_pages() {
    let directory = std::path::PathBuf::from(std::env::var_os("DIALHOOK_PAGES").unwrap());
    let mut all = pages();
    let long = "x".repeat(1_000);
    let mut hostile = busy(6);
    hostile[0].caller = "<script>alert(1)</script>\u{202e}876".to_owned();
    hostile[1].hook.clone_from(&long);
    hostile[2].caller.clone_from(&long);
    hostile[3].reason = format!("{HOSTILE} {long}");
    hostile[4].set =
        vec![samples::variable(&long, &long, "answer"), samples::variable("B", "مرحبا\u{202e}b", "json")];
    hostile[5].status.clone_from(&long);
    all.push(("hostile", list(&hostile, &format!("q={long}"))));
    let mut detail = samples::missing_pointer();
    detail.caller_name = format!("<script>alert(1)</script>{HOSTILE}{long}");
    detail.step.hook.clone_from(&long);
    detail.step.set[0].name.clone_from(&long);
    detail.step.attempts[0].url = format!("https://crm.example/{long}");
    detail.fetched[0].name.clone_from(&long);
    detail.request.as_mut().unwrap().headers[0].name.clone_from(&long);
    all.push(("hostile-step", detail_page(&detail)));
    for (name, page) in all {
        std::fs::write(directory.join(format!("{name}.html")), page).unwrap();
    }
    for asset in ASSETS {
        std::fs::write(directory.join(asset.path.trim_start_matches('/')), asset.body).unwrap();
    }
}
