//! Owner: the tests. A real Asterisk for one test: it runs in a folder of its own, and is killed when it is
//! dropped.
//!
//! ```ignore
//! let asterisk = Asterisk::start(Release::V22, "[test]\nexten => 100,1,Set(ROUTE=sales)").await;
//! let ended = asterisk.call("100@test").await;
//! assert_eq!(ended.last("ROUTE"), Some("sales"));
//! ```
//!
//! A call is a Local channel. Its leg `;2` runs the dialplan as an unanswered inbound call does, and the test
//! sees every variable that this leg sets, in order. A fault that is not about a call panics and shows the
//! end of Asterisk's log. Ask [`Release::unpacked`] first if this host can run a release.
//!
//! Knows Asterisk's configuration and manager interface; does not know what dialhook is.

/// The Asterisk Manager Interface.
mod ami;
/// The process of an Asterisk, its folder and its configuration files.
mod process;
/// The releases of Asterisk that the tests use.
mod release;

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep, timeout};

use self::ami::{Ami, Message, unescape};
use self::process::Process;
pub use self::release::Release;

/// The longest start, call or response before the test fails.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A running Asterisk; dropping it kills it and removes its files.
#[derive(Debug)]
pub struct Asterisk {
    ami: Ami,
    process: Process,
}

impl Asterisk {
    /// Starts an Asterisk with this `extensions.conf`; it is ready for calls when this returns, after some
    /// 0.3 s.
    pub async fn start(release: Release, extensions: &str) -> Asterisk {
        Self::start_with(release, &[("extensions.conf", extensions)]).await
    }

    /// The same with further files, such as `pjsip.conf`: then `chan_pjsip` is loaded as well. It opens
    /// sockets on all addresses, so let only a test in a network namespace of its own ask for it.
    pub async fn start_with(release: Release, files: &[(&str, &str)]) -> Asterisk {
        let root = release.unpacked().expect("only a release that is here is started");
        // A free port can be taken by someone else before Asterisk has it: then the login fails, and the next
        // is tried.
        for _ in 0..5 {
            let (mut process, port) = Process::spawn(root, files);
            if let Some(ami) = Ami::connect(&mut process, port).await {
                return Asterisk { ami, process };
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
        let id = self.ami.next_id();
        let mut events = self.ami.listen(&id);
        let answer = self
            .ami
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
        let Ok(Some(created)) = timeout(TIME_LIMIT, events.recv()).await else {
            panic!("no channel for {destination} within {TIME_LIMIT:?}:\n{}", self.log_tail());
        };
        Calling { asterisk: self, channel: created.text("Channel").into_owned(), id, events }
    }

    /// The output of a command line such as `core show channels count`.
    pub async fn command(&self, line: &str) -> String {
        let answer = self.ami.request(&[("Action", "Command"), ("Command", line)]).await;
        let lines: Vec<_> = answer.all("Output").map(String::from_utf8_lossy).collect();
        lines.join("\n")
    }

    /// Waits until no channel is left.
    pub async fn idle(&self) {
        let by = Instant::now() + TIME_LIMIT;
        while !self.command("core show channels count").await.starts_with("0 active channels") {
            assert!(Instant::now() < by, "channels are left over:\n{}", self.log_tail());
        }
    }

    /// The warnings and errors in Asterisk's log so far.
    pub async fn complaints(&self) -> Vec<String> {
        self.logged().await;
        let complains = |line: &&str| line.contains("WARNING[") || line.contains("ERROR[");
        self.process.text("log").lines().filter(complains).map(str::to_owned).collect()
    }

    /// Waits until the log holds all that has happened so far: a call to nowhere is noted in it, after
    /// everything else.
    async fn logged(&self) {
        let nowhere = format!("{}@nowhere", self.ami.next_id());
        let channel = format!("Local/{nowhere}");
        self.ami
            .request(&[
                ("Action", "Originate"),
                ("Channel", &channel),
                ("Application", "Wait"),
                ("Data", "1"),
            ])
            .await;
        let by = Instant::now() + TIME_LIMIT;
        while !self.process.text("log").contains(&nowhere) {
            assert!(Instant::now() < by, "the log does not go on:\n{}", self.log_tail());
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// The end of Asterisk's log, for a failed test to show. A thread of its own writes it, a moment after
    /// the calls. The result of a call is in [`Ended`].
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
        let answer = self.asterisk.ami.request(&[("Action", "Hangup"), ("Channel", &self.channel)]).await;
        assert_eq!(answer.text("Response"), "Success", "hanging up {}: {answer:?}", self.channel);
    }

    /// Waits until the dialplan is through, its `h` extension included.
    pub async fn ended(mut self) -> Ended {
        let mut ended = Ended::default();
        let by = Instant::now() + TIME_LIMIT;
        loop {
            let Ok(Some(event)) = tokio::time::timeout_at(by, self.events.recv()).await else {
                panic!("{} has not ended within {TIME_LIMIT:?}:\n{}", self.channel, self.asterisk.log_tail());
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
        self.asterisk.ami.listeners.lock().expect("no listener panics").remove(&self.id);
    }
}

/// A call that is over.
#[derive(Debug, Default)]
pub struct Ended {
    /// Every variable that its dialplan, or an AGI, has set, in order. In a value that is not UTF-8,
    /// Asterisk 22 reports U+FFFD for the wrong bytes, and 16 reports no value. So let the dialplan set another
    /// variable to `${URIENCODE(…)}`.
    pub variables: Vec<(String, Vec<u8>)>,
    /// The extensions that the dialplan has run, in order: `100@test`.
    pub places: Vec<String>,
    /// The applications that the dialplan has run, in order, with their arguments expanded: `NoOp(to sales)`.
    pub steps: Vec<String>,
}

impl Ended {
    /// The last value of the variable; `None` if it was never set.
    pub fn last(&self, name: &str) -> Option<&str> {
        self.all(name).next_back().map(|value| std::str::from_utf8(value).expect("a value in UTF-8"))
    }

    /// Every value the variable was given, in order.
    pub fn all(&self, name: &str) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.variables.iter().filter(move |(set, _)| set == name).map(|(_, value)| value.as_slice())
    }
}
