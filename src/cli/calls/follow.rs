//! `dialhook calls --follow`: first the list, then each step as it ends.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::sleep;

use super::events::{Event, Events};
use super::search::{MOST, Search};
use super::{Format, Listed, fail_with, steps};
use crate::cli::running_daemon::{DaemonError, RunningDaemon};
use crate::cli::{DONE, exit_status, print, print_error};

/// The pause before the daemon is asked again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The number of ids that are remembered, so that no step is shown twice.
const MOST_REMEMBERED: usize = 2 * MOST as usize;

/// Shows steps until Ctrl-C.
pub(super) async fn run(daemon: &RunningDaemon, search: &Search, format: Format) -> ExitCode {
    let mut following = Following { daemon, search, format, shown: Shown::default() };
    tokio::select! {
        ended = following.follow() => match ended {
            Ended::NotReached(error) => fail_with(&error),
            Ended::Output(error) => exit_status(Err(error), DONE),
        },
        _ = tokio::signal::ctrl_c() => ExitCode::from(DONE),
    }
}

struct Following<'a> {
    daemon: &'a RunningDaemon,
    search: &'a Search,
    format: Format,
    shown: Shown,
}

/// The reason why nothing more is shown.
enum Ended {
    /// The daemon did not answer the first request.
    NotReached(DaemonError),
    /// Standard output takes no more.
    Output(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Following<'_> {
    async fn follow(&mut self) -> Ended {
        // the stream is opened before the list is read, so that no step is missed between them
        let opened = self.daemon.open(EVENTS, &self.search.filter()).await;
        let mut stream = match opened {
            Ok(stream) => stream,
            Err(error) => return Ended::NotReached(error),
        };
        match steps(self.daemon, &self.search.query()).await {
            Ok(first) => {
                if let Err(error) = self.show_first(first) {
                    return error.into();
                }
            }
            Err(error) => return Ended::NotReached(error),
        }
        loop {
            if let Err(error) = self.read(stream).await {
                return error.into();
            }
            print_error("the daemon ended the connection; it is asked again every second");
            stream = self.reopened().await;
            print_error("connected again; a daemon that was restarted has only the steps since then");
            if let Err(error) = self.catch_up().await {
                return error.into();
            }
        }
    }

    fn show_first(&mut self, first: Vec<Listed>) -> io::Result<()> {
        self.shown.since = first.first().map(|listed| listed.step.time.clone()).unwrap_or_default();
        for listed in &first {
            self.shown.add(&listed.step.id);
        }
        print(&self.format.lines(&first))
    }

    /// Shows the steps of the stream until it ends.
    async fn read(&mut self, mut stream: reqwest::Response) -> io::Result<()> {
        let mut events = Events::default();
        while let Ok(Some(chunk)) = stream.chunk().await {
            let Ok(complete) = events.add(&chunk) else { return Ok(()) };
            self.show(complete.into_iter().filter_map(read_step).collect())?;
        }
        Ok(())
    }

    async fn reopened(&self) -> reqwest::Response {
        loop {
            sleep(RETRY_DELAY).await;
            if let Ok(stream) = self.daemon.open(EVENTS, &self.search.filter()).await {
                return stream;
            }
        }
    }

    /// Shows the steps that ended without a connection. If the list cannot be read, the stream ends too.
    async fn catch_up(&mut self) -> io::Result<()> {
        let mut query = self.search.filter();
        query.push(("limit", MOST.to_string()));
        let mut missed = steps(self.daemon, &query).await.unwrap_or_default();
        missed.retain(|listed| listed.step.time >= self.shown.since);
        self.show(missed)
    }

    fn show(&mut self, mut steps: Vec<Listed>) -> io::Result<()> {
        steps.retain(|listed| self.shown.add(&listed.step.id));
        if steps.is_empty() { Ok(()) } else { print(&self.format.lines(&steps)) }
    }
}

const EVENTS: &str = "/api/events";

fn read_step(event: Event) -> Option<Listed> {
    if event.name != "step" {
        return None;
    }
    Listed::read(serde_json::from_str(&event.data).ok()?)
}

/// The steps that were shown.
#[derive(Debug, Default)]
struct Shown {
    ids: HashSet<String>,
    /// The same ids, oldest first.
    order: VecDeque<String>,
    /// The time of the first one.
    since: String,
}

impl Shown {
    /// Adds an id. Returns false if it is there already.
    fn add(&mut self, id: &str) -> bool {
        if !self.ids.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > MOST_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}
