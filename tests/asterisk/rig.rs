//! A real Asterisk for one test: started in a folder of its own, called through its manager interface, killed at the end.
//!
//! ```ignore
//! let asterisk = Asterisk::start(Release::V22, "[test]\nexten => 100,1,Set(ROUTE=sales)").await;
//! let ended = asterisk.call("100@test").await;
//! assert_eq!(ended.last("ROUTE"), Some("sales"));
//! ```
//!
//! A call is a Local channel: its leg `;2` runs the dialplan as an unanswered inbound call does, and everything that
//! leg sets is seen in the order in which it was set. Whatever goes wrong that is not about a call panics, with the
//! tail of Asterisk's log; whether this host can have a release at all is asked beforehand, of [`Release::unpacked`].
//!
//! Knows Asterisk's configuration and manager interface; does not know what dialhook is.

use std::collections::HashMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, timeout};

/// How long a start, a call or a manager's answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which Asterisk a test wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The newest that Debian builds.
    V22,
    /// The oldest in use; it reads commands of 2,046 bytes only.
    V16,
}

impl Release {
    /// Both, for tests that must hold on either.
    pub const ALL: [Release; 2] = [Release::V22, Release::V16];

    /// The number by which people, and `tests/asterisk/fetch`, know it.
    pub fn number(self) -> &'static str {
        match self {
            Release::V22 => "22",
            Release::V16 => "16",
        }
    }

    /// The folder made by `tests/asterisk/fetch`, which downloads it the first time; asked once in a test run.
    ///
    /// # Errors
    /// Why there is no such Asterisk here, in one line for whoever reads the test's output.
    pub fn unpacked(self) -> Result<&'static Path, &'static str> {
        static ROOTS: [OnceLock<Result<PathBuf, String>>; 2] = [const { OnceLock::new() }; 2];
        let root = match self {
            Release::V22 => &ROOTS[0],
            Release::V16 => &ROOTS[1],
        };
        root.get_or_init(|| fetched(self.number())).as_deref().map_err(String::as_str)
    }
}

fn fetched(number: &str) -> Result<PathBuf, String> {
    let fetch = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/asterisk/fetch");
    let output = Command::new(fetch).arg(number).output().expect("tests/asterisk/fetch can be run");
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())),
        Some(3) => {
            let subject = format!("no Asterisk {number} for the tests: ");
            Err(told.strip_prefix(&subject).unwrap_or(&told).to_owned())
        }
        _ => panic!("tests/asterisk/fetch {number}: {}: {told}", output.status),
    }
}

/// A running Asterisk; dropping it kills it and removes its files.
#[derive(Debug)]
pub struct Asterisk {
    manager: Manager,
    process: Process,
}

impl Asterisk {
    /// Starts an Asterisk with this `extensions.conf`; it is ready for calls when this returns, after some 0.3 s.
    pub async fn start(release: Release, extensions: &str) -> Asterisk {
        Self::start_with(release, &[("extensions.conf", extensions)]).await
    }

    /// The same with further files, such as `pjsip.conf`: then `chan_pjsip` is loaded as well. It opens sockets on all
    /// addresses, so let only a test in a network namespace of its own ask for it.
    pub async fn start_with(release: Release, files: &[(&str, &str)]) -> Asterisk {
        let root = release.unpacked().expect("only a release that is here is started");
        // A free port can be taken by someone else before Asterisk has it: then the login fails, and the next is tried.
        for _ in 0..5 {
            let (mut process, port) = Process::spawn(root, files);
            if let Some(manager) = Manager::connect(&mut process, port).await {
                return Asterisk { manager, process };
            }
        }
        panic!("no port of 127.0.0.1 stayed free for Asterisk's manager interface");
    }

    /// Calls `100@test` and waits until its dialplan is through.
    pub async fn call(&self, destination: &str) -> Ended {
        self.begin(destination).await.ended().await
    }

    /// Calls `100@test`, and returns while its dialplan runs.
    pub async fn begin(&self, destination: &str) -> Calling<'_> {
        let id = self.manager.next_id();
        let mut events = self.manager.listen(&id);
        let answer = self
            .manager
            .request(&[
                ("Action", "Originate"),
                ("Channel", &format!("Local/{destination}/n")),
                ("Application", "Wait"),
                ("Data", "60"),
                ("Timeout", "60000"),
                ("Async", "true"),
                ("ChannelId", &format!("1-{id}")),
                ("OtherChannelId", &id),
            ])
            .await;
        assert_eq!(answer.text("Response"), "Success", "calling {destination}: {answer:?}");
        // The first event of the leg is its Newchannel.
        let Ok(Some(created)) = timeout(PATIENCE, events.recv()).await else {
            panic!("no channel for {destination} within {PATIENCE:?}:\n{}", self.log_tail());
        };
        Calling { asterisk: self, channel: created.text("Channel").into_owned(), id, events }
    }

    /// What a command line such as `core show channels count` prints.
    pub async fn command(&self, line: &str) -> String {
        let answer = self.manager.request(&[("Action", "Command"), ("Command", line)]).await;
        let lines: Vec<_> = answer.all("Output").map(String::from_utf8_lossy).collect();
        lines.join("\n")
    }

    /// Waits until there is no channel left.
    pub async fn idle(&self) {
        let by = Instant::now() + PATIENCE;
        while !self.command("core show channels count").await.starts_with("0 active channels") {
            assert!(Instant::now() < by, "channels are left over:\n{}", self.log_tail());
        }
    }

    /// What Asterisk has complained of so far, line by line.
    pub async fn complaints(&self) -> Vec<String> {
        self.logged().await;
        let complains = |line: &&str| line.contains("WARNING[") || line.contains("ERROR[");
        self.process.text("log").lines().filter(complains).map(str::to_owned).collect()
    }

    /// Waits until the log holds all that has happened so far: a call to nowhere is noted in it, behind everything else.
    async fn logged(&self) {
        let nowhere = format!("{}@nowhere", self.manager.next_id());
        let channel = format!("Local/{nowhere}");
        self.manager
            .request(&[
                ("Action", "Originate"),
                ("Channel", &channel),
                ("Application", "Wait"),
                ("Data", "1"),
            ])
            .await;
        let by = Instant::now() + PATIENCE;
        while !self.process.text("log").contains(&nowhere) {
            assert!(Instant::now() < by, "the log does not go on:\n{}", self.log_tail());
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// The end of Asterisk's log, for a failed test to show. A thread of its own writes it, a moment behind the calls: what
    /// a call did is in [`Ended`].
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }
}

/// A call that has begun.
#[derive(Debug)]
pub struct Calling<'a> {
    asterisk: &'a Asterisk,
    id: String,
    channel: String,
    events: UnboundedReceiver<Message>,
}

impl Calling<'_> {
    /// The caller hangs up.
    pub async fn hangup(&self) {
        let answer = self.asterisk.manager.request(&[("Action", "Hangup"), ("Channel", &self.channel)]).await;
        assert_eq!(answer.text("Response"), "Success", "hanging up {}: {answer:?}", self.channel);
    }

    /// Waits until the dialplan is through, its `h` extension included.
    pub async fn ended(mut self) -> Ended {
        let mut ended = Ended::default();
        let by = Instant::now() + PATIENCE;
        loop {
            let Ok(Some(event)) = tokio::time::timeout_at(by, self.events.recv()).await else {
                panic!("{} has not ended within {PATIENCE:?}:\n{}", self.channel, self.asterisk.log_tail());
            };
            match &*event.text("Event") {
                "VarSet" => {
                    ended.variables.push((event.text("Variable").into_owned(), unescape(event.get("Value"))));
                }
                "Newexten" => {
                    let place = format!("{}@{}", event.text("Extension"), event.text("Context"));
                    if ended.places.last() != Some(&place) {
                        ended.places.push(place);
                    }
                    ended.steps.push(format!("{}({})", event.text("Application"), event.text("AppData")));
                }
                "Hangup" => return ended,
                _ => {}
            }
        }
    }
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.asterisk.manager.listeners.lock().expect("no listener panics").remove(&self.id);
    }
}

/// A call that is over.
#[derive(Debug, Default)]
pub struct Ended {
    /// Every variable that its dialplan, or an AGI, has set, in order. Of a value that is no UTF-8 Asterisk 22 tells
    /// U+FFFD for the wrong bytes, and 16 tells nothing: let the dialplan set another variable to `${URIENCODE(…)}`.
    pub variables: Vec<(String, Vec<u8>)>,
    /// Where the dialplan has been, in order: `100@test`.
    pub places: Vec<String>,
    /// What the dialplan has run, in order, with its arguments expanded: `NoOp(to sales)`.
    pub steps: Vec<String>,
}

impl Ended {
    /// What the variable held at the end; `None` when it was never set.
    pub fn last(&self, name: &str) -> Option<&str> {
        self.all(name).next_back().map(|value| std::str::from_utf8(value).expect("a value in UTF-8"))
    }

    /// Every value the variable was given, in order.
    pub fn all(&self, name: &str) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.variables.iter().filter(move |(set, _)| set == name).map(|(_, value)| value.as_slice())
    }
}

/// Asterisk's process and the folder it works in.
#[derive(Debug)]
struct Process {
    child: Child,
    state: TempDir,
}

impl Process {
    fn spawn(root: &Path, files: &[(&str, &str)]) -> (Process, u16) {
        let state = tempfile::tempdir().expect("a temporary folder");
        let port = manager_port();
        let pjsip = files.iter().any(|(name, _)| *name == "pjsip.conf");
        let own = configuration(root, &state, port, pjsip);
        let own = own.iter().map(|(name, text)| (*name, text.as_str()));
        for (name, text) in own.chain(files.iter().copied()) {
            fs::write(state.path().join(name), text).expect("the temporary folder is writable");
        }

        let libraries: Vec<_> = fs::read_to_string(root.join("libraries"))
            .expect("tests/asterisk/fetch writes this list")
            .lines()
            .map(|folder| root.join(folder).display().to_string())
            .collect();
        let console = File::create(state.path().join("console")).expect("the temporary folder is writable");
        let child = Command::new(root.join("loader"))
            .args(["--library-path", &libraries.join(":")])
            .arg(root.join("usr/sbin/asterisk"))
            .arg("-f")
            .arg("-C")
            .arg(state.path().join("asterisk.conf"))
            .stdin(Stdio::null())
            .stdout(console.try_clone().expect("a second handle"))
            .stderr(console)
            .spawn()
            .expect("the fetched loader can be run");
        (Process { child, state }, port)
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_some()
    }

    fn text(&self, name: &str) -> String {
        let text = fs::read(self.state.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    fn log_tail(&self) -> String {
        let mut tail = String::new();
        for name in ["console", "log"] {
            let text = self.text(name);
            tail.push_str(&format!("--- {name}\n"));
            for line in text.lines().skip(text.lines().count().saturating_sub(60)) {
                tail.push_str(&format!("{line}\n"));
            }
        }
        tail
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _ended_before = self.child.wait();
    }
}

/// A free port for a manager interface, below those that port 0 gives (`ip_local_port_range`, from 32,768): between our
/// look and Asterisk's start no other test's listener can get it, and hear our manager's login.
fn manager_port() -> u16 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let first = u64::from(std::process::id()) * 97;
    for _ in 0..1000 {
        let turn = first + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + u16::try_from(turn % 10_000).expect("less than 10,000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port of 127.0.0.1 from 20000 to 29999 is free");
}

/// The files that every Asterisk of ours has.
fn configuration(root: &Path, state: &TempDir, port: u16, pjsip: bool) -> Vec<(&'static str, String)> {
    let dir = state.path().display();
    let mut asterisk = String::from("[directories]\n");
    for key in ["etc", "varlib", "db", "key", "spool", "run", "log"] {
        asterisk.push_str(&format!("ast{key}dir => {dir}\n"));
    }
    let (modules, data) = (root.join("modules"), root.join("usr/share/asterisk"));
    asterisk.push_str(&format!("astagidir => {dir}\nastmoddir => {}\n", modules.display()));
    asterisk
        .push_str(&format!("astdatadir => {}\n[options]\nverbose = 3\nmaxfiles = 8192\n", data.display()));
    let mut loaded = String::from("[modules]\nautoload = no\n");
    for module in MODULES.split(' ').chain(PJSIP.split(' ').filter(|_| pjsip)) {
        if modules.join(format!("{module}.so")).exists() {
            loaded.push_str(&format!("load = {module}.so\n"));
        }
    }
    let manager = format!(
        "[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = {port}\n\
         [rig]\nsecret = {secret}\nread = system,call,dialplan,user\nwrite = all\nwritetimeout = 5000\n",
        secret = secret(state)
    );
    let fixed = [
        (
            "logger.conf",
            "[general]\ndateformat = %T.%3q\n[logfiles]\nlog = notice,warning,error,verbose(3)\n",
        ),
        ("indications.conf", "[general]\ncountry = us\n[us]\ndescription = -\nring = 440+480/2000,0/4000\n"),
        ("cdr.conf", "[general]\nenable = no\n"),
        ("cel.conf", "[general]\nenable = no\n"),
        // Their absence would stand in the log as an error.
        ("acl.conf", ""),
        ("ccss.conf", ""),
        ("features.conf", ""),
        ("udptl.conf", ""),
    ];
    let made = [("asterisk.conf", asterisk), ("modules.conf", loaded), ("manager.conf", manager)];
    made.into_iter().chain(fixed.map(|(name, text)| (name, text.to_owned()))).collect()
}

/// A word that no other Asterisk's manager knows: whoever answers to it is ours.
fn secret(state: &TempDir) -> String {
    state.path().file_name().expect("it has a name").to_string_lossy().replace('.', "")
}

/// The manager interface: one connection, many calls.
#[derive(Debug)]
struct Manager {
    socket: tokio::sync::Mutex<OwnedWriteHalf>,
    listeners: Listeners,
    ids: AtomicU64,
}

/// Who waits for the answer to an action, or for the events of a channel, by the id of either.
type Listeners = Arc<Mutex<HashMap<String, UnboundedSender<Message>>>>;

impl Manager {
    /// Logs in and waits until Asterisk says that it is fully booted; `None` when another program has the port.
    async fn connect(process: &mut Process, port: u16) -> Option<Manager> {
        let by = Instant::now() + PATIENCE;
        let socket = loop {
            if let Ok(socket) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                break socket;
            }
            let ended = process.has_ended();
            assert!(!ended && Instant::now() < by, "Asterisk has not started:\n{}", process.log_tail());
            sleep(Duration::from_millis(5)).await;
        };
        let (receiving, sending) = socket.into_split();
        let listeners = Listeners::default();
        let manager =
            Manager { socket: sending.into(), listeners: listeners.clone(), ids: AtomicU64::default() };
        let mut booted = manager.listen("FullyBooted");
        tokio::spawn(dispatch(receiving, listeners));

        let secret = secret(&process.state);
        let login = [("Action", "Login"), ("Username", "rig"), ("Secret", &secret)];
        let answer = timeout(Duration::from_secs(5), manager.try_request(&login)).await.ok().flatten()?;
        if answer.text("Response") != "Success" {
            return None;
        }
        let event = timeout(PATIENCE, booted.recv()).await;
        assert!(
            matches!(event, Ok(Some(_))),
            "Asterisk is not ready within {PATIENCE:?}:\n{}",
            process.log_tail()
        );
        // Its own command line comes a moment after that event.
        while manager
            .request(&[("Action", "Command"), ("Command", "core show version")])
            .await
            .text("Response")
            == "Error"
        {
            assert!(Instant::now() < by, "Asterisk has no commands:\n{}", process.log_tail());
            sleep(Duration::from_millis(2)).await;
        }
        Some(manager)
    }

    /// An id for an action or a channel; none is the beginning of another, which Asterisk 22 takes for the same channel.
    fn next_id(&self) -> String {
        format!("rig-{:08}", self.ids.fetch_add(1, Ordering::Relaxed))
    }

    fn listen(&self, id: &str) -> UnboundedReceiver<Message> {
        let (sender, receiver) = unbounded_channel();
        self.listeners.lock().expect("no listener panics").insert(id.to_owned(), sender);
        receiver
    }

    async fn request(&self, fields: &[(&str, &str)]) -> Message {
        timeout(PATIENCE, self.try_request(fields)).await.ok().flatten().expect("Asterisk's manager answers")
    }

    /// Sends an action and awaits its response; `None` when the connection is gone.
    async fn try_request(&self, fields: &[(&str, &str)]) -> Option<Message> {
        let id = self.next_id();
        let mut answer = self.listen(&id);
        let mut action = format!("ActionID: {id}\r\n");
        for (key, value) in fields {
            assert!(!value.contains(['\r', '\n']), "the manager interface cannot carry {key}: {value:?}");
            action.push_str(&format!("{key}: {value}\r\n"));
        }
        action.push_str("\r\n");
        self.socket.lock().await.write_all(action.as_bytes()).await.ok()?;
        let answer = answer.recv().await;
        self.listeners.lock().expect("no listener panics").remove(&id);
        answer
    }
}

/// Reads the manager's messages until the connection ends, and hands each to whom it concerns.
async fn dispatch(socket: OwnedReadHalf, listeners: Listeners) {
    let mut lines = BufReader::new(socket);
    let mut message = Message::default();
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = line.strip_suffix(b"\r\n").unwrap_or(&line);
        if text.is_empty() {
            message.deliver(&listeners);
            message = Message::default();
        } else {
            let mut halves = text.splitn(2, |byte| *byte == b':');
            let (key, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
            let value = value.strip_prefix(b" ").unwrap_or(value);
            message.0.push((String::from_utf8_lossy(key).into_owned(), value.to_vec()));
        }
        line.clear();
    }
    listeners.lock().expect("no listener panics").clear();
}

/// A response or an event: its fields in order.
#[derive(Debug, Default)]
struct Message(Vec<(String, Vec<u8>)>);

impl Message {
    fn all(&self, key: &str) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter(move |(found, _)| found == key).map(|(_, value)| value.as_slice())
    }

    fn get(&self, key: &str) -> &[u8] {
        self.all(key).next().unwrap_or_default()
    }

    fn text(&self, key: &str) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.get(key))
    }

    fn deliver(self, listeners: &Listeners) {
        let id = match &*self.text("Event") {
            "FullyBooted" => "FullyBooted".to_owned(),
            "" => self.text("ActionID").into_owned(),
            _ => self.text("Uniqueid").into_owned(),
        };
        if let Some(listener) = listeners.lock().expect("no listener panics").get(&id) {
            let _nobody_waits = listener.send(self);
        }
    }
}

/// Undoes what Asterisk does to the value of a `VarSet` event (`main/utils.c`, `ast_escape_c`).
fn unescape(value: &[u8]) -> Vec<u8> {
    let mut bytes = value.iter().copied();
    let mut plain = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'a') => 0x07,
                Some(b'b') => 0x08,
                Some(b'f') => 0x0c,
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'v') => 0x0b,
                Some(other) => other,
                None => b'\\',
            },
            other => other,
        });
    }
    plain
}

/// What dialplans in our tests and examples may use; Set, Goto, GotoIf, NoOp, Wait and their like are built in.
/// res_agi does not load without res_speech. A release's missing ones are left out.
const MODULES: &str = "\
    pbx_config res_timing_timerfd res_speech res_agi bridge_simple codec_ulaw \
    app_db app_dial app_exec app_originate app_playtones app_stack app_userevent app_verbose app_while \
    func_base64 func_callerid func_channel func_cut func_db func_dialplan func_env func_global func_hangupcause \
    func_json func_logic func_math func_module func_rand func_sprintf func_strings func_timeout func_uri func_version";

/// What a SIP caller needs besides.
const PJSIP: &str = "\
    res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip res_pjsip_session \
    res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_anonymous res_pjsip_caller_id \
    res_pjsip_sdp_rtp res_pjsip_pubsub res_pjsip_header_funcs res_rtp_asterisk chan_pjsip";
