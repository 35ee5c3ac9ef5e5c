//! `dialhook try`: makes the real request of a hook without a PBX, and shows the result to a person or a
//! script.

mod answer;
mod as_curl;
mod daemon;
mod report;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use tokio::time::Instant;

use self::as_curl::as_curl;
use self::daemon::hook_report;
use self::report::{as_json, as_text};
use super::{ConfigFile, DONE, FAILED, WRONG, exit_status, fail, print, print_error};
use crate::call::{Call, SwitchKind};
use crate::config::Config;
use crate::history::view::HookReport;
use crate::hook::{Answer, Outcome, Request, RequestFault, Status, Step, nearest};
use crate::log;
use crate::session::{CallData, commands_for, identity};
use crate::switch;
use crate::variable::{Assignment, FetchName, Value, Variables};
use crate::webhook::{Ask, Attempt, AttemptLog, ErrorPage, Webhook};

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
    /// Print the request as a curl command instead of making it
    ///
    /// The command has the same method, URL, headers and body, the signature and all secrets included: it is
    /// for the shell of the administrator. A webhook refuses a signature after some minutes.
    #[arg(long, conflicts_with = "json")]
    curl: bool,
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
    /// The state of the hook in the running daemon, if one runs.
    daemon: Option<HookReport>,
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
    let step = config.policy.step(&call, switch::can_carry(call.switch));
    if step.timeout() == Err(RequestFault::NoSuchHook) {
        return fail(WRONG, &no_such_hook(arguments, &config));
    }
    if arguments.curl {
        return print_curl(&call, &step, &config.policy.company);
    }
    let webhook = match Webhook::new([], Arc::default()) {
        Ok(webhook) => webhook,
        Err(error) => return fail(FAILED, &format!("cannot start the HTTP client: {error}")),
    };
    if let Some(warning) = webhook.warning() {
        print_error(warning);
    }
    if let Some(hook) = step.insecure_hook() {
        print_error(&format!("hook {hook}: insecure = true: certificates are not verified"));
    }
    let mut result = try_step(&call, step, &config.policy.company, &webhook).await;
    result.daemon = hook_report(&config, &result.hook).await;
    let text = match arguments.json {
        true => format!("{}\n", as_json(&result)),
        false => as_text(&result),
    };
    exit_status(print(&text), if result.outcome.status() == Status::Ok { DONE } else { FAILED })
}

/// Prints the request as a `curl` command.
fn print_curl(call: &Call, step: &Step, company: &str) -> ExitCode {
    match request(call, step, company) {
        Ok((request, _timeout)) => exit_status(print(&as_curl(&request)), DONE),
        Err(fault) => fail(FAILED, &format!("no request can be made: {fault}")),
    }
}

/// Returns the call that the arguments describe.
fn call(arguments: &Try) -> Call {
    let variables =
        arguments.variable.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let data = CallData {
        switch: arguments.switch.into(),
        address: arguments.hook.clone(),
        caller: arguments.caller.clone(),
        name: arguments.name.clone(),
        callee: arguments.callee.clone(),
        variables: Variables::from_iter(variables),
    };
    data.into_call()
}

fn no_such_hook(arguments: &Try, config: &Config) -> String {
    let file = arguments.config.path().display();
    if config.file.is_none() {
        return format!(
            "no hook `{}`, because the file {file} does not exist; create it, or name another file with --config",
            arguments.hook
        );
    }
    let names: Vec<_> = config.policy.hooks.keys().map(String::as_str).collect();
    let remedy = match nearest(&arguments.hook, names.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if names.is_empty() => "it has no hooks; add a table [hook.NAME] with a url".to_owned(),
        None => format!("write one of {}", names.join(", ")),
    };
    format!("no hook `{}` in {file}; {remedy}", arguments.hook)
}

async fn try_step(call: &Call, step: Step, company: &str, webhook: &Webhook) -> TryResult {
    let began = Instant::now();
    let (mut sent, mut answer, attempts) = (None, None, AttemptLog::new(began));
    let outcome = match request(call, &step, company) {
        Err(fault) => Outcome::BadRequest(fault),
        Ok((request, timeout)) => {
            let request = sent.insert(request);
            let (deadline, page) = (began + timeout, ErrorPage::Read);
            let ask = Ask { step: &step, request, deadline, timeout, page, attempts: &attempts };
            let result = webhook.ask(ask).await;
            answer = result.answer;
            result.outcome
        }
    };
    let (took, attempts) = (began.elapsed(), attempts.into_attempts());
    // a call does not wait for a detached request, so it gets another outcome
    let detached = step.is_detached();
    let call_outcome = if detached { Outcome::Detached } else { outcome.clone() };
    let told = commands_for(call.switch, &step, call_outcome);
    let (set, commands, note) = (told.assignments, told.commands, step.note(&told.outcome));
    let outcome = if detached { outcome } else { told.outcome };
    let (switch, hook) = (call.switch, step.name);
    let (request, daemon) = (sent, None);
    TryResult {
        switch,
        hook,
        request,
        attempts,
        answer,
        took,
        outcome,
        detached,
        note,
        set,
        commands,
        daemon,
    }
}

fn request(call: &Call, step: &Step, company: &str) -> Result<(Request, Duration), RequestFault> {
    let timeout = step.timeout()?.get();
    let request = step.request(call, company, SystemTime::now(), &identity())?;
    Ok((request, timeout))
}
