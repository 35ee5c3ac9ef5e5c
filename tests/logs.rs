//! What the person on call reads: one line a call whatever the format, and what never stands in it.

/// Characters that would change how a line reads.
mod escapes;
/// What whoever can connect may cause at will.
mod floods;
/// What a line says besides status and reason.
mod notes;
/// The program's own standard error.
mod program;
/// What a caller withholds.
mod withheld;

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use dialhook::log::{Format, Journal, dispatch};
use serde_json::Value;
use tracing::Dispatch;
use tracing::dispatcher::DefaultGuard;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::util::{
    ChannelData, Daemon, Environment, FakeFreeSwitch, FakeSwitch, FakeWebhook, Received, Reply, SocketMode,
};

/// A log that keeps each write for itself.
#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<String>>>);

impl Written {
    /// What was written since the last time.
    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What is logged of a daemon in this thread, from its start to its end, in this format and with this filter.
async fn logged(format: Format, filter: &str, tables: &str, calls: impl AsyncFnOnce(&Daemon)) -> Vec<String> {
    let (_this_thread, written) = listening(format, filter);
    with(Daemon::start(tables).await, written, calls).await
}

/// As long as there is one subscriber at most, tracing asks the thread that first comes to a line whether anybody wants it, and
/// remembers the answer for all: that of another test, which does not listen. With these there are always more.
static OTHERS: LazyLock<[Dispatch; 2]> =
    LazyLock::new(|| [(); 2].map(|()| dispatch(TEXT, EnvFilter::new("trace"), io::sink)));

/// Hears what is logged in this thread, until the first is dropped.
fn listening(format: Format, filter: &str) -> (DefaultGuard, Written) {
    LazyLock::force(&OTHERS);
    let written = Written::default();
    let dispatch = dispatch(format, EnvFilter::new(filter), written.clone());
    (tracing::dispatcher::set_default(&dispatch), written)
}

/// What was heard when the daemon has ended.
async fn with(daemon: Daemon, written: Written, calls: impl AsyncFnOnce(&Daemon)) -> Vec<String> {
    calls(&daemon).await;
    daemon.stop().await;
    written.lines()
}

const TEXT: Format = Format::Text { coloured: false };

const EVERY_FORMAT: [Format; 3] = [TEXT, Format::Json, Format::Journald];

/// A call from a mobile number, on a channel that is named after it.
fn call(hook: &str) -> Environment {
    Environment::new(hook)
        .caller("31612345678")
        .line("agi_dnid", "31207654321")
        .line("agi_channel", "PJSIP/31612345678-0000001a")
        .line("agi_type", "PJSIP")
        .variable("CHANNEL(pjsip,call-id)", "2f1c9e0b")
        .variable("ACCOUNT", "geheime-variable")
}

/// A hook for each kind of end.
fn tables(webhook: &FakeWebhook) -> String {
    format!(
        "[hook.crm]\nurl = \"{}?did={{callee_number}}\"\nvariable = \"CRM\"\nfetch = [\"ACCOUNT\"]\n\
         [hook.broken]\nurl = \"{}\"\n",
        webhook.url("/ok"),
        webhook.url("/error")
    )
}

async fn webhook() -> FakeWebhook {
    FakeWebhook::start(|request| match request.target.starts_with("/ok") {
        true => Reply::text("geheime-antwort-31698765432"),
        false => Reply::status(503, "no"),
    })
    .await
}

/// A good call and one that fails, in this format: the lines about steps, and the requests.
async fn two_calls(format: Format) -> (Vec<String>, Vec<Received>) {
    let webhook = webhook().await;
    let mut lines = logged(format, "info", &tables(&webhook), async |daemon| {
        assert_eq!(FakeSwitch::call(daemon.address(), call("crm")).await.status(), "OK");
        assert_eq!(FakeSwitch::call(daemon.address(), call("broken")).await.status(), "HTTP_ERROR");
    })
    .await;
    lines.retain(|line| line.contains("webhook step"));
    assert_eq!(lines.len(), 2, "{format:?}: {lines:?}");
    (lines, webhook.received())
}

/// The trace id of a request, as its webhook knows it.
fn trace(request: &Received) -> &str {
    request.header("traceparent").unwrap().split('-').nth(1).unwrap()
}

#[tokio::test]
async fn a_line_of_text_tells_the_call() {
    let (lines, requests) = two_calls(TEXT).await;
    let parts = [
        " INFO call{id=\"1795416038.2\" channel=\"PJSIP/********678-0000001a\" trace=\"",
        "}: webhook step hook=\"crm\" to=\"http://127.0.0.1:",
        " status=\"OK\" code=200 ms=",
        trace(&requests[0]),
    ];
    for part in parts {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    for part in [
        " WARN call{",
        "hook=\"broken\"",
        "status=\"HTTP_ERROR\" code=503",
        "reason=the webhook answered 503",
    ] {
        assert!(lines[1].contains(part), "{part}: {}", lines[1]);
    }
}

#[tokio::test]
async fn a_line_of_json_has_every_field() {
    let (lines, requests) = two_calls(Format::Json).await;
    let [good, bad] = [&lines[0], &lines[1]].map(|line| serde_json::from_str::<Value>(line).unwrap());
    for (json, level, hook, status, code, request) in [
        (&good, "INFO", "crm", "OK", 200, &requests[0]),
        (&bad, "WARN", "broken", "HTTP_ERROR", 503, &requests[1]),
    ] {
        assert_eq!((&json["level"], &json["message"]), (&level.into(), &"webhook step".into()));
        assert_eq!(
            (&json["hook"], &json["status"], &json["code"]),
            (&hook.into(), &status.into(), &code.into())
        );
        assert!(json["ms"].is_u64() && json["timestamp"].is_string(), "{json}");
        assert!(json["to"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{json}");
        let span = &json["span"];
        assert_eq!((&span["id"], &span["trace"]), (&"1795416038.2".into(), &trace(request).into()));
        assert_eq!(span["channel"], "PJSIP/********678-0000001a");
    }
    assert_eq!(bad["reason"], "the webhook answered 503");
}

/// The fields of an entry, each on its line.
fn fields(entry: &str) -> Vec<(&str, &str)> {
    entry.lines().map(|line| line.split_once('=').unwrap_or_else(|| panic!("no field: {line}"))).collect()
}

#[tokio::test]
async fn an_entry_of_the_journal_has_every_field() {
    let (entries, requests) = two_calls(Format::Journald).await;
    for (entry, priority, hook, status, code, request) in [
        (&entries[0], "6", "crm", "OK", "200", &requests[0]),
        (&entries[1], "4", "broken", "HTTP_ERROR", "503", &requests[1]),
    ] {
        let fields = fields(entry);
        let field = |wanted: &str| {
            let values: Vec<_> = fields.iter().filter(|(name, _)| *name == wanted).collect();
            assert_eq!(values.len(), 1, "{wanted}: {entry}");
            values[0].1
        };
        assert_eq!((field("PRIORITY"), field("SYSLOG_IDENTIFIER")), (priority, "dialhook"));
        assert_eq!((field("DIALHOOK_HOOK"), field("DIALHOOK_STATUS")), (hook, status));
        assert_eq!((field("DIALHOOK_CODE"), field("DIALHOOK_ID")), (code, "1795416038.2"));
        assert_eq!(field("DIALHOOK_CHANNEL"), "PJSIP/********678-0000001a");
        assert_eq!(field("DIALHOOK_TRACE"), trace(request));
        assert!(field("DIALHOOK_MS").parse::<u64>().is_ok());
        let message = field("MESSAGE");
        assert!(message.starts_with(&format!("webhook step hook={hook} to=http://127.0.0.1:")), "{message}");
        assert!(message.contains(" channel=PJSIP/********678-0000001a"), "{message}");
    }
    assert!(entries[1].contains("DIALHOOK_REASON=the webhook answered 503\n"));
    assert!(entries[1].contains(" reason=\"the webhook answered 503\""));
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_one_line_too() {
    let webhook = FakeWebhook::start(|_| Reply::Stall).await;
    let hook = format!("[hook.crm]\nurl = \"{}\"\ntimeout = 10", webhook.url("/"));
    let lines = logged(TEXT, "info", &hook, async |daemon| {
        let mut switch = FakeSwitch::connect(daemon.address()).await;
        switch.greet(&call("crm")).await.expect("a question");
        webhook.requested().await;
        switch.say(b"HANGUP\n").await;
        switch.hear_all().await;
    })
    .await;
    let steps: Vec<_> = lines.iter().filter(|line| line.contains("webhook step")).collect();
    assert_eq!(steps.len(), 1, "{lines:?}");
    for part in
        [" INFO call{", trace(&webhook.received()[0]), "status=\"CANCELLED\"", "reason=the caller hung up"]
    {
        assert!(steps[0].contains(part), "{part}: {}", steps[0]);
    }
}

#[tokio::test]
async fn a_log_of_warnings_tells_the_call_too() {
    let webhook = webhook().await;
    let lines = logged(TEXT, "warn", &tables(&webhook), async |daemon| {
        FakeSwitch::call(daemon.address(), call("crm")).await;
        FakeSwitch::call(daemon.address(), call("broken")).await;
    })
    .await;
    let lines: Vec<_> = lines.iter().filter(|line| line.contains("webhook step")).collect();
    assert!(lines.len() == 1 && lines[0].contains("call{id=\"1795416038.2\""), "{lines:?}");
}

/// All that is logged of a good call, a failed one, an unknown hook that is named after its caller, and one on
/// FreeSWITCH.
async fn everything(format: Format, filter: &str, more: &str) -> String {
    let webhook = webhook().await;
    let lines = logged(format, filter, &format!("{}{more}", tables(&webhook)), async |daemon| {
        assert_eq!(FakeSwitch::call(daemon.address(), call("crm")).await.status(), "OK");
        FakeSwitch::call(daemon.address(), call("broken")).await;
        FakeSwitch::call(daemon.address(), call("31612345678")).await;
        let channel = ChannelData::new(SocketMode::Full, "127.0.0.1:8084/crm")
            .header("Caller-Caller-ID-Number", "31612345678")
            .header("Channel-Name", "sofia/internal/31612345678@1.2.3.4")
            .header("Caller-Channel-Name", "sofia/internal/31612345678@1.2.3.4")
            .variable("ACCOUNT", "geheime-variable");
        assert_eq!(FakeFreeSwitch::call(daemon.freeswitch(), channel).await.status(), "OK");
    })
    .await;
    assert!(lines.iter().filter(|line| line.contains("webhook step")).count() == 4, "{lines:?}");
    lines.concat()
}

/// The numbers of [`call`] and of the answer, by digits that are in no mask.
const NUMBERS: [&str; 3] = ["1612345", "1207654", "1698765"];

#[tokio::test]
async fn numbers_are_masked_at_every_level() {
    for format in EVERY_FORMAT {
        for filter in ["info", "debug", "dialhook=trace"] {
            let all = everything(format, filter, "").await;
            for number in NUMBERS {
                assert!(!all.contains(number), "{format:?} {filter} {number}: {all}");
            }
            assert!(
                all.contains("********678") && all.contains("sofia/internal/********678@1.2.3.4"),
                "{all}"
            );
        }
    }
}

#[tokio::test]
async fn numbers_are_shown_where_that_is_wished() {
    for format in EVERY_FORMAT {
        let all = everything(format, "info", "[log]\nnumbers = true\n").await;
        assert!(all.contains("PJSIP/31612345678-0000001a") && !all.contains("***"), "{format:?}: {all}");
    }
}

#[tokio::test]
async fn answers_and_variables_are_logged_at_trace_only() {
    for format in EVERY_FORMAT {
        let debug = everything(format, "debug", "[log]\nnumbers = true\n").await;
        assert!(!debug.contains("geheim"), "{format:?}: {debug}");
        let trace = everything(format, "dialhook=trace", "[log]\nnumbers = true\n").await;
        assert!(trace.contains("geheime-antwort-31698765432"), "{format:?}: {trace}");
        assert!(trace.contains("geheime-variable"), "{format:?}: {trace}");
    }
}

#[tokio::test]
async fn a_stranger_writes_no_line_and_no_field_of_his_own() {
    for format in EVERY_FORMAT {
        let lines = logged(format, "dialhook=trace", "", async |daemon| {
            let channel = ChannelData::new(SocketMode::Full, "127.0.0.1:8084/x")
                .header("Unique-ID", "a%0APRIORITY=0%0A%1B[2J")
                .header("Channel-Name", "sofia/a%0APRIORITY=0%0Ab");
            FakeFreeSwitch::call(daemon.freeswitch(), channel).await;
        })
        .await;
        assert!(lines.iter().any(|line| line.contains("PRIORITY=0")), "{format:?}: {lines:?}");
        for line in &lines {
            match format {
                Format::Journald => {
                    assert!(fields(line).iter().all(|field| *field != ("PRIORITY", "0")), "{line}");
                    assert_eq!(line.matches("\nMESSAGE=").count(), 1, "{line}");
                }
                Format::Text { .. } | Format::Json => {
                    assert_eq!(line.trim_end().lines().count(), 1, "{line}")
                }
            }
            assert!(!line.contains('\x1b'), "{line:?}");
        }
    }
}

/// A call of which a peer says so much wherever it has a choice.
fn wordy(character: &str, times: usize) -> ChannelData {
    let much = character.repeat(times);
    ChannelData::new(SocketMode::Full, &format!("127.0.0.1:8084/{much}"))
        .header("Unique-ID", much.clone())
        .header("Channel-Name", much.clone())
        .header("variable_BIG", much)
}

#[tokio::test]
async fn a_peer_that_says_much_gets_a_line_as_long_as_others() {
    for format in EVERY_FORMAT {
        for (character, times) in [("x", 900_000), ("%01", 300_000), ("%E2%98%8E", 100_000)] {
            let lines = logged(format, "info", "", async |daemon| {
                FakeFreeSwitch::call(daemon.freeswitch(), wordy(character, times)).await;
            })
            .await;
            let step = lines.iter().find(|line| line.contains("webhook step")).expect("a line of the call");
            assert!(step.len() < 10_000 && step.contains('…'), "{format:?} {character}: {}", step.len());
        }
    }
}

#[tokio::test]
async fn what_is_shown_at_trace_is_cut_and_not_lost() {
    let webhook = FakeWebhook::start(|_| Reply::text("geheim\u{1}☎".repeat(6000))).await;
    let tables = format!("[hook.crm]\nurl = \"{}\"\nfetch = [\"BIG\"]\n", webhook.url("/"));
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let journal = UnixDatagram::bind(&socket).unwrap();
    journal.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let reading = std::thread::spawn(move || {
        let (mut buffer, mut heard) = (vec![0; 1 << 20], Vec::new());
        while !heard.last().is_some_and(|entry: &String| entry.contains("webhook step")) {
            let length = journal.recv(&mut buffer).expect("the line of the step");
            heard.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
        }
        heard
    });
    let writer = Mutex::new(Journal::at(&socket).unwrap());
    let dispatch = dispatch(Format::Journald, EnvFilter::new("dialhook=trace"), writer);
    let _this_thread = tracing::dispatcher::set_default(&dispatch);
    let daemon = Daemon::start(&tables).await;
    let call = wordy("%01", 40_000).socket(SocketMode::Full, "127.0.0.1:8084/crm");
    assert_eq!(FakeFreeSwitch::call(daemon.freeswitch(), call).await.status(), "OK");
    let heard = tokio::task::spawn_blocking(|| reading.join()).await.unwrap().unwrap();
    for shown in ["the call is authenticated", "the webhook was asked"] {
        let entry = heard.iter().find(|entry| entry.contains(&format!("MESSAGE={shown}")));
        assert!(entry.expect(shown).contains("…\n"), "{shown}");
    }
}

#[tokio::test]
async fn who_is_refused_is_named_as_the_configuration_would_allow_it() {
    let (_this_thread, written) = listening(TEXT, "info");
    let everywhere = "\"[::ffff:127.0.0.1]:0\"";
    let listen = format!("asterisk = {everywhere}\nobserver = {everywhere}\nallow = [\"10.0.0.0/8\"]\n");
    let lines = with(Daemon::with(&format!("[listen]\n{listen}")).await, written, async |daemon| {
        for port in [daemon.address().port(), daemon.observer().port()] {
            FakeSwitch::connect(SocketAddr::from(([127, 0, 0, 1], port))).await.hear_all().await;
        }
    })
    .await;
    let refused: Vec<_> = lines.iter().filter(|line| line.contains("connection refused")).collect();
    assert_eq!(refused.len(), 2, "{lines:?}");
    assert!(refused.iter().all(|line| line.contains(" peer=127.0.0.1:")), "{refused:?}");
}
