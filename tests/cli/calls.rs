//! Owner: cli. `dialhook calls`: the list of steps, one step, and the message if there is none.

/// The list, a step and `--follow` of a real daemon.
mod daemon;
/// The messages if the daemon gives no good answer.
mod errors;
/// `dialhook calls --follow`.
mod follow;

use dialhook::history::view::{
    Body, Event, EventKind, Explanation, Mark, MarkKind, Piece, Request, Response, Step, StepDetail, Text,
};

use crate::util::fake_observer::{FakeObserver, as_json, failed_step, good_step};
use crate::util::{configured, dialhook, exit_and_output, run, within_time_limit};

/// An observer with a good step and, newer, one that failed.
async fn observer() -> FakeObserver {
    FakeObserver::start(vec![as_json(&failed_step("a-2")), as_json(&good_step("a-1"))], Vec::new()).await
}

#[tokio::test]
async fn the_list_has_one_line_a_step_and_the_newest_one_last() {
    let observer = observer().await;
    let mut command = dialhook(&["calls", "--url", &observer.url()]);
    // a zone without a database
    command.env("TZ", "UTC");
    let (status, out, err) =
        exit_and_output(&within_time_limit("the program", command.output()).await.unwrap());
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "\
TIME            ID   CALLER → CALLEE  HOOK  STATUS     MS  ANSWER  VARIABLES
06-30 11:05:03  a-1  …678 → 100       crm   OK         14  fresh   CRM=\"sales\"
06-30 11:05:03  a-2  …123 → 100       crm   TIMEOUT  2001  -         no answer within 2s
"
    );
    assert_eq!(observer.received()[0].target, "/api/steps?limit=20");
}

#[tokio::test]
async fn each_option_of_the_search_becomes_a_parameter() {
    let observer = observer().await;
    for (options, query) in [
        (&["678"][..], "q=678&limit=20"),
        (&["PJSIP/a b&c"], "q=PJSIP%2Fa+b%26c&limit=20"),
        (&["--failures", "--limit", "5"], "failed=true&limit=5"),
        (&["--hook", "crm", "--status", "timeout"], "hook=crm&status=TIMEOUT&limit=20"),
        (&["--slower", "1.5s"], "slower_ms=1500&limit=20"),
        (&["--since", "10m"], "since=600000ms&limit=20"),
        (&["--since", "2026-06-30T11:00:00+02:00"], "since=2026-06-30T09%3A00%3A00Z&limit=20"),
    ] {
        let url = observer.url();
        let before = observer.received().len();
        run(&[&["calls", "--url", &url], options].concat()).await;
        assert_eq!(observer.received()[before].target, format!("/api/steps?{query}"), "{options:?}");
    }
}

#[tokio::test]
async fn json_is_one_object_a_line_with_everything_that_the_daemon_says() {
    let mut newer = as_json(&failed_step("a-2"));
    newer["of_a_later_version"] = "\u{202e}1.50".into();
    let observer = FakeObserver::start(vec![newer.clone(), as_json(&good_step("a-1"))], Vec::new()).await;
    let (status, out, err) = run(&["calls", "--json", "--url", &observer.url()]).await;
    assert_eq!((status, err.as_str()), (0, ""));
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [as_json(&good_step("a-1")), newer]);
    assert!(out.contains("\\u202e1.50"), "{out}");
}

#[tokio::test]
async fn the_observer_is_that_of_the_configuration_whatever_the_rest_of_it_says() {
    let observer = observer().await;
    let secret = "[hook.crm]\nurl = \"http://h/\"\nheaders = { X-Key = { file = \"of-root\" } }\n";
    let (_folder, file) = configured(&(observer.config() + secret));
    let (status, out, err) = run(&["calls", "678", "--config", file.to_str().unwrap()]).await;
    assert_eq!((status, err.as_str(), out.lines().count()), (0, "", 2));
    assert_eq!(observer.received()[0].header("host"), Some(&observer.url()["http://".len()..]));
}

#[tokio::test]
async fn the_token_of_the_configuration_is_sent_to_its_own_daemon_only() {
    let observer = observer().await;
    let (folder, file) =
        configured(&(observer.config() + "[observer]\ntoken = { file = \"observer.token\" }\n"));
    let token = folder.path().join("observer.token");
    std::fs::write(&token, "0123456789abcdef\n").unwrap();
    let (file, token, url) = (file.to_str().unwrap(), token.to_str().unwrap(), observer.url());
    for (options, sent) in [
        (&["--config", file][..], Some("Bearer 0123456789abcdef")),
        (&["--url", &url], None),
        (&["--config", file, "--url", &url], None),
        (&["--url", &url, "--token-file", token], Some("Bearer 0123456789abcdef")),
    ] {
        let (status, _, err) = run(&[&["calls"], options].concat()).await;
        assert_eq!((status, err.as_str()), (0, ""), "{options:?}");
        assert_eq!(observer.received().last().unwrap().header("authorization"), sent, "{options:?}");
    }
}

/// A step whose answer was refused for one character.
#[expect(clippy::too_many_lines, reason = "one value with every field")]
fn refused(id: &str) -> StepDetail {
    let Step { time, switch, call_id, linked_id, channel, caller, callee, hook, .. } = good_step(id);
    let mark = Mark { kind: MarkKind::Fault, label: "accept = \"word\"".into() };
    let piece = |text: &str, mark| Piece { text: text.into(), mark };
    let pieces = vec![piece("sales", None), piece("\u{1b}", Some(mark)), piece("[2J", None)];
    StepDetail {
        step: Step {
            id: id.into(),
            attempts: Vec::new(),
            time,
            switch,
            call_id,
            linked_id,
            channel,
            caller,
            callee,
            hook,
            status: "BAD_ANSWER".into(),
            code: Some(200),
            reason: "the answer is not a word".into(),
            ms: 20,
            answer: None,
            age_ms: None,
            set: Vec::new(),
            note: None,
        },
        caller_name: String::new(),
        peer: None,
        trace: None,
        timeout_ms: None,
        fetched: Vec::new(),
        request: Some(Request {
            method: "GET".into(),
            url: "http://h/".into(),
            headers: Vec::new(),
            body: Body::Empty,
        }),
        response: Some(Response {
            code: 200,
            content_type: None,
            length: 9,
            headers: Vec::new(),
            body: Body::Kept(Text { pieces, cut: false, json: false }),
        }),
        judgement: None,
        timeline: vec![Event {
            at_ms: 0.0,
            until_ms: Some(20.0),
            kind: EventKind::Attempt,
            text: "asked http://h/".into(),
        }],
        explanation: Explanation {
            meaning: "A word has no control characters.".into(),
            remedy: "Let the webhook answer a word.".into(),
            page: "/docs/reading-the-log#bad_answer".into(),
        },
        detached: None,
        repeatable: false,
        curl: None,
        try_command: None,
    }
}

#[tokio::test]
async fn one_step_shows_the_refused_place_the_meaning_and_what_to_do() {
    let step = serde_json::to_value(refused("a-7")).unwrap();
    let observer = FakeObserver::start(vec![step.clone()], Vec::new()).await;
    let url = observer.url();
    let (status, out, err) = run(&["calls", "--id", "a-7", "--url", &url]).await;
    assert_eq!((status, err.as_str()), (0, ""));
    for line in [
        "step      a-7  2026-06-30 ",
        "\nstatus    BAD_ANSWER after 20 ms, the webhook answered 200\nreason    the answer is not a word\n",
        "\nmeaning   A word has no control characters.\nto do     Let the webhook answer a word.\n",
        &format!("\nmore      {url}/docs/reading-the-log#bad_answer\n"),
        "\ntimeline       0.0  ███",
        "\nanswer    200, 9 bytes\n\n          sales\\u{1b}[2J\n               ^^^^^^ accept = \"word\"\n",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    assert!(!out.contains('\u{1b}'), "{out}");
    let (_, out, _) = run(&["calls", "--id", "a-7", "--json", "--url", &url]).await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), step);
}

#[tokio::test]
async fn a_search_that_makes_no_sense_is_refused() {
    for options in [
        &["--status", "TIMEOUTS"][..],
        &["--since", "yesterday"],
        &["--slower", "5 bananas"],
        &["--limit", "0"],
        &["--id", "a-1", "678"],
        &["--id", "a-1", "--failures"],
        &["--id", "a-1", "--follow"],
        &["--url", "pbx:9573"],
        &["--url", "http://pbx:9573/api"],
        &["678", "679"],
    ] {
        assert_eq!(run(&[&["calls"], options].concat()).await.0, 2, "{options:?}");
    }
    let (_, _, err) = run(&["calls", "--status", "TIMEOUTS"]).await;
    assert!(err.contains("did you mean TIMEOUT?"), "{err}");
}
