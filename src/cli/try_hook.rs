//! `dialhook try`: a hook's real request without a PBX, shown to a person or a script.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use http::HeaderMap;
use serde_json::json;
use tokio::time::Instant;

use super::{ConfigFile, DONE, FAILED, WRONG, ended, failed, print, warned};
use crate::call::{Call, Privacy, SwitchKind};
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

/// What to try.
#[derive(Debug, Args)]
pub(crate) struct Trial {
    /// The hook, as it stands in the address of AGI(): `crm`, or `crm?timeout=3`
    hook: String,
    /// The number of the caller
    #[arg(long, default_value = "31612345678", value_name = "NUMBER")]
    caller: String,
    /// The name of the caller
    #[arg(long, default_value = "", value_name = "NAME")]
    name: String,
    /// The number that was called
    #[arg(long, default_value = "100", value_name = "NUMBER")]
    callee: String,
    /// The switch that the call would be on: what it would be told is shown
    #[arg(long, value_enum, default_value_t = TrialSwitch::Asterisk, value_name = "SWITCH")]
    switch: TrialSwitch,
    /// A channel variable of the call, for hooks that fetch it; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    variable: Vec<(FetchName, String)>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// The names of the switches on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TrialSwitch {
    Asterisk,
    Freeswitch,
}

impl From<TrialSwitch> for SwitchKind {
    fn from(switch: TrialSwitch) -> Self {
        match switch {
            TrialSwitch::Asterisk => Self::Asterisk,
            TrialSwitch::Freeswitch => Self::FreeSwitch,
        }
    }
}

fn variable(text: &str) -> Result<(FetchName, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.parse().map_err(|fault| format!("{name}: {fault}"))?, value.to_owned()))
}

/// Everything that came of a trial.
#[derive(Debug)]
struct Tried {
    switch: SwitchKind,
    hook: String,
    /// None where nothing could be sent.
    request: Option<Request>,
    /// Each URL that was asked, in order.
    attempts: Vec<Attempt>,
    /// None where no answer came.
    answer: Option<Arc<Answer>>,
    took: Duration,
    /// How the request ended.
    outcome: Outcome,
    /// Whether a call would not have waited for that.
    detached: bool,
    /// What a person should know of it besides.
    note: Option<String>,
    set: Vec<Assignment>,
    /// What the switch would be sent.
    words: Vec<u8>,
}

/// Makes the request and shows it. The status is 0 only where the call would hear `OK`.
pub(crate) async fn run(trial: &Trial) -> ExitCode {
    // asked for, the log tells why a connection failed
    let _log = std::env::var_os(log::VARIABLE).map(|_| log::start(log::Format::text()));
    let config = match trial.config.load_once() {
        Ok(config) => config,
        Err(error) => return failed(WRONG, &error.to_string()),
    };
    let call = call(trial);
    let step = config.policy().step(&call);
    if step.timeout() == Err(RequestFault::NoSuchHook) {
        return failed(WRONG, &no_such_hook(trial, &config));
    }
    let webhook = match Webhook::new([], Arc::default()) {
        Ok(webhook) => webhook,
        Err(error) => return failed(FAILED, &format!("no HTTP client: {error}")),
    };
    if let Some(warning) = webhook.warning() {
        warned(warning);
    }
    if let Some(hook) = step.insecure() {
        warned(&format!("hook {hook}: insecure = true: certificates are not verified"));
    }
    let tried = tried(&call, step, &config.company, &webhook).await;
    let text = match trial.json {
        true => format!("{}\n", for_a_script(&tried)),
        false => for_a_person(&tried),
    };
    ended(print(&text), if tried.outcome.status() == Status::Ok { DONE } else { FAILED })
}

/// The call that the arguments describe.
fn call(trial: &Trial) -> Call {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unique_id = Value::from(format!("{}.0", now.as_secs()));
    let variables = trial.variable.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let call = Call {
        context: Value::from("try"),
        extension: Value::from(trial.callee.as_str()),
        dialled: Value::from(trial.callee.as_str()),
        caller_number: Value::from(trial.caller.as_str()),
        caller_name: Value::from(trial.name.as_str()),
        linked_id: unique_id.clone(),
        unique_id,
        channel: Value::from("Try/dialhook-00000001"),
        created: Some(Duration::from_secs(now.as_secs())),
        variables: Variables::from_iter(variables),
        ..Call::unknown(trial.switch.into(), Value::from(trial.hook.as_str()), Vec::new())
    };
    call.with_privacy(Privacy::default(), &[])
}

fn no_such_hook(trial: &Trial, config: &Config) -> String {
    let file = trial.config.path().display();
    if config.file.is_none() {
        return format!(
            "no hook `{}`, because there is no file {file}; make it, or name another with --config",
            trial.hook
        );
    }
    let names: Vec<_> = config.hooks.keys().map(String::as_str).collect();
    let there = match nearest(&trial.hook, names.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if names.is_empty() => "it has none; add a table [hook.NAME] with a url".to_owned(),
        None => format!("it has {}", names.join(", ")),
    };
    format!("no hook `{}` in {file}: {there}", trial.hook)
}

async fn tried(call: &Call, step: Step, company: &str, webhook: &Webhook) -> Tried {
    let began = Instant::now();
    let (mut sent, mut heard, mut attempts) = (None, None, Vec::new());
    let outcome = match step
        .timeout()
        .and_then(|timeout| Ok((timeout.get(), step.request(call, company, SystemTime::now(), &identity())?)))
    {
        Err(fault) => Outcome::BadRequest(fault),
        Ok((timeout, request)) => {
            let request = sent.insert(request);
            let telling = |outcome| in_words_of(call.switch, &step, outcome).0;
            let until = began + timeout;
            let asked = webhook.ask(&step, request, until, timeout, ErrorPage::Read, &telling).await;
            (heard, attempts) = (asked.answer, asked.attempts);
            asked.outcome
        }
    };
    let took = began.elapsed();
    let detached = step.is_detached();
    let told = if detached { Outcome::Detached } else { outcome.clone() };
    let (told, words) = in_words_of(call.switch, &step, told);
    let (set, note) = (step.assignments(&told), step.note(&told));
    let outcome = if detached { outcome } else { told };
    let (switch, hook) = (call.switch, step.name);
    Tried { switch, hook, request: sent, attempts, answer: heard, took, outcome, detached, note, set, words }
}

/// Returns the commands that a switch of this kind would be sent, up to the end of the step.
fn in_words_of(switch: SwitchKind, step: &Step, outcome: Outcome) -> (Outcome, Vec<u8>) {
    match switch {
        SwitchKind::Asterisk => whole(&Agi::new(String::new()), step, outcome),
        SwitchKind::FreeSwitch => whole(&Esl::new(0), step, outcome),
    }
}

fn whole<D: Dialect>(dialect: &D, step: &Step, outcome: Outcome) -> (Outcome, Vec<u8>) {
    let (outcome, commands) = in_words(dialect, step, outcome);
    (outcome, [commands, dialect.release()].concat())
}

fn for_a_person(tried: &Tried) -> String {
    let mut text = String::new();
    if let Some(request) = &tried.request {
        for (number, target) in request.targets.iter().enumerate() {
            let title = if number == 0 { "request" } else { "" };
            let method = if number == 0 { request.method.as_str() } else { "or  " };
            part(&mut text, title, &format!("{method} {}", shown(&target.url)));
        }
        for (name, value) in headers(&request.headers) {
            part(&mut text, "", &format!("{name}: {value}"));
        }
        if let Some(body) = &request.body {
            part(&mut text, "", "");
            part(&mut text, "", &String::from_utf8_lossy(body));
        }
    }
    // one that was asked alone tells nothing that does not follow
    for attempt in tried.attempts.iter().filter(|_| tried.attempts.len() > 1) {
        let ended = match &attempt.outcome {
            Outcome::Ok { .. } => "OK".to_owned(),
            failed => failed.to_string(),
        };
        let asked = asked_at(attempt, tried);
        part(&mut text, "asked", &format!("{asked}: {ended} ({} ms)", attempt.took.as_millis()));
    }
    let milliseconds = tried.took.as_millis();
    match &tried.answer {
        Some(answer) => {
            let size = answer.body.len();
            part(&mut text, "answer", &format!("{} after {milliseconds} ms, {size} bytes", answer.code));
            part(&mut text, "", &String::from_utf8_lossy(&answer.body));
        }
        None => part(&mut text, "answer", &format!("none after {milliseconds} ms")),
    }
    if tried.detached {
        let ended =
            format!("the dialplan does not wait for it; it ended with {}", tried.outcome.status().as_str());
        part(&mut text, "detached", &ended);
    }
    for (number, assignment) in tried.set.iter().enumerate() {
        let title = if number == 0 { "channel" } else { "" };
        part(&mut text, title, &format!("{} = \"{}\"", assignment.name, assignment.value.lossy()));
    }
    if let Some(note) = &tried.note {
        part(&mut text, "note", note);
    }
    if tried.switch == SwitchKind::FreeSwitch {
        part(&mut text, "wire", commands(&tried.words).trim());
    }
    text
}

/// The URL of an attempt, without its query.
fn asked_at(attempt: &Attempt, tried: &Tried) -> String {
    let targets = tried.request.iter().flat_map(|request| &request.targets);
    let target = targets.into_iter().find(|target| target.place == attempt.place);
    let url = target.map_or_else(|| redact::url(&attempt.place), |target| shown(&target.url));
    url.split('?').next().unwrap_or_default().to_owned()
}

/// The commands for FreeSWITCH, each on a line of its own: a body has no line end, and the next command follows at once.
fn commands(words: &[u8]) -> String {
    let words = String::from_utf8_lossy(words).into_owned();
    let begin_a_line = |words: String, command: &str| words.replace(command, &format!("\n{command}"));
    ["sendmsg\n", "resume\n\n", "exit\n\n"].into_iter().fold(words, begin_a_line)
}

/// One line or more under a title. Control characters of a stranger never reach the terminal.
fn part(text: &mut String, title: &str, content: &str) {
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

/// Names and values; what came from a file or the environment stays hidden.
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

fn for_a_script(tried: &Tried) -> serde_json::Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let attempt = |attempt: &Attempt| {
        json!({
            "url": asked_at(attempt, tried),
            "status": attempt.outcome.status().as_str(),
            "reason": attempt.outcome.to_string(),
            "milliseconds": milliseconds(attempt.took),
        })
    };
    let set: serde_json::Map<_, _> =
        tried.set.iter().map(|set| (set.name.to_string(), set.value.lossy().into())).collect();
    json!({
        "hook": tried.hook,
        "status": tried.outcome.status().as_str(),
        "reason": tried.outcome.to_string(),
        "milliseconds": milliseconds(tried.took),
        "detached": tried.detached,
        "note": tried.note,
        "request": tried.request.as_ref().map(|request| json!({
            "method": request.method.as_str(),
            "url": request.targets.first().map(|target| shown(&target.url)),
            "urls": request.targets.iter().map(|target| shown(&target.url)).collect::<Vec<_>>(),
            "headers": headers(&request.headers).collect::<std::collections::BTreeMap<_, _>>(),
            "body": request.body.as_deref().map(text),
        })),
        "attempts": tried.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "answer": tried.answer.as_ref().map(|answer| json!({ "code": answer.code, "body": text(&answer.body) })),
        "set": set,
        "wire": text(&tried.words),
    })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
