//! The meaning of a configuration, in lines for a person.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use http::Method;

use super::{Config, HistorySettings, KeptBodies, Limits, ObserverSettings, size_text};
use crate::hook::{AllowedUrls, Body, Breaker, CacheTimes, Delivery, Hook, Mapping, Source};
use crate::variable::Accept;

/// Returns the meaning of a configuration, which was read from this file.
#[must_use]
pub fn summary(config: &Config, file: &Path) -> Vec<String> {
    let path = file.display();
    let mut lines = vec![match &config.file {
        Some(_) => format!("{path}: no fault, {}", counted(config.policy.hooks.len(), "hook")),
        None => format!("{path}: no such file; these defaults are in use"),
    }];
    lines.push(match config.listen.asterisk {
        Some(address) => {
            format!("asterisk   AGI(agi://{}/NAME), from {}", url_address(address), peers(config))
        }
        None => "asterisk   off".to_owned(),
    });
    lines.push(match config.listen.freeswitch {
        Some(address) => {
            format!("freeswitch socket {}/NAME, from {}", socket_address(address), peers(config))
        }
        None => "freeswitch off".to_owned(),
    });
    lines.push(match config.listen.observer {
        Some(address) => {
            format!(
                "observer   pages at http://{}/, also /metrics, /health/live, /health/ready",
                url_address(address)
            )
        }
        None => "observer   off".to_owned(),
    });
    lines.push(match &config.policy.urls {
        AllowedUrls::Any => "ad hoc     any URL (every listener is on loopback)".to_owned(),
        AllowedUrls::Prefixes(none) if none.is_empty() => {
            "ad hoc     no URL; set calls.urls to allow some".to_owned()
        }
        AllowedUrls::Prefixes(some) => {
            let some: Vec<_> = some.iter().map(crate::hook::redacted).collect();
            format!("ad hoc     URLs that begin with {}", some.join(" or "))
        }
    });
    lines.extend(page_line(config));
    lines.push(history_line(&config.history));
    lines.extend(limit_lines(&config.limits));
    if config.log_numbers {
        lines.push("log        shows telephone numbers whole".to_owned());
    }
    lines.extend(
        config.policy.hooks.iter().map(|(name, hook)| format!("hook       {name}: {}", hook_line(hook))),
    );
    lines.extend(config.notices.iter().map(|notice| format!("note       {notice}")));
    lines
}

/// Returns a number with the word for what is counted: `1 hook`, `2 hooks`.
#[must_use]
pub fn counted(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Returns the settings of the pages that are not at their defaults.
fn page_line(config: &Config) -> Option<String> {
    let ObserverSettings { hosts, token, allows_try } = &config.observer;
    let mut parts = Vec::new();
    if !hosts.is_empty() {
        parts.push(format!("also as {}", hosts.join(", ")));
    }
    parts.extend(token.as_ref().map(|_| "only with the token".to_owned()));
    parts.extend(allows_try.then(|| "may ask hooks and repeat requests".to_owned()));
    (!parts.is_empty()).then(|| format!("pages      {}", parts.join("; ")))
}

fn history_line(history: &HistorySettings) -> String {
    if !history.is_on() {
        return "history    off".to_owned();
    }
    let HistorySettings { steps, failures, size, age, bodies } = history;
    let bodies = match bodies {
        KeptBodies::Failures => "bodies of failures",
        KeptBodies::All => "all bodies",
        KeptBodies::None => "no bodies",
    };
    let (size, age) = (size_text(*size), whole_hours(*age));
    format!(
        "history    the last {steps} steps and {failures} failures, for {age}, in at most {size} of memory; {bodies}"
    )
}

/// Returns a duration in hours, if it is a number of hours.
fn whole_hours(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds > 0 && seconds % 3600 == 0 && duration.subsec_millis() == 0 => {
            format!("{}h", seconds / 3600)
        }
        _ => format!("{duration:?}"),
    }
}

fn limit_lines(limits: &Limits) -> Vec<String> {
    let of_a_peer = limits.calls_per_peer.map(|most| format!(", {most} from one address"));
    let mut lines = vec![format!(
        "limits     {} calls at once{}, {} detached requests; a switch may take {:?} for one message",
        limits.calls,
        of_a_peer.unwrap_or_default(),
        limits.detached,
        limits.patience
    )];
    let [environment, channel_data, answer] =
        [limits.environment, limits.channel_data, limits.answer].map(size_text);
    lines.push(format!(
        "sizes      at most {environment} of AGI environment, {channel_data} of channel data, {answer} of an answer"
    ));
    if !limits.drain_notice.is_zero() {
        let notice = limits.drain_notice;
        lines.push(format!("stop       accepts calls for {notice:?} more, while /health/ready returns 503"));
    }
    lines
}

/// Returns an address in the notation of FreeSWITCH's `socket`, which takes IPv6 without brackets.
fn socket_address(address: SocketAddr) -> String {
    match (address.ip().is_unspecified(), address) {
        (false, SocketAddr::V6(address)) => format!("{}:{}", address.ip(), address.port()),
        (_, address) => url_address(address),
    }
}

/// Returns an address in the notation of a URL.
fn url_address(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("THIS-MACHINE:{}", address.port()),
        false => address.to_string(),
    }
}

fn peers(config: &Config) -> String {
    match &config.listen.allow {
        Some(networks) => networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        None => "this machine".to_owned(),
    }
}

fn hook_line(hook: &Hook) -> String {
    let mut parts = vec![urls(hook), format!("at most {:?}", hook.timeout.get())];
    parts.extend(answer_texts(hook));
    if !hook.fetch.is_empty() {
        parts.push(format!("fetches {}", joined(&hook.fetch)));
    }
    if hook.method == Method::POST {
        parts.extend(body_text(&hook.body).map(str::to_owned));
    }
    let headers: Vec<_> = hook.headers.names().collect();
    if !headers.is_empty() {
        parts.push(format!("headers {}", joined(&headers)));
    }
    if let Some(signer) = &hook.sign {
        parts.push(format!("signed with {}", counted(signer.0.len(), "secret")));
    }
    parts.extend(delivery_texts(&hook.delivery));
    parts.join("; ")
}

/// Returns the variables that receive the answer, and the answers that are accepted.
fn answer_texts(hook: &Hook) -> Vec<String> {
    let sets_variables = hook.variable.is_some() || !hook.set.is_empty();
    let mut parts = vec![match &hook.variable {
        _ if hook.delivery.detach => "detached: the dialplan does not wait".to_owned(),
        Some(name) => format!("answer into {name}"),
        None if sets_variables => "parts of the answer into variables".to_owned(),
        None => "no variable (only notifies, unless the call names a variable)".to_owned(),
    }];
    parts.extend(hook.set.iter().map(receiver_text));
    if !hook.answers.is_empty() {
        parts.push(format!("accepted: {}", hook.answers.join(", ")));
    } else if sets_variables {
        parts.push(format!("accepted: {}", accept_text(hook.accept)));
    }
    if !hook.otherwise.is_empty() {
        parts.push(format!("otherwise {}", hook.otherwise.lossy()));
    }
    parts
}

fn body_text(body: &Body) -> Option<&'static str> {
    match body {
        Body::Kwebbl(None) => None,
        Body::Kwebbl(Some(_)) => Some("chosen fields as JSON"),
        Body::Form(None) => Some("a form"),
        Body::Form(Some(_)) => Some("chosen fields as a form"),
        Body::Json(_) => Some("its own JSON body"),
    }
}

fn joined(names: &[impl ToString]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn urls(hook: &Hook) -> String {
    let urls: Vec<_> = hook.urls.iter().map(ToString::to_string).collect();
    format!("{} {}", hook.method, urls.join(", then "))
}

fn accept_text(accept: Accept) -> &'static str {
    match accept {
        Accept::Word => "a word",
        Accept::Text => "a text",
        Accept::Any => "any text that the switch can carry",
    }
}

fn receiver_text(part: &Mapping) -> String {
    let source = match &part.source {
        Source::Json(pointer) if pointer.as_str().is_empty() => "the whole JSON".to_owned(),
        Source::Json(pointer) => pointer.as_str().to_owned(),
        Source::Header(name) => format!("the header {name}"),
        Source::Status => "the HTTP status".to_owned(),
    };
    let accepted = match (part.answers.is_empty(), part.accept) {
        (false, _) => format!(" ({})", part.answers.join(", ")),
        (true, Some(accept)) => format!(" ({})", accept_text(accept)),
        (true, None) => String::new(),
    };
    let otherwise = part.otherwise.as_ref().map(|text| format!(", otherwise {}", text.lossy()));
    format!("{} from {source}{accepted}{}", part.name, otherwise.unwrap_or_default())
}

/// Returns the settings that are not at their defaults.
fn delivery_texts(manner: &Delivery) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(tls) = &manner.tls {
        parts.extend(tls.is_insecure().then(|| "INSECURE: certificates are not verified".to_owned()));
        parts.extend(tls.authorities().map(|_| "trusts only the certificates of ca".to_owned()));
        parts.extend(tls.client_certificate().map(|_| "sends a client certificate".to_owned()));
    }
    if manner.idempotent {
        parts.push("idempotent: a request may be sent twice".to_owned());
    }
    if !manner.keep_alive {
        parts.push("a new connection for each request".to_owned());
    }
    match manner.breaker {
        None => parts.push("no circuit breaker".to_owned()),
        Some(breaker) if breaker == Breaker::default() => {}
        Some(Breaker { failures, probe }) => {
            parts.push(format!("circuit breaker opens after {failures} failures, probes every {probe:?}"));
        }
    }
    if let Some(CacheTimes { fresh, stale }) = manner.cache {
        let stale =
            if stale.is_zero() { String::new() } else { format!(", {stale:?} longer if the webhook fails") };
        parts.push(format!("answers cached for {fresh:?}{stale}"));
    }
    match (manner.redirects.most, manner.redirects.hosts.join(", ")) {
        (0, _) => {}
        (most, none) if none.is_empty() => {
            parts.push(format!("follows {most} redirects to the same host and port"))
        }
        (most, hosts) => parts.push(format!("follows {most} redirects, also to {hosts}")),
    }
    parts
}
