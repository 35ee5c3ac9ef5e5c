//! Asking a webhook: the only room that speaks HTTP to one.
//!
//! Obeys what the hook's policy says: which URL comes next, what may be repeated, which redirect is followed, what is
//! kept. One deadline covers it all, from name resolution to the last byte of the answer; a request that is dropped
//! is cancelled, down to its socket.

mod attempt;
mod cache;
mod client;
mod endpoint;
mod redirect;
mod time_slice;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::debug;

use self::attempt::Heard;
use self::cache::KeptAnswers;
pub use self::cache::Origin;
use self::client::{Clients, Pool};
use self::endpoint::registry::{Admitted, Standings};
use self::time_slice::{Errand, OneTurn, share};
use crate::hook::{Answer, CacheTimes, Hook, Outcome, Request, Stage, Step, Target};
use crate::metrics::{CacheResult, Metrics};
use crate::tls::Tls;

/// Asks webhooks, and remembers of them what the next call should know. Clones share all of it.
#[derive(Debug, Clone)]
pub struct Webhook {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clients: Clients,
    standings: Standings,
    kept: KeptAnswers<(Outcome, Option<Arc<Answer>>)>,
    metrics: Arc<Metrics>,
}

/// Why no webhook can be asked.
#[derive(Debug, thiserror::Error)]
pub enum NoClient {
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] reqwest::Error),
    /// There is no thread for its connections.
    #[error("no thread for connections: {0}")]
    Thread(#[from] io::Error),
}

/// What came of asking a webhook.
#[derive(Debug, Clone)]
pub struct Asked {
    /// How the step ended.
    pub outcome: Outcome,
    /// The answer that the outcome comes from, where there was one.
    pub answer: Option<Arc<Answer>>,
    /// Where that answer came from.
    pub origin: Origin,
    /// What was tried for this call, in order.
    pub attempts: Vec<Attempt>,
}

/// One request of a step, or one that was not made because its URL is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The URL as it is written, without its query.
    pub place: Arc<str>,
    /// Why it was not the last one, or how the step ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// What to do with the body of an answer other than 2xx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorPage {
    /// The status is all that a call wants to know.
    Skip,
    /// A person wants to read it.
    Read,
}

/// What becomes of an outcome when it is told: `BAD_ANSWER` where the switch cannot carry what it would set.
pub type Telling<'a> = &'a (dyn Fn(Outcome) -> Outcome + Sync);

impl Webhook {
    /// Clients with this machine's name servers and trusted authorities, for these hooks and any ad hoc step; what
    /// happens is counted.
    ///
    /// # Errors
    /// When no client can be made at all.
    pub fn new<'a>(
        hooks: impl IntoIterator<Item = &'a Hook>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, NoClient> {
        let shared = Shared {
            clients: Clients::new()?,
            standings: Standings::counted_in(Arc::clone(&metrics)),
            kept: KeptAnswers::default(),
            metrics,
        };
        let webhook = Self { shared: Arc::new(shared) };
        for &pool in Pool::of(true) {
            webhook.shared.clients.client(None, Duration::from_secs(2), pool)?;
        }
        webhook.prepare(hooks)?;
        Ok(webhook)
    }

    /// Makes the clients that these hooks need, so that no call waits for them. It takes milliseconds for each way to
    /// trust: not for the thread that serves calls.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn make_clients<'a>(&self, hooks: impl IntoIterator<Item = &'a Hook>) -> Result<(), NoClient> {
        for hook in hooks {
            for later in 0..hook.urls.len() {
                let most = share(hook.timeout.get(), later);
                for &pool in Pool::of(hook.delivery.keep_alive) {
                    self.shared.clients.client(hook.delivery.tls.as_deref(), most, pool)?;
                    if let Some(anonymous) = anonymous(hook) {
                        self.shared.clients.client(Some(&anonymous), most, pool)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// These hooks are the configured ones from now on. Those of their clients that are not there yet are made.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn prepare<'a>(&self, hooks: impl IntoIterator<Item = &'a Hook>) -> Result<(), NoClient> {
        let hooks: Vec<_> = hooks.into_iter().collect();
        self.make_clients(hooks.iter().copied())?;
        let anonymous: Vec<_> = hooks.iter().filter_map(|hook| anonymous(hook)).collect();
        let ways = hooks.iter().filter_map(|hook| hook.delivery.tls.as_deref());
        self.shared.clients.keep(ways.chain(&anonymous));
        let urls = hooks.iter().flat_map(|hook| &hook.urls);
        self.shared.standings.count(urls.map(|url| Arc::clone(url.endpoint())));
        self.shared.metrics.insecure_hooks(hooks.iter().filter(|hook| hook.is_insecure()).count());
        Ok(())
    }

    /// What an administrator should know about the clients.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        self.shared.clients.trust_nobody().then_some(
            "this machine trusts no certificate authority: every https webhook will be UNREACHABLE; \
             install the package ca-certificates",
        )
    }

    /// Makes a step's request, and judges what comes of it, until a moment that comes `patience` after the call's wait
    /// began. Cancel safe: a request that is dropped is not made to the end.
    pub async fn ask(
        &self,
        step: &Step,
        request: &Request,
        deadline: Instant,
        patience: Duration,
        page: ErrorPage,
        telling: Telling<'_>,
    ) -> Asked {
        let errand = Errand { step, request, hook: &request.hook, deadline, patience, page, telling };
        match request.hook.delivery.cache {
            None => self.ask_now(errand).await,
            Some(keeping) => {
                let asked = self.ask_once(errand, keeping).await;
                let result = match asked.origin {
                    Origin::Webhook => CacheResult::Miss,
                    Origin::Shared | Origin::Cache => CacheResult::Hit,
                    Origin::Stale => CacheResult::Stale,
                };
                self.shared.metrics.cache(&step.name, result);
                if result == CacheResult::Miss {
                    self.shared.metrics.cache_entries(self.shared.kept.entries().await);
                }
                asked
            }
        }
    }

    /// Asks unless the answer is known, and makes do with an old one.
    async fn ask_once(&self, errand: Errand<'_>, keeping: CacheTimes) -> Asked {
        let key = errand.request.fingerprint(&errand.step.name);
        let (mut attempts, mut judged) = (Vec::new(), None);
        // half of the time for another call's request, so that there is some for one of our own
        let now = Instant::now();
        let enough = now + errand.deadline.saturating_duration_since(now) / 2;
        loop {
            let asking = async {
                let asked = self.ask_now(errand).await;
                attempts = asked.attempts;
                match ((errand.telling)(asked.outcome), asked.answer) {
                    (Outcome::Ok { .. }, Some(answer)) => Ok(Arc::unwrap_or_clone(answer)),
                    (outcome, answer) => Err((outcome, answer)),
                }
            };
            let got = timeout_at(
                errand.deadline,
                self.shared.kept.get(key, keeping, enough, judged.as_ref(), asking),
            )
            .await;
            let failed = match got {
                Ok(Ok((answer, origin))) => {
                    let outcome = errand.step.judge(&answer);
                    let good = is_ok(&(errand.telling)(outcome.clone()));
                    // it was good for another call, or before a reload; the webhook may say something else by now
                    if origin == Origin::Cache && !good && judged.is_none() {
                        judged = Some(answer);
                        continue;
                    }
                    return Asked { outcome, answer: Some(answer), origin, attempts };
                }
                // another call's time was over, not this one's
                Ok(Err((Outcome::Timeout { .. }, _))) if attempts.is_empty() && !errand.is_late() => continue,
                Ok(Err((outcome, answer))) => (outcome, answer),
                Err(_elapsed) => (errand.late(Stage::Answer), None),
            };
            let (outcome, answer) = match failed {
                // by the words of whoever asked; another switch, or another variable, may take the same answer
                (Outcome::BadAnswer { .. }, Some(answer)) => (errand.step.judge(&answer), Some(answer)),
                failed => failed,
            };
            // an answer that is no good any more is still an answer: a customer may be gone (as RFC 5861, 4)
            let served = !keeping.stale.is_zero() && outcome.should_fail_over();
            let old = if served { self.shared.kept.last_good(key).await } else { None };
            let serves = |old: &Arc<Answer>| is_ok(&(errand.telling)(errand.step.judge(old)));
            let Some(old) = old.filter(serves) else {
                return Asked { outcome, answer, origin: Origin::Webhook, attempts };
            };
            debug!("an old answer serves instead: {outcome}");
            let outcome = errand.step.judge(&old);
            return Asked { outcome, answer: Some(old), origin: Origin::Stale, attempts };
        }
    }

    /// Asks one URL after the other until one answers. Each has its share of the time that is left.
    async fn ask_now(&self, errand: Errand<'_>) -> Asked {
        let mut attempts = Vec::new();
        let mut ended = None;
        let targets = &errand.request.targets;
        for (number, target) in targets.iter().enumerate() {
            // the switch, or the URL before, took it all: this one is not to blame, and must hear nothing of it
            if errand.is_late() {
                break;
            }
            let began = Instant::now();
            let breaker = errand.hook.delivery.breaker.as_ref();
            let rests =
                |target: &Target| self.shared.standings.rests(&target.endpoint, breaker, began.into_std());
            let admitted = match self.shared.standings.admit(&target.endpoint, breaker, began.into_std()) {
                Ok(admitted) => admitted,
                Err(why) => {
                    let outcome = Outcome::Unreachable(why);
                    attempts.push(Attempt { place: target.endpoint.clone(), outcome, took: Duration::ZERO });
                    continue;
                }
            };
            let later = targets.iter().skip(number + 1).filter(|target| !rests(target)).count();
            let turn = errand.turn(began, later);
            if number > 0 {
                self.shared.metrics.fell_back(&errand.step.name);
            }
            let heard = self.ask_one(errand, target, turn, admitted, &mut attempts).await;
            let (outcome, answer) = match heard {
                Ok(Heard { answer, redirect: None }) => (errand.step.judge(&answer), Some(answer)),
                Ok(Heard { answer, redirect }) => {
                    (Outcome::HttpError { code: answer.code, redirect }, Some(answer))
                }
                Err(outcome) => (outcome, None),
            };
            let done = !outcome.should_fail_over();
            attempts.push(Attempt {
                place: target.endpoint.clone(),
                outcome: outcome.clone(),
                took: began.elapsed(),
            });
            ended = Some((outcome, answer));
            if done {
                break;
            }
        }
        // where every URL is left alone, that is the outcome; where none was looked at, it was too late
        let rested = attempts.last().map(|attempt| attempt.outcome.clone());
        let none = || (rested.unwrap_or_else(|| errand.late(Stage::Start)), None);
        let (outcome, answer) = ended.unwrap_or_else(none);
        Asked { outcome, answer: answer.map(Arc::new), origin: Origin::Webhook, attempts }
    }

    /// Asks one URL, a second time where that does no harm.
    async fn ask_one(
        &self,
        errand: Errand<'_>,
        target: &Target,
        turn: OneTurn,
        admitted: Admitted<'_>,
        attempts: &mut Vec<Attempt>,
    ) -> Result<Heard, Outcome> {
        let Shared { standings, metrics, .. } = &*self.shared;
        let hook = &*errand.step.name;
        let mut first = true;
        loop {
            let began = Instant::now();
            standings.asked(&target.endpoint);
            let made = attempt::made(&self.shared, errand, target, turn).await;
            metrics.request_ended(hook, began.elapsed());
            let failure = match made {
                Ok(heard) => {
                    admitted.used();
                    standings.answered(&target.endpoint, hook, Instant::now().into_std());
                    return Ok(heard);
                }
                Err(failure) => failure,
            };
            let outcome = failure.outcome.clone();
            // not the path: it may hold a secret
            debug!(to = endpoint::registry::origin(&target.endpoint), "{outcome}");
            if first
                && failure.may_be_repeated(&errand.request.method, errand.hook.delivery.idempotent)
                && Instant::now() < turn.until
                && (failure.of_a_kept_connection || standings.repeats(&target.endpoint))
            {
                attempts.push(Attempt { place: target.endpoint.clone(), outcome, took: began.elapsed() });
                metrics.retried(hook);
                first = false;
                continue;
            }
            let now = Instant::now().into_std();
            match outcome {
                // it says nothing of the webhook
                _ if outcome.is_local_failure() || failure.of_a_kept_connection => {}
                Outcome::Timeout { .. } if !turn.fair => standings.was_silent(&target.endpoint, now),
                _ if outcome.is_unanswered() => {
                    admitted.used();
                    standings.was_silent(&target.endpoint, now);
                    standings.failed(&target.endpoint, hook, errand.hook.delivery.breaker.as_ref(), now);
                }
                _ => {
                    admitted.used();
                    standings.answered(&target.endpoint, hook, now);
                }
            }
            return Err(outcome);
        }
    }
}

impl Attempt {
    /// Scheme, host and port of the URL, for the log: its path may hold a secret.
    #[must_use]
    pub fn origin(&self) -> &str {
        endpoint::registry::origin(&self.place)
    }
}

fn is_ok(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Ok { .. })
}

/// How a hook goes on behind a redirect, where that is another way to trust.
fn anonymous(hook: &Hook) -> Option<Tls> {
    let tls = hook.delivery.tls.as_deref().filter(|tls| tls.identity().is_some());
    tls.filter(|_| hook.delivery.redirects.most > 0).map(Tls::anonymous)
}
