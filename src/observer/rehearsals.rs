//! Requests that a person makes from a page, with call data from a form or from a recorded step.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use axum::routing::post;
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::ObserverState;
use super::api::{NO_SUCH_STEP, answer, error};
use super::connection::Connection;
use crate::call::{Call, SwitchKind};
use crate::history::Record;
use crate::history::view::StepDetail;
use crate::hook::nearest;
use crate::session::{CallData, rehearse};
use crate::variable::{FetchName, Value, Variables};
use crate::webhook::Webhook;

/// The fields of a try, in JSON and in a form. With a recorded step, an empty field stands for the recorded
/// value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TryFields {
    pub(super) hook: String,
    pub(super) caller: String,
    pub(super) name: String,
    pub(super) callee: String,
    /// `asterisk` or `freeswitch`.
    pub(super) switch: String,
    /// Lines of `NAME=VALUE`.
    pub(super) variables: String,
    /// The id of a recorded step.
    pub(super) step: String,
}

/// The result of a try, beside the recorded step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Tried {
    pub(super) then: Option<StepDetail>,
    pub(super) now: StepDetail,
}

/// The reason why nothing was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotTried {
    pub(super) status: StatusCode,
    pub(super) fault: String,
}

/// The requests of pages that are made at once. Each has connections of its own.
pub(super) const MOST_AT_ONCE: usize = 4;

/// The time of a try beyond the longest timeout of a hook.
const TIME: Duration = Duration::from_secs(15);

pub(super) fn router() -> Router<Arc<ObserverState>> {
    Router::new().route("/api/try", post(try_hook)).route("/api/steps/{id}/repeat", post(repeat))
}

async fn try_hook(
    State(state): State<Arc<ObserverState>>,
    Extension(connection): Extension<Arc<Connection>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = match TryFields::read(&headers, &body) {
        Ok(fields) => fields,
        Err(fault) => return error(StatusCode::BAD_REQUEST, &fault),
    };
    shown(state.try_hook(&fields, &connection).await)
}

async fn repeat(
    State(state): State<Arc<ObserverState>>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(step): Path<String>,
) -> Response {
    let fields = TryFields { step, ..TryFields::default() };
    shown(state.try_hook(&fields, &connection).await)
}

fn shown(tried: Result<Tried, NotTried>) -> Response {
    match tried {
        Ok(tried) => answer(StatusCode::OK, &tried),
        Err(NotTried { status, fault }) => error(status, &fault),
    }
}

impl TryFields {
    /// Reads a form, or JSON.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, String> {
        let content_type = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        if content_type.starts_with(b"application/json") {
            return serde_json::from_slice(body).map_err(|fault| fault.to_string());
        }
        let pairs =
            url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned()));
        let object = pairs.map(|(name, value)| (name, serde_json::Value::String(value))).collect();
        serde_json::from_value(serde_json::Value::Object(object)).map_err(|fault| fault.to_string())
    }

    /// Returns the call that the fields describe.
    fn call(&self, recorded: Option<&Record>) -> Result<Call, String> {
        if let Some(call) = recorded.and_then(|record| record.call.as_deref()) {
            let mut call = call.clone();
            self.change(&mut call)?;
            return Ok(call);
        }
        if self.hook.is_empty() {
            return Err("hook: missing; name a hook of the configuration".to_owned());
        }
        let switch = self.switch()?.unwrap_or(SwitchKind::Asterisk);
        let data = CallData {
            switch,
            address: self.hook.clone(),
            caller: self.caller.clone(),
            name: self.name.clone(),
            callee: self.callee.clone(),
            variables: self.variables()?,
        };
        Ok(data.into_call())
    }

    /// Puts the filled fields into a recorded call.
    fn change(&self, call: &mut Call) -> Result<(), String> {
        let fill = |value: &mut Value, text: &str| {
            if !text.is_empty() {
                *value = Value::from(text);
            }
        };
        // the form always names the hook; the parameters of the address stay with it
        if self.hook.as_bytes() != call.path_and_query().0 {
            fill(&mut call.address, &self.hook);
        }
        fill(&mut call.caller_number, &self.caller);
        fill(&mut call.caller_name, &self.name);
        fill(&mut call.dialled, &self.callee);
        fill(&mut call.extension, &self.callee);
        if let Some(switch) = self.switch()? {
            call.switch = switch;
        }
        call.variables.extend(self.variables()?);
        Ok(())
    }

    fn switch(&self) -> Result<Option<SwitchKind>, String> {
        match self.switch.as_str() {
            "" => Ok(None),
            "asterisk" => Ok(Some(SwitchKind::Asterisk)),
            "freeswitch" => Ok(Some(SwitchKind::FreeSwitch)),
            _ => Err("switch: write asterisk or freeswitch".to_owned()),
        }
    }

    fn variables(&self) -> Result<Variables, String> {
        let mut variables = Variables::new();
        for line in self.variables.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once('=').ok_or("variables: write NAME=VALUE in each line")?;
            let name: FetchName = name.parse().map_err(|fault| format!("variables: {name}: {fault}"))?;
            variables.insert(name, Value::from(value));
        }
        Ok(variables)
    }
}

impl ObserverState {
    /// Makes the request of a hook, and shows what a call would get, beside what the recorded one got.
    pub(super) async fn try_hook(
        &self,
        fields: &TryFields,
        connection: &Connection,
    ) -> Result<Tried, NotTried> {
        let bad = |fault| NotTried { status: StatusCode::BAD_REQUEST, fault };
        let config = self.config();
        let recorded = match fields.step.as_str() {
            "" => None,
            id => {
                let missing = || NotTried { status: StatusCode::NOT_FOUND, fault: NO_SUCH_STEP.to_owned() };
                Some(self.daemon.history.find(id).ok_or_else(missing)?)
            }
        };
        if let Some(record) = recorded.as_deref().filter(|record| !record.is_repeatable(&config.policy)) {
            return Err(bad(not_repeatable(record, config.policy.hooks.contains_key(&record.hook))));
        }
        let call = fields.call(recorded.as_deref()).map_err(bad)?;
        let hook = String::from_utf8_lossy(call.path_and_query().0).into_owned();
        if !config.policy.hooks.contains_key(&hook) {
            return Err(bad(no_such_hook(&hook, config.policy.hooks.keys().map(String::as_str))));
        }
        let _place = self.tries.try_acquire().map_err(|_full| NotTried {
            status: StatusCode::SERVICE_UNAVAILABLE,
            fault: format!(
                "{MOST_AT_ONCE} requests of these pages are under way; try again when one has ended"
            ),
        })?;
        connection.answers_within(TIME);
        let failed = |fault| NotTried { status: StatusCode::INTERNAL_SERVER_ERROR, fault };
        let webhook = Webhook::new([], Arc::default())
            .map_err(|error| failed(format!("cannot start the HTTP client: {error}")))?;
        let repeats = recorded.is_some();
        let (daemon, numbers) = (Arc::clone(&self.daemon), self.numbers());
        let record = rehearse(daemon, Arc::clone(&config), &webhook, call, repeats).await;
        Ok(Tried {
            then: recorded.map(|record| record.detail(numbers, &config.policy)),
            now: record.detail(numbers, &config.policy),
        })
    }
}

fn not_repeatable(record: &Record, is_configured: bool) -> String {
    match is_configured {
        true => format!("step {} made no request, so there is none to repeat", record.id),
        false => {
            "the hook of this step is not in the configuration, so its request cannot be repeated".to_owned()
        }
    }
}

fn no_such_hook<'n>(hook: &str, names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.collect();
    match nearest(hook, names.iter().copied()) {
        Some(near) => format!("hook: the configuration has no hook `{hook}`; did you mean {near}?"),
        None if names.is_empty() => {
            "hook: the configuration has no hooks; add a table [hook.NAME]".to_owned()
        }
        None => format!("hook: the configuration has no hook `{hook}`; write one of {}", names.join(", ")),
    }
}
