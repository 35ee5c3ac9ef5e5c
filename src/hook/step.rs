//! The step that a call means, the request that it makes, and what it sets in the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::percent_decode_str;
use url::Url;

use super::parameters::Asked;
use super::{Hook, Outcome, RequestFault, Timeout, UrlTemplate, http_url};
use crate::call::{AD_HOC, Call, Report, SwitchKind};
use crate::variable::{Accept, Assignment, Value, VariableName};

/// Which hooks there are, and what an ad hoc step may do.
#[derive(Debug, Clone)]
pub struct Policy {
    /// `com_id` where a call has no account code.
    pub company: String,
    /// The configured hooks by name.
    pub hooks: BTreeMap<String, Arc<Hook>>,
    /// Which URLs an ad hoc step may ask.
    pub urls: AllowedUrls,
}

/// Which URLs an ad hoc step may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedUrls {
    /// All of them.
    Any,
    /// Those that begin with one of these, both as a URL parser writes them: a host cannot be continued by
    /// another one, nor a path left through `..`.
    Prefixes(Vec<Url>),
}

impl Policy {
    /// The step that a call means.
    #[must_use]
    pub fn step(&self, call: &Call) -> Step {
        let asked = Asked::of(call);
        if call.is_ad_hoc() {
            return self.ad_hoc_step(asked, call.switch);
        }
        let (path, _) = call.path_and_query();
        match std::str::from_utf8(path) {
            Ok(name) => match self.hooks.get(name) {
                Some(hook) => configured_step(name, hook, asked, call),
                None => Step::refused(name, call.switch, asked.variable, RequestFault::NoSuchHook),
            },
            Err(_) => Step::refused("", call.switch, asked.variable, RequestFault::Address),
        }
    }

    fn ad_hoc_step(&self, asked: Asked, switch: SwitchKind) -> Step {
        let variable = asked.variable.clone();
        match self.ad_hoc_hook(asked) {
            Ok(hook) => Step {
                name: AD_HOC.to_owned(),
                switch,
                variable,
                otherwise: Value::default(),
                plan: Ok(Plan { timeout: hook.timeout, hook: Arc::new(hook) }),
            },
            Err(fault) => Step::refused(AD_HOC, switch, variable, fault),
        }
    }

    fn ad_hoc_hook(&self, asked: Asked) -> Result<Hook, RequestFault> {
        if let Some(fault) = asked.fault.or_else(|| reserved_fault(asked.variable.as_ref())) {
            return Err(fault);
        }
        let url = http_url(&asked.url.ok_or(RequestFault::UrlMissing)?).map_err(|_| RequestFault::Url)?;
        if !self.urls.allow(&url) {
            return Err(RequestFault::UrlNotAllowed);
        }
        Ok(Hook {
            method: asked
                .method
                .map_or(Some(Method::POST), |text| method(&text))
                .ok_or(RequestFault::Method)?,
            timeout: asked.timeout.unwrap_or_default(),
            variable: asked.variable,
            ..Hook::new(UrlTemplate::literal(&url))
        })
    }
}

fn configured_step(name: &str, hook: &Arc<Hook>, asked: Asked, call: &Call) -> Step {
    let argued =
        call.parameters.iter().any(|p| !(p.name.is_empty() && p.value.is_empty())) && !call.parameters_linger;
    let fault = match asked {
        _ if argued => Some(RequestFault::Arguments),
        Asked { fault: Some(fault), .. } => Some(fault),
        Asked { method: Some(_), .. } | Asked { url: Some(_), .. } => Some(RequestFault::NotForTheCall),
        Asked { ref variable, .. } => reserved_fault(variable.as_ref()),
    };
    let timeout = asked.timeout.unwrap_or(hook.timeout);
    Step {
        name: name.to_owned(),
        switch: call.switch,
        variable: asked.variable.or_else(|| hook.variable.clone()),
        otherwise: hook.otherwise.clone(),
        plan: fault.map_or_else(|| Ok(Plan { hook: Arc::clone(hook), timeout }), Err),
    }
}

/// The variables that report on a step, `WEBHOOK_STATUS` the last: when it is there, all others are.
pub const REPORT_NAMES: [&str; 3] = ["WEBHOOK_CODE", "WEBHOOK_REASON", "WEBHOOK_STATUS"];

/// Whether a name is one of [`REPORT_NAMES`], on a switch that tells case or on one that does not.
#[must_use]
pub fn reserved(name: &VariableName) -> bool {
    REPORT_NAMES.iter().any(|own| name.bare().eq_ignore_ascii_case(own))
}

fn reserved_fault(variable: Option<&VariableName>) -> Option<RequestFault> {
    variable.is_some_and(reserved).then_some(RequestFault::ReservedVariable)
}

/// `GET` or `POST`, in letters of either case.
#[must_use]
pub fn method(text: &str) -> Option<Method> {
    [Method::GET, Method::POST].into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text))
}

impl AllowedUrls {
    fn allow(&self, url: &Url) -> bool {
        match self {
            Self::Any => true,
            Self::Prefixes(prefixes) => {
                let begins = |prefix: &Url| url.as_str().starts_with(prefix.as_str());
                !climbs(url) && prefixes.iter().any(begins)
            }
        }
    }
}

/// Whether a server that decodes `%2F` or `%5C`, or takes a `;` for the end of a segment, would find a `..` in the path.
fn climbs(url: &Url) -> bool {
    let path: Vec<u8> = percent_decode_str(url.path()).collect();
    path.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| segment.starts_with(b".."))
}

/// One call's webhook step: what it does, or why nothing can be done, and what it sets in either case.
#[derive(Debug, Clone)]
pub struct Step {
    /// The hook's name as the address has it; for the log.
    pub name: String,
    /// Which switch will hear of it.
    switch: SwitchKind,
    /// Which variable receives the answer.
    variable: Option<VariableName>,
    /// What it receives when there is no good answer.
    otherwise: Value,
    plan: Result<Plan, RequestFault>,
}

#[derive(Debug, Clone)]
struct Plan {
    hook: Arc<Hook>,
    timeout: Timeout,
}

/// What a request to a webhook is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `webhook-id`: the same over retries.
    pub webhook_id: String,
    /// `traceparent`, as W3C Trace Context writes it.
    pub traceparent: String,
}

/// One HTTP request, ready to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// All headers but those of the connection itself.
    pub headers: HeaderMap,
    /// The body; none with `GET`.
    pub body: Option<Vec<u8>>,
}

impl Step {
    /// A step of which only the variable to be cleared is known.
    fn refused(name: &str, switch: SwitchKind, variable: Option<VariableName>, fault: RequestFault) -> Self {
        let variable = variable.filter(|name| !reserved(name));
        Self { name: name.to_owned(), switch, variable, otherwise: Value::default(), plan: Err(fault) }
    }

    /// How long the caller may wait for the webhook, or why it is not asked at all.
    ///
    /// # Errors
    /// The fault that the call or its hook made.
    pub fn timeout(&self) -> Result<Timeout, RequestFault> {
        self.plan.as_ref().map(|plan| plan.timeout).map_err(|fault| *fault)
    }

    /// Scheme, host and port of the webhook, for the log; its path and query may hold secrets.
    #[must_use]
    pub fn asks(&self) -> Option<&str> {
        self.plan.as_ref().ok().map(|plan| plan.hook.url.origin())
    }

    /// The channel variables that the request needs.
    #[must_use]
    pub fn wanted(&self) -> Vec<VariableName> {
        self.plan.as_ref().map(|plan| plan.hook.wanted()).unwrap_or_default()
    }

    /// The request for this call.
    ///
    /// # Errors
    /// When the call's data cannot be put into the hook's URL.
    pub fn request(
        &self,
        call: &Call,
        company: &str,
        now: SystemTime,
        identity: &Identity,
    ) -> Result<Request, RequestFault> {
        let hook = &self.plan.as_ref().map_err(|fault| *fault)?.hook;
        let report = Report { call, company, now, fetched: &hook.fetch };
        let url = hook.url.render(&report)?;
        let mut headers = HeaderMap::with_capacity(4 + hook.headers.len());
        headers.insert(USER_AGENT, HeaderValue::from_static(OWN_NAME));
        headers.insert(WEBHOOK_ID, ascii(&identity.webhook_id));
        headers.insert(TRACEPARENT, ascii(&identity.traceparent));
        let body = (hook.method == Method::POST).then(|| json(&report));
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.extend(hook.headers.clone());
        Ok(Request { method: hook.method.clone(), url, headers, body })
    }

    /// What an answer means.
    #[must_use]
    pub fn judge(&self, code: u16, body: &[u8]) -> Outcome {
        match &self.plan {
            Ok(_) if !(200..300).contains(&code) => Outcome::HttpError { code },
            Ok(plan) => plan.hook.judge(code, body, self.variable.is_some()),
            Err(fault) => Outcome::BadRequest(*fault),
        }
    }

    /// Whether the answer may be as the switch can carry it, or must be harmless.
    #[must_use]
    pub fn accept(&self) -> Accept {
        self.plan.as_ref().map(|plan| plan.hook.accept).unwrap_or_default()
    }

    /// What is to be set on the channel, in this order.
    #[must_use]
    pub fn assignments(&self, outcome: &Outcome) -> Vec<Assignment> {
        let answer = outcome.answer().unwrap_or(&self.otherwise);
        let answered =
            self.variable.iter().map(|name| Assignment { name: name.clone(), value: answer.clone() });
        let code = outcome.code().map(|code| code.to_string()).unwrap_or_default();
        let report = [code, outcome.to_string(), outcome.status().as_str().to_owned()];
        let names = REPORT_NAMES.map(|name| match self.switch {
            SwitchKind::Asterisk => name.to_owned(),
            // it compares names without regard to case, and shows them in small letters
            SwitchKind::FreeSwitch => name.to_ascii_lowercase(),
        });
        let names = names.into_iter().filter_map(|name| name.parse().ok());
        let reported = names.zip(report).map(|(name, text)| Assignment { name, value: Value::from(text) });
        answered.chain(reported).collect()
    }
}

/// What every request says of its sender.
const OWN_NAME: &str = concat!("dialhook/", env!("CARGO_PKG_VERSION"));
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

#[expect(clippy::expect_used, reason = "an identity is hexadecimal digits and hyphens")]
fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("made of visible ASCII")
}

#[expect(clippy::expect_used, reason = "a map of strings to strings always serialises")]
fn json(report: &Report<'_>) -> Vec<u8> {
    serde_json::to_vec(report).expect("only strings")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Parameter;
    use crate::call::tests::known_caller;

    fn policy() -> Policy {
        let crm = Hook {
            variable: Some("CRM".parse().unwrap()),
            otherwise: Value::from("reception"),
            headers: HeaderMap::from_iter([(
                HeaderName::from_static("x-api-key"),
                HeaderValue::from_static("k"),
            )]),
            ..Hook::new(UrlTemplate::parse("https://crm.example/r?did={callee_number}").unwrap())
        };
        let hooks = BTreeMap::from([("crm".to_owned(), Arc::new(crm))]);
        Policy { company: "kwik".to_owned(), hooks, urls: AllowedUrls::Any }
    }

    fn call(address: &str, arguments: &[(&str, &str)]) -> Call {
        let parameter = |&(name, value): &(&str, &str)| Parameter { name: name.into(), value: value.into() };
        Call {
            address: Value::from(address),
            parameters: arguments.iter().map(parameter).collect(),
            ..known_caller()
        }
    }

    fn identity() -> Identity {
        Identity { webhook_id: "msg_1".to_owned(), traceparent: "00-1-2-01".to_owned() }
    }

    fn request(address: &str, arguments: &[(&str, &str)]) -> Result<Request, RequestFault> {
        let call = call(address, arguments);
        policy().step(&call).request(&call, "kwik", SystemTime::UNIX_EPOCH, &identity())
    }

    fn set(step: &Step, outcome: &Outcome) -> Vec<String> {
        let line = |a: &Assignment| format!("{}={}", a.name, a.value.lossy());
        step.assignments(outcome).iter().map(line).collect()
    }

    #[test]
    fn a_configured_hook_makes_its_request() {
        let request = request("crm", &[]).unwrap();
        assert_eq!(
            (request.method, request.url.as_str()),
            (Method::POST, "https://crm.example/r?did=31201234567")
        );
        assert_eq!(request.headers["user-agent"], concat!("dialhook/", env!("CARGO_PKG_VERSION")));
        assert_eq!(request.headers["webhook-id"], "msg_1");
        assert_eq!(request.headers["traceparent"], "00-1-2-01");
        assert_eq!(request.headers["x-api-key"], "k");
        assert_eq!(request.headers["content-type"], "application/json");
        assert!(request.body.unwrap().starts_with(b"{\"com_id\":\"acme\""));
    }

    #[test]
    fn the_call_chooses_timeout_and_variable_in_the_query() {
        let step = policy().step(&call("crm?timeout=3&variable=OTHER", &[]));
        assert_eq!(step.timeout().map(|t| t.get().as_secs()), Ok(3));
        assert_eq!(set(&step, &Outcome::HttpError { code: 404 })[0], "OTHER=reception");
    }

    #[test]
    fn an_ad_hoc_step_is_its_parameters_wherever_they_stand() {
        let url = ("url", "https://x.example/r?to=2,3&b={uuid}");
        for address in ["webhook", "", "?timeout=3", "webhook?url=http%3A%2F%2Fh%2Fa%26b%2Bc+d&method=GET"] {
            let arguments =
                if address.contains("url=") { vec![] } else { vec![url, ("", ""), (" method", "get ")] };
            let request = request(address, &arguments).unwrap();
            let expected = if arguments.is_empty() { "http://h/a&b+c+d" } else { url.1 };
            assert_eq!((request.method, request.url.as_str()), (Method::GET, expected));
            assert_eq!(request.body, None);
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        use RequestFault as F;
        let url = ("url", "http://h/");
        let long = "V".repeat(257);
        for (address, arguments, fault) in [
            ("nope", &[][..], F::NoSuchHook),
            ("crm/", &[], F::NoSuchHook),
            ("crm?url=http://h/", &[], F::NotForTheCall),
            ("crm?method=GET", &[], F::NotForTheCall),
            ("crm?timeout=3&timeout=3", &[], F::RepeatedParameter),
            ("crm?retries=3", &[], F::UnknownParameter),
            ("crm?timeout=11", &[], F::Timeout),
            ("crm?variable=CALLERID(name)", &[], F::Variable),
            ("crm?variable=", &[], F::Variable),
            ("crm?variable=__Webhook_Status", &[], F::ReservedVariable),
            ("crm", &[("timeout", "3")], F::Arguments),
            ("webhook", &[], F::UrlMissing),
            ("webhook", &[("url", "crm.example")], F::Url),
            ("webhook", &[("url", "file:///etc/passwd")], F::Url),
            ("webhook", &[url, ("method", "PUT")], F::Method),
            ("webhook", &[url, ("timeout", "0.5")], F::Timeout),
            ("webhook", &[url, ("variable", "a=b")], F::Variable),
            ("webhook", &[url, ("variable", &long)], F::Variable),
            ("webhook", &[url, url], F::RepeatedParameter),
            ("webhook", &[url, ("Ada", "")], F::UnknownParameter),
            ("webhook?timeout=2", &[url, ("timeout", "2")], F::RepeatedParameter),
        ] {
            assert_eq!(request(address, arguments).unwrap_err(), fault, "{address} {arguments:?}");
        }
    }

    #[test]
    fn a_refused_step_still_clears_its_variable() {
        let refused = |address: &str| {
            let step = policy().step(&call(address, &[]));
            let outcome = Outcome::BadRequest(step.timeout().unwrap_err());
            set(&step, &outcome)
        };
        assert_eq!(refused("crm?timeout=99")[0], "CRM=reception");
        assert_eq!(refused("nope?variable=R")[0], "R=");
        assert_eq!(refused("webhook?variable=R")[0], "R=");
        assert_eq!(refused("webhook?variable=WEBHOOK_CODE").len(), 3);
        assert_eq!(refused("nope")[2], "WEBHOOK_STATUS=BAD_REQUEST");
    }

    #[test]
    fn the_status_comes_last_and_the_code_only_with_an_answer() {
        let step = policy().step(&call("crm", &[]));
        assert_eq!(
            set(&step, &step.judge(201, b"sales")),
            ["CRM=sales", "WEBHOOK_CODE=201", "WEBHOOK_REASON=", "WEBHOOK_STATUS=OK"]
        );
        assert_eq!(
            set(&step, &Outcome::HttpError { code: 500 }),
            [
                "CRM=reception",
                "WEBHOOK_CODE=500",
                "WEBHOOK_REASON=the webhook answered 500",
                "WEBHOOK_STATUS=HTTP_ERROR"
            ]
        );
        let waited = std::time::Duration::from_secs(2);
        let late = set(&step, &Outcome::Timeout { waited, begun: false });
        assert_eq!(
            late[1..],
            ["WEBHOOK_CODE=", "WEBHOOK_REASON=no answer within 2s", "WEBHOOK_STATUS=TIMEOUT"]
        );
    }

    #[test]
    fn only_allowed_urls_are_asked_ad_hoc() {
        let prefixes = ["https://crm.example.com", "http://h/api/"].map(|url| Url::parse(url).unwrap());
        let policy = Policy { urls: AllowedUrls::Prefixes(prefixes.into()), ..policy() };
        let allowed = |url: &str| policy.step(&call("webhook", &[("url", url)])).timeout().is_ok();
        for url in ["https://crm.example.com/x?y", "HTTPS://CRM.example.com:443/", "http://h/api/../api/x"] {
            assert!(allowed(url), "{url}");
        }
        for url in [
            "https://crm.example.com.evil.net/",
            "https://crm.example.com@evil.net/",
            "https://crm.example.com:8443/",
            "http://crm.example.com/",
            "http://h/api/../admin",
            "http://h/api/%2e%2e/admin",
            "http://h/api/..%2fadmin",
            "http://h/api/..;/admin",
            "http://h/api/x/%2E%2E%2F%2e.%5cadmin",
            "http://h/apix",
        ] {
            assert!(!allowed(url), "{url}");
        }
    }
}
