//! The JSON of steps, hooks and the configuration, and the stream of steps as they end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::{self, Stream, StreamExt};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;

use super::query::Query;
use super::{EventStream, ObserverState};
use crate::history::Search;
use crate::history::view::Step;

/// The paths of the JSON.
pub(super) fn router() -> Router<Arc<ObserverState>> {
    Router::new()
        .route("/api/steps", get(steps))
        .route("/api/steps/{id}", get(step))
        .route("/api/events", get(events))
        .route("/api/hooks", get(hooks))
        .route("/api/configuration", get(configuration))
}

async fn steps(State(state): State<Arc<ObserverState>>, RawQuery(query): RawQuery) -> Response {
    match Query::parse(query.as_deref().unwrap_or_default(), SystemTime::now()) {
        Ok(query) => answer(StatusCode::OK, &json!({ "steps": state.steps(&query) })),
        Err(fault) => error(StatusCode::BAD_REQUEST, &fault),
    }
}

async fn step(State(state): State<Arc<ObserverState>>, Path(id): Path<String>) -> Response {
    match state.step(&id) {
        Some(step) => answer(StatusCode::OK, &step),
        None => error(StatusCode::NOT_FOUND, NO_SUCH_STEP),
    }
}

/// The message for a missing step.
pub(super) const NO_SUCH_STEP: &str = "no such step; records live in memory: a restart of the daemon loses them, and \
                                       new steps replace the oldest";

async fn hooks(State(state): State<Arc<ObserverState>>) -> Response {
    answer(StatusCode::OK, &json!({ "hooks": state.hooks() }))
}

async fn configuration(State(state): State<Arc<ObserverState>>) -> Response {
    answer(StatusCode::OK, &state.configuration())
}

/// Sends each step that ends, or those that the query finds.
async fn events(
    State(state): State<Arc<ObserverState>>,
    RawQuery(query): RawQuery,
    place: EventStream,
) -> Response {
    let search = match Query::parse(query.as_deref().unwrap_or_default(), SystemTime::now()) {
        Ok(query) => query.search,
        Err(fault) => return error(StatusCode::BAD_REQUEST, &fault),
    };
    Sse::new(ended_steps(state, search, place)).keep_alive(KeepAlive::new().interval(PING)).into_response()
}

/// The time between two looks at the history. A call that woke the observer would cost more than this does.
const LOOK: Duration = Duration::from_millis(200);

/// The time between two comments that keep a quiet stream open.
const PING: Duration = Duration::from_secs(15);

/// Returns the steps that end from now on, as events.
fn ended_steps(
    state: Arc<ObserverState>,
    search: Search,
    place: EventStream,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let version = state.daemon.history.version();
    let (_earlier, known) = state.daemon.history.news(u64::MAX);
    let start = Reader { state, search, _place: place, known, version };
    stream::unfold(start, async |mut reader| Some((stream::iter(reader.next().await), reader))).flatten()
}

/// The reader of one event stream.
#[derive(Debug)]
struct Reader {
    state: Arc<ObserverState>,
    search: Search,
    _place: EventStream,
    /// The number of records that are older than the stream, or have been sent.
    known: u64,
    version: u64,
}

impl Reader {
    /// Waits for the next steps that end.
    async fn next(&mut self) -> Vec<Result<Event, Infallible>> {
        let history = &self.state.daemon.history;
        while history.version() == self.version {
            sleep(LOOK).await;
        }
        self.version = history.version();
        let (records, known) = history.news(self.known);
        self.known = known;
        let numbers = self.state.numbers();
        let found = records.iter().filter(|record| self.search.finds(record, numbers));
        found.map(|record| Ok(event(&record.step(numbers)))).collect()
    }
}

fn event(step: &Step) -> Event {
    let data = serde_json::to_string(step).unwrap_or_default();
    Event::default().event("step").id(&step.id).data(data)
}

pub(super) fn answer(status: StatusCode, content: &impl Serialize) -> Response {
    // the types of the history have no maps with keys that JSON cannot write
    let mut answer = Response::new(serde_json::to_vec(content).unwrap_or_default().into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

pub(super) fn error(status: StatusCode, text: &str) -> Response {
    answer(status, &json!({ "error": text }))
}
