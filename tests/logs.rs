//! Owner: log. One line a call in every format, and what no line may hold.

/// Control characters in what strangers send.
mod escapes;
/// Long values are cut, so that each line stays short.
mod length;
/// Telephone numbers are masked; answers and variables are logged at `trace` only.
mod masking;
/// The note in the line of a step.
mod notes;
/// Rate-limited log lines.
mod rate_limits;
/// The standard error of `dialhook serve`.
mod standard_error;
/// The line of a step in each format, and its fields.
mod step_line;
/// A withheld number is in no line, even if `log.numbers` shows numbers whole.
mod withheld;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};

use dialhook::log::{Format, dispatch};
use tracing::Dispatch;
use tracing::dispatcher::DefaultGuard;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::util::{
    ChannelData, Daemon, Environment, FakeAsterisk, FakeFreeSwitch, FakeWebhook, Received, Reply, SocketMode,
};

/// A log that stores each write as a line.
#[derive(Debug, Clone, Default)]
struct LogBuffer(Arc<Mutex<Vec<String>>>);

impl LogBuffer {
    /// The lines since the last time.
    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl io::Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogBuffer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The log of a daemon in this thread, from its start to its end, in this format and with this filter.
async fn logged(format: Format, filter: &str, tables: &str, calls: impl AsyncFnOnce(&Daemon)) -> Vec<String> {
    let (_this_thread, written) = listening(format, filter);
    with(Daemon::start(tables).await, written, calls).await
}

/// As long as there is one subscriber at most, tracing asks the thread that first comes to a line whether
/// anybody wants it, and remembers the answer for all: that of another test, which does not listen. With
/// these there are always more.
static OTHERS: LazyLock<[Dispatch; 2]> =
    LazyLock::new(|| [(); 2].map(|()| dispatch(TEXT, EnvFilter::new("trace"), io::sink)));

/// Collects the log of this thread until the guard is dropped.
fn listening(format: Format, filter: &str) -> (DefaultGuard, LogBuffer) {
    LazyLock::force(&OTHERS);
    let written = LogBuffer::default();
    let dispatch = dispatch(format, EnvFilter::new(filter), written.clone());
    (tracing::dispatcher::set_default(&dispatch), written)
}

/// The log after the calls and the end of the daemon.
async fn with(daemon: Daemon, written: LogBuffer, calls: impl AsyncFnOnce(&Daemon)) -> Vec<String> {
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

/// The trace id of a request, as its webhook knows it.
fn trace(request: &Received) -> &str {
    request.header("traceparent").unwrap().split('-').nth(1).unwrap()
}

/// The fields of an entry, each on its line.
fn fields(entry: &str) -> Vec<(&str, &str)> {
    entry.lines().map(|line| line.split_once('=').unwrap_or_else(|| panic!("no field: {line}"))).collect()
}

#[tokio::test]
async fn a_value_of_a_peer_adds_no_line_and_no_field() {
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

#[tokio::test]
async fn a_refused_peer_is_logged_in_the_form_of_listen_allow() {
    let (_this_thread, written) = listening(TEXT, "info");
    let everywhere = "\"[::ffff:127.0.0.1]:0\"";
    let listen = format!("asterisk = {everywhere}\nallow = [\"10.0.0.0/8\"]\n");
    let lines = with(Daemon::with(&format!("[listen]\n{listen}")).await, written, async |daemon| {
        let port = daemon.address().port();
        FakeAsterisk::connect(SocketAddr::from(([127, 0, 0, 1], port))).await.receive_all().await;
    })
    .await;
    let refused: Vec<_> = lines.iter().filter(|line| line.contains("connection refused")).collect();
    assert_eq!(refused.len(), 1, "{lines:?}");
    assert!(refused[0].contains(" peer=127.0.0.1:"), "{refused:?}");
}
