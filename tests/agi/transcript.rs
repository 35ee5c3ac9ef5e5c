//! Owner: the tests. Plays a session from a file; its format is in `tests/data/agi/README.md`.

use std::path::Path;

use dialhook::nonce;
use dialhook::switch::Switch;
use dialhook::switch::agi::Agi;
use tokio::io::{AsyncRead, AsyncWrite, duplex, join};

use crate::util::{Daemon, FakeAsterisk, FakeWebhook, Received, Reply, Sessions, within_time_limit};

/// One file.
#[derive(Debug)]
pub(super) struct Transcript {
    file: String,
    configuration: String,
    turns: Vec<Turn>,
    reply: Option<Reply>,
}

#[derive(Debug)]
enum Turn {
    /// A message of the switch.
    SwitchSends(Vec<u8>),
    /// The switch ends its side of the stream.
    SwitchEnds,
    /// Bytes that the switch must receive.
    SwitchReceives(Vec<u8>),
    /// The daemon ends its side of the stream.
    DaemonEnds,
    /// A request that the webhook must have received.
    WebhookReceives(String),
}

/// The places where the stream to the daemon is cut.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cut {
    /// Not at all.
    Whole,
    /// Into single bytes.
    Bytes,
    /// Each message in two, here.
    At(usize),
}

impl Turn {
    /// True if this is a message of the switch with more bytes than these. The nonces are not filled in yet.
    fn is_longer(&self, bytes: usize) -> bool {
        matches!(self, Self::SwitchSends(words) if words.len() > bytes)
    }
}

impl Transcript {
    pub(super) fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let file = file.file_name().unwrap().to_string_lossy().into_owned();
        let mut transcript = Self { file, configuration: String::new(), turns: Vec::new(), reply: None };
        for line in text.lines() {
            let (sign, rest) = line.split_at(1);
            let rest = rest.strip_prefix(' ').unwrap_or(rest);
            match (sign, rest) {
                ("#", _) => {}
                (":", _) => transcript.configuration += &format!("{rest}\n"),
                ("<", ".") => transcript.turns.push(Turn::SwitchEnds),
                (">", ".") => transcript.turns.push(Turn::DaemonEnds),
                ("<", _) => match transcript.turns.last_mut() {
                    Some(Turn::SwitchSends(lines)) => lines.extend(unescaped(rest, true)),
                    _ => transcript.turns.push(Turn::SwitchSends(unescaped(rest, true))),
                },
                (">", _) => match transcript.turns.last_mut() {
                    Some(Turn::SwitchReceives(lines)) => lines.extend(unescaped(rest, true)),
                    _ => transcript.turns.push(Turn::SwitchReceives(unescaped(rest, true))),
                },
                ("?", _) => transcript.turns.push(Turn::WebhookReceives(rest.to_owned())),
                ("=", _) => transcript.reply = Some(reply(rest)),
                _ => panic!("{}: what does this mean? {line}", transcript.file),
            }
        }
        transcript
    }

    /// Every offset at which some message can be cut.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        (1..).take_while(|&at| self.turns.iter().any(|turn| turn.is_longer(at)))
    }
}

fn reply(text: &str) -> Reply {
    if text == "nothing" {
        return Reply::Stall;
    }
    let (code, body) = text.split_once(' ').unwrap_or((text, ""));
    match code {
        "204" => Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        code => Reply::status(code.parse().unwrap(), unescaped(body, false)),
    }
}

fn unescaped(text: &str, line: bool) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next().unwrap() {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'\\' => b'\\',
                b'x' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => panic!("\\{} means nothing", char::from(other)),
            },
            byte => byte,
        });
    }
    plain.extend(line.then_some(b'\n'));
    plain
}

/// Plays transcripts against a daemon with their configuration.
#[derive(Debug)]
pub(super) struct Setup {
    webhook: FakeWebhook,
    sessions: Sessions,
    tables: String,
    requests: usize,
}

impl Setup {
    pub(super) async fn new(transcript: &Transcript) -> Self {
        let reply = transcript.reply.clone();
        let webhook = FakeWebhook::start(move |_| reply.clone().expect("no request")).await;
        let tables = transcript.configuration.replace("%WEBHOOK%", &webhook.url(""));
        Self { webhook, sessions: Sessions::under(&tables), tables, requests: 0 }
    }

    /// Plays it to a daemon over TCP.
    pub(super) async fn play_to_a_daemon(&mut self, transcript: &Transcript) {
        let (before, tables) = self.tables.split_at(self.tables.find('[').unwrap_or(self.tables.len()));
        let listen = "[listen]\nasterisk = \"127.0.0.1:0\"\n";
        let daemon = Daemon::with(&format!("{before}{listen}{tables}")).await;
        let switch = FakeAsterisk::connect(daemon.address()).await;
        Player { switch, setup: self, transcript, cut: Cut::Whole, nonce: String::new() }.play().await;
        daemon.stop().await;
    }

    /// Plays it to a session in this process, cut like this.
    pub(super) async fn play(&mut self, transcript: &Transcript, cut: Cut) {
        const ROOM: usize = 64 * 1024;
        // a pipe for each direction; only the one to the daemon is narrow
        let ((there, daemon_hears), (here, daemon_says)) = match cut {
            Cut::Bytes => (duplex(1), duplex(ROOM)),
            Cut::Whole | Cut::At(_) => (duplex(ROOM), duplex(ROOM)),
        };
        let agi = Agi::new(nonce::random::<8>());
        let conversation = Switch::new(join(daemon_hears, daemon_says), agi);
        let conversation = self.sessions.start(conversation);
        let switch = FakeAsterisk::over(join(here, there));
        Player { switch, setup: self, transcript, cut, nonce: String::new() }.play().await;
        within_time_limit("the end of the conversation", conversation).await.unwrap();
    }
}

struct Player<'a, S> {
    switch: FakeAsterisk<S>,
    setup: &'a mut Setup,
    transcript: &'a Transcript,
    cut: Cut,
    /// The nonce in the challenge, after the challenge has come.
    nonce: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Player<'_, S> {
    async fn play(mut self) {
        let turns = &self.transcript.turns;
        // after the last message that is cut, the rest plays as with every other cut
        let end = match self.cut {
            Cut::Whole | Cut::Bytes => turns.len(),
            Cut::At(at) => turns.iter().rposition(|turn| turn.is_longer(at)).map_or(0, |last| last + 2),
        };
        for turn in turns.iter().take(end) {
            match turn {
                Turn::SwitchSends(words) => self.send(words).await,
                Turn::SwitchEnds => return,
                Turn::SwitchReceives(lines) => self.expect_bytes(lines).await,
                Turn::DaemonEnds => assert_eq!(self.switch.receive_all().await, b"", "{}", self.place()),
                Turn::WebhookReceives(request) => self.expect_request(request).await,
            }
        }
        assert!(end < turns.len(), "{}: the transcript has no end", self.place());
    }

    async fn send(&mut self, words: &[u8]) {
        let words = self.put_in(words);
        match self.cut {
            Cut::Whole | Cut::Bytes => self.switch.send(&words).await,
            Cut::At(at) => {
                let (first, second) = words.split_at(at.min(words.len()));
                self.switch.send(first).await;
                // the daemon runs on this thread: it reads now
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                self.switch.send(second).await;
            }
        }
    }

    async fn expect_bytes(&mut self, lines: &[u8]) {
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            let received =
                self.switch.receive_line().await.unwrap_or_else(|| panic!("{}: the end", self.place()));
            if let Some(rest) = received.strip_prefix(b"GET FULL VARIABLE \"") {
                let nonce: Vec<u8> = rest.iter().copied().take_while(u8::is_ascii_hexdigit).collect();
                self.nonce = String::from_utf8(nonce).unwrap();
            }
            let expected = self.put_in(line);
            let (received, expected) =
                (String::from_utf8_lossy(&received), String::from_utf8_lossy(&expected));
            assert_eq!(received, expected.trim_end_matches('\n'), "{}", self.place());
        }
    }

    async fn expect_request(&mut self, expected: &str) {
        self.setup.requests += 1;
        let asked = shown(&self.setup.webhook.request(self.setup.requests).await);
        assert_eq!(asked, expected, "{}", self.place());
    }

    fn put_in(&self, text: &[u8]) -> Vec<u8> {
        let text = replaced(text, b"%NONCE%", self.nonce.as_bytes());
        replaced(&text, b"%WEBHOOK%", self.setup.webhook.url("").as_bytes())
    }

    fn place(&self) -> String {
        format!("{} cut {:?}", self.transcript.file, self.cut)
    }
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(from.len()).position(|part| part == from) {
        whole.extend(&rest[..at]);
        whole.extend(to);
        rest = &rest[at + from.len()..];
    }
    whole.extend(rest);
    whole
}

/// A request as the transcript writes it.
fn shown(request: &Received) -> String {
    let body = request.text().replace('\\', "\\\\");
    let body = match body.split_once("\"event_time\":\"") {
        Some((before, after)) => {
            let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}\"event_time\":\"%NOW%{after}")
        }
        None => body,
    };
    format!("{} {} {body}", request.method, request.target).trim_end().to_owned()
}
