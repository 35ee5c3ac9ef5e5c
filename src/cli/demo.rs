//! `dialhook demo`: a webhook server, the daemon and recorded calls of both switches on free ports of this machine.
//!
//! Nothing of the daemon is pretended: the calls go through the real listeners and the real client. Only the
//! switches are played, and the dialplan is read by us.

mod asterisk;
mod freeswitch;
mod webhook;

use std::error::Error;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use self::webhook::Manner;
use super::{DONE, FAILED, ended, failed, print};
use crate::call::SwitchKind;
use crate::config::Config;
use crate::server::Server;

/// One line of the story.
#[derive(Debug)]
struct Line {
    /// Who does what; empty where the line goes on.
    who: &'static str,
    text: String,
}

/// One call of the story.
struct Chapter {
    title: &'static str,
    switch: SwitchKind,
    manner: Manner,
    /// Where its telling begins; what stands before is the same in every call.
    from: Option<&'static str>,
    moral: &'static str,
}

const CHAPTERS: [Chapter; 5] = [
    Chapter {
        title: "1. The webhook names a department",
        switch: SwitchKind::Asterisk,
        manner: Manner { text: "sales", thinks: Duration::ZERO },
        from: None,
        moral: "The answer is in ${CRM}, and GotoIf routed the call by it.",
    },
    Chapter {
        title: "2. The webhook answers something hostile",
        switch: SwitchKind::Asterisk,
        manner: Manner { text: "x\" | \"1", thinks: Duration::ZERO },
        from: Some("the webhook says"),
        moral: "In $[\"${CRM}\" = \"sales\"] this text would be true whatever it is compared with. A route is a word: it was refused whole.",
    },
    Chapter {
        title: "3. The webhook is too slow",
        switch: SwitchKind::Asterisk,
        manner: Manner { text: "sales", thinks: Duration::from_secs(20) },
        from: Some("the webhook thinks"),
        moral: "The caller waited for the hook's timeout and no longer; the request was cancelled.",
    },
    Chapter {
        title: FREESWITCH,
        switch: SwitchKind::FreeSwitch,
        manner: Manner { text: "sales", thinks: Duration::ZERO },
        from: None,
        moral: "A condition on ${CRM}, in the pass after a transfer, routes the call.",
    },
    Chapter {
        title: "5. The webhook answers FreeSWITCH something hostile",
        switch: SwitchKind::FreeSwitch,
        manner: Manner { text: "{api_on_answer=system reboot}loopback/1", thinks: Duration::ZERO },
        from: Some("the webhook says"),
        moral: "A dialplan that bridges to ${CRM} would run this. A route is a word, and this is none: it was refused whole.",
    },
];

/// Why the story ended before its end.
enum Stopped {
    /// Standard output took no more of it.
    Printing(io::Error),
    /// A call did not come to its end.
    Playing(Box<dyn Error>),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Printing(error)
    }
}

/// Tells the story.
pub(crate) async fn run() -> ExitCode {
    match story().await {
        Ok(()) => ExitCode::from(DONE),
        Err(Stopped::Printing(error)) => ended(Err(error), DONE),
        Err(Stopped::Playing(error)) => failed(FAILED, &format!("the demo stopped: {error}")),
    }
}

async fn story() -> Result<(), Stopped> {
    print(&format!("{OPENING}\n"))?;
    for chapter in &CHAPTERS {
        print(&format!("\n{}\n\n", chapter.title))?;
        let told = play(chapter).await.map_err(Stopped::Playing)?;
        print(&format!("{told}\n  {}\n", chapter.moral))?;
    }
    print(&format!("\n{NEXT}\n"))?;
    Ok(())
}

/// Makes the call of a chapter, and returns what happened in lines.
async fn play(chapter: &Chapter) -> Result<String, Box<dyn Error>> {
    let (teller, mut story) = unbounded_channel();
    let server = webhook::start(chapter.manner, teller.clone()).await?;
    let (daemon, stop) = daemon(server, chapter.switch)?;
    let began = Instant::now();
    let set = match chapter.switch {
        SwitchKind::Asterisk => asterisk::call(daemon, &teller).await?,
        SwitchKind::FreeSwitch => freeswitch::call(daemon, &teller).await?,
    };
    let took = began.elapsed();
    stop.cancel();
    story.close();
    let (mut lines, mut told) = (String::new(), chapter.from.is_none());
    while let Some(line) = story.recv().await {
        told |= chapter.from == Some(line.who);
        for (number, part) in folded(&line.text).into_iter().filter(|_| told).enumerate() {
            let who = if number == 0 { line.who } else { "" };
            let _infallible = writeln!(lines, "  {who:<18} {part}");
        }
    }
    let value = |name: &str| {
        set.iter().find(|(set, _)| set.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.as_str())
    };
    let status = match chapter.switch {
        SwitchKind::Asterisk => "WEBHOOK_STATUS",
        SwitchKind::FreeSwitch => "webhook_status",
    };
    let (branch, why) = dialplan(status, value(status), value("CRM"));
    let (who, took) = ("the call goes to", took.as_millis());
    let _infallible = writeln!(lines, "  {who:<18} {branch}, because {why}; the step took {took} ms");
    Ok(lines)
}

/// A text in lines that a terminal has room for, broken behind commas.
fn folded(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in text.split_inclusive(',') {
        match lines.last_mut() {
            Some(line) if line.len() + piece.len() <= 76 => line.push_str(piece),
            Some(_) | None => lines.push(piece.to_owned()),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// The daemon with the hook of the story.
fn daemon(
    webhook: SocketAddr,
    switch: SwitchKind,
) -> Result<(SocketAddr, CancellationToken), Box<dyn Error>> {
    let configuration = format!(
        "[listen]\nasterisk = \"127.0.0.1:0\"\nfreeswitch = \"127.0.0.1:0\"\nobserver = false\n\
         [hook.crm]\nurl = \"http://{webhook}/route\"\nvariable = \"CRM\"\ntimeout = \"1s\"\n"
    );
    let server = Server::start(Arc::new(Config::parse(&configuration, Path::new("demo.toml"))?))?;
    let address = server.address(switch).ok_or("this listener is off")?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move { server.run(stopped).await });
    Ok((address, stop))
}

/// What the dialplan of the opening does.
fn dialplan(name: &str, status: &str, crm: &str) -> (&'static str, String) {
    match (status, crm) {
        ("OK", "sales") => ("sales", "CRM is \"sales\"".to_owned()),
        ("OK", _) => ("reception", "CRM is not \"sales\"".to_owned()),
        (status, _) => ("reception", format!("{name} is {status}, not OK")),
    }
}

const OPENING: &str = r#"This is dialhook with a webhook server and recorded calls of Asterisk 22 and FreeSWITCH 1.11, all on this machine.

The configuration:

  [hook.crm]
  url      = "http://127.0.0.1:PORT/route"
  variable = "CRM"
  timeout  = "1s"

The dialplan, of Asterisk first:

  exten => _XXX,1,Set(WEBHOOK_STATUS=UNREACHABLE)
   same => n,AGI(agi://127.0.0.1/crm)
   same => n,GotoIf($["${WEBHOOK_STATUS}" != "OK"]?reception,1)
   same => n,GotoIf($["${CRM}" = "sales"]?sales,1)
   same => n,Goto(reception,1)"#;

const FREESWITCH: &str = r#"4. The same hook, asked by FreeSWITCH. Its dialplan:

  <action application="set" data="webhook_status=UNREACHABLE"/>
  <action application="socket" data="127.0.0.1:8084/crm"/>
  <action application="transfer" data="$1 XML routed"/>

  and in the context routed, <condition field="${CRM}" expression="^sales$">"#;

const NEXT: &str = r#"What next, with a real switch:

  1. dialhook serve                          listens on 127.0.0.1:4573 for Asterisk and on 127.0.0.1:8084 for
                                             FreeSWITCH; needs no configuration for a first try
  2. Write a step that names your URL into the dialplan. Asterisk, extensions.conf:
       AGI(agi://127.0.0.1/webhook,url=https://YOUR.SERVER/route,variable=CRM)
     FreeSWITCH:
       <action application="set" data="webhook_url=https://YOUR.SERVER/route"/>
       <action application="set" data="webhook_variable=crm"/>
       <action application="socket" data="127.0.0.1:8084"/>
  3. Give the URL a name in /etc/dialhook/dialhook.toml, as above, and ask:
       dialhook check                        what the file means, or all that is wrong with it
       dialhook try crm                      the real request, without a call
  Then read README.md and dialplan-examples/."#;
