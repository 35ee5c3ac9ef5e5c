//! `dialhook demo`: a webhook server, the daemon and recorded calls of both switches, on free ports of this
//! machine.
//!
//! The daemon is the real one: the calls use its listeners and its HTTP client. The switches replay
//! recordings, and the dialplan is simulated here.

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

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use self::webhook::WebhookReply;
use super::{DONE, FAILED, exit_status, fail, print};
use crate::call::SwitchKind;
use crate::config::Config;
use crate::server::Server;

/// One line of the transcript.
#[derive(Debug)]
struct Line {
    /// The actor and the verb, such as `the webhook says`; empty if the line continues the one before.
    who: &'static str,
    text: String,
}

/// One call that the demo makes.
struct ExampleCall {
    title: &'static str,
    switch: SwitchKind,
    reply: WebhookReply,
    /// The first line that is shown, by its `who`. Lines before it are the same as in the first call.
    shown_from: Option<&'static str>,
    conclusion: &'static str,
}

const CALLS: [ExampleCall; 5] = [
    ExampleCall {
        title: "1. The webhook names a department",
        switch: SwitchKind::Asterisk,
        reply: WebhookReply { text: "sales", delay: Duration::ZERO },
        shown_from: None,
        conclusion: "The answer is in ${CRM}, and GotoIf routed the call by it.",
    },
    ExampleCall {
        title: "2. The webhook sends a hostile answer",
        switch: SwitchKind::Asterisk,
        reply: WebhookReply { text: "x\" | \"1", delay: Duration::ZERO },
        shown_from: Some("the webhook says"),
        conclusion: "This text would make $[\"${CRM}\" = \"sales\"] true in any case. The hook accepts only a word, so dialhook refused the answer.",
    },
    ExampleCall {
        title: "3. The webhook is too slow",
        switch: SwitchKind::Asterisk,
        reply: WebhookReply { text: "sales", delay: Duration::from_secs(20) },
        shown_from: Some("the webhook waits"),
        conclusion: "The caller waited for the timeout of the hook and no longer. The request was cancelled.",
    },
    ExampleCall {
        title: FREESWITCH,
        switch: SwitchKind::FreeSwitch,
        reply: WebhookReply { text: "sales", delay: Duration::ZERO },
        shown_from: None,
        conclusion: "After the transfer, a condition on ${CRM} routed the call.",
    },
    ExampleCall {
        title: "5. The webhook sends FreeSWITCH a hostile answer",
        switch: SwitchKind::FreeSwitch,
        reply: WebhookReply { text: "{api_on_answer=system reboot}loopback/1", delay: Duration::ZERO },
        shown_from: Some("the webhook says"),
        conclusion: "A dialplan that bridges to ${CRM} would run this command. The hook accepts only a word, so dialhook refused the answer.",
    },
];

/// The demo stopped early.
enum DemoError {
    /// Standard output failed.
    Output(io::Error),
    /// A call failed.
    Call(Box<dyn Error>),
}

impl From<io::Error> for DemoError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Makes the example calls and prints each with its conclusion.
pub(crate) async fn run() -> ExitCode {
    match show_calls().await {
        Ok(()) => ExitCode::from(DONE),
        Err(DemoError::Output(error)) => exit_status(Err(error), DONE),
        Err(DemoError::Call(error)) => fail(FAILED, &format!("the demo stopped: {error}")),
    }
}

async fn show_calls() -> Result<(), DemoError> {
    print(&format!("{OPENING}\n"))?;
    for example in &CALLS {
        print(&format!("\n{}\n\n", example.title))?;
        let transcript = run_call(example).await.map_err(DemoError::Call)?;
        print(&format!("{transcript}\n  {}\n", example.conclusion))?;
    }
    print(&format!("\n{NEXT_STEPS}\n"))?;
    Ok(())
}

/// Makes one call and returns its transcript, with the branch that the dialplan takes.
async fn run_call(example: &ExampleCall) -> Result<String, Box<dyn Error>> {
    let (sender, transcript) = unbounded_channel();
    let webhook = webhook::start(example.reply, sender.clone()).await?;
    let (daemon, stop) = daemon(webhook, example.switch)?;
    let began = Instant::now();
    let set = match example.switch {
        SwitchKind::Asterisk => asterisk::call(daemon, &sender).await?,
        SwitchKind::FreeSwitch => freeswitch::call(daemon, &sender).await?,
    };
    let took = began.elapsed();
    stop.cancel();

    let mut text = shown_lines(transcript, example.shown_from).await;
    let value = |name: &str| {
        let found = set.iter().find(|(variable, _)| variable.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.as_str())
    };
    let status = match example.switch {
        SwitchKind::Asterisk => "WEBHOOK_STATUS",
        SwitchKind::FreeSwitch => "webhook_status",
    };
    let (branch, reason) = dialplan(status, value(status), value("CRM"));
    let (who, took) = ("the call goes to", took.as_millis());
    let _infallible = writeln!(text, "  {who:<18} {branch}, because {reason}; the step took {took} ms");
    Ok(text)
}

/// Returns the lines of a transcript, from the first one by this actor.
async fn shown_lines(mut transcript: UnboundedReceiver<Line>, from: Option<&str>) -> String {
    transcript.close();
    let mut text = String::new();
    let mut is_shown = from.is_none();
    while let Some(line) = transcript.recv().await {
        is_shown |= from == Some(line.who);
        if !is_shown {
            continue;
        }
        let mut who = line.who;
        for part in folded(&line.text) {
            let _infallible = writeln!(text, "  {who:<18} {part}");
            who = "";
        }
    }
    text
}

/// Breaks a text after commas into lines that fit a terminal.
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

/// Starts the daemon with the hook that the calls use. Returns the address of a switch's listener, and the
/// token that stops it.
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

/// Returns the branch that the dialplan of the opening takes, and the reason.
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

The dialplan of Asterisk:

  exten => _XXX,1,Set(WEBHOOK_STATUS=UNREACHABLE)
   same => n,AGI(agi://127.0.0.1/crm)
   same => n,GotoIf($["${WEBHOOK_STATUS}" != "OK"]?reception,1)
   same => n,GotoIf($["${CRM}" = "sales"]?sales,1)
   same => n,Goto(reception,1)"#;

const FREESWITCH: &str = r#"4. FreeSWITCH asks the same hook. Its dialplan:

  <action application="set" data="webhook_status=UNREACHABLE"/>
  <action application="socket" data="127.0.0.1:8084/crm"/>
  <action application="transfer" data="$1 XML routed"/>

  and in the context routed, <condition field="${CRM}" expression="^sales$">"#;

const NEXT_STEPS: &str = r#"The next steps, with a real switch:

  1. dialhook serve                          listens on 127.0.0.1:4573 for Asterisk and on 127.0.0.1:8084 for
                                             FreeSWITCH; needs no configuration for a first call
  2. Write a step that names your URL into the dialplan. Asterisk, extensions.conf:
       AGI(agi://127.0.0.1/webhook,url=https://YOUR.SERVER/route,variable=CRM)
     FreeSWITCH:
       <action application="set" data="webhook_url=https://YOUR.SERVER/route"/>
       <action application="set" data="webhook_variable=crm"/>
       <action application="socket" data="127.0.0.1:8084"/>
  3. Write a hook for the URL into /etc/dialhook/dialhook.toml, as above, and test it:
       dialhook check                        shows the meaning of the file, or all of its faults
       dialhook try crm                      makes the real request, without a call
  Then read README.md and dialplan-examples/."#;
