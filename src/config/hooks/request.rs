//! The keys of a hook for the request: URLs, body, headers, credentials and signature.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::super::raw::{Entry, Position, Table};
use super::super::secrets::secret_value;
use crate::hook::{
    Body, Fields, HeaderTemplate, Headers, JsonTemplate, NOT_A_VALUE, Signer, SigningSecret, UrlTemplate,
    is_secret_name,
};

/// The settings for the request of a hook.
pub(super) struct RequestSettings {
    pub(super) method: Method,
    /// `None` in the place of each URL that is wrong.
    pub(super) urls: Vec<Option<UrlTemplate>>,
    /// `None` if the body is wrong.
    pub(super) body: Option<Body>,
    pub(super) headers: Headers,
    pub(super) sign: Option<Signer>,
}

impl RequestSettings {
    /// Returns the URLs, or `None` if one of them is wrong.
    pub(super) fn all_urls(&self) -> Option<Vec<&UrlTemplate>> {
        self.urls.iter().map(Option::as_ref).collect()
    }
}

pub(super) fn read(table: &mut Table<'_>, method: Option<Method>, file: &Path) -> RequestSettings {
    let urls = urls(table);
    let method = method.unwrap_or(Method::POST);
    let (body, fields) = (table.take("body"), table.take("fields"));
    if method == Method::GET {
        for entry in [&body, &fields].into_iter().flatten() {
            entry.fault("a GET has no body; leave it out, or write method = \"POST\"");
        }
    }
    let body = self::body(body, fields);
    let (mut headers, names) =
        table.take("headers").and_then(|entry| Some(self::headers(entry.table()?, file))).unwrap_or_default();
    let in_url = urls.iter().flatten().any(UrlTemplate::has_credentials);
    let others = usize::from(names.contains(&AUTHORIZATION)) + usize::from(in_url);
    headers.fixed.extend(authorization(table, others, file).map(|value| (AUTHORIZATION, value)));
    let sign = table.take("sign").and_then(|entry| sign(entry, file));
    RequestSettings { method, urls, body, headers, sign }
}

/// The number of URLs that a hook may have. Each gets a slice of the time.
const MAX_URLS: usize = 5;

/// Reads `url` and `urls`. All URLs are read, so that every fault is found.
fn urls(table: &mut Table<'_>) -> Vec<Option<UrlTemplate>> {
    let (one, several) = (table.take("url"), table.take("urls"));
    match (&one, &several) {
        (Some(_), Some(several)) => several.fault("url is set too; write all URLs into urls"),
        (Some(_), None) | (None, Some(_)) => {}
        (None, None) => table
            .fault("url", "missing; write the URL of the webhook, such as \"https://crm.example.com/route\""),
    }
    one.iter().map(url).chain(several.into_iter().flat_map(listed)).collect()
}

fn url(entry: &Entry<'_>) -> Option<UrlTemplate> {
    entry.position().value_or_faults(UrlTemplate::parse(&entry.text()?))
}

fn listed(several: Entry<'_>) -> Vec<Option<UrlTemplate>> {
    let position = several.position();
    let Some(items) = several.list() else { return vec![None] };
    if !(1..=MAX_URLS).contains(&items.len()) {
        position.fault(format!("{} URLs; write 1 to {MAX_URLS}", items.len()));
    }
    let urls: Vec<_> = items.iter().map(url).collect();
    let twice = |(number, url): (usize, &UrlTemplate)| {
        urls.iter().flatten().skip(number + 1).any(|other| other == url)
    };
    if urls.iter().flatten().enumerate().any(twice) {
        position.fault("the same URL twice; write it only once");
    }
    urls
}

fn body(body: Option<Entry<'_>>, fields: Option<Entry<'_>>) -> Option<Body> {
    let fields_position = fields.as_ref().map(Entry::position);
    // a body with wrong fields is wrong itself
    let chosen = fields.map_or(Some(None), |entry| self::fields(entry).map(Some));
    let Some(entry) = body else { return chosen.map(Body::Kwebbl) };
    let text = entry.as_text().unwrap_or_default();
    match text.trim() {
        "kwebbl" => chosen.map(Body::Kwebbl),
        "form" => chosen.map(Body::Form),
        json if json.starts_with(['{', '[']) => {
            if let Some(fields) = fields_position {
                fields.fault("a JSON body has fields of its own; leave fields out");
            }
            entry.position().value_or_faults(JsonTemplate::parse(&text)).map(Body::Json)
        }
        _ => {
            entry.fault(BODY_REMEDY);
            None
        }
    }
}

const BODY_REMEDY: &str = "not a body; write \"kwebbl\", \"form\", or JSON that begins with { or [, such as '{\"from\": \"{caller_number}\"}'";

/// ```toml
/// fields = ["caller_number", "callee_number"]
/// fields = { from = "caller_number", account = "variables.ACCOUNT" }
/// ```
fn fields(entry: Entry<'_>) -> Option<Fields> {
    let position = entry.position();
    let pairs: Vec<(String, String)> = if entry.is_table() {
        let renamed = entry.table()?.into_entries();
        let pairs: Vec<_> = renamed.iter().map(|entry| Some((entry.name.clone(), entry.text()?))).collect();
        pairs.into_iter().collect::<Option<_>>()?
    } else {
        entry.texts()?.into_iter().map(|field| (field.clone(), field)).collect()
    };
    if pairs.is_empty() {
        position.fault("no fields; write the fields of the body, or leave the key out");
        return None;
    }
    let pairs = pairs.iter().map(|(name, field)| (name.as_str(), field.as_str()));
    position.value_or_faults(Fields::parse(pairs))
}

/// Reads the headers. Returns also the names of headers whose values are wrong.
fn headers(table: Table<'_>, file: &Path) -> (Headers, Vec<HeaderName>) {
    let (mut headers, mut names) = (Headers::default(), Vec::new());
    for entry in table.into_entries() {
        if let Ok(name) = HeaderName::try_from(&*entry.name) {
            if names.contains(&name) {
                entry.fault("this header is set twice (the case of its letters does not matter); leave one of them out");
            }
            names.push(name);
        }
        header(&mut headers, entry, file);
    }
    (headers, names)
}

/// Reads one header. Its value may be a secret, so no fault shows it.
fn header(headers: &mut Headers, entry: Entry<'_>, file: &Path) {
    let name = header_name(&entry);
    let Some(kept) = secret_value(entry, file) else { return };
    if kept.is_external {
        let value = hidden(&kept.text, &kept.position);
        headers.fixed.extend(HeaderMap::from_iter(name.zip(value)));
        return;
    }
    let template = kept.position.value_or_faults(HeaderTemplate::parse(&kept.text));
    let (Some(template), Some(name)) = (template, name) else { return };
    match template.fixed() {
        Some(mut value) => {
            value.set_sensitive(is_secret_name(name.as_str()));
            headers.fixed.insert(name, value);
        }
        None => headers.templates.push((name, template)),
    }
}

fn header_name(entry: &Entry<'_>) -> Option<HeaderName> {
    match HeaderName::try_from(&*entry.name) {
        Ok(name) if [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(&name) => {
            entry.fault("dialhook sets this header for each connection; leave it out");
            None
        }
        Ok(name) if OWN_HEADERS.contains(&name.as_str()) => {
            entry.fault("dialhook sets this header itself (use sign for a signature); leave it out");
            None
        }
        Ok(name) => Some(name),
        Err(_) => {
            entry.fault("not a header name; write letters, digits and hyphens");
            None
        }
    }
}

const OWN_HEADERS: [&str; 5] =
    ["user-agent", "webhook-id", "webhook-timestamp", "webhook-signature", "traceparent"];

/// Returns the value of a header that is never shown.
fn hidden(text: &str, position: &Position<'_>) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| position.fault(NOT_A_VALUE)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// ```toml
/// bearer = { file = "crm.token" }
/// basic  = { user = "pbx", password = { file = "crm.password" } }
/// ```
fn authorization(table: &mut Table<'_>, others: usize, file: &Path) -> Option<HeaderValue> {
    let (bearer, basic) = (table.take("bearer"), table.take("basic"));
    let positions: Vec<_> = [&bearer, &basic].into_iter().flatten().map(Entry::position).collect();
    if let Some(position) = positions.last().filter(|_| positions.len() + others > 1) {
        position.fault(
            "credentials in several places; keep one of bearer, basic, headers.Authorization and a user name in the URL, and \
             leave the others out",
        );
    }
    let bearer = bearer.and_then(|entry| bearer_value(entry, file));
    let basic = basic.and_then(|entry| basic_value(entry, file));
    bearer.or(basic)
}

fn bearer_value(entry: Entry<'_>, file: &Path) -> Option<HeaderValue> {
    let token = secret_value(entry, file)?;
    if token.text.trim().is_empty() || token.text.contains(char::is_whitespace) {
        token.position.fault("not a token; write the token alone, without \"Bearer\" and without spaces");
        return None;
    }
    hidden(&format!("Bearer {}", token.text), &token.position)
}

fn basic_value(entry: Entry<'_>, file: &Path) -> Option<HeaderValue> {
    let position = entry.position();
    if !entry.is_table() {
        position
            .fault("not a user with a password; write { user = \"NAME\", password = { file = \"NAME\" } }");
        return None;
    }
    let mut table = entry.table()?;
    let (user, password) = (table.take("user"), table.take("password"));
    if user.is_none() || password.is_none() {
        position
            .fault("not a user with a password; write { user = \"NAME\", password = { file = \"NAME\" } }");
    }
    table.finish();
    let user = user.and_then(|entry| {
        let user = entry.text()?;
        if user.contains(':') {
            entry.fault("a user name cannot hold a colon; leave it out");
        }
        Some(user)
    });
    let password = password.and_then(|entry| secret_value(entry, file));
    hidden(&format!("Basic {}", STANDARD.encode(format!("{}:{}", user?, password?.text))), &position)
}

/// ```toml
/// sign = { file = "crm.whsec" }
/// sign = [{ file = "new.whsec" }, { file = "old.whsec" }]
/// ```
fn sign(entry: Entry<'_>, file: &Path) -> Option<Signer> {
    let position = entry.position();
    let items = entry.into_items();
    if !(1..=2).contains(&items.len()) {
        position.fault(format!("{} secrets; write one, or two while you replace the old one", items.len()));
    }
    let secret = |item| {
        let kept = secret_value(item, file)?;
        kept.text
            .parse()
            .map_err(|fault: crate::hook::NotASigningSecret| kept.position.fault(fault.to_string()))
            .ok()
    };
    // all are read before one is refused, so that every fault is found
    let secrets: Vec<Option<SigningSecret>> = items.into_iter().map(secret).collect();
    let secrets: Vec<_> = secrets.into_iter().collect::<Option<_>>()?;
    if secrets.iter().skip(1).any(|other| Some(other) == secrets.first()) {
        position.fault("the same secret twice; write the new one and the old one");
    }
    Some(Signer(secrets))
}
