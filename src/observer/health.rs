//! Health: a small task tests the thread of the calls, because a thread that is stuck runs none.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::ObserverState;
use super::plain::plain;

/// The time in which the thread of the calls must run a task. No call waits nearly as long on a thread that
/// works.
const ROUND_TRIP: Duration = Duration::from_secs(1);

/// `/health/live`: 200 if the thread of the calls works.
pub(super) async fn live(State(state): State<Arc<ObserverState>>) -> Response {
    match calls_are_served(&state.calls).await {
        true => plain(StatusCode::OK, "alive\n"),
        false => plain(StatusCode::SERVICE_UNAVAILABLE, STUCK),
    }
}

/// `/health/ready`: 200 if the daemon takes new calls.
pub(super) async fn ready(State(state): State<Arc<ObserverState>>) -> Response {
    if state.readiness.is_draining() {
        return plain(StatusCode::SERVICE_UNAVAILABLE, DRAINING);
    }
    match calls_are_served(&state.calls).await {
        true => plain(StatusCode::OK, "ready\n"),
        false => plain(StatusCode::SERVICE_UNAVAILABLE, STUCK),
    }
}

const DRAINING: &str = "draining: the daemon finishes its calls and then stops; send it no new calls\n";

const STUCK: &str = "stuck: the thread of the calls did nothing for 1s, so calls wait; restart dialhook if this stays \
                     so, and report it with the log\n";

/// True if the thread of the calls runs a task in time.
async fn calls_are_served(calls: &Handle) -> bool {
    let task = AbortOnDropHandle::new(calls.spawn(async {}));
    matches!(timeout(ROUND_TRIP, task).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A runtime of calls on a thread of its own, which is blocked while the sender lives.
    fn blocked_runtime() -> (Handle, std::sync::mpsc::Sender<()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (handle, (blocker, blocked)) = (runtime.handle().clone(), std::sync::mpsc::channel::<()>());
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let _unblocked = blocked.recv();
                std::future::pending::<()>().await;
            });
        });
        (handle, blocker)
    }

    #[tokio::test(start_paused = true)]
    async fn a_thread_of_calls_that_is_blocked_is_found() {
        let (calls, blocker) = blocked_runtime();
        assert!(!calls_are_served(&calls).await);
        drop(blocker);
        assert!(calls.spawn(async {}).await.is_ok(), "it works again");
    }

    #[tokio::test]
    async fn a_thread_of_calls_that_works_is_found() {
        assert!(calls_are_served(&Handle::current()).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_runtime_of_calls_that_has_ended_serves_none() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let calls = runtime.handle().clone();
        runtime.shutdown_background();
        assert!(!calls_are_served(&calls).await);
    }
}
