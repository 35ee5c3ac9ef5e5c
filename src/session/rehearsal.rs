//! A rehearsal: the real request of a hook without a call, for a person who tries it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use tokio::time::Instant;

use super::recording::{Recording, Told};
use super::{FinalCommands, Shared, final_commands};
use crate::call::{Call, Privacy, SwitchKind};
use crate::config::Config;
use crate::daemon::Daemon;
use crate::history::Record;
use crate::hook::{Outcome, Step};
use crate::switch::agi::Agi;
use crate::switch::esl::Esl;
use crate::switch::{self, Dialect, Fetched};
use crate::variable::{Value, Variables};
use crate::webhook::{Ask, ErrorPage, Webhook};

/// The call data of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallData {
    pub switch: SwitchKind,
    /// The address of the step: `crm`, or `crm?timeout=3`.
    pub address: String,
    pub caller: String,
    pub name: String,
    pub callee: String,
    pub variables: Variables,
}

/// The header of a request that repeats the one of an earlier call.
pub const REPEAT: &str = "dialhook-repeat";

impl CallData {
    /// Returns a call with these data, which no switch has.
    #[must_use]
    pub fn into_call(self) -> Call {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unique_id = Value::from(format!("{}.0", now.as_secs()));
        let callee = Value::from(self.callee);
        let call = Call {
            context: Value::from("try"),
            extension: callee.clone(),
            dialled: callee,
            caller_number: Value::from(self.caller),
            caller_name: Value::from(self.name),
            linked_id: unique_id.clone(),
            unique_id,
            channel: Value::from("Try/dialhook-00000001"),
            created: Some(Duration::from_secs(now.as_secs())),
            variables: self.variables,
            ..Call::unknown(self.switch, Value::from(self.address), Vec::new())
        };
        call.with_privacy(Privacy::default(), &[])
    }
}

/// Makes the request of the step that a call means, and returns its record, which is not kept. `repeats` is
/// true if an earlier call made the same request; the webhook is told so.
///
/// Asks without the daemon's circuit breakers and its cache: `webhook` has its own.
pub async fn rehearse(
    daemon: Arc<Daemon>,
    config: Arc<Config>,
    webhook: &Webhook,
    call: Call,
    repeats: bool,
) -> Record {
    let shared = Shared { daemon, config };
    let mut recording = Recording::new(&shared, call.switch, None);
    let call = recording.call.insert(Box::new(call));
    let can_carry = switch::can_carry(call.switch);
    let step = recording.step.insert(shared.config.policy.step(call, can_carry));
    recording.times.asked = Some(Duration::ZERO);
    let outcome = match shared.request(step, call, Fetched::All, recording.arrived) {
        Err(fault) => Outcome::BadRequest(fault),
        Ok(mut asked) => {
            if repeats {
                asked.request.headers.insert(REPEAT, HeaderValue::from_static("1"));
            }
            let asked = recording.asked.insert(asked);
            let (deadline, timeout) = (Instant::now() + asked.timeout, asked.timeout);
            let (request, attempts, page) = (&asked.request, &asked.attempts, ErrorPage::Read);
            let ask = Ask { step, request, deadline, timeout, page, attempts };
            let result = webhook.ask(ask).await;
            asked.ended(result)
        }
    };
    recording.times.judged = Some(recording.arrived.elapsed());
    let FinalCommands { outcome, assignments, .. } = commands_for(call.switch, step, outcome);
    recording.told = Some(Told { outcome, assignments, unconfirmed: None });
    recording.end_with_message(&shared)
}

/// Returns the final commands that a switch of this kind would get until the end of the step.
#[must_use]
pub fn commands_for(switch: SwitchKind, step: &Step, outcome: Outcome) -> FinalCommands {
    match switch {
        SwitchKind::Asterisk => all_commands(&Agi::new(String::new()), step, outcome),
        SwitchKind::FreeSwitch => all_commands(&Esl::new(0), step, outcome),
    }
}

fn all_commands<D: Dialect>(dialect: &D, step: &Step, outcome: Outcome) -> FinalCommands {
    let told = final_commands(dialect, step, outcome);
    FinalCommands { commands: [told.commands, dialect.release()].concat(), ..told }
}
