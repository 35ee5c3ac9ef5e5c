//! Owner: cli. `dialhook calls --follow`: the list, then each step as it ends, also across a restart of the
//! daemon.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::util::fake_observer::{FakeObserver, Stream, as_json, failed_step, good_step};
use crate::util::{Gate, dialhook, within_time_limit};

/// A running `dialhook calls --follow`.
struct Following {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Following {
    fn start(observer: &FakeObserver, options: &[&str]) -> Self {
        let mut command = dialhook(&["calls", "--follow", "--url", &observer.url()]);
        command.args(options).env("TZ", "UTC").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let err = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, out, err }
    }

    /// Ends it as Ctrl-C does.
    async fn interrupt(mut self) {
        let process = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &process]).status().await.unwrap().success());
        let ended = within_time_limit("the end of the program", self.child.wait()).await.unwrap();
        assert_eq!(ended.code(), Some(0));
    }
}

async fn line<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>) -> String {
    within_time_limit("a line", lines.next_line()).await.unwrap().expect("a program that runs")
}

/// The second word of the next row, which is the id of a step, behind date and time.
async fn id<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>) -> String {
    line(lines).await.split_whitespace().nth(2).unwrap().to_owned()
}

fn open() -> Gate {
    let gate = Gate::default();
    gate.open();
    gate
}

#[tokio::test]
async fn the_list_comes_first_and_then_each_step_once() {
    let gate = Gate::default();
    let stream: Stream = vec![
        (open(), as_json(&failed_step("a-1"))),
        (gate.clone(), as_json(&failed_step("a-3"))),
        (Gate::default(), as_json(&failed_step("a-4"))),
    ];
    let observer = FakeObserver::start(vec![as_json(&failed_step("a-1"))], vec![stream]).await;
    let mut following = Following::start(&observer, &["--failures", "--hook", "crm"]);
    assert!(line(&mut following.out).await.starts_with("TIME "));
    assert_eq!(id(&mut following.out).await, "a-1");
    gate.open();
    assert_eq!(id(&mut following.out).await, "a-3");
    following.interrupt().await;
    let targets: Vec<_> = observer.received().into_iter().map(|received| received.target).collect();
    assert_eq!(targets, ["/api/events?failed=true&hook=crm", "/api/steps?failed=true&hook=crm&limit=20"]);
}

#[tokio::test]
async fn a_restart_of_the_daemon_is_said_and_what_was_missed_is_shown() {
    let gate = Gate::default();
    let first: Stream = vec![(gate.clone(), as_json(&good_step("a-2")))];
    let second: Stream =
        vec![(open(), as_json(&good_step("b-1"))), (Gate::default(), as_json(&good_step("b-2")))];
    // the list has a step that was in no event
    let steps = vec![as_json(&good_step("a-3")), as_json(&good_step("a-1"))];
    let observer = FakeObserver::start(steps, vec![first, second]).await;
    let mut following = Following::start(&observer, &["--json"]);
    let json = |line: String| serde_json::from_str::<serde_json::Value>(&line).unwrap()["id"].clone();
    assert_eq!(json(line(&mut following.out).await), "a-1");
    assert_eq!(json(line(&mut following.out).await), "a-3");
    gate.open();
    assert_eq!(json(line(&mut following.out).await), "a-2");
    let expected = "dialhook: the daemon ended the connection; it is asked again every second";
    assert_eq!(line(&mut following.err).await, expected);
    let expected = "dialhook: connected again; a daemon that was restarted has only the steps since then";
    assert_eq!(line(&mut following.err).await, expected);
    assert_eq!(json(line(&mut following.out).await), "b-1");
    assert_eq!(observer.streams_left(), 0);
    following.interrupt().await;
}

#[tokio::test]
async fn a_daemon_that_is_not_there_at_the_beginning_is_an_error() {
    let (address, _held) = crate::util::refusing();
    let (status, _, err) =
        crate::util::run(&["calls", "--follow", "--url", &format!("http://{address}")]).await;
    assert_eq!(status, 1);
    assert!(err.contains("`systemctl status dialhook`"), "{err}");
}
