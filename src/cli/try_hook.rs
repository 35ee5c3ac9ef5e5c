//! `dialhook try`: makes the real request of a hook without a PBX, and shows the result to a person or a script.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use http::HeaderMap;
use serde_json::json;
use tokio::time::Instant;

use super::{ConfigFile, DONE, FAILED, WRONG, exit_status, fail, print, print_error};
use crate::call::{Call, SwitchKind, Withheld};
use crate::config::Config;
use crate::hook::{Answer, Outcome, Request, RequestFault, Status, Step, nearest, shown};
use crate::log;
use crate::redact;
use crate::session::{identity, in_words};
use crate::switch::Dialect;
use crate::switch::agi::Agi;
use crate::switch::esl::Esl;
use crate::variable::{Assignment, FetchName, Value, Variables};
use crate::webhook::{Attempt, ErrorPage, Webhook};

#[derive(Debug, Args)]
pub(crate) struct Try {
    /// The hook, as in the address of AGI(): `crm`, or `crm?timeout=3`
    hook: String,
    /// The number of the caller
    #[arg(long, default_value = "31612345678", value_name = "NUMBER")]
    caller: String,
    /// The name of the caller
    #[arg(long, default_value = "", value_name = "NAME")]
    name: String,
    /// The called number
    #[arg(long, default_value = "100", value_name = "NUMBER")]
    callee: String,
    /// The switch of the call, whose commands are shown
    #[arg(long, value_enum, default_value_t = TrySwitch::Asterisk, value_name = "SWITCH")]
    switch: TrySwitch,
    /// A channel variable of the call, for hooks that fetch it; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    variable: Vec<(FetchName, String)>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// The switches, by their names on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TrySwitch {
    Asterisk,
    Freeswitch,
}

impl From<TrySwitch> for SwitchKind {
    fn from(switch: TrySwitch) -> Self {
        match switch {
            TrySwitch::Asterisk => Self::Asterisk,
            TrySwitch::Freeswitch => Self::FreeSwitch,
        }
    }
}

fn variable(text: &str) -> Result<(FetchName, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.parse().map_err(|fault| format!("{name}: {fault}"))?, value.to_owned()))
}

/// The request, the answer and the result that a call would get.
#[derive(Debug)]
struct TryResult {
    switch: SwitchKind,
    hook: String,
    /// `None` if no request could be made.
    request: Option<Request>,
    attempts: Vec<Attempt>,
    /// `None` if no answer arrived.
    answer: Option<Arc<Answer>>,
    took: Duration,
    outcome: Outcome,
    /// True if a call would not have waited for the answer.
    detached: bool,
    /// A remark about the answer.
    note: Option<String>,
    set: Vec<Assignment>,
    /// The bytes that the switch would get.
    commands: Vec<u8>,
}

/// Makes the request and prints the result. The exit status is 0 only if the call would get `OK`.
pub(crate) async fn run(arguments: &Try) -> ExitCode {
    // the log names the reason of a failed connection; it is off unless the environment turns it on
    let _log = std::env::var_os(log::VARIABLE).map(|_| log::start(log::Format::text()));
    let config = match arguments.config.load_once() {
        Ok(config) => config,
        Err(error) => return fail(WRONG, &error.to_string()),
    };
    let call = call(arguments);
    let step = config.policy().step(&call);
    if step.timeout() == Err(RequestFault::NoSuchHook) {
        return fail(WRONG, &no_such_hook(arguments, &config));
    }
    let webhook = match Webhook::new([], Arc::default()) {
        Ok(webhook) => webhook,
        Err(error) => return fail(FAILED, &format!("cannot start the HTTP client: {error}")),
    };
    if let Some(warning) = webhook.warning() {
        print_error(warning);
    }
    if let Some(hook) = step.insecure() {
        print_error(&format!("hook {hook}: insecure = true: certificates are not verified"));
    }
    let result = try_step(&call, step, &config.company, &webhook).await;
    let text = match arguments.json {
        true => format!("{}\n", as_json(&result)),
        false => as_text(&result),
    };
    exit_status(print(&text), if result.outcome.status() == Status::Ok { DONE } else { FAILED })
}

/// Returns the call that the arguments describe.
fn call(arguments: &Try) -> Call {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unique_id = Value::from(format!("{}.0", now.as_secs()));
    let variables =
        arguments.variable.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let call = Call {
        context: Value::from("try"),
        extension: Value::from(arguments.callee.as_str()),
        dialled: Value::from(arguments.callee.as_str()),
        caller_number: Value::from(arguments.caller.as_str()),
        caller_name: Value::from(arguments.name.as_str()),
        linked_id: unique_id.clone(),
        unique_id,
        channel: Value::from("Try/dialhook-00000001"),
        created: Some(Duration::from_secs(now.as_secs())),
        variables: Variables::from_iter(variables),
        ..Call::unknown(arguments.switch.into(), Value::from(arguments.hook.as_str()), Vec::new())
    };
    call.without_withheld(Withheld::default(), &[])
}

fn no_such_hook(arguments: &Try, config: &Config) -> String {
    let file = arguments.config.path().display();
    if config.file.is_none() {
        return format!(
            "no hook `{}`, because the file {file} does not exist; create it, or name another file with --config",
            arguments.hook
        );
    }
    let names: Vec<_> = config.hooks.keys().map(String::as_str).collect();
    let remedy = match nearest(&arguments.hook, names.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if names.is_empty() => "it has no hooks; add a table [hook.NAME] with a url".to_owned(),
        None => format!("write one of {}", names.join(", ")),
    };
    format!("no hook `{}` in {file}; {remedy}", arguments.hook)
}

async fn try_step(call: &Call, step: Step, company: &str, webhook: &Webhook) -> TryResult {
    let began = Instant::now();
    let (mut sent, mut heard, mut attempts) = (None, None, Vec::new());
    let outcome = match step
        .timeout()
        .and_then(|timeout| Ok((timeout.get(), step.request(call, company, SystemTime::now(), &identity())?)))
    {
        Err(fault) => Outcome::BadRequest(fault),
        Ok((timeout, request)) => {
            let request = sent.insert(request);
            let telling = |outcome| commands_for(call.switch, &step, outcome).0;
            let until = began + timeout;
            let asked = webhook.ask(&step, request, until, timeout, ErrorPage::Read, &telling).await;
            (heard, attempts) = (asked.answer, asked.attempts);
            asked.outcome
        }
    };
    let took = began.elapsed();
    let detached = step.is_detached();
    let told = if detached { Outcome::Detached } else { outcome.clone() };
    let (told, commands) = commands_for(call.switch, &step, told);
    let (set, note) = (step.assignments(&told), step.note(&told));
    let outcome = if detached { outcome } else { told };
    let (switch, hook) = (call.switch, step.name);
    TryResult {
        switch,
        hook,
        request: sent,
        attempts,
        answer: heard,
        took,
        outcome,
        detached,
        note,
        set,
        commands,
    }
}

/// Returns the outcome, and the commands that a switch of this kind would get until the end of the step.
fn commands_for(switch: SwitchKind, step: &Step, outcome: Outcome) -> (Outcome, Vec<u8>) {
    match switch {
        SwitchKind::Asterisk => all_commands(&Agi::new(String::new()), step, outcome),
        SwitchKind::FreeSwitch => all_commands(&Esl::new(0), step, outcome),
    }
}

fn all_commands<D: Dialect>(dialect: &D, step: &Step, outcome: Outcome) -> (Outcome, Vec<u8>) {
    let (outcome, commands) = in_words(dialect, step, outcome);
    (outcome, [commands, dialect.release()].concat())
}

fn as_text(result: &TryResult) -> String {
    let mut text = String::new();
    if let Some(request) = &result.request {
        for (number, target) in request.targets.iter().enumerate() {
            let title = if number == 0 { "request" } else { "" };
            let method = if number == 0 { request.method.as_str() } else { "or  " };
            write_titled(&mut text, title, &format!("{method} {}", shown(&target.url)));
        }
        for (name, value) in headers(&request.headers) {
            write_titled(&mut text, "", &format!("{name}: {value}"));
        }
        if let Some(body) = &request.body {
            write_titled(&mut text, "", "");
            write_titled(&mut text, "", &String::from_utf8_lossy(body));
        }
    }
    // a single attempt says nothing that the result below does not say
    for attempt in result.attempts.iter().filter(|_| result.attempts.len() > 1) {
        let ended = match &attempt.outcome {
            Outcome::Ok { .. } => "OK".to_owned(),
            failed => failed.to_string(),
        };
        let asked = attempt_url(attempt, result);
        write_titled(&mut text, "asked", &format!("{asked}: {ended} ({} ms)", attempt.took.as_millis()));
    }
    let milliseconds = result.took.as_millis();
    match &result.answer {
        Some(answer) => {
            let size = answer.body.len();
            write_titled(
                &mut text,
                "answer",
                &format!("{} after {milliseconds} ms, {size} bytes", answer.code),
            );
            write_titled(&mut text, "", &String::from_utf8_lossy(&answer.body));
        }
        None => write_titled(&mut text, "answer", &format!("none after {milliseconds} ms")),
    }
    if result.detached {
        let ended = format!(
            "the dialplan does not wait for the answer; the request ended with {}",
            result.outcome.status().as_str()
        );
        write_titled(&mut text, "detached", &ended);
    }
    for (number, assignment) in result.set.iter().enumerate() {
        let title = if number == 0 { "channel" } else { "" };
        write_titled(&mut text, title, &format!("{} = \"{}\"", assignment.name, assignment.value.lossy()));
    }
    if let Some(note) = &result.note {
        write_titled(&mut text, "note", note);
    }
    if result.switch == SwitchKind::FreeSwitch {
        write_titled(&mut text, "wire", command_lines(&result.commands).trim());
    }
    text
}

/// Returns the URL of an attempt, without its query.
fn attempt_url(attempt: &Attempt, result: &TryResult) -> String {
    let targets = result.request.iter().flat_map(|request| &request.targets);
    let target = targets.into_iter().find(|target| target.place == attempt.place);
    let url = target.map_or_else(|| redact::url(&attempt.place), |target| shown(&target.url));
    url.split('?').next().unwrap_or_default().to_owned()
}

/// Returns the commands for FreeSWITCH, each on its own line. On the wire, a body has no line end before the next command.
fn command_lines(words: &[u8]) -> String {
    let words = String::from_utf8_lossy(words).into_owned();
    let begin_a_line = |words: String, command: &str| words.replace(command, &format!("\n{command}"));
    ["sendmsg\n", "resume\n\n", "exit\n\n"].into_iter().fold(words, begin_a_line)
}

/// Writes lines under a title. Control characters of a webhook never reach the terminal.
fn write_titled(text: &mut String, title: &str, content: &str) {
    let mut title = title;
    for line in content.split('\n') {
        let line: String = line.trim_end_matches('\r').chars().map(visible).collect();
        let _infallible = writeln!(text, "{}", format!("{title:<9} {line}").trim_end());
        title = "";
    }
}

fn visible(character: char) -> char {
    if character.is_control() { char::REPLACEMENT_CHARACTER } else { character }
}

/// Returns names and values. Values from a file or the environment are hidden.
fn headers(headers: &HeaderMap) -> impl Iterator<Item = (&str, String)> {
    headers.iter().map(|(name, value)| {
        let text = if value.is_sensitive() {
            "… (hidden)".into()
        } else {
            String::from_utf8_lossy(value.as_bytes())
        };
        (name.as_str(), text.into_owned())
    })
}

fn as_json(result: &TryResult) -> serde_json::Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let attempt = |attempt: &Attempt| {
        json!({
            "url": attempt_url(attempt, result),
            "status": attempt.outcome.status().as_str(),
            "reason": attempt.outcome.to_string(),
            "milliseconds": milliseconds(attempt.took),
        })
    };
    let set: serde_json::Map<_, _> =
        result.set.iter().map(|set| (set.name.to_string(), set.value.lossy().into())).collect();
    json!({
        "hook": result.hook,
        "status": result.outcome.status().as_str(),
        "reason": result.outcome.to_string(),
        "milliseconds": milliseconds(result.took),
        "detached": result.detached,
        "note": result.note,
        "request": result.request.as_ref().map(|request| json!({
            "method": request.method.as_str(),
            "url": request.targets.first().map(|target| shown(&target.url)),
            "urls": request.targets.iter().map(|target| shown(&target.url)).collect::<Vec<_>>(),
            "headers": headers(&request.headers).collect::<std::collections::BTreeMap<_, _>>(),
            "body": request.body.as_deref().map(text),
        })),
        "attempts": result.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "answer": result.answer.as_ref().map(|answer| json!({ "code": answer.code, "body": text(&answer.body) })),
        "set": set,
        "wire": text(&result.commands),
    })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
