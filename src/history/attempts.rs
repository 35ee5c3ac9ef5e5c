//! The attempts of a step, for people.

use std::time::Duration;

use super::masking::Masking;
use super::view::{Attempt, Redirect};
use crate::redact;
use crate::webhook::{self, AttemptResult, Connection};

/// The outcome of an attempt that was dropped, or of a request that has not ended.
pub(super) const UNFINISHED: &str = "UNFINISHED";

/// Returns an attempt without the secrets in its URLs.
pub(super) fn attempt(attempt: &webhook::Attempt, masking: &Masking) -> Attempt {
    let (dns, connect, tls) = match attempt.connection {
        Connection::New { dns, connect, tls } => (dns, connect, tls),
        Connection::None | Connection::Reused => (None, None, None),
    };
    let (outcome, reason, code) = match &attempt.result {
        AttemptResult::Ended(outcome) => (outcome.status().as_str(), outcome.to_string(), outcome.code()),
        AttemptResult::Dropped(stage) => (UNFINISHED, stage.to_string(), None),
    };
    let redirects = attempt
        .redirects
        .iter()
        .map(|redirect| Redirect {
            code: redirect.code,
            url: masking.text(&redact::url(&redirect.to)).into_owned(),
        })
        .collect();
    Attempt {
        url: redact::url(&attempt.endpoint),
        kind: attempt_kind(attempt).to_owned(),
        began_ms: ms(attempt.began),
        connection: connection_word(attempt.connection).to_owned(),
        dns_ms: dns.map(ms),
        connect_ms: connect.map(ms),
        tls_ms: tls.map(ms),
        first_byte_ms: attempt.first_byte.map(ms),
        total_ms: ms(attempt.took),
        outcome: outcome.to_owned(),
        reason,
        code,
        quarantine: attempt.in_quarantine,
        redirects,
    }
}

/// Returns the kind of an attempt: first, fallback, retry or probe.
pub(super) fn attempt_kind(attempt: &webhook::Attempt) -> &'static str {
    match attempt.kind {
        webhook::AttemptKind { is_probe: true, .. } => "probe",
        webhook::AttemptKind { is_retry: true, .. } => "retry",
        webhook::AttemptKind { number: 0, .. } => "first",
        webhook::AttemptKind { .. } => "fallback",
    }
}

/// Returns the word for a connection.
pub(super) fn connection_word(connection: Connection) -> &'static str {
    match connection {
        Connection::None => "none",
        Connection::Reused => "pool",
        Connection::New { .. } => "new",
    }
}

/// Returns milliseconds with one digit after the point.
pub(super) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
