//! The paths of the pages.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Query as Fields, RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::ObserverState;
use super::connection::Connection;
use super::pages::assets::{ASSETS, Asset};
use super::pages::{
    self, Calls, Configuration, Filters, Hooks, Message, StepPage, TryInput, TryPage, message,
};
use super::query::Query;
use super::rehearsals::{NotTried, Tried, TryFields};
use crate::history::timestamp;

/// The paths of the pages and of their assets.
pub(super) fn router() -> Router<Arc<ObserverState>> {
    let pages = Router::new()
        .route("/", get(calls))
        .route("/steps/{id}", get(step))
        .route("/hooks", get(hooks))
        .route("/configuration", get(configuration))
        .route("/try", get(try_form).post(try_hook))
        .route("/steps/{id}/repeat", post(repeat));
    ASSETS.iter().fold(pages, |router, file| {
        router.route(file.path, get(async move |headers: HeaderMap| asset(file, &headers)))
    })
}

async fn calls(State(state): State<Arc<ObserverState>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let (status, steps, fault) = match Query::parse(&query, SystemTime::now()) {
        Ok(query) => (StatusCode::OK, state.steps(&query), None),
        Err(fault) => (StatusCode::BAD_REQUEST, Vec::new(), Some(fault)),
    };
    let page = pages::calls(Calls {
        try_allowed: state.allows_try(),
        filters: &Filters::parse(&query),
        hooks: &state.hook_names(),
        steps: &steps,
        kept: state.kept(),
        fault: fault.as_deref(),
    });
    (status, Html(page)).into_response()
}

async fn step(State(state): State<Arc<ObserverState>>, Path(id): Path<String>) -> Response {
    let try_allowed = state.allows_try();
    let Some(detail) = state.step(&id) else { return step_gone(&id, try_allowed) };
    let related = state.related(&detail);
    Html(pages::step(StepPage { try_allowed, detail: &detail, related: &related })).into_response()
}

async fn hooks(State(state): State<Arc<ObserverState>>) -> Html<String> {
    let now = timestamp(SystemTime::now());
    Html(pages::hooks(Hooks { try_allowed: state.allows_try(), hooks: &state.hooks(), now: &now }))
}

async fn configuration(State(state): State<Arc<ObserverState>>) -> Html<String> {
    let report = &state.configuration();
    Html(pages::configuration(Configuration { try_allowed: state.allows_try(), report }))
}

/// The query of the form: the step whose data it starts with, or a hook.
#[derive(Debug, Default, Deserialize)]
struct Start {
    #[serde(default)]
    step: String,
    #[serde(default)]
    hook: String,
}

async fn try_form(State(state): State<Arc<ObserverState>>, Fields(start): Fields<Start>) -> Response {
    if !state.allows_try() {
        return (StatusCode::FORBIDDEN, Html(message(Message::TryIsOff, false))).into_response();
    }
    let then = state.step(&start.step);
    if then.is_none() && !start.step.is_empty() {
        return step_gone(&start.step, true);
    }
    let mut input = TryInput { hook: start.hook, step: start.step, ..TryInput::default() };
    if let Some(then) = &then {
        input.hook.clone_from(&then.step.hook);
        input.switch.clone_from(&then.step.switch);
    }
    let (hooks, then) = (&state.hook_names(), then.as_ref());
    Html(pages::try_hook(TryPage { hooks, input: &input, faults: &[], then, now: None })).into_response()
}

async fn try_hook(
    State(state): State<Arc<ObserverState>>,
    Extension(connection): Extension<Arc<Connection>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match TryFields::read(&headers, &body) {
        Ok(fields) => tried(&state, fields, &connection).await,
        Err(fault) => {
            try_page(&state, TryFields::default(), Err(NotTried { status: StatusCode::BAD_REQUEST, fault }))
        }
    }
}

async fn repeat(
    State(state): State<Arc<ObserverState>>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(step): Path<String>,
) -> Response {
    tried(&state, TryFields { step, ..TryFields::default() }, &connection).await
}

/// Makes the request and shows its result.
async fn tried(state: &ObserverState, fields: TryFields, connection: &Connection) -> Response {
    let result = state.try_hook(&fields, connection).await;
    try_page(state, fields, result)
}

fn try_page(state: &ObserverState, fields: TryFields, result: Result<Tried, NotTried>) -> Response {
    let (status, then, now, fault) = match result {
        Ok(Tried { then, now }) => (StatusCode::OK, then, Some(now), None),
        Err(NotTried { status, fault }) => (status, state.step(&fields.step), None, Some(fault)),
    };
    let mut input = TryInput::from(fields);
    if let Some(then) = then.as_ref().filter(|_| input.hook.is_empty()) {
        input.hook.clone_from(&then.step.hook);
        input.switch.clone_from(&then.step.switch);
    }
    let faults: Vec<_> = fault.into_iter().collect();
    let hooks = &state.hook_names();
    let page = TryPage { hooks, input: &input, faults: &faults, then: then.as_ref(), now: now.as_ref() };
    (status, Html(pages::try_hook(page))).into_response()
}

impl From<TryFields> for TryInput {
    fn from(fields: TryFields) -> Self {
        let TryFields { hook, caller, name, callee, switch, variables, step } = fields;
        Self { hook, caller, name, callee, switch, variables, step }
    }
}

fn step_gone(id: &str, try_allowed: bool) -> Response {
    (StatusCode::NOT_FOUND, Html(message(Message::StepGone { id }, try_allowed))).into_response()
}

/// Returns a file, or says that the browser has it already.
fn asset(file: &'static Asset, headers: &HeaderMap) -> Response {
    let tag = file.etag();
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let said =
        [(CACHE_CONTROL, "no-cache".to_owned()), (ETAG, tag), (CONTENT_TYPE, file.content_type.to_owned())];
    match is_known {
        true => (StatusCode::NOT_MODIFIED, said).into_response(),
        false => (said, file.body).into_response(),
    }
}
